"""A store in another database: every row of every table, or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError, RunPaused, StoreError
from runclub_spider.store.db import copying, meta, tables
from runclub_spider.store.db.address import database_url
from runclub_spider.store.db.copying import copy, target_of
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive
from runclub_spider.store.queue import runs
from testkit.filled import content, fill
from testkit.postgres import running_postgres

WHAT = "scrapy store copy"
Content = Mapping[str, list[tuple[Any, ...]]]


@pytest.fixture
def source(tmp_path: Path) -> Config:
    """Of a store with rows in every table."""
    config = Config(database_url=f"sqlite:///{tmp_path}/source.sqlite")
    with exclusive(config, "a test"), closing(Store.open(config)) as store:
        fill(store)
    return config


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_postgres() as url:
        yield url


def held(config: Config) -> Content:
    """What a store holds, as text for the types to be told apart (`True` is not 1)."""
    with closing(Store.open(config, create=False)) as store, store.reading() as connection:
        return {
            name: [tuple(map(repr, row)) for row in rows]
            for name, rows in content(connection).items()
        }


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.mark.parametrize("rows", [1, 2, 5, 6])
def test_every_row_of_every_table_is_copied(
    source: Config, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_ROWS", rows)
    monkeypatch.setattr(copying, "_ANSWERS", rows)
    before = held(source)
    assert {len(found) for found in before.values()} == {5}
    target = target_of(source, url_of(tmp_path / "folder" / "target.sqlite"))
    said = copy(source, target, WHAT)
    number = 5 * len(tables.metadata.tables)
    assert said.startswith(f"Copied {number:,} rows of {len(tables.metadata.tables)} tables to ")
    assert held(target) == held(source) == before


def test_a_store_without_rows_takes_a_copy(source: Config, tmp_path: Path) -> None:
    """Also an empty file, and the copy of an empty store is one."""
    fresh, empty = tmp_path / "fresh.sqlite", tmp_path / "empty.sqlite"
    Store.open(target_of(source, url_of(fresh))).close()
    empty.touch()
    for path in (fresh, empty):
        copy(source, target_of(source, url_of(path)), WHAT)
        assert held(target_of(source, url_of(path))) == held(source)
    bare = Config(database_url=url_of(tmp_path / "bare.sqlite"))
    Store.open(bare).close()
    copied = target_of(bare, url_of(tmp_path / "bare-copy.sqlite"))
    assert "Copied 0 rows" in copy(bare, copied, WHAT)
    assert not any(held(copied).values())


def test_what_holds_anything_is_not_written_to(source: Config, tmp_path: Path) -> None:
    full, other = tmp_path / "full.sqlite", tmp_path / "other.sqlite"
    copy(source, target_of(source, url_of(full)), WHAT)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE mine (id)")
    text = tmp_path / "notes.txt"
    text.write_text("no database")
    before = {path: path.read_bytes() for path in (full, other, text)}
    for path, words in (
        (full, "is not empty, it holds rows in api_block"),
        (other, r"is not empty, it holds other tables \(mine\)"),
        (text, "it is no database; mend URL"),
        (tmp_path, "it is a folder; mend URL"),
    ):
        with pytest.raises(ConfigurationError, match=words) as caught:
            copy(source, target_of(source, url_of(path)), WHAT)
        assert str(path) in str(caught.value)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "URL is not a database URL"),
        ("mysql://u:hidden-word@host/x", "URL names mysql"),
        ("sqlite://", "URL names a database in memory"),
        ("postgresql://u:hidden-word@127.0.0.1:1/x", "cannot be opened: .*; check URL"),
        ("postgresql+nodriver://u:hidden-word@host/x", "URL: "),
    ],
)
def test_an_address_that_cannot_be_used(source: Config, url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        copy(source, target_of(source, url), WHAT)
    said = str(caught.value)
    assert "\n" not in said
    assert "DATABASE_URL" not in said
    assert "hidden-word" not in said
    assert caught.value.exit_code == 2


def test_the_store_is_not_its_own_copy(source: Config, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for url in (source.database_url, url_of(tmp_path / "link" / "source.sqlite")):
        assert url is not None
        with pytest.raises(ConfigurationError, match="is the store itself"):
            target_of(source, url)
    server = Config(database_url="postgresql://one@localhost/songs")
    with pytest.raises(ConfigurationError, match="is the store itself"):
        target_of(server, "postgresql+psycopg://two@localhost:5432/songs")


def test_there_must_be_a_store(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path / "none", database_url=url_of(tmp_path / "none.sqlite"))
    with pytest.raises(StoreError, match="there is no store at"):
        copy(config, target_of(config, url_of(tmp_path / "target.sqlite")), WHAT)
    assert not (tmp_path / "target.sqlite").exists()


def test_nobody_writes_either_store_meanwhile(source: Config, tmp_path: Path) -> None:
    target = target_of(source, url_of(tmp_path / "target.sqlite"))
    for config in (source, target):
        with exclusive(config, "scrapy crawl kexp"), pytest.raises(RunPaused, match="crawl kexp"):
            copy(source, target, WHAT)
    seen: list[str] = []

    class Watching:
        def step(self, name: str, total: int = 0) -> None:
            for config in (source, target):
                with pytest.raises(RunPaused, match=WHAT):
                    exclusive(config, "another").__enter__()
            seen.append(name)

        def advance(self, number: int = 1) -> None:
            raise AssertionError

    copy(source, target, WHAT, Watching())
    assert "track, 0 of 5 rows" in seen


def test_a_copy_that_fails_leaves_no_row(source: Config, tmp_path: Path) -> None:
    """Here by a row that refers to none, which another program left."""
    with closing(sqlite3.connect(tmp_path / "source.sqlite")) as connection:
        connection.execute("UPDATE rejection SET track_id = 'gone' WHERE rule LIKE 'apfel%'")
        connection.commit()
    target = target_of(source, url_of(tmp_path / "target.sqlite"))
    with pytest.raises(StoreError, match="a row of rejection cannot be copied: FOREIGN KEY"):
        copy(source, target, WHAT)
    assert not any(held(target).values())
    with closing(sqlite3.connect(tmp_path / "source.sqlite")) as connection:
        connection.execute("DELETE FROM rejection WHERE track_id = 'gone'")
        connection.commit()
    copy(source, target, WHAT)
    assert held(target) == held(source)


def test_a_text_that_is_none_is_told(source: Config, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "source.sqlite")) as connection:
        connection.execute("UPDATE track SET album_name = CAST(x'ff' AS TEXT)")
        connection.commit()
    target = target_of(source, url_of(tmp_path / "target.sqlite"))
    with pytest.raises(StoreError, match="the store cannot be read: Could not decode") as caught:
        copy(source, target, WHAT)
    assert "\n" not in str(caught.value)


def database(server: str, name: str) -> str:
    admin = sa.create_engine(
        database_url(Config(database_url=server)),
        poolclass=sa.NullPool,
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return server.rpartition("/")[0] + f"/{name}"


@pytest.mark.full
def test_there_and_back(source: Config, server: str, tmp_path: Path) -> None:
    """SQLite, PostgreSQL, PostgreSQL, SQLite; and numbers go on behind those that are there."""
    path = [
        source,
        *(
            target_of(source, url)
            for url in (
                database(server, "first"),
                database(server, "second"),
                url_of(tmp_path / "back.sqlite"),
            )
        ),
    ]
    for one, other in pairwise(path):
        copy(one, other, WHAT)
        assert held(other) == held(source)
    for config in path:
        with exclusive(config, "a test"), closing(Store.open(config)) as store:
            with store.begin() as connection:
                assert runs.start(connection, "kexp", {}, 0) == 6
                writer = meta.get(connection, meta.WRITER)
            assert (writer is None) == (store.engine.dialect.name == "sqlite")


@pytest.mark.full
def test_what_only_a_file_can_hold_is_told_by_its_table(
    source: Config, server: str, tmp_path: Path
) -> None:
    url = database(server, "third")
    for column, value, words in (
        (
            "duration_ms",
            "'long'",
            "invalid input syntax .*: COPY track, line 1, column duration_ms",
        ),
        ("album_name", "'a' || char(0)", "NUL"),
    ):
        with closing(sqlite3.connect(tmp_path / "source.sqlite")) as connection:
            connection.execute(f"UPDATE track SET {column} = {value}")
            connection.commit()
        with pytest.raises(StoreError, match=f"a row of track cannot be copied: .*{words}") as bad:
            copy(source, target_of(source, url), WHAT)
        assert "\n" not in str(bad.value)
        assert not any(held(target_of(source, url)).values())
        with closing(sqlite3.connect(tmp_path / "source.sqlite")) as connection:
            connection.execute("UPDATE track SET duration_ms = 1")
            connection.commit()


@pytest.mark.full
def test_a_store_on_a_server_is_held_under_any_of_its_names(source: Config, server: str) -> None:
    """Another name of the same database is known by what it holds, or by its lock."""
    one = Config(database_url=database(server, "fourth"))
    Store.open(one).close()
    assert one.database_url is not None
    other = target_of(one, one.database_url.replace("127.0.0.1", "localhost"))
    with pytest.raises(RunPaused, match=WHAT):
        copy(one, other, WHAT)
