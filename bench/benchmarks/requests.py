"""What both spiders ask for a release, by the sandbox's account, beside what they must."""

from __future__ import annotations

import json
from typing import Any

from bench.context import Context, Crawled
from bench.table import Table, times, verdict
from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH
from runclub_spider.apis.spotify.regimes import REGIMES
from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED

MOST_OVER_FLOOR = 1.05
TRACKS_BATCH = 50


def run(context: Context) -> Table:
    table = Table(f"requests: both spiders, {context.options.seeds} seeds each", "floor")
    for regime in REGIMES:
        _account(table, regime, context.crawled(regime))
    table.notes += [
        "floor: ids asked ÷ 40 for features, ÷ 50 for artists, rounded up; 0 repeats.",
        "naive: the same pages, then for each track found a features call and its share",
        f"of a /tracks call ({TRACKS_BATCH} ids; 1 in development) and for each artist a call;",
        "computed, not run.",
    ]
    return table


def _account(table: Table, regime: str, crawled: Crawled) -> None:
    stats = crawled.both.stats
    exported = json.loads((crawled.place.latest / "manifest.json").read_bytes())["totals"]["tracks"]
    table.heading(f"{regime}: {exported:,} tracks exported")
    table.add("requests", f"{crawled.both.requests:,}")
    table.add("requests per exported track", f"{crawled.both.requests / exported:.3f}")
    _batches(table, "features calls", stats, "recco_features", FEATURES_BATCH)
    if REGIMES[regime].artist_batch:
        _batches(table, "artist calls", stats, "artist", EXTENDED.artist_batch)
    ids = sum(len(kind["more_than_once"]) for kind in stats["repeats"].values())
    table.add("ids asked more than once", f"{ids:,}", "0", "", verdict("0", ids == 0))
    # Each command fetches its own token; that is no page.
    pages = sum(not page.endswith("/api/token?") for page in stats["pages_repeated"])
    table.add("pages asked more than once", f"{pages:,}", "0", "", verdict("0", pages == 0))
    refused = sum(stats["refused_by_regime"].values())
    probes = 0 if regime == EXTENDED.name else 1
    table.add(
        "calls that the regime refuses",
        f"{refused:,}",
        f"{probes}",
        "",
        verdict(f"≤ {probes}", refused <= probes),
    )
    naive = _naive(regime, crawled)
    table.add(
        "requests beside a naive script",
        f"{crawled.both.requests:,}",
        f"naive {naive:,}",
        times(crawled.both.requests, naive),
    )


def _batches(table: Table, name: str, stats: dict[str, Any], kind: str, size: int) -> None:
    found = stats["batches"].get(kind, {"calls": 0, "ids": 0})
    floor = -(-found["ids"] // size)
    table.add(
        f"{name} for {found['ids']:,} ids",
        f"{found['calls']:,}",
        f"{floor:,}",
        times(found["calls"], floor),
        verdict(f"≤ {MOST_OVER_FLOOR}", found["calls"] <= MOST_OVER_FLOOR * floor),
    )


def _naive(regime: str, crawled: Crawled) -> int:
    """Calls of a script without batches and without a store, for the same pages."""
    place = crawled.place
    pages = place.count("SELECT count(*) FROM page WHERE state = 'done'")
    found = place.count("SELECT count(*) FROM track")
    if not REGIMES[regime].artist_batch:
        return pages + found + found
    artists = place.count("SELECT count(*) FROM artist")
    return pages + found + -(-found // TRACKS_BATCH) + artists
