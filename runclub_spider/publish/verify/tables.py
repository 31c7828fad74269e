"""The analysts' copies: `catalog.parquet` and `catalog.csv` hold the same tracks in order."""

from __future__ import annotations

import csv
import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from runclub_spider.publish.verify.problems import Problems, show
from runclub_spider.publish.verify.rows import Policies

ID_COLUMN = "spotify_track_id"
ID_LENGTH = 22
_BATCH_ROWS = 20_000
_LONGEST_CELL = 16 * 1024 * 1024
# What a spreadsheet takes for a formula, also behind blanks and quotes, which some strip.
_FORMULA = re.compile(r"[\t\r\n]|[\s\"'`]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def check_tables(
    root: Path,
    confirmed: Container[str],
    ids: bytes | bytearray,
    policies: Policies,
    problems: Problems,
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
            checked = problems if policies.form >= 2 else None
            _compare(table.name, _csv_ids(table, checked), ids, problems)
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


def _csv_ids(path: Path, problems: Problems | None) -> Iterator[object]:
    """The ids of a table; with `problems`, what a spreadsheet would run is noted."""
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        columns = next(reader, [])
        if ID_COLUMN not in columns:
            raise ValueError(f"no column {ID_COLUMN}")
        at = columns.index(ID_COLUMN)
        for row in reader:
            found = row[at] if at < len(row) else None
            if problems is not None:
                for name, cell in zip(columns, row, strict=False):
                    if cell and not cell[0].isalnum() and would_run(cell):
                        message = f"a spreadsheet would run {name} of {show(found)}"
                        problems.add(path.name, reader.line_num, "formula", message, track=found)
            yield found


def would_run(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula; a number is none."""
    return cell[:1] != "'" and _FORMULA.match(cell) is not None and _NUMBER.fullmatch(cell) is None


def written_cell(cell: str) -> str:
    """A cell without the quote that keeps a spreadsheet from running it."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell[1:]) else cell
