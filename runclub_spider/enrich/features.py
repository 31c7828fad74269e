"""Features: ReccoBeats' audio features of eligible tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH
from runclub_spider.apis.reccobeats.parser import parse_features
from runclub_spider.apis.reccobeats.service import ReccoBeats
from runclub_spider.config import utc_now
from runclub_spider.crawl.run import Run
from runclub_spider.enrich.batches import BatchedStage, BatchWorker
from runclub_spider.store.facts import features
from runclub_spider.text import DAY

if TYPE_CHECKING:
    import sqlalchemy as sa
    from scrapy.http import Response


class Features(BatchedStage):
    """Asks in full batches while pages come in, and for the rest when they are all in."""

    name = "features"
    services = (ReccoBeats,)

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.worker = BatchWorker(
            run,
            "audio features",
            batch=FEATURES_BATCH,
            call=run.apis[ReccoBeats].calls.features,
            accept=self._accept,
        )

    def look(
        self,
        connection: sa.Connection,
        eligible: Sequence[str],
        curable: Sequence[str],  # noqa: ARG002 - the shape of all
    ) -> list[str]:
        """Eligible tracks without features, or with stale ones."""
        return self.pending(connection, eligible)

    async def finish(self) -> None:
        """The last batch, and the tracks that other stages made eligible."""
        admitted = sorted(self.run.admitted)
        if admitted:
            self.worker.add(await self.run.store.run(lambda c: self.pending(c, admitted)))
        await super().finish()

    def pending(
        self, connection: sa.Connection, track_ids: Sequence[str] | None = None
    ) -> list[str]:
        """Eligible tracks without features, or with stale ones."""
        return features.pending(
            connection,
            version=self.run.config.recco_features_version,
            now=utc_now(),
            stale_before=self.run.stale_before("features"),
            track_ids=track_ids,
        )

    async def _accept(self, response: Response, ids: Sequence[str]) -> None:
        run, config = self.run, self.run.config
        answer = parse_features(response.body, ids)
        run.reading.take(answer)
        await self.worker.keep(
            lambda c: features.save(
                c,
                answer.found,
                answer.missed,
                version=config.recco_features_version,
                gap_seconds=config.miss_retry_days * DAY,
                now=utc_now(),
                partial=answer.partial,
            )
        )
        run.count("runclub/features/found", len(answer.found))
        run.count("runclub/features/partial", len(answer.partial))
        run.count("runclub/features/missed", len(answer.missed))
        run.count("runclub/features/stray", answer.stray)
