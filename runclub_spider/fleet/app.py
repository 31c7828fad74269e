"""Procrastinate's side of a fleet: its tables, its app, and what is asked of both.

Its tables have a PostgreSQL schema of their own. They hold what was handed to workers and who of
them is alive, and nothing that the store's own tables (`store/fleet/plans.py`) could not tell anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Job as Handed
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from procrastinate.schema import SchemaManager
from sqlalchemy.engine import URL

from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError, StoreError
from runclub_spider.store.db.address import database_url, made_engine, scrubbed, shown
from runclub_spider.store.db.engine import Store

#: The PostgreSQL schema of its tables, and of the names of workers.
SCHEMA = "runclub_jobs"
#: The one task: it runs the command of a job of the store.
TASK = "runclub.job"
#: Seconds between two signs of life, and without one after which a worker counts as dead. The
#: second is well above the longest pause of a connection that should not cost a worker its job.
HEARTBEAT, DEAD_AFTER = 5, 30
#: Seconds that procrastinate is never to come to: what it would do then, the worker does.
NEVER = 10 * 365 * 86_400
# One number for each thing that only one may do at a time, for as long as its transaction lasts.
_MAKING, _HANDING = 0x52554E31, 0x52554E32
#: Of a connection: whoever is cut off shall notice before others take it for dead.
KEEPALIVE = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_NAMES = (
    "CREATE TABLE worker_name ("
    "worker_id bigint PRIMARY KEY REFERENCES procrastinate_workers (id) ON DELETE CASCADE, "
    "name text NOT NULL)"
)


# Seconds without a sign of life after which nobody asks about a worker.
_FORGOTTEN = 3600
_worker = sa.table(
    "procrastinate_workers", sa.column("id"), sa.column("last_heartbeat"), schema=SCHEMA
)
_name = sa.table("worker_name", sa.column("worker_id"), sa.column("name"), schema=SCHEMA)
_job = sa.table("procrastinate_jobs", sa.column("status"), schema=SCHEMA)
_schema = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname"), schema="pg_catalog")


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker, who it is, and how many seconds ago it gave a sign of life."""

    worker_id: int
    name: str
    seconds: float

    @property
    def alive(self) -> bool:
        """Whether nobody takes up its job yet."""
        return self.seconds <= DEAD_AFTER


class OwnJobs(JobManager):
    """Knows workers by name, and lets one end only what is still its own.

    A worker that was believed to be dead may come back to a job that another one has by now; by
    its number alone procrastinate would end the other's.
    """

    def __init__(self, connector: PsycopgConnector, name: str) -> None:
        super().__init__(connector)
        self._name = name
        self._former: int | None = None

    async def register_worker(self) -> int:
        """A new number for this worker; the one it had before is nobody's any more."""
        worker_id = await super().register_worker()
        await self.connector.execute_query_async(
            "INSERT INTO worker_name (worker_id, name) VALUES (%(worker_id)s, %(name)s)",
            worker_id=worker_id,
            name=self._name,
        )
        if self._former is not None:
            await self.unregister_worker(self._former)
        self._former = worker_id
        return worker_id

    async def finish_job(self, job: Handed, status: Status, delete_job: bool) -> None:
        """Set the status of a job, unless another worker has it."""
        found = await self.list_jobs_async(id=job.id, worker_id=job.worker_id, status="doing")
        if list(found):
            await super().finish_job(job, status, delete_job)


def open_store(config: Config) -> Store:
    """Open the store with procrastinate's tables beside it; either is made where it is not there.

    Any number of processes may come at once.

    Raises:
        StoreError: it is no store, or its server cannot be reached.
        ConfigurationError: the tables cannot be made, or others use them in another form.
    """
    url = database_url(config)
    engine = made_engine(url, poolclass=sa.NullPool, connect_args=KEEPALIVE)
    try:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))
            store = Store.open(config)
            try:
                _make_tables(connection)
            except BaseException:
                store.close()
                raise
            return store
    except sa.exc.OperationalError as error:
        cause = scrubbed((str(error.orig).splitlines() or [""])[0], url)
        raise StoreError(
            f"the store {shown(url)} cannot be opened: {cause}; check DATABASE_URL"
        ) from None
    finally:
        engine.dispose()


def _make_tables(connection: sa.Connection) -> None:
    """Tables of another version are made anew: the store tells what is to be handed out."""
    schema = SchemaManager.get_schema()
    version = f"runclub {hashlib.sha256((schema + _NAMES).encode()).hexdigest()[:16]}"
    noted = sa.func.obj_description(_schema.c.oid, "pg_namespace").label("noted")
    there = connection.execute(sa.select(noted).where(_schema.c.nspname == SCHEMA)).first()
    if there is not None and there.noted == version:
        return
    if there is not None and not str(there.noted).startswith("runclub "):
        raise ConfigurationError(
            f"the database has another schema {SCHEMA}; rename it, or use another database"
        )
    if any(one.alive for one in workers(connection)):
        raise ConfigurationError(
            "workers with another version of procrastinate are at work; run `scrapy fleet stop` "
            "there, then start all of them with the same version"
        )
    # Through the driver: the text has per cent signs and many statements.
    driver = connection.connection.cursor()
    try:
        driver.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        driver.execute(f"CREATE SCHEMA {SCHEMA}")
        driver.execute(f"SET LOCAL search_path TO {SCHEMA}")
        driver.execute(schema)
        driver.execute(_NAMES)
        driver.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{version}'")
    except psycopg.errors.InsufficientPrivilege:
        raise ConfigurationError(
            "the user of DATABASE_URL may make no schema; have the database's owner run "
            "GRANT CREATE ON DATABASE for it"
        ) from None


def workers(connection: sa.Connection) -> list[WorkerSeen]:
    """Workers that gave a sign of life within the last hour; none before the first."""
    if connection.scalar(sa.select(sa.func.to_regclass(f"{SCHEMA}.worker_name"))) is None:
        return []
    seconds = sa.extract("epoch", sa.func.clock_timestamp() - _worker.c.last_heartbeat)
    rows = connection.execute(
        sa.select(_worker.c.id, _name.c.name, seconds.label("seconds"))
        .join_from(_worker, _name, _worker.c.id == _name.c.worker_id)
        .where(seconds < _FORGOTTEN)
        .order_by(_worker.c.id)
    )
    return [WorkerSeen(row.id, row.name, max(0.0, float(row.seconds))) for row in rows]


def handed_out(connection: sa.Connection) -> bool:
    """Whether some worker has a job in hand, dead ones' included."""
    doing = sa.cast(_job.c.status, sa.Text) == Status.DOING.value
    return connection.scalar(sa.select(1).select_from(_job).where(doing).limit(1)) is not None


def server_seconds(connection: sa.Connection) -> float:
    """Seconds since the server was started: before that nobody could give a sign of life."""
    up = sa.func.clock_timestamp() - sa.func.pg_postmaster_start_time()
    return float(connection.scalar(sa.select(sa.extract("epoch", up))) or 0)


def make_app(
    url: URL, what: str, name: str = "", run: Callable[..., Awaitable[None]] | None = None
) -> App:
    """Procrastinate's app on the store's server.

    Args:
        url: the store's.
        what: who connects, for the server's list of connections.
        name: of the worker.
        run: what a worker does with a job's context and `job_id`.
    """
    _, given = url.get_dialect()().create_connect_args(url)
    options = f"{given.get('options', '')} -c search_path={SCHEMA}".strip()
    connecting = {
        **KEEPALIVE,
        **given,
        "options": options,
        "application_name": f"runclub fleet {what}"[:63],
    }
    connector = PsycopgConnector(kwargs=connecting, min_size=1, max_size=4, timeout=10)
    app = App(connector=connector)
    app.job_manager = OwnJobs(connector, name)
    if run is not None:
        app.task(name=TASK, pass_context=True)(run)
    return app


async def alone(connection: Any, *, wait: bool) -> bool:
    """Let nobody else hand out or take back jobs until a connection's transaction is over.

    Without `wait` the answer may be False: somebody else does it just now.
    """
    if wait:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_HANDING,))
        return True
    taken = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_HANDING,))
    return bool((await taken.fetchone())[0])
