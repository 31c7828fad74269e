"""A store that is newer, damaged, replaced or empty: said clearly, never silently made anew."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.errors import StoreError
from runclub_spider.store.db import engine
from runclub_spider.store.db.engine import HEAD, Store
from testkit.killer import Launcher
from testkit.places import SEARCH, Place, blanked, calls, facts, missing
from testkit.sweep import Stage

pytestmark = pytest.mark.e2e


def ruin(place: Place) -> bytes:
    """No database any more; returns what was there."""
    good = place.store.read_bytes()
    place.store.write_bytes(b"This is no database. " * 1000)
    return good


def aside(place: Place) -> list[Path]:
    return sorted(place.cache.glob("*.corrupt-*Z"))


def test_a_newer_store_is_refused_and_untouched(
    sandbox: Sandbox, launcher: Launcher, searched: Place
) -> None:
    with closing(sqlite3.connect(searched.store)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = searched.store.read_bytes()
    for argv in (SEARCH, ("publish",), ("status",), ("forget", "--track", "0" * 22)):
        child = launcher.run(*argv, env=searched.env(sandbox))
        assert child.code == 2
        assert "9999" in child.stderr
        assert len(child.stderr.strip().splitlines()) == 1
    assert searched.store.read_bytes() == before
    assert aside(searched) == []


def test_a_corrupt_store_is_set_aside_once_and_never_made_anew_silently(
    stages: dict[str, Stage], sandbox: Sandbox, launcher: Launcher, searched: Place
) -> None:
    env = searched.env(sandbox)
    good, ruined = ruin(searched), searched.store.read_bytes()
    sandbox.reset_stats()
    first = launcher.run(*SEARCH, env=env)
    assert first.code == 2
    (copy,) = aside(searched)
    assert copy.read_bytes() == ruined
    assert copy.name in first.stderr
    assert "STORE_RENEW=1" in first.stderr
    assert len(first.stderr.strip().splitlines()) == 1
    # From now on it is refused, and nothing more happens.
    for argv in (SEARCH, ("publish",), ("status",), ("forget", "--track", "0" * 22)):
        child = launcher.run(*argv, env=env)
        assert child.code == 2, argv
        assert copy.name in child.stderr
        assert aside(searched) == [copy]
        assert not searched.store.exists()
    assert calls(sandbox.stats()) == {}
    # The way back: a good copy in its place.
    searched.store.write_bytes(good)
    again = launcher.run(*SEARCH, env=env)
    assert again.code == 0, again.stderr
    assert calls(sandbox.stats()) == {}
    assert missing(stages["search"].facts, facts(searched)) == {}
    # The other way: anew, when it is asked for.
    searched.store.unlink()
    renewed = launcher.run(*SEARCH, "-s", "STORE_RENEW=1", env=env)
    assert renewed.code == 0, renewed.stderr
    assert calls(sandbox.stats()) == stages["search"].calls
    assert blanked(searched.latest) == stages["search"].data
    assert copy.read_bytes() == ruined


def test_a_second_ruin_is_set_aside_beside_the_first(
    searched: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also within the same second."""
    monkeypatch.setattr(engine, "utc_now", lambda: 1_700_000_000)
    ruin(searched)
    kept = searched.store.read_bytes()
    for content in (kept, kept[::-1]):
        searched.store.write_bytes(content)
        with pytest.raises(StoreError, match="set aside"):
            Store.open(searched.config())
    assert {path.read_bytes() for path in searched.cache.glob("*.corrupt-*")} == {kept, kept[::-1]}


def test_status_never_moves_a_store(sandbox: Sandbox, launcher: Launcher, searched: Place) -> None:
    """It "reads the store and changes nothing": a damaged one too stays where it is."""
    ruin(searched)
    before = searched.store.read_bytes()
    child = launcher.run("status", env=searched.env(sandbox))
    assert child.code == 2
    assert searched.store.exists()
    assert searched.store.read_bytes() == before


def test_migration_from_an_empty_version_table(
    stages: dict[str, Stage], sandbox: Sandbox, launcher: Launcher, place: Place
) -> None:
    """What an interrupted first migration leaves."""
    place.cache.mkdir(parents=True)
    with closing(sqlite3.connect(place.store)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.commit()
    Store.open(place.config()).close()
    assert place.column("SELECT version_num FROM alembic_version") == [HEAD]
    child = launcher.run(*SEARCH, env=place.env(sandbox))
    assert child.code == 0, child.stderr
    assert blanked(place.latest) == stages["search"].data


def test_status_shows_version_and_integrity(
    sandbox: Sandbox, launcher: Launcher, searched: Place
) -> None:
    child = launcher.run("status", env=searched.env(sandbox))
    assert child.code == 0, child.stderr
    assert f"version {HEAD}, integrity ok" in child.stdout


@pytest.mark.parametrize("table", ["track", "track_source", "page"])
def test_status_finds_a_damaged_page_in_the_middle(
    table: str, sandbox: Sandbox, launcher: Launcher, searched: Place
) -> None:
    """Zeros over one inner page: SQLite opens the file without complaint."""
    with closing(sqlite3.connect(searched.store)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()[0]
    damaged = bytearray(searched.store.read_bytes())
    damaged[(root - 1) * size : root * size] = bytes(size)
    searched.store.write_bytes(damaged)
    child = launcher.run("status", env=searched.env(sandbox))
    assert "Traceback" not in child.stderr, f"a traceback of {child.stderr.splitlines()[-1]}"
    assert child.code == 2, child.stdout
    assert "damaged" in child.stderr.lower() or "corrupt" in child.stderr.lower()
    assert aside(searched) == [] or not searched.store.exists()
    # And what writes does not go on with it as if nothing were.
    shutil.rmtree(searched.export)
    published = launcher.run("publish", env=searched.env(sandbox))
    assert "Traceback" not in published.stderr, published.stderr.splitlines()[-1]
    assert published.code in {1, 2}
