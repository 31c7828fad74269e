"""The analysts' copies: `catalog.parquet` and `catalog.csv` hold every value of every wide row.

Tables that are right are held against the lines column by column, by the readers of Arrow; only
one that is not, or is written in a way of its own, is gone through cell by cell.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from itertools import zip_longest
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from runclub_spider.publish.verify.cells import (
    csv_lines,
    may_begin_formula,
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
# The last, for a day or a span of time that Python has no value for.
_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError)
_ZERO, _FIRST = pa.scalar(0, pa.int32()), pa.array([0], pa.int32())


@cache
def _text(text: str | None) -> pa.StringScalar:
    """A text as Arrow takes it; making one costs more than what is done with it."""
    return pa.scalar(text, _TEXT)


class Columns(NamedTuple):
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


def columns_of(form: int) -> Columns:
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
    return Columns(
        pa.schema([(name, typed(told)) for name, told in parts.items()]),
        [name for name, told in parts.items() if kind(told) == "object"],
        [name for name, told in parts.items() if kind(told) == "array"],
    )


def tables_equal(root: Path, form: int) -> bool:
    """Whether both tables are quickly found to hold what the lines hold, and no formula.

    Args:
        root: The release.
        form: The release's.

    The content of all three files must be the one that was hashed, since native readers should
    not be fed damaged files, and the lines sound for the answer to mean anything.
    """
    try:
        with ExitStack() as stack:
            return _Beside(root, columns_of(form), stack).equal()
    except _UNREADABLE:
        return False


class _Stream:
    """The rows of a table, so many at a time as they are asked for."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = iter(batches)
        self._held: list[pa.RecordBatch] = []

    def take(self, count: int) -> pa.RecordBatch | None:
        """The next rows; None if there are fewer, or none is wanted."""
        if not count:
            return None
        held = sum(batch.num_rows for batch in self._held)
        while held < count:
            batch = next(self._batches, None)
            if batch is None:
                return None
            self._held.append(batch)
            held += batch.num_rows
        table = pa.Table.from_batches(self._held)
        self._held = table.slice(count).to_batches()
        return table.slice(0, count).combine_chunks().to_batches()[0]

    def ended(self) -> bool:
        """Whether no row is left."""
        return not any(batch.num_rows for batch in (*self._held, *self._batches))


class _Beside:
    """Both tables beside the lines."""

    def __init__(self, root: Path, columns: Columns, stack: ExitStack) -> None:
        self._wide = root / WIDE
        self._columns = columns
        packed = stack.enter_context(pq.ParquetFile(root / PARQUET, pre_buffer=False))
        plain = stack.enter_context(_csv_reader(root / CSV, columns))
        self._known = packed.schema_arrow.equals(columns.types) and plain.schema.equals(
            columns.cells
        )
        self._packed = _Stream(packed.iter_batches(batch_size=_BATCH_ROWS, use_threads=False))
        self._plain = _Stream(plain)

    def equal(self) -> bool:
        """Whether both tables are the lines, value by value."""
        return (
            self._known
            and all(map(self._block_equal, chunks(self._wide, _BLOCK)))
            and self._packed.ended()
            and self._plain.ended()
        )

    def _block_equal(self, block: bytes) -> bool:
        rows = block.count(b"\n")
        packed, plain = self._packed.take(rows), self._plain.take(rows)
        if packed is None or plain is None:
            return False
        # Lines without a backslash have no text that needs one.
        escaped = b"\\" in block
        texts = []
        for field in self._columns.types:
            values, cells = packed[field.name], plain[field.name]
            if pa.types.is_list(field.type):
                values = _json_lists(values, escaped=escaped)
            elif pa.types.is_integer(field.type):
                values = values.cast(_TEXT)
            is_text = field.type == _TEXT and field.name not in self._columns.objects
            if not (_cells_as(cells, values) if is_text else cells.equals(values)):
                return False
            if is_text:
                values = _json_texts(values, escaped=escaped)
            elif field.type == pa.float64():
                values = _json_numbers(values)
            texts.append(pc.fill_null(values.cast(_TEXT), _text("null")))
        return bool(_joined(self._columns.types.names, texts).equals(pa.py_buffer(block)))


def _joined(names: Sequence[str], texts: Sequence[pa.Array]) -> pa.Buffer:
    """The lines of rows, from the JSON texts of their values by column."""
    parts: list[Any] = []
    for name, text in zip(names, texts, strict=True):
        parts += [_text(f'{"," if parts else "{"}"{name}":'), text]
    lines = pc.binary_join_element_wise(*parts, _text("}\n"), _text(""))
    _, places, data = lines.buffers()
    size = pa.Array.from_buffers(pa.int32(), 1, [None, places], offset=len(lines))[0].as_py()
    return data.slice(0, size)


def _json_texts(texts: pa.Array, *, escaped: bool) -> pa.Array:
    """Texts as JSON has them; none holds a control character."""
    quote = _text('"')
    return pc.binary_join_element_wise(quote, _escaped(texts, escaped=escaped), quote, _text(""))


def _escaped(texts: pa.Array, *, escaped: bool) -> pa.Array:
    if not escaped:
        return texts
    return pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')


def _json_numbers(numbers: pa.Array) -> pa.Array:
    """Numbers as this project writes them, which is not as Arrow does.

    Raises:
        ValueError: One is not finite, which would be written as null.
    """
    if not pc.all(pc.is_finite(numbers), min_count=0).as_py():
        raise ValueError("a number that is not finite")
    written = orjson.dumps(numbers.to_pylist())[1:-1].split(b",")
    found = pa.array(written, _TEXT)
    return pc.if_else(numbers.is_null(), _text(None), found)


def _json_lists(lists: pa.ListArray, *, escaped: bool) -> pa.Array:
    """Lists of texts, and lists of these, as JSON text.

    Raises:
        ValueError: A list holds a null, and would be taken for one.
    """
    if lists.flatten().null_count:
        raise ValueError("a list that holds a null")
    if pa.types.is_list(lists.type.value_type):
        inner = _json_lists(lists.flatten(), escaped=escaped)
        joined = pc.binary_join(_of_texts(lists, inner), _text(","))
        return pc.binary_join_element_wise(_text("["), joined, _text("]"), _text(""))
    if escaped:
        lists = _of_texts(lists, _escaped(lists.flatten(), escaped=True))
    joined = pc.binary_join(lists, _text('","'))
    full = pc.binary_join_element_wise(_text('["'), joined, _text('"]'), _text(""))
    return pc.if_else(pc.equal(pc.list_value_length(lists), _ZERO), _text("[]"), full)


def _of_texts(lists: pa.ListArray, texts: pa.Array) -> pa.ListArray:
    """Lists of the same lengths, of these texts."""
    ends = pc.cumulative_sum(pc.fill_null(pc.list_value_length(lists), _ZERO))
    places = pa.concat_arrays([_FIRST, ends])
    return pa.ListArray.from_arrays(places, texts, mask=lists.is_null())


def _csv_reader(path: Path, columns: Columns) -> pa.csv.CSVStreamingReader:
    return pa.csv.open_csv(
        path,
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK),
        parse_options=pa.csv.ParseOptions(ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=columns.cells,
            null_values=[""],
            true_values=["true"],
            false_values=["false"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _cells_as(found: pa.Array, wanted: pa.Array) -> bool:
    """Whether cells hold these texts, each kept from running where a spreadsheet would run it."""
    begin = pc.unique(pc.utf8_slice_codeunits(wanted, 0, 1)).to_pylist()
    if not any(char and may_begin_formula(char) for char in begin):
        return bool(found.equals(wanted))
    return all(
        cell == text
        if text is None or cell is None
        else written_cell(cell) == text and not would_run(cell)
        for cell, text in zip(found.to_pylist(), wanted.to_pylist(), strict=True)
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
        except _UNREADABLE as error:
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
    columns: Columns,
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


def _packed_rows(path: Path, columns: Columns) -> Iterator[list[Any]]:
    with pq.ParquetFile(path, pre_buffer=False) as table:
        _check_names(table.schema_arrow.names, columns)
        places = [columns.types.get_field_index(name) for name in columns.objects]
        for batch in table.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                values = list(row)
                for at in places:
                    values[at] = _parsed(values[at])
                yield values


def _plain_rows(path: Path, columns: Columns, problems: Problems | None) -> Iterator[list[str]]:
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


def _check_names(names: Sequence[str], columns: Columns) -> None:
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
