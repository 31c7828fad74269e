"""Pages of a reading, stored in their order, and none behind one that could not be."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

import sqlalchemy as sa

from runclub_spider.spiders.portions import Held
from runclub_spider.store.db.thread import MOST_TOGETHER, Chain, StoreThread
from runclub_spider.store.songs.ingest import Ingested


class Together:
    """Hands pages to the store's thread, where they share transactions as all pages do.

    When one fails nothing behind it is stored, for the stretch before would be claimed with it.

    Args:
        thread: of the store.
        work: stores a page. Its last argument says whether what it knows of the pages before can
            no longer be relied upon: they were rolled back, and are stored once more.
        committed: told of each page in order.
    """

    def __init__(
        self,
        thread: StoreThread,
        work: Callable[[sa.Connection, Held, bool], Ingested],
        committed: Callable[[Ingested], Awaitable[None]],
    ) -> None:
        self._thread, self._work, self._committed = thread, work, committed
        self._waiting: deque[asyncio.Future[Ingested]] = deque()
        self._pages = 0
        self._last = Ingested()
        self._chain = Chain()
        # Of the store's thread: the page that it was at last.
        self._at = -1

    async def add(self, page: Held) -> None:
        """Have a page stored soon; raises what storing those before it raised."""
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= MOST_TOGETHER):
            await self._next()
        work = partial(self._store, self._pages, page)
        self._waiting.append(self._thread.share(work, self._chain))
        self._pages += 1

    async def all(self) -> Ingested:
        """Have everything stored at once; what the last page came to, or what storing raised."""
        if self._waiting:
            self._thread.hurry()
        while self._waiting:
            await self._next()
        return self._last

    async def _next(self) -> None:
        try:
            self._last = await self._waiting.popleft()
        except BaseException:
            behind, self._waiting = self._waiting, deque()
            await asyncio.gather(*behind, return_exceptions=True)
            raise
        await self._committed(self._last)

    # In the store's thread

    def _store(self, number: int, page: Held, connection: sa.Connection) -> Ingested:
        again, self._at = number <= self._at, number
        return self._work(connection, page, again)
