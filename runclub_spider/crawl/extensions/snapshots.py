"""At close: the pages this run discovered, as a feed beside the store, for audit."""

from __future__ import annotations

import asyncio
import gzip
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from scrapy import signals
from scrapy.utils.misc import build_from_crawler, load_object

from runclub_spider.config import utc_now
from runclub_spider.crawl.outcome import FAILED
from runclub_spider.crawl.run import Run
from runclub_spider.store.queue import pages
from runclub_spider.text import DAY

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)


class Snapshots:
    """Writes `.cache/snapshots/<spider>-<run>.jsonl.gz` from the page table.

    Not a feed written during the crawl: a kill would lose all of that, while the pages are in
    the store with their rows. The exporter is the one registered in `FEED_EXPORTERS`.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._run = Run.of(crawler)
        crawler.signals.connect(self._closed, signal=signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Snapshots:
        """Scrapy's constructor."""
        return cls(crawler)

    async def _closed(self) -> None:
        if not self._run.begun:
            return
        config = self._run.config
        folder = config.cache_dir / "snapshots"
        old = utc_now() - int(config.raw_retention_days * DAY)
        try:
            await self._run.store.run(lambda c: self._write_missing(c, folder))
            await self._run.store.run(lambda c: pages.drop_raw_before(c, old))
            await asyncio.to_thread(_drop_old, folder, old)
        except OSError as error:
            # Scrapy would only log it; the run's outcome must say so.
            logger.debug("snapshot failed", exc_info=True)
            self._run.outcome.report(FAILED, f"cannot write a discovery snapshot: {error}")

    def _write_missing(self, connection: sa.Connection, folder: Path) -> None:
        """This run's snapshot, and those of runs that were killed before they wrote theirs."""
        for stale in folder.glob("*.part"):
            stale.unlink()
        for run_id, spider in pages.runs_with_raw(connection):
            target = folder / f"{spider}-{run_id:06d}.jsonl.gz"
            if run_id == self._run.record.number or not target.exists():
                self._write(connection, run_id, target)

    def _write(self, connection: sa.Connection, run_id: int, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        exporter_class = load_object(self._crawler.settings["FEED_EXPORTERS"]["catalog_jsonl"])
        with (
            part.open("wb") as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=1) as file,
        ):
            exporter = build_from_crawler(exporter_class, self._crawler, file)
            exporter.start_exporting()
            for page in pages.raw_pages(connection, run_id):
                exporter.export_item(page)
            exporter.finish_exporting()
        part.replace(target)


def _drop_old(folder: Path, moment: int) -> None:
    for path in folder.glob("*.jsonl.gz"):
        if path.stat().st_mtime < moment:
            path.unlink()
