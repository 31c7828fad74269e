"""Work on parts of a store, by processes and without them."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context
from pathlib import Path

import pytest
import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.publish.parts import Workers, snapshot_of
from runclub_spider.store.db.engine import Store

Task = tuple[int, int]
# What they run is imported once, and not by each process.
FORKED = get_context("forkserver")
FORKED.set_forkserver_preload([__name__])


def squared(connection: sa.Connection, task: Task) -> int:
    """Of a number; the process that is not the given one dies at 3."""
    number, home = task
    if number == 3 and os.getpid() != home:
        os._exit(9)
    return int(connection.scalar(sa.select(sa.literal(number) * number)) or 0)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    store = Store.open(Config(cache_dir=tmp_path))
    with store.reading() as found:
        yield found
    store.close()


@pytest.mark.parametrize("beside", [0, 1, 2])
@pytest.mark.parametrize("number", [0, 1, 3, 8])
def test_what_no_process_can_do_is_done_here(
    connection: sa.Connection, number: int, beside: int
) -> None:
    """Numbers below three come from processes, the rest from here once one has died."""
    tasks = [(one, os.getpid()) for one in range(number)]
    with ProcessPoolExecutor(2, mp_context=FORKED) as processes:
        hands = Workers(connection, processes, snapshot_of(connection), beside=beside)
        assert list(hands.run(squared, tasks)) == [one * one for one in range(number)]
    assert gc.isenabled()


def worked_by(_: sa.Connection, task: tuple[int, str | None]) -> tuple[int, int]:
    """Number and process of a task, once the file it waits for is there."""
    number, awaited = task
    while awaited is not None and not Path(awaited).exists():
        time.sleep(0.005)
    return number, os.getpid()


def test_who_joins_takes_what_no_other_has_begun(connection: sa.Connection, tmp_path: Path) -> None:
    """The other is held up by its first task until the last of this thread's is done."""
    opened = tmp_path / "opened"

    def here(connection: sa.Connection, task: tuple[int, str | None]) -> tuple[int, int]:
        found = worked_by(connection, task)
        if task[0] == 2:
            opened.touch()
        return found

    tasks = [(0, str(opened)), *((number, None) for number in range(1, 8))]
    with ProcessPoolExecutor(1, mp_context=FORKED) as processes:
        hands = Workers(connection, processes, snapshot_of(connection), beside=1)
        hands._here = lambda work, task: here(connection, task)  # type: ignore[method-assign]
        found = list(hands.run(worked_by, tasks))
    assert [number for number, _ in found] == list(range(8))
    here_done = [process == os.getpid() for _, process in found]
    # The second may wait in the other's hand already.
    assert not here_done[0]
    assert all(here_done[2:])


def fallen(_: sa.Connection, task: tuple[int, str]) -> int:
    """The first is done at once, the second dies when the file is there, others never end."""
    number, awaited = task
    while number == 1 and not Path(awaited).exists():
        time.sleep(0.005)
    if number == 1:
        os._exit(9)
    time.sleep(60 * (number > 1))
    return number


def test_work_given_up_leaves_no_process_behind(connection: sa.Connection, tmp_path: Path) -> None:
    """Also where one dies afterwards: the others would be waited for as this one ends."""
    opened = tmp_path / "opened"
    with ProcessPoolExecutor(2, mp_context=FORKED) as processes:
        hands = Workers(connection, processes, snapshot_of(connection))
        found = hands.run(fallen, [(number, str(opened)) for number in range(12)])
        assert next(found) == 0
        others = active_children()
        assert len(others) == 2
        found.close()  # type: ignore[attr-defined]
        opened.touch()
    for one in others:
        one.join(30)
    left = [one for one in others if one.is_alive()]
    for one in left:
        one.kill()
    assert not left
