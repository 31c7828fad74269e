"""Details from ReccoBeats, and editions that lend their features."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from runclub_spider.catalog.models import FEATURES, ArtistRef, Playable, TrackDetail
from runclub_spider.store.db import meta
from runclub_spider.store.db.tables import (
    audio_features,
    feature_miss,
    rejection,
    track,
    track_detail,
)
from runclub_spider.store.facts import details, editions, features, tracks
from runclub_spider.store.read import candidates
from runclub_spider.store.read.candidates import Span
from testkit.making import POLICY, SEARCH, a_track, an_id, found
from testkit.making import features as some_features

ISRC = "USUM70000009"
LENGTH = 240_000


def saved(connection: sa.Connection, *numbers: int, **changes: Any) -> None:
    page = [found(a_track(number, **changes)) for number in numbers]
    tracks.save(connection, page, SEARCH, policy=POLICY, run_id=1, now=1000)


def detail(number: int, **changes: Any) -> TrackDetail:
    values = {"isrc": ISRC, "popularity": 10, "countries": ("CA", "US"), "duration_ms": LENGTH}
    return TrackDetail(f"uuid{number}", an_id(number), **(values | changes))


# --- details


def test_only_eligible_tracks_that_lack_something_are_pending(connection: sa.Connection) -> None:
    saved(connection, 1)
    saved(connection, 2, popularity=None)
    saved(connection, 3, isrc=None)
    saved(connection, 4, popularity=None, duration_ms=999_000)
    wanted = sorted([an_id(2), an_id(3)])
    assert details.pending(connection, stale_before=0) == wanted
    assert details.pending(connection, stale_before=0, track_ids=[an_id(1), an_id(3)]) == [an_id(3)]


def test_an_answer_is_kept_and_a_silent_one_remembered(connection: sa.Connection) -> None:
    saved(connection, 1, 2, popularity=None)
    revision = meta.revision(connection)
    asked = [an_id(1), an_id(2)]
    details.save(connection, asked, [detail(1)], 2000)
    kept = {row.track_id: row for row in connection.execute(sa.select(track_detail))}
    assert kept[an_id(1)][1:] == (ISRC, 10, "CA,US", 2000, LENGTH)
    assert kept[an_id(2)][1:] == (None, None, None, 2000, None)
    assert details.pending(connection, stale_before=2000) == []
    assert details.pending(connection, stale_before=2001) == sorted(asked)
    moved = dict(connection.execute(sa.select(track.c.track_id, track.c.updated_at)).all())
    assert moved == {an_id(1): 2000, an_id(2): 1000}
    assert meta.revision(connection) == revision + 1
    # The same again changes nothing that a release shows.
    details.save(connection, asked, [detail(1)], 3000)
    assert meta.revision(connection) == revision + 1


def rejected(connection: sa.Connection) -> dict[str, str]:
    return {row.track_id: row.rule for row in connection.execute(sa.select(rejection))}


def test_a_track_without_length_is_asked_and_let_in_by_the_answer(
    connection: sa.Connection,
) -> None:
    saved(connection, 1, 2, 3, duration_ms=0)
    saved(connection, 4, duration_ms=0, is_playable=False)
    saved(connection, 5, popularity=None)
    page = [found(a_track(4, duration_ms=0), playable=Playable.NO)]
    tracks.save(connection, page, SEARCH, policy=POLICY, run_id=1, now=1000)
    asked = sorted(an_id(number) for number in (1, 2, 3))
    # What another rule refuses as well is not asked for, and with popularity nothing else is.
    assert details.pending(connection, stale_before=0, lengths_only=True) == asked
    assert set(details.pending(connection, stale_before=0)) == {*asked, an_id(5)}
    assert features.pending(connection, version="1", now=1000) == [an_id(5)]
    details.save(connection, asked, [detail(1), detail(2, duration_ms=400_000)], 2000)
    assert tracks.judge_again(connection, POLICY, asked, 1) == [an_id(1)]
    assert {i: rule for i, rule in rejected(connection).items() if i != an_id(4)} == {
        an_id(2): "too_long",
        an_id(3): "no_duration",
    }
    assert set(features.pending(connection, version="1", now=2000)) == {an_id(1), an_id(5)}
    assert details.pending(connection, stale_before=2000, lengths_only=True) == []
    # Not told, it is asked again after a while; told, never.
    assert details.pending(connection, stale_before=2001, lengths_only=True) == [an_id(3)]
    (length,) = (
        row.duration_ms
        for row in candidates.candidates(connection, "US", Span())
        if row.track_id == an_id(1)
    )
    assert length == LENGTH
    # A silent answer takes it back no more than Spotify's own length leaves it in force.
    details.save(connection, asked, [], 3000)
    assert tracks.judge_again(connection, POLICY, asked, 1) == []
    assert an_id(1) not in rejected(connection)
    saved(connection, 1, duration_ms=1)
    assert rejected(connection)[an_id(1)] == "too_short"


# --- editions


def missed(connection: sa.Connection, *numbers: int, now: int = 1000, **changes: Any) -> None:
    saved(connection, *numbers, isrc=ISRC, **changes)
    ids = [an_id(number) for number in numbers]
    features.save(connection, [], ids, version="1", gap_seconds=10, now=now)


def lend(connection: sa.Connection, *numbers: int, now: int = 1002) -> list[str]:
    asked = list(editions.lenders(connection))
    rows = [some_features(an_id(number)) for number in numbers]
    return editions.save_loans(connection, asked, rows, version="1", now=now)


def test_an_isrc_is_searched_once_a_miss(connection: sa.Connection) -> None:
    missed(connection, 1, 2)
    saved(connection, 3)
    assert editions.unsearched(connection) == [ISRC]
    editions.save_search(connection, [ISRC], [], 1001)
    assert editions.unsearched(connection) == []
    # Asked again and missed again: other editions may have come meanwhile.
    features.save(connection, [], [an_id(1)], version="1", gap_seconds=10, now=1500)
    assert editions.unsearched(connection) == [ISRC]


def test_the_most_popular_edition_lends_first_then_the_next(connection: sa.Connection) -> None:
    missed(connection, 1)
    rows = [
        detail(1),
        detail(20, duration_ms=LENGTH + 900),
        detail(21, duration_ms=LENGTH + 100, popularity=11),
        detail(22, duration_ms=LENGTH - 100, popularity=60),
        detail(23, duration_ms=LENGTH + 9_000, popularity=99),
        detail(24, isrc="USUM70000001", popularity=99),
        TrackDetail("uuid", None, ISRC, 5, (), LENGTH),
    ]
    editions.save_search(connection, [ISRC], rows, 1001)
    for lender in (22, 21):
        assert editions.lenders(connection) == {an_id(lender): [an_id(1)]}
        assert lend(connection) == []
    assert editions.lenders(connection) == {an_id(20): [an_id(1)]}
    assert lend(connection, 20) == [an_id(1)]
    (row,) = connection.execute(sa.select(audio_features))
    assert (row.track_id, row.borrowed_from, row.tempo) == (an_id(1), an_id(20), 167.2)
    assert connection.execute(sa.select(feature_miss)).all() == []
    assert connection.scalar(sa.select(track.c.has_features))
    assert editions.lenders(connection) == {}


def test_one_edition_may_lend_to_several(connection: sa.Connection) -> None:
    missed(connection, 1, 2)
    editions.save_search(connection, [ISRC], [detail(20)], 1001)
    assert editions.lenders(connection) == {an_id(20): sorted([an_id(1), an_id(2)])}
    assert sorted(lend(connection, 20)) == sorted([an_id(1), an_id(2)])


@pytest.mark.parametrize("again", [False, True])
def test_a_new_search_asks_known_editions_anew(connection: sa.Connection, again: bool) -> None:
    missed(connection, 1)
    editions.save_search(connection, [ISRC], [detail(20)], 1001)
    assert lend(connection) == []
    if again:
        editions.save_search(connection, [ISRC], [detail(20)], 2000)
    assert bool(editions.lenders(connection)) == again


def settle(connection: sa.Connection) -> int:
    return editions.settle_known(connection, version="1", now=1002)


def test_what_the_store_knows_of_an_edition_is_not_asked(connection: sa.Connection) -> None:
    missed(connection, 1, 2, name="Song")
    saved(connection, 3, isrc=ISRC, name="Song", duration_ms=LENGTH + 500)
    row = some_features(an_id(3), tempo=150.0)
    features.save(connection, [row], [], version="1", gap_seconds=10, now=1000)
    editions.save_search(connection, [ISRC], [detail(1), detail(2), detail(3)], 1001)
    # Editions that are misses themselves are passed over, for they have nothing.
    assert settle(connection) == 2
    lent = {
        row.track_id: (row.borrowed_from, row.tempo)
        for row in connection.execute(sa.select(audio_features))
    }
    assert lent == {
        an_id(1): (an_id(3), 150.0),
        an_id(2): (an_id(3), 150.0),
        an_id(3): (None, 150.0),
    }
    assert editions.lenders(connection) == {}


def test_an_edition_the_store_knows_nothing_of_is_asked(connection: sa.Connection) -> None:
    missed(connection, 1, 2)
    editions.save_search(connection, [ISRC], [detail(2), detail(20)], 1001)
    assert settle(connection) == 0
    assert editions.lenders(connection) == {an_id(20): sorted([an_id(1), an_id(2)])}


def test_another_song_under_the_code_lends_nothing(connection: sa.Connection) -> None:
    missed(connection, 1, name="Cold Hands")
    by = {"artists": ("Artist 1",)}
    rows = [
        detail(20, title="Warm Feet", artists=("Lem",), popularity=99),
        detail(21, title="Cold Hands (Sped Up)", **by, popularity=98),
        detail(22, title="Cold Hands - Remastered", **by, popularity=1),
        # What it is called is not known.
        detail(23, popularity=97),
        # Of another length, so nothing depends on what it is called.
        detail(24, title="Warm Feet", artists=("Lem",), duration_ms=LENGTH + 60_000),
    ]
    editions.save_search(connection, [ISRC], rows, 1001)
    for lender in (23, 22):
        assert editions.lenders(connection) == {an_id(lender): [an_id(1)]}
        lend(connection)
    assert editions.lenders(connection) == {}


def test_another_stored_song_under_the_code_lends_nothing(connection: sa.Connection) -> None:
    missed(connection, 1, name="Cold Hands")
    saved(connection, 3, isrc=ISRC, name="Warm Feet", artists=(ArtistRef("9" * 22, "Lem"),))
    row = some_features(an_id(3), tempo=150.0)
    features.save(connection, [row], [], version="1", gap_seconds=10, now=1000)
    editions.save_search(connection, [ISRC], [detail(3)], 1001)
    assert settle(connection) == 0
    assert editions.lenders(connection) == {}


def test_a_new_miss_borrows_once_its_code_was_searched_for_it(connection: sa.Connection) -> None:
    missed(connection, 1, name="Cold Hands")
    named = {"title": "Cold Hands", "artists": ("Artist 1",)}
    editions.save_search(connection, [ISRC], [detail(20, **named)], 1001)
    missed(connection, 2, name="Warm Feet", now=1002)
    assert editions.lenders(connection) == {an_id(20): [an_id(1)]}
    # It fits both in length, and one of them would get a wrong tempo.
    editions.save_search(connection, [ISRC], [detail(20, **named)], 1003)
    assert editions.lenders(connection) == {}


def keep_own(connection: sa.Connection, **numbers: Any) -> None:
    """An answer for track 1 that has only these numbers."""
    row = replace(some_features(an_id(1)), **(dict.fromkeys(FEATURES) | numbers))
    features.save(connection, [], [an_id(1)], version="1", gap_seconds=10, now=1000, partial=[row])


def test_a_row_without_tempo_makes_room_for_a_loan(connection: sa.Connection) -> None:
    saved(connection, 1, isrc=ISRC)
    keep_own(connection, valence=0.9, energy=0.5)
    assert editions.unsearched(connection) == [ISRC]
    editions.save_search(connection, [ISRC], [detail(20)], 1001)
    assert list(editions.lenders(connection)) == [an_id(20)]
    # An edition that lacks something itself lends nothing.
    half = replace(some_features(an_id(20)), energy=None)
    assert editions.save_loans(connection, [an_id(20)], [half], version="1", now=1002) == []
    editions.save_search(connection, [ISRC], [detail(20)], 1003)
    assert lend(connection, 20, now=1004) == [an_id(1)]
    (row,) = connection.execute(sa.select(audio_features))
    assert (row.tempo, row.valence, row.borrowed_from) == (167.2, 0.43, an_id(20))
    # Own numbers without a tempo do not come back in its place; with one they do, alone.
    keep_own(connection, valence=0.9)
    assert connection.execute(sa.select(audio_features)).one() == row
    keep_own(connection, tempo=90.0)
    (row,) = connection.execute(sa.select(audio_features))
    assert (row.tempo, row.valence, row.borrowed_from) == (90.0, None, None)


def test_a_row_with_a_tempo_borrows_nothing(connection: sa.Connection) -> None:
    saved(connection, 1, isrc=ISRC)
    keep_own(connection, tempo=90.0)
    assert connection.execute(sa.select(feature_miss)).one().tries == 1
    assert editions.unsearched(connection) == []
    editions.save_search(connection, [ISRC], [detail(20)], 1001)
    assert editions.lenders(connection) == {}


def test_an_incomplete_edition_of_the_store_is_passed_over(connection: sa.Connection) -> None:
    missed(connection, 2)
    saved(connection, 1, isrc=ISRC)
    keep_own(connection, tempo=90.0)
    editions.save_search(connection, [ISRC], [detail(1), detail(20)], 1001)
    assert settle(connection) == 0
    assert editions.lenders(connection) == {an_id(20): [an_id(2)]}
