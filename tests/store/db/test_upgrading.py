"""A newer program on an older store: a copy first, all migrations or none, and no second copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig

from runclub_spider.config import Config
from runclub_spider.errors import RunPaused, StoreError
from runclub_spider.store.db import upgrading
from runclub_spider.store.db.engine import HEAD, MIGRATIONS, Store
from runclub_spider.store.db.lock import exclusive
from runclub_spider.store.db.trial import TrialStore
from testkit.postgres import running_postgres
from tests.fixtures import unpacked

OLD = "0005"
COPY = f"runclub.sqlite.before-{HEAD}"


def older(url: str) -> None:
    """Make the tables as they were some versions ago, with a row."""
    engine = sa.create_engine(url)
    alembic = AlembicConfig()
    alembic.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, OLD)
        connection.exec_driver_sql("INSERT INTO meta VALUES ('kept', 'yes')")
    engine.dispose()


@pytest.fixture
def old(tmp_path: Path) -> Config:
    """The configuration of a store of an earlier version."""
    older(f"sqlite:///{tmp_path}/runclub.sqlite")
    with closing(sqlite3.connect(tmp_path / "runclub.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    return Config(cache_dir=tmp_path)


def version(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT version_num, value FROM alembic_version, meta").fetchall()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_copy_stays_beside_the_upgraded_store(
    old: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store.open(old).close()
    assert version(tmp_path / "runclub.sqlite") == [(HEAD, "yes")]
    assert version(tmp_path / COPY) == [(OLD, "yes")]
    assert names(tmp_path) == ["runclub.sqlite", COPY]
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line
        == f"the store was upgraded from version {OLD} to {HEAD}; as it was, it is kept as {COPY}"
    )
    Store.open(old).close()
    assert capsys.readouterr().err == ""
    assert names(tmp_path) == ["runclub.sqlite", COPY]


def test_the_copy_holds_what_only_the_journal_has(old: Config, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "runclub.sqlite", isolation_level=None)) as writer:
        writer.execute("UPDATE meta SET value = 'late'")
        Store.open(old).close()
    assert version(tmp_path / COPY) == [(OLD, "late")]


def test_a_copy_is_never_written_over(old: Config, tmp_path: Path) -> None:
    (tmp_path / COPY).write_text("an earlier one")
    (tmp_path / f"{COPY}.part").write_text("half of one")
    Store.open(old).close()
    assert (tmp_path / COPY).read_text() == "an earlier one"
    assert version(tmp_path / f"{COPY}-2") == [(OLD, "yes")]
    assert names(tmp_path) == ["runclub.sqlite", COPY, f"{COPY}-2"]


def test_a_failed_upgrade_leaves_the_old_store(
    old: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that is in the way of the last migration, after those before it went through."""
    with closing(sqlite3.connect(tmp_path / "runclub.sqlite")) as connection:
        connection.execute("CREATE TABLE open_metadata (x)")
    before = (tmp_path / "runclub.sqlite").read_bytes()
    with pytest.raises(StoreError, match="open_metadata") as caught:
        Store.open(old)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "runclub.sqlite").read_bytes() == before
    assert names(tmp_path) == ["runclub.sqlite"]
    assert capsys.readouterr().err == ""


def test_without_room_for_the_copy_nothing_is_changed(
    old: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(upgrading.shutil, "disk_usage", lambda _: Usage(1000))
    before = (tmp_path / "runclub.sqlite").read_bytes()
    with pytest.raises(StoreError, match="make room"):
        Store.open(old)
    assert (tmp_path / "runclub.sqlite").read_bytes() == before
    assert names(tmp_path) == ["runclub.sqlite"]


def test_a_damaged_store_is_not_upgraded(old: Config, tmp_path: Path) -> None:
    path = tmp_path / "runclub.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[:-8192] + b"\xff" * 8192)
    with pytest.raises(StoreError, match=r"not upgraded|corrupt"):
        Store.open(old, set_aside=False)
    assert path.read_bytes() == content[:-8192] + b"\xff" * 8192
    assert names(tmp_path) == ["runclub.sqlite"]


def test_a_store_that_a_run_holds_is_not_upgraded_meanwhile(old: Config, tmp_path: Path) -> None:
    """As `status` would do it beside a crawl of the earlier version."""
    holder = exclusive(old, "scrapy crawl enrich")
    with holder:
        # Held by this process: it is this one's to upgrade.
        Store.open(old).close()
    assert version(tmp_path / "runclub.sqlite") == [(HEAD, "yes")]


def test_another_holder_keeps_the_upgrade_away(
    old: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runclub_spider.store.db import engine

    monkeypatch.setattr(engine, "held_here", lambda _: False)
    with exclusive(old, "scrapy crawl enrich"), pytest.raises(RunPaused, match="crawl enrich"):
        Store.open(old, create=False)
    assert version(tmp_path / "runclub.sqlite") == [(OLD, "yes")]


def test_a_trial_run_upgrades_nothing(old: Config, tmp_path: Path) -> None:
    store = TrialStore.open(old)
    with store.begin() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == HEAD
    store.close()
    assert version(tmp_path / "runclub.sqlite") == [(OLD, "yes")]
    assert names(tmp_path) == ["runclub.sqlite"]


def test_the_store_of_an_earlier_release(tmp_path: Path) -> None:
    """Every table keeps its rows."""
    place = unpacked("c3893d9", tmp_path)
    path = next(place.rglob("runclub.sqlite"))
    with closing(sqlite3.connect(path)) as connection:
        tables = [
            row[0]
            for row in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'alembic_version'"
            )
        ]
        before = {t: connection.execute(f"SELECT count(*) FROM {t}").fetchone() for t in tables}
    rows = what_tracks_hold(path)
    store = Store.open(Config(cache_dir=path.parent))
    # What leads to a track still does, and to nothing else.
    with pytest.raises(sa.exc.IntegrityError, match="FOREIGN KEY"), store.begin() as connection:
        connection.exec_driver_sql("INSERT INTO track_artist VALUES ('none', 0, 'nobody')")
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        after = {t: connection.execute(f"SELECT count(*) FROM {t}").fetchone() for t in tables}
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert after == before
    assert before["track"][0] > 100
    assert what_tracks_hold(path) == rows
    assert (path.parent / COPY).exists() == (HEAD != "0006")


def what_tracks_hold(path: Path) -> list[Any]:
    """Tracks and their features, as an earlier version declares them; by id."""
    with closing(sqlite3.connect(path)) as connection:
        return [
            connection.execute(f"SELECT {columns} FROM {table} ORDER BY track_id").fetchall()
            for table, columns in (
                ("track", "track_id, name, isrc, duration_ms, explicit, album_name, updated_at"),
                ("audio_features", "track_id, tempo, energy, key, version, fetched_at"),
            )
        ]


@pytest.mark.full
def test_on_a_server_the_owner_is_told_of_dumps(capsys: pytest.CaptureFixture[str]) -> None:
    with running_postgres() as url:
        older(url.replace("postgresql://", "postgresql+psycopg://", 1))
        config = Config(database_url=url)
        with exclusive(config, "scrapy publish"):
            store = Store.open(config)
            with store.begin() as connection:
                found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
                assert found == HEAD
            store.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert f"from version {OLD} to {HEAD}" in line
    assert "pg_dump" in line
