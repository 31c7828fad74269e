"""What the rest of a run should fill, from what its first pages brought. Pure.

What a page brings falls with the number of pages asked, like a power of it: the best are asked
first, and later ones overlap with them. How steeply was fitted on made-up worlds
(`bench/fit_forecast.py`); how much this catalogue yields is told from the pages that were answered
and from what is promised next, each believed as far as it was found to tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from runclub_spider.frontier.choice import Gain

#: Pages before the first, so that the power law holds from there.
_BEFORE = 30.0
#: Late pages that tell how much this catalogue yields, and the pages that say so much against.
_LATE, _CREDIBLE = 320, 60.0
#: Pages of which the sum is taken at once: so many, or this part of those before. Within them
#: requests are taken to grow with the pages.
_STEP, _STEP_SHARE = 10, 100
#: Pages after which a promise tells most, and how far it usually lies above what follows.
_TOLD, _OVER = 20, 1.6
#: A promise below so small a part of the usual one tells no more than that.
_FAR = 20.0
#: So many standard deviations hold four of five.
_WIDTH = 1.28


@dataclass(frozen=True, slots=True)
class Curve:
    """What a page brings after n others: `level` × (n + 30) ** -`fall`.

    Attributes:
        seen: how far what a few late pages brought, beside the curve, tells of the next (power).
        promised: the same of what the next pages promise.
        bias: log of what is filled beside what the rest says, on average.
    """

    level: float
    fall: float
    seen: float = 0.0
    promised: float = 0.0
    bias: float = 0.0

    def usual(self, asked: float, pages: int) -> float:
        """What so many pages bring after so many others, in a usual catalogue."""
        keep = 1 - self.fall
        start = asked + _BEFORE
        return float(self.level / keep * ((start + pages) ** keep - start**keep))

    def factor(self, asked: int, seen: Sequence[int], promised: float) -> float:
        """How much more this catalogue brings than a usual one.

        Args:
            asked: pages answered before.
            seen: what late pages brought.
            promised: what a page promises that is chosen next.
        """
        credit, due = self.usual(asked, int(_CREDIBLE)), self.usual(asked - len(seen), len(seen))
        brought = (credit + sum(seen)) / (credit + due)
        usual = self.usual(asked, 1)
        # What is promised tells little before anything was seen, and little when much was.
        weight = self.promised * min(1.0, asked / _TOLD) * _CREDIBLE / (_CREDIBLE + len(seen))
        promise = max(promised / usual / _OVER, 1 / _FAR)
        # A long row of late pages is believed alone.
        seen_weight = self.seen + (1 - self.seen) * len(seen) / _LATE
        return float(brought**seen_weight * promise**weight * math.exp(self.bias))


@dataclass(frozen=True, slots=True)
class Curves:
    """Those of one kind of page: tracks for cells that lack them, and tracks of whatever cell.

    `spread` is the standard deviation of the log of what is filled beside what was foretold.
    """

    filled: Curve
    new: Curve
    spread: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What so many pages should fill: `tracks`, and with 80 % between `low` and `high`."""

    pages: int
    tracks: float
    low: float
    high: float


def outlook(
    curves: Curves,
    gains: Sequence[Gain],
    promised: tuple[float, float],
    *,
    requests: float,
    track_cost: float,
    lack: int,
) -> Outlook:
    """What so many requests should fill.

    Args:
        curves: of the kind of pages.
        gains: of all pages answered so far.
        promised: tracks for cells that lack them, and new ones of whatever cell, that a page
            promises that is chosen next.
        requests: that are left, those for new tracks counted.
        track_cost: requests for one new track.
        lack: tracks that all cells are short of their minimum.
    """
    asked, late = len(gains), gains[-_LATE:]
    new = curves.new.factor(asked, [gain.new for gain in late], promised[1])
    pages, spent = 0, 0.0
    while spent < requests:
        # A page is asked only where the tracks it may bring can be completed.
        more = max(_STEP, pages // _STEP_SHARE)
        step = more + track_cost * new * curves.new.usual(asked + pages, more)
        pages, spent = pages + more, spent + step
    pages = max(0, round(pages - more * (spent - requests) / step)) if pages else 0
    factor = curves.filled.factor(asked, [gain.tracks for gain in late], promised[0])
    tracks = factor * curves.filled.usual(asked, pages)
    # Cells that are full take no more.
    tracks = lack * -math.expm1(-tracks / lack) if lack else 0.0
    wide = math.exp(_WIDTH * curves.spread)
    return Outlook(
        pages, float(tracks), float(tracks / wide), min(float(lack), float(tracks * wide))
    )


#: By rows of a page of a search, and of the pages of playlists (None).
_FITTED: dict[int | None, Curves] = {
    10: Curves(Curve(20.85, 0.3, 0.0, 0.0, -0.02), Curve(18.35, 0.2, 0.11, 0.02, 0.01), 0.16),
    50: Curves(Curve(42.86, 0.26, 0.25, 0.21, -0.09), Curve(213.5, 0.46, 0.53, 0.08, 0.04), 0.32),
    None: Curves(Curve(109.7, 0.46, 0.27, 0.09, 0.01), Curve(284.9, 0.58, 0.23, 0.11, 0.01), 0.37),
}


def curves(rows: int | None) -> Curves:
    """Those of searches of so many rows a page, or of playlists (None)."""
    if rows in _FITTED:
        return _FITTED[rows]
    assert rows is not None
    narrow, wide = _FITTED[10], _FITTED[50]
    at = math.log(rows / 10) / math.log(5)
    return Curves(
        _between(narrow.filled, wide.filled, at),
        _between(narrow.new, wide.new, at),
        max(narrow.spread, wide.spread),
    )


def _between(low: Curve, high: Curve, at: float) -> Curve:
    """A curve on the way from one to another, its level in proportion."""
    return Curve(
        low.level * (high.level / low.level) ** at,
        *(
            (1 - at) * getattr(low, name) + at * getattr(high, name)
            for name in ("fall", "seen", "promised", "bias")
        ),
    )
