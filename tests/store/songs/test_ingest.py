"""Plays become rows: songs found in every tier, gaps filled, overrides, links to tracks."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.matching import keys_of, match
from runclub_spider.catalog.models import ArtistRef
from runclub_spider.catalog.overrides import Overrides, read_overrides
from runclub_spider.catalog.plays import Play, PlayKind, PlayRow
from runclub_spider.config import Config
from runclub_spider.store import tombstones
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.tables import external_play, play_review, song, track_recording
from runclub_spider.store.facts import tracks
from runclub_spider.store.songs import coverage, songs
from runclub_spider.store.songs.coverage import Interval
from runclub_spider.store.songs.ingest import Ingested, ingest
from runclub_spider.store.songs.match import KnownSongs, song_id
from runclub_spider.store.songs.overrides import apply_overrides
from runclub_spider.store.songs.rematch import match_again
from testkit.making import POLICY, SEARCH, a_track, an_id, found
from testkit.postgres import running_postgres

MBID = "00000000-0000-4000-8000-00000000000a"
OTHER_MBID = "00000000-0000-4000-8000-00000000000b"


def a_play(number: int, title: str = "Slow Tide", artist: str = "Mara Quill", **more: Any) -> Play:
    values = {"album": None, "airdate": 1_700_000_000 + number, "mbid": None, "year": None}
    return Play(str(number), title, artist, **(values | more))


def rows(*plays: Play) -> list[PlayRow]:
    return [PlayRow(PlayKind.TRACKPLAY, play.airdate, play) for play in plays]


def store_plays(
    connection: sa.Connection,
    *plays: Play,
    overrides: Overrides | None = None,
    known: KnownSongs | None = None,
) -> Ingested:
    said = overrides or Overrides()
    return ingest(connection, "kexp", rows(*plays), overrides=said, now=5, known=known)


def tiers(connection: sa.Connection) -> list[tuple[str, str, float]]:
    query = sa.select(
        external_play.c.source_play_id,
        external_play.c.match_tier,
        external_play.c.match_confidence,
    ).order_by(external_play.c.airdate)
    return [tuple(row) for row in connection.execute(query)]


def song_of(connection: sa.Connection, number: int) -> Any:
    return connection.execute(
        sa.select(song)
        .join(external_play, external_play.c.song_id == song.c.id)
        .where(external_play.c.source_play_id == str(number))
    ).one()


def review(connection: sa.Connection) -> list[tuple[str, str]]:
    return [
        (row.source_play_id, row.kind)
        for row in connection.execute(sa.select(play_review).order_by(play_review.c.kind))
    ]


def test_every_tier(connection: sa.Connection) -> None:
    done = store_plays(
        connection,
        a_play(1, mbid=MBID, title="Turn Up the Volume"),
        a_play(2, mbid=MBID, title="Other Words"),
        a_play(3, title="TURN UP  THE VOLUME!"),
        a_play(4, title="Turn Up the Volume (Remastered)"),
        a_play(5, title="Turn Up the Voume"),
        a_play(6, title="Turn Up the Volume (Live)"),
        a_play(7, title="Turn Down the Volume"),
    )
    assert [tier for _, tier, _ in tiers(connection)] == [
        *("new", "mbid", "exact", "cleaned", "fuzzy", "new", "new")
    ]
    assert [confidence for *_, confidence in tiers(connection)][:4] == [1.0, 1.0, 0.99, 0.96]
    assert 0.92 <= tiers(connection)[4][2] < 0.99
    counts = done.counts
    assert (counts.provenance_inserted, counts.new_songs_inserted) == (7, 3)
    assert counts.songs_matched_existing == 4
    assert counts.problem() is None
    assert len({song_of(connection, number).id for number in range(1, 6)}) == 1


def test_a_refused_near_match_is_for_a_person(connection: sa.Connection) -> None:
    store_plays(connection, a_play(1, title="Wild Horse Running Home"))
    store_plays(connection, a_play(2, title="Wild Horses Running Home"))
    assert [tier for _, tier, _ in tiers(connection)] == ["new", "new"]
    assert review(connection) == [("2", "near")]


def test_recordings_that_contradict(connection: sa.Connection) -> None:
    store_plays(connection, a_play(1, mbid=MBID))
    # The same words are one song whatever their recording; looks alone are not enough.
    store_plays(
        connection,
        a_play(2, mbid=OTHER_MBID),
        a_play(3, "Slow Tide (for you)", mbid=OTHER_MBID),
    )
    store_plays(connection, a_play(4, "Something Else", "Somebody Else", mbid=MBID))
    assert [tier for _, tier, _ in tiers(connection)] == ["new", "exact", "new", "mbid"]
    assert review(connection) == [
        ("4", "mbid_names_another_title"),
        ("3", "near"),
        ("2", "title_of_another_mbid"),
    ]


def test_gaps_are_filled_and_nothing_else(connection: sa.Connection) -> None:
    store_plays(connection, a_play(1))
    store_plays(connection, a_play(2, mbid=MBID, album="First", year=1999))
    store_plays(connection, a_play(3, mbid=OTHER_MBID, album="Second", year=2001))
    stored = song_of(connection, 1)
    assert (stored.mbid, stored.album, stored.year) == (MBID, "First", 1999)


def test_a_late_edit_fills_gaps_and_is_told(connection: sa.Connection) -> None:
    store_plays(connection, a_play(1))
    done = store_plays(connection, a_play(1, "Slow Tide (corrected)", mbid=MBID, album="First"))
    (row,) = connection.execute(sa.select(external_play))
    assert (row.title, row.mbid, row.album) == ("Slow Tide", MBID, "First")
    assert done.counts.duplicates_skipped == 1
    assert not done.brought_nothing
    assert review(connection) == [("1", "edited")]
    assert store_plays(connection, a_play(1, mbid=MBID, album="First")).brought_nothing


def test_one_id_twice_on_a_page(connection: sa.Connection) -> None:
    done = store_plays(connection, a_play(1), a_play(1, "Another"))
    assert (done.counts.provenance_inserted, done.counts.duplicates_skipped) == (1, 1)


def test_titles_that_name_no_song_stay_apart(connection: sa.Connection) -> None:
    store_plays(
        connection,
        a_play(1, "Intro", "Mara Quill"),
        a_play(2, "Intro", "Kojo"),
        a_play(3, "intro", "Mara Quill"),
        a_play(4, "Ghosts", "Various Artists"),
    )
    assert [tier for _, tier, _ in tiers(connection)] == ["new", "new", "exact", "new"]


def test_songs_of_others_get_keys(connection: sa.Connection) -> None:
    connection.execute(
        sa.insert(song),
        [
            {"id": one, "title": "Slow Tide", "artist": "Mara Quill", "source": "mine"}
            for one in ("a", "b")
        ],
    )
    assert songs.complete_keys(connection) == 2
    assert songs.complete_keys(connection) == 0
    store_plays(connection, a_play(1))
    assert song_of(connection, 1).id == "a"


def test_recordings_that_found_a_song_without_one_contradict_too(
    connection: sa.Connection,
) -> None:
    for known in (KnownSongs(), None):
        number = 10 if known is None else 0
        title = f"Slow Tide {number}"
        store_plays(connection, a_play(number + 1, title), known=known)
        store_plays(
            connection,
            a_play(number + 2, f"{title} (Remastered)", mbid=f"{number}a"),
            a_play(number + 3, f"{title} (Remastered)", mbid=f"{number}a"),
            a_play(number + 4, f"{title} - Mono", mbid=f"{number}b"),
            a_play(number + 5, f"{title} - Stereo"),
            known=known,
        )
    assert [tier for _, tier, _ in tiers(connection)] == 2 * [
        *("new", "cleaned", "cleaned", "new", "cleaned")
    ]
    assert sorted(review(connection)) == [("14", "near"), ("4", "near")]


# A store of an earlier version

#: Title, artist, and the key that an earlier version gave them.
OLD_SONGS = [
    ("a", "Infinite_Content", "Mara Quill", "mara quill|infinitecontent|"),
    ("b", "Slow Tide", "Mara Quill", "mara quill|slowtide|"),
    ("c", "Ghosts (prod. Kojo)", "Mara Quill", "mara quill|ghostsprodkojo|"),
    ("d", "Ghosts", "Mara Quill", "mara quill|ghosts|"),
    ("e", "Cold_Hands", "Mara Quill", "mara quill|coldhands|#own"),
    ("f", "Silence", "Mara Quill", "=silence|mara quill"),
]
#: Number, title, song and tier of plays that it matched.
OLD_PLAYS = [
    (1, "Infinite_Content", "a", "new"),
    (2, "Infinite Content", "a", "exact"),
    (3, "Slow Tide", "b", "new"),
    (4, "Slow Tide (UK Surf)", "b", "cleaned"),
    (5, "Slow Tide (Remastered)", "b", "cleaned"),
    (6, "Slow Tide (UK Surf)", "b", "override"),
    (7, "Other Words", "b", "mbid"),
    (8, "Slow Tide (UK Surf)", "b", "cleaned"),
]


def _old_store(connection: sa.Connection) -> None:
    connection.execute(
        sa.insert(song),
        [
            {
                "id": one,
                "title": title,
                "artist": artist,
                "match_key": key,
                "artist_key": "" if key.startswith("=") else "mara quill",
                "source": "kexp",
            }
            for one, title, artist, key in OLD_SONGS
        ],
    )
    connection.execute(
        sa.insert(external_play),
        [
            {
                "source": "kexp",
                "source_play_id": str(number),
                "title": title,
                "artist": "Mara Quill",
                "airdate": number,
                "song_id": one,
                "match_tier": tier,
                "created_at": 1,
            }
            for number, title, one, tier in OLD_PLAYS
        ],
    )


def test_songs_of_an_earlier_version_get_the_keys_of_this_one(connection: sa.Connection) -> None:
    _old_store(connection)
    assert songs.renew_keys(connection) == 4
    assert songs.renew_keys(connection) == 0
    query = sa.select(song.c.id, song.c.match_key, song.c.artist_key)
    found = {row.id: tuple(row)[1:] for row in connection.execute(query)}
    for one, title, artist, _ in OLD_SONGS:
        keys = keys_of(title, artist)
        # Two songs that are one by now: the one that bore the key is found by it.
        end = {"c": "#c", "e": "#own"}.get(one, "")
        assert found[one] == (keys.exact + end, keys.artist)


def test_plays_of_an_earlier_version_find_their_songs_anew(connection: sa.Connection) -> None:
    _old_store(connection)
    songs.renew_keys(connection)
    assert match_again(connection, "kexp", Overrides(), now=9) == 3
    assert match_again(connection, "kexp", Overrides(), now=9) == 0
    query = sa.select(external_play.c.source_play_id, external_play.c.match_tier)
    told = dict(map(tuple, connection.execute(query)))
    before = {str(number): tier for number, _, _, tier in OLD_PLAYS}
    assert told == before | {"2": "new", "4": "new", "8": "exact"}
    assert [song_of(connection, number).id for number in (1, 3, 5, 6, 7)] == list("abbbb")
    assert song_of(connection, 2).title == "Infinite Content"
    assert song_of(connection, 4).title == "Slow Tide (UK Surf)"
    assert song_of(connection, 4).id == song_of(connection, 8).id
    assert sorted(review(connection)) == [("2", "near"), ("4", "near")]
    # As a store has it that was made by these rules.
    store_plays(connection, a_play(20, "Slow Tide (UK Surf)"), a_play(21, "Infinite Content"))
    assert [tier for _, tier, _ in tiers(connection)][-2:] == ["exact", "exact"]


def test_a_song_that_rules_tell_apart_by_now_takes_no_id_of_another(
    connection: sa.Connection,
) -> None:
    """Ids are made of keys: that of today is one that an earlier version gave to another song."""
    old = [
        ("Infinite_Content", "Mara Quill", "mara quill|infinitecontent|", "mara quill"),
        ("Rain", "Mara_Quill", "mara quill|rain|", "mara quill"),
    ]
    names = ("id", "title", "artist", "match_key", "artist_key")
    rows = [dict(zip(names, (song_id(row[2]), *row), strict=True)) for row in old]
    connection.execute(sa.insert(song), [{**row, "source": "kexp"} for row in rows])
    connection.execute(
        sa.insert(external_play).values(
            source="kexp",
            source_play_id="1",
            title="Infinite Content",
            artist="Mara Quill",
            airdate=1,
            song_id=rows[0]["id"],
            match_tier="exact",
            created_at=1,
        )
    )
    songs.renew_keys(connection)
    assert match_again(connection, "kexp", Overrides(), now=9) == 1
    store_plays(connection, a_play(2, "Rain", "Mara Quill"), a_play(3, "Infinite Content"))
    found = [song_of(connection, number) for number in (1, 2, 3)]
    assert [(one.title, one.artist) for one in found] == [
        *(("Infinite Content", "Mara Quill"), ("Rain", "Mara Quill")),
        ("Infinite Content", "Mara Quill"),
    ]
    assert [tier for _, tier, _ in tiers(connection)] == ["new", "new", "exact"]


def test_matching_again_counts_for_each_station_and_changes_nothing_in_a_new_store(
    connection: sa.Connection,
) -> None:
    store_plays(connection, a_play(1), a_play(2, "Slow Tide (Remastered)"))
    before = tiers(connection)
    assert songs.renew_keys(connection) == 0
    assert match_again(connection, "kexp", Overrides(), now=9) == 0
    assert tiers(connection) == before


# Laws

TITLES = st.sampled_from(
    [
        "Turn Up the Volume",
        "Turn Up the Voume",
        "turn up the volume",
        "Turn Up the Volume (Live)",
        "Turn Up the Volume (for you)",
        "Slow Tide",
        "Slow Tide, Pt. 2",
        "Slow Tide (feat. Kojo)",
        "Intro",
    ]
)
PEOPLE = st.sampled_from(["Mara Quill", "Mara Quill feat. Kojo", "Kojo", "The Mara Quill"])
PLAYS = st.lists(
    st.builds(
        lambda number, title, people, mbid: a_play(number, title, people, mbid=mbid),
        st.integers(1, 40),
        TITLES,
        PEOPLE,
        st.sampled_from([None, MBID, OTHER_MBID]),
    ),
    max_size=14,
    unique_by=lambda play: play.source_play_id,
)


def everything(connection: sa.Connection) -> list[Any]:
    return [
        sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
        for table in (external_play, song)
    ]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store for many examples; each undoes what it did."""
    found_store = Store.open(Config(cache_dir=tmp_path_factory.mktemp("plays")))
    yield found_store
    found_store.close()


@settings(max_examples=60, deadline=None)
@given(plays=PLAYS, length=st.integers(1, 5))
def test_pages_of_any_length_give_the_same(opened: Store, plays: list[Play], length: int) -> None:
    results = []
    # With a memory from page to page, without one, and in one page.
    for step, known in ((length, KnownSongs()), (length, None), (len(plays) + 1, None)):
        with opened.engine.connect() as connection:
            connection.begin()
            for start in range(0, len(plays), step):
                store_plays(connection, *plays[start : start + step], known=known)
            # And again: nothing changes.
            before = everything(connection)
            assert len(before[0]) == len(plays)
            assert store_plays(connection, *plays).counts.provenance_inserted == 0
            assert everything(connection) == before
            results.append(before)
            linked = sa.select(external_play.c.title, external_play.c.artist, song).join(
                song, song.c.id == external_play.c.song_id
            )
            for row in connection.execute(linked.where(external_play.c.match_tier != "mbid")):
                # Whatever links a play to its song also holds between the two alone.
                assert match(keys_of(row[0], row[1]), keys_of(row.title_1, row.artist_1))
            connection.rollback()
    assert results[0] == results[1] == results[2]


# Overrides


def overridden(*entries: dict[str, Any]) -> Overrides:
    return read_overrides(list(entries))


def test_overrides_come_before_every_rule(connection: sa.Connection) -> None:
    said = overridden(
        {"play": {"title": "Slow Tyde", "artist": "M. Quill"},
         "song": {"title": "Slow Tide", "artist": "Mara Quill"}},
        {"play": {"id": 3}, "song": "own"},
        {"play": {"id": 4}, "song": {"mbid": MBID}},
    )  # fmt: skip
    store_plays(
        connection,
        a_play(1, mbid=MBID),
        a_play(2, "slow tyde", "M. Quill"),
        a_play(3),
        a_play(4, "Whatever", "Whoever"),
        overrides=said,
    )
    assert [tier for _, tier, _ in tiers(connection)] == ["new", "override", "new", "override"]
    one = song_of(connection, 1).id
    assert [song_of(connection, n).id == one for n in (2, 3, 4)] == [True, False, True]


def test_overrides_move_stored_plays_once(connection: sa.Connection) -> None:
    store_plays(connection, a_play(1), a_play(2, "Slow Tyde"))
    said = overridden(
        {"play": {"title": "Slow Tyde", "artist": "Mara Quill"},
         "song": {"title": "Slow Tide", "artist": "Mara Quill"}}
    )  # fmt: skip
    assert apply_overrides(connection, "kexp", said, "first", 6) == 1
    assert song_of(connection, 1).id == song_of(connection, 2).id
    assert apply_overrides(connection, "kexp", said, "first", 7) == 0
    # A re-run leaves them there.
    assert store_plays(connection, a_play(2, "Slow Tyde"), overrides=said).brought_nothing
    assert song_of(connection, 1).id == song_of(connection, 2).id


@pytest.mark.parametrize(
    "entries",
    [
        {"play": 1},
        ["words"],
        [{"play": {"id": 1}}],
        [{"play": {"id": 1}, "song": "mine"}],
        [{"play": {"title": "x"}, "song": "own"}],
        [{"play": {"id": 1, "title": "x"}, "song": "own"}],
        [{"play": {"id": 1}, "song": {"title": "x"}}],
        [{"play": {"id": 1}, "song": "own", "why": "because"}],
    ],
)
def test_a_wrong_override_names_its_entry(entries: Any) -> None:
    with pytest.raises(ValueError, match=r"entry 1|no list"):
        read_overrides(entries)


def test_no_overrides() -> None:
    assert read_overrides(None) == read_overrides([]) == Overrides()


# Links to Spotify's tracks


def put_tracks(connection: sa.Connection, *made: Any) -> None:
    tracks.save(connection, [found(one) for one in made], SEARCH, policy=POLICY, run_id=1, now=5)


def by(*names: str) -> tuple[ArtistRef, ...]:
    return tuple(ArtistRef(an_id(len(name), "artist"), name) for name in names)


def linked(connection: sa.Connection, number: int) -> str | None:
    found_id: str | None = song_of(connection, number).track_id
    return found_id


def test_a_song_is_linked_to_the_track_of_its_recording(connection: sa.Connection) -> None:
    store_plays(
        connection,
        a_play(1, "Slow Tide", "Mara Quill feat. Kojo"),
        a_play(2, "Ghosts", "Mara Quill"),
        a_play(3, "Ghosts (Live)", "Mara Quill"),
        a_play(4, "Rain", "Mara Quill"),
        a_play(5, "No Such Track", "Mara Quill"),
        a_play(6, "Called Otherwise", "Mara Quill"),
        a_play(7, "Wrong Code", "Mara Quill"),
    )
    for title, code in (("Called Otherwise", "USUM70000006"), ("Wrong Code", "USUM70000007")):
        connection.execute(sa.update(song).where(song.c.title == title).values(isrc=code))
    put_tracks(
        connection,
        a_track(1, name="Slow Tide", artists=by("Mara Quill", "Kojo")),
        # Two editions of one length: the more popular one.
        a_track(2, name="Ghosts", artists=by("Mara Quill"), popularity=10),
        a_track(12, name="Ghosts", artists=by("Mara Quill"), popularity=70, duration_ms=241_000),
        # Two lengths: nothing says which of them was played.
        a_track(4, name="Rain", artists=by("Mara Quill"), duration_ms=180_000),
        a_track(14, name="Rain", artists=by("Mara Quill"), duration_ms=240_000),
        # The code counts for more than the title, but not where the people are others as well.
        a_track(6, name="Quite Other Words", artists=by("Mara Quill")),
        a_track(7, name="Quite Other Words", artists=by("Somebody"), popularity=99),
    )
    assert songs.link_tracks(connection) == 3
    assert [linked(connection, number) for number in range(1, 8)] == [
        *(an_id(1), an_id(12), None, None, None, an_id(6), None)
    ]
    # Looked at again only when something came.
    assert songs.link_tracks(connection) == 0
    connection.execute(sa.update(song).where(song.c.title == "Rain").values(duration_ms=181_000))
    put_tracks(connection, a_track(15, name="Later", artists=by("Somebody")))
    meta.touch(connection)
    assert songs.link_tracks(connection) == 1
    assert linked(connection, 4) == an_id(4)


def test_songs_are_linked_by_recording(connection: sa.Connection) -> None:
    """MusicBrainz told which tracks a recording is: the title need not agree."""
    store_plays(connection, a_play(1, mbid=MBID), a_play(2, "Other", mbid=OTHER_MBID))
    tracks = (
        a_track(7, name="Another Name", artists=by("Somebody"), popularity=1),
        a_track(8, name="Yet Another", artists=by("Somebody"), popularity=9),
    )
    put_tracks(connection, *tracks)
    connection.execute(
        sa.insert(track_recording),
        [{"track_id": one.track_id, "mbid": MBID, "route": "isrc"} for one in tracks],
    )
    assert songs.link_tracks(connection) == 1
    query = sa.select(song.c.mbid, song.c.track_id)
    found = {row.mbid: row.track_id for row in connection.execute(query)}
    assert found == {MBID: an_id(8), OTHER_MBID: None}


def test_a_forgotten_track_leaves_its_song(connection: sa.Connection) -> None:
    store_plays(connection, a_play(1))
    put_tracks(connection, a_track(1, name="Slow Tide", artists=by("Mara Quill")))
    assert songs.link_tracks(connection) == 1
    tombstones.bury(connection, tombstones.Kind.TRACK, an_id(1), 9)
    assert linked(connection, 1) is None


# Coverage


def test_the_checkpoint_follows_the_intervals(connection: sa.Connection) -> None:
    at = coverage.load(connection, "kexp")
    assert (at.cursor, at.stored) == (None, False)
    # An empty answer leaves a checkpoint too.
    at = coverage.extend(connection, at, [], plays=0, now=5)
    assert at == coverage.load(connection, "kexp")
    assert at.stored
    for start, end, plays, cursor, covered in [
        (100, 200, 3, "1970-01-01T00:03:19Z", (Interval(100, 200),)),
        (10, 20, 0, "1970-01-01T00:03:19Z", (Interval(10, 20), Interval(100, 200))),
        (100, 250, 0, "1970-01-01T00:04:09Z", (Interval(10, 20), Interval(100, 250))),
        (15, 300, 2, "1970-01-01T00:04:59Z", (Interval(10, 300),)),
    ]:
        at = coverage.extend(connection, at, [Interval(start, end)], plays=plays, now=6)
        assert at == coverage.load(connection, "kexp")
        assert (at.cursor, at.covered) == (cursor, covered)
        assert coverage.covered(connection, "kexp") == covered
    assert coverage.extend(connection, at, [Interval(20, 30)], plays=0, now=99) == at
    row = connection.execute(sa.text("SELECT * FROM ingestion_checkpoint")).one()
    assert (row.metadata, row.cursor) == ('{"plays":5}', "1970-01-01T00:04:59Z")
    assert row.updated_at == 6


STRETCHES = st.builds(
    lambda start, length: Interval(start, start + length), st.integers(0, 60), st.integers(0, 20)
)


@given(claimed=st.lists(STRETCHES, min_size=1, max_size=6))
def test_stretches_claimed_together_are_those_claimed_one_by_one(
    opened: Store, claimed: list[Interval]
) -> None:
    def stored(*groups: list[Interval]) -> list[Any]:
        with opened.engine.connect() as connection:
            connection.begin()
            at = coverage.load(connection, "kexp")
            for group in groups:
                at = coverage.extend(connection, at, group, plays=len(group), now=5)
            assert at == coverage.load(connection, "kexp")
            row = connection.execute(sa.text("SELECT * FROM ingestion_checkpoint")).one()
            connection.rollback()
            return [at, tuple(row)]

    assert stored(claimed) == stored(*([one] for one in claimed))


# PostgreSQL


def test_both_databases_hold_the_same(connection: sa.Connection) -> None:
    plays = [
        a_play(1, mbid=MBID, title="Turn Up the Volume"),
        a_play(2, title="TURN UP THE VOLUME"),
        a_play(3, title="Turn Up the Voume"),
        a_play(4, title="Ä", artist="ÅB"),
        a_play(5, title="Intro"),
    ]
    said = overridden({"play": {"id": 5}, "song": "own"})
    with running_postgres() as url:
        other = Store.open(Config(database_url=url))
        with other.begin() as theirs:
            for one in (connection, theirs):
                for _ in range(2):
                    done = store_plays(one, *plays, overrides=said)
                    at = coverage.load(one, "kexp")
                    coverage.extend(one, at, [Interval(1, 9)], plays=0, now=5)
                assert done.brought_nothing
                songs.complete_keys(one)
                songs.link_tracks(one)
                # A row that the database refuses costs no other.
                broken = a_play(7, album="x", year=2**70)
                counts = store_plays(one, a_play(6), broken, a_play(8)).counts
                assert (counts.errors, counts.provenance_inserted) == (1, 2)
            # Nor does one that is too large for an index, which only a server has limits for.
            long = "".join(random.Random(1).choices(string.ascii_letters, k=9000))
            counts = store_plays(
                theirs, a_play(10), a_play(12)._replace(source_play_id=long), a_play(11)
            ).counts
            assert (counts.errors, counts.provenance_inserted) == (1, 2)
            for number in (10, 11):
                store_plays(connection, a_play(number))
            assert everything(connection) == everything(theirs)
            assert list(songs.without_embedding(connection, "kexp")) == list(
                songs.without_embedding(theirs, "kexp")
            )
        other.close()
