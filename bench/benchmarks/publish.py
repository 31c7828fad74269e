"""`scrapy publish` of synthetic stores of growing size."""

from __future__ import annotations

import shutil
from itertools import pairwise

from bench.context import Context, Place
from bench.process import Measured, OutOfTimeError
from bench.table import Table, per, seconds, times, verdict
from bench.yardsticks import rewrite

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (10_000, 50_000)
#: Larger stores are published at the default cap only, and beside no yardstick.
MOST_EXPORTED = 100_000
#: Megabytes above a bare interpreter.
MEMORY = 300


def run(context: Context) -> Table:
    sizes = QUICK_SIZES if context.options.quick else SIZES
    table = Table("publish: synthetic stores", "rewrite")
    bare = context.measure("-c", "import runclub_spider.publish.write.release")
    whole: dict[int, float] = {}
    capped: dict[int, float] = {}
    for size in sizes:
        try:
            _one(context, table, size, bare, whole, capped)
        except OutOfTimeError as error:
            table.heading(f"{size:,} tracks: not measured, {error}")
            break
    _curve(table, "processor time per stored track, all exported", whole)
    _curve(table, f"the same at GLOBAL_CAP {context.config.global_cap:,}", capped)
    table.notes += [
        f"rewrite: sqlite3 reads every row of {len(rewrite.TABLES)} tables, orjson and gzip write",
        "them. A release has besides: choice, 4 files, Parquet, CSV, hashes, its own",
        "verification. GLOBAL_CAP is raised to the size, but for the lines that name it.",
        f"Bare: Python with only this project's publish module loaded, {bare.peak_mb:.0f} MB.",
    ]
    return table


def _one(
    context: Context,
    table: Table,
    size: int,
    bare: Measured,
    whole: dict[int, float],
    capped: dict[int, float],
) -> None:
    """Measure one size; puts the processor seconds per track into `whole` and `capped`."""
    place = context.place(f"publish-{size}")
    context.measure("-m", "bench.synthetic", str(size), place=place)
    heading = f"{size:,} tracks, store of {place.store.stat().st_size / 1e6:.0f} MB"
    plain = _rewritten(context, place) if size <= MOST_EXPORTED else None
    cap = context.config.global_cap
    table.heading(heading)
    if size > cap:
        twin = context.copy(place, f"capped-{size}")
        ours = context.scrapy("publish", place=twin)
        shutil.rmtree(twin.cache)
        _rows(table, ours, plain, size, bare, f", GLOBAL_CAP {cap:,}")
        capped[size] = ours.cpu / size
    if size > MOST_EXPORTED:
        shutil.rmtree(place.cache)
        return
    if whole and size * whole[max(whole)] > context.left:
        table.add("without a cap: too long for the time left", "–")
    else:
        ours = context.scrapy("publish", place=place, env={"GLOBAL_CAP": str(size)})
        _rows(table, ours, plain, size, bare, ", all exported" if size > cap else "")
        whole[size] = ours.cpu / size
        if size <= cap:
            capped[size] = whole[size]
    shutil.rmtree(place.cache)


def _rewritten(context: Context, place: Place) -> Measured:
    out = place.cache / "rewritten"
    out.mkdir()
    return context.measure("-m", "bench.yardsticks.rewrite", str(place.store), str(out))


def _rows(
    table: Table, ours: Measured, plain: Measured | None, size: int, bare: Measured, suffix: str
) -> None:
    def beside(mine: float, theirs: float) -> str:
        return times(mine, theirs) if plain else ""

    wall, cpu, peak = (plain.seconds, plain.cpu, plain.peak_mb) if plain else (0.0, 0.0, 0.0)
    shown = (seconds(wall), seconds(cpu), per(cpu, size), f"{peak:.0f} MB") if plain else [""] * 4
    table.add(f"wall{suffix}", seconds(ours.seconds), shown[0], beside(ours.seconds, wall))
    table.add("processor time", seconds(ours.cpu), shown[1], beside(ours.cpu, cpu))
    table.add("  per stored track", per(ours.cpu, size), shown[2])
    table.add("peak memory", f"{ours.peak_mb:.0f} MB", shown[3], beside(ours.peak_mb, peak))
    above = ours.peak_mb - bare.peak_mb
    target = verdict(f"< {MEMORY} MB", above < MEMORY) if "CAP" in suffix else ""
    table.add("  above a bare interpreter", f"{above:.0f} MB", target=target)


def _curve(table: Table, title: str, costs: dict[int, float]) -> None:
    """How the cost of one track grows from each size to the next."""
    if len(costs) < 2:
        return
    table.heading(f"curve: {title}")
    sizes = sorted(costs)
    for small, large in pairwise(sizes):
        table.add(
            f"{large // 1000}k beside {small // 1000}k",
            per(costs[large], 1),
            f"at {small // 1000}k {per(costs[small], 1)}",
            times(costs[large], costs[small]),
        )
