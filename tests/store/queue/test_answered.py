"""Answered searches as choosing learns from them."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.catalog.models import Track
from runclub_spider.store.facts import tracks
from runclub_spider.store.facts.tracks import Source
from runclub_spider.store.queue import answered, pages, playlists, seeds
from runclub_spider.store.queue.answered import AnsweredPage, ShownTrack
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from testkit.making import POLICY, a_playlist, a_track, an_id, found


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


def searched(
    term: str, ordinal: int, first: int, rows: int, *found: ShownTrack, more: bool = True
) -> AnsweredPage:
    kind = PageKind.TRACK_SEARCH
    return AnsweredPage(
        kind, term, term, "Rock", ordinal, first, 10, rows, more, True, tracks=found, family="x"
    )


def test_pages_in_planning_order_with_the_eligible_tracks_they_showed(
    connection: sa.Connection,
) -> None:
    register(connection, "b", "a")
    answer(connection, "b", 0, a_track(1), a_track(2, duration_ms=1000), a_track(3))
    answer(connection, "a", 0, a_track(3))
    answer(connection, "b", 10, a_track(4), more=False)
    assert list(answered.pages(connection, "US")) == [
        searched("b", 1, 0, 3, shown(1, 0), shown(3, 2)),
        searched("a", 2, 0, 1, shown(3, 0)),
        searched("b", 3, 10, 1, shown(4, 10), more=False),
    ]


def test_only_what_was_planned_later_and_in_the_market(connection: sa.Connection) -> None:
    register(connection, "a", "b")
    answer(connection, "a", 0, a_track(1))
    answer(connection, "b", 0, a_track(2))
    assert [page.source for page in answered.pages(connection, "US", after=1)] == ["b"]
    assert not list(answered.pages(connection, "SE"))


def test_open_pages_are_not_answered(connection: sa.Connection) -> None:
    register(connection, "a")
    task = PageTask("spotify_search", PageKind.TRACK_SEARCH, "a", "US", 0, 10, "g1")
    pages.plan(connection, [task])
    assert not list(answered.pages(connection, "US"))


def test_pages_of_an_earlier_generation_are_told_apart(connection: sa.Connection) -> None:
    register(connection, "a")
    answer(connection, "a", 0, a_track(1), more=False)
    seeds.restart(connection, "track")
    (page,) = answered.pages(connection, "US")
    assert not page.current
    assert page.tracks == (shown(1, 0),)


def served(connection: sa.Connection, term: str, *ids: str, generation: str = "g1") -> None:
    """The answer to a playlist search."""
    task = PageTask("spotify_playlist", PageKind.PLAYLIST_SEARCH, term, "US", 0, 50, generation)
    pages.plan(connection, [task])
    playlists.list_for(connection, term, "US", ids)
    pages.mark_done(connection, task, counts=PageCounts(), run_id=1, now=1000)


def read(
    connection: sa.Connection, playlist_id: str, first: int, snapshot: str, *rows: Track
) -> None:
    """The answer to a page of a list, ten rows long."""
    kind = PageKind.PLAYLIST_ITEMS if first else PageKind.PLAYLIST
    task = PageTask("spotify_playlist", kind, playlist_id, "US", first, 10, snapshot)
    pages.plan(connection, [task])
    here = [found(row, first + at) for at, row in enumerate(rows)]
    source = Source("playlist", playlist_id, snapshot)
    tracks.save(connection, here, source, policy=POLICY, run_id=1, now=1000)
    counts = PageCounts(track_rows=10)
    pages.mark_done(connection, task, counts=counts, run_id=1, now=1000)
    playlists.settle(
        connection, playlist_id, snapshot=snapshot, read_to=first + 10, first=not first,
        ended=False, run_id=1, now=1000,
    )  # fmt: skip


def test_playlist_searches_with_their_lists_and_lists_with_their_tracks(
    connection: sa.Connection,
) -> None:
    row = {"term": "loud", "search_type": "playlist", "market": "US", "family": "x",
           "umbrella": "Metal", "decade": None, "bpm": None}  # fmt: skip
    seeds.register(connection, [row])
    lists = [a_playlist(number, total=20) for number in range(2)]
    playlists.record(connection, lists, 1000)
    served(connection, "loud", *(one.playlist_id for one in reversed(lists)))
    read(connection, lists[0].playlist_id, 0, "snap0", a_track(1), a_track(2, duration_ms=1000))
    read(connection, lists[0].playlist_id, 10, "snap0", a_track(3))
    search, first, second = answered.pages(connection, "US")
    assert (search.kind, search.source, search.umbrella) == ("playlist_search", "loud", "Metal")
    assert [one.playlist_id for one in search.lists] == [one.playlist_id for one in lists[::-1]]
    assert search.provenance == ("search", "loud")
    assert (first.kind, first.name, first.total) == ("playlist", lists[0].name, 20)
    assert first.provenance == ("playlist", lists[0].playlist_id)
    assert (first.tracks, first.more, first.current) == ((shown(1, 0),), True, True)
    assert (second.kind, second.tracks, second.more) == ("playlist_items", (shown(3, 10),), False)


def test_pages_of_an_earlier_snapshot_are_told_apart(connection: sa.Connection) -> None:
    one = a_playlist(0, total=20)
    playlists.record(connection, [one], 1000)
    read(connection, one.playlist_id, 0, "snap0", a_track(1))
    read(connection, one.playlist_id, 0, "snap1", a_track(2))
    assert [page.current for page in answered.pages(connection, "US")] == [False, True]
