"""Planning the next round of pages from the committed ledger, one planner a spider."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.catalog.content import ContentPolicy
from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.config import Config, utc_now
from runclub_spider.frontier.addresses import playlist_of
from runclub_spider.frontier.cost import track_cost
from runclub_spider.frontier.templates import Seed, in_order
from runclub_spider.store.queue import pages, playlists, seeds
from runclub_spider.store.queue.pages import PageKind, PageTask
from runclub_spider.store.queue.seeds import SeedState
from runclub_spider.text import DAY

if TYPE_CHECKING:
    from runclub_spider.frontier.deficit import DeficitFrontier, Forecast, RunYield

# An owner's own lists first: the specification's "owner=spotify first".
EDITORIAL_OWNER = "spotify"
#: New tracks of which a page must promise as many to be worth a request of a budget.
LEAST_NEW = 0.1


class Planner(Protocol):
    """Puts the next round on the queue."""

    @property
    def cell_minimum(self) -> int:
        """Tracks that a cell should have."""
        ...

    @property
    def seeds(self) -> Sequence[Seed]:
        """The plan."""
        ...

    @property
    def lacking(self) -> tuple[int, int] | None:
        """Cells that were below their minimum when last looked at, and all; None if none was."""
        ...

    @property
    def page_requests(self) -> float:
        """Requests that a page takes at most, with those for its new tracks."""
        ...

    @property
    def learns(self) -> bool:
        """Whether pages are chosen by what those before brought."""
        ...

    @property
    def left_out(self) -> bool:
        """Whether pages were left that are expected to bring next to nothing."""
        ...

    def ended(self, connection: sa.Connection) -> int:
        """Seeds of the plan that are asked to their end or their cap."""
        ...

    def plan_round(
        self, connection: sa.Connection, count: int, skip: AbstractSet[str] = frozenset()
    ) -> int:
        """Plan up to about `count` pages; 0 when there is nothing left to ask.

        `skip` are keys of pages that failed in this run and wait for the next.
        """
        ...

    def known_pages(self, connection: sa.Connection) -> int:
        """Answered pages of its kind that the choice learnt from, of whichever run."""
        ...

    def forecast(self, connection: sa.Connection, requests: int) -> Forecast | None:
        """What so many requests should fill; None in a mode that does not learn."""
        ...

    def run_yield(self, connection: sa.Connection) -> RunYield | None:
        """What this run's pages filled; None where nothing was learnt."""
        ...


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
    content: ContentPolicy = field(default_factory=ContentPolicy)
    until_filled: bool = False
    least_new: float = 0.0
    _learning: DeficitFrontier | None = field(init=False, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        config: Config,
        regime: Regime,
        plan: Sequence[Seed],
        *,
        spider: str,
        whole: bool,
        max_results: int,
        until_filled: bool = False,
        budgeted: bool = False,
    ) -> TrackSearchPlanner:
        """The planner of a run; `whole` asks all of the plan, in its order.

        Where requests are `budgeted` none is spent on a page that should bring next to nothing.
        """
        return cls(
            spider=spider,
            seeds=plan,
            market=config.market,
            mode="template" if whole else config.frontier,
            max_results=max_results,
            page_rows=regime.search_page(config.page_size),
            cell_minimum=config.cell_minimum,
            umbrellas=load_umbrellas(config.seeds_dir),
            vote_confidence=config.vote_confidence_min,
            content=config.content_policy,
            track_cost=track_cost(regime),
            until_filled=until_filled,
            least_new=LEAST_NEW if budgeted else 0.0,
        )

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        learning = None
        if self.mode == "deficit":
            # Here, not above: other modes do without numpy, which takes a tenth of a start.
            from runclub_spider.frontier.choice import Sizes
            from runclub_spider.frontier.deficit import DeficitFrontier

            learning = DeficitFrontier(
                seeds=self.seeds,
                market=self.market,
                sizes=Sizes(self.page_rows, self.max_results, track_cost=self.track_cost),
                cell_minimum=self.cell_minimum,
                umbrellas=self.umbrellas,
                vote_confidence=self.vote_confidence,
                content=self.content,
                until_filled=self.until_filled,
                least_new=self.least_new,
            )
        object.__setattr__(self, "_learning", learning)

    @property
    def page_requests(self) -> float:
        """Requests that a page takes at most, with those for its new tracks."""
        return 1 + self.page_rows * self.track_cost

    @property
    def learns(self) -> bool:
        """Whether pages are chosen by what those before brought."""
        return self._learning is not None

    @property
    def left_out(self) -> bool:
        """Whether pages were left that are expected to bring next to nothing."""
        return self._learning is not None and self._learning.left_out

    def plan_round(
        self, connection: sa.Connection, count: int, skip: AbstractSet[str] = frozenset()
    ) -> int:
        """The next page of each chosen seed that still has one below its cap."""
        if self._learning is not None:
            tasks = self._learning.choose(connection, count, skip, self._page)
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

    def ended(self, connection: sa.Connection) -> int:
        """Seeds of the plan that are asked to their end or their cap."""
        over = seeds.ended(connection, "track", self.market, cap=self.max_results)
        return sum(seed.term in over for seed in self.seeds)

    @property
    def lacking(self) -> tuple[int, int] | None:
        """Cells that were below their minimum when last looked at, and all; None if none was."""
        return None if self._learning is None else self._learning.lacking

    def known_pages(self, connection: sa.Connection) -> int:
        """Answered pages of its kind that the choice learnt from, of whichever run."""
        return 0 if self._learning is None else self._learning.known_pages(connection)

    def forecast(self, connection: sa.Connection, requests: int) -> Forecast | None:
        """What so many requests should fill; None in a mode that does not learn."""
        return None if self._learning is None else self._learning.forecast(connection, requests)

    def run_yield(self, connection: sa.Connection) -> RunYield | None:
        """What this run's pages filled; None in a mode that does not learn."""
        return None if self._learning is None else self._learning.run_yield(connection)

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
    """Playlist searches, and the lists they led to.

    In template order a search is followed by all pages of its lists. By deficit each page of a
    list is chosen by itself among those of all lists and the searches not asked yet; in the end
    the same pages are read.
    """

    spider: str
    seeds: Sequence[Seed]
    market: str
    mode: str
    top: int
    max_items: int
    page_rows: int
    regime: Regime
    run_version: str
    gone_before: int
    cell_minimum: int
    umbrellas: UmbrellaMap
    vote_confidence: float
    track_cost: float
    content: ContentPolicy = field(default_factory=ContentPolicy)
    least_new: float = 0.0
    _learning: list[DeficitFrontier] = field(
        init=False, repr=False, compare=False, default_factory=list
    )
    # Keys planned by this planner: a list that serves less than it claims is not asked again.
    _planned: set[str] = field(init=False, repr=False, compare=False, default_factory=set)

    @classmethod
    def of(
        cls,
        config: Config,
        regime: Regime,
        plan: Sequence[Seed],
        *,
        spider: str,
        whole: bool,
        top: int,
        max_items: int,
        run_version: str,
        budgeted: bool = False,
    ) -> PlaylistPlanner:
        """The planner of a run; `whole` asks all of the plan, in its order.

        Where requests are `budgeted` none is spent on a page that should bring next to nothing.
        """
        return cls(
            spider=spider,
            seeds=plan,
            market=config.market,
            mode="template" if whole else config.frontier,
            top=top,
            max_items=max_items,
            page_rows=regime.playlist_page(config.page_size),
            regime=regime,
            run_version=run_version,
            gone_before=utc_now() - int(config.seed_refresh_days * DAY),
            cell_minimum=config.cell_minimum,
            umbrellas=load_umbrellas(config.seeds_dir),
            vote_confidence=config.vote_confidence_min,
            content=config.content_policy,
            track_cost=track_cost(regime),
            least_new=LEAST_NEW if budgeted else 0.0,
        )

    @property
    def by_page(self) -> bool:
        """Whether later pages of a list are planned one by one, and not with its first."""
        return self.mode == "deficit"

    @property
    def page_requests(self) -> float:
        """Requests that a page takes at most, with those for its new tracks."""
        return 1 + self.regime.embedded_rows * self.track_cost

    @property
    def learns(self) -> bool:
        """Whether pages are chosen by what those before brought."""
        return self.by_page

    @property
    def left_out(self) -> bool:
        """Whether pages were left that are expected to bring next to nothing."""
        return any(one.left_out for one in self._learning)

    def plan_round(
        self, connection: sa.Connection, count: int, skip: AbstractSet[str] = frozenset()
    ) -> int:
        """Lists of the searches that are in; when there are none, the next searches."""
        self._take_addresses(connection)
        if self.by_page:
            tasks = self._most_valuable(connection, count, skip)
            pages.plan(connection, tasks, again=True)
            self._planned.update(task.key for task in tasks)
            return len(tasks)
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

    def _take_addresses(self, connection: sa.Connection) -> None:
        """Seeds that name a list by its address have found it."""
        named = {s.term: found for s in self.seeds if (found := playlist_of(s.term)) is not None}
        if not named:
            return
        ledger, now = seeds.states(connection, "playlist", self.market), utc_now()
        for term, playlist_id in named.items():
            if ledger[term].state == seeds.FRESH:
                playlists.list_named(connection, term, self.market, playlist_id, now)
                seeds.found_without_search(connection, "playlist", self.market, term, now)

    # By deficit

    def _most_valuable(
        self, connection: sa.Connection, count: int, skip: AbstractSet[str]
    ) -> list[PageTask]:
        """The best of what is new; searches that were asked before wait until that is read."""
        new, checks = self._waiting(connection, skip)
        if len(new) > count or (new and self.least_new):
            from runclub_spider.frontier.choice import Kind

            kinds = {PageKind.PLAYLIST_SEARCH: Kind.PLAYLISTS}
            keys = {(kinds.get(t.kind, Kind.ITEMS), t.source_key): t for t in new}
            best, unknown = self._deficit().pick(connection, count, keys.keys())
            # What nothing is known of comes last, in template order.
            rest = [key for key in keys if key in unknown] if self.least_new else keys
            new = [keys[key] for key in dict.fromkeys((*best, *rest))]
        return [*new, *checks][:count]

    def _waiting(
        self, connection: sa.Connection, skip: AbstractSet[str]
    ) -> tuple[list[PageTask], list[PageTask]]:
        """In template order: pages of lists with first searches, and searches asked before.

        Searches whose lists are all read are closed.
        """
        ledger = seeds.states(connection, "playlist", self.market)
        served = playlists.served(connection, self.market, seeds.SEARCHED)
        new: dict[str, PageTask] = {}
        checks: list[PageTask] = []
        done: list[str] = []
        for seed in self.seeds:
            state = ledger[seed.term]
            if state.state == seeds.SEARCHED:
                found = [self._next_page(row) for row in self.best(served.get(seed.term, ()))]
                tasks = [t for t in found if t is not None and t.key not in self._planned]
                new.update((task.key, task) for task in tasks if task.key not in skip)
                if not tasks:
                    done.append(seed.term)
            elif state.state == seeds.FRESH:
                task = self._search(seed.term, state.generation)
                if task.key in skip:
                    continue
                if state.last_seen_at is None:
                    new[task.key] = task
                else:
                    checks.append(task)
        seeds.close(connection, "playlist", self.market, done)
        return list(new.values()), checks

    def _deficit(self) -> DeficitFrontier:
        """What was learnt so far; made when it is needed first, for it costs a start."""
        if not self._learning:
            from runclub_spider.frontier.choice import Sizes
            from runclub_spider.frontier.deficit import DeficitFrontier

            learning = DeficitFrontier(
                seeds=self.seeds,
                market=self.market,
                sizes=Sizes(
                    search_rows=self.regime.search_rows,
                    depth=self.regime.search_rows,
                    item_rows=self.regime.embedded_rows,
                    items=self.max_items,
                    track_cost=self.track_cost,
                ),
                cell_minimum=self.cell_minimum,
                umbrellas=self.umbrellas,
                vote_confidence=self.vote_confidence,
                content=self.content,
                least_new=self.least_new,
                best=self.best,
            )
            self._learning.append(learning)
        return self._learning[0]

    def ended(self, connection: sa.Connection) -> int:
        """Seeds of the plan that are asked to their end."""
        over = seeds.ended(connection, "playlist", self.market)
        return sum(seed.term in over for seed in self.seeds)

    @property
    def lacking(self) -> tuple[int, int] | None:
        """Cells that were below their minimum when last looked at, and all; None if none was."""
        return self._learning[0].lacking if self._learning else None

    def known_pages(self, connection: sa.Connection) -> int:
        """Answered pages of its kind that the choice learnt from, of whichever run."""
        return self._deficit().known_pages(connection) if self.by_page else 0

    def forecast(self, connection: sa.Connection, requests: int) -> Forecast | None:
        """What so many requests should fill; None in a mode that does not learn."""
        return self._deficit().forecast(connection, requests) if self.by_page else None

    def run_yield(self, connection: sa.Connection) -> RunYield | None:
        """What this run's pages filled; None when nothing had to be chosen."""
        return self._learning[0].run_yield(connection) if self._learning else None

    # Pages

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

    def best(self, listed: Sequence[playlists.ListedPlaylist]) -> list[playlists.ListedPlaylist]:
        """The lists of a search that are read."""
        return rank(listed)[: self.top]

    def _choose(self, connection: sa.Connection, term: str) -> list[PageTask]:
        listed = self.best(playlists.listed(connection, term, self.market))
        return [task for row in listed if (task := self._next_page(row)) is not None]

    def _next_page(self, row: playlists.ListedPlaylist) -> PageTask | None:
        """Of a new list or a changed one the first page; of one not read far enough the next."""
        if row.state == playlists.GONE and (row.last_processed_at or 0) >= self.gone_before:
            return None
        version = row.snapshot_id or self.run_version
        wanted = self.max_items if row.total is None else min(self.max_items, row.total)
        begun = version == row.last_snapshot_processed and row.state != playlists.GONE
        first = row.processed_rows if begun else 0
        if begun and first >= wanted:
            return None
        return PageTask(
            spider=self.spider,
            kind=PageKind.PLAYLIST_ITEMS if first else PageKind.PLAYLIST,
            source_key=row.playlist_id,
            market=self.market,
            first_row=first,
            row_count=min(
                self.max_items - first, self.page_rows if first else self.regime.embedded_rows
            ),
            version=version,
        )


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
