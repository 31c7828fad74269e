"""`scrapy publish` of synthetic stores of growing size."""

from __future__ import annotations

import shutil

from bench.context import Context
from bench.process import Measured, OutOfTimeError
from bench.table import Table, per, seconds, times
from bench.yardsticks import rewrite

SIZES = (10_000, 50_000, 200_000)
QUICK_SIZES = (10_000, 50_000)


def run(context: Context) -> Table:
    sizes = QUICK_SIZES if context.options.quick else SIZES
    table = Table("publish: synthetic stores, all eligible tracks exported", "rewrite")
    costs: dict[int, float] = {}
    for size in sizes:
        try:
            costs[size] = _one(context, table, size)
        except OutOfTimeError as error:
            table.heading(f"{size:,} tracks: not measured ({error})")
            break
    if len(costs) > 1:
        small, large = min(costs), max(costs)
        table.heading("curve")
        table.add(
            f"per track at {large // 1000}k beside {small // 1000}k",
            per(costs[large], 1),
            per(costs[small], 1),
            times(costs[large], costs[small]),
        )
    table.notes += [
        f"rewrite: sqlite3 reads every row of {len(rewrite.TABLES)} tables, orjson and gzip write",
        "them. A release has besides: choice, 4 files, Parquet, CSV, hashes, its own",
        "verification. GLOBAL_CAP is raised to the size; the last row has the default.",
    ]
    return table


def _one(context: Context, table: Table, size: int) -> float:
    """Measure one size; returns seconds per track."""
    place = context.place(f"publish-{size}")
    context.measure("-m", "bench.synthetic", str(size), place=place)
    out = place.cache / "rewritten"
    out.mkdir()
    plain = context.measure("-m", "bench.yardsticks.rewrite", str(place.store), str(out))
    capped = None
    if size > context.config.global_cap:
        capped = context.scrapy("publish", place=context.copy(place, f"capped-{size}"))
    ours = context.scrapy("publish", place=place, GLOBAL_CAP=str(size))
    table.heading(f"{size:,} tracks, store of {place.store.stat().st_size / 1e6:.0f} MB")
    table.add("wall", seconds(ours.seconds), seconds(plain.seconds), _wall(ours, plain))
    table.add("per stored track", per(ours.seconds, size), per(plain.seconds, size))
    table.add(
        "peak memory",
        f"{ours.peak_mb:.0f} MB",
        f"{plain.peak_mb:.0f} MB",
        times(ours.peak_mb, plain.peak_mb),
    )
    if capped is not None:
        table.add(
            f"wall, capped at {context.config.global_cap:,}",
            seconds(capped.seconds),
            seconds(plain.seconds),
            _wall(capped, plain),
        )
    shutil.rmtree(place.cache)
    return ours.seconds / size


def _wall(ours: Measured, plain: Measured) -> str:
    return times(ours.seconds, plain.seconds)
