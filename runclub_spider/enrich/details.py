"""Details: from ReccoBeats what Spotify's answers lack: length, ISRC, popularity, countries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.reccobeats.calls import TRACKS_BATCH
from runclub_spider.apis.reccobeats.parser import parse_tracks
from runclub_spider.config import utc_now
from runclub_spider.crawl.run import Runtime
from runclub_spider.crawl.signals import discovery_done
from runclub_spider.enrich.batches import BatchWorker
from runclub_spider.items import DiscoveredPage
from runclub_spider.store.facts import details, tracks

if TYPE_CHECKING:
    import sqlalchemy as sa
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class DetailsPipeline:
    """Owns the worker that asks for track records in full batches; holds no item.

    Where the key's own answers carry popularity, only tracks without a length are asked.
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
        if runtime.regime is None:
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
            stale, lengths_only = runtime.details_before, runtime.regime.track_popularity
            self._worker.add(
                await runtime.store.run(
                    lambda c: details.pending(c, stale_before=stale, lengths_only=lengths_only)
                )
            )
        return self._worker

    async def _accept(self, response: Response, ids: Sequence[str]) -> None:
        runtime, answer = self._runtime, parse_tracks(response.body)
        runtime.take(answer)

        def save(connection: sa.Connection) -> list[str]:
            details.save(connection, ids, answer.found, utc_now())
            # A length may let in what was refused for want of one.
            return tracks.judge_again(connection, runtime.policy, ids, runtime.run_id)

        runtime.admitted.update(await runtime.store.run(save))

    async def _drain(self) -> None:
        worker = await self._started()
        if worker is not None:
            await worker.drain()
