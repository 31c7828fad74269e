"""The built-in world: its size, its corners, and that it never changes by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from runclub_sandbox.builtin import DECADES, build
from runclub_sandbox.change import change
from runclub_sandbox.vocabulary import STYLES
from runclub_sandbox.world import ALPHABET, USER_ID, World

ROOT = Path(__file__).parents[2]
DIGEST = """
import hashlib
from runclub_sandbox.builtin import build
from runclub_sandbox.change import change
world = build(5)
change(world, 0.01, 7)
seen = hashlib.sha256()
for rows in (world.tracks, world.artists, world.albums, world.playlists, world.features):
    for key, row in rows.items():
        seen.update(f"{key}{row!r}".encode())
print(seen.hexdigest())
"""


@pytest.fixture(scope="module")
def world() -> World:
    return build(1)


def test_size(world: World) -> None:
    assert len(world.tracks) >= 30_000
    assert len(world.artists) >= 6_000
    assert len(world.playlists) >= 800


def test_same_world_under_any_hash_seed() -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", DIGEST],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        )
        for seed in ("1", "4711")
    ]
    first, second = (process.communicate(timeout=60)[0].strip() for process in running)
    assert first == second
    assert len(first) == 64


def test_ids_are_spotify_shaped(world: World) -> None:
    for one in (*world.tracks, *world.artists, *world.albums, *world.playlists):
        assert len(one) == 22
        assert set(one) <= set(ALPHABET)


def test_every_umbrella_and_decade(world: World) -> None:
    years = Counter(
        year // 10 * 10
        for track in world.tracks.values()
        if (year := world.albums[track.album_id].year)
    )
    assert set(DECADES) <= set(years)
    tagged = {style.label: 0 for style in STYLES}
    for track in world.tracks.values():
        label = next(one for one in tagged if track.tags.startswith(one))
        tagged[label] += 1
    assert min(tagged.values()) > 500
    assert len(tagged) == 21


def test_thin_cells(world: World) -> None:
    cells: Counter[tuple[str, int]] = Counter()
    for track in world.tracks.values():
        year = world.albums[track.album_id].year or 0
        for style in STYLES:
            if track.tags.startswith(style.label):
                cells[style.label, year // 10 * 10] += 1
    assert 20 < cells["Country & Americana", 1970] < 200
    assert 0 < cells["Afrobeat", 1980] < 120
    assert cells["Rock", 1970] > 300


def test_corners(world: World) -> None:
    tracks = list(world.tracks.values())
    isrcs = Counter(track.isrc for track in tracks if track.isrc)
    assert sum(count > 1 for count in isrcs.values()) > 500
    assert sum(track.isrc is None for track in tracks) > 300
    assert sum("US" not in track.plays_in for track in tracks) > 500
    assert sum(track.duration_ms > 360_000 for track in tracks) > 500
    assert sum(track.duration_ms < 120_000 for track in tracks) > 300
    assert sum(track.substitute is not None for track in tracks) > 100
    dates = {world.albums[track.album_id].release_date for track in tracks}
    assert {None, "0000"} <= dates
    assert {4, 7, 10} <= {len(date) for date in dates if date}
    kinds = Counter(e.kind for one in world.playlists.values() for e in one.entries)
    assert min(kinds[kind] for kind in ("null", "local", "episode")) > 50
    assert sum(not artist.genres for artist in world.artists.values()) > 300
    assert sum(one.owner_id == USER_ID for one in world.playlists.values()) >= 3
    for playlist in world.playlists.values():
        assert playlist.id.startswith("37i9") == (playlist.owner_id == "spotify")


@pytest.mark.parametrize(
    ("first", "last", "rate"), [(1950, 2024, 0.10), (2025, 2025, 0.50), (2026, 2026, 0.89)]
)
def test_features_are_missed_by_release_year(
    world: World, first: int, last: int, rate: float
) -> None:
    editions = {track.isrc for track in world.tracks.values() if track.substitute}
    tracks = [
        track
        for track in world.tracks.values()
        if first <= (world.albums[track.album_id].year or 0) <= last and track.isrc not in editions
    ]
    missed = sum(track.id not in world.features for track in tracks) / len(tracks)
    assert missed == pytest.approx(rate, abs=0.06)


def test_change_is_small() -> None:
    first = build(3)
    before = {one: playlist.snapshot_id for one, playlist in first.playlists.items()}
    counts = change(first, 0.01, 7)
    assert counts["playlists_changed"] == round(len(before) * 0.01)
    assert counts["entries_added"] > 0 < counts["entries_removed"]
    after = {one: playlist.snapshot_id for one, playlist in first.playlists.items()}
    changed = sum(before[one] != after[one] for one in before)
    assert changed == round(len(before) * 0.01)
    assert first.id == "builtin-3.g1"
