"""Finding out the regime of a key: searches with more rows than a narrower one may ask. Pure.

With two regimes one search tells. With more the widest is tried first, until one may.
"""

from __future__ import annotations

from collections.abc import Iterable

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.spotify.answers import Problem, explain, problem_of, unreadable
from runclub_spider.apis.spotify.parser import parse_track_search
from runclub_spider.apis.spotify.regimes import REGIMES, Regime


class Probe:
    """What is still possible. Ask `rows` rows, hand the answer to `take`, until `found`.

    Of regimes with equal pages the first by name is taken: only `SPOTIFY_PROFILE` tells those.
    """

    #: What is searched for; any year has tracks.
    term = "year:2000"

    def __init__(self, regimes: Iterable[Regime] = REGIMES.values()) -> None:
        by_rows: dict[int, Regime] = {}
        for one in regimes:
            by_rows.setdefault(one.search_rows, one)
        self._left = [by_rows[rows] for rows in sorted(by_rows, reverse=True)]

    @property
    def found(self) -> Regime | None:
        """The regime, once it is known."""
        return self._left[0] if len(self._left) == 1 else None

    @property
    def widest(self) -> Regime:
        """Of those that are possible."""
        return self._left[0]

    @property
    def rows(self) -> int:
        """Rows to ask: one more than the widest but one may."""
        return self._left[1].search_rows + 1

    def take(self, status: int, body: bytes, *, market: str) -> tuple[Problem, str] | None:
        """Read an answer; returns the problem, and the line that tells of it, if it tells nothing.

        `market` is the one that was asked for.
        """
        problem = problem_of(status, body)
        if problem is Problem.PAGE_SIZE:
            del self._left[0]
        elif problem is not None:
            return problem, explain(problem, status, body, market=market)
        else:
            try:
                parse_track_search(body, offset=0)
            except AnswerError as error:
                return Problem.UNREADABLE, unreadable(error)
            del self._left[1:]
        return None
