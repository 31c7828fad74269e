"""Artists: genres, popularity and portraits of the artists of eligible tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.spotify.parser import parse_artist, parse_artist_batch
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.apis.wire import Oddities
from runclub_spider.config import Config, utc_now
from runclub_spider.crawl.outcome import PAUSED
from runclub_spider.crawl.run import Run
from runclub_spider.enrich.batches import BatchWorker
from runclub_spider.enrich.stages import Enricher
from runclub_spider.store.db import meta
from runclub_spider.store.facts import artists, tracks
from runclub_spider.text import DAY

if TYPE_CHECKING:
    import sqlalchemy as sa
    from scrapy.http import Response

NOT_FOUND = 404


def _genres_key(config: Config) -> str:
    """Where the store keeps since when a key's artist records are known to carry no genres."""
    return f"no_genres|{config.spotify_api_base_url}|{config.spotify_client_id}"


class Artists(Enricher):
    """Asks for artists in full batches.

    Where the key has no batch read, only artists that decide most are asked, one by one when
    discovery is done, and none for a while once their records turn out to carry no genres:
    the names came with the tracks, and umbrellas come from provenance.
    """

    name = "artists"
    services = (Spotify,)

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._worker: BatchWorker | None = None

    def look(
        self, connection: sa.Connection, eligible: Sequence[str], curable: Sequence[str]
    ) -> list[str]:
        """Artists of the page's tracks that are not known, or were asked long ago."""
        return artists.pending(
            connection, track_ids=[*eligible, *curable], stale_before=self._stale_before
        )

    @property
    def _stale_before(self) -> int:
        return self.run.stale_before("artists", self.run.config.artist_refresh_days)

    @property
    def call_size(self) -> int | None:
        """That of a batch read, where the key has one."""
        regime = self.run.key.regime
        return (regime.artist_batch or None) if regime is not None else None

    def left(self, connection: sa.Connection) -> Sequence[str]:
        """Artists of eligible tracks that are not known, or were asked long ago."""
        return artists.pending(connection, stale_before=self._stale_before)

    async def begin(self) -> None:
        """What earlier runs left, where the key has a batch read."""
        run, regime, stale = self.run, self.run.key.regime, self._stale_before
        if regime is None or not regime.artist_batch:
            return
        self._worker = BatchWorker(
            run,
            "artists",
            batch=regime.artist_batch,
            call=run.apis[Spotify].calls.artists,
            accept=self._accept,
        )
        run.budget.enlist(self._worker)
        self._worker.add(await run.store.run(lambda c: artists.pending(c, stale_before=stale)))

    def take(self, ids: Sequence[str]) -> None:
        """Send full batches."""
        if self._worker is not None:
            self._worker.add(ids)

    async def finish(self) -> None:
        """The last batch, or the artists that are asked singly."""
        run = self.run
        if self._worker is not None:
            await self._worker.drain()
        elif run.key.regime is not None and run.outcome.result != PAUSED:
            await self._ask_singly(run.key.regime)

    async def _accept(self, response: Response, ids: Sequence[str]) -> None:
        assert self._worker is not None
        batch = parse_artist_batch(response.body)
        self.run.reading.take(batch)
        await self._save(self._worker, lambda c: artists.save(c, ids, batch.artists, utc_now()))

    async def _save(self, worker: BatchWorker, save: Callable[[sa.Connection], list[str]]) -> None:
        """Store an answer, and judge again the tracks whose artists it gave a name."""
        run = self.run

        def work(connection: sa.Connection) -> list[str]:
            named = save(connection)
            return tracks.judge_again(connection, run.config.policy, named, run.record.number)

        run.admitted.update(await worker.keep(work))

    async def _ask_singly(self, regime: Regime) -> None:
        run = self.run
        most = run.config.artist_single_calls
        if not regime.artist_genres:
            withheld = await run.store.run(lambda c: meta.get(c, _genres_key(run.config)))
            old = utc_now() - run.config.regime_max_age_days * DAY
            if withheld and int(withheld) > old:
                return
            # The first answer tells whether the others are worth their calls.
            if not await self._ask(1):
                return
            most -= 1
        await self._ask(most)

    async def _ask(self, number: int) -> bool:
        """Ask the next artists; says whether their records speak of genres."""
        run, stale = self.run, self._stale_before
        ids = await run.store.run(lambda c: artists.deciding(c, stale_before=stale, limit=number))
        spoken = False

        async def accept(response: Response, asked: Sequence[str]) -> None:
            nonlocal spoken
            odd = Oddities()
            found = [] if response.status == NOT_FOUND else [parse_artist(response.body, odd)]
            run.reading.count(odd)
            spoken = any(artist.genres is not None for artist in found)

            def save(connection: sa.Connection) -> list[str]:
                if found and not spoken:
                    meta.put(connection, _genres_key(run.config), str(utc_now()))
                return artists.save(connection, asked, found, utc_now())

            await self._save(worker, save)

        worker = BatchWorker(
            run,
            "artists",
            batch=1,
            call=run.apis[Spotify].calls.artist,
            accept=accept,
            read_anyway={NOT_FOUND},
        )
        worker.add(ids)
        await worker.drain()
        return spoken
