"""Playlists, artists and audio features in the store."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.models import FEATURES, ArtistRef, AudioFeatures
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.tables import (
    artist,
    audio_features,
    feature_miss,
    playlist,
    track,
)
from runclub_spider.store.facts import artists, features, tracks
from runclub_spider.store.facts.tracks import Source
from runclub_spider.store.queue import pages, playlists
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from testkit.making import POLICY, SEARCH, a_playlist, a_track, an_artist, an_id, found
from testkit.making import features as some_features

P1 = an_id(1, "playlist")


def saved(connection: sa.Connection, *numbers: int, now: int = 1000, **changes: Any) -> None:
    page = [found(a_track(number, **changes)) for number in numbers]
    tracks.save(connection, page, SEARCH, policy=POLICY, run_id=1, now=now)


def row_of(connection: sa.Connection, table: sa.Table, key: str) -> Any:
    (column,) = table.primary_key
    return connection.execute(sa.select(table).where(column == key)).one()


# --- features


def pending(connection: sa.Connection, now: int = 1000, **more: Any) -> list[str]:
    return features.pending(connection, **{"version": "1", "now": now, **more})


def keep(connection: sa.Connection, got: list[int], missed: list[int], now: int = 1000) -> None:
    features.save(
        connection,
        [some_features(an_id(number)) for number in got],
        [an_id(number) for number in missed],
        version="1",
        gap_seconds=100,
        now=now,
    )


def test_eligible_tracks_are_pending_until_they_have_features(connection: sa.Connection) -> None:
    saved(connection, 1, 2, 3)
    saved(connection, 4, duration_ms=1)
    assert pending(connection) == sorted([an_id(1), an_id(2), an_id(3)])
    keep(connection, [1], [2], now=2000)
    assert pending(connection, 2000) == [an_id(3)]
    row = row_of(connection, track, an_id(1))
    assert (row.has_features, row.last_enriched_at, row.updated_at) == (True, 2000, 2000)
    assert row_of(connection, track, an_id(2)).updated_at == 1000


def test_pending_of_some_tracks(connection: sa.Connection) -> None:
    saved(connection, *range(1, 5))
    keep(connection, [1], [])
    asked = [an_id(number) for number in (1, 2, 9)]
    assert pending(connection, track_ids=asked) == [an_id(2)]
    assert pending(connection, track_ids=[]) == []


def test_another_version_is_asked_again(connection: sa.Connection) -> None:
    saved(connection, 1)
    keep(connection, [1], [])
    assert pending(connection) == []
    assert pending(connection, version="2") == [an_id(1)]


def test_the_gap_of_a_miss_doubles_and_ends_with_a_hit(connection: sa.Connection) -> None:
    saved(connection, 1)
    now = 1000
    for tries, gap in enumerate((100, 200, 400, 800), 1):
        keep(connection, [], [1], now=now)
        miss = row_of(connection, feature_miss, an_id(1))
        assert (miss.tries, miss.checked_at, miss.next_check_at) == (tries, now, now + gap)
        assert pending(connection, now + gap - 1) == []
        assert pending(connection, now + gap) == [an_id(1)]
        now += gap
    keep(connection, [1], [], now=now)
    assert connection.execute(sa.select(feature_miss)).all() == []
    assert pending(connection, now) == []


def test_the_gap_stays_a_number(connection: sa.Connection) -> None:
    saved(connection, 1)
    for _ in range(80):
        keep(connection, [], [1])
    assert row_of(connection, feature_miss, an_id(1)).next_check_at < 2**62


def kept(connection: sa.Connection, number: int = 1) -> Any:
    return row_of(connection, audio_features, an_id(number))


def keep_partial(connection: sa.Connection, now: int, version: str = "1", **numbers: Any) -> None:
    """What an answer leaves of a row that has these numbers and no others."""
    row = replace(some_features(an_id(1)), **(dict.fromkeys(FEATURES) | numbers))
    features.save(
        connection,
        [],
        [an_id(1)],
        version=version,
        gap_seconds=100,
        now=now,
        partial=[row],
    )


def test_a_row_with_some_numbers_is_kept_and_asked_again(connection: sa.Connection) -> None:
    saved(connection, 1)
    keep_partial(connection, 2000, valence=0.4, energy=0.7)
    row = kept(connection)
    assert (row.valence, row.energy, row.tempo, row.borrowed_from) == (0.4, 0.7, None, None)
    assert row_of(connection, track, an_id(1)).has_features
    assert pending(connection, 2099) == []
    assert pending(connection, 2100) == [an_id(1)]
    # The same again changes nothing but the gap.
    keep_partial(connection, 2100, valence=0.4, energy=0.7)
    assert kept(connection) == row
    assert row_of(connection, track, an_id(1)).updated_at == 2000
    assert row_of(connection, feature_miss, an_id(1)).next_check_at == 2300
    # What is missing comes, what was there stays.
    keep_partial(connection, 2300, tempo=120.0)
    row = kept(connection)
    assert (row.valence, row.energy, row.tempo, row.fetched_at) == (0.4, 0.7, 120.0, 2300)
    assert connection.execute(sa.select(feature_miss)).all() == []
    assert pending(connection, 9999) == []


def test_a_complete_row_takes_nothing_away_either(connection: sa.Connection) -> None:
    saved(connection, 1)
    keep(connection, [1], [])
    whole = replace(some_features(an_id(1)), key=None, tempo=150.0)
    features.save(connection, [whole], [], version="1", gap_seconds=100, now=2000)
    assert (kept(connection).key, kept(connection).tempo) == (9, 150.0)


def test_numbers_of_two_versions_are_not_mixed(connection: sa.Connection) -> None:
    saved(connection, 1)
    keep(connection, [1], [])
    keep_partial(connection, 2000, version="2", valence=0.9)
    assert (kept(connection).valence, kept(connection).version) == (0.43, "1")
    assert pending(connection, 2000, version="2") == []
    assert pending(connection, 2100, version="2") == [an_id(1)]
    keep_partial(connection, 2100, version="2", tempo=90.0)
    row = kept(connection)
    assert (row.tempo, row.valence, row.version) == (90.0, None, "2")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(answers=st.lists(st.sets(st.sampled_from(FEATURES)), min_size=1, max_size=5))
def test_a_number_once_known_stays_known(store: Store, answers: list[set[str]]) -> None:
    whole = asdict(replace(some_features(an_id(1)), time_signature=4))
    seen: set[str] = set()
    with store.engine.connect() as connection, connection.begin() as transaction:
        saved(connection, 1)
        for now, names in enumerate(answers, 1000):
            seen |= names
            row = AudioFeatures(
                **{k: None if k in FEATURES and k not in names else v for k, v in whole.items()}
            )
            found = [row] if row.usable else []
            features.save(
                connection,
                found,
                [] if found else [an_id(1)],
                version="1",
                gap_seconds=100,
                now=now,
                partial=[] if found or not row.has_any else [row],
            )
            stored = connection.execute(sa.select(audio_features)).one_or_none()
            known = {name for name in FEATURES if stored and getattr(stored, name) is not None}
            assert known == seen
            complete = {"tempo", "energy"} <= seen
            assert bool(pending(connection, 10**9)) != complete
            if names:
                missing = connection.execute(sa.select(feature_miss)).all()
                assert bool(missing) != complete
        transaction.rollback()


# --- artists


def test_artists_of_eligible_tracks_are_pending(connection: sa.Connection) -> None:
    saved(connection, 1, 2)
    saved(connection, 3, duration_ms=1)
    first, second = an_id(1, "artist"), an_id(2, "artist")
    assert artists.pending(connection, stale_before=0) == sorted([first, second])
    assert artists.pending(connection, stale_before=0, track_ids=[an_id(1)]) == [first]
    artists.save(connection, [first], [an_artist(1)], 2000)
    assert artists.pending(connection, stale_before=0) == [second]
    assert artists.pending(connection, stale_before=2000) == [second]
    assert artists.pending(connection, stale_before=2001) == sorted([first, second])


def test_an_artist_brings_its_tracks_up_to_date(connection: sa.Connection) -> None:
    saved(connection, 1, 2, now=1000)
    asked = [an_id(1, "artist")]
    artists.save(connection, asked, [an_artist(1)], 2000)
    row = row_of(connection, artist, asked[0])
    assert (row.genres, row.popularity, row.fetched_at) == ('["rock"]', 40, 2000)
    one = row_of(connection, track, an_id(1))
    assert (one.has_artist, one.updated_at) == (True, 2000)
    assert row_of(connection, track, an_id(2)).updated_at == 1000
    # the same answer again is no change
    artists.save(connection, asked, [an_artist(1)], 3000)
    assert row_of(connection, track, an_id(1)).updated_at == 2000
    artists.save(connection, asked, [an_artist(1, popularity=41)], 4000)
    assert row_of(connection, track, an_id(1)).updated_at == 4000


def test_an_artist_without_a_name_is_asked_for_it(connection: sa.Connection) -> None:
    nameless = (ArtistRef(an_id(1, "artist"), ""),)
    saved(connection, 1, artists=nameless)
    saved(connection, 2, artists=(ArtistRef(an_id(2, "artist"), ""),), name="")
    saved(connection, 3, duration_ms=0)
    asked = [an_id(1, "artist")]
    assert asked[0] in artists.pending(connection, stale_before=0)
    assert artists.pending(connection, stale_before=0, track_ids=[an_id(3)]) == [an_id(3, "artist")]
    assert artists.save(connection, asked, [an_artist(1, name="")], 2000) == []
    assert artists.save(connection, asked, [an_artist(1)], 3000) == [an_id(1)]
    assert tracks.judge_again(connection, POLICY, [an_id(1)], 1) == [an_id(1)]
    assert pending(connection) == [an_id(1)]
    assert artists.save(connection, asked, [an_artist(1, name="")], 4000) == []
    assert row_of(connection, artist, asked[0]).name == "Artist 1"


def test_an_artist_that_was_not_found_is_asked_once(connection: sa.Connection) -> None:
    saved(connection, 1)
    artists.save(connection, [an_id(1, "artist")], [], 2000)
    row = row_of(connection, artist, an_id(1, "artist"))
    assert (row.name, row.genres) == ("Artist 1", "[]")
    assert artists.pending(connection, stale_before=0) == []


def test_a_track_has_its_artists_when_all_were_fetched(connection: sa.Connection) -> None:
    both = (ArtistRef(an_id(1, "artist"), "A"), ArtistRef(an_id(2, "artist"), "B"))
    saved(connection, 1, artists=both)
    artists.save(connection, [both[0].artist_id], [an_artist(1)], 2000)
    assert not row_of(connection, track, an_id(1)).has_artist
    artists.save(connection, [both[1].artist_id], [an_artist(2)], 3000)
    assert row_of(connection, track, an_id(1)).has_artist


# --- playlists


def a_page(kind: PageKind, first: int, version: str = "snap1") -> PageTask:
    return PageTask("spotify_playlist", kind, P1, "US", first, 100, version)


def read(connection: sa.Connection, one: PageTask, rows: int, now: int = 1000) -> None:
    """What the store pipeline does with a page of a list."""
    counts = PageCounts(track_rows=rows)
    pages.mark_done(connection, one, counts=counts, run_id=1, now=now)
    playlists.settle(
        connection,
        P1,
        snapshot=one.version,
        read_to=one.first_row + rows,
        first=one.kind is PageKind.PLAYLIST,
        ended=False,
        run_id=1,
        now=now,
    )


def test_record_keeps_what_a_row_does_not_say(connection: sa.Connection) -> None:
    playlists.record(connection, [a_playlist(1, followers=7)], 1000)
    playlists.record(connection, [a_playlist(1, followers=None, owner_id=None, name="New")], 2000)
    row = row_of(connection, playlist, P1)
    assert (row.followers, row.owner_id, row.name, row.first_seen_at) == (7, "someone", "New", 1000)
    playlists.record(connection, [], 3000)


def test_a_renamed_list_moves_its_tracks(connection: sa.Connection) -> None:
    playlists.record(connection, [a_playlist(1)], 1000)
    source = Source("playlist", P1, "snap1")
    tracks.save(connection, [found(a_track(1))], source, policy=POLICY, run_id=1, now=1000)
    saved(connection, 2)
    playlists.record(connection, [a_playlist(1)], 2000)
    assert row_of(connection, track, an_id(1)).updated_at == 1000
    playlists.record(connection, [a_playlist(1, name="New")], 3000)
    assert row_of(connection, track, an_id(1)).updated_at == 3000
    assert row_of(connection, track, an_id(2)).updated_at == 1000


def test_listed_in_served_order(connection: sa.Connection) -> None:
    playlists.record(connection, [a_playlist(number) for number in (1, 2, 3)], 1000)
    ids = [an_id(number, "playlist") for number in (1, 2, 3)]
    playlists.list_for(connection, "rock", "US", [ids[2], ids[0], ids[2]])
    listed = playlists.listed(connection, "rock", "US")
    assert [(row.playlist_id, row.position) for row in listed] == [(ids[2], 0), (ids[0], 1)]
    playlists.list_for(connection, "rock", "US", [ids[1], ids[2]])
    listed = playlists.listed(connection, "rock", "US")
    assert [(row.playlist_id, row.position) for row in listed] == [(ids[1], 0), (ids[2], 1)]
    assert playlists.listed(connection, "rock", "SE") == []
    playlists.list_for(connection, "rock", "US", [])
    assert playlists.listed(connection, "rock", "US") == []


def test_the_snapshot_moves_only_when_the_last_page_is_in(connection: sa.Connection) -> None:
    playlists.record(connection, [a_playlist(1, total=250)], 1000)
    first = a_page(PageKind.PLAYLIST, 0)
    later = [a_page(PageKind.PLAYLIST_ITEMS, offset) for offset in (100, 200)]
    pages.plan(connection, [first, *later])
    for one, rows, seen in ((first, 100, 100), (later[1], 50, 250)):
        read(connection, one, rows)
        row = row_of(connection, playlist, P1)
        assert (row.last_snapshot_processed, row.last_processed_at) == (None, None)
        assert row.processed_rows == seen
    read(connection, later[0], 100, now=2000)
    row = row_of(connection, playlist, P1)
    assert (row.last_snapshot_processed, row.last_processed_at) == ("snap1", 2000)
    assert (row.processed_rows, row.state) == (250, playlists.READ)


def test_another_lists_open_page_does_not_hold_a_snapshot(connection: sa.Connection) -> None:
    playlists.record(connection, [a_playlist(1)], 1000)
    other = PageTask("spotify_playlist", PageKind.PLAYLIST, "other", "US", 0, 100, "s")
    search = PageTask("spotify_playlist", PageKind.PLAYLIST_SEARCH, P1, "US", 0, 50, "g1")
    pages.plan(connection, [a_page(PageKind.PLAYLIST, 0), other, search])
    read(connection, a_page(PageKind.PLAYLIST, 0), 80)
    assert row_of(connection, playlist, P1).last_snapshot_processed == "snap1"


def test_a_new_snapshot_counts_its_rows_anew(connection: sa.Connection) -> None:
    playlists.record(connection, [a_playlist(1)], 1000)
    for version, rows in (("snap1", 80), ("snap2", 60)):
        one = a_page(PageKind.PLAYLIST, 0, version)
        pages.plan(connection, [one])
        read(connection, one, rows)
        row = row_of(connection, playlist, P1)
        assert (row.last_snapshot_processed, row.processed_rows) == (version, rows)


def test_gone_and_forgotten(connection: sa.Connection) -> None:
    playlists.record(connection, [a_playlist(1)], 1000)
    playlists.mark_gone(connection, P1, 2000)
    row = row_of(connection, playlist, P1)
    assert (row.state, row.last_processed_at) == (playlists.GONE, 2000)
    pages.plan(connection, [a_page(PageKind.PLAYLIST, 0)])
    read(connection, a_page(PageKind.PLAYLIST, 0), 80)
    assert row_of(connection, playlist, P1).state == playlists.READ
    playlists.forget_snapshots(connection)
    row = row_of(connection, playlist, P1)
    assert (row.last_snapshot_processed, row.processed_rows) == (None, 0)


@pytest.mark.parametrize(
    ("max_age", "steps"),
    [
        # (now, is the round finished then?, its number)
        (
            0,
            [(1000, False, 1), (1001, True, 1), (1001, False, 2), (9000, True, 2), (9000, True, 3)],
        ),
        (3600, [(9000, True, 1), (12_599, False, 1), (12_600, False, 2), (99_999, False, 2)]),
    ],
)
def test_rounds_of_checks(
    connection: sa.Connection, max_age: float, steps: list[tuple[int, bool, int]]
) -> None:
    for now, finished, number in steps:
        assert playlists.check_generation(connection, "US", now=now, max_age=max_age) == number
        if finished:
            playlists.finish_check(connection, "US", now)
    assert playlists.check_generation(connection, "SE", now=1, max_age=0) == 1
