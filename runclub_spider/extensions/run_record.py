"""The run's record in the store: begun before the first request, closed with its result."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from scrapy import signals

from runclub_spider.apis.call import Api
from runclub_spider.config import utc_now
from runclub_spider.errors import RunclubError
from runclub_spider.preflight import sources
from runclub_spider.runtime import FAILED, INTERRUPTED, Runtime, pace_key, regime_key
from runclub_spider.store import meta, pages, quota, runs

if TYPE_CHECKING:
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

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RunRecord:
        """Scrapy's constructor."""
        return cls(crawler)

    async def _opened(self, spider: Any) -> None:
        runtime = self._runtime

        def open_run(connection: sa.Connection) -> int:
            for name, field in sources(runtime.config, spider.sources).items():
                meta.put(connection, f"source|{name}", runtime.config.source_of(field))
            given = {"market": runtime.market}
            args = getattr(spider, "args", None)
            if args is not None:
                given |= args.model_dump(mode="json", exclude_none=True)
            return runs.start(connection, spider.name, given, utc_now())

        runtime.run_id = await runtime.store.run(open_run)

    async def _closed(self, spider: Any, reason: str) -> None:
        runtime, outcome = self._runtime, self._runtime.outcome
        if reason == "shutdown":
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
            await runtime.store.run(close_run)
            runtime.recorded = True
        except RunclubError as error:
            runtime.recorded = True
            outcome.report(FAILED, str(error), exit_code=error.exit_code)

    def _settle(self, item: Any, *, deferred: bool = False) -> None:
        task = getattr(item, "task", None)
        if task is not None and self._runtime.frontier is not None:
            self._runtime.frontier.settle(task.key, deferred=deferred)

    def _put_off(self, item: Any) -> None:
        self._settle(item, deferred=True)

    def _item_error(self, item: Any, failure: Failure) -> None:
        self._failed(failure)
        self._settle(item, deferred=True)

    def _spider_error(self, failure: Failure, response: Response | None) -> None:
        self._failed(failure)
        task = response.cb_kwargs.get("task") if response is not None else None
        if task is not None and self._runtime.frontier is not None:
            self._runtime.frontier.settle(task.key, deferred=True)
        if self._runtime.frontier is not None:
            self._runtime.frontier.stop()

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, RunclubError):
            self._runtime.failed(error)
        else:
            self._runtime.outcome.report(FAILED, str(error) or repr(error))
