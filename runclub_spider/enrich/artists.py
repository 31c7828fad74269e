"""Artists: genres, popularity and portraits of the artists of eligible tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.spotify.parser import parse_artist, parse_artist_batch
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.wire import Oddities
from runclub_spider.config import utc_now
from runclub_spider.crawl.run import PAUSED, Runtime, genres_key
from runclub_spider.crawl.signals import discovery_done
from runclub_spider.enrich.batches import BatchWorker
from runclub_spider.items import DiscoveredPage
from runclub_spider.store.db import meta
from runclub_spider.store.facts import artists, tracks

if TYPE_CHECKING:
    import sqlalchemy as sa
    from scrapy.crawler import Crawler
    from scrapy.http import Response

_DAY = 86_400
NOT_FOUND = 404


class ArtistsPipeline:
    """Owns the worker that asks for artists in full batches; holds no item.

    Where the key has no batch read, only artists that decide most are asked, one by one when
    discovery is done, and none for a while once their records turn out to carry no genres:
    the names came with the tracks, and umbrellas come from provenance.
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
        worker = await self._batches()
        if worker is not None:
            worker.add(item.pending_artists)
        return item

    async def _batches(self) -> BatchWorker | None:
        """The worker; at its first use what earlier runs left pending comes before the new."""
        runtime, regime = self._runtime, self._runtime.regime
        if regime is None or not regime.artist_batch:
            return None
        if self._worker is None:
            self._worker = BatchWorker(
                runtime,
                "artists",
                batch=regime.artist_batch,
                call=runtime.spotify.artists,
                accept=self._accept,
            )
            runtime.workers.append(self._worker)
            stale = runtime.artists_before
            earlier = await runtime.store.run(lambda c: artists.pending(c, stale_before=stale))
            self._worker.add(earlier)
        return self._worker

    async def _accept(self, response: Response, ids: Sequence[str]) -> None:
        batch = parse_artist_batch(response.body)
        self._runtime.take(batch)
        await self._save(lambda c: artists.save(c, ids, batch.artists, utc_now()))

    async def _save(self, save: Callable[[sa.Connection], list[str]]) -> None:
        """Store an answer, and judge again the tracks whose artists it gave a name."""
        runtime = self._runtime

        def work(connection: sa.Connection) -> list[str]:
            named = save(connection)
            return tracks.judge_again(connection, runtime.policy, named, runtime.run_id)

        runtime.admitted.update(await runtime.store.run(work))

    async def _drain(self) -> None:
        worker = await self._batches()
        if worker is not None:
            await worker.drain()
        elif self._runtime.regime is not None and self._runtime.outcome.result != PAUSED:
            await self._ask_singly(self._runtime.regime)

    async def _ask_singly(self, regime: Regime) -> None:
        runtime = self._runtime
        most = runtime.config.artist_single_calls
        if not regime.artist_genres:
            withheld = await runtime.store.run(lambda c: meta.get(c, genres_key(runtime.config)))
            old = utc_now() - runtime.config.regime_max_age_days * _DAY
            if withheld and int(withheld) > old:
                return
            # The first answer tells whether the others are worth their calls.
            if not await self._ask(1):
                return
            most -= 1
        await self._ask(most)

    async def _ask(self, number: int) -> bool:
        """Ask the next artists; says whether their records speak of genres."""
        runtime, stale = self._runtime, self._runtime.artists_before
        ids = await runtime.store.run(
            lambda c: artists.deciding(c, stale_before=stale, limit=number)
        )
        spoken = False

        async def accept(response: Response, asked: Sequence[str]) -> None:
            nonlocal spoken
            odd = Oddities()
            found = [] if response.status == NOT_FOUND else [parse_artist(response.body, odd)]
            runtime.count_odd(odd)
            spoken = any(artist.genres is not None for artist in found)

            def save(connection: sa.Connection) -> list[str]:
                if found and not spoken:
                    meta.put(connection, genres_key(runtime.config), str(utc_now()))
                return artists.save(connection, asked, found, utc_now())

            await self._save(save)

        worker = BatchWorker(
            runtime,
            "artists",
            batch=1,
            call=runtime.spotify.artist,
            accept=accept,
            read_anyway={NOT_FOUND},
        )
        worker.add(ids)
        await worker.drain()
        return spoken
