"""What is shown on stderr while the run goes on: a panel on a terminal, else a line at times."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.live import Live
from scrapy import signals

from runclub_spider.crawl.extensions import panel
from runclub_spider.crawl.extensions.panel import View
from runclub_spider.crawl.run import Run
from runclub_spider.text import duration

if TYPE_CHECKING:
    from scrapy import Spider
    from scrapy.crawler import Crawler

_LIVE_SECONDS = 0.5
_LINE_SECONDS = 15.0
# The plan's seeds are looked up in the store, which has better to do.
_SEEDS_SECONDS = 5.0


class Progress:
    """Requests, rate, tracks, features, thin cells, quota, waits, and what is left of a budget.

    On a terminal a few lines that are redrawn; elsewhere (cron, a pipe, a terminal that cannot)
    a plain line now and then.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._stats = crawler.stats
        self._crawl = Run.of(crawler)
        # A station's spider stores plays, under its name.
        self._source = crawler.spidercls.name
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._task: asyncio.Task[None] | None = None
        self._start = time.monotonic()
        self._first_lacking: int | None = None
        self._seeds: tuple[int, int] | None = None
        self._crawl.when_begun(self._begun)
        crawler.signals.connect(self._closed, signal=signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Progress:
        """Scrapy's constructor."""
        return cls(crawler)

    def line(self) -> str:
        """The line as it stands, below 80 columns."""
        return panel.line(self.view())

    def view(self) -> View:
        """The run as it stands."""
        run, number = self._crawl, self._number
        found = number("features/found")
        return View(
            name=self._source,
            seconds=time.monotonic() - self._start,
            sent=run.budget.spent.total(),
            budget=run.budget.limit,
            seeds=self._seeds,
            plays=self._stats.get_value(f"runclub/{self._source}/track_plays"),
            rows=number("rows/track"),
            eligible=number("eligible_new"),
            features=(found, found + number("features/missed")),
            lacking=self._lacking(),
            minimum=run.config.cell_minimum,
            quota=run.quota.tightest(),
            waits=[
                f"{guard.api} {what} {duration(seconds)}"
                for guard in run.apis.guards
                for what, seconds in guard.waits()
            ],
        )

    def _number(self, name: str) -> int:
        return int(self._stats.get_value(f"runclub/{name}", 0))

    def _lacking(self) -> tuple[int, int, int] | None:
        planner = self._crawl.queue.planner
        if planner is None or planner.lacking is None:
            return None
        now, cells = planner.lacking
        if self._first_lacking is None:
            self._first_lacking = now
        return self._first_lacking, now, cells

    async def _begun(self, _spider: Spider) -> None:
        self._start = time.monotonic()
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                self._panel(), console=self._console, auto_refresh=False, transient=True
            )
            self._live.start()
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(self._ended)

    def _panel(self) -> RenderableType:
        return panel.panel(self.view(), self._console.width)

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
        looked = -_SEEDS_SECONDS
        while True:
            await asyncio.sleep(_LIVE_SECONDS if self._live else _LINE_SECONDS)
            if self._live is None:
                print(self.line(), file=sys.stderr, flush=True)
                continue
            if time.monotonic() - looked >= _SEEDS_SECONDS:
                looked = time.monotonic()
                await self._look_at_seeds()
            self._live.update(self._panel(), refresh=True)

    async def _look_at_seeds(self) -> None:
        """Without a budget the plan says how far a run is."""
        run = self._crawl
        planner = run.queue.planner
        if run.budget.limit is not None or planner is None:
            return
        ended = await run.store.run(planner.ended)
        self._seeds = ended, len(planner.seeds)
