"""A made-up store of any size, written straight into the project's tables.

`python -m bench.synthetic N` fills the store of CACHE_DIR. Same N, same rows.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import orjson
import sqlalchemy as sa
from scrapy.utils.project import get_project_settings

from runclub_spider.catalog.genres import normalise_genre
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.config import Config
from runclub_spider.store.db import meta, tables
from runclub_spider.store.db.engine import Store
from runclub_spider.store.queue.pages import DONE, PageKind, PageTask

PAGE_ROWS = 50
TRACKS_PER_ARTIST = 4
MARKET = "US"
#: 96 of 100 tracks have features, above the gate's 95, and 4 a recorded miss.
MISSES_PER_HUNDRED = 4

_AT = 1_767_225_600
_WORDS = (
    *("night", "river", "gold", "café", "static", "engine", "paper", "summer", "ghost", "mile"),
    *("corazón", "drum", "neon", "harbour", "winter", "signal", "Straße", "velvet", "echo"),
)
_MARKETS = ("AU,CA,DE,FR,GB,JP,MX,NZ,SE,US", "CA,GB,US", "AU,BR,CA,DE,ES,FR,GB,IE,IT,NL,NO,US")

Rows = Iterator[dict[str, Any]]


def fill(connection: sa.Connection, number: int, umbrellas: UmbrellaMap) -> None:
    """Insert `number` tracks with artists, sources, markets, features, seeds and pages."""
    labels = umbrellas.labels
    people = max(1, number // TRACKS_PER_ARTIST)
    searches = max(1, number // 200)
    # In the order of the ids: into a tree of a gigabyte, rows in no order take hours.
    order = sorted(range(number), key=lambda i: _id("track", i))
    _insert(connection, tables.artist, _artists(people, umbrellas))
    _insert(connection, tables.track, (_track(i) for i in order))
    _insert(connection, tables.track_artist, _credits(order, people))
    _insert(connection, tables.track_market, (_market(i) for i in order))
    _insert(connection, tables.seed, (_seed(i, labels) for i in range(searches)))
    _insert(connection, tables.track_source, _sources(order, searches))
    _insert(connection, tables.audio_features, (_features(i) for i in order if not _missed(i)))
    _insert(connection, tables.feature_miss, (_miss(i) for i in order if _missed(i)))
    _insert(connection, tables.page, _pages(number))
    for key in ("source|spotify", "source|reccobeats"):
        meta.put(connection, key, "sandbox")
    meta.put(connection, "profile", "extended")
    meta.touch(connection)


def _insert(connection: sa.Connection, table: sa.Table, rows: Rows) -> None:
    """Insert through the driver: SQLAlchemy would take half the time for a million rows."""
    rows = iter(rows)
    while part := list(islice(rows, 5000)):
        names = list(part[0])
        quoted = ", ".join(f'"{name}"' for name in names)
        values = ", ".join(f":{name}" for name in names)
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({quoted}) VALUES ({values})",
            part,
        )


def _id(kind: str, number: int) -> str:
    """22 letters and digits, in no order, always the same for a number."""
    return hashlib.blake2b(f"{kind}{number}".encode(), digest_size=11).hexdigest()


def _name(rng: random.Random, most: int) -> str:
    return " ".join(rng.choices(_WORDS, k=rng.randint(1, most))).title()


def _track(number: int) -> dict[str, Any]:
    rng = random.Random(number)
    year = rng.randint(1970, 2025)
    # Every 25th shares the recording of the one before; every 40th is longer than allowed.
    recording = number - 1 if number % 25 == 24 else number
    song = random.Random(recording)
    return {
        "track_id": _id("track", number),
        "name": _name(song, 5),
        "isrc": None if number % 30 == 7 else f"QZ{recording:010d}",
        "duration_ms": 400_000 if number % 40 == 13 else song.randint(125_000, 355_000),
        "explicit": rng.random() < 0.1,
        "album_id": _id("album", number // 8),
        "album_name": _name(rng, 4),
        "album_type": rng.choice(("album", "single", "compilation")),
        "release_date": str(year) if number % 6 == 0 else f"{year}-{rng.randint(1, 12):02d}-11",
        "image_url": f"https://i.scdn.example/image/{number // 8:040x}",
        "popularity": rng.randint(0, 90),
        "preview_url": None,
        "linked_from": None,
        "available_markets": None if _ambiguous(number) else rng.choice(_MARKETS),
        "first_seen_at": _AT,
        "updated_at": _AT,
        "last_enriched_at": _AT,
        "has_features": not _missed(number),
        "has_artist": True,
        "first_ordinal": number // PAGE_ROWS,
    }


def _artists(number: int, umbrellas: UmbrellaMap) -> Rows:
    genres = [normalise_genre(umbrellas.aliases(label)[0]) for label in umbrellas.labels]
    for index in sorted(range(number), key=lambda i: _id("artist", i)):
        rng = random.Random(index)
        theirs = [] if index % 9 == 4 else rng.sample(genres, rng.randint(1, 3))
        yield {
            "artist_id": _id("artist", index),
            "name": _name(rng, 3),
            "genres": orjson.dumps(theirs).decode(),
            "popularity": rng.randint(0, 90),
            "image_url": f"https://i.scdn.example/image/{index:040x}",
            "fetched_at": _AT,
        }


def _credits(order: Iterable[int], people: int) -> Rows:
    for index in order:
        main = index // TRACKS_PER_ARTIST % people
        guests = [(main + 1) % people] if index % 5 == 0 and people > 1 else []
        for position, one in enumerate((main, *guests)):
            yield {
                "track_id": _id("track", index),
                "position": position,
                "artist_id": _id("artist", one),
            }


def _market(number: int) -> dict[str, Any]:
    return {
        "track_id": _id("track", number),
        "market": MARKET,
        "playable": "unknown" if _ambiguous(number) else "yes",
        "basis": "is_playable",
        "restriction": None,
        "checked_at": _AT,
    }


def _seed(number: int, labels: tuple[str, ...]) -> dict[str, Any]:
    return {
        "term": f"synthetic {number}",
        "search_type": "track",
        "market": MARKET,
        "family": "synthetic",
        "umbrella": labels[number % len(labels)],
        "decade": None,
        "bpm": None,
        "state": "exhausted",
        "next_offset": 200,
        "requests": 4,
        "rows": 200,
    }


def _sources(order: Iterable[int], searches: int) -> Rows:
    """One search a track, and a second one for every third."""
    for index in order:
        found = {index // 200 % searches}
        if index % 3 == 0:
            found.add(index % searches)
        for search in sorted(found):
            yield {
                "track_id": _id("track", index),
                "source_type": "search",
                "source_key": f"synthetic {search}",
                "position": index % 200,
                "first_seen_at": _AT,
                "run_id": 1,
            }


def _ambiguous(number: int) -> bool:
    """Whether nobody says that the track is playable."""
    return number % 50 == 21


def _missed(number: int) -> bool:
    return number % 100 < MISSES_PER_HUNDRED


def _features(number: int) -> dict[str, Any]:
    rng = random.Random(number)
    shares = ("energy", "danceability", "valence", "acousticness", "instrumentalness")
    return {
        "track_id": _id("track", number),
        "recco_track_id": f"{rng.getrandbits(128):032x}",
        "tempo": round(rng.uniform(60, 200), 3),
        "loudness": round(rng.uniform(-20, 0), 3),
        **{name: round(rng.random(), 4) for name in (*shares, "liveness")},
        # More would make it speech, which is no song.
        "speechiness": round(rng.uniform(0, 0.5), 4),
        "key": rng.randint(0, 11),
        "mode": rng.randint(0, 1),
        "time_signature": 4,
        "version": "1",
        "fetched_at": _AT,
        "borrowed_from": None,
    }


def _miss(number: int) -> dict[str, Any]:
    return {
        "track_id": _id("track", number),
        "tries": 1,
        "checked_at": _AT,
        "next_check_at": _AT + 604_800,
    }


def _pages(number: int) -> Rows:
    """As many pages of 50 rows as hold all tracks, so that the accounting adds up."""
    for index, first in enumerate(range(0, number, PAGE_ROWS)):
        rows = min(PAGE_ROWS, number - first)
        task = PageTask(
            "spotify_search",
            PageKind.TRACK_SEARCH,
            f"synthetic {first // 200}",
            MARKET,
            first % 200,
            PAGE_ROWS,
            "g1",
            index,
        )
        yield {
            **{name: getattr(task, name) for name in PageTask.__dataclass_fields__},
            "kind": str(task.kind),
            "key": task.key,
            "state": DONE,
            "fetched_at": _AT,
            "rows": rows,
            "track_rows": rows,
        }


def main(arguments: Iterable[str]) -> None:
    (number,) = (int(text) for text in arguments)
    config = Config.from_settings(get_project_settings())
    store = Store.open(config)
    try:
        with store.begin() as connection:
            fill(connection, number, UmbrellaMap.load(config.seeds_dir / "umbrellas.yaml"))
    finally:
        store.close()


if __name__ == "__main__":
    main(sys.argv[1:])
