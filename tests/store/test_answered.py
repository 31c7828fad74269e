"""Answered searches as choosing learns from them."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.catalog.models import Track
from runclub_spider.store import answered, pages, seeds, tracks
from runclub_spider.store.answered import AnsweredPage, ShownTrack
from runclub_spider.store.pages import PageCounts, PageKind, PageTask
from runclub_spider.store.tracks import Source

from .making import POLICY, a_track, an_id, found


def register(connection: sa.Connection, *terms: str) -> None:
    rows = [
        {"term": term, "search_type": "track", "market": "US", "family": "x", "umbrella": "Rock",
         "decade": None, "bpm": None}
        for term in terms
    ]  # fmt: skip
    seeds.register(connection, rows)


def answer(
    connection: sa.Connection, term: str, first: int, *rows: Track, more: bool = True
) -> None:
    task = PageTask("spotify_search", PageKind.TRACK_SEARCH, term, "US", first, 10, "g1")
    pages.plan(connection, [task])
    served = [found(row, first + at) for at, row in enumerate(rows)]
    tracks.save(connection, served, Source("search", term), policy=POLICY, run_id=1, now=1000)
    counts = PageCounts(track_rows=len(rows))
    pages.mark_done(connection, task, counts=counts, run_id=1, now=1000)
    seeds.advance(
        connection,
        (term, "track", "US"),
        state=seeds.RUNNING if more else seeds.EXHAUSTED,
        next_offset=first + 10,
        offset=first,
        now=1000,
        rows=len(rows),
    )


def shown(number: int, position: int) -> ShownTrack:
    return ShownTrack(
        track_id=an_id(number),
        position=position,
        name=f"Song {number}",
        album_name=f"Album {number}",
        release_date="1977",
        artist_ids=(an_id(number % 5, "artist"),),
        artist_names=(f"Artist {number % 5}",),
    )


def test_pages_in_planning_order_with_the_eligible_tracks_they_showed(
    connection: sa.Connection,
) -> None:
    register(connection, "b", "a")
    answer(connection, "b", 0, a_track(1), a_track(2, duration_ms=1000), a_track(3))
    answer(connection, "a", 0, a_track(3))
    answer(connection, "b", 10, a_track(4), more=False)
    assert answered.searches(connection, "US") == [
        AnsweredPage("b", "Rock", 1, 0, 10, 3, True, True, (shown(1, 0), shown(3, 2))),
        AnsweredPage("a", "Rock", 2, 0, 10, 1, True, True, (shown(3, 0),)),
        AnsweredPage("b", "Rock", 3, 10, 10, 1, False, True, (shown(4, 10),)),
    ]


def test_only_what_was_planned_later_and_in_the_market(connection: sa.Connection) -> None:
    register(connection, "a", "b")
    answer(connection, "a", 0, a_track(1))
    answer(connection, "b", 0, a_track(2))
    assert [page.term for page in answered.searches(connection, "US", after=1)] == ["b"]
    assert answered.searches(connection, "SE") == []


def test_open_pages_are_not_answered(connection: sa.Connection) -> None:
    register(connection, "a")
    task = PageTask("spotify_search", PageKind.TRACK_SEARCH, "a", "US", 0, 10, "g1")
    pages.plan(connection, [task])
    assert answered.searches(connection, "US") == []


def test_pages_of_an_earlier_generation_are_told_apart(connection: sa.Connection) -> None:
    register(connection, "a")
    answer(connection, "a", 0, a_track(1), more=False)
    seeds.restart(connection, "track")
    (page,) = answered.searches(connection, "US")
    assert not page.current
    assert page.tracks == (shown(1, 0),)
