"""How far what rules say of labelled data agrees with what a person said of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Score(Generic[T]):
    """The things that are rightly called so, wrongly called so, and missed."""

    right: int
    wrong: tuple[T, ...]
    missed: tuple[T, ...]

    @classmethod
    def of(cls, judged: Iterable[tuple[T, bool, bool]]) -> Self:
        """From things, each with whether it is called so and whether it is so."""
        right, wrong, missed = 0, [], []
        for one, called, so in judged:
            right += called and so
            if called and not so:
                wrong.append(one)
            if so and not called:
                missed.append(one)
        return cls(right, tuple(wrong), tuple(missed))

    @property
    def precision(self) -> float:
        """Share of those called so that are."""
        return self.right / max(1, self.right + len(self.wrong))

    @property
    def recall(self) -> float:
        """Share of those that are so that are called so."""
        return self.right / max(1, self.right + len(self.missed))

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.4f}, recall {self.recall:.4f} "
            f"({self.right} right, {len(self.wrong)} wrong, {len(self.missed)} missed)"
        )
