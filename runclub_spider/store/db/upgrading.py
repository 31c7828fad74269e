"""A copy of the store beside it, before a newer version of the program changes its tables."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from runclub_spider.errors import StoreError
from runclub_spider.store.db.address import file_of


@contextmanager
def kept_copy(engine: sa.Engine, old: str, new: str) -> Iterator[None]:
    """Copy the store, then let it be upgraded from one version to another; says so on stderr.

    The copy is named `<store>.before-<new>` and never written over. An upgrade that fails leaves
    the store as it was, and so no copy. A server's database is its owner's to dump.

    Raises:
        StoreError: there is no room for the copy, or the store is damaged; nothing was changed.
    """
    path = file_of(engine.url)
    if path is None:
        yield
        _say(old, new, "a server's database is not copied, dumps are yours to make (pg_dump)")
        return
    copy = _copy(engine, path, f"{path.name}.before-{new}")
    try:
        yield
    except BaseException:
        copy.unlink()
        raise
    _say(old, new, f"as it was, it is kept as {copy.name}")


def _say(old: str, new: str, what: str) -> None:
    print(f"the store was upgraded from version {old} to {new}; {what}", file=sys.stderr)


def _copy(engine: sa.Engine, path: Path, name: str) -> Path:
    refused = f"the store {path.name} cannot be copied, and so not upgraded"
    need = sum(_size(path.with_name(path.name + suffix)) for suffix in ("", "-wal"))
    if shutil.disk_usage(path.parent).free < need:
        raise StoreError(
            f"{refused}: that needs {need / 1e6:,.0f} MB in its folder; make room there"
        )
    part = path.with_name(f"{name}.part")
    copy = path.with_name(name)
    for number in range(2, 1000):
        if not copy.exists():
            break
        copy = path.with_name(f"{name}-{number}")
    connection = engine.raw_connection()
    try:
        part.unlink(missing_ok=True)
        connection.cursor().execute("VACUUM INTO ?", (str(part),))
        _sync(part)
        part.rename(copy)
        _sync(path.parent)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise StoreError(f"{refused}: {error}; mend that, it is as it was") from None
    finally:
        connection.close()
    return copy


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
