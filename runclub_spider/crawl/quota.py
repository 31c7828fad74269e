"""The calls of the last 24 hours in one run, and what refusals taught about their limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa

from runclub_spider.apis.call import Api
from runclub_spider.apis.guard import ALL, ApiPaused
from runclub_spider.config import Config, utc_now
from runclub_spider.store.fleet import costs
from runclub_spider.store.queue import quota as ledger
from runclub_spider.store.queue import runs
from runclub_spider.store.queue.quota import DAY, HOUR, Block

# How long a found pace is believed.
_PACE_DAYS = 30


def pace_key(config: Config) -> str:
    """Where the store keeps how many calls a window the key was found to be allowed."""
    return f"pace|{config.spotify_api_base_url}|{config.spotify_client_id}"


class Quota:
    """What the ledger says, read once and counted on; written with the pages' transactions.

    Limits are Spotify's: the other services are asked too seldom to have one.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        # What the ledger calls the account that is asked.
        self._account = config.ledger_of(Api.SPOTIFY)
        # The fleet's plan, whose requests are counted together.
        self.plan_id: int | None = None
        self._day: dict[str, dict[int, int]] = {}
        self._learnt: dict[str, int] = {}
        self._since_refusal: dict[str, int] = {}
        self._blocks: list[Block] = []
        self._pace: int | None = None
        self._last_run = 0
        # Calls of this run by service and family: all, those in the ledger, and those that will
        # be with the transaction under way. The first is the event loop's, the others the store
        # thread's.
        self._calls: Counter[tuple[str, str]] = Counter()
        self._written: Counter[tuple[str, str]] = Counter()
        self._writing: Counter[tuple[str, str]] = Counter()
        # Families whose quota was refused in this run.
        self._refused: set[str] = set()

    def load(self, connection: sa.Connection) -> None:
        """Take up what earlier runs left."""
        now = utc_now()
        self._day = ledger.last_day(connection, self._account, now)
        self._learnt = ledger.learnt_limits(connection, self._account)
        self._since_refusal = ledger.since_refusal(connection, self._account)
        self._pace = ledger.learnt_pace(connection, pace_key(self._config), now - _PACE_DAYS * DAY)
        self._last_run = runs.last_seen(connection) or 0
        ledger.shorten(connection, now)
        self._blocks = list(ledger.blocks(connection, now))

    def blocks(self, api: str) -> list[Block]:
        """Refusals of earlier runs that still hold."""
        account = self._config.ledger_of(api)
        return [replace(one, account=api) for one in self._blocks if one.account == account]

    def closed_until(self, api: str) -> float:
        """Until when a service refuses everything, in epoch seconds; 0 when it does not."""
        return max((float(block.blocked_until) for block in self.blocks(api)), default=0.0)

    def pace(self, api: str) -> tuple[int | None, float]:
        """Calls in 30 seconds that were found to be allowed, and seconds since the last run."""
        if api != Api.SPOTIFY:
            return None, 0.0
        return self._pace, utc_now() - self._last_run

    def check(self, api: str, family: str) -> None:
        """Refuse a call beyond the limit the user set for 24 hours.

        Raises:
            ApiPaused: the limit is reached.
        """
        if api != Api.SPOTIFY:
            return
        now = utc_now()
        hours = self._hours(family, now)
        limit = self.limit(family)
        if limit is not None and sum(hours.values()) >= limit:
            # The oldest hour leaves the window whole, at the end of its hour.
            until = min(hours, default=now) + DAY + HOUR
            raise ApiPaused(Api.SPOTIFY, family, until, f"{limit} calls in 24 h are spent")

    def count(self, api: str, family: str) -> None:
        """Note a call."""
        self._calls[api, family] += 1
        if api != Api.SPOTIFY:
            return
        now = utc_now()
        hours, hour = self._hours(family, now), now - now % HOUR
        hours[hour] = hours.get(hour, 0) + 1
        if family in self._since_refusal:
            self._since_refusal[family] += 1

    def _hours(self, family: str, now: int) -> dict[int, int]:
        """A family's calls of the last 24 hours, by hour."""
        hours = self._day.setdefault(family, {})
        for hour in [hour for hour in hours if hour <= now - DAY]:
            del hours[hour]
        return hours

    def limit(self, family: str) -> int | None:
        """Calls in 24 h the user allows: set, or the share of what a refusal taught."""
        config = self._config
        limit, origin = ledger.limit_of(
            family, config.quota_limits, self._learnt, share=config.quota_share
        )
        # A learnt limit is used for planning. It is enforced only if QUOTA_SHARE is below 1.
        return limit if origin == "set" or config.quota_share < 1 else None

    def tightest(self) -> tuple[int, int] | None:
        """Calls of the last 24 hours and their limit, of the family with the fewest left.

        None while no limit was set or found out.
        """
        config, now, known = self._config, utc_now(), list[tuple[int, int]]()
        for family in {*config.quota_limits, *self._learnt}:
            limit, _ = ledger.limit_of(
                family, config.quota_limits, self._learnt, share=config.quota_share
            )
            if limit is not None:
                known.append((sum(self._hours(family, now).values()), limit))
        return min(known, key=lambda one: one[1] - one[0], default=None)

    def near_limit(self, api: str, family: str) -> bool:
        """Whether a quota that was found out is all but spent: then one call at a time."""
        if api != Api.SPOTIFY:
            return False
        found, in_flight = self._learnt.get(family), self._config.spotify_concurrency
        return found is not None and self._measured(family) >= found - in_flight

    def _measured(self, family: str) -> int:
        """Calls by which the next refusal of a family's quota is judged."""
        return self._since_refusal.get(family, sum(self._day.get(family, {}).values()))

    def refused(self, block: Block, in_flight: int) -> Callable[[sa.Connection], None]:
        """What to write of a refusal: until when, and after how many calls in a day it came.

        `in_flight` calls of the family were on their way: neither they nor the refused call
        itself were taken. What is refused after the first teaches nothing new.
        """
        family, calls = block.family, 0
        if block.account == Api.SPOTIFY and family != ALL and family not in self._refused:
            self._refused.add(family)
            calls = self._measured(family) - 1 - in_flight
        account = self._config.ledger_of(block.account)

        def write(connection: sa.Connection) -> None:
            ledger.block(connection, replace(block, account=account))
            if calls:
                ledger.learn_limit(connection, account, family, calls)

        return write

    def flush(self, connection: sa.Connection) -> None:
        """Write the calls that are not in the ledger yet; they are there once `flushed`."""
        self._writing = self._calls.copy()
        calls = self._writing - self._written
        for api in {api for api, _ in calls}:
            families = {family: number for (a, family), number in calls.items() if a == api}
            ledger.count(connection, self._config.ledger_of(api), families, utc_now())
        if self.plan_id is not None and calls:
            costs.spend(connection, self.plan_id, _by_family(calls))

    def flushed(self) -> None:
        """The transaction of the last `flush` was committed."""
        self._written = self._writing

    @property
    def written(self) -> Counter[str]:
        """Requests of this run that are in the store, by family."""
        return _by_family(self._written)

    def learn_pace(self, connection: sa.Connection, ceiling: int | None) -> None:
        """Keep the calls in 30 seconds that this run found to be allowed."""
        if ceiling is not None:
            ledger.learn_pace(connection, pace_key(self._config), ceiling, utc_now())


def _by_family(calls: Counter[tuple[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, family), number in calls.items():
        found[family] += number
    return found
