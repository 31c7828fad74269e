"""JSON Lines as a release has them: UTF-8, LF, no blanks, null for nothing, no NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson


def line_of(row: dict[str, Any]) -> bytes:
    """A row in its own key order, as a line.

    orjson refuses what JSON cannot hold and keeps an integer an integer.
    """
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def lines_of(rows: Iterable[dict[str, Any]]) -> bytes:
    """Rows, each as a line."""
    return b"".join(map(line_of, rows))


@contextmanager
def lines(path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that writes a row into a new file."""
    with path.open("wb") as file:

        def write(row: dict[str, Any]) -> None:
            file.write(line_of(row))

        yield write
