"""Two programs measured in turns, so that what the machine does meanwhile befalls both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Pairs(Generic[A, B]):
    """What both gave, one entry a turn."""

    ours: tuple[A, ...]
    theirs: tuple[B, ...]

    def our(self, figure: Callable[[A], float]) -> float:
        """The median of ours."""
        return median(map(figure, self.ours))

    def their(self, figure: Callable[[B], float]) -> float:
        """The median of the yardstick's."""
        return median(map(figure, self.theirs))

    def ratio(self, ours: Callable[[A], float], theirs: Callable[[B], float]) -> float:
        """The median of the ratios within each pair."""
        return median(
            ours(mine) / theirs(yours) for mine, yours in zip(self.ours, self.theirs, strict=True)
        )


def alternate(number: int, ours: Callable[[], A], theirs: Callable[[], B]) -> Pairs[A, B]:
    """Run both in turns; which of them begins changes from pair to pair."""
    mine, yours = list[A](), list[B]()
    for turn in range(number):
        if turn % 2:
            yours.append(theirs())
            mine.append(ours())
        else:
            mine.append(ours())
            yours.append(theirs())
    return Pairs(tuple(mine), tuple(yours))
