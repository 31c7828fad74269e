"""What the Spotify spiders share: opening a run, finding the regime, asking pages."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from scrapy import Request, Spider

from runclub_spider.apis.call import AnswerError, Api, Call
from runclub_spider.apis.guard import ApiPaused, ApiUnavailable, Stopping
from runclub_spider.apis.service import Service
from runclub_spider.apis.spotify.answers import PAGE, WHOLE, Problem, explain, problem_of
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.apis.wire import PARSER_VERSION, Reading
from runclub_spider.config import Config, utc_now
from runclub_spider.crawl.budget import BudgetSpent
from runclub_spider.crawl.faults import is_ours, told
from runclub_spider.crawl.handler import NoToken, NotSent
from runclub_spider.crawl.middlewares.once import AlreadyAsked
from runclub_spider.crawl.preflight import check_spotify_credentials, check_writable
from runclub_spider.crawl.regime import find_regime
from runclub_spider.crawl.requests import to_request
from runclub_spider.crawl.run import Run
from runclub_spider.enrich.order import after_discovery, services
from runclub_spider.errors import RunclubError
from runclub_spider.frontier.driver import Frontier
from runclub_spider.frontier.plan import plan_of
from runclub_spider.frontier.planners import Planner
from runclub_spider.frontier.templates import Kind, Seed
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.arguments import SpotifyArguments
from runclub_spider.spiders.by_hand import task_of
from runclub_spider.spiders.refusals import ALIKE, SEARCHES, Refusals
from runclub_spider.store.facts import tracks
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
        spider._told = {}
        spider._refusals = Refusals()
        return spider

    args: SpotifyArguments
    run: Run
    deltafetch_reset: bool
    _refusals: Refusals
    # Pages that could not be read earlier and wait.
    _aside: Mapping[str, int]
    # The first error of each kind that lost a page.
    _told: dict[type[BaseException], str]
    # Tracks that the budget should add to cells that lack them.
    _expected: float | None = None

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

    async def announce(self, planner: Planner) -> None:
        """Before the first page: say what a budget should fill."""
        budget = self.run.budget
        if budget.limit is None:
            return
        left = budget.left
        found = await self.run.store.run(lambda c: planner.outlook(c, left))
        if found is not None:
            self._expected = found.tracks
            print(
                f"Budget {budget.limit:,}: {found.pages:,} {self.asks} should add about "
                f"{found.tracks:,.0f} tracks\nto the {found.lacking} of {found.cells} cells below "
                f"{planner.cell_minimum}.",
                flush=True,
            )

    async def conclude(self, planner: Planner) -> None:
        """After the last page: say what was filled, beside what had been expected."""
        found = await self.run.store.run(planner.harvest)
        if found is None:
            return
        stats = self.crawler.stats
        stats.set_value("runclub/frontier/filled", found.tracks)
        stats.set_value("runclub/frontier/promised", round(found.promised))
        stats.set_value("runclub/frontier/idle_pages", found.idle)
        stats.set_value("runclub/frontier/cells_lacking", found.lacking)
        expected = ""
        if self._expected is not None:
            stats.set_value("runclub/frontier/expected", round(self._expected))
            expected = f" of about {self._expected:,.0f} expected"
        self.run.outcome.note(
            f"Filled: {found.tracks:,} tracks{expected} by {found.pages:,} {self.asks}, into cells "
            f"below {planner.cell_minimum}; {found.lacking} of {found.cells} cells still are.\n"
            f"Regret: {found.idle:,} {self.asks} filled nothing; together they had promised "
            f"{found.promised:,.0f}."
        )

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
        regime = await find_regime(run)
        if regime is None:
            return
        enrichment = after_discovery(run)
        run.feed(enrichment)
        plan = await self.plan()
        await run.store.run(lambda c: self._open(c, plan, regime))
        planner = self.planner(plan, regime)
        if planner is not None:
            frontier = self._frontier(planner, regime)
            run.queue.follow(frontier)
            await self.announce(planner)
            async for task in frontier.tasks():
                yield self._request(task)
            for item in self._left():
                yield item
            await self.conclude(planner)
        await enrichment.finish()

    def parse(self, response: Response, task: object = None) -> Any:
        """One answered page into one item; without its task, the page that the address asks."""
        if not isinstance(task, PageTask):
            try:
                task = self._task_of(response.url, task)
            except ValueError as error:
                self.logger.error("%s", error)
                return
        item = DiscoveredPage(task)
        problem = problem_of(response.status, response.body)
        if problem is None:
            try:
                blamed = self.run.reading.blamed(self.read(item, response.body))
            except AnswerError as error:
                self._defer(task, f"an answer could not be read ({error})")
                return
            if blamed is not None:
                self._put_aside(item, blamed)
                return
        elif problem is Problem.PAGE_SIZE:
            self._wrong_regime(task)
            return
        elif problem in WHOLE:
            market = self.run.config.market
            self._shut_out(task, explain(problem, response.status, response.body, market=market))
            return
        elif problem in PAGE:
            item.refused = str(response.status)
            if response.status == 403:
                # One list, or all of them now: the next run finds out what the key may do.
                self.run.key.doubt()
            if self._refused_like_all(item, problem, response):
                return
        else:
            if not self._refused_like_all(item, problem, response):
                self._defer(task, f"Spotify answered {response.status}")
            return
        if item.refused:
            self._close_refused(item)
        elif task.kind in SEARCHES:
            # The key is answered: what was refused before was each page's own affair.
            yield from self._released()
        self.run.reading.count(item.odd)
        yield item

    def _task_of(self, url: str, given: object) -> PageTask:
        return task_of(
            url, given, spider=self.name, seed_kind=self.seed_kind, market=self.run.config.market
        )

    def _refused_like_all(self, item: DiscoveredPage, problem: Problem, response: Response) -> bool:
        """Whether a refusal is not the page's own, or it is not known yet; then the page waits."""
        if self.run.outcome.ended:
            self._defer(item.task, None)
            return True
        if item.task.kind not in SEARCHES or self._refusals.settled or response.status >= 500:
            return False
        number = self._refusals.add(item, f"{response.status} {problem}")
        if number >= ALIKE:
            said = explain(problem, response.status, response.body)
            self._shut_out(
                item.task,
                f"every search is refused, {number} of {number} since the start; {said}; "
                "no page was marked",
            )
        elif item.refused is None:
            return False
        else:
            self.run.queue.hold_back(item.task.key)
        return True

    def _released(self) -> Iterator[DiscoveredPage]:
        for item in self._refusals.release():
            self._close_refused(item)
            yield item

    def _close_refused(self, item: DiscoveredPage) -> None:
        self.crawler.stats.inc_value(f"runclub/refused/{item.task.kind}/{item.refused}")

    def give_up(self, failure: Failure) -> None:
        """A page that was not answered stays in the queue for the next run."""
        task: PageTask = failure.request.cb_kwargs["task"]  # type: ignore[attr-defined]
        error = failure.value
        if isinstance(error, AlreadyAsked):
            return
        cause = error.cause if isinstance(error, NotSent) else error
        assert cause is not None
        if isinstance(cause, ApiPaused):
            self.run.paused(cause)
            self._defer(task, None)
        elif isinstance(cause, BudgetSpent | Stopping | NoToken):
            # Told where it came from.
            self._defer(task, None)
        elif isinstance(cause, ApiUnavailable):
            self._defer(task, f"a page was put off ({cause})")
        elif is_ours(cause):
            self._defer(task, None)
            self.run.outcome.broke(cause)
        else:
            # Once a kind: such an error may name the address, another for each page.
            said = self._told.setdefault(type(cause), told(cause))
            self._defer(task, f"a page was put off ({said})")

    def _left(self) -> list[DiscoveredPage]:
        """Refused searches when all is asked: too few to speak of all, so they are closed.

        They wait for the next run when this one came to its end before.
        """
        if self.run.queue.ran_dry and not self.run.outcome.ended:
            return list(self._released())
        for item in self._refusals.release():
            why = f"a search was put off (refused with {item.refused}, and none was answered)"
            self._defer(item.task, why)
        return []

    def _request(self, task: PageTask) -> Request:
        self.run.queue.hand_out(task.key)
        return to_request(
            self.call(task),
            callback=self.parse,
            errback=self.give_up,
            cb_kwargs={"task": task},
            meta={"deltafetch_key": task.key},
        )

    def _shut_out(self, task: PageTask, reason: str) -> None:
        """Nothing this key asks is answered any more: the page waits until somebody mends that."""
        self._defer(task, None)
        self.run.outcome.failed(RunclubError(reason))

    def _wrong_regime(self, task: PageTask) -> None:
        """The key may do less than was found out before: the next run finds out anew."""
        self._defer(task, "the key's page size changed; the next run probes it again")
        self.run.key.doubt()
        self.run.queue.stop()

    def _defer(self, task: PageTask, reason: str | None) -> None:
        self.run.queue.put_off(task.key, reason)

    def _put_aside(self, item: DiscoveredPage, blamed: str) -> None:
        """An answer that is not what the API used to give: the page waits for a longer time."""
        self.run.reading.count(item.odd)
        self.run.queue.put_aside(item.task.key, blamed)

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

    def _frontier(self, planner: Planner, regime: Regime) -> Frontier:
        run = self.run
        return Frontier(
            run.store,
            planner,
            spider=self.name,
            market=run.config.market,
            round_pages=run.config.round_pages,
            affordable=lambda: run.budget.affordable_pages(
                regime, run.config.page_size, begun=run.queue.handed_out > 0
            ),
            aside=self._aside,
            idle=self._idle,
            stranded=self._stranded,
        )

    def _open(self, connection: sa.Connection, plan: tuple[Seed, ...], regime: Regime) -> None:
        """Register the plan's seeds, and judge stored tracks under today's policy."""
        run, now = self.run, utc_now()
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
        # Planned for a wider key: asked like that they would be refused for good.
        pages.unplan_larger(connection, PageKind.TRACK_SEARCH, regime.search_rows)
        pages.unplan_larger(connection, PageKind.PLAYLIST_SEARCH, regime.search_rows)
        self.refresh(connection, now)
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
