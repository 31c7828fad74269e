"""What the rest of a run should fill: as much as the pages before say, and never too much."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.frontier.choice import Gain, Kind
from runclub_spider.frontier.forecast import Outlook, curves, outlook

KINDS: list[int | None] = [10, 50, None]


def ahead(gains: list[Gain], rows: int | None = 10, **more: Any) -> Outlook:
    values: dict[str, Any] = {
        "requests": 500,
        "track_cost": 1 / 20,
        "lack": 40_000,
        **more,
    }
    return outlook(curves(rows), gains, values.pop("promised", (5.0, 6.0)), **values)


def brought(tracks: int, pages: int) -> list[Gain]:
    return [Gain(Kind.TRACKS, tracks, tracks, tracks) for _ in range(pages)]


@given(
    st.sampled_from(KINDS),
    st.integers(0, 400),
    st.integers(0, 40),
    st.integers(0, 5_000),
    st.integers(0, 50_000),
)
def test_no_more_than_the_requests_buy_and_the_cells_lack(
    rows: int | None, pages: int, tracks: int, requests: int, lack: int
) -> None:
    found = ahead(brought(tracks, pages), rows, requests=requests, lack=lack)
    assert 0 <= found.pages <= requests
    assert 0 <= found.low <= found.tracks <= found.high <= lack


@pytest.mark.parametrize("rows", KINDS)
def test_more_requests_fill_more_and_less_each(rows: int | None) -> None:
    few, many = (ahead([], rows, requests=n) for n in (300, 600))
    assert few.tracks < many.tracks < 2 * few.tracks


@pytest.mark.parametrize("rows", KINDS)
def test_a_long_row_of_pages_is_believed(rows: int | None) -> None:
    found = ahead(brought(2, 400), rows, requests=100)
    assert 1.5 * found.pages < found.tracks < 2.5 * found.pages


def test_a_page_size_between_two_lies_between() -> None:
    low, between, high = (ahead([], rows).tracks for rows in (10, 20, 50))
    assert low < between < high


def test_the_largest_budget_is_foretold_at_once() -> None:
    """Not page by page, which would take minutes."""
    assert 2**30 < ahead([], requests=2**31 - 1).pages < 2**31


def test_nothing_left_fills_nothing() -> None:
    assert ahead([], requests=0) == Outlook(0, 0.0, 0.0, 0.0)
    assert ahead([], lack=0).tracks == 0
