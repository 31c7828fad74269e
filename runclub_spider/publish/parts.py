"""Work on the parts of a store, on as many processors as there are."""

from __future__ import annotations

import gc
import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa

from runclub_spider.publish.processes import processes, processors
from runclub_spider.store.db.address import made_engine
from runclub_spider.store.read.catalogue import reading_anything

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[sa.Connection, T], R]

_log = logging.getLogger(__name__)

# Below so many tracks, a process takes longer to start than it would spare.
_WORTH_PROCESSES = 8_000
# Tasks that a process has in hand: one that it works on, and the next.
_AHEAD = 2


class Workers:
    """Runs work on parts, in the processes of an executor, in this thread, or in both.

    Args:
        connection: of the store; it must not have changed what others do not see yet.
        executor: where parts are worked on; None for this thread alone, by this connection.
        snapshot: that the others read, from :func:`snapshot_of`.
        beside: processes of the executor that this thread works beside; 0: it waits for them.
    """

    def __init__(
        self,
        connection: sa.Connection,
        executor: Executor | None = None,
        snapshot: str | None = None,
        *,
        beside: int = 0,
    ) -> None:
        self._connection = connection
        self._executor = executor
        self._snapshot = snapshot
        self._beside = beside
        self._packed: tuple[Work[Any, Any], _Packed] | None = None

    def run(self, work: Work[T, R], tasks: Sequence[T]) -> Iterator[R]:
        """The result for each task, in their order.

        Args:
            work: a function of a module, or a `partial` of one with what all tasks share; that,
                task and result can be pickled.
            tasks: what it is called with, beside a connection.

        What is begun and not asked for is the executor's to cancel, when it is shut down. Python
        3.11 loses hold of its processes if one dies after somebody else did.
        """
        done = 0
        if self._executor is not None:
            try:
                for result in self._shared_out(self._executor, work, tasks):
                    yield result
                    done += 1
            except BrokenProcessPool:
                _log.warning("Other processes cannot work here; publishing takes longer.")
                self._executor = None
        for task in tasks[done:]:
            yield self._here(work, task)

    def _hand(self, executor: Executor, work: Work[T, R], task: T) -> Future[R]:
        """Give a task to the executor."""
        if self._packed is None or self._packed[0] is not work:
            self._packed = work, _Packed(work)
        address = self._connection.engine.url.render_as_string(hide_password=False)
        return executor.submit(done_at, address, self._snapshot, self._packed[1], task)

    def _result(self, future: Future[R]) -> R:
        """Wait for what came of a task."""
        return future.result()

    def _shared_out(self, executor: Executor, work: Work[T, R], tasks: Sequence[T]) -> Iterator[R]:
        futures: list[Future[R]] = []

        def hand_out(end: int) -> None:
            """One in work and one waiting for each process; what was given is not taken back."""
            waiting = sum(not future.done() for future in futures)
            most = _AHEAD * self._beside - waiting if self._beside else end
            futures.extend(
                self._hand(executor, work, task)
                for task in tasks[len(futures) : min(end, len(futures) + most)]
            )

        # The others take from the front, this thread from the end, and that first: they may have
        # to start yet.
        mine: dict[int, R] = {}
        end = len(tasks)
        hand_out(end - 1 if self._beside else end)
        for at in range(len(tasks)):
            while at not in mine and not (at < len(futures) and futures[at].done()):
                if len(futures) >= end:
                    break
                end -= 1
                mine[end] = self._here(work, tasks[end])
                hand_out(end)
            yield mine.pop(at) if at in mine else self._result(futures[at])

    def _here(self, work: Work[T, R], task: T) -> R:
        with _uncollected():
            return work(self._connection, task)


class _Packed:
    """Work that is packed once, and unpacked once by each process, whatever tasks it gets.

    What all tasks share grows with the store, and so does their number.
    """

    def __init__(self, work: Work[Any, Any]) -> None:
        self._work = pickle.dumps(work)

    def __call__(self, connection: sa.Connection, task: Any) -> Any:
        return _unpacked(self._work)(connection, task)


@lru_cache(maxsize=1)
def _unpacked(work: bytes) -> Any:
    return pickle.loads(work)  # noqa: S301 -- packed by the process that this one works for


def snapshot_of(connection: sa.Connection) -> str | None:
    """A name by which others see what this transaction saw; to be asked outside of savepoints."""
    if connection.dialect.name != "postgresql":
        return None
    return str(connection.scalar(sa.text("SELECT pg_export_snapshot()")))


@contextmanager
def workers(
    connection: sa.Connection,
    tracks: int,
    snapshot: str | None = None,
    coming: Sequence[Callable[..., Any]] = (),
) -> Iterator[Workers]:
    """Workers for a store of so many tracks: beside this thread processes where that pays.

    Args:
        connection: of the store.
        tracks: that it holds.
        snapshot: that all read, from :func:`snapshot_of`.
        coming: the functions of modules that will be run.
    """
    others = processors() - 1
    if not others or tracks < _WORTH_PROCESSES or not _shared(connection):
        yield Workers(connection)
        return
    with processes(others, *coming) as executor:
        yield Workers(connection, executor, snapshot, beside=others)


def _shared(connection: sa.Connection) -> bool:
    """Whether another process can open the store: one in memory it cannot."""
    url = connection.engine.url
    return url.get_backend_name() != "sqlite" or bool(url.database and url.database != ":memory:")


def done_at(address: str, snapshot: str | None, work: Work[T, R], task: T) -> R:
    """Do a piece of work in another process, by a connection of its own to a database."""
    with _uncollected(), _connected(address, snapshot) as connection:
        return reading_anything(connection, lambda: work(connection, task))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Work makes no rings, and to look for some among its many tuples takes a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def _connected(address: str, snapshot: str | None) -> Iterator[sa.Connection]:
    engine = made_engine(sa.make_url(address))
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                # What is read of a part is of one moment; who publishes holds all others up.
                connection.exec_driver_sql("BEGIN")
            if snapshot is not None:
                # All parts are of one moment, whatever other machines store meanwhile.
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            yield connection
    finally:
        engine.dispose()
