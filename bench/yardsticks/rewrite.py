"""Reads every row of a store with sqlite3 and writes it with orjson, plain and gzipped.

`python -m bench.yardsticks.rewrite STORE FOLDER`: the least that any export of it must do.
"""

from __future__ import annotations

import gzip
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import orjson

TABLES = ("track", "track_market", "track_source", "track_artist", "artist", "audio_features")


def main(store: str, folder: str) -> None:
    with closing(sqlite3.connect(store)) as connection:
        for table in TABLES:
            # The tables are ordered by their keys already: no sort is paid here.
            cursor = connection.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            path = Path(folder) / f"{table}.jsonl"
            with path.open("wb") as plain, gzip.open(f"{path}.gz", "wb", 6) as packed:
                for row in cursor:
                    line = orjson.dumps(
                        dict(zip(names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE
                    )
                    plain.write(line)
                    packed.write(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
