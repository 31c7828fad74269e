"""One line on the terminal while the run goes on."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status
from scrapy import signals

from runclub_spider.crawl.run import Run

if TYPE_CHECKING:
    from scrapy import Spider
    from scrapy.crawler import Crawler

_LIVE_SECONDS = 0.5
_LINE_SECONDS = 15.0


class Progress:
    """Requests, candidates, eligible, features, rate, and what is left of the budget.

    On a terminal one line that is redrawn; elsewhere (cron, a pipe) a plain line now and then.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._stats = crawler.stats
        self._crawl = Run.of(crawler)
        # A station's spider stores plays, under its name.
        self._source = crawler.spidercls.name
        self._console = Console(stderr=True)
        self._live: Status | None = None
        self._task: asyncio.Task[None] | None = None
        self._start = time.monotonic()
        self._crawl.when_begun(self._begun)
        crawler.signals.connect(self._closed, signal=signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Progress:
        """Scrapy's constructor."""
        return cls(crawler)

    def line(self) -> str:
        """The line as it stands, below 80 columns."""
        stats, budget = self._stats, self._crawl.budget
        seconds = max(time.monotonic() - self._start, 1e-9)
        sent = budget.spent.total()
        plays = stats.get_value(f"runclub/{self._source}/track_plays")
        parts = [f"{sent:,} requests"]
        if plays is not None:
            parts.append(f"{plays:,} plays")
        else:
            parts += [
                f"{stats.get_value('runclub/rows/track', 0):,} rows",
                f"{stats.get_value('runclub/eligible_new', 0):,} new",
                f"{stats.get_value('runclub/features/found', 0):,} feat",
            ]
        parts.append(f"{sent / seconds:.1f}/s")
        if budget.limit is not None:
            parts.append(f"{budget.limit - sent:,} left")
        waiting = [guard for guard in self._crawl.apis.guards if guard.waiting]
        if waiting:
            asked = (f"{guard.api} asks to wait {guard.waiting:.0f} s" for guard in waiting)
            parts = [parts[0], *asked]
        return " · ".join(parts)

    async def _begun(self, _spider: Spider) -> None:
        self._start = time.monotonic()
        if self._console.is_terminal:
            self._live = self._console.status(self.line())
            self._live.start()
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(self._ended)

    def _closed(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._live is not None:
            self._live.stop()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._crawl.outcome.broke(error)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LIVE_SECONDS if self._live else _LINE_SECONDS)
            if self._live is not None:
                self._live.update(self.line())
            else:
                print(self.line(), file=sys.stderr, flush=True)
