"""What is forgotten leaves no trace, in whatever table: the declared tables are walked."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from runclub_spider.catalog.models import TrackDetail
from runclub_spider.catalog.original import question
from runclub_spider.store import tombstones
from runclub_spider.store.db import meta, tables
from runclub_spider.store.facts import details, editions, imported, tracks
from runclub_spider.store.facts.imported import KeyKind, Origin
from runclub_spider.store.tombstones import Kind
from testkit.making import POLICY, SEARCH, a_track, an_id, found

NOW = 500
T, OTHER, LENDER = an_id(1), an_id(2), an_id(77)
X, OTHER_X = "USUM70000001", "USUM70000002"
# Songs 1 and 2 are of two artists.
A, OTHER_A = an_id(1, "artist"), an_id(2, "artist")
M, OTHER_M = "11111111-2222-4333-8444-00000000000a", "11111111-2222-4333-8444-00000000000b"
AM, OTHER_AM = "99999999-2222-4333-8444-00000000000a", "99999999-2222-4333-8444-00000000000b"
TITLE, NAME = "The Needle's Eye", "Seamstress"

#: Columns that name a track, an artist, an ISRC or a recording; or keys and texts that may.
NAMING = frozenset(
    {
        *("track_id", "artist_id", "isrc", "linked_from", "borrowed_from", "key_value", "raw"),
        *("mbid", "artist_mbid", "recording_mbid", "artist_mbids", "added", "removed"),
        "needed",
    }
)
#: Columns that may hold such a name ever after, and why.
EXCUSED = {
    ("tombstone", "value"): "it is what keeps the forgotten out",
    ("seed", "term"): "the words of a search; what it showed of the forgotten is gone",
    ("page", "key"): "as the seed's",
    ("page", "source_key"): "as the seed's",
    ("track_source", "source_key"): "as the seed's",
    ("song", "mbid"): "a station's own word for what it played",
    ("external_play", "mbid"): "a station's own word for what it played",
}
NEEDLES: Mapping[Kind, tuple[str, tuple[str, ...]]] = {
    Kind.TRACK: (T, (T, X, M, TITLE)),
    Kind.ISRC: (X, (T, X, M, TITLE)),
    Kind.ARTIST: (A, (T, X, M, TITLE, A, AM, NAME)),
}


def row(table: sa.Table, **values: Any) -> dict[str, Any]:
    """A row with the values given, and something in whatever else must not be null."""
    made: dict[str, Any] = {}
    for column in table.columns:
        if column.name in values or column.nullable or column.server_default is not None:
            continue
        kind = column.type.python_type
        made[column.name] = {str: "-", bool: True, bytes: b""}.get(kind, 0)
    return {**made, **values}


def raw_page(*numbers: int, **changes: Any) -> bytes:
    rows = [{"track": orjson.loads(orjson.dumps(a_track(n)))} for n in numbers]
    for one in rows:
        one["track"].update(changes)
    return zlib.compress(orjson.dumps(rows))


def rows_of(track: str, code: str, artist: str, recording: str, person: str) -> list[Any]:
    """What every table says of a track."""
    named, number = {"track_id": track}, code[-1]
    key = {1: question(TITLE, NAME), 2: question("Song 2", "Artist 2")}[1 if track == T else 2]
    assert key is not None
    return [
        (tables.track_market, [row(tables.track_market, **named, market="CA")]),
        (
            tables.track_source,
            [row(tables.track_source, **named, source_type="search", source_key=f"isrc:{code}")],
        ),
        (tables.feature_miss, [row(tables.feature_miss, **named)]),
        (tables.track_detail, [row(tables.track_detail, **named, isrc=code)]),
        (tables.edition_search, [row(tables.edition_search, isrc=code)]),
        (
            tables.edition,
            [
                row(tables.edition, isrc=code, track_id=one)
                for one in (track, an_id(70 + int(number)))
            ],
        ),
        (tables.recording, [row(tables.recording, mbid=recording, title=TITLE)]),
        (
            tables.recording_artist,
            [row(tables.recording_artist, mbid=recording, position=0, artist_mbid=person)],
        ),
        (tables.open_artist, [row(tables.open_artist, mbid=person, name=NAME)]),
        (tables.track_recording, [row(tables.track_recording, **named, mbid=recording)]),
        (tables.artist_link, [row(tables.artist_link, artist_id=artist, artist_mbid=person)]),
        (
            tables.open_ask,
            [
                row(tables.open_ask, kind=kind, key=one)
                for kind, one in (
                    *(("isrc", code), ("title", key.key), ("url", artist)),
                    *(("recording", recording), ("artist", person)),
                )
            ],
        ),
        (
            tables.open_answer,
            [
                row(tables.open_answer, kind=kind, key=one, mbid=recording)
                for kind, one in (("isrc", code), ("title", key.key))
            ],
        ),
        (
            tables.open_tag,
            [
                row(tables.open_tag, entity=entity, mbid=mbid, name="rock")
                for entity, mbid in (("recording", recording), ("artist", person))
            ],
        ),
        (
            tables.open_metadata,
            [
                row(
                    tables.open_metadata,
                    **named,
                    recording_mbid=recording,
                    artist_mbids=orjson.dumps([person]).decode(),
                )
            ],
        ),
        (tables.rejection, [row(tables.rejection, **named, rule="too_short", detail=track)]),
        (tables.release_row, [row(tables.release_row, **named)]),
        (tables.canonical, [row(tables.canonical, isrc=code, track_id=track)]),
        (
            tables.song,
            [row(tables.song, id=number, isrc=code, track_id=track, mbid=recording,
                 match_key=number)],
        ),
        (
            tables.external_play,
            [row(tables.external_play, source_play_id=number, song_id=number, mbid=recording)],
        ),
        (tables.seed, [row(tables.seed, term=f"isrc:{code}")]),
        (
            tables.fleet_need,
            [row(tables.fleet_need, stage="-", needed=one) for one in (track, artist)],
        ),
        (
            tables.page,
            [
                row(tables.page, key=f"isrc:{code}", source_key=f"isrc:{code}",
                    raw=raw_page(1 if track == T else 2)),
            ],
        ),
        (
            tables.imported_features,
            [
                row(tables.imported_features, key_kind=kind, key_value=value, tempo=90.0)
                for kind, value in (("id", track), ("isrc", code), ("mbid", recording))
            ],
        ),
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def _filled(connection: sa.Connection) -> None:
    """Two tracks that nothing binds but that the second names the first here and there."""
    page = [found(a_track(number)) for number in (1, 2)]
    tracks.save(connection, page, SEARCH, policy=POLICY, run_id=1, now=100)
    connection.execute(
        sa.update(tables.track).where(tables.track.c.track_id == T).values(name=TITLE)
    )
    for one, name in ((A, NAME), (OTHER_A, "Artist 2")):
        of_one = tables.artist.c.artist_id == one
        connection.execute(sa.update(tables.artist).where(of_one).values(name=name))
    for some in (
        *rows_of(T, X, A, M, AM),
        *rows_of(OTHER, OTHER_X, OTHER_A, OTHER_M, OTHER_AM),
    ):
        table, rows = some
        connection.execute(sa.insert(table), rows)
    other = tables.recording.c.mbid == OTHER_M
    connection.execute(sa.update(tables.recording).where(other).values(title="Song 2"))
    known = tables.open_artist.c.mbid == OTHER_AM
    connection.execute(sa.update(tables.open_artist).where(known).values(name="Artist 2"))
    # The second was relinked from the first, borrows of it, and credits its artist as a guest.
    for one, lender in ((T, None), (OTHER, T)):
        lent = row(tables.audio_features, track_id=one, tempo=90.0, borrowed_from=lender)
        connection.execute(sa.insert(tables.audio_features), lent)
    connection.execute(
        sa.update(tables.track)
        .where(tables.track.c.track_id == OTHER)
        .values(linked_from=T, has_features=True)
    )
    connection.execute(
        sa.insert(tables.page),
        row(tables.page, key="p", raw=raw_page(2, linked_from=T)),
    )
    both = tables.open_metadata.c.track_id == OTHER
    connection.execute(
        sa.update(tables.open_metadata)
        .where(both)
        .values(artist_mbids=orjson.dumps([OTHER_AM, AM]).decode())
    )
    guest = row(tables.recording_artist, mbid=OTHER_M, position=1, artist_mbid=AM)
    connection.execute(sa.insert(tables.recording_artist), guest)
    connection.execute(
        sa.insert(tables.playlist_change),
        row(
            tables.playlist_change,
            added=orjson.dumps([T, OTHER]).decode(),
            removed=orjson.dumps([OTHER, T]).decode(),
        ),
    )
    for name in (meta.CANONICAL_LOG, meta.CHANGES, meta.UNSOUND):
        text = orjson.dumps([{"trackId": T, "isrc": X}, {"trackId": OTHER}]).decode()
        meta.put(connection, name, text)


def places(connection: sa.Connection, needle: str) -> set[tuple[str, str]]:
    """(table, column) of whatever holds a text, packed or not."""
    hits = set()
    for table in tables.metadata.sorted_tables:
        for found_row in connection.execute(sa.select(table)):
            for name, value in found_row._mapping.items():
                text = value
                if isinstance(value, bytes) and value:
                    text = zlib.decompress(value).decode()
                if needle in str(text):
                    hits.add((table.name, name))
    return hits


def naming() -> set[tuple[str, str]]:
    return {
        (table.name, column.name)
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if column.name in NAMING
    }


def test_every_table_that_names_something_is_tried(connection: sa.Connection) -> None:
    """A new one must be filled above, or this test could not see what is left in it."""
    tried = {place for needle in (T, X, A, M, AM) for place in places(connection, needle)}
    assert naming() <= tried
    # Whatever else could name one of them: keys, ids and texts of all tables.
    assert {column for _, column in tried} - NAMING == {
        *("key", "source_key", "term", "value", "detail"),
    }


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_is_left(kind: Kind, connection: sa.Connection) -> None:
    value, needles = NEEDLES[kind]
    others = {needle: places(connection, needle) for needle in (OTHER, OTHER_X, OTHER_A, OTHER_M)}
    assert tombstones.bury(connection, kind, value, NOW) == [T]
    left = {needle: places(connection, needle) - EXCUSED.keys() for needle in needles}
    assert {needle: found for needle, found in left.items() if found} == {}
    # What is another track's stays.
    loan = {("audio_features", "track_id")}
    for needle, before in others.items():
        assert places(connection, needle) == before - (loan if needle == OTHER else set())
    if connection.dialect.name == "sqlite":
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


@pytest.mark.parametrize("kind", list(Kind))
def test_who_named_it_is_changed(kind: Kind, connection: sa.Connection) -> None:
    tombstones.bury(connection, kind, NEEDLES[kind][0], NOW)
    of_other = sa.select(tables.track).where(tables.track.c.track_id == OTHER)
    found_row = connection.execute(of_other).one()
    assert found_row.linked_from is None
    # What it borrowed is asked for anew.
    assert (found_row.has_features, found_row.updated_at) == (False, NOW)
    credited = connection.scalar(
        sa.select(tables.open_metadata.c.artist_mbids).where(
            tables.open_metadata.c.track_id == OTHER
        )
    )
    assert orjson.loads(credited or "") == ([OTHER_AM] if kind is Kind.ARTIST else [OTHER_AM, AM])


@pytest.mark.parametrize("kind", [Kind.TRACK, Kind.ARTIST])
def test_what_another_track_has_as_well_stays(kind: Kind, connection: sa.Connection) -> None:
    """Its code and its recording are those of an edition that nobody forgot."""
    of_other = tables.track.c.track_id == OTHER
    connection.execute(sa.update(tables.track).where(of_other).values(isrc=X))
    connection.execute(
        sa.insert(tables.track_recording), row(tables.track_recording, track_id=OTHER, mbid=M)
    )
    kept = {
        needle: {place for place in places(connection, needle) if place[0] in tried}
        for needle, tried in (
            (X, {"edition_search", "open_ask", "song", "imported_features"}),
            (M, {"recording", "open_tag", "open_answer", "imported_features"}),
        )
    }
    tombstones.bury(connection, kind, NEEDLES[kind][0], NOW)
    for needle, before in kept.items():
        assert before
        assert before <= places(connection, needle)
    assert places(connection, T) <= EXCUSED.keys()


def test_a_code_that_only_reccobeats_told(connection: sa.Connection) -> None:
    """A crawl would not see it: the track itself is not taken up again."""
    connection.execute(sa.update(tables.track).values(isrc=None))
    detail = TrackDetail("r", T, X, None, (), None)
    details.save(connection, [T], [detail], 150)
    assert tombstones.bury(connection, Kind.ISRC, X, NOW) == [T]
    assert tombstones.buried(connection, [a_track(1, isrc=None)]) == {T}


def test_a_forgotten_edition_lends_nothing(connection: sa.Connection) -> None:
    tombstones.bury(connection, Kind.TRACK, LENDER, NOW)
    named = [TrackDetail("r", one, X, 50, (), 240_000) for one in (LENDER, an_id(78))]
    editions.save_search(connection, [X], named, NOW)
    ids = set(connection.scalars(sa.select(tables.edition.c.track_id)))
    assert an_id(78) in ids
    assert LENDER not in ids


def test_what_was_never_stored_is_found_where_it_is_named(connection: sa.Connection) -> None:
    """An edition that only lends, and features that were imported for nobody."""
    connection.execute(sa.insert(tables.edition), row(tables.edition, isrc=X, track_id=LENDER))
    imported.save(connection, Origin(KeyKind.ID, "a", "CC0"), {LENDER: {"tempo": 90.0}}, 1)
    assert tombstones.bury(connection, Kind.TRACK, LENDER, NOW) == []
    whole = re.compile(rf"\b{LENDER}\b")
    rows = [
        found_row
        for table in (tables.edition, tables.imported_features)
        for found_row in connection.execute(sa.select(table))
        if any(whole.fullmatch(str(value)) for value in found_row)
    ]
    assert rows == []
