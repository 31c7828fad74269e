"""What a person at a terminal is shown: lines that fit, and how far a long step is."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

_REDRAWN_SECONDS = 0.2
_LINE_SECONDS = 15.0
_ERASED = "\r\x1b[K"
# Before the line that says what to do.
_CURE = "  "


def folded(text: str, stream: TextIO) -> str:
    """Each line as several on a terminal that is too narrow for it, cut between words.

    What is no terminal's stays as it is, for programs read it.
    """
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(
        textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        if len(line) > width
        else line
        for line in text.split("\n")
    )


def problem(command: str, message: str, stream: TextIO) -> str:
    """The words of an error: on a terminal a line for what is wrong and one for what to do.

    Messages say both in one line, the cure behind the last semicolon; elsewhere they stay so.
    """
    said = f"{command}: {message}"
    what, semicolon, cure = said.rpartition("; ")
    if not stream.isatty() or not semicolon or "\n" in said:
        return folded(said, stream)
    width = shutil.get_terminal_size().columns
    indented = textwrap.fill(
        cure,
        width,
        initial_indent=_CURE,
        subsequent_indent=_CURE,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{folded(what, stream)}\n{indented}"


class Progress(Protocol):
    """Told of each step, and within it of what is done."""

    def step(self, name: str, total: int = 0) -> None:
        """A step begins, of so many tracks; 0 where they are not counted."""
        ...

    def advance(self, number: int = 1) -> None:
        """So many more of its tracks are done."""
        ...


class Silent:
    """Shows nothing."""

    def step(self, name: str, total: int = 0) -> None:
        """Nothing."""

    def advance(self, number: int = 1) -> None:
        """Nothing."""


SILENT: Progress = Silent()


@contextmanager
def on_stderr(what: str) -> Iterator[Progress]:
    """Progress of a command, shown while the block runs.

    On a terminal one line, of which nothing stays; elsewhere, and on a terminal that cannot
    redraw, a plain line every quarter of a minute.
    """
    terminal = sys.stderr.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}
    shown = _Redrawn(what) if terminal else _Lines(what)
    try:
        yield shown
    finally:
        shown.end()


class _Lines:
    """`scrapy publish: writing, 4,096 of 11,241 tracks`, each time that much time has passed."""

    seconds = _LINE_SECONDS

    def __init__(self, what: str) -> None:
        self._what, self._name = what, ""
        self._done = self._total = 0
        self._drawn = time.monotonic()

    def step(self, name: str, total: int = 0) -> None:
        self._name, self._done, self._total = name, 0, total
        self._look()

    def advance(self, number: int = 1) -> None:
        self._done += number
        self._look()

    def end(self) -> None:
        """Nothing more is shown."""

    def _look(self) -> None:
        if (now := time.monotonic()) - self._drawn >= self.seconds:
            self._drawn = now
            self._draw(self._line())

    def _line(self) -> str:
        done = f"{self._done:,} of " if self._done else ""
        count = f", {done}{self._total:,} tracks" if self._total else ""
        return f"{self._what}: {self._name}{count}"

    def _draw(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


class _Redrawn(_Lines):
    """The same in place, at most five times a second, and with each step."""

    seconds = _REDRAWN_SECONDS

    def step(self, name: str, total: int = 0) -> None:
        self._drawn = -self.seconds
        super().step(name, total)

    def end(self) -> None:
        """Leave the line as it was found."""
        print(_ERASED, end="", file=sys.stderr, flush=True)

    def _draw(self, line: str) -> None:
        width = shutil.get_terminal_size().columns
        print(f"{_ERASED}{line[: width - 1]}", end="", file=sys.stderr, flush=True)
