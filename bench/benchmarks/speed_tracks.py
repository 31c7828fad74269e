"""Exported tracks a second of wall, beside the script that this project replaces."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bench.context import Context, Place, requests_of
from bench.pairs import alternate
from bench.process import Measured
from bench.table import Table, seconds, times, verdict
from bench.yardsticks.script import Script
from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED

LATENCY_MS = 30
LEAST, AIM = 3.0, 4.0


@dataclass(frozen=True, slots=True)
class Brought:
    """What a whole command brought, and by how many requests."""

    run: Measured
    exported: int
    requests: int

    @property
    def rate(self) -> float:
        """Exported tracks a second."""
        return self.exported / self.run.seconds

    @property
    def price(self) -> float:
        """Requests an exported track."""
        return self.requests / self.exported


def run(context: Context) -> Table:
    context.sandbox.configure(regime="extended", latency_ms=LATENCY_MS)
    first = context.place("speed-terms")
    # Asks for the terms of the plan once; the script is given the same.
    _ours(context, first)
    terms = [
        term
        for (term,) in first.query(
            "SELECT source_key FROM page WHERE kind = 'track_search'"
            " GROUP BY source_key ORDER BY min(ordinal)"
        )
    ]
    found = alternate(
        context.options.pairs,
        lambda: _ours(context, context.place("speed-tracks")),
        lambda: script(context, terms, context.place("speed-script")),
    )
    context.sandbox.configure(latency_ms=0)
    rate = found.ratio(lambda one: one.rate, lambda one: one.rate)
    price, asked = found.our(lambda one: one.price), found.their(lambda one: one.price)
    table = Table(
        f"speed, tracks: {len(terms)} terms at {LATENCY_MS} ms, median of {len(found.ours)} pairs",
        "script",
    )
    table.add(
        "exported tracks a second of wall",
        f"{found.our(lambda one: one.rate):,.0f}",
        f"{found.their(lambda one: one.rate):,.0f}",
        times(rate, 1),
        verdict(f"≥ {LEAST:.0f}×", rate >= LEAST),
    )
    table.add("  the aim", times(rate, 1), target=verdict(f"≥ {AIM:.0f}×", rate >= AIM))
    table.add(
        "requests an exported track",
        f"{price:.4f}",
        f"{asked:.4f}",
        times(price, asked),
        verdict("≤ script", price <= asked),
    )
    for name, mine, theirs in (
        ("exported tracks", found.our(_exported), found.their(_exported)),
        ("requests", found.our(_requests), found.their(_requests)),
    ):
        table.add(name, f"{mine:,.0f}", f"{theirs:,.0f}")
    mine, theirs = found.our(lambda one: one.run.seconds), found.their(lambda one: one.run.seconds)
    table.add("wall, whole command", seconds(mine), seconds(theirs), times(mine, theirs))
    mine, theirs = found.our(lambda one: one.run.cpu), found.their(lambda one: one.run.cpu)
    table.add("processor time", seconds(mine), seconds(theirs), times(mine, theirs))
    table.notes += [
        "script: requests, one call after the other: the same search pages, artists in",
        "fifties, features in forties; ids and ISRCs once, 2-6 minutes, JSONL and CSV.",
        "In plain Python, without the half second that pandas takes to be imported.",
        "Ours: the whole command, with start, store, release and its verification.",
    ]
    return table


def _ours(context: Context, place: Place) -> Brought:
    crawl = context.crawl(place, "spotify_search")
    manifest = json.loads((place.latest / "manifest.json").read_bytes())
    return Brought(crawl.run, manifest["totals"]["tracks"], crawl.requests)


def script(context: Context, terms: list[str], place: Place) -> Brought:
    """What the script makes of some terms; its files are in the place's export folder."""
    sandbox = context.sandbox
    asked = Script(
        spotify=sandbox.spotify,
        reccobeats=sandbox.reccobeats,
        token_url=f"{sandbox.accounts}/api/token",
        client_id=sandbox.env["SPOTIFY_CLIENT_ID"],
        client_secret=sandbox.env["SPOTIFY_CLIENT_SECRET"],
        terms=terms,
        rows=EXTENDED.search_rows,
        most=context.config.max_results_per_seed,
        artists=EXTENDED.artist_batch or 0,
    )
    plan = asked.write(place.cache / "script.json")
    sandbox.reset_stats()
    command = ("-m", "bench.yardsticks.script", str(plan), str(place.export))
    whole = context.measure(*command)
    return Brought(whole, json.loads(whole.output)["exported"], requests_of(sandbox.stats()))


def _exported(one: Brought) -> float:
    return one.exported


def _requests(one: Brought) -> float:
    return one.requests
