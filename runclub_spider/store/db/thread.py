"""The store's own thread: the event loop never waits on disk."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from runclub_spider.store.db.engine import Store

T = TypeVar("T")

#: Units that are committed together at most, and seconds from the turn of the first of them within
#: which others may join it: what a kill can cost, and the work of the last.
MOST_TOGETHER, LONGEST_UNCOMMITTED = 16, 0.05


class Ledger(Protocol):
    """Something that is counted in memory and written with each shared transaction."""

    def flush(self, connection: sa.Connection) -> None:
        """Write what was not written yet; it counts as that until `flushed`."""
        ...

    def flushed(self) -> None:
        """What was written last is committed."""
        ...


class Chain:
    """Units of work that build upon each other: none is done behind one that failed."""

    def __init__(self) -> None:
        self.broken = False


class Behind(Exception):
    """A unit that this one builds upon was not stored."""


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """Work that was handed in, when (monotonic clock), and whether it may share a transaction."""

    work: Callable[[sa.Connection], Any]
    done: Future[Any]
    at: float
    shares: bool
    chain: Chain | None = None

    def failed(self, error: BaseException) -> None:
        """It was rolled back, or may have been."""
        if self.chain is not None:
            self.chain.broken = True
        self.done.set_exception(error)


class StoreThread:
    """Runs units of work on the store, in the order they came, each in a transaction.

    A commit costs as much as what it commits, so units may share one (`share`): those that came
    while the thread was busy, and those that come within 50 ms. Whatever cannot share ends their
    transaction, so nobody else ever waits for that. `ledger` is written once a transaction.
    """

    def __init__(self, store: Store, ledger: Ledger | None = None) -> None:
        self.store = store
        self._ledger = ledger
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        # None stands for `hurry`: what came before is not to wait for what comes behind.
        self._units: deque[_Unit | None] = deque()
        self._came = Condition()

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction of its own; its error rolls back and comes out here."""
        return await self._hand_in(work, shares=False)

    def share(
        self, work: Callable[[sa.Connection], T], chain: Chain | None = None
    ) -> asyncio.Future[T]:
        """Run `work` in a transaction that others may share; done when that is committed.

        An error of one costs only that one: the others are rolled back and done again, each in a
        transaction of its own. So `work` may be called twice, and must not count on once. Where
        the commit itself fails all are told, for it may have taken effect. Behind one that failed
        the others of its `chain` fail with `Behind`.
        """
        return self._hand_in(work, shares=True, chain=chain)

    def hurry(self) -> None:
        """Have what was handed in committed without waiting for more to share with."""
        with self._came:
            if not self._units or self._units[-1] is not None:
                self._units.append(None)
            self._came.notify()

    def close(self) -> None:
        """Finish what was handed in, then close the store."""
        self.hurry()
        self._executor.shutdown(wait=True)
        self.store.close()

    def _hand_in(
        self, work: Callable[[sa.Connection], T], *, shares: bool, chain: Chain | None = None
    ) -> asyncio.Future[T]:
        unit = _Unit(work, Future(), time.monotonic(), shares, chain)
        with self._came:
            self._units.append(unit)
            self._came.notify()
        # A turn for each unit: those whose unit was taken along by another find nothing to do.
        self._executor.submit(self._turn)
        return asyncio.wrap_future(unit.done)

    # In the store's thread

    def _turn(self) -> None:
        unit = self._first()
        if unit is None:
            return
        if not unit.shares:
            self._do(unit)
            return
        taken, results = [unit], list[Any]()
        try:
            self._together(taken, results)
        except BaseException as error:  # noqa: BLE001 - comes out where its unit was handed in
            number = len(results)
            failed = taken[number : number + 1] or taken
            # Those before it first, which may be of its chain.
            for one in taken:
                if one not in failed:
                    self._do(one)
            for one in failed:
                one.failed(error)
        else:
            for one, result in zip(taken, results, strict=True):
                one.done.set_result(result)

    def _do(self, unit: _Unit) -> None:
        """One unit in a transaction of its own."""
        try:
            with self.store.begin() as connection:
                result = self._work(unit, connection)
                if unit.shares:
                    self._flush(connection)
        except BaseException as error:  # noqa: BLE001 - comes out where it was handed in
            unit.failed(error)
        else:
            if unit.shares:
                self._flushed()
            unit.done.set_result(result)

    def _together(self, taken: list[_Unit], results: list[Any]) -> None:
        """A transaction of the unit in `taken` and of those that come in time, which join it.

        `results` grows with each unit that is worked on.
        """
        # Others of a fleet wait for this transaction: it takes along what is there, and no more.
        patience = -math.inf if self.store.held_together else taken[0].at + LONGEST_UNCOMMITTED
        with self.store.begin() as connection:
            # Not before: in a fleet the beginning is a wait for the others' transactions.
            latest = time.monotonic() + LONGEST_UNCOMMITTED
            unit: _Unit | None = taken[0]
            while unit is not None:
                results.append(self._work(unit, connection))
                unit = None
                if len(taken) < MOST_TOGETHER:
                    # Those that had to wait for the thread have waited long enough.
                    unit = self._next(latest, patience)
                if unit is not None:
                    taken.append(unit)
            self._flush(connection)
        self._flushed()

    @staticmethod
    def _work(unit: _Unit, connection: sa.Connection) -> Any:
        if unit.chain is not None and unit.chain.broken:
            raise Behind
        return unit.work(connection)

    def _flush(self, connection: sa.Connection) -> None:
        if self._ledger is not None:
            self._ledger.flush(connection)

    def _flushed(self) -> None:
        if self._ledger is not None:
            self._ledger.flushed()

    def _first(self) -> _Unit | None:
        """Whatever was handed in first and is still wanted."""
        with self._came, suppress(IndexError):
            while True:
                unit = self._units.popleft()
                if unit is not None and unit.done.set_running_or_notify_cancel():
                    return unit
        return None

    def _next(self, latest: float, patience: float) -> _Unit | None:
        """The next unit that may share: none after `latest`, and not waited for after `patience`.

        Both by the monotonic clock.
        """
        with self._came:
            while time.monotonic() < latest:
                if not self._units:
                    left = min(latest, patience) - time.monotonic()
                    if left <= 0 or not self._came.wait(left):
                        return None
                    continue
                unit = self._units[0]
                if unit is None or not unit.shares:
                    return None
                self._units.popleft()
                if unit.done.set_running_or_notify_cancel():
                    return unit
        return None
