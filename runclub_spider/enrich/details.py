"""Details: from ReccoBeats what Spotify's answers lack: length, ISRC, popularity, countries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.reccobeats.calls import TRACKS_BATCH
from runclub_spider.apis.reccobeats.parser import parse_tracks
from runclub_spider.apis.reccobeats.service import ReccoBeats
from runclub_spider.config import utc_now
from runclub_spider.crawl.run import Run
from runclub_spider.enrich.batches import BatchedStage, BatchWorker
from runclub_spider.store.facts import details, tracks

if TYPE_CHECKING:
    import sqlalchemy as sa
    from scrapy.http import Response


class Details(BatchedStage):
    """Asks for track records in full batches.

    Where the key's own answers carry popularity, only tracks without a length are asked.
    """

    name = "details"
    services = (ReccoBeats,)

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.worker = BatchWorker(
            run,
            "track details",
            batch=TRACKS_BATCH,
            call=run.apis[ReccoBeats].calls.tracks,
            accept=self._accept,
        )

    def look(
        self, connection: sa.Connection, eligible: Sequence[str], curable: Sequence[str]
    ) -> list[str]:
        """Tracks of the page without a length, or without what the key withholds."""
        if self.run.key.regime is None:
            return []
        # A key that gets popularity lacks nothing of the eligible ones.
        asked = curable if self.run.key.regime.track_popularity else [*eligible, *curable]
        return self.pending(connection, asked) if asked else []

    def pending(
        self, connection: sa.Connection, track_ids: Sequence[str] | None = None
    ) -> list[str]:
        """Tracks without a length, or without what the key withholds."""
        run = self.run
        assert run.key.regime is not None
        return details.pending(
            connection,
            track_ids=track_ids,
            stale_before=run.stale_before("details", run.config.artist_refresh_days),
            lengths_only=run.key.regime.track_popularity,
        )

    async def _accept(self, response: Response, ids: Sequence[str]) -> None:
        run, answer = self.run, parse_tracks(response.body)
        run.reading.take(answer)

        def save(connection: sa.Connection) -> list[str]:
            details.save(connection, ids, answer.found, utc_now())
            # A length may let in what was refused for want of one.
            return tracks.judge_again(connection, run.config.policy, ids, run.record.number)

        run.admitted.update(await self.worker.keep(save))
