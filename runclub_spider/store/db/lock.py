"""One writer a store: a lock that dies with its holder, and says who that is."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from sqlalchemy.engine import URL

from runclub_spider.config import Config, Membership, utc_now
from runclub_spider.errors import ConfigurationError, RunPaused, StoreError
from runclub_spider.store.db.address import (
    check_place,
    database_url,
    file_of,
    made_engine,
    scrubbed,
    shown,
)
from runclub_spider.text import moment

_ADVISORY = zlib.crc32(b"runclub-spider")
#: The token of all who hold a store together.
FLEET = "fleet"
#: Transactions of those who hold a store together come one after the other, by this lock.
IN_TURN = zlib.crc32(b"runclub-spider: in turn")
# A firewall must not take the lock's connection, which says nothing for hours, for a dead one.
_KEEPALIVE = {"keepalives_idle": 60, "keepalives_interval": 20, "keepalives_count": 6}


@dataclass(slots=True)
class Hold:
    """This process's hold of a server's database.

    The server lets go of the lock when the lock's connection ends, which a time-out or a restart
    can do while the run goes on. So each holder writes its token into the store, and each of its
    transactions looks for it first: the next holder's token shuts the one before out.
    """

    connection: sa.Connection
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    claimed: bool = False
    #: The place in a fleet for which the store is held, with others of that fleet.
    member: Membership | None = None

    @property
    def alive(self) -> bool:
        """Whether the lock's connection is still there; one made anew holds no lock."""
        try:
            return not self.connection.invalidated and bool(self.connection.scalar(sa.select(1)))
        except sa.exc.DBAPIError:
            return False


_holds: dict[URL, Hold] = {}
_files: set[Path] = set()


def hold_of(url: URL) -> Hold | None:
    """This process's hold of a server's database, if it has one."""
    return _holds.get(url)


def held_here(url: URL) -> bool:
    """Whether this process holds the store."""
    path = file_of(url)
    return url in _holds if path is None else _lock_path(path) in _files


@contextmanager
def exclusive(config: Config, what: str) -> Iterator[None]:
    """Hold the store for `what` (a command's words).

    The operating system (for SQLite) or the server (for PostgreSQL) lets go when the process
    ends, however it ends: there is no stale lock.

    Raises:
        RunPaused: another process holds it; the message names its pid and start.
        StoreError: there is no place for a store, or its server cannot be reached.
    """
    url = database_url(config)
    path = file_of(url)
    if path is not None:
        check_place(config)
        with _file_lock(_lock_path(path), what):
            yield
    else:
        with _server_lock(url, what):
            yield


@contextmanager
def shared(config: Config, what: str, member: Membership) -> Iterator[None]:
    """Hold the store with others of a fleet, each for its own job; nobody else may write meanwhile.

    Raises:
        ConfigurationError: the store is a file, which has one writer.
        RunPaused: somebody holds it alone.
        StoreError: its server cannot be reached.
    """
    url = database_url(config)
    if file_of(url) is not None:
        raise ConfigurationError(
            "many workers need PostgreSQL, an SQLite file has one writer: set DATABASE_URL to a "
            "postgresql:// URL (scrapy store copy moves a store there)"
        )
    with _server_lock(url, what, member):
        yield


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


@contextmanager
def _file_lock(path: Path, what: str) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The owner's alone: who can open a file can lock it, and so keep every run out.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
        if os.fstat(file.fileno()).st_uid == os.geteuid():
            os.fchmod(file.fileno(), 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot lock the store: {path.name}: {error.strerror}; check CACHE_DIR"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunPaused(_held(_read(file), path)) from None
        except OSError as error:
            raise StoreError(
                f"cannot lock the store: {path.name}: {error.strerror}; its file system has no "
                "locks: use another CACHE_DIR"
            ) from None
        _write(file, f"{what}, pid {os.getpid()}, since {moment(utc_now())}")
        _files.add(path)
        try:
            yield
        finally:
            _files.discard(path)
            _write(file, "")


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


@contextmanager
def _server_lock(url: URL, what: str, member: Membership | None = None) -> Iterator[None]:
    name = f"runclub {what}, pid {os.getpid()}"[:63]
    engine = made_engine(
        url, poolclass=sa.NullPool, connect_args={"application_name": name, **_KEEPALIVE}
    )
    try:
        connection = _taken(engine, url, together=member is not None)
        hold = Hold(connection) if member is None else Hold(connection, FLEET, member=member)
        _holds[url] = hold
        try:
            yield
        finally:
            del _holds[url]
            _let_go(connection, together=member is not None)
    finally:
        engine.dispose()


def _taken(engine: sa.Engine, url: URL, *, together: bool) -> sa.Connection:
    try_lock = sa.func.pg_try_advisory_lock_shared if together else sa.func.pg_try_advisory_lock
    try:
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if connection.scalar(sa.select(try_lock(_ADVISORY))):
            return connection
        holder = _server_holder(connection)
        connection.close()
    except sa.exc.DBAPIError as error:
        cause = scrubbed((str(error.orig).splitlines() or [""])[0], url)
        raise StoreError(
            f"the store {shown(url)} cannot be opened: {cause}; check DATABASE_URL"
        ) from None
    raise RunPaused(_held(holder))


def _let_go(connection: sa.Connection, *, together: bool) -> None:
    function = sa.func.pg_advisory_unlock_shared if together else sa.func.pg_advisory_unlock
    try:
        if not connection.invalidated:
            connection.scalar(sa.select(function(_ADVISORY)))
    except sa.exc.DBAPIError:
        # Its end was the lock's end.
        connection.invalidate()
    finally:
        connection.close()


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
    """What the holder wrote; nothing if that process is gone: then another one holds the file."""
    file.seek(0)
    text = file.read().strip()
    found = re.search(r", pid (\d+), since", text)
    if found is None:
        return ""
    return text if _lives(int(found[1])) else ""


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _held(holder: str, path: Path | None = None) -> str:
    unknown = "it is just starting, or on another machine"
    if path is not None:
        unknown = f"it is just starting, or another program has {path.name} open"
    return (
        f"another run holds this store ({holder or unknown}); nothing was sent, "
        "run the same command when it is done"
    )
