"""Details: ISRC, popularity and countries from ReccoBeats where the Spotify key gets none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.reccobeats.calls import TRACKS_BATCH
from runclub_spider.apis.reccobeats.parser import parse_tracks
from runclub_spider.config import utc_now
from runclub_spider.enrichment import BatchWorker
from runclub_spider.items import DiscoveredPage
from runclub_spider.runtime import Runtime
from runclub_spider.signals import discovery_done
from runclub_spider.store import details

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class DetailsPipeline:
    """Owns the worker that asks for track records in full batches; holds no item.

    Off where the key's own answers carry popularity.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._runtime = Runtime.of(crawler)
        self._worker: BatchWorker | None = None
        crawler.signals.connect(self._drain, signal=discovery_done)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> DetailsPipeline:
        """Scrapy's constructor."""
        return cls(crawler)

    async def process_item(self, item: DiscoveredPage) -> DiscoveredPage:
        """Take up the tracks this page left pending."""
        worker = await self._started()
        if worker is not None:
            worker.add(item.pending_details)
        return item

    async def _started(self) -> BatchWorker | None:
        """The worker; at its first use what earlier runs left pending comes before the new."""
        runtime = self._runtime
        if runtime.regime is None or runtime.regime.track_popularity:
            return None
        if self._worker is None:
            self._worker = BatchWorker(
                runtime,
                "track details",
                batch=TRACKS_BATCH,
                call=runtime.reccobeats.tracks,
                accept=self._accept,
            )
            runtime.workers.append(self._worker)
            stale = runtime.details_before
            self._worker.add(
                await runtime.store.run(lambda c: details.pending(c, stale_before=stale))
            )
        return self._worker

    async def _accept(self, response: Response, ids: Sequence[str]) -> None:
        answer = parse_tracks(response.body)
        self._runtime.take(answer)
        await self._runtime.store.run(lambda c: details.save(c, ids, answer.found, utc_now()))

    async def _drain(self) -> None:
        worker = await self._started()
        if worker is not None:
            await worker.drain()
