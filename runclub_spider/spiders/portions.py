"""A reading while it goes on: what of each page is stored, and what may be claimed with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runclub_spider.apis.plays import PlaysPage
from runclub_spider.apis.wire import FEW
from runclub_spider.catalog.coverage import Interval, Reading, claim, in_order
from runclub_spider.catalog.plays import PlayRow
from runclub_spider.errors import RunclubError
from runclub_spider.text import DAY

#: Seconds that a play may lie ahead of this clock; one further ahead was not on the air.
_AHEAD = DAY
#: Pages in a row that bring no play from before or after those seen: more is no reading.
_MOST_STILL = 20


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows of a page that are to be stored.

    `cut`: a limit left some out. `foreign`: not one row is of the time asked for.
    """

    rows: Sequence[PlayRow] = ()
    cut: bool = False
    foreign: bool = False

    @property
    def seconds(self) -> list[int]:
        """Airdates, as far as they are known."""
        return [row.airdate for row in self.rows if row.airdate is not None]


@dataclass(frozen=True, slots=True)
class Held:
    """A page that is to be stored: its rows, and the stretch that is complete with them."""

    rows: Sequence[PlayRow]
    claimed: Interval | None


def portion(
    reading: Reading, rows: Sequence[PlayRow], *, left: int | None, margin: int, now: int
) -> Portion:
    """The rows of a page that belong to a reading, up to a limit.

    Args:
        reading: what was asked for.
        rows: as the parser gave them.
        left: track plays that the limit still allows; None without one.
        margin: seconds that were asked for on both sides of the reading. Rows from there are no
            more than what comes with it; any other row outside is an error of the server's.
        now: epoch seconds.
    """
    taken, outside, dated = list[PlayRow](), 0, 0
    for row in rows:
        found = row
        if row.airdate is not None and row.airdate >= now + _AHEAD:
            found = _refused(row, "airdate: lies ahead")
        elif row.airdate is not None:
            dated += 1
            if not reading.start <= row.airdate < _end(reading, now):
                if is_near(reading, row.airdate, margin, now):
                    continue
                outside += 1
                found = _refused(row, "outside the window asked for")
        taken.append(found)
        if left is not None and found.is_track_play:
            left -= 1
            if left == 0:
                break
    cut = len(taken) < len(rows) and left == 0
    return Portion(taken, cut=cut, foreign=bool(dated) and outside == dated)


def is_near(reading: Reading, airdate: int, margin: int, now: int) -> bool:
    """Whether a play belongs to a reading, or to the margin that is asked for with it."""
    return reading.start - margin <= airdate < _end(reading, now) + margin


def drift_of(page: PlaysPage, rows: Sequence[PlayRow]) -> str | None:
    """The field for which not one play of a page could be read; a few such rows are chance.

    Breaks have less to be read, and say nothing of the plays between them.
    """
    plays = [row for row in rows if row.is_track_play]
    if len(plays) >= FEW and all(row.problem is not None for row in plays):
        ((blamed, _),) = page.unreadable.most_common(1)
        return blamed
    return page.drift if len(rows) >= FEW else None


class Progress:
    """How far a reading has come, and what may be claimed of it. `title` is the station's."""

    def __init__(self, reading: Reading, title: str) -> None:
        self._reading, self._title = reading, title
        self._newest: int | None = None
        self._ordered = True
        self._last: list[tuple[str, int | None]] = []
        self._seen: tuple[int, int] | None = None
        self._still = 0

    def look(self, rows: Sequence[PlayRow]) -> None:
        """Raise `RunclubError` when a server goes on for ever: the same rows, or the same time."""
        page = [(row.row_id, row.airdate) for row in rows]
        if page and page == self._last:
            raise RunclubError(
                f"{self._title} serves the same rows on page after page; what is new is stored"
            )
        self._last = page
        seconds = [airdate for _, airdate in page if airdate is not None]
        seen = self._seen
        if seconds:
            ends = (*(seen or ()), *seconds)
            self._seen = (min(ends), max(ends))
        self._still = self._still + 1 if self._seen == seen and page else 0
        if self._still >= _MOST_STILL:
            raise RunclubError(
                f"{self._title} serves page after page of the same time ({_MOST_STILL} in a row); "
                "what is new is stored"
            )

    def held(self, taken: Portion, *, finished: bool) -> Held:
        """A page as it is to be stored, after those before it; `finished` at a reading's end."""
        return Held(taken.rows, self.claim(taken, finished=finished))

    def claim(self, taken: Portion, *, finished: bool) -> Interval | None:
        """After a page: the stretch that is complete once it is stored."""
        if taken.foreign:
            return None
        seconds = taken.seconds
        self._ordered = self._ordered and in_order(self._reading.order, seconds)
        if seconds:
            self._newest = max(self._newest or 0, *seconds)
        if not self._ordered and not finished:
            # A server with an order of its own: nothing is certain before the end.
            return None
        return claim(self._reading, seconds, self._newest, finished=finished)


def _refused(row: PlayRow, problem: str) -> PlayRow:
    return row._replace(problem=problem, play=None, skipped=False, airdate=None)


def _end(reading: Reading, now: int) -> int:
    """Where a reading ends: what is not yet known belongs to one without an end."""
    return now + _AHEAD if reading.end is None else reading.end
