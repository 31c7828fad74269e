"""The analysts' copies: `catalog.parquet` and `catalog.csv` hold the same tracks in order."""

from __future__ import annotations

import csv
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from runclub_spider.publish.verify.problems import Problems, show

ID_COLUMN = "spotify_track_id"
ID_LENGTH = 22
_BATCH_ROWS = 20_000
_LONGEST_CELL = 16 * 1024 * 1024


def check_tables(
    root: Path, confirmed: Container[str], ids: bytes | bytearray, problems: Problems
) -> None:
    """Compare both tables with the ids of `catalog_wide.jsonl`, joined without a separator.

    A table whose hash is not confirmed is known to be wrong already; it is not opened, since
    a native reader should not be fed damaged files.
    """
    parquet, table = root / "catalog.parquet", root / "catalog.csv"
    if parquet.name in confirmed:
        try:
            _compare(parquet.name, _parquet_ids(parquet), ids, problems)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            problems.add(parquet.name, None, "table", f"unreadable: {error}")
    if table.name in confirmed:
        # The limit belongs to the csv module, not to a reader.
        limit = csv.field_size_limit(_LONGEST_CELL)
        try:
            _compare(table.name, _csv_ids(table), ids, problems)
        except (csv.Error, ValueError) as error:
            problems.add(table.name, None, "table", f"unreadable: {error}")
        finally:
            csv.field_size_limit(limit)


def _compare(
    file: str, found: Iterable[object], ids: bytes | bytearray, problems: Problems
) -> None:
    rows = 0
    first_difference = None
    for value in found:
        start = rows * ID_LENGTH
        rows += 1
        wanted = ids[start : start + ID_LENGTH].decode("ascii")
        if value != wanted and first_difference is None:
            first_difference = f"row {rows} holds {show(value)}, catalog_wide {show(wanted)}"
    expected = len(ids) // ID_LENGTH
    if rows != expected:
        problems.add(file, None, "table", f"{rows} rows, catalog_wide has {expected}")
    elif first_difference:
        problems.add(file, None, "table", first_difference)


def _parquet_ids(path: Path) -> Iterator[object]:
    with pq.ParquetFile(path, pre_buffer=False) as table:
        if ID_COLUMN not in table.schema_arrow.names:
            raise ValueError(f"no column {ID_COLUMN}")
        for batch in table.iter_batches(batch_size=_BATCH_ROWS, columns=[ID_COLUMN]):
            yield from batch.column(0).to_pylist()


def _csv_ids(path: Path) -> Iterator[object]:
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        if ID_COLUMN not in (reader.fieldnames or ()):
            raise ValueError(f"no column {ID_COLUMN}")
        for row in reader:
            yield row[ID_COLUMN]
