"""A crawl by `scrapy crawl spotify_search` beside bare clients asking the same."""

from __future__ import annotations

import json
from statistics import median_low

from bench.context import Context, Crawl, Place
from bench.table import Table, seconds, times, verdict
from bench.yardsticks.clients import Plan
from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH, ReccoBeatsCalls
from runclub_spider.apis.spotify.calls import SpotifyCalls
from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED
from runclub_spider.settings import USER_AGENT

LATENCIES_MS = (0, 50)
MOST_MEMORY_MB = 500


def run(context: Context) -> Table:
    table = Table(f"crawl: spotify_search, {context.options.seeds} seeds, extended", "yardstick")
    crawled = context.crawled("extended")
    plan = plan_of(context, crawled.searched)
    for latency in LATENCIES_MS:
        context.sandbox.configure(regime="extended", latency_ms=latency)
        place, crawl = crawled.searched, crawled.search
        if latency:
            place = context.place(f"crawl-{latency}")
            crawl = context.crawl(place, "spotify_search")
        _compare(context, table, latency, place, crawl, plan)
    context.sandbox.configure(latency_ms=0)
    _publish(context, table, crawled.searched, crawled.search)
    table.notes += [
        "bare: aiohttp, the same addresses, batches and User-Agent, as many in flight as",
        "the project may have; it decodes each answer, keeps and checks nothing.",
        f"one by one: requests, {context.options.sample} of the calls in sequence, extrapolated.",
        "Each crawl is one run (bare at 0 ms: the median of several). Wall of a single",
        "run says little while others use the cores; do not compare latencies then.",
        "asking: from the first to the last request, by the sandbox's clock. At 0 ms",
        "the sandbox shares the cores with its client, and serves one call at a time.",
    ]
    return table


def _compare(
    context: Context, table: Table, latency: int, place: Place, crawl: Crawl, plan: Plan
) -> None:
    path = plan.write(context.scratch / "plan.json")
    repeats = 1 if latency else context.options.repeats
    runs = []
    for _ in range(repeats):
        process = context.measure("-m", "bench.yardsticks.clients", "bare", str(path))
        runs.append((json.loads(process.output), process))
    middle = median_low(found["seconds"] for found, _ in runs)
    bare, process = next(one for one in runs if one[0]["seconds"] == middle)
    slow = json.loads(
        context.measure(
            "-m", "bench.yardsticks.clients", "sequential", str(path), str(context.options.sample)
        ).output
    )
    alone = slow["seconds"] / slow["calls"] * bare["calls"]
    rows = place.count("SELECT sum(track_rows) FROM page")
    distinct = place.count("SELECT count(*) FROM track")
    ours = crawl.run

    table.heading(f"{latency} ms latency")
    table.add(
        "whole command, release included",
        seconds(ours.seconds),
        f"bare {seconds(process.seconds)}",
        times(ours.seconds, process.seconds),
    )
    table.add(
        "asking alone",
        seconds(crawl.asking),
        f"bare {seconds(bare['seconds'])}",
        times(crawl.asking, bare["seconds"]),
    )
    table.add(
        "asking alone",
        seconds(crawl.asking),
        f"one by one {seconds(alone)}",
        times(crawl.asking, alone),
    )
    table.add("other work meanwhile, cores", f"{ours.others:.1f}", f"bare {process.others:.1f}")
    table.add(
        "processor time",
        seconds(ours.cpu),
        f"bare {seconds(process.cpu)}",
        times(ours.cpu, process.cpu),
    )
    table.add(
        "requests",
        f"{crawl.requests:,}",
        f"bare {bare['calls']:,}",
        times(crawl.requests, bare["calls"]),
    )
    for name, number in (
        ("track rows per second asking", rows),
        ("distinct tracks per second asking", distinct),
    ):
        rate, theirs = number / crawl.asking, number / bare["seconds"]
        table.add(name, f"{rate:,.0f}/s", f"bare {theirs:,.0f}/s", times(rate, theirs))
    table.add(
        "peak memory",
        f"{ours.peak_mb:.0f} MB",
        f"bare {process.peak_mb:.0f} MB",
        times(ours.peak_mb, process.peak_mb),
        verdict(f"< {MOST_MEMORY_MB} MB", ours.peak_mb < MOST_MEMORY_MB),
    )


def _publish(context: Context, table: Table, place: Place, crawl: Crawl) -> None:
    alone = context.scrapy("publish", place=context.copy(place, "publish-alone"))
    table.heading("of which publishing (`scrapy publish` of the same store)")
    table.add(
        "wall",
        seconds(alone.seconds),
        f"crawl {seconds(crawl.run.seconds)}",
        times(alone.seconds, crawl.run.seconds),
    )


def plan_of(context: Context, place: Place) -> Plan:
    """The calls of a finished crawl, from what its store says was asked."""
    sandbox, config = context.sandbox, context.config
    spotify = SpotifyCalls(sandbox.spotify, config.market)
    reccobeats = ReccoBeatsCalls(sandbox.reccobeats)
    pages = place.query(
        "SELECT source_key, row_count, first_row FROM page"
        " WHERE state = 'done' AND kind = 'track_search' ORDER BY ordinal"
    )
    artists = _ids(place, "SELECT artist_id FROM artist WHERE fetched_at IS NOT NULL ORDER BY 1")
    asked = _ids(
        place,
        "SELECT track_id FROM audio_features UNION SELECT track_id FROM feature_miss ORDER BY 1",
    )
    return Plan(
        spotify=[
            *(spotify.search("track", q, limit=rows, offset=at).url for q, rows, at in pages),
            *(spotify.artists(part).url for part in _batches(artists, EXTENDED.artist_batch)),
        ],
        reccobeats=[reccobeats.features(part).url for part in _batches(asked, FEATURES_BATCH)],
        token_url=f"{sandbox.accounts}/api/token",
        client_id=sandbox.env["SPOTIFY_CLIENT_ID"],
        client_secret=sandbox.env["SPOTIFY_CLIENT_SECRET"],
        user_agent=USER_AGENT,
        spotify_concurrency=config.spotify_concurrency,
        # The project starts with fewer and grows to this while nothing is refused.
        reccobeats_concurrency=config.reccobeats_most,
    )


def _ids(place: Place, sql: str) -> list[str]:
    return [row[0] for row in place.query(sql)]


def _batches(ids: list[str], size: int) -> list[list[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
