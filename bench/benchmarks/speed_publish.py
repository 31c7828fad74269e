"""`scrapy publish` and `scrapy verify` without their start, on synthetic stores."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial

from bench.context import Context, Place
from bench.pairs import Pairs, alternate
from bench.process import Measured, OutOfTimeError
from bench.table import Table, seconds, times, verdict
from runclub_spider.publish.write.up_to_date import DATA_FILES

SMALL, MIDDLE, LARGE, HUGE = 10_000, 100_000, 1_000_000, 3_000_000
QUICK_MIDDLE = 20_000
MOST_OF_REWRITE, MOST_SMALL, MOST_LARGE, MOST_MB = 2.0, 3.0, 60.0, 800
#: A store three times as large may take three times as long, and a tenth more.
MOST_GROWTH = 3.3
LEAST_ROWS = 100_000


def run(context: Context) -> Table:
    quick, pairs = context.options.quick, context.options.pairs
    start = context.measure("-m", "scrapy", "version", repeats=context.options.repeats)
    table = Table(f"speed, publish and verify: median of {pairs} pairs", "rewrite")
    try:
        _small(context, table)
        _middle(context, table, QUICK_MIDDLE if quick else MIDDLE, start)
        if not quick:
            _large(context, table)
    except OutOfTimeError as error:
        table.heading(f"the rest was not measured, {error}; --limit SECONDS grants more")
    table.notes += [
        "rewrite: sqlite3 reads every row, orjson and gzip write them, nothing else.",
        f"Start: `scrapy version` in this project, {seconds(start.seconds)}.",
        "Memory: resident, of the process and its children at once; shared pages count",
        "for each.",
    ]
    return table


def _stored(context: Context, size: int) -> Place:
    place = context.place(f"speed-publish-{size}")
    context.measure("-m", "bench.synthetic", str(size), place=place)
    return place


def _published(context: Context, place: Place, env: Mapping[str, str] | None = None) -> Measured:
    """Publish a copy, for a store remembers its last release."""
    twin = context.copy(place, "speed-published")
    run = context.scrapy("publish", place=twin, env=env)
    shutil.rmtree(twin.cache.parent)
    return run


def _small(context: Context, table: Table) -> None:
    place = _stored(context, SMALL)
    runs = [_published(context, place) for _ in range(context.options.pairs)]
    wall = sorted(run.seconds for run in runs)[len(runs) // 2]
    table.heading(f"{SMALL:,} tracks")
    met = verdict(f"≤ {MOST_SMALL:.0f} s", wall <= MOST_SMALL)
    table.add("publish, wall with its start", seconds(wall), target=met)
    shutil.rmtree(place.cache)


def _middle(context: Context, table: Table, size: int, start: Measured) -> None:
    place = _stored(context, size)
    cap = context.config.global_cap
    table.heading(f"{size:,} tracks")
    for name, env in (
        (f"publish without its start, cap {cap:,}", None),
        ("publish without its start, all exported", {"GLOBAL_CAP": str(size)}),
    ):
        found = alternate(
            context.options.pairs,
            partial(_published, context, place, env),
            lambda: _rewritten(context, place),
        )
        _beside(table, name, found, start)
    twin = context.copy(place, "speed-verified")
    context.scrapy("publish", place=twin)
    _verify(context, table, twin, start)
    shutil.rmtree(place.cache)


def _beside(table: Table, name: str, found: Pairs[Measured, Measured], start: Measured) -> None:
    ratio = found.ratio(lambda one: one.seconds - start.seconds, _wall)
    table.add(
        name,
        seconds(found.our(_wall) - start.seconds),
        seconds(found.their(_wall)),
        times(ratio, 1),
        verdict(f"≤ {MOST_OF_REWRITE:.0f}×", ratio <= MOST_OF_REWRITE),
    )
    busy = found.our(lambda one: one.cpu) - start.cpu, found.their(lambda one: one.cpu)
    table.add("  processor time", seconds(busy[0]), seconds(busy[1]), times(*busy))
    memory = found.our(lambda one: one.tree_mb), found.their(lambda one: one.tree_mb)
    table.add("  memory", f"{memory[0]:.0f} MB", f"{memory[1]:.0f} MB", times(*memory))


def _verify(context: Context, table: Table, place: Place, start: Measured) -> None:
    rows = tracks = 0
    for name in DATA_FILES:
        with (place.latest / name).open("rb") as file:
            found = sum(1 for _ in file)
        rows, tracks = rows + found, max(tracks, found)
    runs = [
        context.measure("-m", "scrapy", "verify", str(place.latest))
        for _ in range(context.options.pairs)
    ]
    wall = sorted(run.seconds for run in runs)[len(runs) // 2] - start.seconds
    rate = rows / wall
    table.heading(f"verify: a release of {tracks:,} tracks, {rows:,} rows")
    met = verdict(f"≥ {LEAST_ROWS:,}", rate >= LEAST_ROWS)
    table.add("rows a second without its start", f"{rate:,.0f}", target=met)
    table.add("wall without its start", seconds(wall))


def _large(context: Context, table: Table) -> None:
    walls = []
    for size in (LARGE, HUGE):
        place = _stored(context, size)
        run = context.scrapy("publish", place=place)
        shutil.rmtree(place.cache.parent)
        walls.append(run.seconds)
        table.heading(f"{size:,} tracks, cap {context.config.global_cap:,}, one run")
        if size == LARGE:
            met = verdict(f"≤ {MOST_LARGE:.0f} s", run.seconds <= MOST_LARGE)
            table.add("publish, wall with its start", seconds(run.seconds), target=met)
            met = verdict(f"≤ {MOST_MB} MB", run.tree_mb <= MOST_MB)
            table.add("memory of all its processes", f"{run.tree_mb:.0f} MB", target=met)
        else:
            growth = walls[1] / walls[0]
            met = verdict(f"≤ {MOST_GROWTH}×", growth <= MOST_GROWTH)
            then = f"at 1M {seconds(walls[0])}"
            table.add("publish, wall", seconds(walls[1]), then, times(growth, 1), met)
            table.add("memory of all its processes", f"{run.tree_mb:.0f} MB")
        table.add("processor time", seconds(run.cpu))


def _rewritten(context: Context, place: Place) -> Measured:
    out = place.cache / "rewritten"
    out.mkdir()
    run = context.measure("-m", "bench.yardsticks.rewrite", str(place.store), str(out))
    shutil.rmtree(out)
    return run


def _wall(one: Measured) -> float:
    return one.seconds
