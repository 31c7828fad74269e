"""scrapy-deltafetch on the store: pages already done are skipped, start requests too.

A subclass of its middleware with the same settings, meta keys and stats. Three things differ
(`docs/ARCHITECTURE.md`, "Delta"): output is asynchronous, which Scrapy asks for since 2.16;
`self.db` reads the store's page table, where a mark is written in the transaction that stores
the page's rows and never here; and the requests of `start()` are looked up as well.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from scrapy import Request, Spider, signals
from scrapy.exceptions import NotConfigured
from scrapy_deltafetch import DeltaFetch

from runclub_spider.crawl.run import Run
from runclub_spider.store.fleet import costs
from runclub_spider.store.queue import pages, playlists, seeds

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response

logger = logging.getLogger(__name__)


class StoreDeltaFetch(DeltaFetch):  # type: ignore[misc]
    """Skips requests whose `deltafetch_key` is a stored page."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(
            None, reset=crawler.settings.getbool("DELTAFETCH_RESET"), stats=crawler.stats
        )
        self._run = Run.of(crawler)
        self.fingerprint = crawler.request_fingerprinter.fingerprint
        self.db = self._run.queue.stored

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> StoreDeltaFetch:
        """Scrapy's constructor; off unless DELTAFETCH_ENABLED."""
        if not crawler.settings.getbool("DELTAFETCH_ENABLED"):
            raise NotConfigured("DELTAFETCH_ENABLED is off: stored pages may be asked again")
        middleware = cls(crawler)
        middleware._run.when_begun(middleware.run_begun)
        crawler.signals.connect(middleware._stored, signal=signals.item_scraped)
        return middleware

    async def run_begun(self, spider: Spider) -> None:
        """Read the stored pages' keys, or forget them if a reset is asked for."""
        if self.reset or _flag(getattr(spider, "deltafetch_reset", False)):
            await self._run.store.run(lambda c: self._forget(c, spider))
        keys = await self._run.store.run(
            lambda c: {key.encode() for key in pages.done_keys(c, spider.name)}
        )
        self.db.update(keys)

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Look up start requests as well."""
        async for request in start:
            if not self._skip(request):
                yield request

    async def process_spider_output(
        self,
        response: Response,  # noqa: ARG002
        result: AsyncIterator[Any],
    ) -> AsyncIterator[Any]:
        """Look up requests that a callback yields; items pass, the store marks their page."""
        async for one in result:
            if not self._skip(one):
                yield one

    def _skip(self, one: Any) -> bool:
        if not isinstance(one, Request) or not self._is_enabled_for_request(one):
            return False
        if self._get_key(one) not in self.db:
            return False
        logger.info("Ignoring already visited: %s", one)
        self.stats.inc_value("deltafetch/skipped")
        if "deltafetch_key" in one.meta:
            self._run.queue.settle(one.meta["deltafetch_key"])
        return True

    def _forget(self, connection: sa.Connection, spider: Any) -> None:
        """Have everything asked again: pages, and the ledgers that say how far they were read."""
        member = self._run.member
        if member is not None and not costs.first_time(connection, member.plan_id, "reset"):
            return
        pages.forget_done(connection, spider.name)
        seeds.restart(connection, spider.seed_kind)
        playlists.forget_snapshots(connection)

    def _stored(self, item: Any) -> None:
        task = getattr(item, "task", None)
        if task is not None:
            self.db.add(task.key.encode())
            self.stats.inc_value("deltafetch/stored")


def _flag(value: object) -> bool:
    return str(value).lower() in {"1", "true", "yes"}
