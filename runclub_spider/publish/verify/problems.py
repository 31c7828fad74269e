"""What a check found wrong, and a collector that keeps the list short but forgets no row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LISTED_PER_RULE = 20
_SHOWN_LENGTH = 80
_FIRST = "catalog_wide.jsonl"


@dataclass(frozen=True)
class Problem:
    """One fault of a release.

    Attributes:
        file: Path of the file inside the release.
        line: Line of the file, counted from 1, where one can be named.
        rule: Short name of the rule that was broken.
        message: What is wrong, for a reader.
        count: Faults this entry stands for: more than one only in "and N more".
        track: Spotify id of the track whose row is at fault; None where no row is.
        artist: The same for a row of an artist.
    """

    file: str
    line: int | None
    rule: str
    message: str
    count: int = 1
    track: str | None = None
    artist: str | None = None

    @property
    def names_row(self) -> bool:
        """Whether leaving out one row would mend it."""
        return self.track is not None or self.artist is not None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return one_line(f"{place}: {self.rule}: {self.message}")


@dataclass(frozen=True)
class Findings:
    """All that a check found.

    Attributes:
        problems: At most twenty of each rule, and one "… and N more".
        tracks: Every track whose row is at fault, listed or not, and the first fault's words.
        artists: The same for artists.
        unnamed: The listed problems that no row is to blame for.
    """

    problems: list[Problem]
    tracks: Mapping[str, str]
    artists: Mapping[str, str]
    unnamed: list[Problem]


class Problems:
    """Collects problems, listing at most twenty of each rule."""

    def __init__(self) -> None:
        self._tracks: dict[str, str] = {}
        self._artists: dict[str, str] = {}
        self._listed: list[Problem] = []
        self._counts: Counter[str] = Counter()
        self._files: dict[str, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._counts)

    def broken(self, rule: str) -> bool:
        """Whether a rule was found broken."""
        return rule in self._counts

    def add(
        self,
        file: str,
        line: int | None,
        rule: str,
        message: str,
        *,
        track: str | None = None,
        artist: str | None = None,
    ) -> None:
        """Note one problem, and whose row is at fault where that is known."""
        self._counts[rule] += 1
        self._files.setdefault(rule, set()).add(file)
        for name, known in ((track, self._tracks), (artist, self._artists)):
            # What the other files show follows from this one's fault.
            first = file == _FIRST and not known.get(name or "", _FIRST).startswith(_FIRST)
            if name is not None and (first or name not in known):
                known[name] = one_line(f"{file}: {rule}: {message}")
        if self._counts[rule] <= LISTED_PER_RULE:
            problem = Problem(file, line, rule, message, track=track, artist=artist)
            self._listed.append(problem)

    def absorb(self, other: Problems) -> None:
        """Take over what another collector found, its uncounted remainder included."""
        for problem in other._listed:
            if self._counts[problem.rule] < LISTED_PER_RULE:
                self._listed.append(problem)
            self._counts[problem.rule] += 1
        for rule, count in other._counts.items():
            self._counts[rule] += max(0, count - LISTED_PER_RULE)
            self._files.setdefault(rule, set()).update(other._files[rule])
        self._tracks = {**other._tracks, **self._tracks}
        self._artists = {**other._artists, **self._artists}

    def findings(self) -> Findings:
        """Everything, the rows at fault included."""
        unnamed = [one for one in self._listed if not one.names_row]
        return Findings(self.listed(), dict(self._tracks), dict(self._artists), unnamed)

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
