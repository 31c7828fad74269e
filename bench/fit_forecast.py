"""Fit the curves of the forecast anew, on made-up worlds alone: `python -m bench.fit_forecast`.

Prints the rows of `_FITTED` in `runclub_spider/frontier/forecast.py`. Level and fall are those
that come nearest to what rehearsed runs filled, in logs; how far the pages before the forecast and
the promise of the next tell is a ridge regression of what they leave. Takes some ten minutes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.spotify.regimes.development import REGIME as DEVELOPMENT
from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED
from runclub_spider.catalog.umbrellas import DECADE_LABELS, UmbrellaMap
from runclub_spider.config import Config, project_dir
from runclub_spider.frontier.choice import Aim, Gain
from runclub_spider.frontier.cost import track_cost
from runclub_spider.frontier.forecast import Curve
from runclub_spider.frontier.templates import Kind, load_seeds
from testkit.rehearsal import Rehearsal, rehearse, sizes_of
from testkit.worlds import made_up

BUDGETS = (300, 600, 1200, 2500)
WORLDS = (
    *(("flat", 20_000), ("power law", 20_000), ("sparse", 20_000)),
    *(("flat", 60_000), ("power law", 100_000), ("sparse", 60_000)),
)
KINDS: dict[int | None, tuple[Regime, Kind]] = {
    10: (DEVELOPMENT, "track"),
    50: (EXTENDED, "track"),
    None: (EXTENDED, "playlist"),
}
_FALLS = np.arange(0.02, 0.7, 0.02)
_RIDGE = 1.2


def main() -> None:
    """Rehearse all runs and print what fits them."""
    config, folder = Config(), project_dir() / "seeds"
    umbrellas = UmbrellaMap.load(folder / "umbrellas.yaml")
    seeds = load_seeds(folder, umbrellas)
    aim = Aim(umbrellas.possible_cells(DECADE_LABELS), config.cell_minimum)
    runs: defaultdict[int | None, list[Rehearsal]] = defaultdict(list)
    for shape, tracks in WORLDS:
        sight = made_up(shape, umbrellas, config.policy, tracks)
        for rows, (regime, kind) in KINDS.items():
            plan = [seed for seed in seeds if seed.kind == kind]
            sizes = sizes_of(kind, regime, config.max_results_per_seed,
                             config.max_items_per_playlist, track_cost(regime))  # fmt: skip
            runs[rows] += [
                rehearse(sight, plan, aim, sizes, regime, budget,
                         vote_confidence=config.vote_confidence_min)
                for budget in BUDGETS
            ]  # fmt: skip
    lack = aim.minimum * len(aim.cells)
    for rows, done in runs.items():
        filled, spread = _fitted(done, 0, lack)
        new, _ = _fitted(done, 1, None)
        print(f"{rows}: Curves({filled}, {new}, {spread:.2f}),")


def _brought(gains: Sequence[Gain], which: int, lack: int | None) -> float:
    """Tracks of pages, as if no cell were ever full."""
    total = sum(gain.new if which else gain.tracks for gain in gains)
    return float(total) if lack is None else -lack * math.log1p(-total / lack)


def _fitted(runs: Sequence[Rehearsal], which: int, lack: int | None) -> tuple[Curve, float]:
    """The curve of tracks filled (0) or new (1), and the standard deviation in logs."""
    whole = [(len(run.gains), _brought(run.gains, which, lack)) for run in runs]

    def off(fall: float) -> list[float]:
        return [math.log(tracks / Curve(1.0, fall).usual(0, pages)) for pages, tracks in whole]

    fall = min((float(one) for one in _FALLS), key=lambda one: float(np.var(off(one))))
    curve = Curve(math.exp(float(np.mean(off(fall)))), fall)
    told, rest = [], []
    for run in runs:
        asked, late = run.piloted, run.gains[: run.piloted]
        seen = [gain.new if which else gain.tracks for gain in late]
        by = [replace(curve, **{name: 1.0}) for name in ("seen", "promised")]
        told.append([1.0, *(math.log(one.factor(asked, seen, run.promised[which])) for one in by)])
        usual = curve.usual(asked, len(run.gains) - asked)
        rest.append(math.log(max(1.0, _brought(run.gains[asked:], which, lack)) / usual))
    known, wanted = np.array(told), np.array(rest)
    ridge = np.diag([0.0, _RIDGE, _RIDGE])
    bias, seen_power, promised = np.linalg.solve(known.T @ known + ridge, known.T @ wanted)
    fitted = replace(curve, seen=float(seen_power), promised=float(promised), bias=float(bias))
    return fitted, float(np.std(wanted - known @ np.array([bias, seen_power, promised])))


if __name__ == "__main__":
    main()
