"""Flows of classes into cells: optimum, costs and cut against linear programming."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import linprog

from runclub_spider.publish.choose.flow import Cut, Matching, Placement, Spares, cut


@dataclass
class Network:
    """Classes with their cells in order of preference, and what the cells want."""

    cells: list[tuple[int, ...]]
    counts: list[int]
    spare: list[int]
    budget: int
    targets: list[int]

    @classmethod
    def random(cls, seed: int) -> Network:
        rng = random.Random(seed)
        size, classes = rng.randint(1, 7), rng.randint(1, 20)
        return cls(
            [tuple(rng.sample(range(size), rng.randint(1, min(size, 4)))) for _ in range(classes)],
            [rng.randint(0, 12) for _ in range(classes)],
            [rng.randint(0, 3) for _ in range(classes)],
            rng.randint(0, 8),
            [rng.choice((0, rng.randint(0, 40))) for _ in range(size)],
        )

    def served(self, targets: Sequence[int] | None = None, *, spare: bool = False) -> int:
        """Most tracks that cells can take, by HiGHS."""
        targets = self.targets if targets is None else targets
        kinds = (0, 1) if spare else (0,)
        arcs = [
            (one, cell, kind) for one, c in enumerate(self.cells) for cell in c for kind in kinds
        ]
        classes = len(self.cells)
        rows = np.zeros((2 * classes + len(targets) + 1, len(arcs)))
        for column, (one, cell, kind) in enumerate(arcs):
            rows[one + classes * kind, column] = 1
            rows[2 * classes + cell, column] = 1
            rows[-1, column] = kind
        limits = [*self.counts, *self.spare, *targets, self.budget]
        return -round(linprog(-np.ones(len(arcs)), A_ub=rows, b_ub=limits).fun)

    def least_loss(self, filled: Sequence[int]) -> int:
        """Least sum of steps down the preferences that leads to these numbers, by HiGHS."""
        arcs = [(one, cell, at) for one, c in enumerate(self.cells) for at, cell in enumerate(c)]
        rows = np.zeros((len(self.cells) + len(filled), len(arcs)))
        for column, (one, cell, _) in enumerate(arcs):
            rows[one, column] = rows[len(self.cells) + cell, column] = 1
        costs = [float(at) for _, _, at in arcs]
        return round(linprog(costs, A_eq=rows, b_eq=[*self.counts, *filled]).fun)


def missing(targets: Sequence[int], filled: Sequence[int]) -> int:
    return sum(max(0, t - n) for t, n in zip(targets, filled, strict=True))


SEEDS = pytest.mark.parametrize("seed", range(60))


@SEEDS
def test_the_cut_proves_the_shortfall(seed: int) -> None:
    net = Network.random(seed)
    placed = Placement(net.cells, net.counts, len(net.targets))
    placed.supply(net.targets, net.targets)
    found = cut(net.cells, net.counts, net.targets, placed.at)
    assert found.shortfall == sum(net.targets) - net.served()
    touching = [one for one, cells in enumerate(net.cells) if set(cells) & set(found.cells)]
    assert found.tracks == sum(net.counts[one] for one in touching)
    assert found.wanted == sum(net.targets[cell] for cell in found.cells)
    # Another largest flow leads to the same cut.
    matching = Matching(net.cells, net.targets)
    for one, number in reversed(list(enumerate(net.counts))):
        for _ in range(number):
            matching.add(one)
    assert cut(net.cells, net.counts, net.targets, matching.at) == found


@SEEDS
def test_the_cut_with_spares(seed: int) -> None:
    net = Network.random(seed)
    matching = Matching(net.cells, net.targets)
    for one, number in enumerate(net.counts):
        for _ in range(number):
            matching.add(one)
    # Spares as classes of their own, so that it is known where they stand.
    size = len(net.cells)
    cells = [*net.cells, *net.cells]
    matching.widen(cells)
    unused, left = [0] * size + list(net.spare), net.budget
    for one in range(size, 2 * size):
        while left and unused[one] and matching.add(one):
            unused[one] -= 1
            left -= 1
    served = sum(sum(classes.values()) for classes in matching.at)
    assert served == net.served(spare=True)
    spares = Spares(
        [0] * size + list(net.spare),
        unused,
        frozenset(c for c, at in enumerate(matching.at) if any(one >= size for one in at)),
        net.budget,
    )
    found = cut(cells, [*net.counts, *[0] * size], net.targets, matching.at, spares)
    assert found.shortfall == sum(net.targets) - served


def test_no_class_and_no_cell() -> None:
    assert cut([], [], [3, 4], [{}, {}]) == Cut((0, 1), 7, 0)
    assert cut([(0,)], [3], [3], [{0: 3}]) == Cut((), 0, 0)


@SEEDS
def test_placing_reaches_minimum_and_target_at_the_least_loss(seed: int) -> None:
    net = Network.random(seed)
    rng = random.Random(seed)
    least = [min(target, rng.randint(0, 20)) for target in net.targets]
    placed = Placement(net.cells, net.counts, len(net.targets))
    assert net.least_loss(placed.filled) == 0
    for goal in (least, net.targets):
        placed.supply(goal, goal)
        assert sum(placed.filled) == sum(net.counts)
        assert [sum(classes.values()) for classes in placed.at] == placed.filled
        assert missing(goal, placed.filled) == sum(goal) - net.served(goal)
        loss = sum(
            net.cells[one].index(cell) * number
            for cell, classes in enumerate(placed.at)
            for one, number in classes.items()
        )
        assert loss == net.least_loss(placed.filled)
    # The second goal cost nothing of the first.
    assert missing(least, placed.filled) == sum(least) - net.served(least)


@SEEDS
def test_matching_serves_as_many_in_any_order(seed: int) -> None:
    net = Network.random(seed)
    queue = [one for one, number in enumerate(net.counts) for _ in range(number)]
    random.Random(seed).shuffle(queue)
    matching = Matching(net.cells, net.targets)
    taken = sum(matching.add(one) for one in queue)
    assert taken == net.served()
    served = [sum(classes.values()) for classes in matching.at]
    assert served == [t - left for t, left in zip(net.targets, matching.room, strict=True)]
    for cell, classes in enumerate(matching.at):
        assert all(cell in net.cells[one] for one in classes)


@SEEDS
def test_more_room_serves_what_waited(seed: int) -> None:
    net = Network.random(seed)
    queue = [one for one, number in enumerate(net.counts) for _ in range(number)]
    narrow = [target // 3 for target in net.targets]
    matching = Matching(net.cells, narrow)
    waiting = [one for one in queue if not matching.add(one)]
    more = [t - n + left for t, n, left in zip(net.targets, narrow, matching.room, strict=True)]
    matching.reopen(more)
    served = len(queue) - len(waiting) + sum(matching.add(one) for one in waiting)
    assert served == net.served()


def test_what_stands_already_can_be_moved() -> None:
    matching = Matching([(0, 1), (0,)], [0, 1])
    matching.widen([(0, 1), (0,)], [{0: 2}, {}])
    assert matching.add(1)
    assert matching.at == [{0: 1, 1: 1}, {0: 1}]
    assert not matching.add(1)


def test_wider_classes_serve_more() -> None:
    matching = Matching([(0,)], [1, 1])
    assert [matching.add(0), matching.add(0)] == [True, False]
    matching.widen([(0, 1)])
    assert matching.add(0)
    assert matching.room == [0, 0]
