"""The analysts' copies: `catalog.parquet` and `catalog.csv` hold every value of every wide row.

Tables that are right are held against the lines by :mod:`.columnar`; only one that is not, or is
written in a way of its own, is gone through cell by cell.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Container, Iterator, Sequence
from functools import cache
from itertools import zip_longest
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from runclub_spider.publish.verify.cells import (
    csv_lines,
    would_run,
    written_cell,
)
from runclub_spider.publish.verify.files import DATA_FILES
from runclub_spider.publish.verify.lines import BOM, chunks
from runclub_spider.publish.verify.problems import Problems, show
from runclub_spider.publish.verify.rows import ID_COLUMN, Policies
from runclub_spider.publish.verify.schema import packaged_schema

PARQUET, CSV = "catalog.parquet", "catalog.csv"
WIDE = DATA_FILES[0]
# Some hundred rows at once, so that nothing large is held.
_BATCH_ROWS = 1000
_BLOCK = 2 << 20
_LONGEST_CELL = 16 * 1024 * 1024

_TEXT = pa.string()
_TYPES = {
    "string": _TEXT,
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}
#: What readers of tables raise; the last, for a day or a span of time that Python has no value for.
UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError)


class TableColumns(NamedTuple):
    """The columns of the tables.

    Attributes:
        types: Of the Parquet file, in order.
        objects: Those that are JSON text there.
        lists: Those that are JSON text in the CSV file alone.
    """

    types: pa.Schema
    objects: list[str]
    lists: list[str]

    @property
    def cells(self) -> pa.Schema:
        """The types that the CSV file's columns are read as: Arrow takes 0x10 for a number."""
        return pa.schema(
            [
                (f.name, _TEXT if f.name in self.lists or pa.types.is_integer(f.type) else f.type)
                for f in self.types
            ]
        )


@cache
def columns_of(form: int) -> TableColumns:
    """The columns of a form's tables, by the schema of a wide row."""
    document = packaged_schema(WIDE.removesuffix(".jsonl"), form)

    def resolved(told: dict[str, Any]) -> dict[str, Any]:
        ref = told.get("$ref")
        return document["$defs"][ref.removeprefix("#/$defs/")] if ref else told

    def kind(told: dict[str, Any]) -> str:
        names = told.get("type", "string")
        (name,) = {names} if isinstance(names, str) else {*names} - {"null"}
        # A list of objects is as much JSON text as one.
        return "object" if name == "array" and "oneOf" in told["items"] else name

    def typed(told: dict[str, Any]) -> pa.DataType:
        name = kind(told)
        if name == "array":
            return pa.list_(typed(resolved(told["items"])))
        return _TEXT if name == "object" else _TYPES[name]

    parts = {name: resolved(told) for name, told in document["properties"].items()}
    return TableColumns(
        pa.schema([(name, typed(told)) for name, told in parts.items()]),
        [name for name, told in parts.items() if kind(told) == "object"],
        [name for name, told in parts.items() if kind(told) == "array"],
    )


def check_tables(
    root: Path,
    confirmed: Container[str],
    policies: Policies,
    problems: Problems,
) -> None:
    """Compare the tables cell by cell with the rows of `catalog_wide.jsonl`, which are sound.

    A table whose hash is not confirmed is known to be wrong already; it is not opened, since
    a native reader should not be fed damaged files.
    """
    columns = columns_of(policies.form)
    if PARQUET in confirmed:
        try:
            _compare(root, PARQUET, _packed_rows(root / PARQUET, columns), columns, problems)
        except UNREADABLE as error:
            problems.add(PARQUET, None, "table", f"unreadable: {error}")
    if CSV in confirmed:
        # The limit belongs to the csv module, not to a reader.
        limit = csv.field_size_limit(_LONGEST_CELL)
        try:
            checked = problems if policies.form >= 2 else None
            _compare(root, CSV, _plain_rows(root / CSV, columns, checked), columns, problems)
        except (csv.Error, ValueError) as error:
            problems.add(CSV, None, "table", f"unreadable: {error}")
        finally:
            csv.field_size_limit(limit)


def _compare(
    root: Path,
    file: str,
    found: Iterator[Sequence[Any]],
    columns: TableColumns,
    problems: Problems,
) -> None:
    """Tell the first cell that is another; first of all whether there are as many rows."""
    names = columns.types.names
    same = _same_cell if file == CSV else _same_value
    first_difference = None
    rows = expected = 0
    for row, wanted in zip_longest(found, _wide_rows(root, names)):
        rows += row is not None
        expected += wanted is not None
        if first_difference is None and row is not None and wanted is not None:
            fault = _difference(row, wanted, names, same)
            first_difference = fault and f"row {rows} {fault}"
    if rows != expected:
        problems.add(file, None, "table", f"{rows} rows, catalog_wide has {expected}")
    elif first_difference:
        problems.add(file, None, "table", first_difference)


def _difference(
    row: Sequence[Any],
    wanted: Sequence[Any],
    names: Sequence[str],
    same: Callable[[Any, Any], bool],
) -> str | None:
    """How a row of a table differs from a wide row; None if it does not."""
    if len(row) != len(names):
        return f"has {len(row)} cells, not {len(names)}"
    # Of another row every cell may differ: its id says so.
    places = sorted(range(len(names)), key=lambda at: names[at] != ID_COLUMN)
    for at in places:
        if not same(row[at], wanted[at]):
            what = "" if names[at] == ID_COLUMN else f" as {names[at]}"
            return f"holds {show(row[at])}{what}, catalog_wide {show(wanted[at])}"
    return None


def _wide_rows(root: Path, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    values = itemgetter(*names)
    for block in chunks(root / WIDE, _BLOCK):
        for line in block.splitlines():
            if line.strip():
                yield values(orjson.loads(line.removeprefix(BOM)))


def _packed_rows(path: Path, columns: TableColumns) -> Iterator[list[Any]]:
    with pq.ParquetFile(path, pre_buffer=False) as table:
        _check_names(table.schema_arrow.names, columns)
        places = [columns.types.get_field_index(name) for name in columns.objects]
        for batch in table.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                values = list(row)
                for at in places:
                    values[at] = _parsed(values[at])
                yield values


def _plain_rows(
    path: Path, columns: TableColumns, problems: Problems | None
) -> Iterator[list[str]]:
    """The cells of a table; with `problems`, what a spreadsheet would run is noted."""
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(csv_lines(stream), strict=True)
        names = next(reader, [])
        _check_names(names, columns)
        at = names.index(ID_COLUMN)
        for row in reader:
            found = row[at] if at < len(row) else None
            if problems is not None:
                for name, cell in zip(names, row, strict=False):
                    if cell and not cell[0].isalnum() and would_run(cell):
                        message = f"a spreadsheet would run {name} of {show(found)}"
                        problems.add(path.name, reader.line_num, "formula", message, track=found)
            yield row


def _check_names(names: Sequence[str], columns: TableColumns) -> None:
    """Raise `ValueError` unless the columns are the right ones in their order."""
    for name in columns.types.names:
        if name not in names:
            raise ValueError(f"no column {name}")
    if list(names) != columns.types.names:
        raise ValueError("other columns than catalog_wide has, or in another order")


def _parsed(text: Any) -> Any:
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError):
        return text


def _same_value(value: Any, wanted: Any) -> bool:
    """Whether a table holds a row's value; True is not 1."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _same_cell(cell: str, wanted: Any) -> bool:
    """Whether a cell is a row's value in writing."""
    if wanted is None:
        return cell == ""
    if isinstance(wanted, str):
        return wanted in (cell, written_cell(cell))
    if isinstance(wanted, bool):
        return cell == ("true" if wanted else "false")
    if isinstance(wanted, int | float):
        try:
            return float(cell) == wanted
        except ValueError:
            return False
    return bool(_parsed(cell) == wanted)
