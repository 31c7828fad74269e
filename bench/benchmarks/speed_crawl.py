"""Processor time of a crawl from its first request to its last commit, beside a bare client."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bench.benchmarks.crawl import plan_of
from bench.context import Context, Place, requests_of
from bench.pairs import alternate
from bench.process import Measured
from bench.table import Table, seconds, times, verdict

#: The same figure at revision 1e366ed, the real tables, 300 seeds, median of 5 beside other work on
#: 1.4 of 2 cores: seconds, and requests.
OLD_SECONDS, OLD_REQUESTS, OLD_DATE = 17.7, 1_319, "2026-11-29"
MOST_OF_OLD, MOST_MS = 0.25, 3.0


@dataclass(frozen=True, slots=True)
class Parts:
    """One crawl: processor seconds until its first request, then to its last commit, then on."""

    run: Measured
    start: float
    asking: float
    release: float
    requests: int

    @property
    def each(self) -> float:
        """Milliseconds a request."""
        return 1000 * self.asking / self.requests


@dataclass(frozen=True, slots=True)
class Bare:
    """One run of the bare client."""

    cpu: float
    calls: int

    @property
    def each(self) -> float:
        """Milliseconds a request."""
        return 1000 * self.cpu / self.calls


def run(context: Context) -> Table:
    context.sandbox.configure(regime="extended", latency_ms=0)
    seeds = context.options.seeds
    first = context.place("speed-plan")
    parts(context, first, seeds)
    plan = plan_of(context, first).write(context.scratch / "speed-plan.json")

    def bare() -> Bare:
        run = context.measure("-m", "bench.yardsticks.clients", "bare", str(plan))
        found = json.loads(run.output)
        return Bare(found["cpu"], found["calls"])

    found = alternate(
        context.options.pairs, lambda: parts(context, context.place("speed-crawl"), seeds), bare
    )
    each, asking = found.our(lambda one: one.each), found.our(lambda one: one.asking)
    table = Table(f"speed, crawl: {seeds} seeds, 0 ms, median of {len(found.ours)} pairs", "bare")
    table.add(
        "processor time, first request to last commit",
        seconds(asking),
        seconds(found.their(lambda one: one.cpu)),
        times(found.ratio(lambda one: one.asking, lambda one: one.cpu), 1),
    )
    table.add(
        "  a request, milliseconds",
        f"{each:.2f}",
        f"{found.their(lambda one: one.each):.2f}",
        times(found.ratio(lambda one: one.each, lambda one: one.each), 1),
        verdict(f"≤ {MOST_MS:.0f} ms", each <= MOST_MS),
    )
    old = 1000 * OLD_SECONDS / OLD_REQUESTS
    table.add(
        f"  beside that of {OLD_DATE}",
        f"{each:.2f}",
        f"then {old:.2f}",
        times(each, old),
        verdict(f"≤ {MOST_OF_OLD}×", each <= MOST_OF_OLD * old),
    )
    table.add("requests", f"{found.our(lambda one: one.requests):,.0f}")
    table.add("processor time, start", seconds(found.our(lambda one: one.start)))
    table.add("processor time, release and end", seconds(found.our(lambda one: one.release)))
    table.add("processor time, whole command", seconds(found.our(lambda one: one.run.cpu)))
    table.notes += [
        "bare: aiohttp asks the same addresses and decodes the answers; its start apart.",
        f"The figure of {OLD_DATE}: revision 1e366ed on the real tables with 300 seeds,",
        f"{seconds(OLD_SECONDS)} for {OLD_REQUESTS:,} requests, on another day than this run.",
        "Release: also what its other processes took.",
    ]
    return table


def parts(context: Context, place: Place, seeds: int) -> Parts:
    """One crawl into a place."""
    file = place.cache / "marks.json"
    context.sandbox.reset_stats()
    most = f"max_seeds={seeds}"
    command = ("-m", "bench.marked", str(file), "crawl", "spotify_search", "-a", most)
    run = context.measure(*command, place=place)
    marks = json.loads(file.read_bytes())
    return Parts(
        run,
        marks["first"],
        marks["stored"] - marks["first"],
        run.cpu - marks["stored"],
        requests_of(context.sandbox.stats()),
    )
