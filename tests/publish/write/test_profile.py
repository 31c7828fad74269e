"""Profiles: only what may be passed on, in a folder of its own, and nothing else remembers them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.errors import GateFailed
from runclub_spider.publish.verify import summarise, verify_release
from runclub_spider.publish.write import release
from runclub_spider.publish.write.profile import Profile, row_of
from runclub_spider.store.db import tables
from testkit.release_factory import wide_row
from tests.publish.write.test_explore import EXTRA
from tests.publish.write.test_release import Shop, a_track

IDS = {
    *("spotify_track_id", "isrc", "umbrellas", "content_labels", "umbrella", "decade", "cadence"),
}
FILES = {"README.md", "SHA256SUMS", "catalog.jsonl", "manifest.json"}
CUT = [Profile.IDS, Profile.OPEN]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    made.put(*(a_track(n, isrc=f"USUM7000000{n}") for n in range(1, 6)))
    yield made
    made.store.close()


def config_of(shop: Shop, **settings: Any) -> Config:
    return shop.config.model_copy(update={"year_coverage_min": 0.0, **settings})


def names(export: Path) -> set[str]:
    return {path.name for path in export.iterdir()}


def remembered(shop: Shop) -> list[Any]:
    with shop.store.reading() as connection:
        found = [
            connection.execute(sa.select(table)).all()
            for table in (tables.release, tables.release_row, tables.canonical)
        ]
        return [*found, connection.execute(sa.select(tables.meta)).all()]


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "catalog.jsonl").read_bytes().splitlines()]


@pytest.mark.parametrize("profile", CUT)
def test_a_profile_of_a_store_without_a_release(profile: Profile, shop: Shop) -> None:
    config = config_of(shop)
    before = remembered(shop)
    said = release.publish(config, profile=profile)
    (name,) = names(config.export_dir)
    assert said == f"Released {name}: 5 tracks, in {config.export_dir.name}/{name}"
    assert name.endswith(f"-{profile}")
    assert remembered(shop) == before
    folder = config.export_dir / name
    assert names(folder) == FILES
    assert verify_release(folder) == []
    assert summarise(folder) == f"ok: 5 tracks, version {name}"
    for row in rows(folder):
        assert set(row) == (IDS | {"open"} if profile is Profile.OPEN else IDS)


@pytest.mark.parametrize("profile", CUT)
def test_a_profile_leaves_the_full_release_as_it_is(profile: Profile, shop: Shop) -> None:
    latest = shop.publish()
    config = config_of(shop)
    full = latest.resolve().name
    before = remembered(shop)
    release.publish(config, profile=profile)
    first = {p.name: p.read_bytes() for p in (config.export_dir / f"{full}-{profile}").iterdir()}
    assert latest.resolve().name == full
    assert remembered(shop) == before
    assert verify_release(latest) == []
    # The same again, from the release that is there.
    release.publish(config, profile=profile)
    second = {p.name: p.read_bytes() for p in (config.export_dir / f"{full}-{profile}").iterdir()}
    assert first == second
    assert release.publish(config).startswith("Nothing new to publish")


def test_it_is_the_same_with_a_release_or_without(shop: Shop) -> None:
    alone = config_of(shop, export_dir=shop.root / "alone")
    release.publish(alone, profile=Profile.IDS)
    beside = config_of(shop, export_dir=shop.root / "beside")
    release.publish(beside)
    release.publish(beside, profile=Profile.IDS)
    (name,) = names(alone.export_dir)
    for path in (alone.export_dir / name).iterdir():
        assert path.read_bytes() == (beside.export_dir / name / path.name).read_bytes()


def test_a_gate_refuses_a_profile_too(shop: Shop) -> None:
    config = config_of(shop, min_tracks=6)
    with pytest.raises(GateFailed, match="min_tracks"):
        release.publish(config, profile=Profile.IDS)
    assert all(name.startswith("failed-") for name in names(config.export_dir))


def test_an_empty_store_has_no_profile(tmp_path: Path) -> None:
    empty = Shop(tmp_path)
    assert release.publish(empty.config, profile=Profile.IDS).startswith("Nothing to publish")
    empty.store.close()


def test_only_what_asks_for_a_name_is_open() -> None:
    wide = wide_row(1)
    wide["_extra"] = {
        **EXTRA,
        **wide["_extra"],
        "original_release_year": 1971,
        "recording_mbid": "m",
        "artist_mbids": [],
        "open_genres": ["rock"],
        "features_imported": {"tempo": "a", "energy": "b", "valence": "c"},
        "licences": {
            "original_release_year": "CC0-1.0",
            "recording_mbid": "CC0-1.0",
            "open_genres": "CC-BY-NC-SA-3.0",
            "tempo": "CC-BY-4.0",
            "energy": "CC-BY-NC-4.0",
            "valence": "mine",
        },
    }
    row = row_of(wide, Profile.OPEN, original=True)
    assert row["decade"] == "70s"
    assert row["open"] == {
        "original_release_year": {"value": 1971, "source": "MusicBrainz", "licence": "CC0-1.0"},
        "recording_mbid": {"value": "m", "source": "MusicBrainz", "licence": "CC0-1.0"},
        "tempo": {"value": 167.2, "source": "a", "licence": "CC-BY-4.0"},
    }
    assert "open" not in row_of(wide, Profile.IDS, original=True)


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        *(
            (one, True)
            for one in ("CC0-1.0", "CC0", "CC-BY-4.0", "CC BY 4.0", "CC BY", "CC-BY-2.5")
        ),
        *((one, False) for one in ("CC-BY-nc-4.0", "CC BY NonCommercial 4.0", "CC BY-ShareAlike")),
        *((one, False) for one in ("CC BY 4.0, for research alone", "CC-BY-4.0\n", "CC0 or not")),
    ],
)
def test_a_licence_is_free_only_if_it_is_known_whole(licence: str, free: bool, shop: Shop) -> None:
    wide = wide_row(1)
    wide["_extra"] |= EXTRA | {"recording_mbid": None, "artist_mbids": []}
    wide["_extra"] |= {"features_imported": {"tempo": "a"}, "licences": {"tempo": licence}}
    found = row_of(wide, Profile.OPEN, original=False)["open"]
    assert found == ({"tempo": {"value": 167.2, "source": "a", "licence": licence}} if free else {})
    # And a reader of the release is told the same.
    folder = made(Profile.OPEN, shop)
    first, *rest = rows(folder)
    first["open"] = {"tempo": {"value": 167.2, "source": "a", "licence": licence}}
    write(folder, [first, *rest])
    assert ("schema" not in {problem.rule for problem in verify_release(folder)}) is free


@pytest.mark.parametrize("profile", CUT)
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"name": "A title"}, "schema"),
        ({"popularity": 5}, "schema"),
        ({"isrc": 7}, "schema"),
        ({"decade": "60s"}, "schema"),
        ({"cadence": "fast"}, "schema"),
        ({"umbrella": "Jazz"}, "cell"),
    ],
)
def test_verify_refuses_what_does_not_belong(
    profile: Profile, change: dict[str, Any], rule: str, shop: Shop
) -> None:
    folder = made(profile, shop)
    found = rows(folder)
    found[2] |= change
    write(folder, found)
    assert rule in {problem.rule for problem in verify_release(folder)}


def test_verify_refuses_open_fields_without_an_open_licence(shop: Shop) -> None:
    folder = made(Profile.OPEN, shop)
    for wrong in (
        {"tempo": {"value": 1, "source": "a", "licence": "CC-BY-NC-4.0"}},
        {"tempo": {"value": 1, "source": "a"}},
        {"name": {"value": "x", "source": "a", "licence": "CC0-1.0"}},
    ):
        found = rows(folder)
        found[0]["open"] = wrong
        write(folder, found)
        assert "schema" in {problem.rule for problem in verify_release(folder)}


@pytest.mark.parametrize("name", ["report.html", "catalog.csv", "cached_tracks.jsonl"])
def test_verify_refuses_other_files(name: str, shop: Shop) -> None:
    folder = made(Profile.IDS, shop)
    (folder / name).write_text("")
    assert {problem.rule for problem in verify_release(folder)} == {"unexpected"}


def test_verify_holds_the_files_against_the_manifest(shop: Shop) -> None:
    folder = made(Profile.IDS, shop)
    with (folder / "README.md").open("a") as file:
        file.write("more")
    (folder / "SHA256SUMS").write_text("")
    found = rows(folder)
    (folder / "catalog.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found[1:]))
    assert {problem.rule for problem in verify_release(folder)} >= {"sha256", "sums", "totals"}
    moved = folder.rename(folder.with_name("elsewhere"))
    assert "version" in {problem.rule for problem in verify_release(moved)}


def made(profile: Profile, shop: Shop) -> Path:
    config = config_of(shop)
    release.publish(config, profile=profile)
    (name,) = names(config.export_dir)
    return config.export_dir / name


def write(folder: Path, found: list[dict[str, Any]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in found)
    (folder / "catalog.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
