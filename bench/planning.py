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
from random import Random

import numpy as np
from numpy.typing import NDArray

from bench.worlds import Rows, Sight
from runclub_spider.frontier.choice import Aim, Chooser, Found, Kind, PageResult, Sizes
from runclub_spider.frontier.templates import Seed, rotation

MARKS = (0.5, 0.8, 0.9, 0.95)
#: Pages that a clairvoyant looks ahead in one seed.
AHEAD = 5
#: Pages of one round: the spiders' default.
ROUND = 32


@dataclass(slots=True)
class Page:
    """What one request gets; `key` is set for the page of a playlist, which many seeds lead to."""

    rows: Rows
    key: tuple[str, int] | None = None


@dataclass
class Game:
    """A world under one regime: the seeds' pages in order, and what they can reach.

    `reach` holds the tracks of each cell that the seeds reach; `thin` the quarter of the
    non-empty cells with fewest, as numbers of cells.
    """

    sight: Sight
    seeds: Sequence[Seed]
    aim: Aim
    sizes: Sizes
    regime: str
    arms: list[list[Page]] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._number = {cell: at for at, cell in enumerate(self.aim.cells)}
        self.arms = [self._pages(seed) for seed in self.seeds]
        found = np.unique(np.concatenate([page.rows for arm in self.arms for page in arm]))
        self.reach = np.zeros(len(self.aim.cells), np.int64)
        for track in found[found >= 0]:
            cell = self.cell(int(track))
            if cell >= 0:
                self.reach[cell] += 1
        order = [at for at in np.argsort(self.reach, kind="stable") if self.reach[at]]
        self.thin = frozenset(int(at) for at in order[: len(order) // 4])

    def cell(self, track: int) -> int:
        """The number of a track's cell, -1 outside all of them."""
        while track >= len(self.cells):
            one = self.sight.found[len(self.cells)]
            self.cells.append(self._number.get((one.umbrella or "", one.decade or ""), -1))
        return self.cells[track]

    def _pages(self, seed: Seed) -> list[Page]:
        size = self.sizes.search_rows
        if seed.kind == "track":
            return _cut(self.sight.search(seed.term)[: self.sizes.depth], size)
        pages = [Page(np.zeros(0, np.int32))]
        for one in self.sight.best_lists(seed.term, self.regime, size):
            rows = self.sight.items(one)[: self.sizes.items]
            parts = _cut(rows, self.sizes.item_rows)
            pages += [Page(part.rows, (one, at)) for at, part in enumerate(parts)]
        return pages


def _cut(rows: Rows, size: int) -> list[Page]:
    return [Page(rows[at : at + size]) for at in range(0, max(len(rows), 1), size)]


class Score:
    """Counts tracks for cells up to what the seeds reach, and notes when marks are passed."""

    def __init__(self, game: Game) -> None:
        self._game = game
        self.seen: set[int] = set()
        self.held = np.zeros(len(game.reach), np.int64)
        self.requests = 0
        self._all, self._thin = 0, 0
        self._goal_all = int(game.reach.sum())
        self._goal_thin = int(sum(game.reach[at] for at in game.thin))
        self.all: list[int] = []
        self.thin: list[int] = []

    @property
    def over(self) -> bool:
        """Whether every mark is passed."""
        return len(self.all) == len(MARKS) and len(self.thin) == len(MARKS)

    def add(self, rows: Rows) -> int:
        """Count one request; the eligible tracks that were new."""
        game, new = self._game, 0
        self.requests += 1
        for row in rows.tolist():
            if row < 0 or row in self.seen:
                continue
            self.seen.add(row)
            new += 1
            cell = game.cell(row)
            if cell < 0:
                continue
            if self.held[cell] < game.reach[cell]:
                self._all += 1
                self._thin += cell in game.thin
            self.held[cell] += 1
        _note(self.all, self._all, self._goal_all, self.requests)
        _note(self.thin, self._thin, self._goal_thin, self.requests)
        return new


def _note(marks: list[int], have: int, goal: int, requests: int) -> None:
    while len(marks) < len(MARKS) and have >= MARKS[len(marks)] * goal:
        marks.append(requests)


class _Table:
    """The seeds' pages as they are turned; pages of a playlist are read once."""

    def __init__(self, game: Game) -> None:
        self._arms = game.arms
        self._next = [0] * len(game.arms)
        self._read: set[tuple[str, int]] = set()

    def turn(self, arm: int) -> Page | None:
        """The arm's next page that was not read; None when it has none."""
        pages = self._arms[arm]
        while self._next[arm] < len(pages):
            page = pages[self._next[arm]]
            self._next[arm] += 1
            if page.key is None or page.key not in self._read:
                if page.key is not None:
                    self._read.add(page.key)
                return page
        return None


def template(game: Game) -> Score:
    """Seed after seed, each to its end."""
    return _ordered(game, iter(range(len(game.arms))), again=True)


def fair_rotation(game: Game) -> Score:
    """A page of each seed, families and umbrellas in turns; then the next page of each."""
    place = {id(seed): at for at, seed in enumerate(game.seeds)}
    order = [place[id(seed)] for seed in rotation(tuple(game.seeds))]
    return _ordered(game, _rounds(order), again=False)


def at_random(game: Game) -> Score:
    """Any seed that has a page left."""
    rng = Random(1)
    left = list(range(len(game.arms)))

    def turns() -> Iterator[int]:
        while left:
            yield left[rng.randrange(len(left))]

    return _ordered(game, turns(), again=False, done=left.remove)


def _rounds(order: list[int]) -> Iterator[int]:
    while order:
        before = len(order)
        yield from order
        if before == 0:
            return


def _ordered(
    game: Game,
    turns: Iterator[int],
    *,
    again: bool,
    done: Callable[[int], None] = lambda arm: None,
) -> Score:
    """Turn pages in a given order of arms; with `again` an arm is stayed with to its end."""
    score, pages = Score(game), _Table(game)
    dry: set[int] = set()
    for arm in turns:
        if arm in dry:
            continue
        while not score.over:
            page = pages.turn(arm)
            if page is None:
                dry.add(arm)
                done(arm)
                break
            score.add(page.rows)
            if not again:
                break
        if score.over or len(dry) == len(game.arms):
            break
    return score


def ucb1(game: Game) -> Score:
    """UCB1 over the seeds: mean share of new tracks a page, and the usual bonus."""
    number = len(game.arms)
    asked, gained = np.zeros(number), np.zeros(number)

    def value(turn: int) -> NDArray[np.float64]:
        mean = gained / np.maximum(asked, 1)
        bonus = np.sqrt(2 * math.log(turn + 1) / np.maximum(asked, 1))
        return np.where(asked == 0, np.inf, mean + bonus)

    def learn(arm: int, new: int, rows: int) -> None:
        asked[arm] += 1
        gained[arm] += new / max(rows, game.sizes.search_rows)

    return _valued(game, value, learn)


def greedy_new(game: Game) -> Score:
    """The seed whose last page brought most new tracks; unasked ones count as the mean."""
    number = len(game.arms)
    last = np.full(number, np.nan)
    firsts = [float(game.sizes.search_rows), 1.0]

    def value(_turn: int) -> NDArray[np.float64]:
        return np.where(np.isnan(last), firsts[0] / firsts[1], last)

    def learn(arm: int, new: int, _rows: int) -> None:
        if math.isnan(last[arm]):
            firsts[0] += new
            firsts[1] += 1
        last[arm] = new

    return _valued(game, value, learn)


def _valued(
    game: Game,
    value: Callable[[int], NDArray[np.float64]],
    learn: Callable[[int, int, int], None],
) -> Score:
    score, pages = Score(game), _Table(game)
    open_ = np.ones(len(game.arms), bool)
    while not score.over and open_.any():
        arm = int(np.argmax(np.where(open_, value(score.requests), -np.inf)))
        page = pages.turn(arm)
        if page is None:
            open_[arm] = False
        else:
            learn(arm, score.add(page.rows), len(page.rows))
    return score


def clairvoyant(game: Game, weights: Callable[[NDArray[np.int64]], NDArray[np.float64]]) -> Score:
    """Knows every answer: the seed whose next pages bring most weight a request (greedy cover).

    `weights` gives the worth of one more track in each cell by what the cells hold.
    """
    score, size = Score(game), len(game.sight.found)
    cells = np.array([game.cell(track) for track in range(size)])
    fresh = np.ones(size)
    following = [0] * len(game.arms)
    read: set[tuple[str, int]] = set()
    worth = np.append(weights(score.held), 0.0)

    def best(arm: int) -> tuple[float, int]:
        """Weight a request over the best number of pages ahead."""
        found, gain, cost, at = (0.0, 0), 0.0, 0, following[arm]
        for page in game.arms[arm][at : at + AHEAD]:
            at += 1
            if page.key is None or page.key not in read:
                rows = page.rows[page.rows >= 0]
                gain += float((worth[cells[rows]] * fresh[rows]).sum())
                cost += 1
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
        for page in game.arms[arm][following[arm] : end]:
            if page.key is None or page.key not in read:
                score.add(page.rows)
                fresh[page.rows[page.rows >= 0]] = 0.0
                if page.key is not None:
                    read.add(page.key)
        following[arm] = end
        worth = np.append(weights(score.held), 0.0)
        value, _ = best(arm)
        if value > 0:
            heapq.heappush(heap, (-value, arm))
    return score


@dataclass(slots=True)
class Ours:
    """How the chooser did: the score, the time it took to choose, and what it asked."""

    score: Score
    seconds: float
    asked: Counter[str]


def ours(game: Game, *, most: int, umbrellas_seen: bool = True, totals: bool = True) -> Ours:
    """The project's chooser, in rounds as the spiders ask; without `umbrellas_seen` a track is
    taken for the umbrella that its search names, as under a regime that hides genres.
    """
    chooser = Chooser(game.seeds, game.aim, game.sizes)
    score, asked, seconds = Score(game), Counter[str](), 0.0
    while not score.over and score.requests < most:
        start = time.perf_counter()
        choices = chooser.choose(ROUND)
        seconds += time.perf_counter() - start
        if not choices:
            break
        results = []
        for choice in choices:
            asked[choice.seed.family if choice.kind is Kind.TRACKS and choice.seed else str(choice.kind)] += 1
            if choice.kind is Kind.PLAYLISTS:
                lists = game.sight.lists(choice.key, game.regime)[: choice.row_count]
                score.add(np.zeros(0, np.int32))
                results.append(
                    PageResult(
                        choice.kind, choice.key, score.requests, choice.first_row,
                        choice.row_count, len(lists), False, None,
                        lists=tuple(one for one in lists if one is not None),
                    )
                )  # fmt: skip
                continue
            sight = game.sight
            rows = sight.search(choice.key) if choice.kind is Kind.TRACKS else sight.items(choice.key)
            end = choice.first_row + choice.row_count
            page = rows[choice.first_row : end]
            score.add(page)
            found = [sight.found[row] for row in page.tolist() if row >= 0]
            if not umbrellas_seen:
                named = choice.seed.umbrella if choice.seed else None
                found = [one._replace(umbrella=named) for one in found]
            results.append(
                PageResult(
                    choice.kind, choice.key, score.requests, choice.first_row, choice.row_count,
                    len(page), end < len(rows), len(rows) if totals else None, tuple(found),
                )
            )  # fmt: skip
        chooser.observe(results)
    return Ours(score, seconds, asked)


__all__ = ["Found", "Game", "Ours", "Score"]
