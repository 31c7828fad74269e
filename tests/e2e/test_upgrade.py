"""What an earlier version left, under this one: read, upgraded, resumed, published, compared."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from scrapy.settings import Settings

from runclub_sandbox.testing import Sandbox
from runclub_spider.config import Config, read_env_file
from runclub_spider.publish.verify import verify_release
from runclub_spider.store.db.engine import HEAD
from testkit.places import Place, contents
from tests.fixtures import unpacked

from .running import Run

pytestmark = pytest.mark.e2e
VERSIONS = {"c3893d9": "0006"}
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=2")


@pytest.fixture(params=VERSIONS)
def left(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, str]:
    """A place as a version left it, and the number of its tables."""
    return Place(unpacked(request.param, tmp_path / "left")), VERSIONS[request.param]


def faults(release: Path) -> list[str]:
    """What `verify` finds; the gate that was lowered when the release was made is none."""
    return [str(one) for one in verify_release(release) if one.rule != "feature-coverage"]


def open_pages(place: Place) -> int:
    (number,) = place.column("SELECT count(*) FROM page WHERE state = 'open'")
    return int(number)


def test_an_earlier_store_goes_on(left: tuple[Place, str], sandbox: Sandbox, run: Run) -> None:
    place, tables = left
    old = place.latest.resolve()
    as_it_was = contents(old)
    assert faults(old) == []
    before = {row[0]: row[1:] for row in place.query("SELECT track_id, name, isrc FROM track")}
    assert open_pages(place) > 0
    told = run(place, "status")
    assert ("upgraded from version" in told.err) is (tables != HEAD)
    assert "integrity ok" in told.out
    if tables != HEAD:
        with closing(sqlite3.connect(place.cache / f"runclub.sqlite.before-{HEAD}")) as copy:
            assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == (tables,)
    done = run(place, *SEARCH, PAGE_SIZE="", FEATURE_COVERAGE_MIN="0.5")
    assert done.err == ""
    assert open_pages(place) == 0
    after = {row[0]: row[1:] for row in place.query("SELECT track_id, name, isrc FROM track")}
    assert before.items() <= after.items()
    new = place.latest.resolve()
    assert new != old
    assert faults(new) == []
    compared = run(place, "diff", str(old), str(new))
    assert compared.err == ""
    # The old one stays as it was made, and is read by the rules of its time.
    assert contents(old) == as_it_was
    assert faults(old) == []


def test_an_earlier_env_file_is_read(left: tuple[Place, str]) -> None:
    place, _ = left
    values = read_env_file(place.root / "env")
    assert len(values) > 5
    found = Config.from_settings(Settings(values))
    assert {name for name in values if getattr(found, name.lower()) is None} <= {
        name for name, value in values.items() if not value
    }
