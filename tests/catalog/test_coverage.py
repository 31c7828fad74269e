"""What may be claimed as complete, and what completes more: laws, and readings that break off."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.coverage import (
    Interval,
    Order,
    Reading,
    claim,
    gaps,
    in_order,
    merged,
    window_readings,
)

BEGINNING = 978_307_200
MOMENTS = st.integers(0, 60)
INTERVALS = st.lists(st.builds(Interval, MOMENTS, MOMENTS), max_size=8)


def seconds(intervals: tuple[Interval, ...] | list[Interval]) -> set[int]:
    return {second for one in intervals for second in range(one.start, one.end)}


@given(INTERVALS)
def test_merging_keeps_the_seconds_and_nothing_else(intervals: list[Interval]) -> None:
    found = merged(intervals)
    assert seconds(found) == seconds(intervals)
    # Apart from each other, so there cannot be fewer.
    assert all(a.end < b.start for a, b in pairwise(found))
    assert merged(found) == found
    assert merged(reversed(intervals)) == found


@given(INTERVALS, INTERVALS)
def test_merging_in_any_portions(some: list[Interval], others: list[Interval]) -> None:
    assert merged((*merged(some), *merged(others))) == merged((*some, *others))


@given(INTERVALS, st.builds(Interval, MOMENTS, MOMENTS))
def test_gaps_are_what_is_not_covered(intervals: list[Interval], within: Interval) -> None:
    found = gaps(intervals, within)
    assert seconds(found) == seconds([within]) - seconds(intervals)
    assert merged(found) == found


@pytest.mark.parametrize(
    ("order", "page", "finished", "claimed"),
    [
        # The last second of a page may go on in the next.
        (Order.UP, [12, 15, 15], False, Interval(10, 15)),
        (Order.UP, [12, 15, 15], True, Interval(10, 50)),
        (Order.UP, [10, 10], False, None),
        (Order.UP, [], True, Interval(10, 50)),
        (Order.UP, [], False, None),
        (Order.DOWN, [48, 40, 40], False, Interval(41, 50)),
        (Order.DOWN, [48, 40, 40], True, Interval(10, 50)),
        # The first second may have been claimed before, and is not joined to unless it is read.
        (Order.DOWN, [48, 11], False, Interval(12, 50)),
        (Order.DOWN, [48, 10], False, Interval(12, 50)),
        (Order.DOWN, [48, 10], True, Interval(10, 50)),
        (Order.DOWN, [], True, Interval(10, 50)),
    ],
)
def test_claims_of_a_closed_window(
    order: Order, page: list[int], finished: bool, claimed: Interval | None
) -> None:
    newest = max(page, default=None)
    assert claim(Reading(10, 50, order), page, newest, finished=finished) == claimed


def test_an_open_end_is_claimed_up_to_the_newest_play() -> None:
    up, down = Reading(10, None, Order.UP), Reading(10, 90, Order.DOWN, end_known=False)
    assert claim(up, [12, 30], 30, finished=True) == Interval(10, 31)
    assert claim(up, [], 30, finished=True) == Interval(10, 31)
    assert claim(up, [], None, finished=True) is None
    assert claim(down, [30, 20], 30, finished=False) == Interval(21, 31)
    # A second that was cut is not claimed although it is the newest.
    assert claim(down, [30, 30], 30, finished=False) is None


def test_pages_in_an_order_of_their_own() -> None:
    assert in_order(Order.UP, [1, 1, 2])
    assert not in_order(Order.UP, [1, 3, 2])
    assert in_order(Order.DOWN, [3, 2, 2])
    assert not in_order(Order.DOWN, [2, 3])
    assert in_order(Order.DOWN, [])


def test_readings_of_a_window() -> None:
    covered = [Interval(BEGINNING + 100, BEGINNING + 200), Interval(BEGINNING + 300, 10**9)]
    now = 2 * 10**9
    # What is missing, and what lies ahead is never claimed.
    assert window_readings(
        covered, BEGINNING + 150, BEGINNING + 400, beginning=BEGINNING, now=now
    ) == (Reading(BEGINNING + 199, BEGINNING + 300, Order.UP),)
    assert window_readings(covered, 10**9 - 5, 3 * 10**9, beginning=BEGINNING, now=now) == (
        Reading(10**9 - 1, 3 * 10**9, Order.UP, end_known=False),
    )
    # All of it again where nothing is missing.
    assert window_readings(
        covered, BEGINNING + 310, BEGINNING + 400, beginning=BEGINNING, now=now
    ) == (Reading(BEGINNING + 310, BEGINNING + 400, Order.UP),)
    # Without dates the newest first.
    assert window_readings(covered, None, None, beginning=BEGINNING, now=now) == (
        Reading(10**9 - 1, now, Order.DOWN, end_known=False),
        Reading(BEGINNING + 199, BEGINNING + 300, Order.DOWN),
        Reading(BEGINNING, BEGINNING + 100, Order.DOWN),
    )


RUNS = st.lists(
    st.tuples(
        st.sampled_from(["up", "window", "down"]),
        st.integers(0, 40),
        st.integers(1, 40),
        # Pages before the run is killed; more than there are lets it finish.
        st.integers(0, 9),
        # Plays that come in while it is at work, at the end and late.
        st.lists(st.integers(0, 3), max_size=3),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=25), RUNS, st.integers(1, 4))
# A play in the newest claimed second, then a later one, and a reading of what lies behind it.
@example([0], [("window", 0, 1, 2, []), ("up", 0, 1, 1, [0]), ("up", 0, 1, 1, [1])], 1)
# Such a play, and then a stretch of its own behind it.
@example(
    [0, 0, 4], [("window", 1, 4, 2, []), ("window", 0, 1, 2, [2, 0]), ("window", 6, 1, 2, [])], 1
)
# Two such plays, and a reading down to them that breaks off between them.
@example(
    [0, 0, 4],
    [
        ("window", 4, 1, 2, []),
        ("window", 0, 1, 2, [0, 0]),
        ("window", 0, 1, 2, [1, 2]),
        ("down", 0, 1, 2, []),
    ],
    1,
)
def test_nothing_is_claimed_that_was_passed_over(
    airdates: list[int], runs: list[tuple[str, int, int, int, list[int]]], rows: int
) -> None:
    """Whatever is asked, and wherever it breaks off: a claimed second has all of its plays."""
    aired = sorted((BEGINNING + at, number) for number, at in enumerate(airdates))
    stored: set[tuple[int, int]] = set()
    covered: tuple[Interval, ...] = ()

    def read(reading: Reading, pages: int, new: list[int]) -> int:
        nonlocal covered
        newest: int | None = None
        for page in range(10**6):
            if pages == 0:
                return 0
            pages -= 1
            chosen = [
                play
                for play in aired
                if reading.start <= play[0] and (reading.end is None or play[0] < reading.end)
            ]
            if reading.order is Order.DOWN:
                chosen.reverse()
            served = chosen[page * rows : (page + 1) * rows]
            moments = [play[0] for play in served]
            newest = max([*moments, newest or 0]) or None
            one = claim(reading, moments, newest, finished=not served)
            stored.update(served)
            covered = merged((*covered, one)) if one else covered
            if not served:
                return pages
            if new:
                # On the air now, behind all that was aired.
                aired.append((aired[-1][0] + new.pop(), len(aired)))
        raise AssertionError

    for kind, start, length, pages, new in runs:
        # What is aired from now on has the second of the last play at the earliest.
        now, left = aired[-1][0], pages
        if kind == "up" and covered:
            readings: tuple[Reading, ...] = (Reading(covered[-1].end - 1, None, Order.UP),)
        elif kind == "window":
            begin = BEGINNING + start
            readings = window_readings(covered, begin, begin + length, beginning=BEGINNING, now=now)
        else:
            readings = window_readings(covered, None, None, beginning=BEGINNING, now=now)
        for reading in readings:
            left = read(reading, left, new)
        claimed = [p for p in aired if any(i.start <= p[0] < i.end for i in covered)]
        # The last second of a stretch may have been the newest when it was claimed, and plays of it
        # come in later; whatever reads on from there begins with it.
        late = [p for p in claimed if any(p[0] == i.end - 1 for i in covered)]
        assert set(claimed) - set(late) <= stored

    # And then one complete run of each kind leaves nothing out at all.
    for reading in window_readings(covered, None, None, beginning=BEGINNING, now=aired[-1][0] + 5):
        read(reading, 10**6, [])
    read(Reading(max(BEGINNING, covered[-1].end - 1), None, Order.UP), 10**6, [])
    assert stored == set(aired)
    assert merged((*covered, Interval(BEGINNING, BEGINNING))) == covered
    assert len(covered) == 1
