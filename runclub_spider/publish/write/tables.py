"""The wide catalogue for analysts: Parquet and CSV, from the rows of `catalog_wide.jsonl`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

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
#: Rows of a group of the Parquet file.
BATCH = 1000
_BATCHES, _CELLS = "batches.arrow", "cells.csv"


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


class TablesPart:
    """Batches of both tables for a part of the rows, as files of their own.

    Args:
        folder: for the files.
        document: the JSON Schema of a row; see :func:`schema`.
    """

    def __init__(self, folder: Path, document: Mapping[str, Any]) -> None:
        self._fields = schema(document)
        self._flat = _flat(self._fields)
        self._folder = folder
        #: What went wrong first with a value that no table holds.
        self.fault: Exception | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._packed = self._open.enter_context(
            pa.ipc.new_file(self._folder / _BATCHES, self._fields)
        )
        self._plain = self._open.enter_context(
            pyarrow.csv.CSVWriter(
                self._folder / _CELLS,
                self._flat,
                write_options=pyarrow.csv.WriteOptions(include_header=False),
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, wide: Mapping[str, Sequence[Any]]) -> None:
        """Take columns of rows, `BATCH` of them but for the last; nothing more after a fault."""
        if self.fault is not None:
            return
        try:
            packed, plain = _columns(wide, self._fields)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 -- any value may be of any type
            self.fault = error
            return
        self._packed.write_batch(pa.RecordBatch.from_arrays(packed, schema=self._fields))
        self._plain.write_batch(pa.RecordBatch.from_arrays(plain, schema=self._flat))


def join_tables(
    parts: Iterable[Path], document: Mapping[str, Any], *, parquet: Path, csv: Path
) -> None:
    """Make both tables of the batches of all parts, in their order."""
    fields = schema(document)
    with csv.open("wb") as plain:
        # The names of the columns.
        pyarrow.csv.CSVWriter(plain, _flat(fields)).close()
        with pyarrow.parquet.ParquetWriter(parquet, fields, compression="zstd") as packed:
            for part in parts:
                with pa.memory_map(str(part / _BATCHES)) as file:
                    batches = pa.ipc.open_file(file)
                    for at in range(batches.num_record_batches):
                        packed.write_batch(batches.get_batch(at))
                with (part / _CELLS).open("rb") as cells:
                    shutil.copyfileobj(cells, plain, 1 << 20)


def _flat(fields: pa.Schema) -> pa.Schema:
    return pa.schema([(f.name, _TEXT if pa.types.is_list(f.type) else f.type) for f in fields])


def _columns(
    wide: Mapping[str, Sequence[Any]], fields: pa.Schema
) -> tuple[list[pa.Array], list[pa.Array]]:
    """The columns of both tables.

    In the CSV file lists are JSON text, for a cell holds nothing else without loss, and no text is
    a formula; all else is the same in both.
    """
    packed, plain = [], []
    for field in fields:
        values = wide[field.name]
        if field.name in _AS_JSON:
            values = [orjson.dumps(value).decode() for value in values]
        column = pa.array(values, field.type)
        packed.append(column)
        if pa.types.is_list(field.type):
            texts = [None if one is None else orjson.dumps(one).decode() for one in values]
            column = pa.array(texts, _TEXT)
        elif pa.types.is_string(field.type) and field.name not in _AS_JSON:
            cells = list(map(unformula, values))
            column = column if cells == list(values) else pa.array(cells, _TEXT)
        plain.append(column)
    return packed, plain
