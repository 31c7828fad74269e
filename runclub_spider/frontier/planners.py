"""Planning the next round of pages from the committed ledger, one planner a spider."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

import sqlalchemy as sa

from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.frontier.choice import (
    Aim,
    Chooser,
    Found,
    Kind,
    PageResult,
    Sizes,
    in_order,
)
from runclub_spider.frontier.sight import Sight
from runclub_spider.frontier.templates import Seed
from runclub_spider.store import answered, pages, playlists, seeds
from runclub_spider.store.pages import PageKind, PageTask
from runclub_spider.store.seeds import SeedState

# An owner's own lists first: the specification's "owner=spotify first".
EDITORIAL_OWNER = "spotify"
# Choosing counts tracks that are nearly sure of their umbrella: further pages make them so.
_NEARLY = 0.9
# A page that promises fewer tracks to cells that lack is not asked when only those count.
_LEAST_PROMISE = 0.02
# Pages that tell what the next will bring, and what they bring of what they promise while there
# are none: overlaps are not known yet.
_RECENT, _UNTRIED = 320, 0.9


class Planner(Protocol):
    """Puts the next round on the queue."""

    def plan_round(
        self, connection: sa.Connection, count: int, skip: AbstractSet[str] = frozenset()
    ) -> int:
        """Plan up to about `count` pages; 0 when there is nothing left to ask.

        `skip` are keys of pages that failed in this run and wait for the next.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a number of pages are expected to fill.

    Attributes:
        pages: track searches.
        tracks: that they should add to cells below their minimum.
        lacking: cells below it now, of `cells`.
    """

    pages: int
    tracks: float
    lacking: int
    cells: int


@dataclass(frozen=True, slots=True)
class Harvest:
    """What the pages of a run filled.

    Attributes:
        pages: answered track searches.
        tracks: that they added to cells below their minimum.
        promised: by the pages when they were chosen.
        idle: pages that added none.
        lacking: cells still below their minimum, of `cells`.
    """

    pages: int
    tracks: int
    promised: float
    idle: int
    lacking: int
    cells: int


@dataclass(slots=True)
class _Memory:
    """The chooser of a run, the last page that it was told of, and what pages filled.

    `before` is by page of earlier runs, `gains` of this one, `promised` the sum for this one.
    """

    sight: Sight
    chooser: Chooser | None = None
    ordinal: int = 0
    promised: float = 0.0
    before: list[int] = field(default_factory=list)
    gains: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TrackSearchPlanner:
    """Pages of track searches: in the mode's order, or by deficit."""

    spider: str
    seeds: Sequence[Seed]
    market: str
    mode: str
    max_results: int
    page_rows: int
    cell_minimum: int
    umbrellas: UmbrellaMap
    vote_confidence: float
    track_cost: float
    until_filled: bool = False
    _memory: _Memory = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        sight = Sight(self.umbrellas, _NEARLY * self.vote_confidence)
        object.__setattr__(self, "_memory", _Memory(sight))

    def plan_round(
        self, connection: sa.Connection, count: int, skip: AbstractSet[str] = frozenset()
    ) -> int:
        """The next page of each chosen seed that still has one below its cap."""
        if self.mode == "deficit":
            tasks = self._by_deficit(connection, count, skip)
        else:
            tasks = self._in_order(connection, count, skip)
        pages.plan(connection, tasks)
        return len(tasks)

    def _in_order(
        self, connection: sa.Connection, count: int, skip: AbstractSet[str]
    ) -> list[PageTask]:
        ledger = seeds.states(connection, "track", self.market)
        running = [
            seed
            for seed in in_order(self.mode, self.seeds)
            if ledger[seed.term].state not in seeds.FINISHED
            and ledger[seed.term].next_offset < self.max_results
            and self._page(seed.term, ledger[seed.term]).key not in skip
        ]
        if self.mode == "rotation":
            # A page of each seed before the next page of any.
            running.sort(key=lambda seed: ledger[seed.term].next_offset)
        return [self._page(seed.term, ledger[seed.term]) for seed in running[:count]]

    def _by_deficit(
        self, connection: sa.Connection, count: int, skip: AbstractSet[str]
    ) -> list[PageTask]:
        chooser = self._told(connection)
        # Deferred pages are chosen anew and left out, so that there must be as many more.
        choices = chooser.choose(count + len(skip))
        if self.until_filled:
            choices = [choice for choice in choices if choice.promise >= _LEAST_PROMISE]
        seeds.register(
            connection,
            [
                {
                    "term": choice.key,
                    "search_type": "track",
                    "market": self.market,
                    "family": choice.seed.family,
                    "umbrella": choice.seed.umbrella,
                    "decade": choice.seed.decade,
                    "bpm": choice.seed.bpm,
                }
                for choice in choices
                if choice.seed is not None
            ],
        )
        ledger = seeds.states(connection, "track", self.market)
        tasks = [(choice, self._page(choice.key, ledger[choice.key])) for choice in choices]
        chosen = [(choice, task) for choice, task in tasks if task.key not in skip][:count]
        self._memory.promised += sum(choice.promise for choice, _ in chosen)
        return [task for _, task in chosen]

    def outlook(self, connection: sa.Connection, requests: int) -> Outlook | None:
        """What so many requests should fill; None in a mode that does not learn.

        The next round's promise a page and what recent pages brought, half and half, are taken
        to hold for all of them: what pages bring falls slowly, for choosing shifts with it.
        """
        if self.mode != "deficit":
            return None
        chooser, recent = self._told(connection), self._memory.before[-_RECENT:]
        choices = chooser.choose(min(_RECENT // 10, requests))
        if not choices:
            return Outlook(0, 0.0, chooser.lacking, len(chooser.held))
        number = len(choices)
        rate = sum(choice.promise for choice in choices) / number
        rate = (rate + sum(recent) / len(recent)) / 2 if recent else _UNTRIED * rate
        new = sum(choice.new for choice in choices) / number
        pages = int(requests / (1 + self.track_cost * new))
        return Outlook(pages, pages * rate, chooser.lacking, len(chooser.held))

    def harvest(self, connection: sa.Connection) -> Harvest | None:
        """What this run's pages filled; None in a mode that does not learn."""
        if self.mode != "deficit":
            return None
        chooser, memory = self._told(connection), self._memory
        return Harvest(
            len(memory.gains),
            sum(memory.gains),
            memory.promised,
            sum(not gain for gain in memory.gains),
            chooser.lacking,
            len(chooser.held),
        )

    def _told(self, connection: sa.Connection) -> Chooser:
        """The chooser, told of every answered page."""
        memory = self._memory
        known: list[Found] = []
        results: list[PageResult] = []
        for page in answered.searches(connection, self.market, memory.ordinal):
            seen = memory.sight.look(page)
            memory.ordinal = page.ordinal
            if page.current:
                results.append(
                    PageResult(
                        kind=Kind.TRACKS,
                        key=page.term,
                        ordinal=page.ordinal,
                        first_row=page.first_row,
                        row_count=page.row_count,
                        rows=page.rows,
                        more=page.more,
                        total=None,
                        found=seen.found,
                        turned=seen.turned,
                    )
                )
            else:
                known += [*seen.found, *seen.turned]
        if memory.chooser is None:
            aim = Aim(self.umbrellas.possible_cells(DECADES), self.cell_minimum)
            sizes = Sizes(self.page_rows, self.max_results, track_cost=self.track_cost)
            memory.chooser = Chooser(self.seeds, aim, sizes, known)
            memory.chooser.observe(results)
            memory.before = memory.chooser.absorb()
        else:
            memory.chooser.observe(results)
            memory.gains += memory.chooser.absorb()
        return memory.chooser

    def _page(self, term: str, state: SeedState) -> PageTask:
        return PageTask(
            spider=self.spider,
            kind=PageKind.TRACK_SEARCH,
            source_key=term,
            market=self.market,
            first_row=state.next_offset,
            row_count=min(self.page_rows, self.max_results - state.next_offset),
            version=f"g{state.generation}",
        )


@dataclass(frozen=True, slots=True)
class PlaylistPlanner:
    """Playlist searches, then the lists they led to, a few seeds at a time."""

    spider: str
    seeds: Sequence[Seed]
    market: str
    mode: str
    top: int
    max_items: int
    regime: Regime
    run_version: str
    gone_before: int

    def plan_round(
        self, connection: sa.Connection, count: int, skip: AbstractSet[str] = frozenset()
    ) -> int:
        """Lists of the searches that are in; when there are none, the next searches."""
        while True:
            ledger = seeds.states(connection, "playlist", self.market)
            order = in_order(self.mode, self.seeds)
            searched = [s.term for s in order if ledger[s.term].state == seeds.SEARCHED]
            if searched:
                chosen = [task for term in searched for task in self._choose(connection, term)]
                pages.plan(connection, chosen, again=True)
                seeds.close(connection, "playlist", self.market, searched)
                if chosen:
                    return len(chosen)
            fresh = [
                self._search(seed.term, ledger[seed.term].generation)
                for seed in order
                if ledger[seed.term].state == seeds.FRESH
            ]
            tasks = [task for task in fresh if task.key not in skip][:count]
            if tasks:
                pages.plan(connection, tasks)
                return len(tasks)
            if not searched:
                return 0

    def _search(self, term: str, generation: int) -> PageTask:
        return PageTask(
            spider=self.spider,
            kind=PageKind.PLAYLIST_SEARCH,
            source_key=term,
            market=self.market,
            first_row=0,
            # More rows than lists wanted: nulls are usual, and the owner decides first.
            row_count=self.regime.search_rows,
            version=f"g{generation}",
        )

    def _choose(self, connection: sa.Connection, term: str) -> list[PageTask]:
        best = rank(playlists.listed(connection, term, self.market))[: self.top]
        return [
            PageTask(
                spider=self.spider,
                kind=PageKind.PLAYLIST,
                source_key=row.playlist_id,
                market=self.market,
                first_row=0,
                row_count=min(self.max_items, 100),
                version=row.snapshot_id or self.run_version,
            )
            for row in best
            if self._worth_reading(row)
        ]

    def _worth_reading(self, row: playlists.ListedPlaylist) -> bool:
        """A new list, a changed one, or one that was read less far than now wanted."""
        if row.state == playlists.GONE:
            return (row.last_processed_at or 0) < self.gone_before
        unchanged = (row.snapshot_id or self.run_version) == row.last_snapshot_processed
        read_enough = row.processed_rows >= min(self.max_items, row.total or self.max_items)
        return not (unchanged and read_enough)


def rank(listed: Sequence[playlists.ListedPlaylist]) -> list[playlists.ListedPlaylist]:
    """Editorial lists first, then by followers as far as known, then as served."""
    return sorted(
        listed,
        key=lambda row: (
            row.owner_id != EDITORIAL_OWNER,
            -(row.followers if row.followers is not None else -1),
            row.position,
        ),
    )


def following_pages(
    task: PageTask,
    *,
    version: str,
    rows_served: int,
    total: int | None,
    more: bool,
    page_rows: int,
    cap: int,
) -> list[PageTask]:
    """The further pages of a playlist that an answered page makes known.

    They are of the `version` (snapshot) that the page turned out to be of.
    With a total all of them at once; without one the next, as long as there is more.
    """
    start = task.first_row + max(task.row_count, rows_served)
    end = min(cap, total) if total is not None else min(cap, start + page_rows)
    if not more or start >= end:
        return []
    return [
        PageTask(
            spider=task.spider,
            kind=PageKind.PLAYLIST_ITEMS,
            source_key=task.source_key,
            market=task.market,
            first_row=first,
            row_count=min(page_rows, cap - first),
            version=version,
        )
        for first in range(start, end, page_rows)
    ]
