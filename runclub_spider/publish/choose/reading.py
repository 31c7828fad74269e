"""Reads the parts of a store, on as many processors as there are."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

import sqlalchemy as sa

from runclub_spider.publish.choose.part import Asked, Part, read_part, spans
from runclub_spider.store.db.address import made_engine
from runclub_spider.store.read.candidates import Span
from runclub_spider.store.read.catalogue import reading_anything

_log = logging.getLogger(__name__)

# Below so many parts, processes take longer to start than to read.
_WORTH_PROCESSES = 4


def read_parts(
    connection: sa.Connection, asked: Asked, executor: Executor | None = None
) -> list[Part]:
    """All parts of a store, in the order of ids.

    Args:
        connection: of the store; it must not have changed what others do not see yet.
        asked: of each track.
        executor: where parts are read; processes of this machine by default, for few tracks this
            thread alone.
    """
    found = spans(connection)
    if executor is not None:
        return _read_by(executor, connection, found, asked)
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if processors > 1 and len(found) >= _WORTH_PROCESSES and _shared(connection):
        try:
            # Not forked: a crawl that publishes has threads, and a copy of them may stand still.
            with ProcessPoolExecutor(processors, mp_context=get_context("spawn")) as processes:
                return _read_by(processes, connection, found, asked)
        except BrokenProcessPool:
            _log.warning("Other processes cannot be started here; choosing takes longer.")
    return [read_part(connection, span, asked) for span in found]


def read_elsewhere(address: str, span: Span, asked: Asked, snapshot: str | None) -> Part:
    """Read a part in another process, by a connection of its own."""
    # A part makes no rings, and to look for some among its many tuples takes a fifth of the time.
    gc.disable()
    with _connected(address, snapshot) as connection:
        return reading_anything(connection, lambda: read_part(connection, span, asked))


def _read_by(
    executor: Executor, connection: sa.Connection, found: list[Span], asked: Asked
) -> list[Part]:
    address = connection.engine.url.render_as_string(hide_password=False)
    snapshot = None
    if connection.dialect.name == "postgresql":
        snapshot = connection.scalar(sa.text("SELECT pg_export_snapshot()"))
    futures = [executor.submit(read_elsewhere, address, span, asked, snapshot) for span in found]
    return [future.result() for future in futures]


def _shared(connection: sa.Connection) -> bool:
    """Whether another process can open the store: one in memory it cannot."""
    url = connection.engine.url
    return url.get_backend_name() != "sqlite" or bool(url.database and url.database != ":memory:")


@contextmanager
def _connected(address: str, snapshot: str | None) -> Iterator[sa.Connection]:
    engine = made_engine(sa.make_url(address))
    try:
        with engine.connect() as connection:
            if snapshot is not None:
                # All parts are of one moment, whatever other machines store meanwhile.
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            yield connection
    finally:
        engine.dispose()
