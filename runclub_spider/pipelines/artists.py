"""Artists: genres, popularity and portraits of the artists of eligible tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.spotify.parser import parse_artists
from runclub_spider.config import utc_now
from runclub_spider.enrichment import BatchWorker
from runclub_spider.items import DiscoveredPage
from runclub_spider.runtime import Runtime
from runclub_spider.signals import discovery_done
from runclub_spider.store import artists

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class ArtistsPipeline:
    """Owns the worker that asks for artists in full batches; holds no item.

    Where the key has no batch read, or artist records carry no genres, it stays off: the
    names came with the tracks, and umbrellas come from provenance.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._runtime = Runtime.of(crawler)
        self._worker: BatchWorker | None = None
        crawler.signals.connect(self._drain, signal=discovery_done)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ArtistsPipeline:
        """Scrapy's constructor."""
        return cls(crawler)

    async def process_item(self, item: DiscoveredPage) -> DiscoveredPage:
        """Take up the artists this page left pending."""
        worker = await self._started()
        if worker is not None:
            worker.add(item.pending_artists)
        return item

    async def _started(self) -> BatchWorker | None:
        """The worker; at its first use what earlier runs left pending comes before the new."""
        regime = self._runtime.regime
        if regime is None or not regime.artist_batch or not regime.artist_genres:
            return None
        if self._worker is None:
            self._worker = self._runtime.artist_worker = BatchWorker(
                self._runtime,
                "artists",
                batch=regime.artist_batch,
                call=self._runtime.spotify.artists,
                accept=self._accept,
            )
            stale = self._runtime.artists_before
            earlier = await self._runtime.store.run(
                lambda c: artists.pending(c, stale_before=stale)
            )
            self._worker.add(earlier)
        return self._worker

    async def _accept(self, response: Response, ids: Sequence[str]) -> None:
        found = parse_artists(response.body)
        await self._runtime.store.run(lambda c: artists.save(c, ids, found, utc_now()))

    async def _drain(self) -> None:
        worker = await self._started()
        if worker is not None:
            await worker.drain()
