"""What the gate at the wire admits, `verify` accepts: damaged answers, stored and released."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runclub_spider.apis.reccobeats.parser import parse_features, parse_tracks
from runclub_spider.apis.spotify.parser import (
    parse_artist_batch,
    parse_playlist_search,
    parse_track_search,
)
from runclub_spider.catalog.models import Track
from runclub_spider.catalog.normalize import clean_text, normalise_track
from runclub_spider.catalog.playability import playability
from runclub_spider.config import Config
from runclub_spider.publish.verify import verify_release
from runclub_spider.publish.write.release import publish
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.tables import artist, audio_features, track
from runclub_spider.store.facts import artists, details, features, tracks
from runclub_spider.store.facts.tracks import FoundTrack, Source
from runclub_spider.store.queue import pages, playlists
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from testkit.killer import ROOT
from testkit.making import POLICY, an_id
from testkit.postgres import running_postgres
from tests.apis import wire
from tests.apis.damage import encoded, spoilt

NOW = 1_767_225_600
ROWS, PAGE = 400, 50
#: What of a release as a whole depends on how much was damaged.
SHARES = {"feature-coverage", "year-coverage"}
HREF = "https://open.spotify.com/track/"


def damaged_rows(rng: random.Random, rows: Sequence[Any]) -> list[Any]:
    """Nine of ten with one to three values changed."""
    return [spoilt(rng, row) if rng.random() < 0.9 else row for row in rows]


def a_song(number: int) -> Any:
    return wire.track(
        number,
        name=f"Song {number}",
        preview_url=f"https://p.scdn.co/mp3-preview/{number}",
        duration_ms=180_000 + 100 * number,
        linked_from={"id": an_id(number + ROWS)},
        available_markets=["CA", "US"],
        artists=[
            {"id": an_id(one, "artist"), "name": f"Artist {one}"}
            for one in (number % 9, 9 + number % 7)
        ],
    )


def an_artist(number: int) -> Any:
    return {
        "id": an_id(number, "artist"),
        "name": f"Artist {number}",
        "genres": ["R&B", "Hip-Hop"],
        "popularity": 40,
        "images": [{"url": "https://i.scdn.co/image/1", "width": 64, "height": 64}],
    }


def some_features(number: int) -> Any:
    shares = ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "valence")
    return {
        "id": "11111111-2222-4333-8444-555555555555",
        "href": HREF + an_id(number),
        **dict.fromkeys(shares, 0.5),
        "speechiness": 0.04,
        "loudness": -7.4,
        "tempo": 160.0,
        "key": 5,
        "mode": 1,
    }


def a_detail(number: int) -> Any:
    return {
        "id": "11111111-2222-4333-8444-555555555555",
        "href": HREF + an_id(number),
        "isrc": f"GBABC{number:07d}",
        "popularity": 30,
        "durationMs": 200_000,
        "availableCountries": "US,CA",
    }


def fill(connection: sa.Connection, rng: random.Random) -> None:
    """Every kind of answer into the store, as the crawl does it, all of them damaged."""
    songs = damaged_rows(rng, [a_song(number) for number in range(ROWS)])
    lists = parse_playlist_search(
        encoded(
            {
                "playlists": wire.paging(
                    *damaged_rows(rng, [wire.playlist_row(n) for n in range(20)])
                )
            }
        )
    ).playlists
    playlists.record(connection, lists, NOW)
    sources = [Source("search", "rock running")]
    sources += [Source("playlist", one.playlist_id, one.snapshot_id or "s") for one in lists]
    for first in range(0, ROWS, PAGE):
        body = encoded({"tracks": wire.paging(*songs[first : first + PAGE])})
        page = parse_track_search(body, offset=first)
        found = [normalise_track(row.track) for row in page.rows if row.track]
        task = PageTask(
            "spotify_search", PageKind.TRACK_SEARCH, "rock running", "US", first, PAGE, "g1", first
        )
        pages.plan(connection, [task])
        tracks.save(
            connection,
            [judged(track, at) for at, track in enumerate(found)],
            replace(rng.choice(sources), ordinal=first),
            policy=POLICY,
            run_id=1,
            now=NOW,
        )
        counts = PageCounts(track_rows=len(found), null_rows=PAGE - len(found))
        pages.mark_done(connection, task, counts=counts, run_id=1, now=NOW)
    people = list(connection.scalars(sa.select(artist.c.artist_id)))
    records = parse_artist_batch(
        encoded({"artists": damaged_rows(rng, [an_artist(number) for number in range(16)])})
    ).artists
    artists.save(connection, people, records, NOW)
    stored = set(connection.scalars(sa.select(track.c.track_id)))
    ids = sorted({an_id(number) for number in range(ROWS)} & stored)
    # What is missed at first is asked again: a release wants features for most of its tracks.
    whole = [some_features(number) for number in range(ROWS)]
    for rows in (damaged_rows(rng, whole), whole):
        have = {row.track_id for row in connection.execute(sa.select(audio_features.c.track_id))}
        answer = parse_features(
            encoded({"content": rows}), [track_id for track_id in ids if track_id not in have]
        )
        features.save(
            connection,
            answer.found,
            answer.missed,
            partial=answer.partial,
            version="1",
            gap_seconds=1,
            now=NOW,
        )
    rows = damaged_rows(rng, [a_detail(number) for number in range(ROWS)])
    details.save(connection, ids, parse_tracks(encoded({"content": rows})).found, NOW)
    meta.touch(connection)


def judged(track: Track, position: int) -> FoundTrack:
    playable, basis = playability(
        track.is_playable, track.available_markets, "US", restriction=track.restriction
    )
    return FoundTrack(track, position, playable, basis)


def all_texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in all_texts(one)]


def release(folder: Path, seed: int, **where: Any) -> None:
    """Store damaged answers, release them, and hold the release against what it must be."""
    config = Config(
        cache_dir=folder / "cache",
        export_dir=folder / "export",
        seeds_dir=ROOT / "seeds",
        source_date_epoch=NOW,
        year_coverage_min=0.0,
        feature_coverage_min=0.0,
        feature_null_max=1.0,
        **where,
    )
    store = Store.open(config)
    try:
        with store.begin() as connection:
            meta.put(connection, "source|spotify", "sandbox")
            meta.put(connection, "source|reccobeats", "sandbox")
            meta.put(connection, "profile", "extended")
            fill(connection, random.Random(seed))
    finally:
        store.close()
    publish(config)
    latest = config.export_dir / "latest"
    problems = verify_release(latest)
    assert [problem for problem in problems if problem.rule not in SHARES] == []
    account = orjson.loads((latest / "manifest.json").read_bytes())["accounting"]
    # Nothing had to be left out behind the gate, and most rows go through it.
    assert "unsound" not in account["rejectedByRule"]
    assert account["exported"] > ROWS // 4
    lines = (latest / "catalog_wide.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert len(lines) == account["exported"]
    for line in lines:
        row = orjson.loads(line)
        assert all(row["artist_names"])
        assert all(text == clean_text(text, len(text)) for text in all_texts(row))


@given(st.integers(0, 2**32))
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # A smaller seed tells no more, and each takes a release.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_what_the_gate_admits_is_released_and_verified(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        release(Path(folder), seed)


@pytest.mark.full
def test_postgresql_takes_what_the_gate_admits(tmp_path: Path) -> None:
    with running_postgres() as url:
        release(tmp_path, 0, database_url=url)
