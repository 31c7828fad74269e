"""A store and an export folder of their own, commands on them, and what both hold at the end."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runclub_sandbox.testing import Sandbox
from runclub_spider.config import Config
from runclub_spider.publish.verify import verify_release
from runclub_spider.publish.write.up_to_date import DATA_FILES

SPOTIFY_CONCURRENCY, RECCOBEATS_CONCURRENCY = 4, 2
PAGE_SIZE = 20
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=4", "-a", "max_results=60")
PLAYLIST = (
    *("crawl", "spotify_playlist", "-a", "max_seeds=2"),
    *("-a", "top_playlists=2", "-a", "max_items=150"),
)
OPEN = ("crawl", "enrich", "-a", "only=open_metadata")
CONTACT = {"OPEN_METADATA_CONTACT": "owner@example.org"}
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Columns that hold a time or a run's number: they may differ between two right results.
_BLANK = {
    "seed": {"last_seen_at"},
    # A page that was put off may have been planned later; which source brought a track is below.
    "page": {"ordinal", "tries", "run_id", "fetched_at", "raw"},
    "playlist": {"first_seen_at", "last_processed_at"},
    "playlist_change": {"run_id"},
    # `has_artist` has a test of its own (test_enriched.py).
    "track": {"first_seen_at", "updated_at", "last_enriched_at", "has_artist", "first_ordinal"},
    "track_market": {"checked_at"},
    "track_source": {"first_seen_at", "run_id", "removed_at"},
    "artist": {"fetched_at"},
    "audio_features": {"fetched_at"},
    "feature_miss": {"checked_at", "next_check_at"},
    "rejection": {"run_id"},
    "release_row": {"version"},
    "tombstone": {"created_at"},
    "open_ask": {"asked_at", "next_check_at"},
    "open_answer": set(),
    "recording": set(),
    "recording_artist": set(),
    "open_artist": set(),
    "artist_link": set(),
    "track_recording": set(),
    "open_tag": set(),
    "open_genre": set(),
    "open_metadata": set(),
    "seed_playlist": set(),
    "track_artist": set(),
    # The reason tells whether there was a release before, finished or not.
    "canonical": {"reason"},
}
# What each search or list brought: tracks of which it was the first source, as pages were planned.
_BROUGHT = """
SELECT source_key, count(*) FROM track JOIN (
    SELECT ordinal, min(source_key) AS source_key FROM page GROUP BY ordinal
) ON ordinal = first_ordinal GROUP BY source_key
"""
Facts = dict[str, Counter[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one crawl works."""

    root: Path

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def export(self) -> Path:
        return self.root / "export"

    @property
    def store(self) -> Path:
        return self.cache / "runclub.sqlite"

    @property
    def latest(self) -> Path:
        return self.export / "latest"

    def env(self, sandbox: Sandbox | None = None, **more: str) -> dict[str, str]:
        """The environment of a command: this place, the sandbox, and defaults for the rest."""
        return {
            **os.environ,
            # An empty value wins over `.env`: a user's settings must not reach in.
            **dict.fromkeys(Config.names(), ""),
            **(sandbox.env if sandbox else {}),
            "CACHE_DIR": str(self.cache),
            "EXPORT_DIR": str(self.export),
            "PAGE_SIZE": str(PAGE_SIZE),
            # At the default of 0 a run that follows a finished one begins a new round of checks.
            "PLAYLIST_CHECK_AGE": "1",
            **more,
        }

    def config(self, **more: Any) -> Config:
        """The same as settings of this process."""
        return Config(cache_dir=self.cache, export_dir=self.export, **more)

    def copy(self, root: Path) -> Place:
        """The same store and releases elsewhere."""
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.root, root, symlinks=True)
        return Place(root)

    def query(self, sql: str, *values: object) -> list[Any]:
        """Rows of the store, by plain sqlite3."""
        with closing(sqlite3.connect(self.store)) as connection:
            return connection.execute(sql, values).fetchall()

    def column(self, sql: str, *values: object) -> list[Any]:
        """The first column of a query."""
        return [row[0] for row in self.query(sql, *values)]


def facts(place: Place) -> Facts:
    """Everything the store knows, times and run numbers left out, by table."""
    found: Facts = {}
    with closing(sqlite3.connect(place.store)) as connection:
        for table, blank in _BLANK.items():
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            kept = ", ".join(f'"{name}"' for name in names if name not in blank)
            found[table] = Counter(connection.execute(f"SELECT {kept} FROM {table}").fetchall())
        found["brought"] = Counter(connection.execute(_BROUGHT).fetchall())
        bad = connection.execute("PRAGMA foreign_key_check").fetchall()
        found["orphans"] = Counter(tuple(map(str, row)) for row in bad)
    return found


def missing(wanted: Facts, found: Facts) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of `wanted` that `found` lacks, by table."""
    pairs = {table: list((rows - found[table]).elements()) for table, rows in wanted.items()}
    return {table: rows for table, rows in pairs.items() if rows}


def blanked(release: Path) -> dict[str, bytes]:
    """The four data files without their timestamps."""
    return {name: _STAMP.sub(b"T", (release / name).read_bytes()) for name in DATA_FILES}


def contents(folder: Path) -> dict[str, str]:
    """Hash and place of every file and link below a folder."""
    return {
        path.relative_to(folder).as_posix(): (
            f"-> {path.readlink()}"
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def problems(place: Place) -> list[str]:
    """What is wrong with `latest`; nothing when there is none, or a release that verifies."""
    if not place.latest.is_symlink():
        return ["latest is no link"] if place.latest.exists() else []
    if not place.latest.is_dir():
        return ["latest points nowhere"]
    return [str(problem) for problem in verify_release(place.latest)]


def leftovers(place: Place) -> list[str]:
    """Files that no finished run leaves behind."""
    patterns = (".staging-*", ".latest-*")
    found = [path for pattern in patterns for path in place.export.glob(pattern)]
    return sorted(path.name for path in [*found, *place.cache.rglob("*.part")])


def calls(stats: Mapping[str, Any]) -> dict[str, int]:
    """Calls to the APIs by family, those for tokens left out."""
    return {
        family: tally["calls"]
        for api, found in stats["apis"].items()
        if api != "accounts"
        for family, tally in found["families"].items()
    }


def repeated(stats: Mapping[str, Any]) -> int:
    """Requests that were answered before, those for tokens left out."""
    pages = stats["pages_repeated"].items()
    return sum(number - 1 for page, number in pages if not page.startswith("POST /api/token"))


def ids_repeated(stats: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Ids that a batch call named more than once, by kind."""
    return {kind: found["more_than_once"] for kind, found in stats["repeats"].items()}


def ids_asked(stats: Mapping[str, Any]) -> dict[str, int]:
    """How many ids batch calls named, by kind."""
    kinds = ("artist", "recco_features", "mb_isrc", "mb_title", "lb_recording")
    return {kind: stats["repeats"].get(kind, {}).get("ids_asked", 0) for kind in kinds}
