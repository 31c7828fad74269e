"""Features: ReccoBeats' audio features of eligible tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH
from runclub_spider.apis.reccobeats.parser import parse_features
from runclub_spider.config import utc_now
from runclub_spider.crawl.run import Runtime
from runclub_spider.crawl.signals import discovery_done, features_done, tracks_judged
from runclub_spider.enrich.batches import BatchWorker
from runclub_spider.items import DiscoveredPage
from runclub_spider.store.facts import features

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response

_DAY = 86_400


class FeaturesPipeline:
    """Owns the worker that asks for features in full batches; holds no item."""

    def __init__(self, crawler: Crawler) -> None:
        self._runtime = Runtime.of(crawler)
        self._stats = crawler.stats
        self._worker: BatchWorker | None = None
        crawler.signals.connect(self._started, signal=discovery_done)
        crawler.signals.connect(self._drain, signal=tracks_judged)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> FeaturesPipeline:
        """Scrapy's constructor."""
        return cls(crawler)

    async def process_item(self, item: DiscoveredPage) -> DiscoveredPage:
        """Take up the tracks this page left pending."""
        (await self._started()).add(item.pending_features)
        return item

    async def _started(self) -> BatchWorker:
        """The worker; at its first use what earlier runs left pending comes before the new."""
        if self._worker is None:
            self._worker = BatchWorker(
                self._runtime,
                "audio features",
                batch=FEATURES_BATCH,
                call=self._runtime.reccobeats.features,
                accept=self._accept,
            )
            self._runtime.workers.append(self._worker)
            self._worker.add(await self._pending())
        return self._worker

    async def _pending(self, track_ids: Sequence[str] | None = None) -> list[str]:
        runtime = self._runtime
        return await runtime.store.run(
            lambda c: features.pending(
                c,
                version=runtime.config.recco_features_version,
                now=utc_now(),
                stale_before=runtime.features_before,
                track_ids=track_ids,
            )
        )

    async def _accept(self, response: Response, ids: Sequence[str]) -> None:
        answer = parse_features(response.body, ids)
        self._runtime.take(answer)
        config = self._runtime.config
        await self._runtime.store.run(
            lambda c: features.save(
                c,
                answer.found,
                answer.missed,
                version=config.recco_features_version,
                gap_seconds=config.miss_retry_days * _DAY,
                now=utc_now(),
                partial=answer.partial,
            )
        )
        self._stats.inc_value("runclub/features/found", len(answer.found))
        self._stats.inc_value("runclub/features/partial", len(answer.partial))
        self._stats.inc_value("runclub/features/missed", len(answer.missed))
        self._stats.inc_value("runclub/features/stray", answer.stray)

    async def _drain(self) -> None:
        worker = await self._started()
        if self._runtime.admitted:
            worker.add(await self._pending(sorted(self._runtime.admitted)))
        await worker.drain()
        await self._runtime.stage(features_done)
