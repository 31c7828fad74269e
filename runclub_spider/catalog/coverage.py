"""Which stretches of time are known completely, and which readings would complete more.

Times are whole seconds since 1970 UTC; intervals hold their start and not their end. A stretch
is claimed only when nothing in it can have been passed over: a page that ends within a second
does not claim that second, for the next page may begin in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """The seconds from `start` up to, without, `end`."""

    start: int
    end: int


class Order(StrEnum):
    """Which way a reading goes through time."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Reading:
    """One stretch of time to be read page after page.

    `end` None is open: up to whatever there is. `end_known` False means that the newest play
    found, and not `end`, is how far can be claimed, for plays may still be added before `end`.
    """

    start: int
    end: int | None
    order: Order
    end_known: bool = True


def merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same seconds in as few intervals as there can be, in order; empty ones are dropped."""
    found: list[Interval] = []
    for one in sorted(i for i in intervals if i.start < i.end):
        if found and one.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, one.end))
        else:
            found.append(one)
    return tuple(found)


def gaps(covered: Iterable[Interval], within: Interval) -> tuple[Interval, ...]:
    """What of `within` no interval covers, in order."""
    found, at = [], within.start
    for one in merged(covered):
        if one.end <= at:
            continue
        if one.start >= within.end:
            break
        if one.start > at:
            found.append(Interval(at, one.start))
        at = one.end
    if at < within.end:
        found.append(Interval(at, within.end))
    return tuple(found)


def claim(
    reading: Reading, seconds: Sequence[int], newest: int | None, *, finished: bool
) -> Interval | None:
    """What a reading may claim after a page, or None.

    Args:
        reading: the stretch.
        seconds: airdates of the page's rows as far as they were taken, in the page's order.
        newest: the newest airdate the reading has met so far, this page included.
        finished: there is nothing behind this page.
    """
    top = reading.end
    if top is None or not reading.end_known:
        top = None if newest is None else newest + 1 if top is None else min(newest + 1, top)
    start: int | None = reading.start
    end = top
    if not finished and reading.order is Order.UP:
        end = seconds[-1] if seconds else None
    elif not finished:
        # A reading begins with the last second that was claimed before; a claim that touched it
        # would hide that it is to be read again.
        start = max(seconds[-1] + 1, reading.start + 2) if seconds else None
    if start is None or end is None or start >= end:
        return None
    return Interval(start, end)


def in_order(order: Order, seconds: Sequence[int]) -> bool:
    """Whether a page came in the order that was asked for."""
    pairs = pairwise(seconds)
    if order is Order.UP:
        return all(a <= b for a, b in pairs)
    return all(a >= b for a, b in pairs)


def window_readings(
    covered: Iterable[Interval], start: int | None, end: int | None, *, beginning: int, now: int
) -> tuple[Reading, ...]:
    """What completes the window from `start` to `end` (not included); all of it if it is complete.

    Without a start the window begins at `beginning`, and the newest gap comes first and is read
    downward, so that a run that is bounded brings the newest plays. Nothing after `now` is
    claimed. A reading begins with the last second that is known below it: that one may have been
    the newest when it was claimed, and a play may have come in since.
    """
    known = merged(covered)
    order = Order.DOWN if start is None else Order.UP
    first = beginning if start is None else start
    limit = now if end is None else end
    missing = gaps(known, Interval(first, limit)) or (
        () if start is None and end is None else (Interval(first, limit),)
    )
    found = [
        Reading(
            gap.start - any(one.end == gap.start for one in known),
            gap.end,
            order,
            end_known=gap.end < limit or (end is not None and limit <= now),
        )
        for gap in missing
    ]
    return tuple(found if order is Order.UP else reversed(found))
