"""Cells of a CSV file that a spreadsheet opens."""

from __future__ import annotations

import re

# What a spreadsheet takes for a formula, also behind blanks and quotes, which some strip.
_FORMULA = re.compile(r"[\t\r\n]|[\s\"'`]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def would_run(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula; a number is none."""
    return cell[:1] != "'" and _FORMULA.match(cell) is not None and _NUMBER.fullmatch(cell) is None


def written_cell(cell: str) -> str:
    """A cell without the quote that keeps a spreadsheet from running it."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell[1:]) else cell


def may_begin_formula(char: str) -> bool:
    """Whether a cell that begins with this character may be a formula, or one kept from running."""
    return char != "" and _FORMULA.match(f"{char}=") is not None
