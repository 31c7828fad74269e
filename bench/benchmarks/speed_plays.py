"""KEXP's plays a second of the whole process, beside a bare loop."""

from __future__ import annotations

import json

from bench.benchmarks.kexp import ALL, plays_alone
from bench.context import Context
from bench.pairs import alternate
from bench.process import Measured
from bench.table import Table, seconds, times, verdict
from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import running_sandbox

WEEKS, QUICK_WEEKS = 18, 4
LEAST = 0.5


def run(context: Context) -> Table:
    weeks = QUICK_WEEKS if context.options.quick else WEEKS
    options = SandboxOptions(data=plays_alone(context), kexp_weeks=weeks)
    with running_sandbox(options) as sandbox:

        def ours() -> tuple[Measured, int]:
            place = context.place("speed-plays")
            whole = context.scrapy(*ALL, place=place, env=sandbox.env)
            return whole, place.count("SELECT count(*) FROM external_play")

        def bare() -> tuple[Measured, int]:
            file = context.place("speed-bare").cache / "plays.sqlite"
            whole = context.measure("-m", "bench.yardsticks.plays", sandbox.kexp, str(file))
            return whole, json.loads(whole.output)["plays"]

        # Both are asked of a warm server.
        bare()
        found = alternate(context.options.pairs, ours, bare)
    ratio = found.ratio(_rate, _rate)
    plays = int(found.our(lambda one: one[1]))
    table = Table(
        f"speed, plays: {plays:,} of KEXP, median of {len(found.ours)} pairs", "bare loop"
    )
    table.add(
        "plays a second, whole process",
        f"{found.our(_rate):,.0f}",
        f"{found.their(_rate):,.0f}",
        times(ratio, 1),
        verdict(f"≥ {LEAST}×", ratio >= LEAST),
    )
    mine, theirs = found.our(lambda one: one[0].seconds), found.their(lambda one: one[0].seconds)
    table.add("wall", seconds(mine), seconds(theirs), times(mine, theirs))
    mine, theirs = found.our(lambda one: one[0].cpu), found.their(lambda one: one[0].cpu)
    table.add("processor time", seconds(mine), seconds(theirs), times(mine, theirs))
    table.notes += [
        "bare loop: aiohttp, next, sqlite3; matches lower-case title and artist, a page a commit.",
        "Both with the start of their process, ours also with Scrapy's.",
    ]
    return table


def _rate(one: tuple[Measured, int]) -> float:
    return one[1] / one[0].seconds
