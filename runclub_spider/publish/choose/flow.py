"""Tracks into cells, exactly. Pure; in whole numbers.

Tracks that may serve the same cells are one *class*, so a pool of a million tracks is a network
of a few thousand classes and some hundred cells. Three views of it:

- :class:`Placement` puts whole classes into cells and moves them where they are missing, with
  the least loss of preference (successive shortest paths).
- :class:`Matching` takes tracks one by one and keeps each that can still be served, moving
  others aside if need be. The sets it can serve are the independent sets of a transversal
  matroid, so taking the best track first gives the best set there is, whatever the ties.
- :func:`cut` is the proof that what was found is the optimum.

No library solves these: of many equal flows its versions may return different ones, and a
release must be the same bytes everywhere. The tests hold the results against two libraries.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_FAR = 1 << 40

Cells = Sequence[tuple[int, ...]]


class Placement:
    """How many tracks of each class stand in which cell.

    Args:
        cells: by class, the cells it may serve, the preferred first; at least one.
        counts: by class, its tracks; all begin in the preferred cell.
        size: number of cells.

    Attributes:
        at: by cell, class -> tracks of it that stand there.
        filled: by cell, tracks that stand there.
    """

    def __init__(self, cells: Cells, counts: Sequence[int], size: int) -> None:
        self._cells = cells
        self.at: list[dict[int, int]] = [{} for _ in range(size)]
        self.filled = [0] * size
        self._arcs: dict[int, dict[int, tuple[int, int]]] = {}
        for one, count in enumerate(counts):
            if count:
                first = cells[one][0]
                self.at[first][one] = count
                self.filled[first] += count

    def supply(self, floor: Sequence[int], goal: Sequence[int]) -> None:
        """Move tracks from cells above `floor` into cells below `goal`, as many as can be.

        Of all ways the one that moves tracks the fewest steps down their order of preference.
        A cell on the way keeps its number; nothing falls below its floor.
        """
        while path := self._cheapest(floor, goal):
            start, end = path[0], path[-1]
            amount = min(self.filled[start] - floor[start], goal[end] - self.filled[end])
            steps = list(pairwise(path))
            amount = min(amount, *(self._arcs_of(a)[b][1] for a, b in steps))
            for a, b in steps:
                self._move(a, b, amount)
            self.filled[start] -= amount
            self.filled[end] += amount

    def _cheapest(self, floor: Sequence[int], goal: Sequence[int]) -> list[int]:
        """The cheapest path from a cell with too many to one with too few; empty for none."""
        size = len(self.filled)
        short = [c for c in range(size) if self.filled[c] < goal[c]]
        if not short:
            return []
        cost = [0 if self.filled[c] > floor[c] else _FAR for c in range(size)]
        before = [-1] * size
        active = [c for c in range(size) if cost[c] == 0]
        while active:
            reached = set()
            for a in active:
                for b, (step, _) in self._arcs_of(a).items():
                    if cost[a] + step < cost[b]:
                        cost[b], before[b] = cost[a] + step, a
                        reached.add(b)
            active = sorted(reached)
        end = min(short, key=lambda c: (cost[c], c))
        if cost[end] == _FAR:
            return []
        path = [end]
        while before[path[-1]] >= 0:
            path.append(before[path[-1]])
        return path[::-1]

    def _arcs_of(self, cell: int) -> dict[int, tuple[int, int]]:
        """Cells that tracks here may move to: the least loss, and how many tracks have it."""
        if cell not in self._arcs:
            arcs: dict[int, tuple[int, int]] = {}
            for one, count in self.at[cell].items():
                order = self._cells[one]
                here = order.index(cell)
                for place, other in enumerate(order):
                    if other == cell:
                        continue
                    step, number = arcs.get(other, (_FAR, 0))
                    if place - here < step:
                        arcs[other] = (place - here, count)
                    elif place - here == step:
                        arcs[other] = (step, number + count)
            self._arcs[cell] = dict(sorted(arcs.items()))
        return self._arcs[cell]

    def _move(self, a: int, b: int, amount: int) -> None:
        step = self._arcs_of(a)[b][0]
        for one in sorted(self.at[a]):
            order = self._cells[one]
            if b not in order or order.index(b) - order.index(a) != step:
                continue
            part = min(amount, self.at[a][one])
            self.at[a][one] -= part
            if not self.at[a][one]:
                del self.at[a][one]
            self.at[b][one] = self.at[b].get(one, 0) + part
            amount -= part
            if not amount:
                break
        self._arcs.pop(a, None)
        self._arcs.pop(b, None)


class Matching:
    """Takes tracks one at a time, each by its class, while all can be served.

    Args:
        cells: by class, the cells it may serve.
        room: by cell, how many more it can take.

    Attributes:
        at: by cell, class -> tracks that it serves; which of several ways is not promised.
        room: by cell, what is left.
    """

    def __init__(self, cells: Cells, room: Sequence[int]) -> None:
        self.room = list(room)
        self.widen(cells, [{} for _ in room])

    def widen(self, cells: Cells, at: Sequence[Mapping[int, int]] | None = None) -> None:
        """Let classes serve more cells, and by default keep what is served; reopens.

        `at` puts tracks in place of those that are served, whatever the room.
        """
        standing = self.at if at is None else at
        self._cells = cells
        self.at: list[dict[int, int]] = [{} for _ in self.room]
        # By cell and other cell: the classes of tracks that could move over.
        self._moves: list[dict[int, dict[int, None]]] = [{} for _ in self.room]
        for cell, classes in enumerate(standing):
            for one in sorted(classes):
                self._put(one, cell, classes[one])
        self.reopen(self.room)

    def reopen(self, room: Sequence[int]) -> None:
        """Set the room that is left, which may have grown: what was full may be served now."""
        self.room = list(room)
        self._dead = [False] * len(self.room)

    def add(self, one: int, *, preferred: bool = False) -> bool:
        """Serve one more track of a class; False if no moving around makes that possible.

        `preferred` puts it into its first cell with room, not into the one with most.
        """
        order = self._cells[one]
        if preferred:
            free = next((c for c in order if self.room[c] > 0), order[0])
        else:
            free = max(order, key=lambda c: (self.room[c], -c))
        if self.room[free] > 0:
            self._put(one, free, 1)
            self.room[free] -= 1
            return True
        before: dict[int, tuple[int, int]] = {c: (-1, one) for c in order if not self._dead[c]}
        queue = deque(before)
        while queue:
            cell = queue.popleft()
            for other, classes in self._moves[cell].items():
                if other in before or self._dead[other] or not classes:
                    continue
                before[other] = (cell, next(iter(classes)))
                if self.room[other] > 0:
                    self._shift(other, before)
                    return True
                queue.append(other)
        # What leads nowhere now never will: later tracks pass it by, and nothing in it moves.
        for cell in before:
            self._dead[cell] = True
        return False

    def _shift(self, cell: int, before: Mapping[int, tuple[int, int]]) -> None:
        """Move one track along each step of the path that ends in a cell with room."""
        self.room[cell] -= 1
        while cell >= 0:
            source, one = before[cell]
            if source >= 0:
                self._put(one, source, -1)
            self._put(one, cell, 1)
            cell = source

    def _put(self, one: int, cell: int, number: int) -> None:
        left = self.at[cell].get(one, 0) + number
        if left:
            self.at[cell][one] = left
        else:
            del self.at[cell][one]
        for other in self._cells[one]:
            if other != cell:
                classes = self._moves[cell].setdefault(other, {})
                if left:
                    classes.setdefault(one)
                else:
                    classes.pop(one, None)


@dataclass(frozen=True, slots=True)
class Cut:
    """A reason why no choice can lack less: weak duality, checked by counting alone.

    Attributes:
        cells: some cells.
        wanted: tracks that they want together.
        tracks: all the tracks there are that may serve any of them.
    """

    cells: tuple[int, ...]
    wanted: int
    tracks: int

    @property
    def shortfall(self) -> int:
        """Tracks that are missing in these cells, whatever is chosen."""
        return self.wanted - self.tracks


@dataclass(frozen=True, slots=True)
class Spares:
    """Tracks of which all classes together may use a budget.

    Attributes:
        counts: by class, how many there are.
        unused: by class, how many of them were not used.
        cells: where used ones stand.
        budget: see above.
    """

    counts: Sequence[int]
    unused: Sequence[int]
    cells: frozenset[int]
    budget: int


def cut(
    cells: Cells,
    counts: Sequence[int],
    targets: Sequence[int],
    at: Sequence[Mapping[int, int]],
    spares: Spares | None = None,
) -> Cut:
    """The minimum cut that a largest flow leads to: from where a missing track could be made up.

    Args:
        cells: by class, the cells it may serve.
        counts: by class, its tracks, used or not.
        targets: by cell, the tracks it wants.
        at: by cell, class -> tracks that stand there.
        spares: further tracks, counted in `at` where they are used.

    Returns:
        The same cut for every largest flow; its shortfall is that of the flow, or else there is
        a larger one.
    """
    filled = [sum(classes.values()) for classes in at]
    open_end = {cell for cell, target in enumerate(targets) if filled[cell] < target}
    spent = spares is not None and sum(spares.counts) - sum(spares.unused) >= spares.budget
    while True:
        reached = {
            cell
            for cell, classes in enumerate(at)
            if cell not in open_end and any(not open_end.isdisjoint(cells[one]) for one in classes)
        }
        touching = [one for one, their in enumerate(cells) if not open_end.isdisjoint(their)]
        if spent and spares is not None and any(spares.unused[one] for one in touching):
            # Any used spare could be given up for one of these.
            reached |= spares.cells - open_end
        if not reached:
            break
        open_end |= reached
    tracks = sum(counts[one] for one in touching)
    if spares is not None:
        tracks += min(spares.budget, sum(spares.counts[one] for one in touching))
    named = tuple(sorted(open_end))
    return Cut(named, sum(targets[cell] for cell in named), tracks)
