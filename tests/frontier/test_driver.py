"""The driver: rounds, deferrals, stops and budgets, on a real store in its own thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.frontier.driver import Frontier, Pilot
from runclub_spider.frontier.planners import TrackSearchPlanner
from runclub_spider.frontier.templates import Seed
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.thread import StoreThread
from runclub_spider.store.queue import pages, seeds
from runclub_spider.store.queue.pages import PageCounts, PageTask

from .test_planners import SPIDER, UMBRELLAS, plan_of


def planner_of(plan: list[Seed]) -> TrackSearchPlanner:
    return TrackSearchPlanner(SPIDER, plan, "US", "template", 100, 50, 400, UMBRELLAS, 0.75, 1 / 40)


def answered(connection: sa.Connection, task: PageTask) -> None:
    """Store a page without rows, behind which its seed has more."""
    pages.mark_done(connection, task, counts=PageCounts(), run_id=1, now=1)
    seeds.advance(
        connection,
        (task.source_key, "track", "US"),
        state=seeds.RUNNING,
        next_offset=task.first_row + task.row_count,
        offset=task.first_row,
        now=1,
    )


class Run:
    """One run of a search crawl: what was given out, and answers to it."""

    def __init__(self, store: StoreThread, plan: list[Seed], **changes: Any) -> None:
        self.store = store
        values: dict[str, Any] = {"spider": SPIDER, "market": "US", "round_pages": 2, **changes}
        self.frontier = Frontier(store, planner_of(plan), **values)
        self.given: list[str] = []

    async def answer(self, task: PageTask) -> None:
        await self.store.run(lambda c: answered(c, task))
        self.frontier.settle(task.key)

    async def all(self, fails: Callable[[PageTask], bool] = lambda _task: False) -> list[str]:
        """Ask everything; pages that fail are put off."""
        async for task in self.frontier.tasks():
            self.given.append(f"{task.source_key}{task.first_row}")
            if fails(task):
                self.frontier.settle(task.key, deferred=True)
            else:
                await self.answer(task)
        return self.given


@asynccontextmanager
async def running(folder: Path, *terms: str, **changes: Any) -> AsyncIterator[Run]:
    thread = StoreThread(Store.open(Config(cache_dir=folder)))
    try:
        plan = await thread.run(lambda c: plan_of(c, "track", *terms))
        yield Run(thread, plan, **changes)
    finally:
        thread.close()


def test_the_first_page_alone_and_then_the_rest_of_its_round(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", "b", "c") as run:
            first = await run.frontier.first()
            assert first is not None
            assert (first.source_key, first.first_row) == ("a", 0)
            await run.answer(first)
            await run.frontier.all_settled()
            assert await run.all() == ["b0", "a50", "b50", "c0", "c50"]
            assert await run.frontier.first() is None

    asyncio.run(go())


def test_everything_in_rounds(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", "b", "c") as run:
            assert await run.all() == ["a0", "b0", "a50", "b50", "c0", "c50"]
            assert run.frontier.exhausted
            assert not run.frontier.deferred

    asyncio.run(go())


def test_the_next_round_waits_for_the_last_of_this_one(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", "b", "c") as run:
            tasks = run.frontier.tasks()
            first, second = await anext(tasks), await anext(tasks)
            third = asyncio.ensure_future(anext(tasks))
            await run.answer(second)
            await asyncio.wait([third], timeout=0.1)
            assert not third.done()
            await run.answer(first)
            assert (await third).first_row == 50

    asyncio.run(go())


def test_open_pages_of_an_earlier_run_come_first(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", "b", "c") as run:
            tasks = run.frontier.tasks()
            task = await anext(tasks)
            await run.answer(task)
            assert (await anext(tasks)).source_key == "b"
            # killed here: b's first page is planned and not stored
        async with running(tmp_path, "c", "a", "b", round_pages=1) as run:
            assert (await run.all())[:3] == ["b0", "c0", "c50"]
            assert sorted(run.given) == ["a50", "b0", "b50", "c0", "c50"]

    asyncio.run(go())


def test_a_deferred_page_waits_for_the_next_run(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", "b", "c", round_pages=1) as run:
            given = await run.all(lambda task: task.source_key != "c")
            assert given == ["a0", "b0", "c0", "c50"]
            assert len(run.frontier.deferred) == 2
            assert not run.frontier.exhausted
        async with running(tmp_path, "a", "b", "c", round_pages=1) as run:
            assert await run.all() == ["a0", "b0", "a50", "b50"]
            assert run.frontier.exhausted

    asyncio.run(go())


def test_a_stop_puts_off_the_rest_of_the_round(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", "b", "c") as run:
            async for task in run.frontier.tasks():
                run.given.append(task.source_key)
                run.frontier.stop()
                await run.answer(task)
            assert run.given == ["a"]
            assert len(run.frontier.deferred) == 1
            assert not run.frontier.exhausted
        async with running(tmp_path, "a", "b", "c") as run:
            assert (await run.all())[0] == "b0"
            assert sorted(run.given) == ["a50", "b0", "b50", "c0", "c50"]

    asyncio.run(go())


def test_a_stop_before_the_first_round(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a") as run:
            run.frontier.stop()
            assert await run.all() == []

    asyncio.run(go())


def test_no_budget_no_pages(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", affordable=lambda: 0) as run:
            assert await run.all() == []
            assert not run.frontier.exhausted
        async with running(tmp_path, "a") as run:
            assert await run.all() == ["a0", "a50"]

    asyncio.run(go())


def test_a_budget_is_not_overdrawn(tmp_path: Path) -> None:
    async def go() -> None:
        left = 3
        async with running(tmp_path, "a", "b", "c", affordable=lambda: left) as run:
            async for task in run.frontier.tasks():
                run.given.append(task.source_key)
                left -= 1
                await run.answer(task)
            assert run.given == ["a", "b", "a"]
            assert not run.frontier.exhausted

    asyncio.run(go())


def test_nothing_to_ask(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path) as run:
            assert await run.all() == []
            assert run.frontier.exhausted

    asyncio.run(go())


def test_an_unknown_key_settles_nothing(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", "b") as run:
            tasks = run.frontier.tasks()
            first, _ = await anext(tasks), await anext(tasks)
            third = asyncio.ensure_future(anext(tasks))
            run.frontier.settle("something else")
            await run.answer(first)
            await asyncio.wait([third], timeout=0.05)
            assert not third.done()
            third.cancel()

    asyncio.run(go())


def test_pages_that_nobody_has_are_told_and_put_off(tmp_path: Path) -> None:
    async def go() -> None:
        lost: list[str] = []
        async with running(
            tmp_path, "a", "b", "c", idle=lambda: True, stranded=lost.extend, look_after=0.01
        ) as run:
            async for task in run.frontier.tasks():
                run.given.append(task.source_key)
                if task.source_key != "b":
                    await run.answer(task)
            assert run.given == ["a", "b", "a", "c", "c"]
            assert [key.split("|")[2] for key in lost] == ["b"]
            assert run.frontier.deferred == set(lost)
            assert not run.frontier.exhausted

    asyncio.run(go())


def test_a_page_between_two_hands_is_not_lost(tmp_path: Path) -> None:
    async def go() -> None:
        looks = cycle((True, False))
        lost: list[str] = []
        async with running(
            tmp_path, "a", idle=lambda: next(looks), stranded=lost.extend, look_after=0.01
        ) as run:
            tasks = run.frontier.tasks()
            first = await anext(tasks)
            following = asyncio.ensure_future(anext(tasks))
            await asyncio.wait([following], timeout=0.035)
            await run.answer(first)
            assert (await following).first_row == 50
            assert lost == []

    asyncio.run(go())


def test_a_page_put_aside_is_not_given_out(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", "b", round_pages=1) as run:
            async for task in run.frontier.tasks():
                run.given.append(f"{task.source_key}{task.first_row}")
                if task.source_key == "a":
                    run.frontier.put_aside(task.key)
                    key = task.key
                else:
                    await run.answer(task)
            assert run.given == ["a0", "b0", "b50"]
            # It waits by itself; for this run all is answered.
            assert run.frontier.exhausted
            assert not run.frontier.deferred
        async with running(tmp_path, "a", "b", aside={key}) as run:
            assert await run.all() == []
        async with running(tmp_path, "a", "b") as run:
            assert await run.all() == ["a0", "a50"]

    asyncio.run(go())


def pilot_of(number: int) -> Pilot:
    return lambda _connection: number


def test_what_was_left_open_is_settled_before_the_ledger_is_looked_at(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", "b", "c", round_pages=3) as run:
            tasks = run.frontier.tasks()
            _, second = await anext(tasks), await anext(tasks)
            await run.answer(second)
            # killed here: two pages are open, one of them planned before the one that is stored
        async with running(tmp_path, "a", "b", "c", round_pages=1) as run:
            looked: list[int] = []

            def pilot(_connection: sa.Connection) -> int:
                looked.append(len(run.given))
                return 1

            def piloted(_connection: sa.Connection) -> None:
                looked.append(len(run.given))

            async for task in run.frontier.tasks(pilot, piloted):
                run.given.append(task.key)
                await run.answer(task)
            assert looked == [2, 3]

    asyncio.run(go())


def test_the_pilot_is_settled_before_the_rest_is_planned(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a", "b", "c", round_pages=4) as run:
            told: list[list[str]] = []

            def piloted(_connection: sa.Connection) -> None:
                assert not run.frontier.outstanding
                told.append(list(run.given))

            async for task in run.frontier.tasks(pilot_of(3), piloted):
                run.given.append(f"{task.source_key}{task.first_row}")
                await run.answer(task)
            assert told == [run.given[:3]]
            assert len(run.given) == 6

    asyncio.run(go())


def test_a_pilot_that_finds_an_end_is_told_of_it(tmp_path: Path) -> None:
    async def go() -> None:
        async with running(tmp_path, "a") as run:
            told: list[int] = []

            def piloted(_connection: sa.Connection) -> None:
                told.append(len(run.given))

            async for task in run.frontier.tasks(pilot_of(30), piloted):
                run.given.append(task.key)
                await run.answer(task)
            assert told == [2]

    asyncio.run(go())
