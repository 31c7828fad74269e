"""Choosing the next pages: those that promise most for what lacks most. Pure.

A `Chooser` is fed with answered pages and asked for the next ones. Its state is a function of
the pages in the order in which they were planned, whatever the order in which they arrived.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from runclub_spider.frontier.estimate import Answer, Floats, Model, Outlook, Source
from runclub_spider.frontier.queries import Query, artist_term, narrowed, parse, widened
from runclub_spider.frontier.templates import Seed, normalise_term, rotation

SPLIT_FAMILY, ARTIST_FAMILY = "split", "artist"

#: Words that go with so many umbrellas or more say nothing of the music: "running", "fast".
_COMMON_WORD = 5


def in_order(mode: str, seeds: Sequence[Seed]) -> Sequence[Seed]:
    """The plan in the order of a mode that does not learn."""
    return rotation(tuple(seeds)) if mode == "rotation" else seeds


class Found(NamedTuple):
    """An eligible track of a page, with its cell and first artist as far as known."""

    track: Hashable
    umbrella: str | None
    decade: str | None
    artist: str | None = None


@dataclass(frozen=True, slots=True)
class PageResult:
    """One answered page of a search.

    Attributes:
        term: the search.
        ordinal: place of the page in the order of planning.
        rows: rows served, of whatever kind.
        more: whether another page follows.
        total: how many rows the search claims to have.
        found: the eligible tracks, as served.
    """

    term: str
    ordinal: int
    rows: int
    more: bool
    total: int | None
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A page to ask."""

    seed: Seed
    first_row: int
    row_count: int
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Aim:
    """What is wanted: `minimum` tracks in each of the `cells` (umbrella, decade)."""

    cells: tuple[tuple[str, str], ...]
    minimum: int


@dataclass(slots=True)
class Tuning:
    spread: float = 10.0
    scarce: float = 1.0
    even: float = 1.0
    unknown: float = 40.0
    surplus: float = 2e-4
    same: float = 0.5
    artists: int = 4000
    spawn_quantile: float = 0.5
    wide: bool = True


class Chooser:
    def __init__(
        self,
        seeds: Sequence[Seed],
        aim: Aim,
        *,
        page_rows: int,
        depth: int = 1000,
        track_cost: float = 1 / 40,
        tuning: Tuning | None = None,
    ) -> None:
        self.tuning = tuning or Tuning()
        self.aim = aim
        self._umbrellas = {u: i for i, u in enumerate(dict.fromkeys(u for u, _ in aim.cells))}
        decades = sorted({d for _, d in aim.cells})
        self._decades = {d: i for i, d in enumerate(decades)}
        self._model = Model(len(self._umbrellas), len(decades))
        self._wanted = np.zeros(self._model.grid)
        for u, d in aim.cells:
            self._wanted[self._umbrellas[u], self._decades[d]] = 1.0
        self._held = np.zeros(self._model.grid)
        self._page_rows, self._depth, self._track_cost = page_rows, depth, track_cost
        self._seeds: list[Seed] = []
        self._parents: list[str | None] = []
        self._terms: dict[str, int] = {}
        self._seen: set[Hashable] = set()
        self._waiting: list[PageResult] = []
        self._artists: dict[str, int] = {}
        self._artist_names: set[str] = set()
        self._finds: dict[str, list[tuple[int, int]]] = {}
        self._add_plan(seeds)

    def _add_plan(self, seeds: Sequence[Seed]) -> None:
        plan = list(seeds)
        parents: list[str | None] = [None] * len(plan)
        if self.tuning.wide:
            known = {normalise_term(s.term) for s in plan}
            for seed in seeds:
                wide = widened(seed.term)
                if normalise_term(wide) not in known:
                    known.add(normalise_term(wide))
                    plan.append(replace(seed, term=wide, decade=None))
                    parents.append(seed.term)
        queries = [parse(s.term) for s in plan]
        umbrellas: dict[str, set[str | None]] = {}
        for seed, query in zip(plan, queries, strict=True):
            for word in query.words:
                umbrellas.setdefault(word, set()).add(seed.umbrella)
        self._common = {w for w, found in umbrellas.items() if len(found) >= _COMMON_WORD}
        by_core: dict[frozenset[str], list[int]] = {}
        cores = [self._core(q) for q in queries]
        bare = [replace(q, words=tuple(w for w in q.words if w not in self._common)) for q in queries]
        for i, core in enumerate(cores):
            by_core.setdefault(core, []).append(i)
        for i, (seed, query, core) in enumerate(zip(plan, queries, cores, strict=True)):
            wider = []
            equal = []
            for _, members in _subsets(core, by_core):
                for j in members:
                    if j == i:
                        continue
                    if any(w in self._common for w in queries[j].words):
                        continue
                    if cores[j] == core and queries[j].years == query.years:
                        equal.append(j)
                    elif queries[j].takes_in(query):
                        wider.append(j)
            self._add(seed, query, parents[i], core, tuple(wider), tuple(equal))

    def _core(self, query: Query) -> frozenset[str]:
        return frozenset(w for w in (*query.words, *query.genre) if w not in self._common)

    def _add(self, seed, query, parent, core, wider=(), equal=(), kind="search") -> int:
        form = (
            kind,
            seed.family,
            bool(query.genre),
            query.years is not None,
            any(w in self._common for w in query.words),
            seed.umbrella is None,
        )
        at = self._model.add(
            Source(
                key=seed.term,
                form=form,
                umbrella=self._umbrellas.get(seed.umbrella, -1),
                decade=self._decades.get(seed.decade, -1),
                core=(kind, core or query.words),
                years=query.years,
                page_rows=self._page_rows,
                wider=wider,
                equal=equal,
            )
        )
        self._seeds.append(seed)
        self._parents.append(parent)
        self._terms[seed.term] = at
        return at

    def observe(self, results: Iterable[PageResult]) -> None:
        self._waiting += results

    def _absorb(self) -> None:
        for result in sorted(self._waiting, key=lambda r: (r.ordinal, r.term)):
            self._take(result)
        self._waiting = []

    def _take(self, result: PageResult) -> None:
        at = self._terms[result.term]
        cells: dict[tuple[int, int], list[int]] = {}
        fresh = []
        none_u, none_d = len(self._umbrellas), len(self._decades)
        for one in result.found:
            u = self._umbrellas.get(one.umbrella, none_u)
            d = self._decades.get(one.decade, none_d)
            count = cells.setdefault((u, d), [0, 0])
            count[0] += 1
            if one.track not in self._seen:
                self._seen.add(one.track)
                count[1] += 1
                fresh.append((one, u, d))
        for (u, d), (_, new) in cells.items():
            self._held[u, d] += new
        more = result.more and self._model.sources.column("read")[at] + result.rows < self._depth
        self._model.learn(
            Answer(at, result.rows, more, result.total, tuple((u, d, e, n) for (u, d), (e, n) in cells.items()))
        )
        for one, u, d in fresh:
            if one.artist:
                self._lead(one, u, d)

    def _lead(self, one: Found, u: int, d: int) -> None:
        at = self._artists.get(one.artist)
        if at is not None:
            self._model.hint(at, u, d)
            return
        finds = self._finds.setdefault(one.artist, [])
        finds.append((u, d))
        if u == len(self._umbrellas) or d == len(self._decades) or not self._wanted[u, d]:
            return
        if len(self._artists) >= self.tuning.artists or self._held[u, d] > self._limit():
            return
        term = artist_term(one.artist)
        if term is None or term in self._terms:
            return
        seed = Seed(term, "track", ARTIST_FAMILY, one.umbrella, one.decade)
        query = parse(term)
        at = self._artists[one.artist] = self._add(
            seed, query, None, frozenset(query.artist), kind="artist"
        )
        for u, d in finds:
            self._model.hint(at, u, d)

    def _limit(self) -> float:
        held = self._held[self._wanted > 0]
        return max(20.0, float(np.quantile(held, self.tuning.spawn_quantile)))

    def weights(self, held: Floats) -> Floats:
        """What one more track is worth, by cell."""
        t, least = self.tuning, self.aim.minimum
        lack = np.maximum(0.0, 1 - held / least) if least else np.zeros_like(held)
        return (
            self._wanted * lack * self._scarcity * (t.spread / (t.spread + held)) ** t.even
        )

    def _set_scarcity(self) -> None:
        t = self.tuning
        room = np.maximum(self._model.capacity().reshape(self._model.grid), self._held)
        room = np.clip(room, t.unknown, max(self.aim.minimum, t.unknown))
        self._scarcity = (t.spread / (t.spread + room)) ** t.scarce

    def choose(self, count: int, skip: AbstractSet[str] = frozenset()) -> list[Choice]:
        self._absorb()
        self._set_scarcity()
        outlook = self._model.outlook()
        self.last = outlook
        picked = self._pick(outlook, count, skip)
        read = self._model.sources.column("read")
        return [
            Choice(self._seeds[i], int(read[i]), min(self._page_rows, self._depth - int(read[i])), self._parents[i])
            for i in picked
        ]

    def _pick(self, outlook: Outlook, count: int, skip: AbstractSet[str]) -> list[int]:
        t, s = self.tuning, self._model.sources
        held = self._held.copy()
        weights = self.weights(held)
        cost = 1 + self._track_cost * outlook.new
        values = (outlook.worth(weights) + t.surplus * outlook.new) / cost
        values[s.column("open") == 0] = -1.0
        order = np.argsort(-values, kind="stable")
        slices = s.column("slice")
        dulled: Counter[int] = Counter()
        cells: dict[int, Floats] = {}
        heap: list[tuple[float, int]] = []
        picked: list[int] = []
        at = 0
        while len(picked) < count:
            while at < len(order) and (not heap or values[order[at]] >= -heap[0][0]):
                i = int(order[at])
                at += 1
                if values[i] >= 0 and self._seeds[i].term not in skip:
                    heapq.heappush(heap, (-float(values[i]), i))
            if not heap:
                break
            value, i = heapq.heappop(heap)
            if i not in cells:
                cells[i] = outlook.cells(i)
            factor = t.same ** dulled[int(slices[i])]
            now = factor * float((cells[i] * weights).sum() + t.surplus * outlook.new[i]) / cost[i]
            if now < -value * (1 - 1e-9) and (heap or at < len(order)):
                heapq.heappush(heap, (-now, i))
                if -heap[0][0] > now or (at < len(order) and values[order[at]] > now):
                    continue
                heapq.heappop(heap)
            picked.append(i)
            held += factor * cells[i]
            weights = self.weights(held)
            dulled[int(slices[i])] += 1
        return picked


def _subsets(core, by_core):
    from itertools import combinations

    if not core or len(core) > 5:
        return
    for size in range(1, len(core) + 1):
        for part in combinations(sorted(core), size):
            if (members := by_core.get(frozenset(part))) is not None:
                yield part, members
