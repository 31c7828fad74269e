"""The same crawls again when nothing has changed."""

from __future__ import annotations

from bench.context import Context, Place, requests_of
from bench.process import Measured
from bench.table import Table, seconds, times, verdict

BASE_SECONDS = 3.0
SECONDS_PER_100K = 1.0


def run(context: Context) -> Table:
    place = context.crawled("extended").place
    context.sandbox.configure(regime="extended", latency_ms=0)
    stored = place.count("SELECT count(*) FROM track")
    table = Table(f"noop: unchanged re-runs, {stored:,} tracks in the store", "floor")
    repeats = context.options.repeats
    bare = context.measure("-c", "import scrapy", repeats=repeats)
    version = context.measure("-m", "scrapy", "version", repeats=repeats)
    table.add("import scrapy", seconds(bare.seconds))
    floor = version.seconds
    table.add("scrapy version (the floor)", seconds(floor), seconds(bare.seconds))
    before = place.latest.readlink()
    limit = BASE_SECONDS + SECONDS_PER_100K * stored / 100_000
    for name, spider, env in (
        ("spotify_search", "spotify_search", {}),
        ("spotify_playlist", "spotify_playlist", {}),
        ("spotify_playlist, trusted a day", "spotify_playlist", {"PLAYLIST_CHECK_AGE": "24"}),
    ):
        _again(context, table, place, name, spider, env, floor=floor, limit=limit)
    publish = context.scrapy("publish", place=place, repeats=repeats)
    table.add("scrapy publish", seconds(publish.seconds), seconds(floor), _x(publish, floor))
    same = place.latest.readlink() == before
    table.add("release after all of it", "same" if same else "another", "same")
    table.notes += [
        f"target: {BASE_SECONDS:.0f} s and {SECONDS_PER_100K:.0f} s per 100,000 stored tracks.",
        "A playlist search is checked at each run unless PLAYLIST_CHECK_AGE (hours)",
        'trusts the last look: "trusted a day" sets it to 24.',
        f"Each wall is the median of {repeats}.",
    ]
    return table


def _again(
    context: Context,
    table: Table,
    place: Place,
    name: str,
    spider: str,
    env: dict[str, str],
    *,
    floor: float,
    limit: float,
) -> None:
    again = context.measure(
        *("-m", "scrapy", "crawl", spider, "-a", f"max_seeds={context.options.seeds}"),
        place=place,
        repeats=context.options.repeats,
        before=context.sandbox.reset_stats,
        env=env,
    )
    requests = requests_of(context.sandbox.stats())
    target = verdict(f"< {limit:.1f} s", again.seconds < limit)
    table.add(name, seconds(again.seconds), seconds(floor), _x(again, floor), target)
    table.add("  processor time", seconds(again.cpu))
    table.add("  requests", f"{requests:,}")


def _x(run: Measured, floor: float) -> str:
    return times(run.seconds, floor)
