"""Fit the weights of the votes anew: `python -m bench.fit_votes ../shared/data`.

Prints what `catalog/votes.py` and the `prior` of `seeds/umbrellas.yaml` should hold, by maximum
likelihood on the half of the artists that `bench genres` does not test. About four minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from bench import hidden
from bench.hidden import Found
from runclub_sandbox.world import World
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.catalog.votes import Evidence, Kind, Voter, Weights

Matrix = NDArray[np.float64]
SEEDS = 1200
SPREADS = (8.0, 16.0, 32.0)
#: Set by hand, below what fits: the sandbox's search sees every artist's genres, Spotify's some,
#: and its tags are cleaner than people's. No crawl here has tags.
FIXED = {Kind.GENRE_SEARCH: 3.0, Kind.SEARCH: 0.5, Kind.OPEN_TAG: 4.0}
RIDGE = 2e-3  # on the priors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    umbrellas = UmbrellaMap.load(hidden.SEEDS / "umbrellas.yaml")
    world = hidden.world_of(data)
    worlds = [
        hidden.crawl(world, umbrellas, SEEDS),
        hidden.crawl(hidden.without_genres(world), umbrellas, SEEDS),
        hidden.all_lists(world),
    ]
    samples = [_Sample(world, umbrellas, found) for found in worlds]
    weights, priors = _fit_own(samples, len(umbrellas.labels))
    for kind, weight in weights.items():
        print(f"{kind.value}: {weight:.2f}")
    for label, prior in zip(umbrellas.labels, priors, strict=True):
        print(f"prior of {label}: {prior:+.1f}")
    for spread in SPREADS:
        (beside, artist), loss = _fit_others([each.artists(spread) for each in samples])
        print(f"spread {spread:.0f}: artist {artist:.2f}, beside {beside:.2f}, loss {loss:.4f}")
    spread = Weights().spread
    (beside, album), loss = _fit_others([each.albums(spread) for each in samples], ridge=1e-3)
    print(f"album {album:.2f}, beside {beside:.2f}, loss {loss:.4f}")


class _CountingVoter(Voter):
    """Also tells the counts that a verdict rests on."""

    def others_of_artists(self, track: Evidence) -> list[float]:
        """How many tracks its artists have beside an added track, by umbrella, or []."""
        return self._of_artists(track.artist_ids, self._opinion(track))

    def others_of_album(self, track: Evidence) -> list[float]:
        """How many tracks its album has beside an added track, by umbrella, or []."""
        return self._of_album(track.album_id, self._opinion(track))


class _Sample:
    """The tracks of one crawl that may be fitted on, as matrices of tracks x umbrellas."""

    def __init__(self, world: World, umbrellas: UmbrellaMap, found: Found) -> None:
        self._world = world
        self.voter = _CountingVoter(umbrellas)
        self.at = {label: at for at, label in enumerate(umbrellas.labels)}
        evidence = dict(hidden.evidence(world, found, self.voter, {}))
        for each in evidence.values():
            self.voter.add(each)
        self.tracks: list[Evidence] = []
        true = []
        for one, each in evidence.items():
            genres = [world.artists[artist].genres for artist in each.artist_ids]
            voted = umbrellas.of_artists(genres)
            if voted and not hidden.held_out(world, one):
                self.tracks.append(each)
                true.append(self._row(voted))
        self.true = np.array(true)
        self.own = [self.voter.points(each) for each in self.tracks]

    def _row(self, weights: Sequence[tuple[str, float]]) -> list[float]:
        row = [0.0] * len(self.at)
        for label, weight in weights:
            row[self.at[label]] = weight
        return row

    def votes(self, kind: Kind) -> Matrix:
        """log(1 + votes) of one kind."""
        found = np.zeros(self.true.shape)
        for row, points in enumerate(self.own):
            for (each, at), number in points.items():
                if each is kind:
                    found[row, at] = np.log1p(number)
        return found

    def odds(self) -> Matrix:
        """The log odds that the present weights give a track's own evidence."""
        return sum(
            (Weights().of(kind) * self.votes(kind) for kind in Kind), np.zeros(self.true.shape)
        )

    def artists(self, spread: float) -> tuple[Matrix, Matrix, Matrix]:
        """(own odds, artists' other tracks, truth) where there are others."""
        rows = [self.voter.others_of_artists(each) for each in self.tracks]
        return self._where(rows, spread)

    def albums(self, spread: float) -> tuple[Matrix, Matrix, Matrix]:
        """The same for tracks by others on the album."""
        rows = []
        shared: dict[tuple[str, str], int] = {}
        for each in self.tracks:
            key = (each.album_id or "", each.artist_ids[0])
            shared[key] = shared.get(key, 0) + 1
        for each in self.tracks:
            alone = shared[each.album_id or "", each.artist_ids[0]] == 1
            rows.append(self.voter.others_of_album(each) if alone else [])
        return self._where(rows, spread)

    def _where(self, rows: Sequence[list[float]], spread: float) -> tuple[Matrix, Matrix, Matrix]:
        some = np.array([bool(row) for row in rows])
        others = np.log1p(spread * np.array([row for row in rows if row]))
        return self.odds()[some], others, self.true[some]


def _fit_own(samples: Sequence[_Sample], labels: int) -> tuple[dict[Kind, float], Matrix]:
    """Weights of the kinds and priors, on tracks that have evidence of their own."""
    some = [np.array([bool(points) for points in each.own]) for each in samples]

    def stacked(kind: Kind) -> Matrix:
        return np.concatenate([s.votes(kind)[rows] for s, rows in zip(samples, some, strict=True)])

    true = np.concatenate([s.true[rows] for s, rows in zip(samples, some, strict=True)])
    fixed = sum((weight * stacked(kind) for kind, weight in FIXED.items()), np.zeros(true.shape))
    free = [kind for kind in Kind if kind not in FIXED]
    found, _ = _fit([stacked(kind) for kind in free], true, fixed, RIDGE)
    return FIXED | dict(zip(free, found, strict=False)), found[-labels:]


def _fit_others(
    parts: Sequence[tuple[Matrix, Matrix, Matrix]], ridge: float | None = None
) -> tuple[Matrix, float]:
    own, others, true = (np.concatenate(each) for each in zip(*parts, strict=True))
    found, loss = _fit([own, others], true, np.zeros(true.shape), ridge)
    return found[:2], loss


def _fit(
    features: Sequence[Matrix], true: Matrix, offset: Matrix, ridge: float | None
) -> tuple[Matrix, float]:
    """A multinomial logit with weights shared by the umbrellas; priors only with a ridge."""
    cube = np.stack(features)
    kinds, (rows, labels) = len(features), true.shape

    def loss(parameters: Matrix) -> tuple[float, Matrix]:
        prior = parameters[kinds:] if ridge is not None else np.zeros(labels)
        logits = np.tensordot(parameters[:kinds], cube, 1) + offset + prior
        logs = logits - logsumexp(logits, axis=1, keepdims=True)
        off = (np.exp(logs) * true.sum(1, keepdims=True) - true) / rows
        slope: Any = (cube * off).sum((1, 2))
        value = -(true * logs).sum() / rows
        if ridge is not None:
            slope = np.concatenate([slope, off.sum(0) + 2 * ridge * prior])
            value += ridge * (prior @ prior)
        return value, slope

    start = np.zeros(kinds + (labels if ridge is not None else 0))
    result = minimize(loss, start, jac=True, method="L-BFGS-B")
    return result.x, float(result.fun)


if __name__ == "__main__":
    main()
