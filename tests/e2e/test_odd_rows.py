"""One object of a hundred is damaged in every awkward way: the rest comes out as if none were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from runclub_sandbox.options import SandboxOptions
from runclub_spider.catalog.versions import soft_key
from testkit.killer import Launcher
from testkit.places import CONTACT, Place, blanked, problems
from testkit.sandboxes import Sandboxes

from .airing import DAY, tables
from .running import launched, seeded

pytestmark = pytest.mark.e2e
RATE = 0.01
TERMS = ("90s rock", "80s pop", "2010s dance", "soul", "jazz", "2000s hip hop", "90s metal", "folk")
LISTS = ("running", "workout")
#: Wide enough that every list of a page is read, whichever of them cannot be.
WIDE = ("-a", "top_playlists=40", "-a", "max_items=60")
#: Room for the whole pool, and for each cell: where one had more than it needs, its tracks of
#: several umbrellas would be counted where they are missed, and what is missed depends on all.
ROOM = {"GLOBAL_CAP": "400000", "CELL_TARGET": "400000", "CELL_MINIMUM": "400000"}
ENV = {**CONTACT, **ROOM, "PAGE_SIZE": "50"}


@dataclass(frozen=True)
class Brought:
    """What both spiders, open metadata and KEXP made of one world."""

    rows: dict[str, bytes]
    groups: dict[str, set[str]]
    plays: dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Compared:
    """The calm world and the odd one, and what was damaged."""

    calm: Brought
    odd: Brought
    damaged: dict[str, Any]
    served: Mapping[str, int]


@pytest.fixture(scope="module")
def compared(
    launcher: Launcher, sandboxes: Sandboxes, tmp_path_factory: pytest.TempPathFactory
) -> Compared:
    options = SandboxOptions(musicbrainz_busy=0)
    found = {}
    with sandboxes.running(options) as sandbox:
        for name, faults in (("calm", {}), ("odd", {"odd": RATE})):
            sandbox.configure(faults=faults)
            place = Place(tmp_path_factory.mktemp(name) / "place")
            for argv in (
                ("crawl", "spotify_search", *seeded(place, *TERMS), "-a", "max_results=150"),
                ("crawl", "spotify_playlist", *seeded(place, *LISTS), *WIDE),
                ("crawl", "kexp", *DAY),
                ("crawl", "enrich"),
            ):
                done = launched(launcher, *argv, env=place.env(sandbox, **ENV))
                assert "Traceback" not in done.text, done.text
                assert done.code == 0, done.text
            assert problems(place) == []
            found[name] = brought(place)
        damaged = sandbox.odd()
        served = {api: kinds["odd"] for api, kinds in sandbox.stats()["faults"].items()}
    return Compared(found["calm"], found["odd"], damaged, served)


def brought(place: Place) -> Brought:
    rows = {}
    for line in blanked(place.latest)["catalog_wide.jsonl"].splitlines():
        rows[json.loads(line)["spotify_track_id"]] = line
    artists: dict[str, list[str]] = {}
    for track, name in place.query(
        "SELECT track_id, name FROM track_artist JOIN artist USING (artist_id) "
        "ORDER BY track_id, position"
    ):
        artists.setdefault(track, []).append(name)
    groups = {
        track: {f"isrc {isrc}", f"words {soft_key(name, artists.get(track, []))}"}
        - {"isrc None", "words "}
        for track, isrc, name in place.query("SELECT track_id, isrc, name FROM track")
    }
    plays = {row[1]: row for row in tables(place)["external_play"]}
    return Brought(rows, groups, plays)


def test_what_is_untouched_comes_out_the_same(compared: Compared) -> None:
    """The row of every track, and of every group, without a damaged member."""
    calm, odd, touched = compared.calm, compared.odd, set(compared.damaged["tracks_touched"])
    spoilt = {
        group
        for found in (calm, odd)
        for track, groups in found.groups.items()
        if track in touched
        for group in groups
    }
    whole = {
        track
        for found in (calm, odd)
        for track, groups in found.groups.items()
        if track not in touched and not groups & spoilt
    }
    expected = {track: row for track, row in calm.rows.items() if track in whole}
    found = {track: row for track, row in odd.rows.items() if track in whole}
    assert len(expected) > 800
    assert {one: (row, found[one]) for one, row in expected.items() if row != found.get(one)} == {}
    assert found.keys() == expected.keys()


def test_what_is_damaged_costs_itself(compared: Compared) -> None:
    calm, odd = compared.calm, compared.odd
    assert compared.served.keys() == {
        "spotify",
        "reccobeats",
        "kexp",
        "musicbrainz",
        "listenbrainz",
    }
    assert sum(compared.served.values()) > 200
    # One object of a hundred is damaged, and most of those can be used for the rest they say.
    assert len(odd.rows) > 0.97 * len(calm.rows)
    assert len(odd.groups) > 0.98 * len(calm.groups)


def test_every_undamaged_play_is_stored_alike(compared: Compared) -> None:
    calm, odd, damaged = compared.calm.plays, compared.odd.plays, compared.damaged["kexp"]["play"]
    whole = {one: row for one, row in calm.items() if one not in damaged}
    assert len(whole) > 200
    assert {one: row for one, row in odd.items() if one in whole} == whole
