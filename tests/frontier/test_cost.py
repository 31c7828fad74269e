"""What a plan costs: as many calls as the planners would make, and days under limits."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.apis.call import Family
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.spotify.regimes.development import REGIME as DEVELOPMENT
from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED
from runclub_spider.frontier.cost import Cost, Reach, cost_of
from runclub_spider.frontier.planners import following_pages
from runclub_spider.store.queue.pages import PageKind, PageTask

REACH = Reach(max_results=200, top_playlists=5, max_items=500, page_size=0)
ALL_NEW = {"track": 1.0, "playlist": 1.0}
FREE = Cost(0, 0, 0, 0, 0, 0, 0)
regimes = st.sampled_from([DEVELOPMENT, EXTENDED])


def test_two_searches_with_either_key() -> None:
    development = cost_of([200, 200], 3, DEVELOPMENT, REACH, new=ALL_NEW)
    assert development == replace(FREE, track_searches=40, features=10, details=10, rows=400)
    extended = cost_of([200, 200], 3, EXTENDED, REACH, new=ALL_NEW)
    lists = 3 * 5
    rows = 400 + lists * 500
    assert extended == Cost(
        track_searches=8,
        playlist_searches=3,
        playlists=lists * (1 + 4),
        artists=math.ceil(rows / 50),
        features=math.ceil(rows / 40),
        details=0,
        rows=rows,
    )


def test_first_pages_only() -> None:
    cost = cost_of([200, 7, 0], 2, EXTENDED, REACH, new=ALL_NEW, first_pages=True)
    assert (cost.track_searches, cost.playlist_searches, cost.playlists) == (2, 2, 10)
    assert cost.rows == 50 + 7 + 10 * 100


def test_only_new_tracks_are_enriched() -> None:
    cost = cost_of([200], 1, EXTENDED, REACH, new={"track": 0.5, "playlist": 0.0})
    assert (cost.features, cost.artists) == (3, 2)


@given(
    rows=st.lists(st.integers(0, 1000), max_size=4),
    page_size=st.integers(0, 100),
    regime=regimes,
)
def test_searches_are_as_many_as_their_pages(
    rows: list[int], page_size: int, regime: Regime
) -> None:
    cost = cost_of(rows, 0, regime, replace(REACH, page_size=page_size), new=ALL_NEW)
    page = regime.search_page(page_size)
    assert cost.track_searches == sum(len(range(0, left, page)) for left in rows)
    assert cost.rows == sum(rows)


@given(max_items=st.integers(1, 11_000), page_size=st.integers(0, 100))
def test_lists_are_read_as_the_planner_reads_them(max_items: int, page_size: int) -> None:
    reach = replace(REACH, top_playlists=1, max_items=max_items, page_size=page_size)
    first = PageTask("s", PageKind.PLAYLIST, "id", "US", 0, min(max_items, 100), "v")
    further = following_pages(
        first,
        version="v",
        rows_served=100,
        total=20_000,
        more=True,
        page_rows=EXTENDED.playlist_page(page_size),
        cap=max_items,
    )
    assert cost_of([], 1, EXTENDED, reach, new=ALL_NEW).playlists == 1 + len(further)


def test_a_search_serves_no_more_lists_than_its_page_has_rows() -> None:
    narrow = replace(EXTENDED, search_rows=10)
    reach = replace(REACH, top_playlists=50)
    assert cost_of([], 1, narrow, reach, new=ALL_NEW, first_pages=True).playlists == 10


@pytest.mark.parametrize(
    ("limits", "a_day", "days"),
    [
        ({}, math.inf, 0),
        ({}, 100, 13),
        ({Family.SEARCH: 600}, math.inf, 2),
        ({Family.SEARCH: 600, Family.PLAYLIST: 10}, math.inf, 10),
        ({Family.SEARCH: 600, Family.PLAYLIST: 10}, 100, 13),
        ({Family.ARTIST: 0}, math.inf, 0),
        ({Family.PLAYLIST: 0}, math.inf, math.inf),
    ],
)
def test_days(limits: dict[Family, int], a_day: float, days: float) -> None:
    cost = replace(FREE, track_searches=1000, playlist_searches=200, playlists=100, features=10**6)
    assert cost.days(limits, a_day) == days
