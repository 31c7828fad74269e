"""Editions: features of another edition for tracks that ReccoBeats has none of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH, TRACKS_BATCH
from runclub_spider.apis.reccobeats.parser import parse_features, parse_tracks
from runclub_spider.apis.reccobeats.service import ReccoBeats
from runclub_spider.config import utc_now
from runclub_spider.crawl.run import Run
from runclub_spider.enrich.batches import BatchWorker
from runclub_spider.enrich.stages import Enricher
from runclub_spider.store.facts import editions

if TYPE_CHECKING:
    from scrapy.http import Response


class Editions(Enricher):
    """Looks up the ISRCs of feature misses, and asks for the features of their other editions.

    Many misses are an unlucky edition of a recording that ReccoBeats knows. What is borrowed is
    marked with the edition it came from. Full batches only: what is left waits until there are
    enough, or for `-a force=editions`.
    """

    name = "editions"
    services = (ReccoBeats,)

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        calls = run.apis[ReccoBeats].calls
        self._searches = BatchWorker(
            run,
            "editions",
            batch=TRACKS_BATCH,
            call=calls.tracks,
            accept=self._found,
        )
        self._donors = BatchWorker(
            run,
            "features of other editions",
            batch=FEATURES_BATCH,
            call=calls.features,
            accept=self._borrowed,
        )
        run.budget.enlist(self._searches)
        run.budget.enlist(self._donors)

    async def finish(self) -> None:
        """Only now is known which features are missing."""
        run, version = self.run, self.run.config.recco_features_version
        everything = bool(run.stale_before("editions"))
        self._searches.add(await run.store.run(editions.unsearched))
        await self._searches.drain(partial=everything)
        while True:
            # What the store knows of an edition is not asked again.
            known = await run.store.run(
                lambda c: editions.settle_known(c, version=version, now=utc_now())
            )
            run.count("runclub/features/borrowed", known)
            # The best edition of each miss first; those with nothing to give lead to the next.
            new = self._donors.add(await run.store.run(editions.lenders))
            if not new:
                return
            await self._donors.drain(partial=everything)

    async def _found(self, response: Response, isrcs: Sequence[str]) -> None:
        answer = parse_tracks(response.body)
        self.run.reading.take(answer)
        await self._searches.keep(lambda c: editions.save_search(c, isrcs, answer.found, utc_now()))

    async def _borrowed(self, response: Response, ids: Sequence[str]) -> None:
        answer = parse_features(response.body, ids)
        self.run.reading.take(answer)
        version = self.run.config.recco_features_version
        helped = await self._donors.keep(
            lambda c: editions.save_loans(c, ids, answer.found, version=version, now=utc_now())
        )
        self.run.count("runclub/features/borrowed", len(helped))
