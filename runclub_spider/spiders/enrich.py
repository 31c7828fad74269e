"""No discovery: completes what the store lacks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from scrapy import Spider

from runclub_spider.apis.call import Api
from runclub_spider.apis.guard import ALL
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.config import Config
from runclub_spider.crawl.preflight import (
    check_open_metadata,
    check_spotify_credentials,
    check_writable,
)
from runclub_spider.crawl.regime import find_regime
from runclub_spider.crawl.run import Run
from runclub_spider.enrich.order import all_stages, services
from runclub_spider.spiders.arguments import EnrichArguments
from runclub_spider.store.facts import tracks

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class EnrichSpider(Spider):
    """Artists, features, expired misses and open metadata of stored tracks, by the stages."""

    name = "enrich"
    arguments = EnrichArguments
    services = (Spotify, *services())
    args: EnrichArguments
    run: Run

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Scrapy's constructor; reads the arguments into `self.args`."""
        spider = super().from_crawler(crawler, *args)
        spider.run = Run.of(crawler)
        spider.args = spider.run.read(cls, kwargs)
        return spider

    @classmethod
    def asked(cls, args: EnrichArguments) -> Mapping[str, Sequence[str]]:
        """Accounts and their endpoint families that the spider cannot do without."""
        apis = (Api.SPOTIFY, Api.ACCOUNTS) if args.only is None else (Api.MUSICBRAINZ,)
        return dict.fromkeys(apis, (ALL,))

    @classmethod
    def check(cls, config: Config, args: EnrichArguments) -> None:
        """What can be known to be wrong before the store is touched."""
        if args.only is None:
            check_spotify_credentials(config)
        else:
            check_open_metadata(config)
        load_umbrellas(config.seeds_dir)
        check_writable(config.cache_dir, "CACHE_DIR")
        check_writable(config.export_dir, "EXPORT_DIR")

    async def start(self) -> AsyncIterator[Any]:
        """Judge the stored tracks under today's policy, then let the stages run dry."""
        run = self.run
        try:
            await run.start(self)
            policy, number = run.config.policy, run.record.number
            await run.store.run(lambda c: tracks.ensure_verdicts(c, policy, number))
            if self.args.only is None and not run.outcome.ended:
                await find_regime(run)
            await all_stages(run).finish()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the run
            run.outcome.broke(error)
        for nothing in list[Any]():
            yield nothing
