"""How far the searches for each cell were read, and why they stopped: a certificate a cell.

An estimate of what remains is not given: capture and recapture over overlapping searches was
tried on generated worlds and its intervals do not hold (docs/BENCHMARKS.md).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runclub_spider.catalog.dates import DECADES
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.store.read import catalogue
from runclub_spider.store.read.brought import LAST_PAGES

if TYPE_CHECKING:
    from runclub_spider.publish.choose.select import Selection
    from runclub_spider.store.read.brought import Brought

Cell = tuple[str, str]


class Why(StrEnum):
    """Why a cell is searched no further, or that it still is."""

    FILLED = "filled"  # its minimum is found
    EXHAUSTED = "exhausted"  # every search that names it was read to its end
    OPEN = "open"  # searches have pages left
    UNASKED = "unasked"  # none was asked


@dataclass(slots=True)
class Certificate:
    """What is known of one cell.

    Attributes:
        found: eligible tracks with this umbrella and decade that no content label puts last; one
            track may count in several.
        named: searches that name the umbrella, with this decade or without any.
        asked: of those, asked at least once.
        left: of those, not read to their end.
        requests: pages of the searches that name the cell itself.
        last: new tracks on the last of those pages, the latest last.
    """

    found: int = 0
    named: int = 0
    asked: int = 0
    left: int = 0
    requests: int = 0
    last: list[int] = field(default_factory=list)

    def why(self, minimum: int) -> Why:
        """The verdict under a minimum of tracks."""
        if self.found >= minimum:
            return Why.FILLED
        if not self.asked:
            return Why.UNASKED
        return Why.OPEN if self.left else Why.EXHAUSTED

    def as_json(self, minimum: int) -> dict[str, Any]:
        """For the manifest."""
        return {
            "found": self.found,
            "searches": self.named,
            "asked": self.asked,
            "left": self.left,
            "requests": self.requests,
            "newOnLastPages": self.last,
            "state": str(self.why(minimum)),
        }


def certificates(
    connection: sa.Connection,
    found: Mapping[Cell, int],
    market: str,
    *,
    cap: int,
    brought: Brought | None = None,
) -> dict[Cell, Certificate]:
    """One certificate a possible cell, in the order of the balance.

    Args:
        connection: of the store.
        found: eligible tracks of each possible cell, as :func:`found_in` counts them.
        market: of the searches.
        cap: rows to which a search is read at most.
        brought: by the pages of searches; without it `last` stays empty.
    """
    made = {cell: Certificate(found=number) for cell, number in found.items()}
    by_umbrella: defaultdict[str, list[Certificate]] = defaultdict(list)
    for (umbrella, _), one in made.items():
        by_umbrella[umbrella].append(one)
    last: defaultdict[Cell, list[tuple[int, int]]] = defaultdict(list)
    for seed in catalogue.ledger(connection, market):
        if seed.search_type != "track" or seed.umbrella is None:
            continue
        cell = seed.umbrella, seed.decade or ""
        own = made.get(cell)
        if own is not None:
            own.requests += seed.requests
            if brought is not None:
                last[cell] += brought.of(seed.term, market).last
        about = by_umbrella[seed.umbrella] if seed.decade is None else filter(None, [own])
        left = not catalogue.read_to_end(seed, cap)
        for one in about:
            one.named += 1
            one.asked += bool(seed.requests)
            one.left += left
    for cell, found_on in last.items():
        made[cell].last = [number for _, number in sorted(found_on)[-LAST_PAGES:]]
    return made


def counts(found: Mapping[Cell, Certificate], minimum: int) -> dict[str, int]:
    """Cells by verdict."""
    numbers = Counter(one.why(minimum) for one in found.values())
    return {str(why): numbers[why] for why in Why}


def as_json(found: Mapping[Cell, Certificate], minimum: int) -> dict[str, Any]:
    """For the manifest: cells by verdict, then each cell by umbrella and decade."""
    cells: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for (umbrella, decade), one in found.items():
        cells[umbrella][decade] = one.as_json(minimum)
    return {"minimum": minimum, "states": counts(found, minimum), "cells": dict(cells)}


def found_in(selection: Selection) -> dict[Cell, int]:
    """Eligible tracks of each possible cell, counted under each of their umbrellas.

    What a content label puts last does not count: others are searched for.
    """
    # Not above: who reads of a selection that is kept does without.
    import numpy as np

    pool = selection.pool
    standing = np.isin(selection.fate, (Fate.EXPORTED, Fate.BALANCE, Fate.PENDING)) & ~pool.behind
    # One more row and column stand for none.
    grid = np.zeros((256, 256), np.int64)
    for names in pool.names[standing].T:
        np.add.at(grid, (names, pool.decade[standing]), 1)
    found = {
        (label, decade): int(grid[row, column])
        for row, label in enumerate(pool.labels)
        for column, decade in enumerate(DECADES)
    }
    return {cell: found[cell] for cell in selection.choice.certificate.cells}
