"""One writer a store: a lock that dies with its holder, and says who that is."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from sqlalchemy.engine import URL

from runclub_spider.config import Config, utc_now
from runclub_spider.errors import RunPaused, StoreError
from runclub_spider.store.engine import database_url
from runclub_spider.text import moment

_ADVISORY = zlib.crc32(b"runclub-spider")


@contextmanager
def exclusive(config: Config, what: str) -> Iterator[None]:
    """Hold the store for `what` (a command's words).

    The operating system (for SQLite) or the server (for PostgreSQL) lets go when the process
    ends, however it ends: there is no stale lock.

    Raises:
        RunPaused: another process holds it; the message names its pid and start.
    """
    url = database_url(config)
    if url.get_backend_name() == "sqlite":
        with _file_lock(_lock_path(url), what):
            yield
    else:
        with _server_lock(url, what):
            yield


def _lock_path(url: URL) -> Path:
    return Path(f"{url.database}.lock")


@contextmanager
def _file_lock(path: Path, what: str) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"cannot lock the store: {path.name}: {error.strerror}; check CACHE_DIR"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunPaused(_held(_read(file))) from None
        file.seek(0)
        file.truncate()
        file.write(f"{what}, pid {os.getpid()}, since {moment(utc_now())}")
        file.flush()
        yield


@contextmanager
def _server_lock(url: URL, what: str) -> Iterator[None]:
    name = f"runclub {what}, pid {os.getpid()}"[:63]
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"application_name": name})
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY))):
                raise RunPaused(_held(_server_holder(connection)))
            yield
    except sa.exc.OperationalError as error:
        cause = str(error.orig).splitlines()[0]
        raise StoreError(
            f"the store {url.render_as_string(hide_password=True)} cannot be opened: {cause}; "
            "check DATABASE_URL"
        ) from None
    finally:
        engine.dispose()


def _server_holder(connection: sa.Connection) -> str:
    row = connection.execute(
        sa.text(
            "SELECT a.application_name, extract(epoch FROM a.backend_start) AS started "
            "FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE l.locktype = 'advisory' AND l.objid = :key AND l.granted"
        ),
        {"key": _ADVISORY},
    ).first()
    if row is None:
        return ""
    return f"{row.application_name.removeprefix('runclub ')}, since {moment(float(row.started))}"


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip()


def _held(holder: str) -> str:
    return (
        f"another run holds this store ({holder or 'it is just starting'}); nothing was sent, "
        "run the same command when it is done"
    )
