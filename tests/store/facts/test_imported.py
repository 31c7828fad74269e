"""Imported features in the store: what is kept of them, and what a track gets when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.imported import KeyKind
from runclub_spider.catalog.models import FEATURES, ArtistRef, TrackDetail
from runclub_spider.store import tombstones
from runclub_spider.store.db import meta
from runclub_spider.store.db.tables import (
    imported_features,
    open_metadata,
    track,
    track_recording,
)
from runclub_spider.store.facts import artists, details, features, imported, tracks
from runclub_spider.store.facts.imported import Origin, Saved
from runclub_spider.store.read import catalogue
from runclub_spider.store.read.candidates import CandidateRow, Span, candidates
from testkit.making import POLICY, SEARCH, a_track, an_artist, an_id, found
from testkit.making import features as some_features

BY_ID = Origin(KeyKind.ID, "local", "CC0-1.0")
BY_ISRC = Origin(KeyKind.ISRC, "local", "CC0-1.0")
BY_MBID = Origin(KeyKind.MBID, "local", "CC0-1.0")
CODE = "USUM70000001"
MBID = "11111111-2222-4333-8444-000000000001"


@pytest.fixture(autouse=True)
def _stored(connection: sa.Connection) -> None:
    """Three tracks; the first has a code and a recording, and ReccoBeats was asked for none."""
    page = [found(a_track(number)) for number in (1, 2, 3)]
    tracks.save(connection, page, SEARCH, policy=POLICY, run_id=1, now=100)
    connection.execute(
        sa.insert(track_recording), {"track_id": an_id(1), "mbid": MBID, "route": "isrc"}
    )
    connection.execute(sa.insert(open_metadata), {"track_id": an_id(1), "recording_mbid": MBID})


def asked(connection: sa.Connection, number: int, **changes: Any) -> None:
    """ReccoBeats' answer for a track, in which only the changes have values."""
    row = replace(some_features(an_id(number), **dict.fromkeys(FEATURES)), **changes)
    got, partial = ([row], []) if row.usable else ([], [row])
    missed = [] if row.usable else [an_id(number)]
    features.save(connection, got, missed, version="1", gap_seconds=9, now=200, partial=partial)


def missed(connection: sa.Connection, number: int) -> None:
    features.save(connection, [], [an_id(number)], version="1", gap_seconds=9, now=200)


def keep(
    connection: sa.Connection, origin: Origin, named: str, /, now: int = 300, **values: Any
) -> Saved:
    return imported.save(connection, origin, {named: values}, now)


def known(connection: sa.Connection, number: int) -> dict[str, Any]:
    """The features of a track as a release shows them, those that have a value."""
    (row,) = catalogue.wide(connection, [an_id(number)])
    found = {name: getattr(row, f"f_{name}") for name in FEATURES}
    assert found == {name: row._asdict()[f"f_{name}"] for name in FEATURES}
    span = Span(an_id(number), f"{an_id(number)}0")
    (one,) = candidates(connection, "US", span)
    assert one in list(candidates(connection, "US", Span()))
    for name in ("tempo", "energy", "danceability", "acousticness"):
        assert getattr(one, name) == found[name]
    values = {name: value for name, value in found.items() if value is not None}
    assert (one.features is not None) is bool(values)
    return values


def whose(connection: sa.Connection, number: int) -> dict[str, tuple[str, str]]:
    (row,) = catalogue.wide(connection, [an_id(number)])
    return {name: (one.source, one.licence) for name, one in (row.imported or {}).items()}


def updated(connection: sa.Connection, number: int) -> int:
    query = sa.select(track.c.updated_at).where(track.c.track_id == an_id(number))
    return int(connection.scalar(query) or 0)


# --- what a track gets


def test_a_miss_is_filled(connection: sa.Connection) -> None:
    missed(connection, 1)
    assert known(connection, 1) == {}
    keep(connection, BY_ID, an_id(1), tempo=171.5, key=3)
    assert known(connection, 1) == {"tempo": 171.5, "key": 3}
    assert whose(connection, 1) == dict.fromkeys(("tempo", "key"), ("local", "CC0-1.0"))
    assert known(connection, 2) == {}


def test_a_track_that_was_never_asked_is_filled_and_still_asked(connection: sa.Connection) -> None:
    keep(connection, BY_ID, an_id(1), tempo=171.5, energy=0.5)
    assert known(connection, 1) == {"tempo": 171.5, "energy": 0.5}
    pending = features.pending(connection, version="1", now=300)
    assert pending == sorted(an_id(number) for number in (1, 2, 3))


def test_reccobeats_wins_whenever_it_answers(connection: sa.Connection) -> None:
    asked(connection, 2, tempo=90.0, energy=0.2)
    for number in (1, 2):
        keep(connection, BY_ID, an_id(number), tempo=171.5, energy=0.5, valence=0.4)
    assert known(connection, 2) == {"tempo": 90.0, "energy": 0.2, "valence": 0.4}
    assert whose(connection, 2) == {"valence": ("local", "CC0-1.0")}
    asked(connection, 1, tempo=91.0, energy=0.3, valence=0.1)
    assert known(connection, 1) == {"tempo": 91.0, "energy": 0.3, "valence": 0.1}
    assert whose(connection, 1) == {}


def test_a_row_with_some_numbers_is_filled_up(connection: sa.Connection) -> None:
    asked(connection, 1, energy=0.0)
    keep(connection, BY_ID, an_id(1), tempo=171.5, energy=0.9)
    assert known(connection, 1) == {"tempo": 171.5, "energy": 0.0}


@pytest.mark.parametrize("code", [True, False], ids=["Spotify's code", "ReccoBeats' code"])
def test_by_isrc(code: bool, connection: sa.Connection) -> None:
    if not code:
        connection.execute(sa.update(track).values(isrc=None))
        detail = TrackDetail("r", an_id(1), CODE, None, (), None)
        details.save(connection, [an_id(1)], [detail], 150)
    assert keep(connection, BY_ISRC, CODE, tempo=171.5).tracks == 1
    assert known(connection, 1) == {"tempo": 171.5}
    assert updated(connection, 1) == 300


def test_by_recording(connection: sa.Connection) -> None:
    assert keep(connection, BY_MBID, MBID, tempo=171.5).tracks == 1
    assert known(connection, 1) == {"tempo": 171.5}
    assert updated(connection, 1) == 300


def comes(connection: sa.Connection, number: int, now: int = 400, **changes: Any) -> None:
    page = [found(a_track(number, isrc=CODE, **changes))]
    tracks.save(connection, page, SEARCH, policy=POLICY, run_id=1, now=now)


def test_by_isrc_for_every_edition_of_the_recording(connection: sa.Connection) -> None:
    keep(connection, BY_ISRC, CODE, tempo=171.5)
    comes(connection, 6, name="Song 1 - Remastered", duration_ms=245_000)
    assert known(connection, 1) == known(connection, 6) == {"tempo": 171.5}
    assert updated(connection, 1) == 300


def test_by_an_isrc_of_several_recordings_none_is_meant(connection: sa.Connection) -> None:
    keep(connection, BY_ISRC, CODE, tempo=171.5)
    revision = meta.revision(connection)
    comes(connection, 7, name="Another One")
    assert known(connection, 1) == known(connection, 7) == {}
    assert updated(connection, 1) == 400
    assert meta.revision(connection) > revision
    # What names the track itself is meant for it.
    keep(connection, BY_ID, an_id(7), now=500, energy=0.5)
    assert known(connection, 7) == {"energy": 0.5}
    # Nor does what is imported now change any of them.
    assert keep(connection, BY_ISRC, CODE, now=600, valence=0.5) == Saved(changed=1)
    tombstones.bury(connection, tombstones.Kind.TRACK, an_id(7), 700)
    assert known(connection, 1) == {"tempo": 171.5, "valence": 0.5}
    assert updated(connection, 1) == 700


def test_a_code_that_reccobeats_tells_may_be_of_another_recording(
    connection: sa.Connection,
) -> None:
    keep(connection, BY_ISRC, CODE, tempo=171.5)
    connection.execute(sa.update(track).where(track.c.track_id == an_id(2)).values(isrc=None))
    details.save(connection, [an_id(2)], [TrackDetail("r", an_id(2), CODE, None, (), None)], 450)
    assert known(connection, 1) == known(connection, 2) == {}
    assert updated(connection, 1) == 450


def test_the_surest_key_goes_first_and_then_the_name_of_the_source(
    connection: sa.Connection,
) -> None:
    origins = [
        *(replace(BY_MBID, source=source) for source in "za"),
        *(replace(BY_ISRC, source=source) for source in "zb"),
        *(replace(BY_ID, source=source) for source in "zc"),
    ]
    keys = {KeyKind.ID: an_id(1), KeyKind.ISRC: CODE, KeyKind.MBID: MBID}
    for number, origin in enumerate(origins):
        keep(connection, origin, keys[origin.kind], tempo=100.0 + number)
        best = min(
            origins[: number + 1], key=lambda one: (list(KeyKind).index(one.kind), one.source)
        )
        assert known(connection, 1)["tempo"] == 100.0 + origins.index(best)


VALUES = st.dictionaries(st.sampled_from(FEATURES), st.integers(0, 1), min_size=1)
ROWS = st.lists(
    st.tuples(st.sampled_from(list(KeyKind)), st.sampled_from("ab"), VALUES), max_size=5
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(own=st.none() | VALUES, rows=ROWS)
def test_a_track_is_changed_when_what_it_shows_is(
    own: dict[str, int] | None, rows: list[Any], connection: sa.Connection
) -> None:
    """Whatever is imported in whatever order: the moment of change follows what is exported."""
    keys: Mapping[KeyKind, str] = {KeyKind.ID: an_id(1), KeyKind.ISRC: CODE, KeyKind.MBID: MBID}
    with connection.begin_nested() as undone:
        if own is not None:
            asked(connection, 1, **own)
        for number, (kind, source, values) in enumerate(rows):
            before, moment = (known(connection, 1), whose(connection, 1)), 1000 + number
            revision = meta.revision(connection)
            saved = imported.save(
                connection, Origin(kind, source, "CC0-1.0"), {keys[kind]: values}, moment
            )
            differs = before != (known(connection, 1), whose(connection, 1))
            assert (updated(connection, 1) == moment) is differs
            assert saved.tracks == differs
            assert (meta.revision(connection) > revision) is differs
            # What ReccoBeats said stands.
            assert (own or {}).items() <= known(connection, 1).items()
        undone.rollback()


def test_a_length_that_comes_later_may_tell_recordings_apart(connection: sa.Connection) -> None:
    keep(connection, BY_ISRC, CODE, tempo=171.5)
    comes(connection, 6, name="Song 1", duration_ms=0)
    assert known(connection, 1) == {"tempo": 171.5}
    told = TrackDetail("r", an_id(6), None, None, (), 300_000)
    details.save(connection, [an_id(6)], [told], 450)
    assert known(connection, 1) == known(connection, 6) == {}
    assert updated(connection, 1) == 450
    # Spotify's own length comes last and counts for more.
    comes(connection, 6, now=500, name="Song 1", duration_ms=241_000)
    assert known(connection, 1) == {"tempo": 171.5}
    assert updated(connection, 1) == 500


@pytest.mark.parametrize("by_page", [True, False], ids=["a page", "the artist's record"])
def test_an_artist_named_later_may_make_it_one_recording(
    by_page: bool, connection: sa.Connection
) -> None:
    singer = an_artist(66, name="Artist 1")
    keep(connection, BY_ISRC, CODE, tempo=171.5)
    nameless = (ArtistRef(singer.artist_id, ""),)
    comes(connection, 6, name="Song 1", duration_ms=255_000, artists=nameless)
    assert known(connection, 1) == known(connection, 6) == {}
    assert updated(connection, 1) == 400
    if by_page:
        page = [found(a_track(9, artists=(ArtistRef(singer.artist_id, singer.name),)))]
        tracks.save(connection, page, SEARCH, policy=POLICY, run_id=1, now=450)
    else:
        artists.save(connection, [singer.artist_id], [singer], 450)
    assert known(connection, 1) == known(connection, 6) == {"tempo": 171.5}
    assert updated(connection, 1) == 450


def test_a_track_that_gets_another_code_leaves_the_old_one_to_others(
    connection: sa.Connection,
) -> None:
    keep(connection, BY_ISRC, CODE, tempo=171.5)
    comes(connection, 7, name="Another One", artists=(ArtistRef(an_id(66, "artist"), "Lem"),))
    assert known(connection, 1) == {}
    page = [found(a_track(7, name="Another One"))]
    tracks.save(connection, page, SEARCH, policy=POLICY, run_id=1, now=500)
    assert known(connection, 1) == {"tempo": 171.5}
    assert updated(connection, 1) == 500


# --- what is stored


def test_the_same_again_changes_nothing(connection: sa.Connection) -> None:
    rows = {an_id(1): {"tempo": 171.5}, an_id(9): {"energy": 0.5}}
    assert imported.save(connection, BY_ID, rows, 300) == Saved(new=2, tracks=1)
    before = connection.execute(sa.select(imported_features)).all()
    revision = meta.revision(connection)
    assert imported.save(connection, BY_ID, rows, 400) == Saved(same=2)
    assert connection.execute(sa.select(imported_features)).all() == before
    assert (meta.revision(connection), updated(connection, 1)) == (revision, 300)


def test_another_value_replaces_the_one_of_the_same_source(connection: sa.Connection) -> None:
    keep(connection, BY_ID, an_id(1), tempo=171.5)
    keep(connection, replace(BY_ID, source="other"), an_id(1), tempo=60.0)
    assert keep(connection, BY_ID, an_id(1), now=400, tempo=85.75) == Saved(changed=1, tracks=1)
    assert known(connection, 1) == {"tempo": 85.75}
    assert updated(connection, 1) == 400


def test_a_source_may_tell_its_features_in_several_files(connection: sa.Connection) -> None:
    keep(connection, BY_ID, an_id(1), tempo=171.5)
    keep(connection, BY_ID, an_id(1), energy=0.5)
    assert known(connection, 1) == {"tempo": 171.5, "energy": 0.5}


def test_values_of_two_licences_are_not_mixed(connection: sa.Connection) -> None:
    keep(connection, BY_ID, an_id(1), tempo=171.5)
    keep(connection, replace(BY_ID, licence="CC-BY-4.0"), an_id(1), energy=0.5)
    assert known(connection, 1) == {"energy": 0.5}
    assert whose(connection, 1) == {"energy": ("local", "CC-BY-4.0")}


def test_of_a_track_that_comes_later(connection: sa.Connection) -> None:
    assert keep(connection, BY_ID, an_id(4), tempo=171.5) == Saved(new=1)
    tracks.save(connection, [found(a_track(4))], SEARCH, policy=POLICY, run_id=1, now=400)
    assert known(connection, 4) == {"tempo": 171.5}


def test_what_was_forgotten_is_known(connection: sa.Connection) -> None:
    tombstones.bury(connection, tombstones.Kind.TRACK, an_id(1), 9)
    tombstones.bury(connection, tombstones.Kind.ISRC, CODE, 9)
    ids = [an_id(1), an_id(2)]
    assert imported.forgotten(connection, KeyKind.ID, ids) == {an_id(1)}
    assert imported.forgotten(connection, KeyKind.ISRC, [CODE, "USUM70000002"]) == {CODE}
    assert imported.forgotten(connection, KeyKind.MBID, [MBID]) == set()


def test_a_row_without_an_id_that_is_a_text_gets_nothing(connection: sa.Connection) -> None:
    """SQLite keeps anything in any column, and sorts it before or behind all texts."""
    keep(connection, BY_ID, an_id(1), tempo=171.5)
    ids: list[Any] = [5, an_id(1), b"x"]
    odd = [CandidateRow(one, *[None] * (len(CandidateRow._fields) - 1)) for one in ids]
    imports = imported.of_tracks(connection, sa.true())
    got = [sorted(values) for _, values in imported.beside(odd, imports)]
    assert got == [[], ["tempo"], []]
