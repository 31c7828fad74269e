"""What the report draws of a release and its rows do not say by themselves: the counts behind it.

Each count takes a row once; how often a bin of 0 tracks stands between others is the reader's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import compress
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.suitability import fold
from runclub_spider.publish.account.discovery import Discovery
from runclub_spider.publish.choose.unsound import tidy
from runclub_spider.store.queue.quota import DAY, every_learnt_limit
from runclub_spider.store.read import catalogue
from runclub_spider.text import timestamp

#: Widths of bins: beats a minute, seconds, and points of popularity.
TEMPO_BIN, LENGTH_BIN, POPULARITY_BIN = 5, 15, 10
#: Seeds told as the best, and as the worst.
SEEDS_TOLD = 10
_UNKNOWN = "unknown"

Columns = Mapping[str, Sequence[Any]]


@dataclass(slots=True)
class Figures:
    """Counts of the rows of a release; the keys of bins are their lower edges.

    Attributes:
        years: tracks by album year.
        with_features: of these, those with any audio feature.
        measured: tracks by tempo as the analysis gives it, and whether folding keeps, doubles or
            halves it.
        folded: the same by folded tempo.
        lengths: tracks by seconds.
        popularity: tracks by popularity.
        suitability: tracks by how well they suit a run, in tenths.
    """

    years: Counter[str] = field(default_factory=Counter)
    with_features: Counter[str] = field(default_factory=Counter)
    measured: Counter[tuple[int, str]] = field(default_factory=Counter)
    folded: Counter[tuple[int, str]] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    popularity: Counter[str] = field(default_factory=Counter)
    suitability: Counter[str] = field(default_factory=Counter)

    def add(self, wide: Columns, extra: Columns, featured: Iterable[bool]) -> None:
        """Count rows of `catalog_wide`, given as columns, as are the objects in their `_extra`.

        `featured` tells which have any audio feature.
        """
        years = [str(year or _UNKNOWN) for year in wide["album_release_year"]]
        self.years.update(years)
        self.with_features.update(compress(years, featured))
        folded = [
            (tempo, to, "kept" if to == tempo else "doubled" if to > tempo else "halved")
            for tempo in wide["tempo"]
            if tempo is not None and (to := fold(tempo)) is not None
        ]
        self.measured.update((_bin(tempo, TEMPO_BIN), how) for tempo, _, how in folded)
        self.folded.update((_bin(to, TEMPO_BIN), how) for _, to, how in folded)
        self.lengths.update(_bin(length / 1000, LENGTH_BIN) for length in wide["duration_ms"])
        for popularity, number in Counter(wide["popularity_snapshot"]).items():
            told = _UNKNOWN if popularity is None else str(_bin(popularity, POPULARITY_BIN))
            self.popularity[told] += number
        for suits, number in Counter(extra["run_suitability"]).items():
            self.suitability[_UNKNOWN if suits is None else f"{suits:.1f}"] += number

    def take(self, other: Figures) -> None:
        """Count the rows that another has counted."""
        for part in fields(self):
            getattr(self, part.name).update(getattr(other, part.name))

    def as_json(self) -> dict[str, Any]:
        """The manifest's form, every part in the order of its keys."""
        return {
            "byReleaseYear": {
                year: {"tracks": number, "withFeatures": self.with_features[year]}
                for year, number in sorted(self.years.items())
            },
            "tempo": {"measured": _bins(self.measured), "folded": _bins(self.folded)},
            "durationSeconds": {str(at): number for at, number in sorted(self.lengths.items())},
            "popularity": dict(sorted(self.popularity.items(), key=_by_number)),
            "suitability": dict(sorted(self.suitability.items(), key=_by_number)),
        }


def seeds(found: Discovery) -> dict[str, list[dict[str, Any]]]:
    """The seeds that brought most and fewest eligible tracks a request, of those asked."""
    told = [
        {
            "searchType": row["search_type"],
            "family": tidy(row["family"]),
            "term": tidy(row["term"]),
            "requests": row["requests"],
            "eligible": row["tracks"] - row["rejected"],
        }
        for row in found.rows
        if row["requests"]
    ]
    ranked = sorted(
        told,
        key=lambda one: (
            -one["eligible"] / one["requests"],
            one["requests"],
            one["searchType"],
            one["family"] or "",
            one["term"] or "",
        ),
    )
    best = ranked[:SEEDS_TOLD]
    return {"best": best, "worst": ranked[len(best) :][-SEEDS_TOLD:][::-1]}


def calls(connection: sa.Connection) -> list[dict[str, Any]]:
    """Calls by day (UTC), API and family of endpoints, as the quota ledger counted them."""
    days: Counter[tuple[int, str, str]] = Counter()
    for row in catalogue.calls_by_hour(connection):
        api, family = tidy(row.account) or "", tidy(row.family) or ""
        days[row.hour - row.hour % DAY, api, family] += row.calls
    return [
        {"day": timestamp(day), "api": api, "family": family, "calls": number}
        for (day, api, family), number in sorted(days.items())
    ]


def limits(connection: sa.Connection) -> list[dict[str, Any]]:
    """Calls a day after which an API refused a family of endpoints, as far as that was learnt."""
    return [
        {"api": tidy(api) or "", "family": tidy(family) or "", "calls": number}
        for api, family, number in every_learnt_limit(connection)
    ]


def _bin(value: float, width: int) -> int:
    return int(value // width) * width


def _bins(found: Mapping[tuple[int, str], int]) -> dict[str, dict[str, int]]:
    bins: dict[str, dict[str, int]] = {}
    for (at, how), number in sorted(found.items()):
        bins.setdefault(str(at), {})[how] = number
    return bins


def _by_number(item: tuple[str, int]) -> tuple[bool, float]:
    return item[0] == _UNKNOWN, 0.0 if item[0] == _UNKNOWN else float(item[0])
