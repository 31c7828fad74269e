"""How well the store's tracks suit a run: features against what the seed families ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.rounding import parts
from runclub_spider.catalog.suitability import (
    DANCEABILITY,
    DEFAULT_POLICY,
    ENERGY,
    FARTHEST,
    FASTEST,
    FOLD_HIGH,
    FOLD_LOW,
    SLOWEST,
    TEMPO_FLOOR,
    FamilyPolicy,
    band,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def rate(
    features: Mapping[str, Floats],
    families: NDArray[np.int32],
    sets: Sequence[AbstractSet[str]],
    policies: Mapping[str, FamilyPolicy],
) -> tuple[NDArray[np.uint8], Bools]:
    """Rate tracks by the families of the seeds that found them, as `suitability.suitability` does.

    Args:
        features: columns `tempo`, `energy`, `danceability`, `acousticness`; NaN for none.
        families: of each track the position of its families in `sets`.
        sets: of families.
        policies: of the families; those that are missing ask what is usual.

    Returns:
        The score in tenths, 0 where it is not known, and whether the gate of none of its families
        lets the track in.
    """
    tempo, energy = features["tempo"], features["energy"]
    score, refused = np.zeros(len(tempo), np.uint8), np.zeros(len(tempo), bool)
    known = np.isfinite(tempo) & (tempo > 0) & np.isfinite(energy)
    for number, names in enumerate(sets):
        (at,) = np.nonzero(known & (families == number))
        if not len(at):
            continue
        some = {name: column[at] for name, column in features.items()}
        with np.errstate(over="ignore"):  # of numbers that no analysis gives
            marks = _marks(some["tempo"], some["energy"], some["danceability"])
        best, passes = np.full(len(at), -1, np.int64), np.zeros(len(at), bool)
        for name in names or (None,):
            policy = DEFAULT_POLICY if name is None else policies.get(name, DEFAULT_POLICY)
            mark = parts(_mixed(*marks, policy))
            lets_in = mark / 10_000 >= policy.least
            if policy.most_acoustic is not None:
                # Nothing is known of NaN, and it is above nothing.
                lets_in &= ~(some["acousticness"] > policy.most_acoustic)
            # Those that let it in before the others, then the best mark.
            ahead = (lets_in > passes) | ((lets_in == passes) & (mark > best))
            best, passes = np.where(ahead, mark, best), passes | lets_in
        score[at] = (best / 10_000 * 10).astype(np.uint8)
        refused[at] = ~passes
    return score, refused


def _marks(tempo: Floats, energy: Floats, danceability: Floats) -> tuple[Floats, Floats, Floats]:
    """What each feature scores by itself; NaN for a danceability that is not known."""
    folded = tempo.copy()
    while (high := folded >= FOLD_HIGH).any():
        folded[high] /= 2
    while (low := folded < FOLD_LOW).any():
        folded[low] *= 2
    off = np.maximum(0.0, np.maximum(np.log2(SLOWEST / folded), np.log2(folded / FASTEST)))
    tempo_mark = 1 - (1 - TEMPO_FLOOR) * np.minimum(1.0, off / FARTHEST)
    dance = np.where(np.isfinite(danceability), danceability, np.nan)
    return tempo_mark, _ramp(energy, *ENERGY), _ramp(dance, *DANCEABILITY)


def _ramp(values: Floats, low: float, high: float) -> Floats:
    return np.asarray(np.minimum(1.0, np.maximum(0.0, (values - low) / (high - low))))


def _mixed(tempo: Floats, energy: Floats, dance: Floats, policy: FamilyPolicy) -> Floats:
    """The marks together as one family weighs them."""
    total = policy.tempo * tempo + policy.energy * energy
    weight = policy.tempo + policy.energy
    with_dance = (total + policy.danceability * dance) / (weight + policy.danceability)
    return np.where(np.isnan(dance), total / weight, with_dance)


def tempo_bucket(tempo: float | None) -> str | None:
    """The cadence band of a tempo in BPM, half and double time folded; None without one."""
    return band(tempo) if tempo else None
