"""Borrow: features of another edition for tracks that ReccoBeats has none of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH, TRACKS_BATCH
from runclub_spider.apis.reccobeats.parser import parse_features, parse_tracks
from runclub_spider.config import utc_now
from runclub_spider.crawl.run import Runtime
from runclub_spider.crawl.signals import features_done
from runclub_spider.enrich.batches import BatchWorker
from runclub_spider.items import DiscoveredPage
from runclub_spider.store.facts import editions

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class BorrowPipeline:
    """Looks up the ISRCs of feature misses, and asks for the features of their other editions.

    Many misses are an unlucky edition of a recording that ReccoBeats knows. A loan is marked
    with the edition it came from. Full batches only: what is left waits until there are enough,
    or for `-a force=editions`.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._runtime = runtime = Runtime.of(crawler)
        self._stats = crawler.stats
        self._searches = BatchWorker(
            runtime,
            "editions",
            batch=TRACKS_BATCH,
            call=runtime.reccobeats.tracks,
            accept=self._found,
        )
        self._loans = BatchWorker(
            runtime,
            "features of other editions",
            batch=FEATURES_BATCH,
            call=runtime.reccobeats.features,
            accept=self._lent,
        )
        runtime.workers += [self._searches, self._loans]
        crawler.signals.connect(self._borrow, signal=features_done)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> BorrowPipeline:
        """Scrapy's constructor."""
        return cls(crawler)

    def process_item(self, item: DiscoveredPage) -> DiscoveredPage:
        """Nothing yet: whether features are missing is known at the end."""
        return item

    async def _borrow(self) -> None:
        store, version = self._runtime.store, self._runtime.config.recco_features_version
        everything = "editions" in self._runtime.force
        self._searches.add(await store.run(editions.unsearched))
        await self._searches.drain(partial=everything)
        while True:
            # What the store knows of an edition is not asked again.
            known = await store.run(
                lambda c: editions.settle_known(c, version=version, now=utc_now())
            )
            self._stats.inc_value("runclub/features/borrowed", known)
            # The best edition of each miss first; those with nothing to lend lead to the next.
            new = self._loans.add(await store.run(editions.lenders))
            if not new:
                return
            await self._loans.drain(partial=everything)

    async def _found(self, response: Response, isrcs: Sequence[str]) -> None:
        answer = parse_tracks(response.body)
        self._runtime.take(answer)
        await self._runtime.store.run(
            lambda c: editions.save_search(c, isrcs, answer.found, utc_now())
        )

    async def _lent(self, response: Response, ids: Sequence[str]) -> None:
        answer = parse_features(response.body, ids)
        self._runtime.take(answer)
        version = self._runtime.config.recco_features_version
        helped = await self._runtime.store.run(
            lambda c: editions.save_loans(c, ids, answer.found, version=version, now=utc_now())
        )
        self._stats.inc_value("runclub/features/borrowed", len(helped))
