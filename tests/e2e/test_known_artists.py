"""Searches for known artists: asked in their decades, and believed for what they play."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place

from .running import ROOT, Run, asked, one_line, rows

pytestmark = pytest.mark.e2e

HEAD = """\
family: artists
track: {order: 7, caps: {family: 99}, templates: [{patterns: ['artist:"{artist}" year:{years}']}]}
artists:
"""


def seeds_with(folder: Path, entries: str) -> str:
    """The project's seeds with other known artists; for `SEEDS_DIR`."""
    shutil.copytree(ROOT / "seeds", folder)
    (folder / "artists.yaml").write_text(HEAD + entries, encoding="utf-8")
    return str(folder)


def test_known_artists_fill_their_cells_and_a_wrong_one_costs_a_request(
    crawled: Place, place: Place, sandbox: Sandbox, run: Run, tmp_path: Path
) -> None:
    found = rows(crawled, "cached_tracks")[0]
    name, umbrella, decade = found["artistName"], found["_umbrellas"][0], found["_decade"]
    seeds = seeds_with(
        tmp_path / "seeds",
        f'  "{umbrella}": {{"{name}": [{decade}], "Nobody Of That Name": [{decade}]}}\n',
    )
    # The key tells no genres, so that only the seeds say what the artist plays.
    sandbox.configure(regime="development")
    run(place, "crawl", "spotify_search", "-a", "family=artists", SEEDS_DIR=seeds)
    with (place.latest / "discovery.csv").open(encoding="utf-8", newline="") as file:
        told = {row["term"]: row for row in csv.DictReader(file)}
    (known, nobody) = sorted(told, key=lambda term: "Nobody" in term)
    assert {row["family"] for row in told.values()} == {"artists"}
    assert re.fullmatch(rf'artist:"{re.escape(name)}" year:\d{{4}}-\d{{4}}', known)
    assert told[nobody]["rows"] == "0"
    assert int(told[known]["rows"]) > 0
    theirs = [row for row in rows(place, "cached_tracks") if row["artistName"] == name]
    assert theirs
    assert {row["_umbrellas"][0] for row in theirs} == {umbrella}


def test_a_bad_entry_is_refused_in_one_line(place: Place, run: Run, tmp_path: Path) -> None:
    seeds = seeds_with(tmp_path / "seeds", "  Pop:\n    Somebody: [60s]\n")
    for command in (("crawl", "spotify_search"), ("seeds",)):
        done = run(place, *command, code=2, SEEDS_DIR=seeds)
        assert "artists.yaml:5: key 'artists.Pop.Somebody[0]': " in one_line(done)


def test_seeds_of_an_earlier_version_have_no_such_family(
    place: Place, sandbox: Sandbox, run: Run, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    (tmp_path / "seeds/artists.yaml").unlink()
    earlier = {"SEEDS_DIR": str(tmp_path / "seeds")}
    done = run(place, "crawl", "spotify_search", "-a", "family=artists", code=2, **earlier)
    assert "no such seed family" in one_line(done)
    assert asked(sandbox) == {}
    run(place, "seeds", "--kind", "track", **earlier)
