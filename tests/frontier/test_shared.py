"""The driver of a fleet: two runs that share pages, rounds and a plan, on a real store."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.frontier.shared import SharedFrontier, Sharing
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.tables import page
from runclub_spider.store.db.thread import StoreThread
from runclub_spider.store.fleet import leases
from runclub_spider.store.queue import pages
from runclub_spider.store.queue.pages import PageTask

from .test_driver import answered, planner_of
from .test_planners import SPIDER, plan_of


class Member:
    """One run of a fleet: what it was given, and answers to it."""

    def __init__(self, store: StoreThread, name: str, plan: Any, round_pages: int) -> None:
        self.store, self.name = store, name
        self.room, self.known, self.reckoned = math.inf, False, 0
        self.tokens: dict[str, int] = {}
        self.given: list[str] = []
        sharing = Sharing(name, self._leased, lambda: self.room, self._reckon, self._told)
        self.frontier = SharedFrontier(
            store, planner_of(plan), sharing, spider=SPIDER, market="US", round_pages=round_pages
        )

    def _leased(self, key: str, token: int) -> None:
        self.tokens[key] = token

    def _reckon(self, _connection: sa.Connection) -> None:
        self.reckoned += 1

    async def _told(self) -> bool:
        return self.known

    async def answer(self, task: PageTask) -> None:
        def commit(connection: sa.Connection) -> None:
            assert leases.consume(connection, task.key, self.tokens[task.key])
            answered(connection, task)

        await self.store.run(commit)
        self.given.append(f"{task.source_key}{task.first_row}")
        self.frontier.settle(task.key)

    async def all(self) -> None:
        async for task in self.frontier.tasks():
            await self.answer(task)


@asynccontextmanager
async def two(
    folder: Path, *terms: str, round_pages: int = 4
) -> AsyncIterator[tuple[Member, Member]]:
    thread = StoreThread(Store.open(Config(cache_dir=folder)))
    try:
        plan = await thread.run(lambda c: plan_of(c, "track", *terms))
        yield Member(thread, "a", plan, round_pages), Member(thread, "b", plan, round_pages)
    finally:
        thread.close()


def go(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 30))  # type: ignore[arg-type]


def test_everything_is_asked_once_whoever_asks_it(tmp_path: Path) -> None:
    async def test() -> None:
        terms = [f"t{number}" for number in range(9)]
        async with two(tmp_path, *terms) as (one, other):
            await asyncio.gather(one.all(), other.all())
            asked = [*one.given, *other.given]
            assert sorted(asked) == sorted(f"{term}{row}" for term in terms for row in (0, 50))
            assert one.frontier.exhausted
            assert other.frontier.exhausted

    go(test)


def test_the_next_round_waits_for_what_the_other_has(tmp_path: Path) -> None:
    async def test() -> None:
        async with two(tmp_path, "t0", "t1", round_pages=2) as (one, other):
            one.room = 1
            held = await anext(one.frontier.tasks())
            rest = asyncio.ensure_future(other.all())
            while not other.given:  # noqa: ASYNC110 - what a store brings is no event
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            assert other.given == ["t10"]
            assert not rest.done()
            assert other.reckoned == 0
            await one.answer(held)
            await rest
            assert other.given == ["t10", "t050", "t150"]

    go(test)


def test_an_account_that_may_not_ask_leaves_pages_to_the_other(tmp_path: Path) -> None:
    async def test() -> None:
        async with two(tmp_path, "t0", "t1", "t2") as (one, other):
            tasks = one.frontier.tasks()
            first = await anext(tasks)
            others = [await anext(tasks) for _ in range(2)]
            # Its window closes: what it did not send goes back, what it sent is answered.
            one.room = 0
            for task in others:
                one.frontier.give_back(task.key)
            await one.answer(first)
            turn = asyncio.ensure_future(anext(tasks, None))
            await other.all()
            assert await turn is None
            assert one.given == ["t00"]
            assert sorted(other.given) == ["t050", "t10", "t150", "t20", "t250"]

    go(test)


def test_a_page_that_one_put_off_is_the_others_when_its_lease_is_over(tmp_path: Path) -> None:
    async def test() -> None:
        async with two(tmp_path, "t0", round_pages=1) as (one, other):
            task = await anext(one.frontier.tasks())
            one.frontier.settle(task.key, deferred=True)
            past = sa.update(page).values(lease_until=page.c.lease_until - leases.LEASE - 1)
            await one.store.run(lambda c: c.execute(past))
            await other.all()
            assert other.given == ["t00", "t050"]

    go(test)


def test_one_asks_the_first_page_and_the_others_wait_for_what_it_tells(tmp_path: Path) -> None:
    async def test() -> None:
        async with two(tmp_path, "t0", "t1") as (one, other):
            page_of_one = await one.frontier.first()
            assert page_of_one is not None
            waiting = asyncio.ensure_future(other.frontier.first())
            await asyncio.sleep(0.3)
            assert not waiting.done()
            other.known = True
            assert await waiting is None
            await one.answer(page_of_one)
            await other.all()
            assert other.given == ["t10", "t050", "t150"]

    go(test)


def test_what_is_foretold_is_foretold_when_the_ledger_is_whole(tmp_path: Path) -> None:
    async def test() -> None:
        async with two(tmp_path, "t0", "t1", "t2", round_pages=3) as (one, other):
            open_then: list[int] = []

            def piloted(connection: sa.Connection) -> None:
                still = sa.select(sa.func.count()).where(page.c.state == pages.OPEN)
                open_then.append(connection.scalar(still) or 0)

            async def foretelling() -> None:
                async for task in one.frontier.tasks(lambda _c: -1, piloted):
                    await one.answer(task)

            await asyncio.gather(foretelling(), other.all())
            assert open_then == [0]

    go(test)
