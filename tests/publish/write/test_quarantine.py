"""A row that is unsound costs itself: whatever stands in it, the others are released unchanged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from runclub_spider.catalog.models import ArtistRef, Playable
from runclub_spider.errors import GateFailed
from runclub_spider.publish import packing
from runclub_spider.publish.choose.unsound import remembered
from runclub_spider.publish.write.release import prospect
from runclub_spider.store.db import meta, tables
from runclub_spider.store.facts import artists, features, tracks
from runclub_spider.store.facts.tracks import Source
from runclub_spider.store.queue import pages, playlists
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from runclub_spider.store.tombstones import Kind, bury
from testkit.making import POLICY, a_playlist, a_track, an_artist, an_id, found
from testkit.making import features as some_features
from tests.publish.write.test_release import NOW, Shop, contents, manifest, rows

# Damage goes into SQLite's file, behind the gate.
pytestmark = pytest.mark.sqlite

SOUND = 12
AWKWARD: tuple[Any, ...] = (
    None,
    "",
    " ",
    "abc",
    "-7",
    "=1+1",
    "line\u2028break",
    "bell\x07",
    "\x1b[2J",
    "\x9b",
    "javascript:alert(1)",
    "2999-01-01",
    "[[[",
    '{"a": 1}',
    '[1, null, {"a": "b"}]',
    "[" * 3000,
    "a" * 5000,
    "00000000000000000000zz",
    -1,
    0,
    101,
    70_000,
    2**31,
    2**62,
    1.5,
    -1e308,
    float("inf"),
    b"",
    b"\x00\xff",
)
# What `sqlite3` cannot bind: a text that is no UTF-8.
BROKEN = "CAST(x'6162FF' AS TEXT)"
_ARTIST = "artist_id = (SELECT artist_id FROM track_artist WHERE track_id = :id AND position = 0)"
_LIST = (
    "playlist_id = (SELECT source_key FROM track_source "
    "WHERE track_id = :id AND source_type = 'playlist')"
)
_TRACK = "track_id = :id"
# Every column that is exported, and which of its rows is a track's.
COLUMNS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "track": (
        _TRACK,
        (
            "track_id",
            "name",
            "isrc",
            "duration_ms",
            "explicit",
            "album_id",
            "album_name",
            "album_type",
            "release_date",
            "image_url",
            "popularity",
            "preview_url",
            "linked_from",
            "available_markets",
            "first_seen_at",
            "updated_at",
        ),
    ),
    "artist": (_ARTIST, ("artist_id", "name", "genres", "popularity", "image_url")),
    "audio_features": (
        _TRACK,
        (
            "track_id",
            "recco_track_id",
            "tempo",
            "energy",
            "danceability",
            "valence",
            "loudness",
            "acousticness",
            "instrumentalness",
            "liveness",
            "speechiness",
            "key",
            "mode",
            "time_signature",
            "version",
            "fetched_at",
            "borrowed_from",
        ),
    ),
    "playlist": (_LIST, ("playlist_id", "name", "owner_id")),
    "track_artist": (_TRACK, ("track_id", "position", "artist_id")),
    "track_source": (
        f"{_TRACK} AND source_type = 'search'",
        ("track_id", "source_type", "source_key"),
    ),
    "track_market": (_TRACK, ("track_id", "market", "playable", "basis")),
    "track_detail": (_TRACK, ("track_id", "isrc", "popularity", "countries")),
    "open_metadata": (
        _TRACK,
        (
            "track_id",
            "recording_mbid",
            "artist_mbids",
            "original_year",
            "year_source",
            "year_confidence",
            "genres",
        ),
    ),
}


class Wide(Shop):
    """A store in which every track has an artist, a list and rows in all tables of its own."""

    def fill(self, numbers: range) -> None:
        new = [
            a_track(
                number,
                artists=(
                    ArtistRef(an_id(number, "artist"), f"Artist {number}"),
                    ArtistRef(an_id(number, "second"), f"Second {number}"),
                ),
                preview_url="https://i/preview",
            )
            for number in numbers
        ]
        people = [
            replace(an_artist(number), artist_id=an_id(number, kind), name=f"{name} {number}")
            for number in numbers
            for kind, name in (("artist", "Artist"), ("second", "Second"))
        ]
        with self.store.begin() as connection:
            task = PageTask(
                *("spotify_search", PageKind.TRACK_SEARCH, "rock running", POLICY.market),
                *(0, 50, "g1", 0),
            )
            pages.plan(connection, [task])
            listed = [found(track, at, Playable.YES) for at, track in enumerate(new)]
            tracks.save(
                connection,
                listed,
                Source("search", "rock running"),
                policy=POLICY,
                run_id=1,
                now=NOW,
            )
            counts = PageCounts(track_rows=len(new))
            pages.mark_done(connection, task, counts=counts, run_id=1, now=NOW)
            lists = [a_playlist(number) for number in numbers]
            playlists.record(connection, lists, NOW)
            connection.execute(
                sa.insert(tables.track_source),
                [
                    {
                        "track_id": track.track_id,
                        "source_type": "playlist",
                        "source_key": one.playlist_id,
                        "position": 0,
                        "first_seen_at": NOW,
                        "run_id": 1,
                    }
                    for track, one in zip(new, lists, strict=True)
                ],
            )
            ids = [track.track_id for track in new]
            features.save(
                connection,
                [some_features(one) for one in ids],
                [],
                version="1",
                gap_seconds=1,
                now=NOW,
            )
            artists.save(connection, [one.artist_id for one in people], people, NOW)
            connection.execute(
                sa.insert(tables.track_detail),
                [
                    {"track_id": one, "popularity": 60, "countries": "GB,US", "fetched_at": NOW}
                    for one in ids
                ],
            )
            connection.execute(
                sa.insert(tables.open_metadata),
                [
                    {
                        "track_id": one,
                        "recording_mbid": "11111111-2222-4333-8444-555555555555",
                        "artist_mbids": '["11111111-2222-4333-8444-555555555556"]',
                        "original_year": 1976,
                        "year_source": "isrc",
                        "year_confidence": 0.9,
                        "genres": '[["rock", 1000]]',
                    }
                    for one in ids
                ],
            )
            meta.touch(connection)

    def damage(self, *cases: tuple[int, str, str, Any]) -> int:
        """Behind everything that guards the store; how often the database let it in."""
        path = self.config.cache_dir / "runclub.sqlite"
        taken = 0
        with closing(sqlite3.connect(path)) as connection, connection:
            for number, table, column, value in cases:
                where, _ = COLUMNS[table]
                what = BROKEN if value is BROKEN else ":value"
                try:
                    connection.execute(
                        f"UPDATE {table} SET {column} = {what} WHERE {where}",
                        {"id": an_id(number), "value": value},
                    )
                    taken += 1
                except sqlite3.IntegrityError:
                    continue
            connection.execute(
                "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'revision'"
            )
        return taken


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Wide]:
    made = Wide(tmp_path)
    yield made
    made.store.close()


def lines(latest: Path) -> dict[str, dict[str, bytes]]:
    """The lines of each data file by id."""
    keys = {
        "catalog_wide.jsonl": "spotify_track_id",
        "cached_tracks.jsonl": "id",
        "audio_features.jsonl": "trackId",
        "cached_artists.jsonl": "id",
    }
    return {
        name: {orjson.loads(line)[key]: line for line in (latest / name).read_bytes().splitlines()}
        for name, key in keys.items()
    }


def the_rest_is_as_it_was(calm: Path, now: Path, numbers: range) -> None:
    """The rows of those tracks and their artists are in both, byte by byte."""
    before, after = lines(calm), lines(now)
    ids = {an_id(number, kind) for number in numbers for kind in ("track", "artist", "second")}
    for name, old in before.items():
        wanted = {one: line for one, line in old.items() if one in ids}
        assert wanted
        assert {one: line for one, line in after[name].items() if one in ids} == wanted


def adds_up(latest: Path) -> None:
    """What was left out is counted, listed, reported and remembered alike."""
    made = manifest(latest)
    told = made["unsound"]
    assert told["tracks"] == made["accounting"]["rejectedByRule"].get("unsound", 0)
    page = (latest / "report.html").read_text(encoding="utf-8")
    assert ("Left out as unsound" in page) == (told["tracks"] > 0)
    for row in told["listed"]:
        assert row["trackId"] in page


CASES = [
    (table, column, value)
    for table, (_, columns) in COLUMNS.items()
    for column in columns
    for value in (*AWKWARD, BROKEN)
]


@pytest.mark.parametrize("part", [pytest.param(1, marks=pytest.mark.full), 7], ids=str)
def test_every_awkward_value_in_every_exported_column(part: int, shop: Wide) -> None:
    """All at once, each in a track of its own, beside a few sound ones."""
    # A number that no number of values divides: every column, every value.
    chosen = CASES[::part]
    shop.fill(range(SOUND + len(chosen)))
    # Whom a thin cell borrows depends on all that are there.
    settings: dict[str, Any] = {"feature_null_max": 1.0, "backfill_order": ()}
    calm = shop.publish("calm", **settings)
    cases = [(number, *case) for number, case in enumerate(chosen, SOUND)]
    assert shop.damage(*cases) > len(cases) * 0.9
    latest = shop.publish(**settings)
    # Nothing of what was found before has a part in it.
    assert contents(shop.publish("again", **settings)) == contents(latest)
    the_rest_is_as_it_was(calm, latest, range(SOUND))
    adds_up(latest)
    assert manifest(latest)["unsound"]["tracks"] > len(cases) / 4
    for path in latest.rglob("*"):
        if path.suffix in {".jsonl", ".json", ".csv", ".html"}:
            text = path.read_text(encoding="utf-8")
            assert not {"\x07", "\x1b", "\x9b", "\u2028"} & set(text)


def test_more_rows_of_one_fault_than_verify_lists(shop: Wide) -> None:
    shop.fill(range(40))
    calm = shop.publish("calm")
    shop.damage(*((number, "track", "name", "a\x85b") for number in range(8, 40)))
    latest = shop.publish()
    the_rest_is_as_it_was(calm, latest, range(8))
    adds_up(latest)
    told = manifest(latest)["unsound"]
    assert told["tracks"] == 32
    assert {row["problem"] for row in told["listed"]} == {
        "catalog_wide.jsonl: text-control: name holds U+0085"
    }
    with shop.store.reading() as connection:
        known = remembered(meta.get(connection, meta.UNSOUND))
        assert sorted(known) == sorted(an_id(number) for number in range(8, 40))
        # What stays out now is what the next release leaves out.
        assert prospect(shop.config, connection).rejected() == {"unsound": 32}


def test_a_row_that_is_sound_again_is_released_again(shop: Wide) -> None:
    shop.fill(range(4))
    calm = shop.publish("calm")
    shop.damage((1, "audio_features", "tempo", -120.0))
    assert an_id(1) not in rows(shop.publish())
    shop.damage((1, "audio_features", "tempo", 167.2))
    assert lines(shop.publish()) == lines(calm)


def test_an_artists_fault_costs_the_tracks_of_that_artist(shop: Wide) -> None:
    shop.fill(range(6))
    calm = shop.publish("calm")
    shop.damage((2, "artist", "popularity", 101))
    latest = shop.publish()
    the_rest_is_as_it_was(calm, latest, range(2))
    assert [row["trackId"] for row in manifest(latest)["unsound"]["listed"]] == [an_id(2)]


def test_what_many_tracks_share_is_cleaned_and_costs_none(shop: Wide) -> None:
    shop.fill(range(4))
    shop.damage(
        (0, "playlist", "name", "Run\u2028\x07 fast"),
        (1, "playlist", "owner_id", b"\x00"),
        (2, "artist", "name", "Bell\x07"),
        (3, "artist", "genres", '["hard\\u0085rock"]'),
    )
    made = rows(shop.publish())
    assert len(made) == 4
    assert made[an_id(0)]["source_playlist_name"] == "Run fast"
    assert made[an_id(1)]["source_playlist_owner"] is None
    assert made[an_id(2)]["artist_names"][0] == "Bell"
    assert made[an_id(3)]["artist_genres"][0] == ["hard rock"]


def test_an_artist_that_is_named_twice_is_exported_once(shop: Wide) -> None:
    shop.fill(range(3))
    with closing(sqlite3.connect(shop.config.cache_dir / "runclub.sqlite")) as connection:
        connection.execute(
            "INSERT INTO track_artist (track_id, position, artist_id) "
            "SELECT track_id, 2, artist_id FROM track_artist WHERE position = 0"
        )
        connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'revision'")
        connection.commit()
    for number, row in enumerate(rows(shop.publish())[an_id(at)] for at in range(3)):
        assert row["artist_ids"] == [an_id(number, "artist"), an_id(number, "second")]


def test_a_title_longer_than_verify_reads(shop: Wide) -> None:
    shop.fill(range(3))
    calm = shop.publish("calm")
    shop.damage((2, "track", "album_name", "long " * 4_000_000))
    latest = shop.publish()
    the_rest_is_as_it_was(calm, latest, range(2))
    (row,) = manifest(latest)["unsound"]["listed"]
    assert row == {
        "trackId": an_id(2),
        "problem": "catalog_wide.jsonl: json: the line is longer than 16 MiB",
    }


def test_what_no_row_is_to_blame_for_is_a_defect_of_ours(
    shop: Wide, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.fill(range(3))
    before = contents(shop.publish())
    shop.damage((1, "track", "popularity", 77))
    monkeypatch.setattr(
        packing, "gzip_copy", lambda path: path.with_name(f"{path.name}.gz").touch()
    )
    with pytest.raises(GateFailed, match="no row is to blame: a defect of this program") as refused:
        shop.publish()
    assert refused.value.exit_code == 3
    (kept,) = (shop.root / "export").glob("failed-*")
    assert f"export/{kept.name}/problems.txt" in str(refused.value)
    assert "gzip" in (kept / "problems.txt").read_text()
    assert contents(shop.root / "export" / "latest") == before
    monkeypatch.undo()
    assert rows(shop.publish())[an_id(1)]["popularity_snapshot"] == 77


def test_repeats_end(shop: Wide) -> None:
    """Editions of one song, every one at fault in a way that shows only when it is released."""
    shop.fill(range(8))
    before = contents(shop.publish())
    cases = [(number, "track", "isrc", "USUM79999999") for number in range(2, 8)]
    cases += [(number, "track", "name", "Song") for number in range(2, 8)]
    cases += [(number, "track", "preview_url", "ftp://i/x") for number in range(2, 8)]
    shop.damage(*cases)
    with pytest.raises(GateFailed, match=r"3 unsound tracks were left out, and 1 more") as refused:
        shop.publish()
    (kept,) = (shop.root / "export").glob("failed-*")
    assert len((kept / "problems.txt").read_text().splitlines()) == 4
    assert "forget --track" in str(refused.value)
    assert contents(shop.root / "export" / "latest") == before


def test_a_gate_that_fails_for_an_unsound_row_does_not_stop_the_rest(shop: Wide) -> None:
    shop.fill(range(3))
    shop.damage((1, "audio_features", "tempo", -1.0), (2, "track", "name", "\u2029"))
    with pytest.raises(GateFailed, match="min_tracks is 1, wanted at least 2"):
        shop.publish(min_tracks=2)
    assert len(rows(shop.publish())) == 1


def test_what_is_forgotten_is_named_nowhere(shop: Wide) -> None:
    shop.fill(range(3))
    shop.damage((1, "track", "preview_url", "ftp://i/x"))
    shop.publish()
    with shop.store.begin() as connection:
        bury(connection, Kind.TRACK, an_id(1), NOW)
    with shop.store.reading() as connection:
        assert remembered(meta.get(connection, meta.UNSOUND)) == {}
