"""A page of plays as every station's parser returns it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from runclub_spider.apis.wire import Oddities, Reading
from runclub_spider.catalog.plays import PlayKind, PlayRow


@dataclass(slots=True)
class PlaysPage(Reading):
    """An answer of a station: its rows as served, and what leads to the next page, as it came.

    Rows are read one by one when they are asked for; `len` says how many there are. How they
    could be read (`drift` as well) is known when all were asked for.

    Attributes:
        next: given to the station's calls for the next page; None when there is none.
        raw: the rows as served.
        row: reads one of them, and counts what was odd; raises nothing. Its problems begin with
            the field to blame and a colon.
        airdate: of a row as served, in whole seconds since 1970 UTC; None if it has none.
        full: rows of a page behind which there may be another, by the server's own account; None
            if it does not say.
    """

    next: str | None
    raw: list[Any]
    row: Callable[[Any, Oddities], PlayRow]
    airdate: Callable[[Any], int | None]
    full: int | None = None

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[PlayRow]:
        self.read, self.odd = 0, Oddities()
        self.unreadable.clear()
        return map(self._read, self.raw)

    @property
    def is_full(self) -> bool:
        """Whether there may be more behind it, as far as its length tells."""
        return self.full is None or len(self.raw) >= self.full

    def ends(self) -> tuple[int, ...]:
        """Airdates of the first and the last row, as far as they can be read."""
        found = map(self.airdate, self.raw[:1] + self.raw[-1:])
        return tuple(one for one in found if one is not None)

    def _read(self, raw: Any) -> PlayRow:
        row = self.row(raw, self.odd)
        if row.problem is None and row.kind is not PlayKind.UNKNOWN:
            self.read += 1
        elif row.problem is None:
            self.refuse("play.play_type", row.play_type)
        else:
            blamed, colon, _ = row.problem.partition(":")
            self.refuse(f"play.{blamed}" if colon and blamed else "play")
        return row
