"""What the parts of one crawl share: configuration, store, guards, budget, and the outcome.

The composition root. Scrapy builds its components one by one; each asks `Runtime.of(crawler)`
and gets the same object.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from runclub_spider import __version__
from runclub_spider.apis.call import Api, Family
from runclub_spider.apis.guard import ALL, ApiPaused, Guard, Manners, Stopping
from runclub_spider.apis.kexp.calls import KexpCalls
from runclub_spider.apis.listenbrainz.calls import ListenBrainzCalls
from runclub_spider.apis.musicbrainz.calls import MusicBrainzCalls, agent
from runclub_spider.apis.pacer import WINDOW_SECONDS, Metronome, Pacer
from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH, TRACKS_BATCH, ReccoBeatsCalls
from runclub_spider.apis.spotify.calls import SpotifyCalls
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.spotify.token_file import TokenFile, current_token, keep_rotated
from runclub_spider.apis.wire import FEW, PARSER_VERSION, Reading
from runclub_spider.catalog.rules import Policy
from runclub_spider.config import Config, utc_now
from runclub_spider.crawl import faults
from runclub_spider.errors import RunclubError
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.thread import StoreThread
from runclub_spider.store.db.trial import TrialStore
from runclub_spider.store.queue import drift, quota, runs
from runclub_spider.text import moment

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from runclub_spider.apis.spotify.tokens import TokenClient
    from runclub_spider.apis.wire import Oddities
    from runclub_spider.frontier.driver import Frontier

logger = logging.getLogger(__name__)

FINISHED, PAUSED, INCOMPLETE, INTERRUPTED, FAILED = (
    "finished",
    "paused",
    "incomplete",
    "interrupted",
    "failed",
)
_RANK = (FINISHED, INCOMPLETE, PAUSED, INTERRUPTED, FAILED)
_EXIT = {FINISHED: 0, INCOMPLETE: 75, PAUSED: 75, INTERRUPTED: 75, FAILED: 1}


# Calls in 30 seconds that a real key is first tried with, and how long a found limit is believed.
_REAL_START = 30
_PACE_DAYS = 30
# Seconds between two calls, as MusicBrainz (one a second, with a margin) and ListenBrainz (30 in
# 10 seconds) allow everybody.
_MUSICBRAINZ_SECONDS, _LISTENBRAINZ_SECONDS = 1.1, 0.4


class Worker(Protocol):
    """An enrichment worker, as far as the budget needs it."""

    @property
    def calls_needed(self) -> int:
        """Calls for all ids taken up in this run, sent or not."""
        ...


class Drifted(Exception):
    """No row of a batch could be read; `field` is the one to blame, as `model.field`."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class BudgetSpent(Exception):
    """The requests granted with `-a budget=N` are used up."""


@dataclass(slots=True)
class Outcome:
    """How the run went. The worst report wins; the exit code follows from it."""

    result: str = FINISHED
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    resume_at: float | None = None
    exit_code: int | None = None
    release: str | None = None

    def report(
        self,
        result: str,
        reason: str,
        *,
        resume_at: float | None = None,
        exit_code: int | None = None,
    ) -> None:
        """Record that something kept the run from finishing, once per reason."""
        if _RANK.index(result) > _RANK.index(self.result):
            self.result = result
        if reason not in self.reasons:
            self.reasons.append(reason)
        if resume_at is not None:
            self.resume_at = max(self.resume_at or 0, resume_at)
        if exit_code is not None:
            self.exit_code = exit_code

    def note(self, text: str) -> None:
        """Say something the person should know, once."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def code(self) -> int:
        """The process exit code of the contract."""
        return _EXIT[self.result] if self.exit_code is None else self.exit_code


def regime_key(config: Config) -> str:
    """Where the store keeps what a key may do."""
    return f"regime|{config.spotify_api_base_url}|{config.spotify_client_id}"


def genres_key(config: Config) -> str:
    """Where the store keeps since when a key's artist records are known to carry no genres."""
    return f"no_genres|{config.spotify_api_base_url}|{config.spotify_client_id}"


def pace_key(config: Config) -> str:
    """Where the store keeps how many calls a window the key was found to be allowed."""
    return f"pace|{config.spotify_api_base_url}|{config.spotify_client_id}"


def _interval(config: Config, url: str, legal: float) -> float:
    """Seconds between two calls: what the service allows, unless it is a server of our own."""
    if config.source_of(url) == "sandbox":
        return config.musicbrainz_interval
    return max(legal, config.musicbrainz_interval)


class Runtime:
    """One per crawler; see the module."""

    _all: ClassVar[WeakKeyDictionary[Crawler, Runtime]] = WeakKeyDictionary()

    @classmethod
    def of(cls, crawler: Crawler, *, trial: bool = False) -> Runtime:
        """The crawler's runtime, made when first asked for; a `trial` leaves nothing behind."""
        if crawler not in cls._all:
            cls._all[crawler] = cls(crawler, trial=trial)
        return cls._all[crawler]

    @classmethod
    def made(cls, crawler: Crawler) -> Runtime | None:
        """The crawler's runtime, if it has come to that."""
        return cls._all.get(crawler)

    def __init__(self, crawler: Crawler, *, trial: bool = False) -> None:
        self.crawler = crawler
        self.config = config = Config.from_settings(crawler.settings)
        self.outcome = Outcome()
        self.store = StoreThread(TrialStore.open(config) if trial else Store.open(config))
        self.market = config.market
        self.budget: int | None = None
        self.force: frozenset[str] = frozenset()
        self.started_at = utc_now()
        self.spent: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.run_id = 0
        self.regime: Regime | None = None
        self.forget_regime = False
        # Whether the run's end was written down; a forced stop skips that.
        self.recorded = False
        self.pages_asked = 0
        # Keys of pages sent in this run, and of pages the store holds (as deltafetch has them).
        self.asked: set[str] = set()
        self.done: set[bytes] = set()
        # Keys of answered pages of which no row could be read, and the field to blame.
        self.unreadable: dict[str, str] = {}
        self._read_any = False
        self.frontier: Frontier | None = None
        self.workers: list[Worker] = []
        # Tracks that became eligible after their page was stored, by an enricher's answer.
        self.admitted: set[str] = set()
        self._uncounted: Counter[tuple[str, str]] = Counter()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._accounts_closed_until = 0.0
        self._told_unknown = self._broken = False
        # Families whose quota was refused in this run.
        self._refused: set[str] = set()
        with self.store.store.begin() as connection:
            self.guards = {
                Api.SPOTIFY: self._guard(
                    Api.SPOTIFY,
                    config.spotify_concurrency,
                    pacer=self._spotify_pacer(connection),
                ),
                Api.RECCOBEATS: self._guard(
                    Api.RECCOBEATS,
                    config.reccobeats_concurrency,
                    most=config.reccobeats_most,
                    pacer=Pacer(math.inf),
                ),
                # One reading after the other; the reading itself retries, with smaller pages.
                Api.KEXP: Guard(
                    Api.KEXP,
                    Manners(1, 0, 0.0, config.max_wait_seconds, unnamed_block=False),
                    count=partial(self._count, Api.KEXP),
                    on_block=lambda family, until, reason: self._remember(
                        quota.Block(Api.KEXP, family, int(until), reason)
                    ),
                    stopping=self.stopping,
                ),
                Api.MUSICBRAINZ: self._guard(
                    Api.MUSICBRAINZ,
                    1,
                    pacer=Metronome(
                        _interval(config, "musicbrainz_base_url", _MUSICBRAINZ_SECONDS)
                    ),
                ),
                Api.LISTENBRAINZ: self._guard(
                    Api.LISTENBRAINZ,
                    1,
                    pacer=Metronome(
                        _interval(config, "listenbrainz_base_url", _LISTENBRAINZ_SECONDS)
                    ),
                ),
            }
            self._day = quota.last_day(connection, Api.SPOTIFY, utc_now())
            # Kinds of batches that could not be read, and until when they wait.
            self.drifting = drift.waiting(connection, PARSER_VERSION)
            self._learnt = quota.learnt_limits(connection, Api.SPOTIFY)
            self._since_refusal = quota.since_refusal(connection, Api.SPOTIFY)
            quota.shorten(connection, utc_now())
            for found in quota.blocks(connection, utc_now()):
                if found.account == Api.ACCOUNTS:
                    self._accounts_closed_until = found.blocked_until
                if found.account in self.guards:
                    self.guards[Api(found.account)].block(
                        found.family, found.blocked_until, found.reason
                    )

    @cached_property
    def tokens(self) -> TokenClient:
        """The token client; made at the first request, for a run without one needs no import."""
        from runclub_spider.apis.spotify.tokens import TokenClient

        config = self.config
        client_id = config.spotify_client_id or ""
        file = TokenFile(config.token_file)
        return TokenClient(
            config.spotify_accounts_base_url,
            client_id,
            config.spotify_client_secret,
            current_token(file, client_id, config.spotify_refresh_token),
            rotated=partial(keep_rotated, file, client_id),
            max_wait=config.max_wait_seconds,
            closed_until=self._accounts_closed_until,
        )

    def accounts_refuse(self, until: float, reason: str) -> None:
        """Remember that no token is to be had before a moment."""
        self._remember(quota.Block(Api.ACCOUNTS, ALL, int(until), reason))

    @property
    def policy(self) -> Policy:
        """The rules of eligibility under this configuration and market."""
        return Policy(self.market, self.config.min_duration_ms, self.config.max_duration_ms)

    @property
    def spotify(self) -> SpotifyCalls:
        """Builders of Spotify calls for the run's market."""
        return SpotifyCalls(self.config.spotify_api_base_url, self.market)

    @property
    def reccobeats(self) -> ReccoBeatsCalls:
        """Builders of ReccoBeats calls."""
        return ReccoBeatsCalls(self.config.reccobeats_base_url, self.config.reccobeats_api_key)

    @property
    def kexp(self) -> KexpCalls:
        """Builders of KEXP calls."""
        return KexpCalls(self.config.kexp_base_url)

    @property
    def musicbrainz(self) -> MusicBrainzCalls:
        """Builders of MusicBrainz calls."""
        return MusicBrainzCalls(self.config.musicbrainz_base_url, self._agent)

    @property
    def listenbrainz(self) -> ListenBrainzCalls:
        """Builders of ListenBrainz calls."""
        return ListenBrainzCalls(self.config.listenbrainz_base_url, self._agent)

    @property
    def _agent(self) -> str:
        """The name of this program with whom to write to, as MusicBrainz asks for."""
        contact = self.config.open_metadata_contact or ""
        return agent(f"runclub-spider/{__version__}", contact)

    @property
    def open_metadata_before(self) -> int:
        """Open metadata asked before this moment is asked again."""
        return self.started_at if "open_metadata" in self.force else 0

    @property
    def artists_before(self) -> int:
        """Artists fetched before this moment are asked again."""
        if "artists" in self.force:
            return self.started_at
        return self.started_at - int(self.config.artist_refresh_days * 86_400)

    @property
    def details_before(self) -> int:
        """Track details asked before this moment are asked again, at an artist's age."""
        if "details" in self.force:
            return self.started_at
        return self.started_at - int(self.config.artist_refresh_days * 86_400)

    @property
    def features_before(self) -> int:
        """Features and misses asked before this moment are asked again."""
        return self.started_at if "features" in self.force else 0

    def spend(self, api: str, family: str) -> None:
        """Take one request from the budget and write it into the quota ledger."""
        if self.ended:
            raise Stopping(api)
        if self.budget is not None and self.spent.total() >= self.budget:
            raise BudgetSpent(f"the budget of {self.budget} requests is spent")
        if api == Api.SPOTIFY:
            self._check_quota(family)
        self.spent[family] += 1
        self._uncounted[api, family] += 1

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    @property
    def calls_waiting(self) -> int:
        """Calls for all ids that enrichment took up in this run."""
        return sum(worker.calls_needed for worker in self.workers)

    def affordable_pages(self) -> int | None:
        """How many more pages the budget allows with the enrichment they will need.

        Counted from ids found, not from calls sent, so that it is the same at the same point
        of the ledger however fast the workers are. None without a budget.
        """
        if self.budget is None or self.regime is None:
            return None
        asked = self.spent[Family.SEARCH] + self.spent[Family.PLAYLIST]
        left = self.budget - asked - self.calls_waiting
        rows = self.regime.search_page(self.config.page_size)
        a_page = 1 + rows / FEATURES_BATCH + rows / max(self.regime.artist_batch, rows)
        if not self.regime.track_popularity:
            a_page += rows / TRACKS_BATCH
        pages = int(left / a_page)
        return pages if pages or self.pages_asked else min(1, left)

    def _check_quota(self, family: str) -> None:
        """Refuse a call beyond the limit the user set for 24 hours, and count it."""
        now = utc_now()
        hours = self._day.setdefault(family, {})
        for hour in [hour for hour in hours if hour <= now - quota.DAY]:
            del hours[hour]
        limit = self.quota_limit(family)
        if limit is not None and sum(hours.values()) >= limit:
            # The oldest hour leaves the window whole, at the end of its hour.
            until = min(hours, default=now) + quota.DAY + quota.HOUR
            raise ApiPaused(Api.SPOTIFY, family, until, f"{limit} calls in 24 h are spent")
        hour = now - now % quota.HOUR
        hours[hour] = hours.get(hour, 0) + 1
        if family in self._since_refusal:
            self._since_refusal[family] += 1

    def _measured(self, family: str) -> int:
        """Calls by which the next refusal of a family's quota is judged."""
        return self._since_refusal.get(family, sum(self._day.get(family, {}).values()))

    def _near_limit(self, family: str) -> bool:
        """Whether a quota that was found out is all but spent: then one call at a time."""
        found, in_flight = self._learnt.get(family), self.config.spotify_concurrency
        return found is not None and self._measured(family) >= found - in_flight

    def quota_limit(self, family: str) -> int | None:
        """Calls in 24 h the user allows: set, or the share of what a refusal taught."""
        config = self.config
        limit, origin = quota.limit_of(
            family, config.quota_limits, self._learnt, share=config.quota_share
        )
        # What was learnt only informs, unless the user wants a share of it kept free.
        return limit if origin == "set" or config.quota_share < 1 else None

    def flush_quota(self, connection: sa.Connection) -> None:
        """Write the calls since the last flush into the quota ledger."""
        calls, self._uncounted = self._uncounted, Counter()
        for api in {api for api, _ in calls}:
            quota.count(
                connection, api, {f: n for (a, f), n in calls.items() if a == api}, utc_now()
            )

    def count_odd(self, odd: Oddities) -> None:
        """Make visible what a parser did not consume; a row of a new type is told once a run."""
        stats = self.crawler.stats
        for name, number in odd.unexpected.items():
            stats.inc_value(f"runclub/unexpected/{name}", number)
        for name, number in odd.dropped.items():
            stats.inc_value(f"runclub/dropped/{name}", number)
        if odd.unknown and not self._told_unknown:
            self._told_unknown = True
            logger.warning(
                "rows of a type or shape this program does not know (%s): left out, and counted "
                "as runclub/rows/unknown",
                ", ".join(map(repr, sorted(odd.unknown))),
            )

    def drift_of(self, reading: Reading) -> str | None:
        """The field for which a page could not be read; None when it was.

        A page of few rows that are odd is chance, once others were read.
        """
        blamed = reading.drift
        if blamed is None:
            self._read_any = self._read_any or reading.read > 0
        elif self._read_any and reading.read + reading.unreadable.total() < FEW:
            return None
        return blamed

    def take(self, reading: Reading) -> None:
        """Count what was odd about a batch; raises `Drifted` when no row could be read.

        A few rows alone are chance, and count as not known to the API.
        """
        self.count_odd(reading.odd)
        blamed = reading.drift
        if blamed is not None and reading.read + reading.unreadable.total() >= FEW:
            raise Drifted(blamed)

    async def put_aside(self, kind: str, blamed: str) -> None:
        """Have a kind of batches wait of which no row could be read."""
        until = await self.store.run(
            lambda c: drift.put_aside(c, kind, self.started_at, PARSER_VERSION)
        )
        self.waits(kind, until, f" (no row could be read, for want of {blamed})")

    def waits(self, kind: str, until: int, why: str = "") -> None:
        """Say that a kind of batches waits, and until when."""
        self.outcome.report(
            INCOMPLETE,
            f"{kind}: not readable to this program{why}; asked again after {moment(until)}, or by "
            "a newer one",
            resume_at=until,
        )

    async def readable(self, kind: str) -> None:
        """A kind of batches was read: whatever it waited for is over."""
        if self.drifting.pop(kind, None) is not None:
            await self.store.run(lambda c: drift.forget(c, kind))

    def paused(self, error: ApiPaused) -> None:
        """An API refuses for long: stop asking it, remember until when, end with 75."""
        self.outcome.report(PAUSED, str(error), resume_at=error.until)
        asked_by_frontier = {ALL, Family.SEARCH, Family.PLAYLIST}
        if (
            error.api == Api.SPOTIFY
            and error.family in asked_by_frontier
            and self.frontier is not None
        ):
            self.frontier.stop()

    def failed(self, error: RunclubError) -> None:
        """Something that ends the run: told once, without a traceback."""
        self.outcome.report(FAILED, str(error), exit_code=error.exit_code)
        if self.frontier is not None:
            self.frontier.stop()

    def broke(self, error: BaseException) -> None:
        """An exception that nobody expected ends the run; the first of them is told."""
        if isinstance(error, RunclubError):
            self.failed(error)
            return
        logger.debug("a fault of this program", exc_info=error)
        if not self._broken:
            self._broken = True
            self.outcome.report(FAILED, faults.report(error))
        if self.frontier is not None:
            self.frontier.stop()

    @property
    def ended(self) -> bool:
        """Whether something has ended the run: nothing more is to be asked."""
        return self.outcome.result == FAILED

    async def stage(self, signal: object) -> None:
        """Have one stage of enrichment done by those who take part in it."""
        if self.ended:
            return
        for result in await self.crawler.signals.send_catch_log_async(signal):
            # Scrapy returns what a receiver raised in the place of what it returned.
            error = result[1] if isinstance(result, tuple) else result
            if isinstance(error, BaseException):
                self.broke(error)

    def watch(self, task: asyncio.Future[Any]) -> None:
        """Keep a task that nobody awaits from failing unseen."""
        self._tasks.add(task)
        task.add_done_callback(self._watched)

    def _watched(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.broke(error)

    async def written(self) -> None:
        """Wait for what is being written on the side."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def put_off(self, key: str, reason: str | None) -> None:
        """A page stays in the queue for the next run; without a reason that is told elsewhere."""
        if reason and not self.ended:
            self.outcome.report(INCOMPLETE, reason)
        self.crawler.stats.inc_value("runclub/pages_put_off")
        if self.frontier is not None:
            self.frontier.settle(key, deferred=True)

    def close(self) -> None:
        """Close the store; called once the engine has stopped."""
        self.store.close()

    def _guard(self, api: Api, concurrency: int, *, most: int = 0, pacer: Pacer) -> Guard:
        config = self.config

        def remember(family: str, until: float, reason: str) -> None:
            block = quota.Block(api, family, int(until), reason)
            if api != Api.SPOTIFY or family == ALL or family in self._refused:
                # Others that were on their way are refused as well: that teaches nothing new.
                self._remember(block)
                return
            self._refused.add(family)
            # Not taken were the refused call itself and those on their way behind it.
            taken = self._measured(family) - 1 - self.guards[Api.SPOTIFY].under_way[family]
            self._remember(block, taken)

        return Guard(
            api,
            Manners(
                concurrency,
                config.api_retries,
                config.api_backoff_seconds,
                config.max_wait_seconds,
                most,
            ),
            pacer=pacer,
            count=lambda event: self._count(api, event),
            on_block=remember,
            stopping=self.stopping,
            careful=self._near_limit if api == Api.SPOTIFY else lambda _family: False,
        )

    def _remember(self, block: quota.Block, calls: int = 0) -> None:
        """Write a refusal down, and after how many calls in a day it came."""

        def write(connection: sa.Connection) -> None:
            quota.block(connection, block)
            if calls:
                quota.learn_limit(connection, block.account, block.family, calls)

        self.watch(asyncio.ensure_future(self.store.run(write)))

    def _spotify_pacer(self, connection: sa.Connection) -> Pacer:
        """From what an earlier run learnt, else from below; a server of our own paces itself."""
        config = self.config
        learnt = quota.learnt_pace(connection, pace_key(config), utc_now() - _PACE_DAYS * 86_400)
        real = config.source_of("spotify_api_base_url") == "spotify"
        start = config.spotify_start_rate or (_REAL_START if real else math.inf)
        idle = utc_now() - (runs.last_seen(connection) or 0)
        return Pacer(start, learnt, clean=idle > WINDOW_SECONDS)

    def _count(self, api: str, event: str) -> None:
        self.events[f"{api}/{event}"] += 1
        self.crawler.stats.inc_value(f"runclub/{api}/{event}")

    def stopping(self) -> bool:
        """Whether the run is coming to its end: nothing new is sent then."""
        engine = self.crawler.engine
        return self.ended or (engine is not None and not engine.running)
