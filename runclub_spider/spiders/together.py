"""Pages of a reading that come close upon one another are stored in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from runclub_spider.spiders.portions import Held
from runclub_spider.store.db.thread import LONGEST_UNCOMMITTED, MOST_TOGETHER
from runclub_spider.store.songs.ingest import Ingested

Store = Callable[[Sequence[Held]], Awaitable[Sequence[Ingested]]]


class Together:
    """Hands pages to `store` in their order, one transaction after the other.

    A transaction costs as much as half a page, whatever it holds; what waits for others, and how
    long, is what a kill can cost. When one fails nothing behind it is stored, for the stretch
    before would be claimed with it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Held] = []
        self._due = 0.0
        self._hurry = asyncio.Event()
        self._storing: asyncio.Future[None] | None = None
        self._last = Ingested()

    async def add(self, page: Held) -> None:
        """Have a page stored soon; raises what storing those before it raised."""
        if len(self._waiting) >= MOST_TOGETHER or (
            self._storing is not None and self._storing.done()
        ):
            await self.all()
        if not self._waiting:
            self._due = asyncio.get_running_loop().time() + LONGEST_UNCOMMITTED
        self._waiting.append(page)
        if self._storing is None:
            self._hurry.clear()
            self._storing = asyncio.ensure_future(self._soon())

    async def all(self) -> Ingested:
        """Have everything stored at once; what the last page came to, or what storing raised."""
        storing, self._storing = self._storing, None
        if storing is not None:
            self._hurry.set()
            try:
                await storing
            finally:
                self._waiting.clear()
        return self._last

    async def _soon(self) -> None:
        while self._waiting:
            left = self._due - asyncio.get_running_loop().time()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), max(left, 0))
            pages, self._waiting = self._waiting, []
            self._last = (await self._store(pages))[-1]
