"""Both spiders, once: the release, what it cost, and what a second run and publishing do."""

from __future__ import annotations

import csv
import gzip
import json
import math
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet
import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.publish.write import folder
from runclub_spider.publish.write.up_to_date import DATA_FILES
from testkit.killer import Launcher
from testkit.places import Place, blanked, contents, ids_repeated, repeated

from .running import Run, asked, launched, manifest, rows, scrapy, untouched

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=5", "-a", "max_results=100")
PLAYLIST = ("crawl", "spotify_playlist", "-a", "max_seeds=2", "-a", "top_playlists=3")
# Batches may be partial once a run and API, and the issue grants 5 % above that.
GRACE = 1.05


@dataclass(frozen=True)
class Crawl:
    """Both spiders on an empty place, and what the sandbox counted of each."""

    place: Place
    stats: list[dict[str, Any]]
    outputs: list[str]


@pytest.fixture(scope="module")
def first(served: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    place = Place(tmp_path_factory.mktemp("first") / "place")
    stats, outputs = [], []
    for argv in (SEARCH, PLAYLIST):
        served.reset_stats()
        done = launched(launcher, *argv, env=place.env(served))
        assert done.code == 0, done.text
        stats.append(served.stats())
        outputs.append(done.text)
    return Crawl(place, stats, outputs)


@pytest.fixture
def after(first: Crawl, tmp_path: Path) -> Place:
    """A copy of the crawled place, to be changed."""
    return first.place.copy(tmp_path / "after")


def test_the_release_verifies(first: Crawl, sandbox: Sandbox, run: Run) -> None:
    done = run(first.place, "verify", str(first.place.latest))
    assert manifest(first.place)["version"] in done.out
    assert manifest(first.place)["totals"]["tracks"] > 500


@pytest.mark.parametrize("name", [name.removesuffix(".jsonl") for name in DATA_FILES])
def test_every_row_fits_its_schema(name: str, first: Crawl) -> None:
    schema = json.loads((first.place.latest / "schemas" / f"{name}.schema.json").read_bytes())
    validator = jsonschema.Draft202012Validator(schema)
    found = rows(first.place, name)
    assert found
    assert [str(error) for row in found for error in validator.iter_errors(row)] == []


@pytest.mark.parametrize("name", DATA_FILES)
def test_compressed_copies_are_equal(name: str, first: Crawl) -> None:
    packed = (first.place.latest / f"{name}.gz").read_bytes()
    assert gzip.decompress(packed) == (first.place.latest / name).read_bytes()
    assert packed[4:8] == b"\0\0\0\0"


def test_tables_hold_the_same_tracks(first: Crawl) -> None:
    wide = [row["spotify_track_id"] for row in rows(first.place, "catalog_wide")]
    with (first.place.latest / "catalog.csv").open(encoding="utf-8", newline="") as file:
        assert [row["spotify_track_id"] for row in csv.DictReader(file)] == wide
    table = pyarrow.parquet.read_table(first.place.latest / "catalog.parquet")
    assert table["spotify_track_id"].to_pylist() == wide


def test_the_accounting_adds_up(first: Crawl) -> None:
    account = manifest(first.place)["accounting"]
    parts = ("nullRows", "localRows", "episodeRows", "repeatedRows", "distinctTracks")
    assert account["rowsSeen"] == sum(account[part] for part in parts)
    parts = ("exported", "rejected", "mergedIsrc", "mergedSoft", "balanceRejects", "pending")
    assert account["distinctTracks"] == sum(account[part] for part in parts)
    assert account["rejected"] == sum(account["rejectedByRule"].values())
    assert account["exported"] == len(rows(first.place, "cached_tracks"))
    assert account["pending"] == 0
    # The world holds what the rules are for, and editions of one recording, on purpose.
    assert account["rejectedByRule"].keys() == {"too_long", "too_short", "unplayable"}
    assert account["mergedIsrc"] > 0
    assert account["repeatedRows"] > 0


def test_it_cannot_pass_for_real(first: Crawl) -> None:
    found = manifest(first.place)
    assert found["spotify"]["source"] == found["reccobeats"]["source"] == "sandbox"
    assert "sandbox" in found["notes"][0]
    assert found["version"].endswith("-sandbox")
    assert first.place.latest.readlink().name == found["version"]
    assert all("sandbox" in output for output in first.outputs)


def test_only_full_batches_and_nothing_twice(first: Crawl) -> None:
    for stats in first.stats:
        for kind, size in (("recco_features", 40), ("artist", 50)):
            found = stats["batches"][kind]
            assert found["calls"] <= math.floor(GRACE * math.ceil(found["ids"] / size))
            assert sum(n for s, n in found["sizes"].items() if int(s) < size) <= 1
        assert set().union(*ids_repeated(stats).values()) == set()
        assert repeated(stats) == 0
        assert stats["apis"]["spotify"]["by_status"].keys() == {"200"}
        assert stats["apis"]["reccobeats"]["by_status"].keys() == {"200"}


def test_no_id_is_asked_by_both_spiders(
    first: Crawl, after: Place, sandbox: Sandbox, run: Run
) -> None:
    # Everything the store holds is enriched: a run that only enriches finds nothing to ask.
    run(after, "crawl", "enrich")
    assert asked(sandbox) == {}


def test_the_summary_says_what_was_done(first: Crawl) -> None:
    for name, output in zip(("spotify_search", "spotify_playlist"), first.outputs, strict=True):
        assert f"{name}: finished" in output
        assert "Released " in output


def test_a_second_search_asks_and_changes_nothing(after: Place, sandbox: Sandbox, run: Run) -> None:
    before = contents(after.export)
    done = run(after, *SEARCH)
    assert asked(sandbox) == {}
    assert contents(after.export) == before
    assert "Nothing new to publish" in done.out


def test_a_second_playlist_run_only_checks(after: Place, sandbox: Sandbox, run: Run) -> None:
    before = contents(after.export)
    run(after, *PLAYLIST, PLAYLIST_CHECK_AGE="0")
    assert asked(sandbox) == {"search_playlist": 2, "token": 1}
    assert contents(after.export) == before


def test_publishing_again_publishes_nothing(after: Place, run: Run) -> None:
    before = contents(after.export)
    assert "Nothing new to publish" in run(after, "publish").out
    assert contents(after.export) == before


FOREIGN = {
    "TZ": "Asia/Kathmandu",
    "LC_ALL": "tr_TR.UTF-8",
    "PYTHONHASHSEED": "4711",
    "COLUMNS": "40",
}


def elsewhere(place: Place, folder: Path, **env: str) -> dict[str, str]:
    """Contents of the release of a place's store, published to a new folder."""
    done = scrapy("publish", env=place.env(EXPORT_DIR=str(folder), **env))
    assert (done.code, done.err) == (0, "")
    return contents(folder / "latest")


def test_the_same_bytes_on_any_machine(after: Place, tmp_path: Path) -> None:
    here = contents(after.latest)
    there = elsewhere(after, tmp_path / "there", **FOREIGN)
    assert {n for n in here.keys() | there.keys() if here.get(n) != there.get(n)} <= {
        "manifest.json",
        "SHA256SUMS",
    }
    sums = (
        set((folder / "latest" / "SHA256SUMS").read_text().splitlines())
        for folder in (after.export, tmp_path / "there")
    )
    assert all(line.endswith("  manifest.json") for line in set.symmetric_difference(*sums))
    ours, theirs = (
        json.loads((folder / "latest" / "manifest.json").read_bytes())
        for folder in (after.export, tmp_path / "there")
    )
    assert ours.pop("createdAt") <= theirs.pop("createdAt")
    assert ours == theirs


def test_a_fixed_date_fixes_every_byte(after: Place, tmp_path: Path) -> None:
    date = {"SOURCE_DATE_EPOCH": "1700000000"}
    one = elsewhere(after, tmp_path / "one", **date, PYTHONHASHSEED="1")
    two = elsewhere(after, tmp_path / "two", **date, **FOREIGN)
    assert one == two
    document = json.loads((tmp_path / "one" / "latest" / "manifest.json").read_bytes())
    assert document["createdAt"] == "2023-11-14T22:13:20Z"


def test_two_crawls_of_the_same_world_are_the_same(
    first: Crawl, place: Place, sandbox: Sandbox
) -> None:
    other = {"SPOTIFY_CONCURRENCY": "11", "RECCOBEATS_CONCURRENCY": "5", **FOREIGN}
    for argv in (SEARCH, PLAYLIST):
        done = scrapy(*argv, env=place.env(sandbox, **other))
        assert done.code == 0, done.text
    assert blanked(place.latest) == blanked(first.place.latest)


# Gates: other tracks than those of `latest`, so that there is something new to publish.
NEW = {"MIN_DURATION_MS": "150000"}


HOLLOW = (
    "UPDATE audio_features SET tempo = NULL, energy = NULL, danceability = NULL, valence = NULL, "
    "loudness = NULL, key = NULL, mode = NULL, acousticness = NULL, instrumentalness = NULL, "
    "liveness = NULL, speechiness = NULL"
)
FAIL_DRIFT = {"DRIFT_GATES": "fail"}


def tamper(place: Place, *statements: str) -> None:
    """Change the store as only a mistake could, so that there is something new to publish."""
    with closing(sqlite3.connect(place.store)) as connection, connection:
        for statement in (*statements, "UPDATE meta SET value = value + 1 WHERE key = 'revision'"):
            connection.execute(statement)


@pytest.mark.parametrize(
    ("gate", "env", "change"),
    [
        ("min_tracks", NEW | {"MIN_TRACKS": "100000"}, ""),
        # The same tracks, but they would not be released today.
        ("min_tracks", {"MIN_TRACKS": "100000"}, ""),
        ("feature_coverage", {}, f"{HOLLOW} WHERE track_id < 'A'"),
        ("year_coverage", NEW | {"YEAR_COVERAGE_MIN": "1"}, ""),
        (
            "durations",
            {"MAX_DURATION_MS": "420000"},
            "UPDATE track SET duration_ms = 400000 WHERE has_features AND track_id LIKE '0%'",
        ),
        ("feature_nulls", {}, "UPDATE audio_features SET key = NULL"),
        ("mean_duration", NEW | {"MEAN_DURATION_MIN_MS": "300000"}, ""),
        ("decade_drift", FAIL_DRIFT, "UPDATE track SET release_date = '1975'"),
        ("umbrella_drift", FAIL_DRIFT, """UPDATE artist SET genres = '["metal"]'"""),
    ],
)
def test_a_gate_refuses_and_leaves_latest_alone(
    gate: str, env: dict[str, str], change: str, after: Place, run: Run
) -> None:
    if change:
        tamper(after, change)
    before = contents(after.export)
    done = run(after, "publish", code=3, **env)
    assert len(done.err.splitlines()) == 1
    assert gate in done.err
    assert "off by" in done.err
    (failed,) = after.export.glob("failed-*")
    assert failed.name in done.err
    document = json.loads((failed / "manifest.json").read_bytes())
    refused = [g["name"] for g in document["gates"] if not g["passed"] and g["level"] == "fail"]
    assert refused == [gate]
    assert gate in (failed / "report.html").read_text(encoding="utf-8")
    found = contents(after.export).items()
    assert {n: h for n, h in found if not n.startswith("failed-")} == before


def test_drift_only_warns_by_default(after: Place, run: Run) -> None:
    tamper(after, "UPDATE track SET release_date = '1975'")
    done = run(after, "publish")
    assert "Warning: decade_drift is" in done.out
    assert run(after, "verify", str(after.latest)).code == 0


def test_an_accepted_gate_is_recorded(after: Place, run: Run) -> None:
    override = "year_coverage=the labels sent no dates"
    env = NEW | {"YEAR_COVERAGE_MIN": "1"}
    run(after, "publish", "--accept", override, **env)
    found = {g["name"]: g for g in manifest(after)["gates"]}
    assert found["year_coverage"]["accepted"] == "the labels sent no dates"
    assert found["min_tracks"]["accepted"] is None
    assert "the labels sent no dates" in (after.latest / "report.html").read_text("utf-8")
    run(after, "verify", str(after.latest))
    assert "no such gate" in run(after, "publish", "--accept", "years=x", code=2).err


def test_a_crawl_that_fails_a_gate_ends_with_3(place: Place, run: Run) -> None:
    done = run(place, "crawl", "spotify_search", "-a", "max_seeds=1", code=3, MIN_TRACKS="100000")
    assert "min_tracks" in done.err
    assert not place.latest.exists()


def test_full_coverage_keeps_only_tracks_with_features(after: Place, run: Run) -> None:
    lacking = manifest(after)["totals"]["tracks"] - manifest(after)["totals"]["audioFeatures"]
    assert lacking > 0
    run(after, "publish", FEATURE_COVERAGE_MIN="1")
    found = manifest(after)
    assert found["totals"]["tracks"] == found["totals"]["audioFeatures"] > 0
    assert found["accounting"]["balanceRejects"] > 0


def test_a_real_release_is_not_replaced(after: Place, run: Run) -> None:
    path = after.latest / "manifest.json"
    document = manifest(after)
    document["spotify"]["source"] = "spotify"
    path.write_text(json.dumps(document), encoding="utf-8")
    before = contents(after.export)
    done = run(after, "publish", code=2, MIN_DURATION_MS="150000")
    assert "EXPORT_DIR" in done.err
    assert contents(after.export) == before


def test_the_store_of_a_finished_crawl_is_whole(first: Crawl) -> None:
    assert first.place.query("PRAGMA integrity_check") == [("ok",)]
    assert first.place.query("PRAGMA foreign_key_check") == []
    assert first.place.query("SELECT count(*) FROM page WHERE state = 'open'") == [(0,)]


def test_discovery_is_written_out_for_audit(first: Crawl) -> None:
    names = sorted(path.name for path in (first.place.cache / "snapshots").iterdir())
    assert names == ["spotify_playlist-000002.jsonl.gz", "spotify_search-000001.jsonl.gz"]
    with gzip.open(first.place.cache / "snapshots" / names[1], "rt", encoding="utf-8") as file:
        pages = [json.loads(line) for line in file]
    assert len(pages) == 25
    assert all(len(page["raw"]) == 20 for page in pages)


def damage(name: str) -> Callable[[Path], None]:
    def change(release: Path) -> None:
        with (release / name).open("ab") as file:
            file.write(b"\n")

    return change


@pytest.mark.parametrize("name", ["catalog_wide.jsonl", "cached_tracks.jsonl.gz", "report.html"])
def test_verify_finds_a_changed_file(name: str, after: Place, run: Run) -> None:
    damage(name)(after.latest)
    done = run(after, "verify", str(after.latest), code=3)
    assert name in done.out
    assert untouched(after)  # it only reads


def test_a_crawl_beside_another_publisher_keeps_its_pages(place: Place, run: Run) -> None:
    """It waits for nobody: what it read is stored, and publishing is for later."""
    with folder.held(place.export, "scrapy publish"):
        argv = ("crawl", "spotify_search", "-a", "max_seeds=1", "-a", "max_results=20")
        done = run(place, *argv, code=75)
        assert f"scrapy publish, pid {os.getpid()}" in done.err
        assert not place.latest.exists()
        assert len(run(place, "publish", code=75).err.splitlines()) == 1
    assert "Released" in run(place, "publish").out
