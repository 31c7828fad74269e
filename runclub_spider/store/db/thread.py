"""The store's own thread: the event loop never waits on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import sqlalchemy as sa

from runclub_spider.store.db.engine import Store

T = TypeVar("T")


class StoreThread:
    """Runs units of work on the store, one transaction each, in the order they came."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction; its error rolls back and comes out here."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._do, work)

    def _do(self, work: Callable[[sa.Connection], T]) -> T:
        with self.store.begin() as connection:
            return work(connection)

    def close(self) -> None:
        """Finish what was handed in, then close the store."""
        self._executor.shutdown(wait=True)
        self.store.close()
