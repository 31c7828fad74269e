"""Which tracks make the release. Pure: same candidates, same selection, in any order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from fractions import Fraction

from runclub_spider.catalog.dates import decade_of
from runclub_spider.catalog.rules import Rule

Cell = tuple[str | None, str | None]

# Longer tracks rank last: "permit up to 6 min only if otherwise eliminating coverage".
PREFERRED_MAX_MS = 300_000


@dataclass(slots=True)
class Candidate:
    """A stored track as far as choosing needs it; `umbrellas` best first, weights sum to 1."""

    track_id: str
    isrc: str | None
    linked_from: str | None
    duration_ms: int
    year: int | None
    popularity: int | None
    has_features: bool
    asked_features: bool
    umbrellas: tuple[str, ...]
    rule: Rule | None

    @property
    def cell(self) -> Cell:
        """Its umbrella and decade; None where it has none."""
        return (self.umbrellas[0] if self.umbrellas else None, decade_of(self.year))


@dataclass(frozen=True, slots=True)
class Targets:
    """What the balance aims at; counts of tracks, coverage as a share."""

    cap: int
    cell_target: int
    coverage: Fraction
    collapse_isrc: bool = True


@dataclass(slots=True)
class Selection:
    """The outcome: chosen tracks with their cells, and where all others went."""

    cells: dict[str, Cell] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    canonicals: dict[str, tuple[str, str]] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    pending: int = 0
    balance_rejects: int = 0


def select(
    candidates: Iterable[Candidate],
    targets: Targets,
    previous: Mapping[str, str] | None = None,
) -> Selection:
    """Apply rules, collapse, pending, coverage and balance, in the order of the accounting."""
    selection = Selection()
    eligible = []
    for candidate in candidates:
        if candidate.rule is not None:
            selection.rejected[str(candidate.rule)] += 1
        else:
            eligible.append(candidate)
    if targets.collapse_isrc:
        eligible = _collapse(eligible, previous or {}, selection)
    ready = [c for c in eligible if c.has_features or c.asked_features]
    selection.pending = len(eligible) - len(ready)
    chosen = _choose(ready, targets)
    selection.balance_rejects = len(ready) - len(chosen)
    for candidate in sorted(chosen, key=lambda c: c.track_id):
        selection.cells[candidate.track_id] = candidate.cell
    return selection


def rank(candidate: Candidate) -> tuple[bool, bool, int, str]:
    """Sort key, best first: with features, up to 5 minutes, most popular, smallest id."""
    return (
        not candidate.has_features,
        candidate.duration_ms > PREFERRED_MAX_MS,
        -(candidate.popularity if candidate.popularity is not None else -1),
        candidate.track_id,
    )


def survivor(group: Sequence[Candidate], previous: AbstractSet[str]) -> tuple[Candidate, str]:
    """The one that stays of a duplicate group, and why.

    The last release's choice if it is still here, else the most popular, then the earliest
    album year, then the smallest id.
    """
    kept = [c for c in group if c.track_id in previous]
    pool, why = (kept, "kept from the last release") if kept else (group, "most popular edition")
    best = min(
        pool,
        key=lambda c: (
            -(c.popularity if c.popularity is not None else -1),
            c.year if c.year is not None else 9999,
            c.track_id,
        ),
    )
    return best, why


def _collapse(
    eligible: Sequence[Candidate], previous: Mapping[str, str], selection: Selection
) -> list[Candidate]:
    """One track for each group that shares an ISRC or is relinked to one another."""
    parent = {c.track_id: c.track_id for c in eligible}

    def root(one: str) -> str:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    first: dict[str, str] = {}
    for c in eligible:
        links = [c.linked_from] if c.linked_from in parent else []
        if c.isrc:
            links.append(first.setdefault(c.isrc, c.track_id))
        for link in links:
            parent[root(str(link))] = root(c.track_id)
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for c in eligible:
        groups[root(c.track_id)].append(c)
    survivors = []
    kept_before = set(previous.values())
    for group in groups.values():
        if len(group) == 1:
            best, why = group[0], "only edition"
        else:
            best, why = survivor(group, kept_before)
        survivors.append(best)
        for c in group:
            if c.isrc:
                selection.canonicals[c.isrc] = (best.track_id, why)
            if c is not best:
                selection.merged[c.track_id] = best.track_id
    return survivors


def _choose(ready: Sequence[Candidate], targets: Targets) -> list[Candidate]:
    """Tracks with features as far as the cap goes, then others as far as the gate allows."""
    chosen = _balance([c for c in ready if c.has_features], targets)
    without = sorted((c for c in ready if not c.has_features), key=rank)
    room = targets.cap - len(chosen)
    if targets.coverage:
        room = min(room, int(len(chosen) * (1 - targets.coverage) / targets.coverage))
    return [*chosen, *without[:room]]


def _balance(pool: Sequence[Candidate], targets: Targets) -> list[Candidate]:
    """Below the cap everything; above it each cell up to its target, then the best ranked."""
    if len(pool) <= targets.cap:
        return list(pool)
    taken: Counter[Cell] = Counter()
    first: list[Candidate] = []
    rest: list[Candidate] = []
    for c in sorted(pool, key=rank):
        in_grid = None not in c.cell
        if in_grid and taken[c.cell] < targets.cell_target and len(first) < targets.cap:
            taken[c.cell] += 1
            first.append(c)
        else:
            rest.append(c)
    return [*first, *rest[: targets.cap - len(first)]]
