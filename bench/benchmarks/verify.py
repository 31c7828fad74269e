"""`scrapy verify` beside hashing and unpacking the same files."""

from __future__ import annotations

from bench.context import Context
from bench.table import Table, per, seconds, times
from runclub_spider.publish.write.up_to_date import DATA_FILES


def run(context: Context) -> Table:
    latest = context.crawled("extended").place.latest
    rows = 0
    for name in DATA_FILES:
        with (latest / name).open("rb") as file:
            rows += sum(1 for _ in file)
    size = sum(path.stat().st_size for path in latest.rglob("*") if path.is_file())
    repeats = context.options.repeats
    plain = context.measure("-m", "bench.yardsticks.hashes", str(latest), repeats=repeats)
    start = context.measure("-m", "scrapy", "version", repeats=repeats)
    ours = context.measure("-m", "scrapy", "verify", str(latest), repeats=repeats)
    table = Table(f"verify: a release of {rows:,} rows, {size / 1e6:.0f} MB", "sha256+gunzip")
    table.add(
        "wall", seconds(ours.seconds), seconds(plain.seconds), times(ours.seconds, plain.seconds)
    )
    cpu = times(ours.cpu, plain.cpu)
    table.add("processor time", seconds(ours.cpu), seconds(plain.cpu), cpu)
    net = max(0.0, ours.seconds - start.seconds)
    table.add("wall without Scrapy's start", seconds(net), seconds(plain.seconds))
    table.add("per row", per(ours.seconds, rows), per(plain.seconds, rows))
    table.add(
        "peak memory",
        f"{ours.peak_mb:.0f} MB",
        f"{plain.peak_mb:.0f} MB",
        times(ours.peak_mb, plain.peak_mb),
    )
    table.notes += [
        "rows: the lines of the four data files. verify also checks every row's schema,",
        "order, joins, Parquet and CSV, policies, totals and accounting.",
        f"Each wall is the median of {repeats}.",
    ]
    return table
