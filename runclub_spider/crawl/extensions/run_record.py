"""The run's record in the store: begun before the first request, closed with its result."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from scrapy import signals

from runclub_spider.apis.call import Api
from runclub_spider.apis.wire import PARSER_VERSION
from runclub_spider.config import utc_now
from runclub_spider.crawl.faults import told
from runclub_spider.crawl.preflight import mark_sources, sources
from runclub_spider.crawl.run import (
    FAILED,
    INCOMPLETE,
    INTERRUPTED,
    Runtime,
    pace_key,
    regime_key,
)
from runclub_spider.errors import RunclubError
from runclub_spider.store.db import meta
from runclub_spider.store.queue import pages, quota, runs
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
        self._runtime = Runtime.of(crawler)
        connect = crawler.signals.connect
        connect(self._opened, signal=signals.spider_opened)
        connect(self._closed, signal=signals.spider_closed)
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

    async def _opened(self, spider: Any) -> None:
        runtime = self._runtime

        def open_run(connection: sa.Connection) -> int:
            mark_sources(connection, runtime.config, sources(runtime.config, spider.sources))
            given = {"market": runtime.market}
            args = getattr(spider, "args", None)
            if args is not None:
                given |= args.model_dump(mode="json", exclude_none=True)
            return runs.start(connection, spider.name, given, utc_now())

        runtime.run_id = await runtime.store.run(open_run)

    async def _closed(self, spider: Any, reason: str) -> None:
        runtime, outcome = self._runtime, self._runtime.outcome
        await runtime.written()
        if runtime.ended:
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
        deferred = sorted(runtime.frontier.deferred) if runtime.frontier else []

        def close_run(connection: sa.Connection) -> None:
            pages.mark_tried(connection, deferred)
            runtime.flush_quota(connection)
            ceiling = runtime.guards[Api.SPOTIFY].pacer.ceiling
            if ceiling is not None:
                quota.learn_pace(connection, pace_key(runtime.config), ceiling, utc_now())
            if runtime.forget_regime:
                meta.put(connection, regime_key(runtime.config), "")
            if runtime.regime is not None:
                meta.put(connection, "profile", runtime.regime.name)
            if runtime.frontier is not None and runtime.frontier.exhausted:
                spider.finish(connection, utc_now())
            runs.finish(
                connection, runtime.run_id, result=outcome.result, counts=counts, now=utc_now()
            )

        try:
            await self._put_aside(spider.name)
            await runtime.store.run(close_run)
            runtime.recorded = True
        except RunclubError as error:
            runtime.recorded = True
            outcome.report(FAILED, str(error), exit_code=error.exit_code)

    async def _put_aside(self, spider: str) -> None:
        """Have pages wait that could not be read, and tell of all that do."""
        runtime = self._runtime
        if runtime.frontier is None:
            return
        found = runtime.unreadable

        def waiting(connection: sa.Connection) -> dict[str, int]:
            now = runtime.started_at
            pages.put_aside(connection, found, now=now, version=PARSER_VERSION)
            return pages.waiting(
                connection, spider, runtime.market, now=now, version=PARSER_VERSION
            )

        ahead = await runtime.store.run(waiting)
        if not ahead:
            return
        until = min(ahead.values())
        blamed = ", ".join(sorted(set(found.values())))
        why = f", for want of {blamed}" if blamed else ""
        runtime.outcome.report(
            INCOMPLETE,
            f"{len(ahead)} pages wait of which no row could be read{why}: they are asked again "
            f"after {moment(until)}, or by a newer program",
            resume_at=until,
        )

    def _settle(self, item: Any) -> None:
        task = getattr(item, "task", None)
        if task is not None and self._runtime.frontier is not None:
            self._runtime.frontier.settle(task.key)

    def _put_off(self, item: Any, exception: Exception) -> None:
        task = getattr(item, "task", None)
        if task is not None:
            self._runtime.put_off(task.key, f"a page was put off ({told(exception)})")

    def _item_error(self, item: Any, failure: Failure) -> None:
        assert failure.value is not None
        self._runtime.broke(failure.value)
        task = getattr(item, "task", None)
        if task is not None:
            self._runtime.put_off(task.key, None)

    def _spider_error(self, failure: Failure, response: Response | Failure | None) -> None:
        assert failure.value is not None
        self._runtime.broke(failure.value)
        # An errback is called with a failure, a callback with a response.
        request = getattr(response, "request", None)
        task = request.cb_kwargs.get("task") if request is not None else None
        if task is not None:
            self._runtime.put_off(task.key, None)

    def _dropped(self, request: Request) -> None:
        task = request.cb_kwargs.get("task")
        if task is not None and not request.meta.get("repeated"):
            self._runtime.put_off(task.key, "a page was put off (its request was dropped)")
