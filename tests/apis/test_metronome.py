"""The pace of an API that publishes one, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.apis.pacer import Metronome


class Clock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 1e-6)


def starts(interval: float, outcomes: list[str], busy: float = 0.0) -> list[float]:
    """When calls begin that end as told; each takes `busy` seconds."""
    clock = Clock()
    pacer = Metronome(interval, clock=clock, sleep=clock.sleep)
    found = []

    async def run() -> None:
        for outcome in outcomes:
            number = await pacer.pace(lambda: False)
            found.append(clock.now)
            clock.now += busy
            settle: Callable[[int], None] = getattr(pacer, outcome)
            settle(number)

    asyncio.run(run())
    return found


OUTCOMES = st.lists(st.sampled_from(["answered", "troubled", "refused"]), max_size=40)


@settings(deadline=None)
@given(OUTCOMES, st.sampled_from([0.0, 0.05, 1.1]), st.sampled_from([0.0, 0.3, 2.0]))
def test_no_two_calls_are_closer_than_the_interval(
    outcomes: list[str], interval: float, busy: float
) -> None:
    found = starts(interval, outcomes, busy)
    gaps = [b - a for a, b in pairwise(found)]
    assert all(gap >= interval - 1e-9 for gap in gaps)


def test_errors_double_the_distance_and_good_answers_halve_it() -> None:
    outcomes = ["answered", "troubled", "troubled", "answered", "answered", "answered"]
    found = starts(1.0, outcomes)
    gaps = [round(b - a, 3) for a, b in pairwise(found)]
    assert gaps == [1.0, 2.0, 4.0, 2.0, 1.0]


def test_the_distance_has_an_end() -> None:
    found = starts(1.1, ["troubled"] * 12)
    assert max(b - a for a, b in pairwise(found)) < 33


def test_a_run_that_ends_waits_no_longer() -> None:
    clock = Clock()
    pacer = Metronome(1000.0, clock=clock, sleep=clock.sleep)

    async def run() -> None:
        await pacer.pace(lambda: False)
        await pacer.pace(lambda: True)

    asyncio.run(run())
    assert clock.now < 101
