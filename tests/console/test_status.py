"""`scrapy status`: what it prints on any terminal, and the end of a refusal by `--lift`."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from runclub_spider.config import utc_now
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive
from runclub_spider.store.db.tables import api_block, track
from runclub_spider.store.queue import quota
from runclub_spider.store.queue.quota import Block
from runclub_spider.store.read import catalogue
from testkit.killer import Launcher
from testkit.places import Place
from tests.console.test_explain import fill
from tests.e2e.running import launched, one_line, scrapy

pytestmark = pytest.mark.e2e
YEARS = 10**12


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place with an empty store, two refusals of which are in force."""
    found = Place(tmp_path / "place")
    store = Store.open(found.config())
    with store.begin() as connection:
        quota.block(connection, Block("reccobeats", "*", utc_now() + 7200, "rate limit"))
        quota.block(connection, Block("kexp", "*", 1000, "rate limit"))
        row = {"account": "spotify", "family": "search", "reason": "quota exceeded"}
        connection.execute(sa.insert(api_block).values(**row, blocked_until=YEARS))
    store.close()
    return found


def in_force(place: Place) -> list[str]:
    return sorted(place.column("SELECT account FROM api_block WHERE blocked_until > 1000"))


def test_a_refusal_beyond_every_calendar_is_shown(place: Place, launcher: Launcher) -> None:
    done = launched(launcher, "status", env=place.env())
    assert (done.code, done.err) == (0, "")
    (line,) = [line for line in done.out.splitlines() if line.startswith("spotify search refuses")]
    assert "9999" not in line


@pytest.mark.parametrize(
    ("what", "left", "told"),
    [
        ("spotify", ["reccobeats"], "lifted: spotify search was to refuse requests until 2"),
        ("spotify:search", ["reccobeats"], "lifted: spotify search was to refuse"),
        ("Spotify:artist", ["reccobeats", "spotify"], "no block of Spotify:artist is in force"),
        ("kexp", ["reccobeats", "spotify"], "no block of kexp is in force"),
        ("all", [], "lifted: reccobeats was to refuse requests until 2"),
    ],
)
def test_lift(place: Place, launcher: Launcher, what: str, left: list[str], told: str) -> None:
    done = launched(launcher, "status", "--lift", what, env=place.env())
    assert (done.code, done.err) == (0, "")
    assert told in done.out
    assert len(done.out.splitlines()) == max(1, 2 - len(left))
    assert in_force(place) == left


@pytest.mark.parametrize(
    ("what", "named"),
    [("spotfy", "'spotfy'"), ("spotify:serch", "'serch'"), ("", "''"), ("all:search", "'all'")],
)
def test_what_cannot_be_lifted(place: Place, launcher: Launcher, what: str, named: str) -> None:
    done = launched(launcher, "status", "--lift", what, env=place.env())
    assert done.code == 2
    line = one_line(done)
    assert named in line
    assert "reccobeats" in line or "search" in line
    assert in_force(place) == ["reccobeats", "spotify"]


def test_lifting_waits_for_no_run(place: Place, launcher: Launcher) -> None:
    with exclusive(place.config(), "scrapy crawl enrich"):
        done = launched(launcher, "status", "--lift", "all", env=place.env())
    assert done.code == 75
    assert "scrapy crawl enrich" in one_line(done)
    assert in_force(place) == ["reccobeats", "spotify"]


def test_without_a_store_nothing_is_made(tmp_path: Path, launcher: Launcher) -> None:
    place = Place(tmp_path / "none")
    done = launched(launcher, "status", "--lift", "spotify", env=place.env())
    assert done.code == 2
    assert "crawl first" in one_line(done)
    assert not place.root.exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_few_letters(place: Place, encoding: str) -> None:
    env = place.env(PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    done = scrapy("status", env=env)
    assert (done.code, done.err) == (0, "")
    assert "integrity ok" in done.out


@pytest.fixture
def filled(tmp_path: Path) -> Place:
    """A place with a few tracks."""
    found = Place(tmp_path / "filled")
    store = Store.open(found.config())
    with store.begin() as connection:
        fill(connection)
    store.close()
    return found


GATES = {"YEAR_COVERAGE_MIN": "0", "FEATURE_COVERAGE_MIN": "0.5"}


def test_the_grid_of_the_last_release_and_what_changed_since(
    filled: Place, launcher: Launcher
) -> None:
    env = filled.env(**GATES)
    done = launched(launcher, "status", env=env)
    assert "No selection is kept under these settings; scrapy status --plan" in done.out
    assert launched(launcher, "publish", env=env).code == 0
    version = filled.latest.readlink().name
    done = launched(launcher, "status", env=env)
    assert (done.code, done.err) == (0, "")
    assert f"tracks of release {version}" in done.out
    assert "searches left by cell" in done.out
    assert "Since tracks were chosen" not in done.out
    store = Store.open(filled.config())
    with store.begin() as connection:
        now = sa.func.max(track.c.updated_at)
        newest = connection.scalar(sa.select(now)) or 0
        first = sa.select(sa.func.min(track.c.track_id)).scalar_subquery()
        connection.execute(
            sa.update(track).where(track.c.track_id == first).values(updated_at=newest + 5)
        )
        meta.touch(connection)
    store.close()
    done = launched(launcher, "status", env=env)
    assert f"tracks of release {version}" in done.out
    assert "0 came in and 1 changed; scrapy status --plan" in " ".join(done.out.split())


def test_the_plan_says_first_how_long_it_takes(filled: Place, launcher: Launcher) -> None:
    env = filled.env(**GATES)
    store = Store.open(filled.config())
    with store.reading() as connection:
        tracks = catalogue.track_count(connection)
    store.close()
    done = launched(launcher, "status", "--plan", env=env)
    assert done.code == 0
    assert one_line(done) == f"scrapy status: choosing among {tracks} tracks, not measured yet"
    assert "tracks a release would hold" in done.out
    done = launched(launcher, "status", "--plan", env=env)
    assert one_line(done) == f"scrapy status: choosing among {tracks} tracks, about 1 s"
