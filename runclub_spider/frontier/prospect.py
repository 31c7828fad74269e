"""What a plan of searches would cost, with each kind of key: requests and days. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runclub_spider.apis.call import Family
from runclub_spider.apis.pacer import WINDOW_SECONDS
from runclub_spider.apis.spotify.regimes import REGIMES, Regime
from runclub_spider.config import Config
from runclub_spider.frontier.cost import Cost, Reach, cost_of
from runclub_spider.frontier.templates import KINDS, Kind, Seed
from runclub_spider.store.queue import quota, seeds
from runclub_spider.text import DAY

# Keys without a daily quota are held up by what the pacer begins with at a real host.
_ASSUMED_PACE = 30


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store adds to the plan; nothing where there is none.

    Attributes:
        url: of the store, without its password.
        ledger: (kind, term) -> row of `overview.seed_ledger`.
        regime: of the key, and when it was found out.
        limits: learnt calls a day by endpoint family.
        pace: learnt calls in a window of the pacer.
        new: share of rows that brought new tracks, by kind, where enough rows were read to tell.
        grid: umbrella -> decade -> tracks that a release would hold.
    """

    url: str | None = None
    ledger: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    regime: tuple[Regime, int] | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    pace: int | None = None
    new: Mapping[str, float] = field(default_factory=dict)
    grid: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limit:
    """Calls of a family in 24 h, and who says so: set, learnt or assumed."""

    calls: int
    origin: str


@dataclass(frozen=True, slots=True)
class Prospect:
    """What the plan costs with one kind of key: its first pages, and all of them."""

    regime: Regime
    limits: Mapping[Family, Limit]
    pace: int
    first: Cost
    all: Cost

    def days(self, cost: Cost) -> float:
        """Days that a cost takes."""
        limits = {family: limit.calls for family, limit in self.limits.items()}
        return cost.days(limits, calls_a_day(self.pace))


def calls_a_day(pace: int) -> float:
    """Calls that a pace (calls in a window of the pacer) comes to in 24 h."""
    return pace * DAY / WINDOW_SECONDS


def aims_at(seed: Seed, cells: frozenset[tuple[str, str]]) -> bool:
    """Whether a seed may fill one of the cells: what it does not name it does not rule out."""
    return any(
        seed.umbrella in (None, umbrella) and seed.decade in (None, decade)
        for umbrella, decade in cells
    )


def prospects(config: Config, plan: Sequence[Seed], stored: Stored, now: int) -> list[Prospect]:
    """What the plan costs with the key there is, or with each kind where it is not known.

    Args:
        config: the project's settings.
        plan: the seeds to ask.
        stored: what is known of them already.
        now: epoch seconds; a finished search costs again when it is due.
    """
    reach = Reach(
        max_results=config.max_results_per_seed,
        top_playlists=config.top_playlists_per_seed,
        max_items=config.max_items_per_playlist,
        page_size=config.page_size,
    )
    due = now - int(config.seed_refresh_days * DAY)
    left = [
        _rows_left(stored.ledger.get((seed.kind, seed.term)), reach.max_results, due)
        for seed in plan
        if seed.kind == "track"
    ]
    playlists = sum(seed.kind == "playlist" for seed in plan)
    new: dict[Kind, float] = {kind: stored.new.get(kind, 1.0) for kind in KINDS}

    def cost(regime: Regime, *, first_pages: bool) -> Cost:
        return cost_of(left, playlists, regime, reach, new=new, first_pages=first_pages)

    return [
        Prospect(
            regime=regime,
            limits=_limits(config, stored, regime),
            pace=stored.pace or config.spotify_start_rate or _ASSUMED_PACE,
            first=cost(regime, first_pages=True),
            all=cost(regime, first_pages=False),
        )
        for regime in _regimes(config, stored)
    ]


def _regimes(config: Config, stored: Stored) -> Sequence[Regime]:
    """The regime of the key, or all of them where it is not known."""
    if config.spotify_profile in REGIMES:
        return [REGIMES[config.spotify_profile]]
    return [stored.regime[0]] if stored.regime else list(REGIMES.values())


def _rows_left(entry: Any, cap: int, due: int) -> int:
    """Rows that a track search may still serve, or serves again when it is due anew."""
    if entry is None:
        return cap
    left: int = cap - entry.next_offset
    if entry.state in seeds.FINISHED or left <= 0:
        return cap if entry.last_seen_at < due else 0
    return left


def _limits(config: Config, stored: Stored, regime: Regime) -> dict[Family, Limit]:
    """Daily limits by family: set or learnt; else, where there are quotas, assumed."""
    limits = {}
    for family in (Family.SEARCH, Family.PLAYLIST, Family.ARTIST):
        calls, origin = quota.limit_of(
            family, config.quota_limits, stored.limits, share=config.quota_share
        )
        if calls is None and regime.assumed_daily_calls is not None:
            calls, origin = int(regime.assumed_daily_calls * config.quota_share), "assumed"
        if calls is not None:
            limits[family] = Limit(calls, origin)
    return limits
