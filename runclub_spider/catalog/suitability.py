"""How well a track suits a run: folded tempo, energy and danceability, weighed by seed family.

The specification names the families whose finds the features must filter ("Let features filter the
run-suitable subset" of the decades, "acoustic/feature gates" for the trends) and the cadences
(150 to 180 steps a minute, each ± 5), but no thresholds; those here were chosen on lists that
people made for running, see ``docs/GENRES.md``. What each family asks stands in its file of
``seeds/``, or in :mod:`.families`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, log2, sqrt

#: Steps a minute of a run, from an easy one to a sprint.
SLOWEST, FASTEST = 140.0, 190.0
#: The octave of tempos around the cadences: every tempo has one double or half in it.
FOLD_LOW = sqrt(SLOWEST * FASTEST / 2)  # 115.3
FOLD_HIGH = 2 * FOLD_LOW

#: Cadence bands of 5 BPM of the folded tempo, slowest first.
BANDS = (
    f"<{SLOWEST:.0f}",
    *(f"{low}-{low + 4}" for low in range(int(SLOWEST), int(FASTEST), 5)),
    f"{FASTEST:.0f}+",
)

#: What the edges of the octave still score: one can run to 120 or 200 BPM, one step in many off.
TEMPO_FLOOR = 0.3
#: How far off the edges are, in octaves.
FARTHEST = log2(SLOWEST / FOLD_LOW)
#: (no use below, full marks from): among tracks of lists for running one in twenty has an energy
#: below 0.58 and half have 0.84 or more; danceability 0.37 and 0.64.
ENERGY = (0.35, 0.80)
#: The same of the danceability.
DANCEABILITY = (0.25, 0.60)


@dataclass(frozen=True, slots=True)
class FamilyPolicy:
    """What a seed family asks of its finds.

    Attributes:
        tempo: weight of the folded tempo; the three weights sum to 1.
        energy: weight of the energy.
        danceability: weight of the danceability.
        least: the score below which the gate rejects, 0-1.
        most_acoustic: the acousticness above which the gate rejects, 0-1; None for no limit.
    """

    tempo: float = 0.25
    energy: float = 0.55
    danceability: float = 0.2
    least: float = 0.55
    most_acoustic: float | None = None


#: Of what no family found, and of families that say nothing else.
DEFAULT_POLICY = FamilyPolicy()


@dataclass(frozen=True, slots=True)
class Suitability:
    """A track's score, 0-1, the seed family that gives it, and whether the gate lets it in."""

    score: float
    family: str | None
    passes: bool


def fold(tempo: float) -> float | None:
    """Return the double or half of a tempo in BPM that lies nearest to the cadences of a run.

    In ``[FOLD_LOW, FOLD_HIGH)``: 85 gives 170, 172 stays, 100 gives 200. Idempotent. None for
    what is no positive number: a store may hold such a tempo from before the gate refused it.
    """
    if not (isfinite(tempo) and tempo > 0):
        return None
    # Halving and doubling are exact, so that a tempo and its double fold to the same number.
    while tempo >= FOLD_HIGH:
        tempo /= 2
    while tempo < FOLD_LOW:
        tempo *= 2
    return tempo


def band(tempo: float) -> str | None:
    """Return the cadence band, one of :data:`BANDS`, of a tempo in BPM; ``"170-174"`` for 85.

    A band holds its first tempo and all below the next band: 174.9 is in ``"170-174"``. None
    where :func:`fold` gives none.
    """
    folded = fold(tempo)
    if folded is None:
        return None
    if folded < SLOWEST:
        return BANDS[0]
    return BANDS[min(1 + int((folded - SLOWEST) // 5), len(BANDS) - 1)]


def score(
    *,
    tempo: float | None,
    energy: float | None,
    danceability: float | None,
    policy: FamilyPolicy = DEFAULT_POLICY,
) -> float | None:
    """Return how well a track suits a run, 0-1 with 4 decimals, for one seed family.

    Args:
        tempo: BPM, any octave.
        energy: 0-1.
        danceability: 0-1; without it the other two decide.
        policy: of the family.

    Returns:
        None when tempo or energy is missing, or is no such number: nothing is known then.
    """
    folded = None if tempo is None else fold(tempo)
    if folded is None or energy is None or not isfinite(energy):
        return None
    total = policy.tempo * _tempo_mark(folded) + policy.energy * _ramp(energy, *ENERGY)
    weight = policy.tempo + policy.energy
    if danceability is not None and isfinite(danceability):
        total += policy.danceability * _ramp(danceability, *DANCEABILITY)
        weight += policy.danceability
    return round(total / weight, 4)


def suitability(
    *,
    tempo: float | None,
    energy: float | None,
    danceability: float | None,
    acousticness: float | None,
    families: Mapping[str, FamilyPolicy],
) -> Suitability | None:
    """Rate a track for all the families of the seeds that found it, each by its policy.

    It passes when the gate of any of its families lets it in: the strict ones must not throw out
    what a search for running songs found as well. The score is that of the family that rates it
    best, families that let it in first. None without features, which is no reason to reject.
    """
    rated = []
    names: list[str | None] = [*sorted(families)]
    for family in names or [None]:
        policy = DEFAULT_POLICY if family is None else families[family]
        mark = score(tempo=tempo, energy=energy, danceability=danceability, policy=policy)
        if mark is None:
            return None
        too_acoustic = (
            policy.most_acoustic is not None
            and acousticness is not None
            and acousticness > policy.most_acoustic
        )
        rated.append(Suitability(mark, family, mark >= policy.least and not too_acoustic))
    return max(rated, key=lambda each: (each.passes, each.score))


def _tempo_mark(folded: float) -> float:
    off = max(0.0, log2(SLOWEST / folded), log2(folded / FASTEST))
    return 1 - (1 - TEMPO_FLOOR) * min(1.0, off / FARTHEST)


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
