"""The queue's driver: rounds of planned pages, the next when the last is settled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from runclub_spider.frontier.planners import Planner
from runclub_spider.store.db.thread import StoreThread
from runclub_spider.store.queue import pages
from runclub_spider.store.queue.pages import PageTask

if TYPE_CHECKING:
    import sqlalchemy as sa


def no_pilot(_connection: sa.Connection) -> int:
    """Nothing is foretold."""
    return 0


#: Pages that are asked before anything is foretold, but for those that are known by now.
Pilot = Callable[["sa.Connection"], int]


class Frontier:
    """Gives out the pages of one run.

    What an earlier run left open comes first. A round is planned from the committed ledger
    only when the one before is settled: timing, faults and kills change nothing of it;
    `before_round` is awaited first, and may put pages back on the queue. While
    pages are out and `idle` says that nobody has them, they are `stranded`. Pages that are put
    `aside` are open and not given out.
    """

    def __init__(
        self,
        store: StoreThread,
        planner: Planner,
        *,
        spider: str,
        market: str,
        round_pages: int,
        affordable: Callable[[], int | None] = lambda: None,
        before_round: Callable[[], Awaitable[None]] | None = None,
        aside: Iterable[str] = (),
        idle: Callable[[], bool] = lambda: False,
        stranded: Callable[[Sequence[str]], None] = lambda _keys: None,
        look_after: float = 1.0,
    ) -> None:
        self._store, self.planner = store, planner
        self._spider, self._market = spider, market
        self._round_pages = round_pages
        self._affordable, self._before_round = affordable, before_round
        self._idle, self._stranded, self._look_after = idle, stranded, look_after
        self._waiting: set[str] = set()
        self._deferred: set[str] = set()
        self._aside = set(aside)
        self._settled = asyncio.Event()
        self._stopped = False
        # Whether this run has planned a page.
        self._planned = False
        # Whether there was nothing more to ask.
        self.ran_dry = False

    @property
    def deferred(self) -> frozenset[str]:
        """Keys of pages that failed in this run and wait for the next."""
        return frozenset(self._deferred)

    @property
    def outstanding(self) -> int:
        """Pages of the round that are not settled."""
        return len(self._waiting)

    @property
    def exhausted(self) -> bool:
        """Whether everything there was to ask was answered."""
        return self.ran_dry and not self._deferred and not self.planner.left_out

    async def tasks(
        self,
        pilot: Pilot = no_pilot,
        piloted: Callable[[sa.Connection], None] | None = None,
    ) -> AsyncIterator[PageTask]:
        """Pages to ask, until there is nothing left, the budget ends or `stop` is called.

        `pilot` is asked when all is settled that an earlier run left open: only then the ledger
        is whole up to its last page. When so many pages more are settled, or all there are,
        `piloted` is called in the store's thread.
        """
        ahead: int | None = None
        while not self._stopped:
            if piloted is not None and (self._planned or not await self._open(1)):
                ahead = await self._store.run(pilot) if ahead is None else ahead
                if ahead <= 0:
                    await self._store.run(piloted)
                    piloted = None
            batch = await self._next_round(None if piloted is None else ahead)
            ahead = None if ahead is None else ahead - len(batch)
            if not batch:
                if piloted is not None:
                    await self._store.run(piloted)
                return
            self._hand_out(batch)
            for task in batch:
                if self._stopped:
                    self.settle(task.key, deferred=True)
                else:
                    yield task
            await self.all_settled()

    async def first(self) -> PageTask | None:
        """The page that `tasks` would begin with, alone; wait for `all_settled` before `tasks`."""
        batch = [] if self._stopped else await self._next_round()
        self._hand_out(batch[:1])
        return batch[0] if batch else None

    def _hand_out(self, batch: Sequence[PageTask]) -> None:
        self._waiting = {task.key for task in batch}
        self._settled.clear()

    def settle(self, key: str, *, deferred: bool = False) -> None:
        """A page is stored, or failed and is put off to the next run."""
        if deferred:
            self._deferred.add(key)
        else:
            self._deferred.discard(key)
        self._waiting.discard(key)
        if not self._waiting:
            self._settled.set()

    def give_back(self, key: str) -> None:
        """A page was not sent; a run that is alone puts it off."""
        self.settle(key, deferred=True)

    def put_aside(self, key: str) -> None:
        """A page was answered and cannot be read; it waits for longer than the next run."""
        self._aside.add(key)
        self.settle(key)

    async def all_settled(self) -> None:
        """Wait for the pages that are out; those that nobody has in hand are told and put off.

        Looked at twice, `look_after` seconds apart: between two hands a page is in none.
        """
        looks = 0
        while not self._settled.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), self._look_after)
                return
            looks = looks + 1 if self._idle() else 0
            if looks > 1:
                lost = sorted(self._waiting)
                self._stranded(lost)
                for key in lost:
                    self.settle(key, deferred=True)

    def stop(self) -> None:
        """Give out no further rounds."""
        self._stopped = True

    async def _next_round(self, most: int | None = None) -> list[PageTask]:
        if self._before_round is not None:
            await self._before_round()
        bounds = (self._round_pages, self._affordable(), most)
        limit = min(bound for bound in bounds if bound is not None)
        if limit < 1:
            return []
        while True:
            batch = await self._open(limit)
            if batch:
                return batch
            skip = self.deferred | self._aside
            plan = partial(self.planner.plan_round, count=limit, skip=skip)
            if not await self._store.run(plan):
                self.ran_dry = True
                return []
            self._planned = True

    async def _open(self, limit: int) -> list[PageTask]:
        found = await self._store.run(lambda c: pages.open_pages(c, self._spider, self._market))
        skip = self._deferred | self._aside
        return [task for task in found if task.key not in skip][:limit]
