"""Which tracks make the release, so that the cells are served as well as they can be. Pure.

Each cell (umbrella × decade) wants a target; a track may serve one cell of its own decade, under
any of its umbrellas. In this order:

1. *Cells*: a largest set of tracks that serve cells at once, so the total shortfall is the least
   there can be (:mod:`.flow` has the proof). Among the largest sets the one that keeps most of
   the last release, then tracks up to five minutes, then the most popular, then small ids.
2. *Backfill*: what is missing to a cell's minimum is lent, step by step (:data:`STEPS`).
3. *Fill* up to the cap by the same order of preference.

Tracks that a content label puts last come in where the cap has room beyond all others, whatever
cells lack; there they serve cells as others do, after these.

Tracks without features come in as far as the coverage gate allows and no further. What a cell
lacks is computed from the whole pool, never from what was chosen, so that publishing again with
the result as the last release changes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heapify, heappop, heapreplace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.dates import DECADES
from runclub_spider.errors import RunclubError
from runclub_spider.publish.choose.collapse import Dedupe
from runclub_spider.publish.choose.flow import Matching, Placement, Spares, cut
from runclub_spider.publish.choose.pool import NONE, Bools, Indices, Pool

#: Longer tracks rank last: "permit up to 6 min only if otherwise eliminating coverage".
PREFERRED_MAX_MS = 300_000

Step = Literal["soft", "neighbour", "decade"]
#: How a thin cell is helped. `soft`: by tracks of its own whose playability is unknown;
#: `neighbour`: by what its umbrella's neighbours have beyond their targets in the same decade,
#: the closest first; `decade`: by what the same umbrella has beyond its targets in the decades
#: before and after.
STEPS: tuple[Step, ...] = ("soft", "neighbour", "decade")

_EVERYTHING = 1 << 40
_YEARS = len(DECADES)

Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Targets:
    """What the balance aims at; counts of tracks, coverage as a share.

    Attributes:
        cap: most tracks of a release.
        cell_target: tracks a cell is served before the rest is filled, if the cap has room for
            as many in each possible cell.
        cell_minimum: a cell with less is thin.
        coverage: least share of tracks with features.
        cells: those that can exist; others want nothing.
        neighbours: related umbrellas, the closest first.
        backfill: steps for thin cells, in their order.
        dedupe: the policy of :mod:`.collapse`.
    """

    cap: int
    cell_target: int
    cell_minimum: int
    coverage: Fraction
    cells: tuple[Cell, ...] = ()
    neighbours: Mapping[str, Sequence[str]] = field(default_factory=dict)
    backfill: Sequence[Step] = STEPS
    dedupe: Dedupe = "id+isrc+soft"

    @property
    def target(self) -> int:
        """Tracks each possible cell wants."""
        return min(self.cell_target, self.cap // max(1, len(self.cells)))

    @property
    def minimum(self) -> int:
        """Tracks below which a possible cell is thin; never above its target."""
        return min(self.cell_minimum, self.target)


@dataclass(frozen=True, slots=True)
class Backfill:
    """A track that stands in for a thin cell, and by which step."""

    cell: Cell
    step: Step


@dataclass(frozen=True, slots=True)
class CellCount:
    """One possible cell of a release: tracks counted in it, and how it was helped."""

    tracks: int
    shortfall: int
    backfill: dict[Step, int]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the balance reached, and the proof that no choice reaches more.

    Attributes:
        target: tracks wanted of each possible cell.
        minimum: tracks below which it is thin.
        cells: by cell, in the order of the map and of time.
        shortfall: tracks missing to the targets, all cells together; the optimum.
        proof: cells that want `wanted` tracks together, where only `tracks` of the pool may
            serve any of them: the difference is the shortfall, so none can be smaller.
    """

    target: int
    minimum: int
    cells: dict[Cell, CellCount]
    shortfall: int
    proof: tuple[Cell, ...]
    wanted: int
    tracks: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The outcome, by position in the pool.

    Attributes:
        chosen: the release.
        umbrella: position in `Pool.labels` under which a chosen track is counted, `NONE` for
            no umbrella.
        backfill: chosen tracks that stand in for a thin cell.
        certificate: figures and proof.
    """

    chosen: Bools
    umbrella: NDArray[np.uint8]
    backfill: dict[int, Backfill]
    certificate: Certificate


def balance(pool: Pool, ready: Bools, reserve: Bools, targets: Targets) -> Choice:
    """Choose the release.

    Args:
        pool: all tracks.
        ready: those that may be chosen: eligible, survivors, asked for features.
        reserve: those whose playability is unknown and that may help thin cells.
        targets: what to aim at.

    Raises:
        RunclubError: the choice is not the optimum (a mistake in this module).
    """
    others, reserve = ready & ~pool.behind, reserve & pool.features
    choice = _Balance(pool, others, reserve, targets).run()
    room = targets.cap - int(others.sum()) - int((choice.chosen & reserve).sum())
    last = ready & pool.behind
    if room <= 0 or not last.any():
        return choice
    return _Balance(
        pool, others | _admitted(pool, others, last, targets, room), reserve, targets
    ).run()


def _admitted(pool: Pool, others: Bools, last: Bools, targets: Targets, room: int) -> Bools:
    """Those of the `last` that there is room for: first what cells lack without them."""
    if int(last.sum()) <= room:
        return last
    world = _Balance(pool, others | last, np.zeros(len(pool), bool), targets)
    matching = Matching(world.cells, world.goal)
    _take(matching, ranked(pool, others & pool.features), world.class_of)
    admitted = np.zeros(len(pool), bool)
    having = ranked(pool, last & pool.features, keeping=True)
    admitted[_take(matching, having, world.class_of, room)] = True
    rest = np.concatenate(
        (having[~admitted[having]], ranked(pool, last & ~pool.features, keeping=True))
    )
    admitted[rest[: room - int(admitted.sum())]] = True
    return admitted


class _Balance:
    def __init__(self, pool: Pool, ready: Bools, reserve: Bools, targets: Targets) -> None:
        self.pool, self.targets = pool, targets
        self.with_features = ready & pool.features
        self.without = ready & ~pool.features
        self.reserve = reserve
        self.class_of, self.cells = _classes(pool, ready)
        # By class the cells it could serve; a reserve track serves only some of them.
        self.reach = list(self.cells)
        self.plain = len(self.cells)
        self.size = len(pool.labels) * _YEARS
        self.place = {label: at * _YEARS for at, label in enumerate(pool.labels)}
        possible = [self._number(cell) for cell in targets.cells]
        self.goal = [0] * self.size
        self.least = [0] * self.size
        for cell in possible:
            self.goal[cell], self.least[cell] = targets.target, targets.minimum
        self.chosen = np.zeros(len(pool), bool)

    def run(self) -> Choice:
        supply = Placement(self.cells, self._counts(self.with_features), self.size)
        supply.supply(self.least, self.least)
        supply.supply(self.goal, self.goal)
        helped, standing, lent = self._help(supply)
        lending = [sum(thin.values()) for thin in lent]
        budget = self._budget(int(helped.sum()))
        self._choose(helped, budget, lending)
        final = self._settle(standing, lending)
        umbrella = self._umbrellas(final)
        labels = self._labels(umbrella, helped, lent)
        certificate = self._certificate(final, umbrella, helped, budget, labels)
        return Choice(self.chosen, umbrella, labels, certificate)

    # What thin cells lack

    def _help(self, supply: Placement) -> tuple[Bools, Matching, list[dict[int, int]]]:
        """Reserve tracks to be used, where tracks then stand, and by cell what it lends to whom."""
        need = [max(0, m - n) for m, n in zip(self.least, supply.filled, strict=True)]
        spare = [max(0, n - t) for n, t in zip(supply.filled, self.goal, strict=True)]
        helped = np.zeros(len(self.pool), bool)
        self._class_reserve({cell for cell, number in enumerate(need) if number})
        standing = Matching(self.cells, need)
        standing.widen(self.cells, supply.at)
        loan = Matching([()] * self.size, need)
        roads: list[tuple[int, ...]] = [()] * self.size
        for step in self.targets.backfill:
            if step == "soft":
                # Twice: first who is used, then where, in an order that no release depends on.
                standing.reopen(loan.room)
                trial = Matching(self.cells, loan.room)
                trial.widen(self.cells, standing.at)
                used = _take(trial, self._ranked(self.reserve, keeping=True), self.class_of)
                helped[used] = True
                for one in self._ranked(helped).tolist():
                    standing.add(int(self.class_of[one]), preferred=True)
                loan.reopen(standing.room)
                continue
            for ends in self._roads(step, need):
                for source, thin in ends:
                    if spare[source] and thin not in roads[source]:
                        roads[source] = (*roads[source], thin)
                loan.widen(roads)
                _lend(loan, roads, spare)
        lent: list[dict[int, int]] = [{} for _ in range(self.size)]
        for thin, sources in enumerate(loan.at):
            for source, number in sources.items():
                lent[source][thin] = number
        return helped, standing, lent

    def _class_reserve(self, thin: AbstractSet[int]) -> None:
        """Classes of their own for the reserve, which may stand in thin cells only."""
        class_of, cells = _classes(self.pool, self.reserve)
        numbers = np.full(len(cells), -1, np.int32)
        for one, order in enumerate(cells):
            if useful := tuple(cell for cell in order if cell in thin):
                numbers[one] = len(self.cells)
                self.cells.append(useful)
                self.reach.append(order)
        inside = class_of >= 0
        self.class_of[inside] = numbers[class_of[inside]]

    def _roads(self, step: Step, need: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
        """(lender, thin cell) pairs, the nearest first."""
        thin = [cell for cell, number in enumerate(need) if number]
        if step == "decade":
            yield [
                (cell + by, cell)
                for cell in thin
                for by in (-1, 1)
                if 0 <= cell % _YEARS + by < _YEARS
            ]
            return
        related = {cell: self.targets.neighbours.get(self._name(cell)[0], ()) for cell in thin}
        for distance in range(max(map(len, related.values()), default=0)):
            yield [
                (self._number((related[cell][distance], self._name(cell)[1])), cell)
                for cell in thin
                if distance < len(related[cell])
            ]

    # Who is chosen

    def _budget(self, helped: int) -> int:
        """Most tracks without features that the coverage gate allows in any release made here."""
        most, gate, cap = int(self.without.sum()), self.targets.coverage, self.targets.cap
        if gate:
            having = int(self.with_features.sum()) + helped
            most = min(most, int(having * (1 - gate) / gate))
        return min(most, int(cap * (1 - gate)))

    def _choose(self, helped: Bools, budget: int, lending: Sequence[int]) -> None:
        """Mark the release: cells first, then lenders, then the best of the rest."""
        cap, chosen = self.targets.cap, self.chosen
        matching = Matching(self.cells, self.goal)
        chosen[_take(matching, self._ranked(helped), self.class_of)] = True
        having = self._ranked(self.with_features, keeping=True)
        chosen[_take(matching, having, self.class_of)] = True
        lacking = self._ranked(self.without, keeping=True)
        chosen[_take(matching, lacking, self.class_of, budget)] = True
        matching.reopen([n + more for n, more in zip(matching.room, lending, strict=True)])
        waiting = having[~chosen[having]]
        room = cap - int(chosen.sum())
        chosen[_take(matching, waiting, self.class_of, room)] = True
        rest = self._ranked((self.with_features | self.without) & ~chosen, keeping=True, mixed=True)
        lacks = self.without[rest]
        allowed = budget - int((chosen & self.without).sum())
        rest = rest[~lacks | (np.cumsum(lacks) <= allowed)]
        chosen[rest[: cap - int(chosen.sum())]] = True

    def _ranked(self, part: Bools, *, keeping: bool = False, mixed: bool = False) -> Indices:
        return ranked(self.pool, part, keeping=keeping, mixed=mixed)

    # Where the chosen are counted

    def _settle(self, standing: Matching, lending: Sequence[int]) -> Placement:
        """Count each chosen track under one umbrella, its heaviest wherever that does no harm.

        Cells end with what the whole pool could give them, so that what is missing, and was
        lent, is missing in these cells and not in others.
        """
        filled = [sum(classes.values()) for classes in standing.at]
        standing.reopen([max(0, t - n) for t, n in zip(self.goal, filled, strict=True)])
        for one in self._ranked(self.without & self.chosen & (self.class_of >= 0)).tolist():
            standing.add(int(self.class_of[one]), preferred=True)
        reached = [t - left for t, left in zip(self.goal, standing.room, strict=True)]
        final = Placement(self.cells, self._counts(self.chosen), self.size)
        lent = [n + more for n, more in zip(reached, lending, strict=True)]
        final.supply(lent, reached)
        final.supply(reached, reached)
        short = [left > 0 for left in standing.room]
        final.supply(
            [n if s else _EVERYTHING for n, s in zip(reached, short, strict=True)],
            [0 if s else _EVERYTHING for s in short],
        )
        final.supply(
            [_EVERYTHING if s else n for n, s in zip(lent, short, strict=True)],
            [n if more else 0 for n, more in zip(lent, lending, strict=True)],
        )
        return final

    def _umbrellas(self, final: Placement) -> NDArray[np.uint8]:
        """Single tracks for the places of their class: as in the last release, then by rank."""
        umbrella = np.where(self.chosen, self.pool.names[:, 0], NONE).astype(np.uint8)
        places: dict[int, dict[int, int]] = {}
        for cell, standing in enumerate(final.at):
            for one, number in standing.items():
                places.setdefault(one, {})[cell] = number
        ranked = self._ranked(self.chosen)
        ranked = ranked[np.argsort(self.class_of[ranked], kind="stable")]
        classes = self.class_of[ranked]
        for one, quota in places.items():
            if one < self.plain and list(quota) == [self.cells[one][0]]:
                continue
            first, last = np.searchsorted(classes, [one, one + 1])
            left = []
            for track in ranked[first:last].tolist():
                kept = self._cell_of(int(self.pool.kept_as[track]), track)
                if quota.get(kept, 0):
                    quota[kept] -= 1
                    umbrella[track] = kept // _YEARS
                else:
                    left.append(track)
            order = [cell for cell in self.cells[one] for _ in range(quota.get(cell, 0))]
            for track, cell in zip(left, order, strict=True):
                umbrella[track] = cell // _YEARS
        return umbrella

    def _cell_of(self, umbrella: int, track: int) -> int:
        decade = int(self.pool.decade[track])
        return -1 if NONE in (umbrella, decade) else umbrella * _YEARS + decade

    # What is said about it

    def _labels(
        self, umbrella: NDArray[np.uint8], helped: Bools, lent: Sequence[Mapping[int, int]]
    ) -> dict[int, Backfill]:
        """Which tracks are the lent ones: the lowest ranked beyond the lender's own target."""
        found = {}
        for track in np.flatnonzero(helped & self.chosen).tolist():
            cell = self._cell_of(int(umbrella[track]), track)
            found[track] = Backfill(self._name(cell), "soft")
        ranked = self._ranked(self.with_features & self.chosen & (self.class_of >= 0))
        cells = umbrella[ranked].astype(np.int32) * _YEARS + self.pool.decade[ranked]
        ranked, cells = ranked[np.argsort(cells, kind="stable")], np.sort(cells)
        for lender in [cell for cell, thin in enumerate(lent) if thin]:
            first, last = np.searchsorted(cells, [lender, lender + 1])
            surplus = ranked[first:last][self.goal[lender] :].tolist()
            for thin, number in sorted(lent[lender].items()):
                same = lender % _YEARS == thin % _YEARS
                mark = Backfill(self._name(thin), "neighbour" if same else "decade")
                found.update(dict.fromkeys(surplus[:number], mark))
                surplus = surplus[number:]
        return dict(sorted(found.items()))

    def _certificate(
        self,
        final: Placement,
        umbrella: NDArray[np.uint8],
        helped: Bools,
        budget: int,
        labels: Mapping[int, Backfill],
    ) -> Certificate:
        used = np.flatnonzero(self.without & self.chosen & (self.class_of >= 0)).tolist()
        spares = Spares(
            self._counts(self.without),
            self._counts(self.without & ~self.chosen),
            frozenset(self._cell_of(int(umbrella[i]), i) for i in used),
            budget,
        )
        having = self._counts(self.with_features | helped)
        best = cut(self.reach, having, self.goal, final.at, spares)
        missing = [max(0, t - n) for t, n in zip(self.goal, final.filled, strict=True)]
        if sum(missing) != best.shortfall:
            raise RunclubError(
                f"the balance lacks {sum(missing)} tracks and is proven for {best.shortfall}; "
                "please report this"
            )
        help_by_cell: dict[Cell, Counter[Step]] = defaultdict(Counter)
        for label in labels.values():
            help_by_cell[label.cell][label.step] += 1
        counts = {}
        for cell in self.targets.cells:
            number = self._number(cell)
            helps = {s: help_by_cell[cell][s] for s in STEPS if help_by_cell[cell][s]}
            counts[cell] = CellCount(final.filled[number], missing[number], helps)
        return Certificate(
            target=self.targets.target,
            minimum=self.targets.minimum,
            cells=counts,
            shortfall=best.shortfall,
            proof=tuple(self._name(cell) for cell in best.cells),
            wanted=best.wanted,
            tracks=best.tracks,
        )

    # Names and numbers

    def _number(self, cell: Cell) -> int:
        return self.place[cell[0]] + DECADES.index(cell[1])

    def _name(self, cell: int) -> Cell:
        return self.pool.labels[cell // _YEARS], DECADES[cell % _YEARS]

    def _counts(self, part: Bools) -> list[int]:
        """Tracks of a part, by class."""
        inside = self.class_of[part & (self.class_of >= 0)]
        counts: list[int] = np.bincount(inside, minlength=len(self.cells)).tolist()
        return counts


def ranked(pool: Pool, part: Bools, *, keeping: bool = False, mixed: bool = False) -> Indices:
    """Positions of a part of the pool, the best first; what a label puts last is behind all.

    Args:
        pool: the tracks.
        part: which of them.
        keeping: tracks of the last release first.
        mixed: then those with features.
    """
    (members,) = np.nonzero(part)
    keys: list[NDArray[Any]] = [-pool.popularity[members].astype(np.int16)]
    keys.append(-pool.suitability[members].astype(np.int16))
    keys.append(pool.duration[members] > PREFERRED_MAX_MS)
    if mixed:
        keys.append(~pool.features[members])
    if keeping:
        keys.append(~pool.kept[members])
    keys.append(pool.behind[members])
    return members[np.lexsort(keys)]


def _classes(pool: Pool, part: Bools) -> tuple[NDArray[np.int32], list[tuple[int, ...]]]:
    """Per track its class, -1 for none, and per class its cells, the heaviest umbrella first."""
    inside = part & (pool.names[:, 0] != NONE) & (pool.decade != NONE)
    key = np.zeros(int(inside.sum()), np.int64)
    for column in range(pool.names.shape[1]):
        key = key << 8 | pool.names[inside, column]
    key = key << 8 | pool.decade[inside]
    keys, classes = np.unique(key, return_inverse=True)
    class_of = np.full(len(pool), -1, np.int32)
    class_of[inside] = classes
    cells = []
    for one in keys.tolist():
        *names, decade = one.to_bytes(pool.names.shape[1] + 1, "big")
        cells.append(tuple(name * _YEARS + decade for name in names if name != NONE))
    return class_of, cells


def _take(
    matching: Matching,
    ranked: Indices,
    class_of: NDArray[np.int32],
    most: int = _EVERYTHING,
) -> Indices:
    """Those of the ranked tracks that can be served, taken in their order; at most so many."""
    ranked = ranked[class_of[ranked] >= 0]
    classes = class_of[ranked]
    # By class, the ranks of its tracks; the heap holds each class's next one.
    by_class = np.argsort(classes, kind="stable")
    ends = np.cumsum(np.bincount(classes)).tolist() if len(ranked) else []
    starts = [0, *ends[:-1]]
    heap = [
        (int(by_class[a]), one)
        for one, (a, b) in enumerate(zip(starts, ends, strict=False))
        if a < b
    ]
    heapify(heap)
    taken: list[int] = []
    while heap and len(taken) < most:
        rank, one = heap[0]
        if not matching.add(one):
            heappop(heap)
            continue
        taken.append(rank)
        starts[one] += 1
        if starts[one] < ends[one]:
            heapreplace(heap, (int(by_class[starts[one]]), one))
        else:
            heappop(heap)
    return ranked[np.array(taken, np.int64)]


def _lend(loan: Matching, roads: Sequence[tuple[int, ...]], spare: list[int]) -> None:
    """Lend what can be lent along the roads, one track a lender in turn; lowers `spare`."""
    lenders = [cell for cell, number in enumerate(spare) if number and roads[cell]]
    while lenders:
        still = []
        for cell in lenders:
            if loan.add(cell):
                spare[cell] -= 1
                if spare[cell]:
                    still.append(cell)
        lenders = still
