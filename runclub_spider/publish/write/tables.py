"""The wide catalogue for analysts: Parquet and CSV, straight from `catalog_wide.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonlines
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from runclub_spider.publish.choose.unsound import unformula

_TEXT = pa.string()
_SCALARS = {
    "string": _TEXT,
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    # Of varying shape: JSON text.
    "object": _TEXT,
}
# Objects of varying shape go in as JSON text.
_AS_JSON = ("sources", "_extra")
_BATCH = 1000


def schema(document: Mapping[str, Any]) -> pa.Schema:
    """Column types by the JSON Schema of a row, the one table of a release's columns.

    Texts, whole numbers, numbers, truths, and lists of these are what they are; objects and lists
    of objects become JSON text.
    """

    def typed(told: Mapping[str, Any]) -> pa.DataType:
        if "$ref" in told:
            return typed(document["$defs"][told["$ref"].removeprefix("#/$defs/")])
        names = told.get("type", "string")
        (name,) = {names} if isinstance(names, str) else {*names} - {"null"}
        if name != "array":
            return _SCALARS[name]
        return _TEXT if "oneOf" in told["items"] else pa.list_(typed(told["items"]))

    return pa.schema([(name, typed(told)) for name, told in document["properties"].items()])


def write_tables(wide: Path, document: Mapping[str, Any], *, parquet: Path, csv: Path) -> None:
    """Write both tables in batches, rows in the order of the lines; see :func:`schema`."""
    fields = schema(document)
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
