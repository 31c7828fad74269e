"""`scrapy crawl SPIDER -o FILE`: flat rows of what the run answered, as a Scrapy user expects."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.settings import ITEM_PIPELINES
from testkit.places import Place

from .airing import DAY
from .running import Run

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=40")
LISTS = (
    *("crawl", "spotify_playlist", "-a", "max_seeds=1"),
    *("-a", "top_playlists=2", "-a", "max_items=60"),
)
KEXP = ("crawl", "kexp", *DAY)
COLUMNS = [
    *("id", "name", "artist", "duration_ms", "isrc", "album", "album_release_date"),
    *("popularity", "explicit", "playable", "market", "source", "source_key"),
]
PLAY_COLUMNS = [
    *("source", "source_play_id", "title", "artist", "album", "airdate", "mbid", "year"),
    *("song_id", "match_tier", "match_confidence", "created_at"),
]


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON Lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("argv", [SEARCH, LISTS], ids=["search", "playlist"])
def test_a_track_that_a_run_was_answered_is_one_flat_row(
    argv: tuple[str, ...], place: Place, run: Run, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "tracks.jsonl"
    run(place, *argv, "-o", str(target))
    rows = lines(target)
    assert all(list(row) == COLUMNS for row in rows)
    # Every track of the store, once, also one that stands on several pages.
    assert sorted(row["id"] for row in rows) == sorted(place.column("SELECT track_id FROM track"))
    edges = set(place.query("SELECT track_id, source_type, source_key FROM track_source"))
    assert {(row["id"], row["source"], row["source_key"]) for row in rows} <= edges
    stored = dict(place.query("SELECT track_id, name FROM track"))
    assert {row["id"]: row["name"] for row in rows} == stored
    assert {row["market"] for row in rows} == {"US"}
    assert all(type(row["duration_ms"]) is int and row["artist"] for row in rows)


@pytest.mark.parametrize("argv", [SEARCH, KEXP], ids=["search", "kexp"])
def test_on_stdout_there_is_nothing_but_rows(
    argv: tuple[str, ...], place: Place, run: Run, tmp_path: Path
) -> None:
    target = tmp_path / "rows.jsonl"
    done = run(place, *argv, "-o", "-:jsonl", "-o", str(target), *(["-a", "budget=9"]))
    assert done.out == target.read_text(encoding="utf-8")
    assert f"{argv[1]}: finished" in done.err


def test_an_unchanged_run_writes_empty_files(place: Place, run: Run, tmp_path: Path) -> None:
    run(place, *SEARCH)
    targets = [tmp_path / f"again.{ending}" for ending in ("jsonl", "csv", "json")]
    run(place, *SEARCH, *(part for target in targets for part in ("-o", str(target))))
    assert [target.read_bytes().strip() for target in targets[:2]] == [b"", b""]
    assert json.loads(targets[2].read_bytes()) == []


def test_every_format_has_the_same_rows(place: Place, run: Run, tmp_path: Path) -> None:
    targets = [tmp_path / f"tracks.{ending}" for ending in ("jsonl", "json", "csv", "jl")]
    run(place, *SEARCH, *(part for target in targets for part in ("-o", str(target))))
    rows = lines(targets[0])
    assert rows
    assert json.loads(targets[1].read_bytes()) == rows == lines(targets[3])
    written = table(targets[2])
    assert list(written[0]) == COLUMNS
    assert [row["id"] for row in written] == [row["id"] for row in rows]
    assert {row["explicit"] for row in written} <= {"true", "false"}


def test_a_file_is_added_to_or_written_anew(place: Place, run: Run, tmp_path: Path) -> None:
    target = tmp_path / "tracks.csv"
    run(place, *SEARCH, "-o", str(target))
    first = table(target)
    run(
        place,
        "crawl",
        "spotify_search",
        "-a",
        "max_seeds=3",
        "-a",
        "max_results=40",
        "-o",
        str(target),
    )
    both = table(target)
    # One line of names, whatever was there before.
    assert both[: len(first)] == first
    assert len(both) > len(first)
    assert all(row["duration_ms"].isdigit() for row in both)
    run(
        place,
        "crawl",
        "spotify_search",
        "-a",
        "max_seeds=4",
        "-a",
        "max_results=40",
        "-O",
        str(target),
    )
    assert 0 < len(table(target)) < len(both)


def test_a_page_that_could_not_be_stored_gives_no_row(
    place: Place, run: Run, tmp_path: Path
) -> None:
    target = tmp_path / "tracks.jsonl"
    dropping = json.dumps({**ITEM_PIPELINES, "tests.e2e.components.Drops": 350})
    run(place, *SEARCH, "-s", f"ITEM_PIPELINES={dropping}", "-o", str(target), code=75)
    assert target.read_bytes() == b""


def test_a_play_that_a_run_stored_is_one_flat_row(
    place: Place, sandbox: Sandbox, run: Run, tmp_path: Path
) -> None:
    target, other = tmp_path / "plays.jsonl", tmp_path / "plays.csv"
    run(place, *KEXP, "-o", str(target), "-o", str(other))
    rows = lines(target)
    assert all(list(row) == PLAY_COLUMNS for row in rows)
    columns = "source_play_id, title, artist, album, mbid, year, song_id, match_tier"
    stored = place.query(f"SELECT {columns} FROM external_play ORDER BY source_play_id")
    found = [tuple(row[name] for name in columns.split(", ")) for row in rows]
    assert sorted(found) == stored
    assert {row["source"] for row in rows} == {"kexp"}
    assert all(row["airdate"].startswith("2026-03-0") and row["airdate"][-1] == "Z" for row in rows)
    assert [row["source_play_id"] for row in table(other)] == [
        row["source_play_id"] for row in rows
    ]
    run(place, *KEXP, "-O", str(target))
    assert target.read_bytes() == b""
