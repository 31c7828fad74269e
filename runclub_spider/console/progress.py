"""Shows on stderr how far a long step is: a line that is redrawn, on a terminal alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from runclub_spider.publish.progress import SILENT, Progress

_REDRAWN_SECONDS = 0.2
_ERASED = "\r\x1b[K"


@contextmanager
def on_stderr(what: str) -> Iterator[Progress]:
    """Progress of a command, shown while the block runs; nothing of it stays on the terminal.

    Elsewhere nothing is shown.
    """
    if not sys.stderr.isatty():
        yield SILENT
        return
    shown = _Redrawn(what)
    try:
        yield shown
    finally:
        shown.erase()


class _Redrawn:
    """`scrapy publish: writing, 4,096 of 11,241 tracks`, at most five times a second."""

    def __init__(self, what: str) -> None:
        self._what, self._name = what, ""
        self._done = self._total = 0
        self._drawn = 0.0

    def step(self, name: str, total: int = 0) -> None:
        self._name, self._done, self._total = name, 0, total
        self._draw()

    def advance(self, number: int = 1) -> None:
        self._done += number
        if time.monotonic() - self._drawn >= _REDRAWN_SECONDS:
            self._draw()

    def erase(self) -> None:
        """Leave the line as it was found."""
        print(_ERASED, end="", file=sys.stderr, flush=True)

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        done = f"{self._done:,} of " if self._done else ""
        count = f", {done}{self._total:,} tracks" if self._total else ""
        print(f"{_ERASED}{self._what}: {self._name}{count}", end="", file=sys.stderr, flush=True)
