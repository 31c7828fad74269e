"""What the Spotify spiders share: opening a run, finding the regime, asking pages."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from scrapy import Request, Spider

from runclub_spider.apis.call import Api, Call
from runclub_spider.apis.service import Service
from runclub_spider.apis.spotify.filters import Form
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.apis.wire import PARSER_VERSION, Reading
from runclub_spider.config import Config, utc_now
from runclub_spider.crawl.preflight import check_spotify_credentials, check_writable
from runclub_spider.crawl.regime import known_regime
from runclub_spider.crawl.requests import to_request
from runclub_spider.crawl.run import Run
from runclub_spider.enrich.order import after_discovery, noted, services
from runclub_spider.enrich.reckoning import Reckoning
from runclub_spider.enrich.stages import Enrichment
from runclub_spider.frontier.driver import Frontier
from runclub_spider.frontier.plan import plan_of
from runclub_spider.frontier.planners import Planner
from runclub_spider.frontier.shared import SharedFrontier, Sharing
from runclub_spider.frontier.templates import Kind, Seed
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.answers import FORM, Answers
from runclub_spider.spiders.arguments import SpotifyArguments
from runclub_spider.spiders.by_hand import task_of
from runclub_spider.spiders.opening import Opening
from runclub_spider.spiders.promise import Promise
from runclub_spider.spiders.turns import Turns
from runclub_spider.store.facts import tracks
from runclub_spider.store.fleet import costs
from runclub_spider.store.queue import pages, seeds
from runclub_spider.store.queue.pages import PageKind, PageTask

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure


class SpotifySpider(Spider, metaclass=ABCMeta):
    """Asks the pages of a frontier. A leaf names its arguments, planner, calls and parsers."""

    arguments: ClassVar[type[SpotifyArguments]]
    seed_kind: ClassVar[Kind]
    # A refusal of one of these endpoint families keeps the spider from starting.
    families: ClassVar[tuple[str, ...]]
    # What its pages are called.
    asks: ClassVar[str]
    # What the store's data then comes from.
    services: ClassVar[tuple[type[Service], ...]] = (Spotify, *services())

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> SpotifySpider:
        """Scrapy's constructor; reads the arguments into `self.args`."""
        spider = super().from_crawler(crawler, *args)
        spider.run = Run.of(crawler)
        spider.args = spider.run.read(cls, kwargs)
        spider.deltafetch_reset = spider.args.deltafetch_reset
        spider._answers = Answers(spider.run, spider.read, spider._request)
        spider._turns = Turns(spider.run, spider._answers.heard, spider._idle)
        return spider

    args: SpotifyArguments
    run: Run
    deltafetch_reset: bool
    _answers: Answers
    _turns: Turns
    # In a fleet, what is noted for the plan's enrichment.
    _reckoning: Reckoning
    # Pages that could not be read earlier and wait.
    _aside: Mapping[str, int]

    @classmethod
    def plan_for(cls, config: Config, args: SpotifyArguments) -> tuple[Seed, ...]:
        """The seeds a run with these arguments works on."""
        return plan_of(
            config.seeds_dir,
            cls.seed_kind,
            file=args.seeds,
            family=args.family,
            max_seeds=args.max_seeds,
            dedupe=config.seed_dedupe,
        )

    @classmethod
    def asked(cls, args: SpotifyArguments) -> Mapping[str, Sequence[str]]:  # noqa: ARG003
        """Accounts and their endpoint families that the spider cannot do without."""
        return {Api.SPOTIFY: cls.families, Api.ACCOUNTS: cls.families}

    @classmethod
    def check(cls, config: Config, args: SpotifyArguments) -> None:
        """What can be known to be wrong before the store is touched."""
        check_spotify_credentials(config)
        cls.plan_for(config, args)
        check_writable(config.cache_dir, "CACHE_DIR")
        check_writable(config.export_dir, "EXPORT_DIR")

    async def plan(self) -> tuple[Seed, ...]:
        """The seeds of this run, in order."""
        return self.plan_for(self.run.config, self.args)

    def finish(self, connection: sa.Connection, now: int) -> None:
        """The frontier has nothing left to ask; a leaf may note that."""

    @abstractmethod
    def planner(self, plan: tuple[Seed, ...], regime: Regime) -> Planner | None:
        """The leaf's planner; None when this key cannot yield anything to it."""

    @abstractmethod
    def call(self, task: PageTask) -> Call:
        """The call that asks a page."""

    @abstractmethod
    def read(self, item: DiscoveredPage, body: bytes) -> Reading:
        """Fill an item from an answer; returns how its rows could be read, or `AnswerError`."""

    async def start(self) -> AsyncIterator[Any]:
        """The run: regime, then page after page, then what enrichment is left."""
        try:
            await self.run.start(self)
            async for request in self._pages():
                yield request
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the run
            self.run.outcome.broke(error)

    async def _pages(self) -> AsyncIterator[Request | DiscoveredPage]:
        run = self.run
        if run.outcome.ended:
            return
        plan = await self.plan()
        await run.store.run(lambda c: self._open(c, plan))
        enrichment: Enrichment | Reckoning
        if run.member is None:
            enrichment = after_discovery(run)
        else:
            enrichment = self._reckoning = noted(run)
        run.key.when_known.append(lambda: run.feed(enrichment))
        opening = Opening(
            run, lambda regime: self._frontier(plan, regime), by_plan=self.seed_kind == "track"
        )
        async for task in opening.tasks():
            yield self._request(task)
        if run.key.regime is None:
            for item in self._answers.left():
                yield item
            return
        frontier = opening.frontier
        if frontier is not None:
            promise = Promise(run, frontier.planner, self.asks)
            async for task in frontier.tasks(promise.pilot, promise.announce):
                await self._turns.wait(task)
                yield self._request(task)
            for item in self._answers.left():
                yield item
            await promise.conclude()
            if run.filters.news:
                run.outcome.note(run.filters.news)
        await enrichment.finish()

    def parse(self, response: Response, task: object = None) -> Any:
        """One answered page into one item; without its task, the page that the address asks."""
        if not isinstance(task, PageTask):
            try:
                task = self._task_of(response.url, task)
            except ValueError as error:
                self.logger.error("%s", error)
                return
        yield from self._answers.items(task, response)

    def give_up(self, failure: Failure) -> None:
        """A page that was not answered stays in the queue for the next run."""
        assert failure.value is not None
        self._answers.lost(failure.request.cb_kwargs["task"], failure.value)  # type: ignore[attr-defined]

    def _task_of(self, url: str, given: object) -> PageTask:
        return task_of(
            url, given, spider=self.name, seed_kind=self.seed_kind, market=self.run.config.market
        )

    def _request(self, task: PageTask, form: Form | None = None) -> Request:
        """The request of a page; asked once more in `form` where its filters gave no rows."""
        self.run.queue.hand_out(task.key)
        meta = {"deltafetch_key": task.key}
        if task.kind is PageKind.TRACK_SEARCH:
            meta[FORM] = str(self.run.filters.forms.send(task.key, task.source_key, form))
        return to_request(
            self.call(task),
            callback=self.parse,
            errback=self.give_up,
            cb_kwargs={"task": task},
            meta=meta,
        )

    def _idle(self) -> bool:
        """Whether Scrapy has nothing in hand: no request waits, none is sent, none is read."""
        engine = self.crawler.engine
        assert engine is not None
        assert engine.scheduler is not None
        return not (
            engine.downloader.active
            or engine.scheduler.has_pending_requests()
            or (engine.scraper.slot is not None and not engine.scraper.slot.is_idle())
        )

    def _stranded(self, keys: Sequence[str]) -> None:
        """Some component of Scrapy lost pages without a word."""
        for key in keys:
            self.run.queue.put_off(key, "a page was put off (its request was dropped on the way)")

    async def _frontier(self, plan: tuple[Seed, ...], regime: Regime) -> Frontier | None:
        """The pages of a run with such a key; None when it cannot yield anything."""
        run = self.run

        def unplan(connection: sa.Connection) -> None:
            # Planned for a wider key: asked like that they would be refused for good.
            pages.unplan_larger(connection, PageKind.TRACK_SEARCH, regime.search_rows)
            pages.unplan_larger(connection, PageKind.PLAYLIST_SEARCH, regime.search_rows)

        await run.store.run(unplan)
        planner = self.planner(plan, regime)
        if planner is None:
            return None
        driver: Callable[..., Frontier] = Frontier
        if run.member is not None:
            sharing = Sharing(
                owner=run.member.owner,
                leased=run.queue.lease,
                room=run.apis[Spotify].guard.room,
                reckon=self._reckoning.reckon,
                told=partial(_knows_key, run),
            )
            driver = partial(SharedFrontier, sharing=sharing)
        frontier = driver(
            run.store,
            planner,
            spider=self.name,
            market=run.config.market,
            round_pages=run.config.round_pages,
            affordable=lambda: run.budget.affordable_pages(
                regime, run.config.page_size, begun=run.queue.handed_out > 0
            ),
            before_round=self._turns.reopen,
            aside=self._aside,
            idle=self._idle,
            stranded=self._stranded,
        )
        run.queue.follow(frontier)
        if isinstance(frontier, SharedFrontier):
            run.tasks.keep_up(frontier.beat())
        return frontier

    def _open(self, connection: sa.Connection, plan: tuple[Seed, ...]) -> None:
        """Register the plan's seeds, and judge stored tracks under today's policy."""
        run, now = self.run, utc_now()
        first = run.member is None or costs.first_time(connection, run.member.plan_id, "opened")
        tracks.ensure_verdicts(connection, run.config.policy, run.record.number)
        seeds.register(
            connection,
            [
                {
                    "term": s.term,
                    "search_type": self.seed_kind,
                    "market": run.config.market,
                    "family": s.family,
                    "umbrella": s.umbrella,
                    "decade": s.decade,
                    "bpm": s.bpm,
                }
                for s in plan
            ],
        )
        if first:
            self.refresh(connection, now)
        run.filters.load(connection)
        self._aside = pages.waiting(
            connection,
            self.name,
            run.config.market,
            now=run.started_at,
            version=PARSER_VERSION,
        )

    @abstractmethod
    def refresh(self, connection: sa.Connection, now: int) -> None:
        """Open finished seeds that are due anew; once, when the run starts."""


async def _knows_key(run: Run) -> bool:
    """Whether another run of the fleet has found out what its keys may do."""
    return await known_regime(run) is not None
