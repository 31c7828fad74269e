"""How far a publish is, for whoever wants to show it."""

from __future__ import annotations

from typing import Protocol


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
