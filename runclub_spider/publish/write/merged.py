"""Streams of rows that are walked side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any


def distinct(people: Sequence[Any]) -> Sequence[Any]:
    """The artists of a track, each once: some answers name one twice."""
    if len(people) < 2:
        return people
    first: dict[str, Any] = {}
    for one in people:
        first.setdefault(one.artist_id, one)
    return list(first.values())


class Merged:
    """Walks a stream sorted by track id beside another: `of(id)` gives the rows of that id."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._groups = groupby(rows, key=lambda row: row.track_id)
        self._next = next(self._groups, None)

    def of(self, track_id: str) -> list[Any]:
        """The rows of an id; ids must be asked in ascending order."""
        try:
            while self._next is not None and self._next[0] < track_id:
                self._next = next(self._groups, None)
        except TypeError:  # an id that is no text; SQLite sorts them behind all texts
            return []
        if self._next is None or self._next[0] != track_id:
            return []
        rows = list(self._next[1])
        self._next = next(self._groups, None)
        return rows
