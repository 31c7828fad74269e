"""The queue's driver of a fleet: pages that many runs share, given out by leases.

All rounds are the plan's, not a run's. Whoever finds no page that somebody could ask plans the next
round, from the same committed ledger as a run that is alone would: the store's transactions come
one after the other (`store/db/engine.py`), and a page that somebody has in hand is open. So it
decides nothing how many runs there are, nor which of them plans.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any

from runclub_spider.frontier.driver import Frontier, Pilot, no_pilot
from runclub_spider.frontier.planners import Planner
from runclub_spider.store.db.thread import StoreThread
from runclub_spider.store.fleet import leases
from runclub_spider.store.fleet.leases import Leased
from runclub_spider.store.queue.pages import PageTask

if TYPE_CHECKING:
    import sqlalchemy as sa

#: Pages that a run has in hand at most: what it asks at once, and as many for the next answer.
_IN_HAND = 12
#: Seconds between two looks whether others are done.
_LOOK = 0.08


class _Turn(Enum):
    """What a look at the queue said, if it gave no page."""

    WAIT = auto()
    DRY = auto()


@dataclass(frozen=True, slots=True)
class Sharing:
    """What a run of a fleet needs besides, to share a plan's pages.

    Attributes:
        owner: its job's name on the leases.
        leased: told each page's number, before it is given out.
        room: how many pages its account may be asked now; others are left to whoever asks sooner.
        reckon: reads what the whole plan has spent, before a round is planned.
        told: whether it is known by now what `first` is asked for.
    """

    owner: str
    leased: Callable[[str, int], None]
    room: Callable[[], float]
    reckon: Callable[[sa.Connection], None]
    told: Callable[[], Awaitable[bool]]


class SharedFrontier(Frontier):
    """Gives out the pages of one run of a fleet; `given` is what every `Frontier` takes."""

    def __init__(
        self, store: StoreThread, planner: Planner, sharing: Sharing, **given: Any
    ) -> None:
        super().__init__(store, planner, **given)
        self._sharing = sharing
        self._piloted: Callable[[sa.Connection], None] | None = None
        # What was not sent, and is given back with the next look.
        self._returned: list[str] = []
        # Set when a page of ours is settled.
        self._room = asyncio.Event()

    async def tasks(
        self,
        pilot: Pilot = no_pilot,
        piloted: Callable[[sa.Connection], None] | None = None,
    ) -> AsyncIterator[PageTask]:
        """Pages to ask, until there is nothing left for anybody, or `stop` is called.

        What is foretold is foretold when this run plans, for only then the ledger is whole.
        """
        self._piloted = piloted
        while not self._stopped:
            found = await self._look(pilot)
            if found is _Turn.DRY:
                self.ran_dry = True
                break
            if isinstance(found, list):
                for task in found:
                    if self._stopped:
                        self.settle(task.key, deferred=True)
                    else:
                        yield task
                await self._for_room()
            elif self._waiting:
                await self._for_room(all_of_them=True)
            else:
                await asyncio.sleep(_LOOK)
        if self._waiting:
            await self.all_settled()

    async def first(self) -> PageTask | None:
        """A page to ask alone, once nobody else has one in hand; None when there is none.

        Whoever asks the first page of a fleet finds out what keys may do: the others wait for it.
        """
        while not self._stopped:
            if await self._sharing.told():
                return None
            found = await self._look(alone=True)
            if isinstance(found, list):
                return found[0]
            if found is _Turn.DRY:
                return None
            await asyncio.sleep(_LOOK)
        return None

    def give_back(self, key: str) -> None:
        """A page was not sent; whoever may ask it first gets it."""
        self._returned.append(key)
        self.settle(key)

    def settle(self, key: str, *, deferred: bool = False) -> None:
        """A page is stored, or failed and is put off to another run."""
        super().settle(key, deferred=deferred)
        self._room.set()

    async def _look(
        self, pilot: Pilot = no_pilot, *, alone: bool = False
    ) -> list[PageTask] | _Turn:
        if self._before_round is not None:
            await self._before_round()
        count = 1 if alone else _IN_HAND - len(self._waiting)
        if count < 1:
            return _Turn.WAIT
        returned, self._returned = self._returned, []
        look = partial(
            self._taken,
            pilot=pilot,
            count=int(min(count, self._sharing.room())),
            alone=alone,
            returned=returned,
        )
        found = await self._store.run(look)
        if not isinstance(found, list):
            return found
        for one in found:
            self._sharing.leased(one.task.key, one.token)
        keys = {one.task.key for one in found}
        self._waiting |= keys
        self._settled.clear()
        return [one.task for one in found]

    def _taken(
        self,
        connection: sa.Connection,
        *,
        pilot: Pilot,
        count: int,
        alone: bool,
        returned: Sequence[str],
    ) -> list[Leased] | _Turn:
        """In one transaction: pages nobody has, else those of the next round, if it is time."""
        leases.release(connection, self._sharing.owner, returned)
        spider, market, skip = self._spider, self._market, self._deferred | self._aside
        if alone and leases.others(connection, spider, market, self._sharing.owner):
            return _Turn.WAIT
        take = partial(
            leases.take,
            connection,
            spider,
            market,
            owner=self._sharing.owner,
            count=count,
            held=frozenset(self._waiting),
            skip=skip,
        )
        if found := take():
            return found
        if leases.in_hand(connection, spider, market, skip):
            return _Turn.WAIT
        self._sharing.reckon(connection)
        ahead = 0 if alone else pilot(connection)
        if ahead <= 0 and not alone:
            self._foretell(connection)
        bounds = (self._round_pages, self._affordable(), ahead if ahead > 0 else None)
        limit = min(bound for bound in bounds if bound is not None)
        if limit < 1 or not self.planner.plan_round(connection, count=limit, skip=skip):
            if ahead > 0:
                self._foretell(connection)
            return _Turn.DRY
        return take() or _Turn.WAIT

    def _foretell(self, connection: sa.Connection) -> None:
        if self._piloted is not None:
            self._piloted(connection)
            self._piloted = None

    async def _for_room(self, *, all_of_them: bool = False) -> None:
        """Wait until half of what a run may have is free, or until it has nothing in hand.

        What nobody has in hand any more is put off, as the driver does for a run that is alone.
        """
        while self._waiting and (all_of_them or len(self._waiting) > _IN_HAND // 2):
            self._room.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), self._look_after)
                continue
            if self._waiting and self._idle():
                await self.all_settled()

    async def beat(self) -> None:
        """Keep what is in hand, for as long as this is awaited."""
        while True:
            await asyncio.sleep(leases.LEASE / 3)
            if keys := sorted(self._waiting):
                await self._store.run(partial(leases.extend, owner=self._sharing.owner, keys=keys))
