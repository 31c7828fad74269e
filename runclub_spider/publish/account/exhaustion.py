"""How far the searches for each cell were read, and why they stopped: a certificate a cell.

An estimate of what remains is not given: capture and recapture over overlapping searches was
tried on generated worlds and its intervals do not hold (docs/BENCHMARKS.md).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runclub_spider.catalog.dates import DECADES
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.store.queue.seeds import FINISHED, FRESH
from runclub_spider.store.read import catalogue
from runclub_spider.store.read.brought import LAST_PAGES

if TYPE_CHECKING:
    from runclub_spider.publish.choose.select import Selection
    from runclub_spider.store.read.brought import Brought, Finds

Cell = tuple[str, str]


class Why(StrEnum):
    """Why a cell is searched no further, or that it still is."""

    FILLED = "filled"  # its minimum is found
    EXHAUSTED = "exhausted"  # every search that names it was read to its end
    OPEN = "open"  # searches have pages left
    UNASKED = "unasked"  # none was asked


@dataclass(slots=True)
class Searches:
    """How far the searches of one kind for a cell were read.

    Attributes:
        named: searches that name the umbrella, with this decade or without any.
        asked: of those, asked at least once.
        left: of those, not read to their end; of playlists, with all lists that may be read.
        requests: pages of the searches that name the cell itself, and of the lists they served.
        last: new tracks on the last of those pages, the latest last.
    """

    named: int = 0
    asked: int = 0
    left: int = 0
    requests: int = 0
    last: list[int] = field(default_factory=list)

    def why(self, found: int, minimum: int) -> Why:
        """The verdict on these searches, where so many tracks are found of a minimum."""
        if found >= minimum:
            return Why.FILLED
        if not self.asked:
            return Why.UNASKED
        return Why.OPEN if self.left else Why.EXHAUSTED

    def as_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "searches": self.named,
            "asked": self.asked,
            "left": self.left,
            "requests": self.requests,
            "newOnLastPages": self.last,
        }


@dataclass(slots=True)
class Certificate:
    """What is known of one cell.

    Attributes:
        found: eligible tracks with this umbrella and decade that no content label puts last; one
            track may count in several.
        tracks: the searches for tracks; the verdict is theirs, for any key may ask them.
        playlists: the searches for playlists, with the lists that they served.
    """

    found: int = 0
    tracks: Searches = field(default_factory=Searches)
    playlists: Searches = field(default_factory=Searches)

    def why(self, minimum: int) -> Why:
        """The verdict under a minimum of tracks."""
        return self.tracks.why(self.found, minimum)

    def as_json(self, minimum: int) -> dict[str, Any]:
        """For the manifest."""
        read = self.playlists.why(self.found, minimum)
        return {
            "found": self.found,
            **self.tracks.as_json(),
            "state": str(self.why(minimum)),
            "playlists": {**self.playlists.as_json(), "state": str(read)},
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
        cap: rows to which a search for tracks is read at most.
        brought: by the pages of searches and lists; without it `last` stays empty, and pages of
            lists are not counted.
    """
    made = {cell: Certificate(found=number) for cell, number in found.items()}
    by_umbrella: defaultdict[str, list[Certificate]] = defaultdict(list)
    for (umbrella, _), one in made.items():
        by_umbrella[umbrella].append(one)
    served = catalogue.lists_by_search(connection, market)
    unread = catalogue.lists_with_pages_left(connection)
    searched: defaultdict[Cell, list[Finds]] = defaultdict(list)
    # Lists are read once, whichever searches of a cell served them.
    lists: defaultdict[Cell, set[str]] = defaultdict(set)
    for seed in catalogue.ledger(connection, market):
        if seed.umbrella is None:
            continue
        cell, of_tracks = (seed.umbrella, seed.decade or ""), seed.search_type == "track"
        own = made.get(cell)
        if own is not None:
            (own.tracks if of_tracks else own.playlists).requests += seed.requests
            if not of_tracks:
                lists[cell].update(served.get(seed.term, ()))
            elif brought is not None:
                searched[cell].append(brought.of(seed.term, market))
        about = by_umbrella[seed.umbrella] if seed.decade is None else filter(None, [own])
        if of_tracks:
            asked, left = bool(seed.requests), not catalogue.read_to_end(seed, cap)
        else:
            # A list that is named by its address is read without a search.
            asked = seed.state != FRESH
            left = seed.state not in FINISHED or not unread.isdisjoint(served.get(seed.term, ()))
        for one in about:
            searches = one.tracks if of_tracks else one.playlists
            searches.named += 1
            searches.asked += asked
            searches.left += left
    for cell, found_by in searched.items():
        made[cell].tracks.last = _last(found_by)
    if brought is not None:
        for cell, ids in lists.items():
            read = [brought.lists[one] for one in ids if one in brought.lists]
            made[cell].playlists.requests += sum(one.pages for one in read)
            made[cell].playlists.last = _last(read)
    return made


def _last(found: Iterable[Finds]) -> list[int]:
    """New tracks on the last pages of several sources, in the order of planning."""
    pages = sorted(page for one in found for page in one.last)
    return [number for _, number in pages[-LAST_PAGES:]]


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
