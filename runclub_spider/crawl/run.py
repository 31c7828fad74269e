"""One crawl: its configuration, store, outcome, budget, quota and services.

Scrapy builds its components one by one; each asks `Run.of(crawler)` and gets the same object.
Until the run is *begun* there is no store: a crawler may as well be one of `scrapy shell`, which
must leave the store alone. It is begun by the command `crawl`, else by the spider's `start`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from weakref import WeakKeyDictionary

from runclub_spider.apis.call import Api, Family
from runclub_spider.apis.guard import ALL, ApiPaused, Stopping
from runclub_spider.apis.service import Hooks
from runclub_spider.config import Config, Membership, utc_now
from runclub_spider.crawl import preflight
from runclub_spider.crawl.apis import Apis
from runclub_spider.crawl.budget import Budget, PlanCosts
from runclub_spider.crawl.filters import Filters
from runclub_spider.crawl.outcome import PAUSED, Outcome
from runclub_spider.crawl.queue import PageQueue
from runclub_spider.crawl.quota import Quota
from runclub_spider.crawl.reading import Readability
from runclub_spider.store.db.address import exists
from runclub_spider.store.db.engine import Store, make_roomy
from runclub_spider.store.db.lock import exclusive, shared
from runclub_spider.store.db.thread import StoreThread
from runclub_spider.store.db.trial import TrialStore
from runclub_spider.store.fleet import costs
from runclub_spider.store.queue.quota import Block
from runclub_spider.text import DAY

if TYPE_CHECKING:
    import sqlalchemy as sa
    from scrapy import Spider
    from scrapy.crawler import Crawler

    from runclub_spider.apis.spotify.probe import Probe
    from runclub_spider.apis.spotify.regimes import Regime
    from runclub_spider.items import DiscoveredPage

logger = logging.getLogger(__name__)

# Seconds from which on a run of a fleet leaves a page to the others rather than to wait.
_OTHERS_SOONER = 2.0
# What the frontier asks: a pause of one of these ends its rounds.
_ASKED_BY_FRONTIER = frozenset({ALL, Family.SEARCH, Family.PLAYLIST})


class PageStages(Protocol):
    """Those who complete tracks, as far as the page's transaction feeds them."""

    def look(
        self,
        connection: sa.Connection,
        page: DiscoveredPage,
        eligible: Sequence[str],
        curable: Sequence[str],
    ) -> None:
        """Note on the page what is to be asked of its eligible and nearly eligible tracks."""
        ...

    async def take(self, page: DiscoveredPage) -> None:
        """Take up what was noted, once the page is committed."""
        ...


@dataclass(slots=True)
class ProbePage:
    """A page of the plan that tells what the key may do; `heard` once it was answered so far."""

    probe: Probe
    key: str
    heard: bool = False


@dataclass(slots=True)
class Key:
    """What the run's key may do, as far as it is known."""

    regime: Regime | None = None
    #: The page whose answer will tell.
    asked_by: ProbePage | None = None
    #: Called when it is known, and before a page that told it is stored.
    when_known: list[Callable[[], None]] = field(default_factory=list)
    #: Whether it may do less than was found out: the next run finds out anew.
    doubted: bool = False

    def may(self, regime: Regime) -> None:
        """It was found out, or is configured."""
        if regime is not self.regime:
            self.regime = regime
            for listener in self.when_known:
                listener()

    def ask_by(self, page: ProbePage) -> None:
        """A page of the plan is about to tell."""
        self.asked_by = page

    def doubt(self) -> None:
        """It was refused what its regime promises."""
        self.doubted = True


@dataclass(frozen=True, slots=True)
class Member:
    """The run's place in a fleet: its plan, and its name on what it has in hand."""

    plan_id: int
    owner: str

    @classmethod
    def of(cls, connection: sa.Connection, job: Membership) -> Member:
        """The place that a job stands for."""
        return cls(costs.plan_of(connection, job.job), f"job {job.job}")

    @staticmethod
    def leaves(run: Run, api: str, seconds: float) -> bool:
        """Whether a page is left to the others of the fleet rather than to wait so long."""
        asks = api == Api.SPOTIFY and run.queue.begun and run.key.regime is not None
        return asks and seconds > _OTHERS_SOONER

    def reckon(self, connection: sa.Connection, run: Run, needed: int | None = None) -> None:
        """Have the run's budget know what its plan has spent; `needed` calls enrichment will."""
        elsewhere = costs.spent(connection, self.plan_id) - run.quota.written
        run.budget.take_up(PlanCosts(elsewhere, needed))


@dataclass(slots=True)
class Record:
    """The run's row in the store."""

    number: int = 0
    #: Whether the run's end was written down; a forced stop skips that.
    closed: bool = False

    def opened(self, number: int) -> None:
        """The row was written, before the first request."""
        self.number = number

    def close(self) -> None:
        """The run's end was written down, or could not be."""
        self.closed = True


class SideTasks:
    """Work that goes on beside the run."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._tasks: set[asyncio.Future[Any]] = set()
        self._endless: list[asyncio.Future[Any]] = []

    def watch(self, task: asyncio.Future[Any]) -> None:
        """Keep a task that nobody awaits from failing unseen."""
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def keep_up(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something go on until the run is over; what it raises ends the run."""
        task = asyncio.ensure_future(work)
        self._endless.append(task)
        self.watch(task)

    def _done(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._outcome.broke(error)

    async def done(self) -> None:
        """End what goes on, and wait for what is under way."""
        for task in self._endless:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Run:
    """One per crawler; see the module."""

    _all: ClassVar[WeakKeyDictionary[Crawler, Run]] = WeakKeyDictionary()

    @classmethod
    def of(cls, crawler: Crawler) -> Run:
        """The crawler's run, made when first asked for."""
        if crawler not in cls._all:
            cls._all[crawler] = cls(crawler)
        return cls._all[crawler]

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.arguments: Any = None
        self.started_at = utc_now()
        self.outcome = Outcome(aside=preflight.rows_to_stdout(crawler.settings))
        self.queue = PageQueue(self.outcome, self.count)
        self.reading = Readability(self.outcome, self.count, self.started_at)
        self.record = Record()
        self.key = Key()
        # Its place in a fleet, once it has begun.
        self.member: Member | None = None
        # Tracks that became eligible after their page was stored, by an enricher's answer.
        self.admitted: set[str] = set()
        self.stages: PageStages | None = None
        self.tasks = SideTasks(self.outcome)
        self._begins: list[Callable[[Spider], Awaitable[None]]] = []
        self._ends: list[Callable[[], Awaitable[None]]] = []
        # Whether nobody but the spider began the run: then it is closed with the engine.
        self._alone = False
        self._store: StoreThread | None = None
        self._held = ExitStack()
        self._configure(Config.from_settings(crawler.settings))

    def _configure(self, config: Config) -> None:
        self.config = config
        self.budget = Budget(getattr(self.arguments, "budget", None))
        self.quota = Quota(config)
        self.filters = Filters(config)
        self.apis = Apis(
            config,
            Hooks(
                count=lambda api, event: self.count(f"runclub/{api}/{event}"),
                blocked=self.refused,
                stopping=self.stopping,
                careful=self.quota.near_limit,
                learnt_pace=self.quota.pace,
                closed_until=self.quota.closed_until,
                too_long=lambda api, seconds: (
                    self.member is not None and self.member.leaves(self, api, seconds)
                ),
            ),
            self.quota.blocks,
        )

    # Beginning and end

    def read(self, spider: type[Any], given: dict[str, str]) -> Any:
        """The spider's arguments, read once; a market among them becomes the run's.

        Raises:
            ConfigurationError: one of them is wrong.
        """
        if self.arguments is None:
            self.arguments = spider.arguments.read(spider.name, given)
            market = getattr(self.arguments, "market", None)
            self._configure(self.config.model_copy(update={"market": market or self.config.market}))
        return self.arguments

    def begin(self, spider: type[Any], what: str) -> None:
        """Check all that can be wrong before the first request, then open the store.

        Raises:
            RunclubError: in one line what is wrong, and the cure.
        """
        spider.check(self.config, self.arguments)
        preflight.check_settings(self.crawler.settings)
        self.open(spider, what)

    def open(self, spider: type[Any], what: str) -> None:
        """Take the store for this run and read what earlier ones left.

        A trial run (`dry_run`) leaves nothing behind: of a store that is not there it makes no
        file, not even a lock.
        """
        trial, config = getattr(self.arguments, "dry_run", False), self.config
        with ExitStack() as held:
            if config.fleet_job is not None:
                held.enter_context(shared(config, what, config.fleet_job))
            elif not trial or exists(config):
                held.enter_context(exclusive(config, what))
            store = (TrialStore if trial else Store).open(config)
            try:
                with store.begin() as connection:
                    make_roomy(connection)
                    if config.fleet_job is not None:
                        self.member = Member.of(connection, config.fleet_job)
                        self.quota.plan_id = self.member.plan_id
                        self.member.reckon(connection, self)
                    asked = spider.asked(self.arguments)
                    preflight.check_store(connection, config, spider.services, asked)
                    self.quota.load(connection)
                    self.reading.load(connection)
            except BaseException:
                store.close()
                raise
            self._store = StoreThread(store, self.quota)
            self._held = held.pop_all()
        # Requests that JOBDIR kept name their service, and build no call.
        for service in spider.services:
            if service.wanted(config):
                self.apis[service]

    @property
    def begun(self) -> bool:
        """Whether there is a store, and so a run that counts."""
        return self._store is not None

    @property
    def store(self) -> StoreThread:
        """The store of a begun run."""
        assert self._store is not None, "the run has not begun"
        return self._store

    def when_begun(self, work: Callable[[Spider], Awaitable[None]]) -> None:
        """Have something done before the first request of the run."""
        self._begins.append(work)

    def when_over(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have something done when the engine has stopped and the run counts."""
        self._ends.append(work)

    def feed(self, stages: PageStages) -> None:
        """From now on the page's transaction feeds these."""
        self.stages = stages

    async def start(self, spider: Spider) -> None:
        """First of all in a spider's `start`: begin, unless a command has, and call who waits.

        Raises:
            RunclubError: the run cannot begin; nothing was touched.
        """
        if not self.begun:
            self._alone = True
            preflight.check_command(self.crawler.settings, spider.name)
            self.begin(type(spider), f"a run of {spider.name}")
        for work in self._begins:
            await work(spider)

    async def over(self) -> None:
        """The engine has stopped: what is left to do, and without a command the end as well."""
        for work in self._ends if self.begun else ():
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - told by the outcome
                self.outcome.broke(error)
        if self._alone:
            self.close()
            told = [*self.outcome.notes, *filter(None, [self.outcome.release])]
            for line in told:
                logger.info(line)
            for line in self.outcome.reasons:
                logger.error(line)

    def close(self) -> None:
        """Close the store and give it free; called once the engine has stopped."""
        if self._store is not None:
            self._store.close()
        self._held.close()

    # Requests

    def spend(self, api: str, family: str) -> None:
        """Take one request from the budget and write it into the quota ledger."""
        if self.outcome.ended:
            raise Stopping(api)
        self.budget.check()
        self.quota.check(api, family)
        self.budget.spend(family)
        self.quota.count(api, family)

    def stopping(self) -> bool:
        """Whether the run is coming to its end: nothing new is sent then."""
        engine = self.crawler.engine
        return self.outcome.ended or (engine is not None and not engine.running)

    def paused(self, error: ApiPaused) -> None:
        """An API refuses for long: stop asking it, remember until when, end with 75."""
        self.outcome.report(PAUSED, str(error), resume_at=error.until)
        if error.api == Api.SPOTIFY and error.family in _ASKED_BY_FRONTIER:
            self.queue.stop()

    def refused(self, api: str, family: str, until: float, reason: str) -> None:
        """Write down until when a service refuses a family of calls (`*`: all)."""
        if self._store is None:
            return
        block = Block(api, family, int(until), reason)
        in_flight = 0 if api == Api.ACCOUNTS else self.apis.guard(api).in_flight[family]
        self.tasks.watch(
            asyncio.ensure_future(self.store.run(self.quota.refused(block, in_flight)))
        )

    def count(self, name: str, number: int = 1) -> None:
        """Add to one of the run's stats."""
        self.crawler.stats.inc_value(name, number)

    def stale_before(self, kind: str, days: float | None = None) -> int:
        """Facts of a kind that were asked before this moment are asked again.

        All of them when the run is told to (`-a force=kind`), else those older than `days`;
        without an age none.
        """
        if kind in getattr(self.arguments, "force", ()):
            return self.started_at
        return 0 if days is None else self.started_at - int(days * DAY)
