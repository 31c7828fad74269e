"""Work on the parts of a store on a Dask cluster: the workers of an embedded one, or of others.

Nothing is computed otherwise than on one machine. A task is a function of the store and a part of
it, so Dask may give it to another worker when one dies. Tasks and results are files of a folder
that all workers share; what goes by message are their names, and no password.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import pickle
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future
from concurrent.futures import TimeoutError as NotYetError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL

import runclub_spider
from runclub_spider.config import Config, environment
from runclub_spider.errors import ConfigurationError, RunclubError
from runclub_spider.publish.parts import Work, Workers, done_at
from runclub_spider.publish.processes import processors
from runclub_spider.store.db.address import database_url, file_of, scrubbed, shown, without_secrets
from runclub_spider.store.db.tables import meta
from runclub_spider.text import printable

T = TypeVar("T")
R = TypeVar("R")

#: What to type where the packages are not installed.
INSTALL = "make bootstrap EXTRAS=scale"
_ADDRESS = re.compile(r"(tcp|tls)://[^/\s@]+:\d{1,5}")
# Until a scheduler answers, and until it has a worker.
_SCHEDULER_SECONDS, _WORKER_SECONDS = 10, 30
_LOOK_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a worker must have in common with whoever publishes.

    Attributes:
        store: its URL without password.
        snapshot: that is read there.
        state: digest of what the store says of itself.
        folder: for tasks and results.
        token: that a file of the folder holds.
        code: digest of the program.
    """

    store: URL
    snapshot: str | None
    state: str
    folder: Path
    token: str
    code: str


class UnfitWorkerError(Exception):
    """A worker that cannot do the work, in words."""


class ClusterWorkers(Workers):
    """Runs work on the workers of a cluster; this thread waits for them."""

    def __init__(
        self, connection: sa.Connection, executor: Executor, meeting: Meeting, client: Any
    ) -> None:
        super().__init__(connection, executor, meeting.snapshot)
        self._meeting = meeting
        self._client = client
        self._numbers = count()
        self._stated: tuple[object, Path] | None = None

    def _hand(self, executor: Executor, work: Work[T, R], task: T) -> Future[R]:
        if self._stated is None or self._stated[0] is not work:
            # What all tasks share is written once, and read once by each worker.
            self._stated = work, self._write("work", work)
        stated, place = self._stated[1], self._write("task", task)
        future: Future[Any] = executor.submit(do, self._meeting, stated, place)
        return future

    def _write(self, kind: str, content: object) -> Path:
        path = self._meeting.folder / f"{kind}-{next(self._numbers):06}"
        path.write_bytes(pickle.dumps(content, pickle.HIGHEST_PROTOCOL))
        return path

    def _result(self, future: Future[Any]) -> Any:
        path: Path = self._waited(future)
        result = pickle.loads(path.read_bytes())  # noqa: S301 -- written by our own workers
        path.unlink()
        return result

    def _waited(self, future: Future[Any]) -> Any:
        while True:
            try:
                return future.result(_LOOK_SECONDS)
            except NotYetError:
                # Looked at in vain as long as it takes: only a cluster of nobody is given up.
                if not self._client.scheduler_info(n_workers=-1)["workers"]:
                    self._wait_for_workers()
            except UnfitWorkerError as error:
                raise ConfigurationError(str(error)) from None
            except CancelledError:
                raise RunclubError(
                    "the Dask scheduler is gone; nothing was released, run the same command again"
                ) from None
            except Exception as error:
                if type(error).__name__ != "KilledWorker":
                    raise
                raise RunclubError(
                    "workers of the Dask cluster died again and again over the same part, for "
                    "want of memory perhaps; nothing was released, see their logs"
                ) from None

    def _wait_for_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_WORKER_SECONDS)
        except TimeoutError:
            raise RunclubError(
                "the Dask scheduler has no worker any more; nothing was released, start some and "
                "run the same command again"
            ) from None


def do(meeting: Meeting, stated: Path, place: Path) -> Path:
    """Do a task in a worker; returns the file that holds its result.

    Raises:
        UnfitWorkerError: this worker sees another store, folder or program.
    """
    look(meeting)
    task = pickle.loads(place.read_bytes())  # noqa: S301 -- written by who publishes
    address = _own(meeting.store).render_as_string(hide_password=False)
    result = done_at(address, meeting.snapshot, _work_of(stated), task)
    path = place.with_name(f"{place.name}-result")
    # Renamed when it is whole: a worker that was given up may still write the same.
    aside = path.with_name(f"{path.name}-{secrets.token_hex(8)}")
    aside.write_bytes(pickle.dumps(result, pickle.HIGHEST_PROTOCOL))
    aside.rename(path)
    return path


@lru_cache(maxsize=1)
def _work_of(stated: Path) -> Any:
    return pickle.loads(stated.read_bytes())  # noqa: S301 -- written by who publishes


@lru_cache(maxsize=1)
def look(meeting: Meeting) -> None:
    """Look whether this worker can do what it is asked for.

    Raises:
        UnfitWorkerError: it sees another store, folder or program.
    """
    if code() != meeting.code:
        raise UnfitWorkerError("a Dask worker runs another version of this program: update it")
    try:
        same = (meeting.folder / "token").read_text() == meeting.token
    except OSError:
        same = False
    if not same or not os.access(meeting.folder, os.W_OK):
        raise UnfitWorkerError(
            f"a Dask worker cannot use the folder {meeting.folder.parent.parent}: EXPORT_DIR must "
            "be a folder that all workers share, under the same path"
        )
    address, path = _own(meeting.store), file_of(meeting.store)
    if path is not None and not path.is_file():
        raise UnfitWorkerError(
            f"a Dask worker cannot open the store {path}: workers on other machines need a store "
            "on a server (`scrapy store copy URL`)"
        )
    try:
        found = done_at(
            address.render_as_string(hide_password=False), meeting.snapshot, _state_of, None
        )
    except sa.exc.DBAPIError as error:
        cause = (str(error.orig).splitlines() or [""])[0]
        raise UnfitWorkerError(
            f"a Dask worker cannot open the store {shown(address)}: {scrubbed(cause, address)}; "
            "give it the same DATABASE_URL"
        ) from None
    if found != meeting.state:
        raise UnfitWorkerError(
            f"a Dask worker sees another store at {shown(address)}: workers on other machines need "
            "a store on a server (`scrapy store copy URL`)"
        )


def _own(store: URL) -> URL:
    """The URL with its secrets, as this process's own settings have them."""
    told = environment(("DATABASE_URL",)).get("DATABASE_URL")
    own = database_url(Config(database_url=told)) if told else store
    return own if without_secrets(own) == store else store


def _state_of(connection: sa.Connection, _: None = None) -> str:
    """Digest of what a store says of itself; no two stores say the same."""
    rows = connection.execute(sa.select(meta.c.key, meta.c.value).order_by(meta.c.key))
    return hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()


@lru_cache(maxsize=1)
def code() -> str:
    """Digest of the program, its Python files."""
    found, root = hashlib.sha256(), Path(runclub_spider.__path__[0])
    for path in sorted(root.rglob("*.py")):
        found.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where parts are worked on: by the workers of a scheduler, or of one that lives as long."""

    scheduler: str | None = None

    @classmethod
    def chosen(cls, engine: str | None, scheduler: str | None) -> Cluster | None:
        """What a command's options say; None for this machine's own processes.

        Raises:
            ConfigurationError: they say nothing that can be, or the packages are not installed.
        """
        if engine not in {None, "local", "dask"}:
            raise ConfigurationError(
                f"--engine {engine!r}: there is no such engine; there are local, dask"
            )
        if scheduler is not None and engine == "local":
            raise ConfigurationError("--scheduler is Dask's: leave out --engine local")
        if scheduler is None and engine != "dask":
            return None
        if scheduler is not None and not _ADDRESS.fullmatch(scheduler):
            raise ConfigurationError(
                f"--scheduler {printable(scheduler)!r} is no address of a Dask scheduler, such as "
                "tcp://10.0.0.5:8786"
            )
        if find_spec("distributed") is None:
            raise ConfigurationError(f"--engine dask needs packages of its own: {INSTALL}")
        return cls(scheduler)

    @contextmanager
    def workers(
        self, connection: sa.Connection, snapshot: str | None, folder: Path
    ) -> Iterator[Workers]:
        """Workers for a store; what they are handed lies in a folder that is made for it.

        Raises:
            ConfigurationError: no scheduler answers, it has no worker, or these cannot do the work.
        """
        url = connection.engine.url
        folder.mkdir()
        token = secrets.token_hex(16)
        (folder / "token").write_text(token, encoding="ascii")
        meeting = Meeting(
            without_secrets(url), snapshot, _state_of(connection), folder, token, code()
        )
        with self._client(url, folder) as client:
            _check(client, meeting)
            executor = client.get_executor(pure=False)
            try:
                yield ClusterWorkers(connection, executor, meeting, client)
            finally:
                # What is not asked for any more is not begun.
                executor.shutdown(wait=False)

    @contextmanager
    def _client(self, url: URL, folder: Path) -> Iterator[Any]:
        """A connection to the scheduler."""
        distributed = _quiet()
        with ExitStack() as stack:
            where: Any = self.scheduler
            if where is None:
                where = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=processors(),
                        threads_per_worker=1,
                        processes=True,
                        host="127.0.0.1",
                        # Encrypted, under a key of its own: else every user of the machine could
                        # have the workers do anything.
                        security=True,
                        dashboard_address="127.0.0.1:0",
                        memory_limit=0,
                        local_directory=str(folder),
                        silence_logs=logging.CRITICAL,
                        env={"DATABASE_URL": url.render_as_string(hide_password=False)},
                    )
                )
            else:
                asyncio.run(_reached(where))
            client = distributed.Client(where, timeout=_SCHEDULER_SECONDS, set_as_default=False)
            yield stack.enter_context(client)


async def _reached(scheduler: str) -> None:
    """Shake hands with a scheduler: a client that fails would complain long afterwards.

    Raises:
        ConfigurationError: none answers.
    """
    security: Any = import_module("distributed").Security()
    connect: Any = import_module("distributed.comm").connect
    try:
        comm = await asyncio.wait_for(
            connect(
                scheduler, timeout=_SCHEDULER_SECONDS, **security.get_connection_args("client")
            ),
            2 * _SCHEDULER_SECONDS,
        )
    except Exception as error:  # noqa: BLE001 -- whatever listens there may say anything
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigurationError(
            f"no Dask scheduler answers at {scheduler}: {printable(cause)}; start one in the "
            "project's folder, `PYTHONPATH=. .venv/bin/dask scheduler`"
        ) from None
    comm.abort()


def _quiet() -> Any:
    """Dask's package; what it would tell a person is told in one line here."""
    # By name: they need not be installed.
    dask: Any = import_module("dask")
    level = {"distributed": {"level": "CRITICAL"}}
    dask.config.set(
        {
            "logging": {"version": 1, "disable_existing_loggers": False, "loggers": level},
            # An embedded cluster shows no pages.
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
        }
    )
    distributed: Any = import_module("distributed")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    return distributed


def _check(client: Any, meeting: Meeting) -> None:
    """Let scheduler and workers look whether they can do the work.

    Raises:
        ConfigurationError: there is none, or one cannot.
    """
    try:
        client.wait_for_workers(1, timeout=_WORKER_SECONDS)
    except TimeoutError:
        raise ConfigurationError(
            "the Dask scheduler has no worker: start some in the project's folder, "
            "`PYTHONPATH=. .venv/bin/dask worker ADDRESS --nthreads 1`"
        ) from None
    try:
        other = client.run_on_scheduler(code) != meeting.code
    except Exception as error:  # noqa: BLE001 -- it may have any fault
        raise _unable("the Dask scheduler", error) from None
    if other:
        raise ConfigurationError("the Dask scheduler runs another version of this program")
    for address, found in client.run(look, meeting, on_error="return").items():
        if isinstance(found, UnfitWorkerError):
            raise ConfigurationError(f"{found} ({address})")
        if isinstance(found, BaseException):
            raise _unable(f"a Dask worker ({address})", found)


def _unable(who: str, error: BaseException) -> ConfigurationError:
    cause = (str(error).splitlines() or [type(error).__name__])[0]
    return ConfigurationError(
        f"{who} cannot run this program: {printable(cause)}; start it in the project's folder, "
        "with PYTHONPATH=."
    )
