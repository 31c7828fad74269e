"""Spans of rows, column by column; what is said is only that nothing at all is wrong with one.

The columns of the Parquet file are written as JSON by loops in C. Where that gives the bytes of the
lines, and the cells of the CSV file are the same, the columns are the rows: schema and rules are
asked of columns, and the lines of the app's files are put together of the same texts. Nothing is
parsed but what is nested.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache, lru_cache, partial
from io import BufferedReader
from itertools import chain, count, pairwise, repeat
from operator import lt
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from runclub_spider.publish.verify.cells import may_begin_formula, would_run, written_cell
from runclub_spider.publish.verify.columns import ColumnCheck, column_check
from runclub_spider.publish.verify.files import DATA_FILES
from runclub_spider.publish.verify.joins import Counts, Tally, Told, no_cycles
from runclub_spider.publish.verify.lines import (
    LONGEST_LINE,
    Row,
    chunks,
    control_in,
    lines_of,
    may_hold_control,
)
from runclub_spider.publish.verify.rows import (
    FEATURE_KEYS,
    ID_COLUMN,
    Columns,
    Policies,
    derived,
    track_keys,
    with_features,
)
from runclub_spider.publish.verify.schema import compile_check, packaged_schema
from runclub_spider.publish.verify.tables import (
    CSV,
    PARQUET,
    UNREADABLE,
    WIDE,
    TableColumns,
    columns_of,
)

# Of a file with larger groups of rows too much would have to be held.
_MOST_ROWS = 20_000
_BLOCK = 1 << 20

_TEXT = pa.string()
_ZERO, _FIRST = pa.scalar(0, pa.int32()), pa.array([0], pa.int32())

# The id of a line under a key, and in the second cell of a line of the CSV file.
_ID = rb'"%b":"([^"\\]*)"'
_ID_OF_CELLS = rb'"?[^",]*"?,"?([^",]*)'
# What was searched for to find a playlist, in a line of the tracks.
_QUERY = re.compile(rb'"_ingestQuery":(null|"(?:[^"\\]|\\.)*"),"_ingestPlaylistId":"([^"\\]*)"')

Place = tuple[int, int]
Texts = Mapping[str, pa.StringArray]


class Span(NamedTuple):
    """Where some rows stand.

    Attributes:
        groups: The first of their row groups in the Parquet file, and the one behind the last.
        wide: The place of their first byte in that file, and the one behind the last; so of the
            other files.
    """

    groups: Place
    wide: Place
    tracks: Place
    features: Place
    cells: Place


class UnlikeError(Exception):
    """Something is wrong with a span, or is written in a way of its own."""


def split(root: Path, form: int, size: int) -> list[Span] | None:
    """Spans of at least `size` rows that cover the files.

    None where no span would be sound. Of files that are not in order the spans are some, and not
    all of them are sound.

    Args:
        root: The release; the tables are known to be the ones that were hashed, since native
            readers should not be fed damaged files.
        form: The release's.
        size: Rows.
    """
    forget_files()
    with suppress(UnlikeError, *UNREADABLE), ExitStack() as stack:
        table = _opened(root / PARQUET)
        plain = stack.enter_context((root / CSV).open("rb"))
        names = columns_of(form).types.names
        header = plain.readline(LONGEST_LINE).decode()
        _ensure(
            table.schema_arrow.equals(columns_of(form).types)
            and next(csv.reader([header], strict=True), []) == names
        )
        starts, firsts = _groups(table.metadata, names.index(ID_COLUMN), size)
        keys = (ID_COLUMN, "id", "trackId")
        files = [
            _Ordered(stack.enter_context((root / name).open("rb")), _ID % key.encode())
            for name, key in zip(DATA_FILES, keys, strict=False)
        ]
        files.append(_Ordered(plain, _ID_OF_CELLS, plain.tell()))
        places = [pairwise([file.begin, *map(file.first_from, firsts), file.end]) for file in files]
        return [Span(*one) for one in zip(pairwise(starts), *places, strict=True)]
    return None


def sound_span(root: Path, policies: Policies, span: Span) -> tuple[Counts, Told] | None:
    """What the rows of a span hold and tell; None if anything is wrong with them, or may be.

    The same rules as those of :func:`.joins.check_rows`, but for what needs the rows of other
    spans; and both tables hold what the lines hold, and no formula. Of artists only those of the
    span are told, each as `cached_artists.jsonl` has it.
    """
    with suppress(UnlikeError, *UNREADABLE), no_cycles():
        return _sound(root, policies, span)
    return None


def columns_beside(
    root: Path, form: int, span: Span, wide: bytes
) -> tuple[pa.RecordBatch, dict[str, pa.StringArray]]:
    """Rows of the Parquet file by column, and the JSON text of every value.

    Args:
        root: The release.
        form: The release's.
        span: Where the rows stand in the tables.
        wide: Their lines.

    Raises:
        UnlikeError: They are not what the lines hold, or the cells of the CSV file are not.
    """
    columns = columns_of(form)
    table = _opened(root / PARQUET).read_row_groups(range(*span.groups), use_threads=False)
    (batch,) = table.combine_chunks().to_batches()
    cells = _cells(_read(root / CSV, span.cells), columns)
    texts = _texts(batch, cells, columns, escaped=b"\\" in wide)
    _ensure(_are(_lines(texts), wide))
    return batch, texts


def forget_files() -> None:
    """Close what spans were read from."""
    _opened.cache_clear()
    _artists.cache_clear()


@lru_cache(maxsize=1)
def _opened(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(path, pre_buffer=False)


@lru_cache(maxsize=1)
def _artists(path: Path) -> dict[str, tuple[str, list[str]]]:
    """Name and genres by id, as the file has them; whether it is sound is not asked."""
    found = {}
    try:
        for text in chunks(path, _BLOCK):
            for row in orjson.loads(b"[%b]" % text.removesuffix(b"\n").replace(b"\n", b",")):
                found[row["id"]] = row["name"], row["genres"]
    except TypeError:  # a row of no kind
        raise UnlikeError from None
    return found


def _groups(told: pq.FileMetaData, column: int, size: int) -> tuple[list[int], list[bytes]]:
    """The first row group of each span and the number of all, and each span's first id.

    The first span begins with the files, whatever its id.
    """
    starts, firsts, rows = [0], list[bytes](), 0
    for number in range(told.num_row_groups):
        group = told.row_group(number)
        _ensure(0 < group.num_rows <= _MOST_ROWS)
        if rows >= size:
            ids = group.column(column)
            _ensure(ids.path_in_schema == ID_COLUMN and ids.is_stats_set)
            _ensure(ids.statistics.has_min_max)
            starts.append(number)
            firsts.append(ids.statistics.min.encode())
            rows = 0
        rows += group.num_rows
    _ensure(rows > 0)
    return [*starts, told.num_row_groups], firsts


class _Ordered:
    """A file whose lines are in the order of their ids, to be searched for places."""

    def __init__(self, file: BufferedReader, key: bytes, begin: int = 0) -> None:
        self._file = file
        self._id = re.compile(key)
        self.begin = begin
        self.end = file.seek(0, os.SEEK_END)

    def first_from(self, wanted: bytes) -> int:
        """Where the first line begins whose id is not before the wanted one."""
        # All lines that begin before `low` have ids before it, none that begin from `high` on.
        low, high = self.begin, self.end
        while low < high:
            middle = (low + high) // 2
            start, found = self._line_from(middle)
            if start < high and found < wanted:
                low = self._file.tell()
            else:
                high = middle
        return low

    def _line_from(self, place: int) -> tuple[int, bytes]:
        """Where the first line begins that begins at a place or after it, and its id.

        The id is empty at the end of the file.
        """
        self._file.seek(max(0, place - 1))
        if place:
            self._file.readline(LONGEST_LINE)
        start = self._file.tell()
        line = self._file.readline(LONGEST_LINE)
        found = self._id.search(line)
        _ensure(not line or found is not None)
        return start, found[1] if found else b""


def _sound(root: Path, policies: Policies, span: Span) -> tuple[Counts, Told]:
    wide, tracks, features = (
        _read(root / name, place) for name, place in zip(DATA_FILES, span[1:4], strict=False)
    )
    # Without a market, whether a track can be played is taken from its line.
    _ensure(policies.market is not None)
    _ensure(not (policies.plain_text and may_hold_control(wide)))
    batch, texts = columns_beside(root, policies.form, span, wide)
    rows = Columns(batch.num_rows, _values(batch, texts, policies.form))
    ids = rows[ID_COLUMN]
    _ensure(all(map(lt, ids, ids[1:])))
    tally = Tally(policies, _refuse)
    artists = _artists(root / DATA_FILES[3])
    tally.told.artists, number = artists, len(artists)
    tally.take(list(map(Row, count(1), ids, repeat({}), repeat(True))), rows)
    _ensure(len(artists) == number)
    named = dict.fromkeys(chain.from_iterable(rows["artist_ids"]))
    tally.told.artists = {artist: artists[artist] for artist in named}
    queries = tally.told.queries
    queries.update(_queries(rows, tracks))
    more = derived(rows, policies, queries)
    escaped = b"\\" in tracks
    expected = {
        key: texts[name] if name else _written(more[key], escaped=escaped)
        for key, name in track_keys(policies.form).items()
    }
    _ensure(_are(_lines(expected), tracks))
    measured = _lines({key: texts[name] for key, name in FEATURE_KEYS.items()})
    if not all(have := with_features(rows)):
        measured = measured.filter(pa.array(have))
    _ensure(_are(measured, features))
    numbers = (batch.num_rows, batch.num_rows, len(measured))
    tally.counts.lines = dict(zip(DATA_FILES, numbers, strict=False))
    return tally.counts, tally.told


def _ensure(holds: bool) -> None:
    if not holds:
        raise UnlikeError


def _refuse(_row: Row, _rule: str, _message: str) -> NoReturn:
    raise UnlikeError


def _read(path: Path, place: Place) -> bytes:
    begin, end = place
    # Of a larger span a line may be too long.
    _ensure(begin <= end < begin + LONGEST_LINE)
    with path.open("rb", buffering=0) as file:
        file.seek(begin)
        return file.read(end - begin)


def _cells(text: bytes, columns: TableColumns) -> pa.Table:
    """Lines of the CSV file, as Arrow reads them."""
    return pyarrow.csv.read_csv(
        pa.BufferReader(text),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=len(text) + 1, column_names=columns.types.names
        ),
        parse_options=pyarrow.csv.ParseOptions(ignore_empty_lines=False),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=columns.cells,
            null_values=[""],
            true_values=["true"],
            false_values=["false"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    ).combine_chunks()


def _texts(
    batch: pa.RecordBatch, cells: pa.Table, columns: TableColumns, *, escaped: bool
) -> dict[str, pa.StringArray]:
    """The JSON text of every value, by column; the cells of the CSV file are seen to be the same.

    Args:
        batch: Rows of the Parquet file.
        cells: The same rows of the CSV file.
        columns: Of both.
        escaped: A text may need a backslash as JSON.
    """
    _ensure(cells.num_rows == batch.num_rows)
    texts = {}
    for field in columns.types:
        values, found = batch[field.name], cells[field.name].chunk(0)
        if pa.types.is_list(field.type):
            values = _json_lists(values, escaped=escaped)
        elif pa.types.is_integer(field.type):
            values = values.cast(_TEXT)
        is_text = field.type == _TEXT and field.name not in columns.objects
        _ensure(_cells_as(found, values) if is_text else found.equals(values))
        if is_text:
            values = _json_texts(values, escaped=escaped)
        elif field.type == pa.float64():
            values = _json_numbers(values)
        texts[field.name] = pc.fill_null(values.cast(_TEXT), _text("null"))
    return texts


@cache
def _text(text: str | None) -> pa.StringScalar:
    """A text as Arrow takes it; making one costs more than what is done with it."""
    return pa.scalar(text, _TEXT)


def _lines(texts: Texts) -> pa.StringArray:
    """The lines of rows, from the JSON texts of their values by key."""
    parts: list[Any] = []
    for name, text in texts.items():
        parts += [_text(f'{"," if parts else "{"}"{name}":'), text]
    return pc.binary_join_element_wise(*parts, _text("}\n"), _text(""))


def _are(lines: pa.StringArray, wanted: bytes) -> bool:
    """Whether lines are these bytes, one after the other."""
    return bool(_bytes_of(lines).equals(pa.py_buffer(wanted)))


def _bytes_of(texts: pa.StringArray) -> pa.Buffer:
    """Texts one after the other."""
    _, places, data = texts.buffers()
    ends = pa.Array.from_buffers(pa.int32(), len(texts) + 1, [None, places], offset=texts.offset)
    first, last = ends[0].as_py(), ends[-1].as_py()
    return data.slice(first, last - first)


def _json_texts(texts: pa.StringArray, *, escaped: bool) -> pa.StringArray:
    """Texts as JSON has them; none holds a control character."""
    quote = _text('"')
    return pc.binary_join_element_wise(quote, _escaped(texts, escaped=escaped), quote, _text(""))


def _escaped(texts: pa.StringArray, *, escaped: bool) -> pa.StringArray:
    if not escaped:
        return texts
    return pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')


def _json_numbers(numbers: pa.DoubleArray) -> pa.StringArray:
    """Numbers as this project writes them, which is not as Arrow does."""
    # One that is not finite would be written as null.
    _ensure(pc.all(pc.is_finite(numbers), min_count=0).as_py())
    written = orjson.dumps(numbers.to_pylist())[1:-1]
    return pc.split_pattern(pa.array([written], _TEXT), ",").flatten()


def _json_lists(lists: pa.ListArray, *, escaped: bool) -> pa.StringArray:
    """Lists of texts, and lists of these, as JSON text."""
    # A null in a list would be taken for one.
    _ensure(not lists.flatten().null_count)
    if pa.types.is_list(lists.type.value_type):
        inner = _json_lists(lists.flatten(), escaped=escaped)
        joined = pc.binary_join(_of_texts(lists, inner), _text(","))
        return pc.binary_join_element_wise(_text("["), joined, _text("]"), _text(""))
    if escaped:
        lists = _of_texts(lists, _escaped(lists.flatten(), escaped=True))
    joined = pc.binary_join(lists, _text('","'))
    full = pc.binary_join_element_wise(_text('["'), joined, _text('"]'), _text(""))
    return pc.if_else(pc.equal(pc.list_value_length(lists), _ZERO), _text("[]"), full)


def _of_texts(lists: pa.ListArray, texts: pa.StringArray) -> pa.ListArray:
    """Lists of the same lengths, of these texts."""
    ends = pc.cumulative_sum(pc.fill_null(pc.list_value_length(lists), _ZERO))
    places = pa.concat_arrays([_FIRST, ends])
    return pa.ListArray.from_arrays(places, texts, mask=lists.is_null())


def _cells_as(found: pa.StringArray, wanted: pa.StringArray) -> bool:
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


class _Lazy(dict[str, Sequence[Any]]):
    """Columns of Arrow, as Python's values once they are asked for."""

    def __init__(self, batch: pa.RecordBatch, known: Mapping[str, Sequence[Any]]) -> None:
        super().__init__(known)
        self._batch = batch

    def __missing__(self, name: str) -> Sequence[Any]:
        values: list[Any] = self._batch[name].to_pylist()
        self[name] = values
        return values


def _values(batch: pa.RecordBatch, texts: Texts, form: int) -> Mapping[str, Sequence[Any]]:
    """The values by column, which all fit the schema."""
    _ensure(all(fits(batch[name]) for name, fits in flat_checks(form).items()))
    objects = {}
    for name, fit in _nested_checks(form).items():
        # Many rows share where they were found.
        found = texts[name].dictionary_encode()
        values = _parsed(found.dictionary)
        _ensure(fit(values))
        objects[name] = list(map(values.__getitem__, found.indices.to_pylist()))
    return _Lazy(batch, objects)


def _parsed(texts: pa.StringArray) -> list[Any]:
    """The values of texts, each of which is written as this project writes it."""
    lines = _bytes_of(pc.binary_join_element_wise(texts, _text("\n"), _text(""))).to_pybytes()
    try:
        values: list[Any] = orjson.loads(b"[%b]" % lines[:-1].replace(b"\n", b","))
        # What orjson writes back byte for byte holds no key twice.
        same = lines_of(values) == lines
    except TypeError:  # nested deeper than it writes
        same = False
    _ensure(same)
    return values


Fits = Callable[[pa.Array], bool]


@cache
def flat_checks(form: int) -> dict[str, Fits]:
    """By column of a form's tables whether all its values fit the schema; not of JSON text."""
    document = packaged_schema(WIDE.removesuffix(".jsonl"), form)
    slow = partial(compile_check, root=document)
    objects = columns_of(form).objects
    parts = document["properties"].items()
    return {name: _fits(part, document, slow) for name, part in parts if name not in objects}


@cache
def _nested_checks(form: int) -> dict[str, ColumnCheck]:
    """The same of JSON text, once it is parsed."""
    document = packaged_schema(WIDE.removesuffix(".jsonl"), form)
    slow = partial(compile_check, root=document)
    parts = document["properties"]
    return {name: column_check(parts[name], document, slow) for name in columns_of(form).objects}


def _fits(schema: Any, root: dict[str, Any], slow: Callable[[Any], Any]) -> Fits:
    """Whether all values of a column fit a part of the schema, whose types are the column's."""
    if "$ref" in schema:
        return _fits(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, slow)
    if "items" in schema:
        items = _fits(schema["items"], root, slow)
        # Of a list only whether it is one, and how long, is asked of Python's values.
        test = column_check({**schema, "items": True}, root, slow)
        return lambda lists: test(_stand_ins(lists)) and items(lists.flatten())
    test = column_check(schema, root, slow)
    if schema.keys() <= {"type", "minimum", "maximum"}:
        return lambda values: test(_ends(values))
    return lambda values: test(values.unique().to_pylist())


def _ends(values: pa.Array) -> list[Any]:
    """The least and the greatest value, and a null if there is one."""
    found = [None] if values.null_count else []
    if len(values) > values.null_count:
        found += pc.min_max(values).as_py().values()
    return found


def _stand_ins(lists: pa.ListArray) -> list[Any]:
    """Lists of all lengths that there are, and a null if there is one."""
    lengths = pc.list_value_length(lists).unique().to_pylist()
    return [None if length is None else [None] * length for length in lengths]


def _queries(rows: Columns, tracks: bytes) -> dict[str, str | None]:
    """What was searched for to find a playlist, by its id, as the first track of each tells."""
    if all(sources[0].get("playlist_id") is None for sources in rows["sources"]):
        return {}
    found: dict[str, str | None] = {}
    for query, playlist in _QUERY.findall(tracks):
        found.setdefault(playlist.decode(), orjson.loads(query))
    _ensure(all(query is None or control_in(query) is None for query in found.values()))
    return found


def _written(values: Sequence[Any], *, escaped: bool) -> pa.StringArray:
    """The JSON texts of values, as :func:`_texts` has them."""
    if {str, type(None)}.issuperset(map(type, values)):
        texts = _json_texts(pa.array(values, _TEXT), escaped=escaped)
        return pc.fill_null(texts, _text("null"))
    return pa.array(list(map(orjson.dumps, values)), _TEXT)
