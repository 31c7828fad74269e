"""One crawl from the command line: preflight, run, summary, exit code."""

from __future__ import annotations

import gc
import logging
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import BaseSettings

from runclub_spider.apis.call import Api
from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.config import Config
from runclub_spider.console.summary import print_outcome
from runclub_spider.crawl import faults
from runclub_spider.crawl.preflight import (
    check_feeds,
    check_open_metadata,
    check_spotify_credentials,
    check_store,
    check_writable,
    sources,
)
from runclub_spider.crawl.run import INTERRUPTED, Runtime
from runclub_spider.errors import ConfigurationError, RunclubError
from runclub_spider.spiders.arguments import (
    EnrichArguments,
    SpiderArguments,
    SpotifyArguments,
    StationArguments,
)
from runclub_spider.spiders.base import SpotifySpider
from runclub_spider.store.db.address import exists
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive
from runclub_spider.store.db.trial import TrialStore

logger = logging.getLogger(__name__)


def crawl(
    process: AsyncCrawlerProcess, settings: BaseSettings, name: str, arguments: dict[str, str]
) -> int:
    """Run a spider by name; returns the contract's exit code."""
    try:
        config = Config.from_settings(settings)
        spider = _spider(process, name)
        args = preflight(config, spider, arguments)
        check_feeds(settings.getdict("FEEDS"))
        if jobs := settings.get("JOBDIR"):
            check_writable(Path(jobs), "JOBDIR")
        trial = isinstance(args, StationArguments) and args.dry_run
        # A trial run of a store that is not there makes no file, not even a lock.
        locked = not trial or exists(config)
        with exclusive(config, f"scrapy crawl {name}") if locked else nullcontext():
            check_store(
                config,
                apis=(Api.MUSICBRAINZ,) if _alone(args) else spider.apis,
                families=spider.families,
                sources=sources(config, spider.sources),
                opened=TrialStore if trial else Store,
            )
            return _run(process, spider, arguments)
    except RunclubError as error:
        print(f"scrapy crawl: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:
        logger.debug("a fault of this program", exc_info=True)
        print(f"scrapy crawl: {faults.report(error)}", file=sys.stderr)
        return 1


def _run(process: AsyncCrawlerProcess, spider: type[Any], arguments: dict[str, str]) -> int:
    crawler = process.create_crawler(spider)
    later = list[BaseException]()

    def notice(error: BaseException) -> None:
        runtime = Runtime.made(crawler)
        if runtime is None or not (crawler.crawling or runtime.recorded):
            # Not begun, or being torn down: what was the cause is known afterwards.
            later.append(error)
        else:
            runtime.broke(error)

    task = process.crawl(crawler, **arguments)
    # What was imported stays: without it each full collection has a tenth of the work.
    gc.freeze()
    with faults.noticed(notice):
        process.start()
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            later.insert(0, error)
    runtime = Runtime.made(crawler)
    if runtime is None:
        # Not even the spider came to be.
        for error in later[:1]:
            raise error
        return 1
    for error in later:
        runtime.broke(error)
    if not runtime.recorded and not runtime.ended:
        runtime.outcome.report(
            INTERRUPTED, "stopped at once, by a second signal or before it had begun"
        )
    runtime.close()
    print_outcome(runtime)
    return runtime.outcome.code


def preflight(config: Config, spider: type[Any], arguments: dict[str, str]) -> SpiderArguments:
    """Everything that can be known to be wrong before the store is touched."""
    args: SpiderArguments = spider.arguments.read(spider.name, arguments)
    if isinstance(args, StationArguments):
        spider.station.overrides(config)
        if not args.dry_run:
            check_writable(config.cache_dir, "CACHE_DIR")
        return args
    if _alone(args):
        check_open_metadata(config)
    else:
        check_spotify_credentials(config)
    if issubclass(spider, SpotifySpider):
        assert isinstance(args, SpotifyArguments)
        spider.plan_for(config, args)
    else:
        load_umbrellas(config.seeds_dir)
    check_writable(config.cache_dir, "CACHE_DIR")
    check_writable(config.export_dir, "EXPORT_DIR")
    return args


def _alone(args: SpiderArguments) -> bool:
    """Whether nothing but open metadata is asked for."""
    return isinstance(args, EnrichArguments) and args.only == "open_metadata"


def _spider(process: AsyncCrawlerProcess, name: str) -> type[Any]:
    try:
        return process.spider_loader.load(name)
    except KeyError:
        known = ", ".join(sorted(process.spider_loader.list()))
        raise ConfigurationError(f"there is no spider {name!r}; there are {known}") from None
