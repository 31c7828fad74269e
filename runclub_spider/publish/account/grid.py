"""Tracks by umbrella and decade, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runclub_spider.catalog.dates import DECADES

UNASSIGNED, UNDATED = "Unassigned", "Undated"

Grid = dict[str, dict[str, int]]


def table(counts: Iterable[tuple[str | None, str | None, int]], labels: Sequence[str]) -> Grid:
    """Numbers by umbrella and decade, in the order of `labels` and of time; none that is 0.

    `counts` are (umbrella, decade, number); an umbrella that `labels` lacks comes behind them.
    """
    found: dict[tuple[str, str], int] = {}
    for umbrella, decade, number in counts:
        cell = umbrella or UNASSIGNED, decade or UNDATED
        found[cell] = found.get(cell, 0) + number
    others = sorted({umbrella for umbrella, _ in found} - {*labels, UNASSIGNED})
    made = {
        umbrella: {d: n for d in [*DECADES, UNDATED] if (n := found.get((umbrella, d), 0))}
        for umbrella in [*labels, *others, UNASSIGNED]
    }
    return {umbrella: row for umbrella, row in made.items() if row}
