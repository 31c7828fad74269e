"""One crawl from the command line: preflight, run, summary, exit code."""

from __future__ import annotations

import gc
import logging
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import BaseSettings

from runclub_spider.config import Config
from runclub_spider.console.summary import complain, print_outcome
from runclub_spider.crawl import faults
from runclub_spider.crawl.outcome import INTERRUPTED
from runclub_spider.crawl.run import Run
from runclub_spider.errors import ConfigurationError, RunclubError

logger = logging.getLogger(__name__)


def crawl(
    process: AsyncCrawlerProcess, settings: BaseSettings, name: str, arguments: dict[str, str]
) -> int:
    """Run a spider by name; returns the contract's exit code."""
    try:
        Config.from_settings(settings)
        spider = _spider(process, name)
        crawler = process.create_crawler(spider)
        run = Run.of(crawler)
        run.read(spider, arguments)
        try:
            run.begin(spider, f"scrapy crawl {name}")
            return _run(process, crawler, run, arguments)
        finally:
            run.close()
    except RunclubError as error:
        complain(settings, str(error))
        return error.exit_code
    except Exception as error:
        logger.debug("a fault of this program", exc_info=True)
        complain(settings, faults.report(error))
        return 1


def _run(
    process: AsyncCrawlerProcess, crawler: Crawler, run: Run, arguments: dict[str, str]
) -> int:
    later = list[BaseException]()

    def notice(error: BaseException) -> None:
        if crawler.crawling or run.record.closed:
            run.outcome.broke(error)
        else:
            # Not begun, or being torn down: what was the cause is known afterwards.
            later.append(error)

    task = process.crawl(crawler, **arguments)
    # What was imported stays: without it each full collection has a tenth of the work.
    gc.freeze()
    with faults.noticed(notice):
        process.start()
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            later.insert(0, error)
    if crawler.spider is None and later:
        # Not even the spider came to be.
        raise later[0]
    for error in later:
        run.outcome.broke(error)
    if not run.record.closed and not run.outcome.ended:
        run.outcome.report(
            INTERRUPTED, "stopped at once, by a second signal or before it had begun"
        )
    print_outcome(run)
    return run.outcome.code


def _spider(process: AsyncCrawlerProcess, name: str) -> type[Any]:
    try:
        return process.spider_loader.load(name)
    except KeyError:
        known = ", ".join(sorted(process.spider_loader.list()))
        raise ConfigurationError(f"there is no spider {name!r}; there are {known}") from None
