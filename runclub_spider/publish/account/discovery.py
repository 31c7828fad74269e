"""What each seed discovered and what became of it: `discovery.csv` and the manifest's summary."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from runclub_spider.catalog.rules import RULES
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.select import Selection
from runclub_spider.publish.choose.unsound import tidy, unformula
from runclub_spider.store.read import catalogue
from runclub_spider.store.read.brought import Brought

#: Columns of the seed ledger; counts of pages answered.
_LEDGER = ("requests", "rows", "new_tracks", "eligible_new")
_TEXTS = ("search_type", "family", "term", "umbrella", "decade", "state")
#: Columns of `discovery.csv`. `tracks` and what follows count each track once a seed.
COLUMNS = (
    *("search_type", "family", "term", "umbrella", "decade", "bpm", "state"),
    *_LEDGER,
    *("tracks", "exported", "merged_isrc", "merged_soft", "balance", "pending"),
    *("rejected", *(f"rejected_{rule}" for rule in RULES)),
)
_FATES = (Fate.EXPORTED, Fate.MERGED_ISRC, Fate.MERGED_SOFT, Fate.BALANCE, Fate.PENDING)


@dataclass(frozen=True, slots=True)
class Discovery:
    """The rows of `discovery.csv`, in the order of search type, family and term.

    `families` holds the same counts by (search type, family), each track once a family, and the
    `seeds` with those `asked`.
    """

    rows: tuple[dict[str, Any], ...]
    families: Mapping[tuple[str, str], Mapping[str, int]]


def discover(
    connection: sa.Connection, selection: Selection, market: str, brought: Brought
) -> Discovery:
    """Hold the seed ledger of a market and the edges of its tracks against a selection."""
    searches = _found_by(connection, "search", selection)
    lists = _found_by(connection, "playlist", selection)
    served = catalogue.lists_by_search(connection, market)
    rows: list[dict[str, Any]] = []
    families: dict[tuple[str, str], NDArray[np.bool_]] = {}
    ledgers: dict[tuple[str, str], Counter[str]] = {}
    for seed in catalogue.ledger(connection, market):
        told = {name: value for name, value in seed._asdict().items() if name in COLUMNS}
        if seed.search_type == "track":
            found = searches.get(seed.term, _NOTHING)
            finds = brought.of(seed.term, market)
            told["new_tracks"] += finds.new_tracks
            told["eligible_new"] += finds.eligible_new
            told["state"] = finds.state(seed)
        else:
            parts = [lists.get(one, _NOTHING) for one in served.get(seed.term, ())]
            found = np.unique(np.concatenate([_NOTHING, *parts]))
        family = families.setdefault(
            (seed.search_type, seed.family), np.zeros(len(selection.pool), bool)
        )
        family[found[found >= 0]] = True
        rows.append({**told, **_fates(selection, found)})
        sums = ledgers.setdefault((seed.search_type, seed.family), Counter())
        sums.update({"seeds": 1, "asked": int(seed.requests > 0)})
        sums.update({name: told[name] for name in _LEDGER})
    return Discovery(
        tuple(rows),
        {
            name: {**ledgers[name], **_fates(selection, np.flatnonzero(family).astype(np.int32))}
            for name, family in families.items()
        },
    )


def write(found: Discovery, path: Path) -> None:
    """Write `discovery.csv`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in found.rows:
            texts = {name: tidy(value) for name in _TEXTS if (value := row.get(name)) is not None}
            writer.writerow({**row, **{name: unformula(text) for name, text in texts.items()}})


def summary(counts: Mapping[str, int]) -> dict[str, Any]:
    """Counts of one family in the manifest's words."""
    return {
        **{name: counts[name] for name in ("seeds", "asked", "requests", "rows")},
        "newTracks": counts["new_tracks"],
        "eligibleNew": counts["eligible_new"],
        "tracks": counts["tracks"],
        "exported": counts["exported"],
        "rejected": counts["rejected"],
        "rejectedByRule": {
            str(rule): number for rule in RULES if (number := counts[f"rejected_{rule}"])
        },
    }


Positions = NDArray[np.int32]
_NOTHING: Positions = np.zeros(0, np.int32)


def _found_by(
    connection: sa.Connection, source_type: str, selection: Selection
) -> dict[str, Positions]:
    """Positions in the pool of the tracks that each source showed; small, for there are many."""
    numbers: dict[str, int] = {}
    source, found = [_NOTHING], [_NOTHING]
    for rows in catalogue.edges(connection, source_type):
        keys, ids = zip(*rows, strict=True)
        here = {key: numbers.setdefault(str(key), len(numbers)) for key in dict.fromkeys(keys)}
        source.append(np.array([here[key] for key in keys], np.int32))
        found.append(selection.pool.find(ids).astype(np.int32))
    sources = np.concatenate(source)
    positions = np.concatenate(found)[np.argsort(sources, kind="stable")]
    ends = np.cumsum(np.bincount(sources, minlength=len(numbers)))
    return dict(zip(numbers, np.split(positions, ends[:-1]), strict=True)) if numbers else {}


def _fates(selection: Selection, found: Positions) -> dict[str, int]:
    found = found[found >= 0]
    fates = np.bincount(selection.fate[found], minlength=len(Fate))
    refused = found[selection.fate[found] == Fate.REJECTED]
    rules = np.bincount(selection.pool.rule[refused], minlength=len(RULES))
    counts = {"tracks": len(found)}
    counts |= {fate.name.lower(): int(fates[fate]) for fate in _FATES}
    counts["rejected"] = len(refused)
    counts |= {f"rejected_{rule}": int(rules[at]) for at, rule in enumerate(RULES)}
    return counts
