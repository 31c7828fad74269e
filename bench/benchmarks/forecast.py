"""What a budget is said to fill and what it fills, over worlds, regimes and budgets, offline."""

from __future__ import annotations

from collections.abc import Callable

from bench.context import Context
from bench.table import Table, verdict
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.spotify.regimes.development import REGIME as DEVELOPMENT
from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED
from runclub_spider.catalog.umbrellas import DECADE_LABELS, UmbrellaMap
from runclub_spider.config import project_dir
from runclub_spider.frontier.choice import Aim
from runclub_spider.frontier.cost import track_cost
from runclub_spider.frontier.templates import Kind, Seed, load_seeds
from testkit.rehearsal import Rehearsal, rehearse, sizes_of
from testkit.worlds import QUICK_TRACKS, SHAPES, TRACKS, Sight, made_up, real

BUDGETS, QUICK_BUDGETS = (300, 600, 1200, 2500), (300,)
#: How far a forecast may be off, and the most idle pages.
OFF, IDLE = 0.2, 0.25
#: Seconds that one more world should find left.
_LEAST = 60.0
_RUNS: tuple[tuple[Regime, Kind], ...] = (
    (DEVELOPMENT, "track"),
    (EXTENDED, "track"),
    (EXTENDED, "playlist"),
)


def run(context: Context) -> Table:
    config, folder, quick = context.config, project_dir() / "seeds", context.options.quick
    umbrellas = UmbrellaMap.load(folder / "umbrellas.yaml")
    seeds = load_seeds(folder, umbrellas)
    aim = Aim(umbrellas.possible_cells(DECADE_LABELS), config.cell_minimum)
    table = Table("forecast: tracks foretold (interval), filled, share of idle pages", "")
    tracks = QUICK_TRACKS if quick else TRACKS
    worlds: list[Callable[[], Sight]] = [
        lambda shape=shape: made_up(shape, umbrellas, config.policy, tracks)  # type: ignore[misc]
        for shape in SHAPES
    ]
    if (data := context.options.data) and not quick:
        worlds.append(lambda: real(data, umbrellas, config.policy))
    for number, world in enumerate(worlds, 1):
        if context.left < _LEAST:
            table.heading(f"{len(worlds) - number + 1} worlds not measured: out of time")
            break
        context.say(f"making world {number} of {len(worlds)}")
        sight = world()
        for regime, kind in _RUNS:
            context.say(f"{sight.name}, {regime.name}, {kind}")
            table.heading(f"{sight.name}, {regime.name}, {kind} searches")
            plan: list[Seed] = [seed for seed in seeds if seed.kind == kind]
            sizes = sizes_of(kind, regime, config.max_results_per_seed,
                             config.max_items_per_playlist, track_cost(regime))  # fmt: skip
            for budget in QUICK_BUDGETS if quick else BUDGETS:
                done = rehearse(sight, plan, aim, sizes, regime, budget,
                                vote_confidence=config.vote_confidence_min)  # fmt: skip
                _add(table, budget, done)
    table.notes += [
        "Idle: pages that brought no new eligible track to any cell, at",
        "once or once its umbrella became sure. Interval: four of five",
        "runs. Each budget is a run of its own from an empty store, told",
        "of after a pilot of a twentieth of it (10 to 50 requests).",
    ]
    return table


def _add(table: Table, budget: int, done: Rehearsal) -> None:
    if done.told is None:
        table.add(f"{budget:,} requests", "ended within the pilot")
        return
    told, low, high = done.expected
    right = abs(told - done.filled) <= OFF * done.filled
    table.add(
        f"{budget:,} requests, {len(done.gains):,} pages",
        f"{told:,.0f} ({low:,.0f} to {high:,.0f})",
        f"{done.filled:,}",
        f"{done.idle:.0%} idle" + (f", {done.left:.0f} left" if done.left else ""),
        verdict(f"± {OFF:.0%}, idle ≤ {IDLE:.0%}", right and done.idle <= IDLE),
    )
