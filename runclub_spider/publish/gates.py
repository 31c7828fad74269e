"""The quality gates: what a release must hold before it may replace the last one. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class Gate:
    """One check: the measured value against its threshold; shares are 0-1."""

    name: str
    passed: bool
    value: float
    threshold: float

    def __str__(self) -> str:
        """`feature_coverage is 0.91, wanted at least 0.95`."""
        return f"{self.name} is {self.value:g}, wanted at least {self.threshold:g}"

    def as_json(self) -> dict[str, Any]:
        """The manifest's form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Measures:
    """What the gates look at: counts over the exported rows."""

    tracks: int
    with_features: int
    with_decade: int


def _exact(share: float) -> Fraction:
    """The share as it was written: 0.07 is 7 of 100, which no float is."""
    return Fraction(str(share))


def check(
    measures: Measures, *, feature_coverage: float, year_coverage: float, min_tracks: int
) -> list[Gate]:
    """All gates, passed or not, in a fixed order.

    `year_coverage` counts tracks with a year and a decade, as the specification words it.
    """
    total = measures.tracks

    def share(part: int) -> float:
        return round(part / total, 6) if total else 0.0

    return [
        Gate("min_tracks", total >= min_tracks, total, min_tracks),
        Gate(
            "feature_coverage",
            measures.with_features >= _exact(feature_coverage) * total,
            share(measures.with_features),
            feature_coverage,
        ),
        Gate(
            "year_coverage",
            measures.with_decade >= _exact(year_coverage) * total,
            share(measures.with_decade),
            year_coverage,
        ),
    ]
