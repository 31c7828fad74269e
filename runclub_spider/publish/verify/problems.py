"""What a check found wrong, and a collector that keeps the list short."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

LISTED_PER_RULE = 20
_SHOWN_LENGTH = 80


@dataclass(frozen=True)
class Problem:
    """One fault of a release.

    Attributes:
        file: Path of the file inside the release.
        line: Line of the file, counted from 1, where one can be named.
        rule: Short name of the rule that was broken.
        message: What is wrong, for a reader.
        count: Faults this entry stands for: more than one only in "and N more".
    """

    file: str
    line: int | None
    rule: str
    message: str
    count: int = 1

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return one_line(f"{place}: {self.rule}: {self.message}")


class Problems:
    """Collects problems, listing at most twenty of each rule."""

    def __init__(self) -> None:
        self._listed: list[Problem] = []
        self._counts: Counter[str] = Counter()
        self._files: dict[str, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._counts)

    def add(self, file: str, line: int | None, rule: str, message: str) -> None:
        """Note one problem."""
        self._counts[rule] += 1
        self._files.setdefault(rule, set()).add(file)
        if self._counts[rule] <= LISTED_PER_RULE:
            self._listed.append(Problem(file, line, rule, message))

    def absorb(self, other: Problems) -> None:
        """Take over what another collector found, its uncounted remainder included."""
        for problem in other._listed:
            if self._counts[problem.rule] < LISTED_PER_RULE:
                self._listed.append(problem)
            self._counts[problem.rule] += 1
        for rule, count in other._counts.items():
            self._counts[rule] += max(0, count - LISTED_PER_RULE)
            self._files.setdefault(rule, set()).update(other._files[rule])

    def listed(self) -> list[Problem]:
        """The problems in the order found, each long rule closed by "… and N more"."""
        more = []
        for rule, count in self._counts.items():
            if count > LISTED_PER_RULE:
                files = self._files[rule]
                where = next(iter(files)) if len(files) == 1 else "several files"
                hidden = count - LISTED_PER_RULE
                more.append(Problem(where, None, rule, f"… and {hidden} more", hidden))
        return [*self._listed, *more]


def show(value: Any) -> str:
    """A value as a message may quote it: short, and on one line."""
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 1]}…"


def one_line(text: str) -> str:
    """The text without anything that would break a line or steer a terminal."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
