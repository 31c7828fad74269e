"""Ways to order the pages of a world, and how many requests each needs to fill the cells.

A way is told what a page held when it has asked it; a clairvoyant one knows before.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from random import Random

import numpy as np
from numpy.typing import NDArray

from runclub_spider.frontier.choice import Aim, Choice, Chooser, Found, Kind, PageResult, Sizes
from runclub_spider.frontier.templates import Seed, rotation
from testkit.worlds import Rows, Sight

Floats = NDArray[np.float64]
Weights = Callable[[NDArray[np.int64]], Floats]

#: The family of searches for artists that the seeds name.
KNOWN_ARTISTS = "artists"
MARKS = (0.5, 0.8, 0.9, 0.95)
#: Pages that a clairvoyant looks ahead in one seed.
AHEAD = 5
#: Pages of one round: the spiders' default.
ROUND = 32
_NOTHING = np.zeros(0, np.int32)


@dataclass(slots=True)
class Page:
    """What one request gets; `key` marks the page of a playlist, which many seeds lead to."""

    rows: Rows
    key: tuple[str, int] | None = None


@dataclass
class Game:
    """A world under one regime: the seeds' pages in order, and what they can reach.

    Attributes:
        seeds: whose pages every way orders, and whose reach is the goal.
        extra: searches that only the project's chooser may ask besides.
        arms: the pages of each seed, in the order of `seeds`.
        reach: tracks of each cell that the seeds' pages hold.
        thin: the quarter of the cells that hold any with the fewest, by number.
    """

    sight: Sight
    seeds: Sequence[Seed]
    aim: Aim
    sizes: Sizes
    regime: str
    extra: Sequence[Seed] = ()
    arms: list[list[Page]] = field(init=False)
    reach: NDArray[np.int64] = field(init=False)
    thin: frozenset[int] = field(init=False)
    _cells: list[int] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._number = {cell: at for at, cell in enumerate(self.aim.cells)}
        self.arms = [self._pages(seed) for seed in self.seeds]
        tracks = np.unique(np.concatenate([page.rows for arm in self.arms for page in arm]))
        cells = [self.cell(int(track)) for track in tracks[tracks >= 0]]
        self.reach = np.zeros(len(self.aim.cells), np.int64)
        np.add.at(self.reach, [cell for cell in cells if cell >= 0], 1)
        order = [int(at) for at in np.argsort(self.reach, kind="stable") if self.reach[at]]
        self.thin = frozenset(order[: len(order) // 4])

    def cell(self, track: int) -> int:
        """The number of a track's cell, -1 outside all of them."""
        while track >= len(self._cells):
            one = self.sight.found[len(self._cells)]
            self._cells.append(self._number.get((one.umbrella or "", one.decade or ""), -1))
        return self._cells[track]

    def _pages(self, seed: Seed) -> list[Page]:
        if seed.kind == "track":
            rows = self.sight.search(seed.term)[: self.sizes.depth]
            return [Page(part) for part in _cut(rows, self.sizes.search_rows)]
        pages = [Page(_NOTHING)]
        for one in self.sight.best_lists(seed.term, self.regime, self.sizes.search_rows):
            parts = _cut(self.sight.items(one), self.sizes.item_rows)
            pages += [Page(part, (one, at)) for at, part in enumerate(parts)]
        return pages


def _cut(rows: Rows, size: int) -> list[Rows]:
    """Pages of a source; one without rows has an empty one, which must be asked to know it."""
    return [rows[at : at + size] for at in range(0, max(len(rows), 1), size)]


class Score:
    """Counts the tracks of each cell, up to what the seeds reach; notes when marks are passed."""

    def __init__(self, game: Game) -> None:
        self._game = game
        self._seen: set[int] = set()
        self.held = np.zeros(len(game.reach), np.int64)
        self.requests = 0
        self.all, self.thin = _Marks(int(game.reach.sum())), _Marks(goal_of(game, game.thin))

    @property
    def over(self) -> bool:
        """Whether every mark is passed."""
        return self.all.over and self.thin.over

    def add(self, rows: Rows) -> int:
        """Count one request and the rows it got; how many eligible tracks were new."""
        game, new = self._game, 0
        self.requests += 1
        for row in rows.tolist():
            if row < 0 or row in self._seen:
                continue
            self._seen.add(row)
            new += 1
            cell = game.cell(row)
            if cell < 0:
                continue
            if self.held[cell] < game.reach[cell]:
                self.all.have += 1
                self.thin.have += cell in game.thin
            self.held[cell] += 1
        self.all.note(self.requests)
        self.thin.note(self.requests)
        return new


def goal_of(game: Game, cells: frozenset[int]) -> int:
    """Tracks that the seeds reach in some cells."""
    return sum(int(game.reach[cell]) for cell in cells)


@dataclass(slots=True)
class _Marks:
    """Requests after which each of the `MARKS` of a goal was passed."""

    goal: int
    have: int = 0
    at: list[int] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return len(self.at) == len(MARKS)

    def note(self, requests: int) -> None:
        while not self.over and self.have >= MARKS[len(self.at)] * self.goal:
            self.at.append(requests)


class _Turner:
    """Turns the pages of the seeds; a page of a playlist is read once, whoever leads to it."""

    def __init__(self, game: Game) -> None:
        self._arms = game.arms
        self._next = [0] * len(game.arms)
        self._read: set[tuple[str, int]] = set()

    def turn(self, arm: int) -> Page | None:
        """The arm's next page that was not read; None when it has none."""
        while self._next[arm] < len(self._arms[arm]):
            page = self._arms[arm][self._next[arm]]
            self._next[arm] += 1
            if page.key not in self._read:
                if page.key is not None:
                    self._read.add(page.key)
                return page
        return None


def template(game: Game) -> Score:
    """Seed after seed, each to its end."""
    score, turner = Score(game), _Turner(game)
    for arm in range(len(game.arms)):
        while not score.over and (page := turner.turn(arm)) is not None:
            score.add(page.rows)
    return score


def fair_rotation(game: Game) -> Score:
    """A page of each seed, families and umbrellas in turns; then the next page of each."""
    place = {id(seed): at for at, seed in enumerate(game.seeds)}
    order = [place[id(seed)] for seed in rotation(tuple(game.seeds))]
    return _turned(game, cycle(order))


def at_random(game: Game) -> Score:
    """A page of any seed that has one left."""
    rng, number = Random(1), len(game.arms)
    return _turned(game, iter(lambda: rng.randrange(number), None))


def _turned(game: Game, turns: Iterator[int]) -> Score:
    score, turner, dry = Score(game), _Turner(game), set[int]()
    while not score.over and len(dry) < len(game.arms):
        arm = next(turns)
        if arm in dry:
            continue
        if (page := turner.turn(arm)) is None:
            dry.add(arm)
        else:
            score.add(page.rows)
    return score


def ucb1(game: Game) -> Score:
    """UCB1 over the seeds: mean share of new tracks a page, and the usual bonus."""
    asked, gained = np.zeros(len(game.arms)), np.zeros(len(game.arms))

    def value(turn: int) -> Floats:
        mean = gained / np.maximum(asked, 1)
        bonus = np.sqrt(2 * math.log(turn + 1) / np.maximum(asked, 1))
        return np.where(asked == 0, np.inf, mean + bonus)

    def learn(arm: int, new: int, rows: int) -> None:
        asked[arm] += 1
        gained[arm] += new / max(rows, game.sizes.search_rows)

    return _valued(game, value, learn)


def greedy_new(game: Game) -> Score:
    """The seed whose last page brought most new tracks; unasked ones count as the mean."""
    last = np.full(len(game.arms), np.nan)
    firsts = [float(game.sizes.search_rows), 1.0]

    def value(_turn: int) -> Floats:
        return np.where(np.isnan(last), firsts[0] / firsts[1], last)

    def learn(arm: int, new: int, _rows: int) -> None:
        if math.isnan(last[arm]):
            firsts[0] += new
            firsts[1] += 1
        last[arm] = new

    return _valued(game, value, learn)


def _valued(
    game: Game, value: Callable[[int], Floats], learn: Callable[[int, int, int], None]
) -> Score:
    """The open seed of the highest value, then what its page held; ties in template order."""
    score, turner = Score(game), _Turner(game)
    shut = np.zeros(len(game.arms), bool)
    while not score.over and not shut.all():
        arm = int(np.argmax(np.where(shut, -np.inf, value(score.requests))))
        if (page := turner.turn(arm)) is None:
            shut[arm] = True
        else:
            learn(arm, score.add(page.rows), len(page.rows))
    return score


def clairvoyant(game: Game, weights: Weights) -> Score:
    """Knows every answer: greedy cover by the weight that the next pages of a seed bring.

    Args:
        game: the world; its seeds only, without searches that follow from what was found.
        weights: what one more track is worth in each cell, by what the cells hold.
    """
    score = Score(game)
    cells = np.array([game.cell(track) for track in range(len(game.sight.found))])
    fresh = np.ones(len(cells))
    following = [0] * len(game.arms)
    read: set[tuple[str, int]] = set()
    worth = np.append(weights(score.held), 0.0)

    def unread(arm: int, end: int) -> Iterator[tuple[int, Page]]:
        for at, page in enumerate(game.arms[arm][following[arm] : end], following[arm] + 1):
            if page.key not in read:
                yield at, page

    def best(arm: int) -> tuple[float, int]:
        """Most weight a request over the pages ahead, and where they end."""
        found, gain = (0.0, 0), 0.0
        for cost, (at, page) in enumerate(unread(arm, following[arm] + AHEAD), 1):
            rows = page.rows[page.rows >= 0]
            gain += float((worth[cells[rows]] * fresh[rows]).sum())
            found = max(found, (gain / cost, at), key=lambda one: one[0])
        return found

    heap = [(-best(arm)[0], arm) for arm in range(len(game.arms))]
    heapq.heapify(heap)
    while heap and not score.over:
        _, arm = heapq.heappop(heap)
        value, end = best(arm)
        if value <= 0:
            continue
        if heap and value < -heap[0][0]:
            heapq.heappush(heap, (-value, arm))
            continue
        for _, page in list(unread(arm, end)):
            score.add(page.rows)
            fresh[page.rows[page.rows >= 0]] = 0.0
            if page.key is not None:
                read.add(page.key)
        following[arm] = end
        worth = np.append(weights(score.held), 0.0)
        heapq.heappush(heap, (-best(arm)[0], arm))
    return score


@dataclass(slots=True)
class Chosen:
    """How the project's chooser did, and what kinds of pages it asked."""

    score: Score
    asked: Counter[str]


def ours(game: Game, *, umbrellas_seen: bool = True) -> Chosen:
    """The project's chooser, in rounds as the spiders ask.

    Without `umbrellas_seen` a track counts for the umbrella that its search names, as under a
    regime that hides genres.
    """
    chooser = Chooser([*game.seeds, *game.extra], game.aim, game.sizes)
    score, asked = Score(game), Counter[str]()
    while not score.over and (choices := chooser.choose(ROUND)):
        for choice in choices:
            asked[choice.seed.family if choice.seed else "playlist"] += 1
            chooser.observe([_answer(game, choice, score, umbrellas_seen)])
    return Chosen(score, asked)


def answer_of(game: Game, choice: Choice, ordinal: int) -> PageResult:
    """Ask a chosen track search of the world."""
    rows, end = game.sight.search(choice.key), choice.first_row + choice.row_count
    page = rows[choice.first_row : end]
    found = tuple(game.sight.found[row] for row in page.tolist() if row >= 0)
    more = end < len(rows)
    return _result(choice, ordinal, len(page), more=more, total=len(rows), found=found)


def _answer(game: Game, choice: Choice, score: Score, umbrellas_seen: bool) -> PageResult:
    """Ask a chosen page of the world."""
    sight, end = game.sight, choice.first_row + choice.row_count
    if choice.kind is Kind.PLAYLISTS:
        shown = sight.lists(choice.key, game.regime)[:end]
        score.add(_NOTHING)
        lists = tuple(one for one in shown if one is not None)
        return _result(choice, score.requests, len(shown), more=False, lists=lists)
    rows = sight.search(choice.key) if choice.kind is Kind.TRACKS else sight.items(choice.key)
    page = rows[choice.first_row : end]
    score.add(page)
    found = [sight.found[row] for row in page.tolist() if row >= 0]
    if not umbrellas_seen:
        named = choice.seed.umbrella if choice.seed else None
        found = [one._replace(umbrella=named) for one in found]
    return _result(
        choice, score.requests, len(page), more=end < len(rows), total=len(rows), found=tuple(found)
    )


def _result(choice: Choice, ordinal: int, rows: int, **more: object) -> PageResult:
    return PageResult(
        kind=choice.kind,
        key=choice.key,
        ordinal=ordinal,
        first_row=choice.first_row,
        row_count=choice.row_count,
        rows=rows,
        **{"total": None, **more},  # type: ignore[arg-type]
    )


def seconds_a_page(seeds: Sequence[Seed], aim: Aim, sizes: Sizes, rounds: int) -> float:
    """Processor time to choose a page while all of many seeds are open and being learnt.

    The answers are made up: most rows are eligible, nearly every page is followed by another.
    """
    rng, chooser = Random(1), Chooser(seeds, aim, sizes)
    spent, ordinal = 0.0, 0
    for _ in range(rounds):
        start = time.process_time()
        choices = chooser.choose(ROUND)
        spent += time.process_time() - start
        for choice in choices:
            ordinal += 1
            chooser.observe([_invented(choice, ordinal, aim, rng)])
    return spent / ordinal


def _invented(choice: Choice, ordinal: int, aim: Aim, rng: Random) -> PageResult:
    named = (choice.seed.umbrella, choice.seed.decade) if choice.seed else (None, None)
    cells = [named if rng.random() < 0.7 else rng.choice(aim.cells) for _ in range(8)]
    found = tuple(
        Found(rng.randrange(200_000), umbrella, decade, f"artist {rng.randrange(9000)}")
        for umbrella, decade in cells
    )
    return _result(
        choice, ordinal, choice.row_count, more=rng.random() < 0.9, total=rng.randrange(20, 2000),
        found=found,
    )  # fmt: skip
