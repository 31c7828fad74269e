"""Cells of a CSV file that a spreadsheet opens."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import TextIO

from runclub_spider.publish.verify.lines import LONGEST_LINE

# What a spreadsheet takes for a formula, also behind blanks and quotes, which some strip.
_FORMULA = re.compile(r"'*[\t\r\n]|[\s\"'`]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def csv_lines(stream: TextIO) -> Iterator[str]:
    """The lines of a CSV file; raises `csv.Error` at one that is too long to be held."""
    while line := stream.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise csv.Error(f"a line is longer than {LONGEST_LINE >> 20} MiB")
        yield line


def would_run(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula; a number is none."""
    return cell[:1] != "'" and _FORMULA.match(cell) is not None and _NUMBER.fullmatch(cell) is None


def written_cell(cell: str) -> str:
    """A cell without the quote that keeps a spreadsheet from running it."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell[1:]) else cell


def may_begin_formula(char: str) -> bool:
    """Whether a cell that begins with this character may be a formula, or one kept from running."""
    return char != "" and _FORMULA.match(f"{char}=") is not None
