"""Opening the store: what is refused, and that a refusal touches nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.errors import StoreError, StoreWriteError
from runclub_spider.store import meta
from runclub_spider.store.engine import Store, database_url


def at(path: Path) -> Config:
    return Config(database_url=f"sqlite:///{path}")


def test_the_default_is_a_file_in_the_cache_folder(tmp_path: Path) -> None:
    Store.open(Config(cache_dir=tmp_path / "a" / "b")).close()
    assert (tmp_path / "a" / "b" / "runclub.sqlite").is_file()


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


@pytest.mark.parametrize("damage", ["text", "header", "cut", "schema"])
def test_a_corrupt_file_is_set_aside_byte_for_byte(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "s.sqlite"
    Store.open(at(path)).close()
    good = path.read_bytes()
    assert len(good) > 20_000
    bad = {
        "text": b"This is no database. " * 500,
        "header": b"\0" * 100 + good[100:],
        "cut": good[: len(good) // 3],
        "schema": good[:100] + b"\xff" * 3000 + good[3100:],
    }[damage]
    path.write_bytes(bad)
    with pytest.raises(StoreError, match="corrupt") as caught:
        Store.open(at(path))
    assert "\n" not in str(caught.value)
    assert not path.exists()
    (aside,) = tmp_path.glob("s.sqlite.corrupt-*Z")
    assert aside.read_bytes() == bad
    assert aside.name in str(caught.value)


def test_a_store_that_was_set_aside_is_not_silently_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"This is no database. " * 500)
    for _ in range(2):
        with pytest.raises(StoreError, match="STORE_RENEW=1"):
            Store.open(at(path))
    assert not path.exists()
    renewed = Config(database_url=f"sqlite:///{path}", store_renew=True)
    Store.open(renewed).close()
    Store.open(at(path)).close()


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
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(at(tmp_path))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://root:hunter2@h/db", "mysql"),
        ("postgresql+nodriver://u:hunter2@127.0.0.1:1/db", "DATABASE_URL"),
    ],
)
def test_a_bad_url_is_one_line_without_password(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as caught:
        Store.open(Config(database_url=url))
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_url_means_the_default(tmp_path: Path) -> None:
    assert database_url(Config(cache_dir=tmp_path)).database == str(tmp_path / "runclub.sqlite")


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
