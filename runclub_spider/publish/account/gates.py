"""The quality gates: what a release must hold before it may replace the last one. Pure.

Our own and not Spidermon's: its monitors run on `spider_closed`, where the order of handlers is
undefined, so they can neither veto what is published nor change the exit code, and they do not
see a release made without a crawl.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from runclub_spider.errors import ConfigurationError

if TYPE_CHECKING:
    from runclub_spider.config import Config

#: Features that the app reads of every track; those that ReccoBeats never gives are not asked.
FEATURES = ("tempo", "energy", "danceability", "valence", "loudness", "key", "mode")
# Those that no run can do without.
_NEEDED = frozenset({"tempo", "energy"})
#: "Enforce hard cap at 6 min", whatever the configuration lets in.
HARD_CAP_MS = 360_000
#: Fewer tracks than this have no typical length, and no shares that could drift.
_ENOUGH = 100

Columns = Mapping[str, Sequence[Any]]

NAMES = (
    "min_tracks",
    "feature_coverage",
    "year_coverage",
    "durations",
    "feature_nulls",
    "partial_features",
    "mean_duration",
    "decade_drift",
    "umbrella_drift",
)


@dataclass(frozen=True, slots=True)
class Gate:
    """One check: the measured value against its threshold; shares are 0-1.

    A gate of level `warn` refuses nothing; neither does one that was accepted, with its reason.
    """

    name: str
    passed: bool
    value: float
    threshold: float
    wanted: Literal["at least", "at most"] = "at least"
    level: Literal["fail", "warn"] = "fail"
    accepted: str | None = None

    @property
    def refuses(self) -> bool:
        """Whether the release may not be published."""
        return not self.passed and self.level == "fail" and self.accepted is None

    def __str__(self) -> str:
        """`feature_coverage is 0.91, wanted at least 0.95 (off by 0.04)`."""
        off = abs(self.value - self.threshold)
        return (
            f"{self.name} is {self.value:g}, wanted {self.wanted} {self.threshold:g} "
            f"(off by {off:.6g})"
        )

    def as_json(self) -> dict[str, Any]:
        """The manifest's form."""
        return asdict(self)


@dataclass(slots=True)
class Measures:
    """What the gates look at: counts over the exported rows; durations in milliseconds."""

    tracks: int = 0
    with_features: int = 0
    with_decade: int = 0
    with_tempo: int = 0
    # Of those with features: rows that lack tempo or energy, or have them from an import that
    # lacks others; and nulls of the other rows.
    partial: int = 0
    outside_durations: int = 0
    total_duration: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    decades: Counter[str] = field(default_factory=Counter)
    umbrellas: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        wide: Columns,
        extra: Columns,
        featured: Sequence[bool],
        *,
        shortest: int,
        longest: int,
    ) -> None:
        """Count rows of `catalog_wide`, given as columns, as are the objects in their `_extra`.

        `featured` tells which have any audio feature.
        """
        decades, durations, tempos = (
            wide[name] for name in ("album_decade_label", "duration_ms", "tempo")
        )
        self.tracks += len(durations)
        self.with_decade += len(decades) - decades.count(None)
        allowed = min(longest, HARD_CAP_MS)
        self.outside_durations += sum(not shortest <= one <= allowed for one in durations)
        self.total_duration += sum(durations)
        self.with_tempo += len(tempos) - tempos.count(None)
        self.with_features += sum(featured)
        of_app = zip(*(wide[name] for name in FEATURES), strict=True)
        told = zip(of_app, featured, extra["features_imported"], strict=True)
        for values, any_feature, imported in told:
            if any_feature and None in values:
                self._count_nulls(values, imported)
        self.decades.update(decade or "" for decade in decades)
        self.umbrellas.update(names[0] if names else "" for names in extra["umbrellas"])

    def _count_nulls(self, values: Sequence[Any], imported: Mapping[str, str]) -> None:
        """Count what a row lacks of the features that the app reads."""
        nulls = [name for name, value in zip(FEATURES, values, strict=True) if value is None]
        # What an import knows less of than ReccoBeats must not cost the release either.
        if not imported.keys().isdisjoint(_NEEDED) or not _NEEDED.isdisjoint(nulls):
            self.partial += 1
        else:
            self.nulls.update(nulls)

    def take(self, other: Measures) -> None:
        """Count the rows that another has counted."""
        for part in fields(self):
            mine, theirs = getattr(self, part.name), getattr(other, part.name)
            setattr(self, part.name, mine + theirs)


@dataclass(frozen=True, slots=True)
class Before:
    """Tracks of the last release by decade and by umbrella; empty before the first."""

    decades: Mapping[str, int] = field(default_factory=dict)
    umbrellas: Mapping[str, int] = field(default_factory=dict)


def check(measures: Measures, config: Config, before: Before | None = None) -> list[Gate]:
    """All gates, passed or not, in the order of `NAMES`.

    `year_coverage` counts tracks with a year and a decade, as the specification words it;
    `feature_nulls` is the worst of the app's feature fields among tracks that have tempo and
    energy. `partial_features`, the share of rows that lack one of these, or have one from an import
    that lacks others, only warns: they are exported for what they have, and a source that knows
    less must not cost the release. A drift is the share of tracks that changed sides since the last
    release; growth is none.
    """
    before = before or Before()
    total = measures.tracks
    drift_level: Literal["fail", "warn"] = "fail" if config.drift_gates == "fail" else "warn"
    worst = max((measures.nulls[name] for name in FEATURES), default=0)
    whole = measures.with_features - measures.partial
    mean = round(measures.total_duration / total) if total else 0
    shortest, longest = config.mean_duration_min_ms, config.mean_duration_max_ms
    # The limit that is nearer is the one to hold it against.
    high = mean > (shortest + longest) / 2
    return [
        Gate("min_tracks", total >= config.min_tracks, total, config.min_tracks),
        _share("feature_coverage", measures.with_features, total, config.feature_coverage_min),
        _share("year_coverage", measures.with_decade, total, config.year_coverage_min),
        Gate(
            "durations",
            measures.outside_durations == 0,
            measures.outside_durations,
            0,
            wanted="at most",
        ),
        Gate(
            "feature_nulls",
            worst <= _exact(config.feature_null_max) * whole or total < _ENOUGH,
            _rounded(worst, whole),
            config.feature_null_max,
            wanted="at most",
        ),
        Gate(
            "partial_features",
            measures.partial <= _exact(config.feature_null_max) * measures.with_features
            or total < _ENOUGH,
            _rounded(measures.partial, measures.with_features),
            config.feature_null_max,
            wanted="at most",
            level="warn",
        ),
        Gate(
            "mean_duration",
            shortest <= mean <= longest or total < _ENOUGH,
            mean,
            longest if high else shortest,
            wanted="at most" if high else "at least",
        ),
        *(
            Gate(
                name,
                far <= config.drift_max,
                far,
                config.drift_max,
                wanted="at most",
                level=drift_level,
            )
            for name, far in (
                ("decade_drift", _drift(before.decades, measures.decades)),
                ("umbrella_drift", _drift(before.umbrellas, measures.umbrellas)),
            )
        ),
    ]


def accept(gates: list[Gate], reasons: Mapping[str, str]) -> list[Gate]:
    """The gates with the owner's overrides; one that passed needs none."""
    return [
        replace(gate, accepted=reasons[gate.name])
        if gate.name in reasons and not gate.passed
        else gate
        for gate in gates
    ]


def read_acceptances(given: Collection[str]) -> dict[str, str]:
    """`GATE=reason` texts; raises `ConfigurationError` for an unknown gate or no reason."""
    found = {}
    for text in given:
        name, _, reason = text.partition("=")
        if name.strip() not in NAMES:
            raise ConfigurationError(
                f"--accept {text!r}: there is no such gate; there are {', '.join(NAMES)}"
            )
        if not reason.strip():
            raise ConfigurationError(f'--accept {name}: give the reason, as in {name}="why"')
        found[name.strip()] = " ".join(reason.split())
    return found


def _share(name: str, part: int, total: int, least: float) -> Gate:
    return Gate(name, part >= _exact(least) * total, _rounded(part, total), least)


def _rounded(part: int, total: int) -> float:
    return round(part / total, 6) if total else 0.0


def _exact(share: float) -> Fraction:
    """The share as it was written: 0.07 is 7 of 100, which no float is."""
    return Fraction(str(share))


def _drift(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """The share of tracks that have changed sides: 0 for none, 1 for all.

    What is new takes no track from its side, so a release that only grew did not drift, however
    unevenly; one that shrank is held against the last one's shares.
    """
    old, new = sum(before.values()), sum(now.values())
    if old < _ENOUGH or new < _ENOUGH:
        return 0.0
    kept = min(Fraction(1), Fraction(new, old))
    left = (kept * number - now.get(name, 0) for name, number in before.items())
    gone = sum((number for number in left if number > 0), Fraction(0))
    return round(float(gone / (kept * old)), 6)
