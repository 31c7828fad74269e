"""What every station's spider does, run over KEXP and over one that was added as a newcomer would.

The second is no part of the package: what `docs/ADDING.md` says is written into a copy.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from testkit.guide import Copy, copied, do, run
from testkit.killer import Action, Launcher
from testkit.places import Place
from testkit.serving import Reply, Server, json_reply, serving
from tests.e2e.airing import summary
from tests.e2e.running import Done, launched, one_line

from .shapes import Air, Aired, an_hour, as_kexp, as_wave, served

pytestmark = pytest.mark.e2e
SHAPES = {"kexp": as_kexp, "wave": as_wave}
IDS: dict[str, Callable[[Aired], str]] = {
    "kexp": lambda one: str(1000 + one.number),
    "wave": lambda one: f"w{one.number}",
}
#: The window in which everything is aired, as both zones know it.
WHEN = ("-a", "start_date=2026-03-07T20:00:00Z", "-a", "end_date=2026-03-07T23:59:59Z")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The project with a second station."""
    found = copied(tmp_path_factory.mktemp("second"))
    do("A radio station", found)
    return found


@pytest.fixture(scope="module")
def launcher(copy: Copy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Starts commands of that project."""
    with Launcher(tmp_path_factory.mktemp("launched"), copy.root) as found:
        yield found


@dataclass(frozen=True, slots=True)
class Station:
    """A station that is on the air, and a place for what is made of it."""

    name: str
    air: Air
    server: Server
    place: Place
    launcher: Launcher

    def run(self, *argv: str, code: int = 0, kill: Sequence[Action] = (), **env: str) -> Done:
        """Its spider, or another command."""
        argv = argv if argv and not argv[0].startswith("-") else ("crawl", self.name, *argv)
        mine = {f"{self.name.upper()}_BASE_URL": self.server.url, "KEXP_BACKOFF_SECONDS": "0"}
        env = self.place.env(**{**mine, **env})
        done = launched(self.launcher, *argv, env=env, actions=kill)
        assert "Traceback" not in done.text, done.text
        assert done.code == code, done.text
        return done

    def ids(self, aired: list[Aired]) -> set[str]:
        """What it calls them."""
        return {IDS[self.name](one) for one in aired}

    def stored(self) -> set[str]:
        """Its plays in the store."""
        query = "SELECT source_play_id FROM external_play WHERE source = ?"
        return {row[0] for row in self.place.query(query, self.name)}


@pytest.fixture
def tune(tmp_path: Path, launcher: Launcher) -> Iterator[Callable[[str], Station]]:
    """A station by name; all of them share one place."""
    with ExitStack() as stack:

        def tuned(name: str) -> Station:
            air = Air(an_hour())
            server = stack.enter_context(serving(served(SHAPES[name], air)))
            return Station(name, air, server, Place(tmp_path / "place"), launcher)

        yield tuned


@pytest.fixture(params=list(SHAPES))
def station(request: pytest.FixtureRequest, tune: Callable[[str], Station]) -> Station:
    """Each of them."""
    return tune(request.param)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_play_comes_in_once_under_its_source(station: Station, tmp_path: Path) -> None:
    name, place, songs = station.name, station.place, station.air.songs
    done = station.run(*WHEN, "-o", str(tmp_path / "plays.jsonl"))
    counts = summary(done)
    assert (counts["spider"], counts["fetched"]) == (name, len(station.air.aired))
    assert counts["track_plays"] == counts["provenance_inserted"] == len(songs)
    assert station.stored() == station.ids(songs)
    for table in ("external_play", "song", "ingestion_checkpoint", "covered_interval"):
        assert set(place.column(f"SELECT source FROM {table}")) == {name}
    query = "SELECT title, artist, airdate FROM external_play"
    assert set(place.query(query)) == {(one.title, one.artist, one.at) for one in songs}
    # What is left for others bears its name, and so do the counts that are kept.
    assert len(lines(place.cache / f"{name}_new_songs.jsonl")) == len(songs)
    (kept,) = place.column("SELECT counts FROM run")
    assert json.loads(kept)[f"{name}/track_plays"] == len(songs)
    rows = lines(tmp_path / "plays.jsonl")
    assert {row["source_play_id"] for row in rows} == station.stored()
    assert {row["source"] for row in rows} == {name}
    assert f"{name}: {len(songs)} plays · {len(songs)} songs" in station.run("status").out


def test_a_run_goes_on_where_the_last_one_ended(station: Station) -> None:
    station.run(*WHEN, "-a", "page_limit=1")
    first = station.stored()
    assert 0 < len(first) < len(station.air.songs)
    station.server.seen.clear()
    counts = summary(station.run(*WHEN))
    assert station.stored() == station.ids(station.air.songs)
    # The second that may not have been whole is read again, and nothing before it.
    assert counts["duplicates_skipped"] <= 1
    assert len(station.server.seen) == 3


def test_a_killed_run_goes_on(station: Station) -> None:
    station.run(*WHEN, kill=[Action("committed", 4)], code=-9)
    assert len(station.stored()) < len(station.air.songs)
    station.run(*WHEN)
    assert station.stored() == station.ids(station.air.songs)
    assert len(station.place.query("SELECT * FROM covered_interval")) == 1


def test_a_trial_run_writes_nothing(station: Station) -> None:
    done = station.run(*WHEN, "-a", "dry_run=1")
    assert summary(done)["provenance_inserted"] == len(station.air.songs)
    shown = [line for line in done.out.splitlines() if line.startswith("+ external_play")]
    assert {line.split()[2] for line in shown} == station.ids(station.air.songs)
    assert "+ covered_interval 2026-03-07T20:00:00Z to " in done.out
    assert not station.place.root.exists()


def test_an_incremental_run_brings_what_is_new(station: Station) -> None:
    station.run(*WHEN)
    station.air.aired += an_hour(first=30, number=15)
    counts = summary(station.run("-a", "incremental=1"))
    assert station.stored() == station.ids(station.air.songs)
    assert counts["provenance_inserted"] == len(station.air.songs) - counts["duplicates_skipped"]
    assert summary(station.run("-a", "incremental=1"))["provenance_inserted"] == 0
    assert len(station.place.query("SELECT * FROM covered_interval")) == 1


def test_a_page_that_fails_is_asked_again(station: Station) -> None:
    station.air.refusals += [json_reply({}, 503), Reply(200, b"<html>")]
    station.run(*WHEN)
    assert station.stored() == station.ids(station.air.songs)
    station.air.aired += an_hour(first=30)
    station.air.refusals += [json_reply({}, 429, Retry_After="3000")]
    assert f"{station.name} refuses requests" in station.run(*WHEN, code=75).err
    # Its refusal is kept, and is its own.
    station.server.seen.clear()
    assert "refuses requests until" in station.run(*WHEN, code=75).err
    assert not station.server.seen
    assert f"lifted: {station.name}" in station.run("status", "--lift", station.name).out
    station.run(*WHEN)
    assert station.stored() == station.ids(station.air.songs)


def test_wrong_arguments_are_named(station: Station) -> None:
    done = station.run("-a", "start_date=soon", code=2)
    assert one_line(done).startswith(f"scrapy crawl: {station.name}: start_date")
    assert not station.server.seen


def test_a_day_is_the_stations(station: Station) -> None:
    """The evening of one place is the next day's morning of the other."""
    day = {"kexp": "2026-03-07", "wave": "2026-03-08"}[station.name]
    station.run("-a", f"start_date={day}", "-a", f"end_date={day}")
    assert station.stored() == station.ids(station.air.songs)


def test_two_stations_share_songs_and_nothing_else(
    tune: Callable[[str], Station], copy: Copy
) -> None:
    one, other = tune("kexp"), tune("wave")
    other.air.aired[0] = Aired(0, "Only Here", "Kojo")
    (copy.root / "seeds" / "wave_overrides.yml").write_text(
        "- play: {title: Only Here, artist: Kojo}\n"
        f"  song: {{title: {one.air.songs[0].title}, artist: Mara Quill}}\n",
        encoding="utf-8",
    )
    one.run(*WHEN)
    counts = summary(other.run(*WHEN))
    (copy.root / "seeds" / "wave_overrides.yml").unlink()
    assert (one.stored(), other.stored()) == (one.ids(one.air.songs), other.ids(other.air.songs))
    assert (counts["new_songs_inserted"], counts["songs_matched_existing"]) == (
        0,
        len(one.air.songs),
    )
    overridden = one.place.query("SELECT source FROM external_play WHERE match_tier = 'override'")
    assert overridden == [("wave",)]
    status = one.run("status").out
    for station in (one, other):
        assert f"{station.name}: {len(station.air.songs)} plays" in status
        assert f"{station.name}: complete from 2026-03-07T20:00:00Z" in status
    # Each has its own backlog: songs belong to whoever brought them.
    assert lines(one.place.cache / "wave_new_songs.jsonl") == []
    assert len(lines(one.place.cache / "kexp_new_songs.jsonl")) == len(one.air.songs)


def test_the_doctor_asks_every_station(tune: Callable[[str], Station]) -> None:
    station = tune("wave")
    nowhere = "http://127.0.0.1:1"
    names = ("SPOTIFY_API", "SPOTIFY_ACCOUNTS", "RECCOBEATS", "KEXP")
    env = {f"{name}_BASE_URL": nowhere for name in names}
    done = station.run("doctor", code=2, **env)
    (found,) = [line for line in done.out.splitlines() if line.startswith("Wave ")]
    assert found.split() == ["Wave", "ok", "answers"]
    assert len(station.server.seen) == 1


def test_what_a_station_costs(copy: Copy) -> None:
    """A folder, a leaf, and where it is."""
    print(copy.cost())
    assert len(copy.new) <= 5
    assert copy.new["runclub_spider/spiders/wave.py"] <= 13
    assert copy.changed == {"runclub_spider/config.py": 1}
    contracts = str(Path(sys.executable).with_name("lint-imports"))
    done = run(copy, contracts, "--no-cache")
    assert done.returncode == 0, done.stdout[-2000:]
