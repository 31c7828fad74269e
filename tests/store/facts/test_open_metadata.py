"""Open metadata: what is asked, what is not asked again, and the facts that follow."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from runclub_spider.catalog.models import Album, ArtistRef
from runclub_spider.catalog.recordings import Metadata, Person, Recording, Tag
from runclub_spider.store import tombstones
from runclub_spider.store.db import meta
from runclub_spider.store.db.tables import (
    artist_link,
    open_answer,
    open_ask,
    open_metadata,
    track,
    track_recording,
)
from runclub_spider.store.facts import open_facts, open_questions, tracks
from runclub_spider.store.facts.open_questions import Due
from testkit.making import POLICY, SEARCH, a_track, an_id, found

DAY = 86_400
DUE = Due(now=1000, gap_seconds=DAY)
YEAR = 2026


def mbid(number: int) -> str:
    return f"{number:08x}-1111-4111-8111-111111111111"


def artist_mbid(number: int) -> str:
    return f"{number:08x}-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


def a_recording(number: int, title: str, artist: int = 1, **changes: Any) -> Recording:
    values: dict[str, Any] = {
        "remark": "",
        "credit": ((artist_mbid(artist), f"Artist {artist}"),),
        "length_ms": 240_000,
        "year": 1977,
        "isrcs": (),
        "tags": (),
        **changes,
    }
    return Recording(mbid=mbid(number), title=title, **values)


def a_song(number: int, title: str, artist: int = 1, year: str = "2009", **changes: Any) -> Any:
    """A track of an artist, as a page brings it."""
    return a_track(
        number,
        name=title,
        artists=(ArtistRef(an_id(artist, "artist"), f"Artist {artist}"),),
        album=Album(an_id(number, "album"), "Hits", changes.pop("kind", "album"), year, None),
        isrc=changes.pop("isrc", f"USUM7090000{number}"),
        **changes,
    )


def store_tracks(connection: sa.Connection, *songs: Any) -> None:
    rows = [found(song) for song in songs]
    tracks.save(connection, rows, SEARCH, policy=POLICY, run_id=1, now=10)


def settle(connection: sa.Connection) -> dict[str, Any]:
    """Facts by track."""
    open_facts.settle(connection, now=2000, this_year=YEAR)
    return {row.track_id: row for row in connection.execute(sa.select(open_metadata))}


def test_every_isrc_is_asked_once_and_a_miss_with_growing_gaps(connection: sa.Connection) -> None:
    store_tracks(connection, a_song(1, "One"), a_song(2, "Two"), a_song(3, "Three", isrc=None))
    codes = ["USUM70900001", "USUM70900002"]
    assert open_questions.pending_isrcs(connection, DUE) == codes
    answer = [a_recording(1, "One", isrcs=(codes[0],))]
    open_questions.save_isrcs(connection, codes, answer, DUE)
    assert open_questions.pending_isrcs(connection, DUE) == []
    moment = DUE.now
    for gap in (DAY, 2 * DAY, 4 * DAY):
        before = Due(moment + gap - 1, gap_seconds=DAY)
        assert open_questions.pending_isrcs(connection, before) == []
        moment += gap
        due = Due(moment, gap_seconds=DAY)
        # What was found is never asked again, what was not is.
        assert open_questions.pending_isrcs(connection, due) == codes[1:]
        open_questions.save_isrcs(connection, codes[1:], [], due)
    forced = Due(moment, stale_before=moment + 1)
    assert open_questions.pending_isrcs(connection, forced) == codes


def test_titles_are_asked_where_the_code_left_a_gap_or_a_doubt(connection: sa.Connection) -> None:
    store_tracks(
        connection,
        a_song(1, "Found"),
        a_song(2, "Missed"),
        a_song(3, "Without a code", isrc=None),
        a_song(4, "Old - Remastered 2009"),
        a_song(5, "Missed - Live"),
        a_song(6, "Compiled", kind="compilation"),
    )
    # Nothing is asked by title before its code was.
    assert {s.title for s in open_questions.pending_songs(connection, DUE).values()} == {
        "Without a code"
    }
    codes = open_questions.pending_isrcs(connection, DUE)
    answer = [
        a_recording(number, title, isrcs=(f"USUM7090000{number}",))
        for number, title in ((1, "Found"), (4, "Old"), (6, "Compiled"))
    ]
    open_questions.save_isrcs(connection, codes, answer, DUE)
    songs = open_questions.pending_songs(connection, DUE)
    by_title = {song.title: song for song in songs.values()}
    assert set(by_title) == {"Missed", "Without a code", "Old", "Compiled"}
    # Editions of one song ask once, and their missing codes ride along.
    assert by_title["Missed"].isrcs == ("USUM70900002", "USUM70900005")
    assert by_title["Old"].isrcs == ()
    assert list(songs) == sorted(songs)


def test_an_answer_to_songs_settles_their_codes_too(connection: sa.Connection) -> None:
    store_tracks(connection, a_song(1, "One"), a_song(2, "Two"))
    codes = open_questions.pending_isrcs(connection, DUE)
    open_questions.save_isrcs(connection, codes, [], DUE)
    songs = list(open_questions.pending_songs(connection, DUE).values())
    answer = [
        a_recording(1, "One"),
        a_recording(2, "Something else", isrcs=("USUM70900002",)),
        a_recording(3, "One", artist=9),
    ]
    assert open_questions.unanswered(songs, answer) == [s.key for s in songs if s.title == "Two"]
    open_questions.save_songs(connection, songs, answer, DUE)
    rows = connection.execute(sa.select(open_answer.c.kind, open_answer.c.mbid)).all()
    assert sorted(map(tuple, rows)) == [("isrc", mbid(2)), ("title", mbid(1))]
    assert open_questions.pending_songs(connection, DUE) == {}
    asks = connection.execute(sa.select(open_ask).where(open_ask.c.kind == "isrc")).all()
    assert {row.key: row.found for row in asks} == {"USUM70900001": False, "USUM70900002": True}


def test_the_facts_of_a_track(connection: sa.Connection) -> None:
    store_tracks(connection, a_song(1, "One - Remastered 2009"), a_song(2, "Two", artist=2))
    codes = open_questions.pending_isrcs(connection, DUE)
    late = a_recording(1, "One", year=2009, isrcs=("USUM70900001",))
    open_questions.save_isrcs(connection, codes, [late], DUE)
    songs = list(open_questions.pending_songs(connection, DUE).values())
    first = a_recording(2, "One", year=1977)
    namesake = a_recording(3, "One", year=1960, length_ms=120_000)
    open_questions.save_songs(connection, songs, [first, namesake], DUE)
    revision = meta.revision(connection)
    facts = settle(connection)
    assert set(facts) == {an_id(1)}
    row = facts[an_id(1)]
    assert (row.original_year, row.year_source, row.recording_mbid) == (1977, "title", mbid(1))
    assert orjson.loads(row.artist_mbids) == [artist_mbid(1)]
    assert row.genres is None
    assert meta.revision(connection) == revision + 1
    changed = dict(connection.execute(sa.select(track.c.track_id, track.c.updated_at)).all())
    assert changed == {an_id(1): 2000, an_id(2): 10}
    # Both recordings lead to the track, the namesake does not.
    columns = track_recording.c.mbid, track_recording.c.track_id
    assert set(connection.execute(sa.select(*columns))) == {
        (mbid(1), an_id(1)),
        (mbid(2), an_id(1)),
    }
    # The same answers give the same facts: nothing is touched.
    assert open_facts.settle(connection, now=3000, this_year=YEAR) == 0
    assert meta.revision(connection) == revision + 1


def test_genres_and_the_first_possible_year_come_with_the_metadata(
    connection: sa.Connection,
) -> None:
    store_tracks(connection, a_song(1, "One"), a_song(2, "Two"))
    codes = open_questions.pending_isrcs(connection, DUE)
    answer = [
        a_recording(1, "One", year=1950, isrcs=("USUM70900001",)),
        a_recording(2, "Two", year=None, isrcs=("USUM70900002",)),
    ]
    open_questions.save_isrcs(connection, codes, answer, DUE)
    assert settle(connection)[an_id(1)].original_year == 1950
    assert open_questions.pending_recordings(connection, DUE) == [mbid(1), mbid(2)]
    person = Person(artist_mbid(1), "Artist 1", "Group", 1970)
    told = [
        Metadata(mbid(1), (person,), None, (Tag("artist", artist_mbid(1), "Synth-Pop", 3),)),
        Metadata(mbid(2), (person,), 1985, (Tag("recording", mbid(2), "rock", 1),)),
    ]
    open_questions.save_metadata(connection, [mbid(1), mbid(2)], told, DUE)
    assert open_questions.pending_recordings(connection, DUE) == []
    # Their artists are told as well.
    assert open_questions.pending_artists(connection, DUE) == []
    facts = settle(connection)
    # 1950 is before the group began, and nothing else is known of the first.
    assert facts[an_id(1)].original_year is None
    assert facts[an_id(2)].original_year == 1985
    assert orjson.loads(facts[an_id(1)].genres) == [["synth pop", 1000]]
    assert orjson.loads(facts[an_id(2)].genres) == [["rock", 500], ["synth pop", 500]]


def test_an_artist_whom_no_recording_credits_is_asked_for(connection: sa.Connection) -> None:
    """A track by two artists whose recording is credited to the first alone."""
    guest = ArtistRef(an_id(2, "artist"), "Artist 2")
    first = ArtistRef(an_id(1, "artist"), "Artist 1")
    store_tracks(connection, a_track(1, name="One", artists=(first, guest), isrc="USUM70900001"))
    codes = open_questions.pending_isrcs(connection, DUE)
    open_questions.save_isrcs(
        connection, codes, [a_recording(1, "One", isrcs=tuple(codes), length_ms=None)], DUE
    )
    assert settle(connection)[an_id(1)].recording_mbid == mbid(1)
    links = connection.execute(sa.select(artist_link.c.artist_id, artist_link.c.artist_mbid))
    assert list(map(tuple, links)) == [(an_id(1, "artist"), artist_mbid(1))]


def test_the_name_that_a_recording_credits_counts_beside_the_artists(
    connection: sa.Connection,
) -> None:
    store_tracks(connection, a_song(1, "One"), a_song(2, "Two"))
    codes = open_questions.pending_isrcs(connection, DUE)
    open_questions.save_isrcs(connection, codes, [], DUE)
    songs = list(open_questions.pending_songs(connection, DUE).values())
    ye = {"credit": ((artist_mbid(9), "Ye"),)}
    answer = [
        a_recording(1, "One", credited=((artist_mbid(9), "Artist 1"),), **ye),
        a_recording(2, "Two", **ye),
    ]
    open_questions.save_songs(connection, songs, answer, DUE)
    facts = settle(connection)
    assert facts[an_id(1)].recording_mbid == mbid(1)
    assert facts[an_id(2)].recording_mbid is None
    assert orjson.loads(facts[an_id(1)].artist_mbids) == [artist_mbid(9)]
    # The artist is known by it, and what is told of the recording later takes nothing away.
    assert open_questions.pending_artist_urls(connection, DUE) == []
    told = [Metadata(mbid(1), (Person(artist_mbid(9), "Ye", "Person", 1977),), None, ())]
    open_questions.save_metadata(connection, [mbid(1)], told, DUE)
    assert settle(connection)[an_id(1)].recording_mbid == mbid(1)


def test_tags_that_are_no_genres_do_not_count(connection: sa.Connection) -> None:
    store_tracks(connection, a_song(1, "One"))
    codes = open_questions.pending_isrcs(connection, DUE)
    tags = (Tag("recording", mbid(1), "seen live", 9), Tag("recording", mbid(1), "disco", 1))
    answer = [a_recording(1, "One", isrcs=tuple(codes), tags=tags)]
    open_questions.save_isrcs(connection, codes, answer, DUE)
    assert settle(connection)[an_id(1)].genres is None
    open_questions.add_genres(connection, ["disco", "rock"])
    assert orjson.loads(settle(connection)[an_id(1)].genres) == [["disco", 1000]]


def test_an_artist_is_known_by_recordings_or_by_its_address(connection: sa.Connection) -> None:
    store_tracks(
        connection,
        a_song(1, "One"),
        a_song(2, "Two"),
        a_song(3, "Three", artist=2),
        a_song(4, "Four", artist=3),
    )
    codes = open_questions.pending_isrcs(connection, DUE)
    answer = [a_recording(1, "One", isrcs=("USUM70900001",))]
    open_questions.save_isrcs(connection, codes, answer, DUE)
    settle(connection)
    # The first artist is known by a recording; only the others are asked for.
    unknown = sorted([an_id(2, "artist"), an_id(3, "artist")])
    assert open_questions.pending_artist_urls(connection, DUE) == unknown
    open_questions.save_urls(connection, unknown, {an_id(2, "artist"): artist_mbid(2)}, DUE)
    assert open_questions.pending_artist_urls(connection, DUE) == []
    assert open_questions.pending_artists(connection, DUE) == [artist_mbid(1), artist_mbid(2)]
    tags = (Tag("artist", artist_mbid(2), "dub", 1),)
    told = [Person(artist_mbid(2), "Artist 2", "Group", 1980, tags)]
    open_questions.save_artists(connection, [artist_mbid(1), artist_mbid(2)], told, DUE)
    open_questions.add_genres(connection, ["dub"])
    facts = settle(connection)
    assert orjson.loads(facts[an_id(2)].artist_mbids) == [artist_mbid(1)]
    assert orjson.loads(facts[an_id(3)].genres) == [["dub", 1000]]
    assert an_id(4) not in facts


def test_the_facts_do_not_depend_on_the_order_of_answers(connection: sa.Connection) -> None:
    songs = [a_song(n, f"Song {n % 3} - Remastered 2009", artist=n % 2 + 1) for n in range(1, 9)]
    store_tracks(connection, *songs)
    codes = open_questions.pending_isrcs(connection, DUE)
    answers = [
        a_recording(
            n,
            f"Song {n % 3}",
            artist=n % 2 + 1,
            year=1970 + n,
            isrcs=(codes[n % len(codes)],) if n % 2 else (),
        )
        for n in range(1, 13)
    ]
    results = []
    for seed in range(3):
        for table in (open_ask, open_answer, open_metadata, track_recording):
            connection.execute(sa.delete(table))
        meta.touch(connection)
        rng = random.Random(seed)
        mixed = rng.sample(answers, len(answers))
        for code in rng.sample(codes, len(codes)):
            open_questions.save_isrcs(connection, [code], mixed, DUE)
        pending = list(open_questions.pending_songs(connection, DUE).values())
        for song in rng.sample(pending, len(pending)):
            open_questions.save_songs(connection, [song], mixed, DUE)
        facts = settle(connection)
        results.append(sorted(tuple(row) for row in facts.values()))
    assert results[0]
    assert results[1] == results[0]
    assert results[2] == results[0]


def test_searches_look_for_editions_that_are_not_there(connection: sa.Connection) -> None:
    store_tracks(
        connection,
        a_song(1, "Alone", popularity=10),
        a_song(2, "Twice", popularity=60),
        a_song(3, "Twice", year="1977", isrc="USUM77700003"),
        a_song(4, "Louder - Remastered 2009", popularity=90),
        a_song(5, "Near", year="1979"),
    )
    codes = open_questions.pending_isrcs(connection, DUE)
    titles = {1: "Alone", 2: "Twice", 3: "Twice", 4: "Louder", 5: "Near"}
    answer = [
        a_recording(n, titles[n], isrcs=tuple(code for code in codes if code.endswith(f"0000{n}")))
        for n in titles
    ]
    open_questions.save_isrcs(connection, codes, answer, DUE)
    settle(connection)
    searches = open_facts.original_edition_searches(connection, most=10)
    # The most popular first; an edition of the first years is there of the others.
    assert [(one.track_id, one.album_year, one.year) for one in searches] == [
        (an_id(4), 2009, 1977),
        (an_id(1), 2009, 1977),
    ]
    assert searches[0].term == 'track:"Louder" artist:"Artist 1" year:1976-1978'
    assert open_facts.original_edition_searches(connection, most=1) == searches[:1]
    assert open_facts.original_edition_searches(connection, most=9, years=(1970, 1979)) == searches
    assert open_facts.original_edition_searches(connection, most=9, years=(1980, 1989)) == []


@pytest.mark.parametrize("kind", ["track", "isrc", "artist"])
def test_what_is_forgotten_leaves_nothing_behind(connection: sa.Connection, kind: str) -> None:
    store_tracks(connection, a_song(1, "One"))
    codes = open_questions.pending_isrcs(connection, DUE)
    answer = [a_recording(1, "One", isrcs=tuple(codes))]
    open_questions.save_isrcs(connection, codes, answer, DUE)
    settle(connection)
    value = {"track": an_id(1), "isrc": codes[0], "artist": an_id(1, "artist")}[kind]
    assert tombstones.bury(connection, tombstones.Kind(kind), value, 5) == [an_id(1)]
    for table in (track_recording, open_metadata):
        assert connection.execute(sa.select(table)).all() == []
    assert codes[0] not in set(connection.scalars(sa.select(open_ask.c.key)))
    assert codes[0] not in set(connection.scalars(sa.select(open_answer.c.key)))
