"""Opening the store: which database, which version, and transactions on it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import URL

from runclub_spider import resources
from runclub_spider.config import Config, Membership, utc_now
from runclub_spider.errors import RunclubError, StoreError, StoreTaken, StoreWriteError
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import (
    check_place,
    database_url,
    file_of,
    made_engine,
    scrubbed,
    shown,
    was_ours,
)
from runclub_spider.store.db.lock import IN_TURN, exclusive, held_here, hold_of
from runclub_spider.store.db.prepared import execute
from runclub_spider.store.db.tables import fleet_job, metadata
from runclub_spider.store.db.tables import meta as meta_table
from runclub_spider.store.db.upgrading import kept_copy

# The newest migration in `migrations/versions`; a test holds the two together.
HEAD = "0014"
# How SQLite says that a file is damaged or was never a database.
_CORRUPT = ("malformed", "not a database", "disk image")
# Errors of these kinds are bugs of ours, not the disk's.
_OUR_MISTAKES = (
    sa.exc.IntegrityError,
    sa.exc.ProgrammingError,
    sa.exc.DataError,
    sa.exc.NotSupportedError,
)
_READING = "runclub_reading"
# Tables may be made anew while others lead to them.
_REBUILDING = "runclub_rebuilding"
_TAKEN = (
    "this run's hold of the store was lost with its connection, and another run may have it by "
    "now: nothing more was stored, run the same command again when that one is done"
)
_TAKEN_UP = "another worker has taken up this run's job by now: nothing more was stored"
MIGRATIONS = resources.folder("store/db/migrations")
# Alembic's own table.
_VERSION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class Store:
    """An open database of this project.

    SQLite runs in WAL mode with `synchronous=NORMAL`: a commit survives the death of the
    process at any instant; after a power cut the last commits may be missing, but page and
    mark go together, so those pages are simply asked again. `FULL` would cost an fsync a
    page and guard against nothing more than that.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        # This process's token on a server, once it is the one in the store.
        self._token: str | None = None
        # Its place in a fleet, if it holds the server's database with others.
        self._member: Membership | None = None

    @classmethod
    def open(cls, config: Config, *, create: bool = True, set_aside: bool = True) -> Self:
        """Open (and by default create and migrate) the configured store.

        A corrupt file of ours is moved out of the way, unless `set_aside` is off. A store of an
        earlier version is copied before it is upgraded.

        Raises:
            StoreError: corrupt, newer than this code, not ours, or not there when
                `create` is off.
            RunPaused: it is to be upgraded, and another process holds it.
            StoreTaken: this process's hold on a server was lost.
        """
        url = database_url(config)
        path = file_of(url)
        check_place(config)
        if path is not None:
            if not path.exists():
                _refuse_to_recreate(path, renew=config.store_renew)
                if not create:
                    raise StoreError(f"there is no store at {path}; crawl first")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"cannot make the folder of the store {path}: {error.strerror}; "
                    "mend CACHE_DIR or DATABASE_URL"
                ) from None
            _keep_private(path)
        store = cls(_engine(url))
        try:
            store._prepare(config)
        except StoreTaken:
            store.close()
            raise
        except (sa.exc.DBAPIError, StoreWriteError) as error:
            store.close()
            cause = _cause(error)
            if path is not None and any(word in cause for word in _CORRUPT):
                if not set_aside or not was_ours(config):
                    raise StoreError(
                        f"the store {path.name} is corrupt ({cause}); put a good copy in its place"
                    ) from None
                raise StoreError(_set_aside(path, cause)) from None
            raise StoreError(
                f"the store {shown(url)} cannot be opened: {scrubbed(cause, url)}; "
                "check DATABASE_URL and CACHE_DIR"
            ) from None
        except RunclubError:
            store.close()
            raise
        return store

    def _prepare(self, config: Config) -> None:
        """Make or upgrade the tables, and make this process's hold known."""
        with self.engine.connect() as connection:
            version = _version(connection.execution_options(**{_READING: True}))
        if version is not None:
            self._claim()
        if version != HEAD:
            self._migrate(config, version)
        if version is None:
            self._claim()
        if self.engine.dialect.name == "sqlite":
            _use_wal(self.engine)

    @property
    def held_together(self) -> bool:
        """Whether others of a fleet write to it as well, one transaction at a time."""
        return self._member is not None

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction, committed at the end and rolled back on any error.

        Raises:
            StoreWriteError: the database failed.
            StoreTaken: another run has taken over a server's database.
        """
        try:
            with self.engine.begin() as connection:
                if self._token is not None:
                    self._check_hold(connection)
                yield connection
        except sa.exc.DatabaseError as error:
            if isinstance(error, _OUR_MISTAKES):
                raise
            raise StoreWriteError(
                f"the store failed: {self._told(error)}; what was committed before is safe, mend "
                "the cause and run the same command again"
            ) from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A consistent look that holds up no writer.

        Raises:
            StoreError: the file is damaged.
        """
        try:
            with self.engine.connect() as connection:
                looking = connection.execution_options(**{_READING: True})
                if looking.dialect.name == "postgresql":
                    # Else each statement sees what others have stored before it.
                    looking = looking.execution_options(isolation_level="REPEATABLE READ")
                with looking.begin():
                    yield looking
        except sa.exc.DatabaseError as error:
            if isinstance(error, _OUR_MISTAKES):
                raise
            raise StoreError(
                f"the store is damaged ({self._told(error)}); put a good copy in its place"
            ) from error

    def close(self) -> None:
        """Release connections and files."""
        self.engine.dispose()

    def _told(self, error: Exception) -> str:
        return scrubbed(_cause(error), self.engine.url)

    def _claim(self) -> None:
        """On a server, write this process's token into the store: earlier holders are shut out."""
        hold = hold_of(self.engine.url)
        if hold is None:
            return
        if not hold.claimed:
            if not hold.alive:
                raise StoreTaken(_TAKEN)
            with self.engine.begin() as connection:
                # Waits for a transaction of an earlier holder, but not for one that stands still.
                connection.exec_driver_sql("SET LOCAL lock_timeout = '30s'")
                if meta.get(connection, meta.WRITER) != hold.token:
                    meta.put(connection, meta.WRITER, hold.token)
            hold.claimed = True
        self._token, self._member = hold.token, hold.member

    def _check_hold(self, connection: sa.Connection) -> None:
        """Stop if another holder wrote its token; until the end of the transaction none can.

        Of a fleet one transaction runs at a time: each sees what those before have stored, and
        none waits for another's rows. That bounds how many pages a store takes (ARCHITECTURE, "A
        fleet"). Who was given a job before another took it up is shut out as well.
        """
        if self._member is not None:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(IN_TURN)))
        query = sa.select(meta_table.c.value).where(meta_table.c.key == meta.WRITER)
        if connection.scalar(query.with_for_update(read=True)) != self._token:
            raise StoreTaken(_TAKEN)
        if self._member is not None:
            attempt = sa.select(fleet_job.c.attempt).where(fleet_job.c.job_id == self._member.job)
            if connection.scalar(attempt.with_for_update(read=True)) != self._member.attempt:
                raise StoreTaken(_TAKEN_UP)

    def _migrate(self, config: Config, version: str | None) -> None:
        known = {path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("0*.py")}
        if version is not None and version not in known:
            raise StoreError(
                f"the store has version {version}, this code knows up to {HEAD}: "
                "update the project, or point DATABASE_URL at another store"
            )
        hold = hold_of(self.engine.url)
        if hold is not None and hold.member is not None:
            raise StoreError(
                "the store is not of this version of the project: run `scrapy fleet start` again, "
                "which upgrades it"
            )
        if version is None:
            self._create()
            return
        mine = held_here(self.engine.url)
        with nullcontext() if mine else exclusive(config, "the upgrade of the store"):
            with self.engine.connect() as connection:
                version = _version(connection.execution_options(**{_READING: True}))
            if version is not None and version != HEAD:
                with self._kept_copy(version):
                    self._upgrade()

    def _kept_copy(self, version: str) -> AbstractContextManager[None]:
        return kept_copy(self.engine, version, HEAD)

    def _upgrade(self) -> None:
        """All migrations in one transaction."""
        from alembic import command
        from alembic.config import Config as AlembicConfig

        logging.getLogger("alembic").setLevel(logging.WARNING)
        alembic = AlembicConfig()
        alembic.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        self.engine.update_execution_options(**{_REBUILDING: True})
        with self.begin() as connection:
            alembic.attributes["connection"] = connection
            command.upgrade(alembic, "head")
            driver: Any = connection.connection.driver_connection
        self.engine.update_execution_options(**{_REBUILDING: False})
        if self.engine.dialect.name == "sqlite":
            # Says nothing in the one transaction of a trial, which is still open.
            driver.execute("PRAGMA foreign_keys=ON")

    def _create(self) -> None:
        """The tables as they are declared, as all migrations together make them (a test)."""
        with self.begin() as connection:
            for statement in _declared(connection.dialect.name):
                execute(connection, statement, ())
            if not sa.inspect(connection).has_table(_VERSION.name):
                _VERSION.create(connection)
            connection.execute(sa.insert(_VERSION).values(version_num=HEAD))


@cache
def _declared(database: str) -> tuple[str, ...]:
    """Statements that make the tables of an empty database: to compile them is most of the time."""
    found: list[str] = []

    def note(statement: sa.schema.ExecutableDDLElement, *_: Any, **__: Any) -> None:
        found.append(str(statement.compile(dialect=engine.dialect)))

    engine = sa.create_mock_engine(f"{database}://", note)
    metadata.create_all(engine, checkfirst=False)
    return tuple(found)


def _keep_private(path: Path) -> None:
    """Make the file and its journals the owner's alone: who can open them can hold up every run.

    By name, never through a descriptor: to close one would let go of the locks that SQLite has on
    the file in this process. A journal gets the mode of its file.
    """
    with suppress(OSError):
        # Made here, so that it is private from its first moment.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    for file in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))):
        with suppress(OSError):
            found = file.stat()
            if found.st_uid == os.geteuid() and found.st_mode & 0o077:
                file.chmod(0o600)


def _engine(url: URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        server = made_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 30})

        @sa.event.listens_for(server, "connect")
        def _plan_anew(connection: Any, _record: Any) -> None:
            # A plan that is kept was made for small tables: read whole when they have grown, they
            # made a page take three times as long after 30,000 tracks.
            connection.execute("SET plan_cache_mode = force_custom_plan")
            connection.commit()

        return server
    engine = made_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # Transactions are ours, not the driver's: it would begin them late and commit early.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # IMMEDIATE: a reader that turns writer in mid-transaction could fail with "locked".
        options = connection.get_execution_options()
        if options.get(_REBUILDING, False):
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN" if options.get(_READING, False) else "BEGIN IMMEDIATE")

    return engine


def make_roomy(connection: sa.Connection) -> None:
    """For many small transactions all over the file: 16 MB of cache, checkpoints of 64 MB.

    SQLite only, and for this connection only.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA cache_size=-16000")
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint=16000")


def _use_wal(engine: sa.Engine) -> None:
    """Switch the file to WAL, once it is known to be ours; the switch is kept in the file."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            cursor.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _version(connection: sa.Connection) -> str | None:
    names = sa.inspect(connection).get_table_names()
    if "alembic_version" in names:
        row = connection.execute(sa.text("SELECT version_num FROM alembic_version")).first()
        if row is not None:
            return str(row[0])
    if set(names) - {"alembic_version"}:
        raise StoreError(
            "the database holds other tables and no version of this project; "
            "point DATABASE_URL at an empty one"
        )
    return None


def _cause(error: Exception) -> str:
    """The driver's own words, one line."""
    inner = error.__cause__ if isinstance(error.__cause__, sa.exc.DBAPIError) else error
    text = str(getattr(inner, "orig", None) or inner)
    return text.splitlines()[0] if text else type(error).__name__


def _set_aside(path: Path, cause: str) -> str:
    """Move a corrupt database out of the way with its journal; says where, and the way back."""
    stamp = datetime.fromtimestamp(utc_now(), UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    for number in range(2, 100):
        if not aside.exists():
            break
        aside = path.with_name(f"{path.name}.corrupt-{number}-{stamp}")
    for suffix in ("-wal", "-shm"):
        journal = path.with_name(path.name + suffix)
        if journal.exists():
            journal.rename(aside.with_name(aside.name + suffix))
    path.rename(aside)
    return (
        f"the store {path.name} is corrupt ({cause}); it was set aside as {aside.name}: put a "
        f"good copy back as {path.name}, or start anew with -s STORE_RENEW=1"
    )


def _refuse_to_recreate(path: Path, *, renew: bool) -> None:
    """A store that was set aside is not silently replaced by an empty one."""
    aside = sorted(path.parent.glob(f"{path.name}.corrupt-*Z"))
    if aside and not renew:
        raise StoreError(
            f"the store was corrupt and is set aside as {aside[-1].name}: put a good copy back "
            f"as {path.name}, or start anew with -s STORE_RENEW=1"
        )
