"""Opening the store: what is refused, and that a refusal touches nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.errors import StoreError, StoreWriteError
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive


def at(path: Path) -> Config:
    return Config(database_url=f"sqlite:///{path}")


def test_the_default_is_a_file_in_the_cache_folder(tmp_path: Path) -> None:
    Store.open(Config(cache_dir=tmp_path / "a" / "b")).close()
    assert (tmp_path / "a" / "b" / "runclub.sqlite").is_file()


@pytest.mark.sqlite
def test_wal_and_foreign_keys(store: Store) -> None:
    with store.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="crawl first"):
        Store.open(Config(cache_dir=tmp_path / "none"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store = Store.open(at(path))
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"9999.*update the project"):
        Store.open(at(path))
    assert path.read_bytes() == before


def damaged(good: bytes, damage: str) -> bytes:
    return {
        "text": b"This is no database. " * 500,
        "header": b"\0" * 100 + good[100:],
        "cut": good[: len(good) // 3],
        "schema": good[:100] + b"\xff" * 3000 + good[3100:],
    }[damage]


@pytest.mark.parametrize("damage", ["text", "header", "cut", "schema"])
def test_a_corrupt_file_is_set_aside_byte_for_byte(tmp_path: Path, damage: str) -> None:
    """In the cache folder whatever it holds; under a name of the user's by its tables."""
    path = tmp_path / "runclub.sqlite"
    config = Config(cache_dir=tmp_path) if damage == "text" else at(path)
    Store.open(config).close()
    good = path.read_bytes()
    assert len(good) > 20_000
    bad = damaged(good, damage)
    path.write_bytes(bad)
    with pytest.raises(StoreError, match="corrupt") as caught:
        Store.open(config)
    assert "\n" not in str(caught.value)
    assert not path.exists()
    (aside,) = tmp_path.glob("runclub.sqlite.corrupt-*Z")
    assert aside.read_bytes() == bad
    assert aside.name in str(caught.value)


def test_a_store_that_was_set_aside_is_not_silently_replaced(tmp_path: Path) -> None:
    path = tmp_path / "runclub.sqlite"
    path.write_bytes(b"This is no database. " * 500)
    for _ in range(2):
        with pytest.raises(StoreError, match="STORE_RENEW=1"):
            Store.open(Config(cache_dir=tmp_path))
    assert not path.exists()
    Store.open(Config(cache_dir=tmp_path, store_renew=True)).close()
    Store.open(Config(cache_dir=tmp_path)).close()


def foreign() -> bytes:
    """A database of somebody else."""
    with closing(sqlite3.connect(":memory:")) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
        other.executemany("INSERT INTO bookmarks VALUES (?)", [("https://example.org",)] * 5000)
        return other.serialize()


DUMP = b"CREATE TABLE alembic_version (v);\nCREATE TABLE seed_playlist (t);\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("thesis.docx", b"PK\3\4" + bytes(range(256)) * 40),
        ("photo.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 5000),
        ("notes.txt", b"Milk, eggs\n"),
        ("dump.sql", DUMP),
        ("short", b"x"),
        ("places.sqlite", foreign()[:100] + b"\xff" * 3000 + foreign()[3100:]),
        ("half.sqlite", foreign()[:5000]),
    ],
)
def test_a_file_that_never_was_a_store_is_left_alone(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"no database|corrupt") as caught:
        Store.open(at(path))
    assert "\n" not in str(caught.value)
    if not name.endswith(".sqlite"):
        with pytest.raises(StoreError, match="no database"):
            exclusive(at(path), "x").__enter__()
    assert path.read_bytes() == content
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_a_foreign_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.execute("INSERT INTO bookmarks VALUES ('https://example.org')")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="other tables"):
        Store.open(at(path))
    assert path.read_bytes() == before


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="CACHE_DIR"):
        Store.open(Config(cache_dir=tmp_path / "file"))
    with pytest.raises(StoreError, match="it is a folder"):
        Store.open(at(tmp_path))


def test_a_pipe_or_a_device_in_the_way(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null"), Path("/dev/zero")):
        with pytest.raises(StoreError, match="no ordinary file"):
            Store.open(at(path))
        with pytest.raises(StoreError, match="no ordinary file"):
            exclusive(at(path), "x").__enter__()
    assert [found.name for found in tmp_path.iterdir()] == ["pipe"]


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name too long") as caught:
        Store.open(at(tmp_path / ("x" * 300)))
    assert "\n" not in str(caught.value)


def test_a_transaction_is_whole_or_not_at_all(store: Store) -> None:
    def half() -> None:
        with store.begin() as connection:
            meta.put(connection, "a", "1")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    with store.begin() as connection:
        assert meta.get(connection, "a") is None
        meta.put(connection, "a", "1")
        meta.put(connection, "a", "2")
    with store.begin() as connection:
        assert meta.get(connection, "a") == "2"


@pytest.mark.sqlite
def test_a_failing_disk_is_a_write_error_and_keeps_what_was_committed(
    store: Store, tmp_path: Path
) -> None:
    with store.begin() as connection:
        meta.put(connection, "a", "1")
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    def fill() -> None:
        with store.begin() as connection:
            # The same error as on a full disk, from SQLite's own limit.
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            meta.put(connection, "big", "x" * 1_000_000)

    with pytest.raises(StoreWriteError, match="full"):
        fill()
    with store.begin() as connection:
        assert meta.get(connection, "a") == "1"
        assert meta.get(connection, "big") is None


def test_revision_counts_touches(connection: sa.Connection) -> None:
    assert meta.revision(connection) == 0
    for _ in range(3):
        meta.touch(connection)
    assert meta.revision(connection) == 3


@pytest.mark.sqlite
def test_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    """An open file is enough to hold a lock on it, and so to keep every run waiting."""

    def modes() -> set[int]:
        return {path.stat().st_mode & 0o777 for path in tmp_path.glob("runclub.sqlite*")}

    config = Config(cache_dir=tmp_path)
    store = Store.open(config)
    with store.begin() as connection:
        meta.put(connection, "a", "b")
        assert len(list(tmp_path.glob("runclub.sqlite*"))) == 3
        assert modes() == {0o600}
    for path in tmp_path.glob("runclub.sqlite*"):
        path.chmod(0o644)
    # An earlier version's is mended, while somebody else has it open as well.
    Store.open(config).close()
    assert modes() == {0o600}
    store.close()
