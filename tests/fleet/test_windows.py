"""A station's time in stretches for several workers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.apis.kexp.station import STATION
from runclub_spider.fleet.windows import MOST, windows
from runclub_spider.spiders.arguments import StationArguments


def read(window: tuple[str, str]) -> tuple[int, int]:
    """As the spider reads its arguments: seconds, the end not included."""
    start, end = window
    found = StationArguments.at(STATION.zone).read("kexp", {"start_date": start, "end_date": end})
    assert found.start_date is not None
    assert found.end_date is not None
    return found.start_date, found.end_date


def test_a_day_in_four() -> None:
    assert windows(0, 86_400) == [
        ("1970-01-01T00:00:00Z", "1970-01-01T05:59:59Z"),
        ("1970-01-01T06:00:00Z", "1970-01-01T11:59:59Z"),
        ("1970-01-01T12:00:00Z", "1970-01-01T17:59:59Z"),
        ("1970-01-01T18:00:00Z", "1970-01-01T23:59:59Z"),
    ]


@given(start=st.integers(0, 2 * 10**9), length=st.integers(1, 10**9))
def test_they_are_all_of_the_time_and_no_second_twice(start: int, length: int) -> None:
    found = [read(one) for one in windows(start, start + length)]
    assert 1 <= len(found) <= MOST
    assert found[0][0] == start
    assert found[-1][1] == start + length
    assert all(first < last for first, last in found)
    assert all(a[1] == b[0] for a, b in pairwise(found))
    # None so short that it would not be worth a process.
    assert len(found) == 1 or all(last - first >= 3600 for first, last in found)
