"""No discovery: completes what the store lacks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Self

from scrapy import Spider

from runclub_spider.apis.call import Api
from runclub_spider.apis.guard import ALL
from runclub_spider.crawl.preflight import SOURCES
from runclub_spider.crawl.regime import find_regime
from runclub_spider.crawl.run import Runtime
from runclub_spider.crawl.signals import discovery_done, enrichment_done, tracks_judged
from runclub_spider.errors import RunclubError
from runclub_spider.spiders.arguments import EnrichArguments
from runclub_spider.store.facts import tracks

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class EnrichSpider(Spider):
    """Artists, features, expired misses and open metadata of stored tracks, by the pipelines."""

    name = "enrich"
    arguments = EnrichArguments
    apis = (Api.SPOTIFY, Api.ACCOUNTS)
    families = (ALL,)
    sources = SOURCES
    args: EnrichArguments
    runtime: Runtime

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Scrapy's constructor; reads the arguments into `self.args`."""
        spider = super().from_crawler(crawler, *args)
        spider.args = cls.arguments.read(cls.name, kwargs)
        spider.runtime = Runtime.of(crawler)
        spider.runtime.budget = spider.args.budget
        spider.runtime.force = spider.args.force
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """Judge the stored tracks under today's policy, then let the enrichers run dry."""
        runtime = self.runtime
        try:
            await runtime.store.run(
                lambda c: tracks.ensure_verdicts(c, runtime.policy, runtime.run_id)
            )
            if self.args.only is None and not runtime.ended:
                runtime.regime = await find_regime(runtime)
        except RunclubError as error:
            runtime.failed(error)
        if runtime.regime is not None:
            await runtime.stage(discovery_done)
            await runtime.stage(tracks_judged)
        # Asks neither Spotify nor ReccoBeats, so it needs no regime.
        await runtime.stage(enrichment_done)
        for nothing in list[Any]():
            yield nothing
