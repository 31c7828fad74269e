"""The run's record in the store: begun before the first request, closed with its result."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from scrapy import signals

from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.apis.wire import PARSER_VERSION
from runclub_spider.config import utc_now
from runclub_spider.crawl.faults import told
from runclub_spider.crawl.outcome import FAILED, INCOMPLETE, INTERRUPTED
from runclub_spider.crawl.regime import regime_key
from runclub_spider.crawl.run import Run
from runclub_spider.errors import RunclubError
from runclub_spider.store.db import meta
from runclub_spider.store.fleet import leases
from runclub_spider.store.queue import pages, runs
from runclub_spider.text import moment

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

logger = logging.getLogger(__name__)


class RunRecord:
    """Opens and closes the row in `run`, and turns errors into the run's outcome."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._run = Run.of(crawler)
        connect = crawler.signals.connect
        self._run.when_begun(self._begun)
        connect(self._closed, signal=signals.spider_closed)
        connect(self._stopped, signal=signals.engine_stopped)
        # After the last pipeline: the next round is planned with all that this page left.
        connect(self._settle, signal=signals.item_scraped)
        connect(self._put_off, signal=signals.item_dropped)
        connect(self._item_error, signal=signals.item_error)
        connect(self._spider_error, signal=signals.spider_error)
        connect(self._dropped, signal=signals.request_dropped)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RunRecord:
        """Scrapy's constructor."""
        return cls(crawler)

    async def _begun(self, spider: Any) -> None:
        run = self._run
        given = {"market": run.config.market}
        if run.arguments is not None:
            given |= run.arguments.model_dump(mode="json", exclude_none=True)
        plan_id = run.member.plan_id if run.member is not None else None
        start = partial(
            runs.start, spider=spider.name, arguments=given, now=utc_now(), plan_id=plan_id
        )
        run.record.opened(await run.store.run(start))

    async def _closed(self, spider: Any, reason: str) -> None:
        run, outcome = self._run, self._run.outcome
        await run.tasks.done()
        if not run.begun:
            return
        if outcome.ended:
            # What ended it has been told.
            pass
        elif reason == "shutdown":
            outcome.report(INTERRUPTED, "stopped by a signal")
        elif reason != "finished":
            outcome.report(FAILED, f"the spider was closed: {reason}")
        counts = {
            key.removeprefix("runclub/"): value
            for key, value in self._crawler.stats.get_stats().items()
            if key.startswith("runclub/")
        }
        deferred = run.queue.deferred

        def close_run(connection: sa.Connection) -> None:
            pages.mark_tried(connection, deferred)
            if run.member is not None:
                leases.release(connection, run.member.owner)
            run.quota.learn_pace(connection, run.apis[Spotify].guard.pacer.ceiling)
            if run.key.doubted:
                meta.put(connection, regime_key(run.config), "")
            if run.key.regime is not None:
                meta.put(connection, "profile", run.key.regime.name)
            if run.queue.exhausted:
                spider.finish(connection, utc_now())
            runs.finish(
                connection, run.record.number, result=outcome.result, counts=counts, now=utc_now()
            )

        try:
            await self._put_aside(spider.name)
            # Shared, for then the calls are written with it.
            closed = run.store.share(close_run)
            run.store.hurry()
            await closed
            run.record.close()
        except RunclubError as error:
            run.record.close()
            outcome.report(FAILED, str(error), exit_code=error.exit_code)

    async def _stopped(self) -> None:
        # After the others who listen for the engine's end: what they raise stops a release.
        await asyncio.sleep(0)
        await self._run.over()

    async def _put_aside(self, spider: str) -> None:
        """Have pages wait that could not be read, and tell of all that do."""
        run = self._run
        if not run.queue.begun:
            return
        found = run.queue.unreadable

        def waiting(connection: sa.Connection) -> dict[str, int]:
            now = run.started_at
            pages.put_aside(connection, found, now=now, version=PARSER_VERSION)
            return pages.waiting(
                connection, spider, run.config.market, now=now, version=PARSER_VERSION
            )

        ahead = await run.store.run(waiting)
        if not ahead:
            return
        until = min(ahead.values())
        blamed = ", ".join(sorted(set(found.values())))
        why = f", for want of {blamed}" if blamed else ""
        run.outcome.report(
            INCOMPLETE,
            f"{len(ahead)} pages wait of which no row could be read{why}: they are asked again "
            f"after {moment(until)}, or by a newer program",
            resume_at=until,
        )

    def _settle(self, item: Any) -> None:
        task = getattr(item, "task", None)
        if task is not None:
            self._run.queue.settle(task.key)

    def _put_off(self, item: Any, exception: Exception) -> None:
        task = getattr(item, "task", None)
        if task is not None:
            self._run.queue.put_off(task.key, f"a page was put off ({told(exception)})")

    def _item_error(self, item: Any, failure: Failure) -> None:
        assert failure.value is not None
        self._run.outcome.broke(failure.value)
        task = getattr(item, "task", None)
        if task is not None:
            self._run.queue.put_off(task.key, None)

    def _spider_error(self, failure: Failure, response: Response | Failure | None) -> None:
        assert failure.value is not None
        self._run.outcome.broke(failure.value)
        # An errback is called with a failure, a callback with a response.
        request = getattr(response, "request", None)
        task = request.cb_kwargs.get("task") if request is not None else None
        if task is not None:
            self._run.queue.put_off(task.key, None)

    def _dropped(self, request: Request) -> None:
        task = request.cb_kwargs.get("task")
        if task is not None:
            self._run.queue.put_off(task.key, "a page was put off (its request was dropped)")
