"""The frontier that learns: pages chosen from the ledger by what they should add to thin cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import sqlalchemy as sa

from runclub_spider.catalog.content import ContentPolicy
from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.frontier.cell_judge import CellJudge, Seen
from runclub_spider.frontier.choice import (
    Aim,
    Choice,
    Chooser,
    Found,
    Gain,
    Key,
    Kind,
    Listed,
    PageResult,
    Sizes,
)
from runclub_spider.frontier.forecast import curves, outlook
from runclub_spider.frontier.templates import Seed
from runclub_spider.store.queue import answered, seeds
from runclub_spider.store.queue.answered import AnsweredPage
from runclub_spider.store.queue.pages import PageKind, PageTask
from runclub_spider.store.queue.playlists import ListedPlaylist
from runclub_spider.store.queue.seeds import SeedState

# Choosing counts tracks that are nearly sure of their umbrella: further pages make them so.
_NEARLY = 0.9
# A page that promises fewer tracks to cells that lack is not asked when only those count.
_LEAST_PROMISE = 0.02
# Pages whose promise tells how much this catalogue yields.
_NEXT = 32
_KINDS = {
    PageKind.TRACK_SEARCH: Kind.TRACKS,
    PageKind.PLAYLIST_SEARCH: Kind.PLAYLISTS,
    PageKind.PLAYLIST: Kind.ITEMS,
    PageKind.PLAYLIST_ITEMS: Kind.ITEMS,
}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a number of pages are expected to fill.

    Attributes:
        pages: searches and pages of playlists.
        tracks: that they should add to cells below their minimum.
        low: in four of five runs it is between this,
        high: and this.
        lacking: cells below it now, of `cells`.
    """

    pages: int
    tracks: float
    low: float
    high: float
    lacking: int
    cells: int


@dataclass(frozen=True, slots=True)
class RunYield:
    """What the pages of a run filled.

    Attributes:
        pages: answered searches and pages of playlists.
        tracks: that they added to cells below their minimum.
        promised: by the pages when they were chosen.
        idle: pages that brought no new track to any cell, but for searches for playlists, which
            cannot.
        lacking: cells still below their minimum, of `cells`.
    """

    pages: int
    tracks: int
    promised: float
    idle: int
    lacking: int
    cells: int


def nearly(vote_confidence: float) -> float:
    """The confidence from which choosing counts a track for a cell."""
    return _NEARLY * vote_confidence


def result_of(
    page: AnsweredPage,
    seen: Seen,
    best: Callable[[Sequence[ListedPlaylist]], Sequence[ListedPlaylist]],
) -> PageResult:
    """A stored page as the chooser takes it in; `best` are the lists that may be read."""
    return PageResult(
        kind=_KINDS[page.kind],
        key=page.source,
        ordinal=page.ordinal,
        first_row=page.first_row,
        row_count=page.row_count,
        rows=page.rows,
        more=page.more,
        total=page.total,
        found=seen.found,
        turned=seen.turned,
        lists=tuple(
            Listed(one.playlist_id, one.name, one.owner_id, one.total) for one in best(page.lists)
        ),
    )


def promised_by(choices: Sequence[Choice]) -> tuple[float, float]:
    """Tracks for cells that lack them and new tracks of whatever cell, a page on average."""
    number = max(1, len(choices))
    return sum(one.promise for one in choices) / number, sum(one.new for one in choices) / number


def foretell(chooser: Chooser, gains: Sequence[Gain], sizes: Sizes, requests: float) -> Forecast:
    """What so many requests should fill, after pages that gained so much."""
    choices = chooser.choose(_NEXT)
    if not choices:
        return Forecast(0, 0.0, 0.0, 0.0, chooser.lacking, len(chooser.held))
    lists = any(choice.kind is not Kind.TRACKS for choice in choices)
    ahead = outlook(
        curves(None if lists else sizes.search_rows),
        gains,
        promised_by(choices),
        requests=requests,
        track_cost=sizes.track_cost,
        lack=chooser.lack,
    )
    return Forecast(
        ahead.pages, ahead.tracks, ahead.low, ahead.high, chooser.lacking, len(chooser.held)
    )


@dataclass(slots=True)
class DeficitFrontier:
    """Chooses pages; what it knows is what the ledger tells, whichever spider asked it.

    Attributes:
        seeds: the plan.
        market: of the searches.
        sizes: rows of pages and sources, and what completing a new track costs.
        cell_minimum: tracks that a cell should have.
        umbrellas: the genre map; its possible cells are wanted.
        vote_confidence: from which publishing lets a track fill a cell.
        content: what becomes of content labels; only what is kept fills a cell.
        until_filled: leave out pages that promise nothing to a cell below its minimum.
        least_new: new tracks that a page must promise to be asked.
        left_out: whether pages remain, and none that promises as much.
        best: which of the lists that a search served may be read.
    """

    seeds: Sequence[Seed]
    market: str
    sizes: Sizes
    cell_minimum: int
    umbrellas: UmbrellaMap
    vote_confidence: float
    content: ContentPolicy = field(default_factory=ContentPolicy)
    until_filled: bool = False
    least_new: float = 0.0
    left_out: bool = field(default=False, init=False)
    best: Callable[[Sequence[ListedPlaylist]], Sequence[ListedPlaylist]] = tuple
    _judge: CellJudge = field(init=False)
    _chooser: Chooser | None = None
    # The last page that was told of, and what pages filled: of earlier runs, and of this one.
    _ordinal: int = 0
    _before: list[Gain] = field(default_factory=list)
    _gains: list[Gain] = field(default_factory=list)
    _promised: float = 0.0
    _lacking: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        self._judge = CellJudge(self.umbrellas, nearly(self.vote_confidence), self.content)

    @property
    def lacking(self) -> tuple[int, int] | None:
        """Cells that were below their minimum when last looked at, and all; None if none was."""
        return self._lacking

    def choose(
        self,
        connection: sa.Connection,
        count: int,
        skip: AbstractSet[str],
        page: Callable[[str, SeedState], PageTask],
    ) -> list[PageTask]:
        """The most valuable searches but those of the keys in `skip`; new ones are registered.

        `page` makes the next page of a term from its ledger row.
        """
        chooser = self._told(connection)
        # Deferred pages are chosen anew and left out, so that there must be as many more.
        choices = chooser.choose(count + len(skip), least=self.least_new)
        self.left_out = not choices and bool(chooser.choose(1))
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
        tasks = [(choice, page(choice.key, ledger[choice.key])) for choice in choices]
        chosen = [(choice, task) for choice, task in tasks if task.key not in skip][:count]
        self._promised += sum(choice.promise for choice, _ in chosen)
        return [task for _, task in chosen]

    def pick(
        self, connection: sa.Connection, count: int, among: AbstractSet[Key]
    ) -> tuple[list[Key], set[Key]]:
        """The most valuable of some sources, and those that nothing is known of."""
        chooser = self._told(connection)
        choices = chooser.choose(count, among, least=self.least_new)
        unknown = {key for key in among if not chooser.knows(key)}
        self.left_out = not choices and not unknown and bool(chooser.choose(1, among))
        # What a search promises comes with the pages of its lists, which promise it again.
        self._promised += sum(one.promise for one in choices if one.kind is not Kind.PLAYLISTS)
        return [(choice.kind, choice.key) for choice in choices], unknown

    def known_pages(self, connection: sa.Connection) -> int:
        """Answered pages that searches of the plan's kind led to, of whichever run."""
        self._told(connection)
        searched = any(seed.kind == "track" for seed in self.seeds)
        gains = [*self._before, *self._gains]
        return sum((gain.kind is Kind.TRACKS) == searched for gain in gains)

    def forecast(self, connection: sa.Connection, requests: int) -> Forecast:
        """What so many requests should fill."""
        return foretell(self._told(connection), [*self._before, *self._gains], self.sizes, requests)

    def run_yield(self, connection: sa.Connection) -> RunYield:
        """What this run's pages filled."""
        chooser, gains = self._told(connection), self._gains
        return RunYield(
            len(gains),
            sum(gain.tracks for gain in gains),
            self._promised,
            sum(gain.idle for gain in gains if gain.kind is not Kind.PLAYLISTS),
            chooser.lacking,
            len(chooser.held),
        )

    def _told(self, connection: sa.Connection) -> Chooser:
        """The chooser, told of every answered page."""
        known: list[Found] = []
        results: list[PageResult] = []
        for page in answered.pages(connection, self.market, self._ordinal):
            seen = self._judge.look(page)
            self._ordinal = page.ordinal
            if page.current:
                results.append(result_of(page, seen, self.best))
            else:
                known += [*seen.found, *seen.turned]
        if self._chooser is None:
            aim = Aim(self.umbrellas.possible_cells(DECADES), self.cell_minimum)
            self._chooser = Chooser(self.seeds, aim, self.sizes, known)
            self._chooser.observe(results)
            self._before = self._chooser.absorb()
        else:
            self._chooser.observe(results)
            self._gains += self._chooser.absorb()
        self._lacking = self._chooser.lacking, len(self._chooser.held)
        return self._chooser
