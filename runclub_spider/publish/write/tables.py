"""The wide catalogue for analysts: Parquet and CSV, straight from `catalog_wide.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonlines
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from runclub_spider.publish.choose.unsound import unformula

_TEXT, _INT, _NUMBER, _BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_TEXTS = pa.list_(pa.string())
_NOT_TEXT = {
    "duration_ms": _INT,
    "album_release_year": _INT,
    "popularity_snapshot": _INT,
    "popularity_bucket": _INT,
    "key": _INT,
    "mode": _INT,
    "time_signature": _INT,
    "explicit": _BOOL,
    "available_us": _BOOL,
    "tempo": _NUMBER,
    "energy": _NUMBER,
    "danceability": _NUMBER,
    "valence": _NUMBER,
    "loudness": _NUMBER,
    "acousticness": _NUMBER,
    "instrumentalness": _NUMBER,
    "liveness": _NUMBER,
    "speechiness": _NUMBER,
    "available_primary_markets": _TEXTS,
    "artist_ids": _TEXTS,
    "artist_names": _TEXTS,
    "artist_image_urls": _TEXTS,
    "artist_genres": pa.list_(_TEXTS),
}
# Objects of varying shape go in as JSON text.
_AS_JSON = ("sources", "_extra")
_BATCH = 1000


def schema(columns: list[str]) -> pa.Schema:
    """Column types by name; what is not listed is text."""
    return pa.schema([(name, _NOT_TEXT.get(name, _TEXT)) for name in columns])


def write_tables(wide: Path, columns: list[str], *, parquet: Path, csv: Path) -> None:
    """Write both tables in batches, rows in the order of the lines."""
    fields = schema(columns)
    flat = pa.schema([(f.name, _TEXT if pa.types.is_list(f.type) else f.type) for f in fields])
    with (
        pyarrow.parquet.ParquetWriter(parquet, fields, compression="zstd") as packed,
        pyarrow.csv.CSVWriter(csv, flat) as plain,
    ):
        for rows in _batches(wide):
            packed.write_table(pa.Table.from_pylist(rows, schema=fields))
            plain.write_table(pa.Table.from_pylist(_flattened(rows, fields), schema=flat))


def _batches(wide: Path) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    with wide.open("rb") as file:
        for row in jsonlines.Reader(file, loads=orjson.loads):
            batch.append({**row, **{k: orjson.dumps(row[k]).decode() for k in _AS_JSON}})
            if len(batch) == _BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _flattened(rows: list[dict[str, Any]], fields: pa.Schema) -> list[dict[str, Any]]:
    """Lists as JSON text, for a CSV cell holds nothing else without loss, and no formulas."""
    lists = [f.name for f in fields if pa.types.is_list(f.type)]
    texts = [f.name for f in fields if pa.types.is_string(f.type)]
    return [
        {
            **row,
            **{k: None if row[k] is None else orjson.dumps(row[k]).decode() for k in lists},
            **{k: unformula(row[k]) for k in texts},
        }
        for row in rows
    ]
