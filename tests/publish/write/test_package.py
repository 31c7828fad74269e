"""The data package, the card and the sums of a release, by the tools that others read them with."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from frictionless import validate

from runclub_spider.publish.write.columns import COLUMNS, LICENCES
from runclub_spider.publish.write.package import write_card, write_package
from testkit.release_factory import SCHEMAS, Release
from tests.publish.write.test_release import Shop, a_track

LISTED = {*("catalog_wide", "cached_tracks", "audio_features", "cached_artists"), "catalog_csv"}


@pytest.fixture(scope="module")
def latest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small release, with names that need care in every kind of file."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    names = ('Quote " comma, semi; pipe |', "=1+1", "ünïcode 🏃 שלום", "Plain")
    shop.put(*(a_track(n, name=name) for n, name in enumerate(names, start=1)))
    shop.put(a_track(5, album=replace(a_track(5).album, name="")))  # as some takedowns leave them
    yield shop.publish()
    shop.store.close()


def package(folder: Path) -> Any:
    return json.loads((folder / "datapackage.json").read_bytes())


def test_frictionless_finds_nothing_wrong(latest: Path) -> None:
    report = validate(latest / "datapackage.json")
    assert report.flatten(["type", "title", "note"]) == []
    assert report.valid
    assert {task.name for task in report.tasks} == LISTED
    assert all(task.type == "table" and not task.warnings for task in report.tasks)


def test_frictionless_would_find_it(latest: Path, tmp_path: Path) -> None:
    """A value of another type, one too many, and a file that is another one."""
    made = tmp_path / "made"
    shutil.copytree(latest, made)
    path = made / "audio_features.jsonl"
    first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    row = json.loads(first)
    path.write_text(json.dumps({**row, "mode": "major"}) + "\n" + "".join([*rest, *rest[-1:]]))
    report = validate(made / "datapackage.json")
    found = {error.type for task in report.tasks for error in task.errors}
    assert found == {"type-error", "primary-key", "hash-count", "byte-count"}


def test_every_column_has_a_meaning_and_a_source(latest: Path) -> None:
    for name, columns in COLUMNS.items():
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_bytes())
        assert columns.keys() == schema["properties"].keys()
        assert {column.source for column in columns.values()} <= LICENCES.keys()
    for resource in package(latest)["resources"]:
        for field in resource["schema"]["fields"]:
            assert field["description"].endswith(".")


def test_the_package_carries_the_date_of_the_version(latest: Path) -> None:
    version = latest.resolve().name
    found = package(latest)
    assert (found["version"], found["created"]) == (version, f"{version[:10]}T00:00:00Z")


def test_sha256sum_finds_every_file_whole(latest: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=latest, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = {p.relative_to(latest).as_posix() for p in latest.rglob("*") if p.is_file()}
    assert {line.removesuffix(": OK") for line in done.stdout.splitlines()} == files - {
        "SHA256SUMS"
    }


def test_parquet_holds_what_the_lines_hold(latest: Path) -> None:
    lines = (latest / "catalog_wide.jsonl").read_bytes().splitlines()
    rows = pq.read_table(latest / "catalog.parquet").to_pylist()
    for row in rows:
        row |= {name: json.loads(row[name]) for name in ("sources", "_extra")}
    assert rows == [json.loads(line) for line in lines]


def test_the_card_says_what_is_in_it_and_what_is_not(latest: Path) -> None:
    text = (latest / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((latest / "manifest.json").read_bytes())
    assert text.startswith(f"# RunClub song catalogue, release {manifest['version']}\n")
    assert "never to be shipped" in text
    for path in latest.iterdir():
        assert f"`{path.name}" in text or path.name in ("README.md",) or path.suffix == ".gz"
    for umbrella, row in manifest["totals"]["byUmbrellaAndDecade"].items():
        assert f"| {umbrella} |" in text
        assert f" {sum(row.values())} " in text
    for said in ("must not train a model", "CC0-1.0", "CC BY-NC-SA 3.0", "Known gaps"):
        assert said in text
    for name in COLUMNS["catalog_wide"]:
        assert f"`{name}`" in text


def test_the_card_tells_a_check_that_failed(tmp_path: Path) -> None:
    manifest = Release().build().manifest
    manifest["gates"][0] |= {"passed": False, "value": 0.9, "accepted": "known, new releases"}
    write_card(tmp_path, manifest)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert (
        "`features` did not pass: 0.9, wanted at least 95; accepted: known, new releases." in text
    )


def test_card_and_package_do_not_tell_the_time(latest: Path, tmp_path: Path) -> None:
    manifest = json.loads((latest / "manifest.json").read_bytes())
    made = tmp_path / "made"
    shutil.copytree(latest, made)
    for write, name in ((write_package, "datapackage.json"), (write_card, "README.md")):
        write(made, {**manifest, "createdAt": "2031-01-01T00:00:00Z"})
        assert (made / name).read_bytes() == (latest / name).read_bytes()
