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
            _one(context, table, size, costs)
        except OutOfTimeError as error:
            table.heading(f"{size:,} tracks: not measured, {error}")
            break
    if len(costs) > 1:
        small, large = min(costs), max(costs)
        table.heading("curve: processor time per stored track")
        table.add(
            f"{large // 1000}k beside {small // 1000}k",
            per(costs[large], 1),
            f"at {small // 1000}k {per(costs[small], 1)}",
            times(costs[large], costs[small]),
        )
    table.notes += [
        f"rewrite: sqlite3 reads every row of {len(rewrite.TABLES)} tables, orjson and gzip write",
        "them. A release has besides: choice, 4 files, Parquet, CSV, hashes, its own",
        "verification. GLOBAL_CAP is raised to the size, but for the line that names it.",
    ]
    return table


def _one(context: Context, table: Table, size: int, costs: dict[int, float]) -> None:
    """Measure one size; puts the processor seconds per track into `costs`."""
    place = context.place(f"publish-{size}")
    context.measure("-m", "bench.synthetic", str(size), place=place)
    out = place.cache / "rewritten"
    out.mkdir()
    plain = context.measure("-m", "bench.yardsticks.rewrite", str(place.store), str(out))
    cap, capped = context.config.global_cap, None
    if size > 2 * cap:
        twin = context.copy(place, f"capped-{size}")
        capped = context.scrapy("publish", place=twin)
        shutil.rmtree(twin.cache)
    heading = f"{size:,} tracks, store of {place.store.stat().st_size / 1e6:.0f} MB"
    if capped is not None:
        table.heading(heading)
        _rows(table, capped, plain, size, f", GLOBAL_CAP {cap:,}")
    if costs and size * costs[max(costs)] > context.left:
        table.add("without a cap: too long for the time left", "–")
    else:
        ours = context.scrapy("publish", place=place, env={"GLOBAL_CAP": str(size)})
        if capped is None:
            table.heading(heading)
        _rows(table, ours, plain, size, ", all exported" if capped else "")
        costs[size] = ours.cpu / size
    shutil.rmtree(place.cache)


def _rows(table: Table, ours: Measured, plain: Measured, size: int, suffix: str = "") -> None:
    wall = times(ours.seconds, plain.seconds)
    table.add(f"wall{suffix}", seconds(ours.seconds), seconds(plain.seconds), wall)
    table.add("processor time", seconds(ours.cpu), seconds(plain.cpu), times(ours.cpu, plain.cpu))
    table.add("  per stored track", per(ours.cpu, size), per(plain.cpu, size))
    memory = times(ours.peak_mb, plain.peak_mb)
    table.add("peak memory", f"{ours.peak_mb:.0f} MB", f"{plain.peak_mb:.0f} MB", memory)
