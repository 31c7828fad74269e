"""What `scrapy status` shows."""

from __future__ import annotations

import sys
from collections import defaultdict

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from runclub_spider.apis.call import Api, Family
from runclub_spider.apis.guard import ALL
from runclub_spider.apis.station import stations
from runclub_spider.catalog.coverage import Interval, gaps
from runclub_spider.catalog.dates import DECADES
from runclub_spider.config import Config, utc_now
from runclub_spider.errors import ConfigurationError, StoreError
from runclub_spider.publish.account import exhaustion, manifest
from runclub_spider.publish.account.exhaustion import Certificate, Why
from runclub_spider.publish.account.manifest import UNDATED
from runclub_spider.publish.write.release import prospect, searched
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import database_url, exists, shown
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive
from runclub_spider.store.queue import quota
from runclub_spider.store.read import overview
from runclub_spider.store.songs import coverage, songs
from runclub_spider.text import DAY, moment, timestamp


def show(config: Config) -> None:
    """Print the tables to stdout, at 80 columns where the terminal has no more.

    Raises:
        StoreError: there is no store yet, or it is damaged.
    """
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    store = Store.open(config, create=False, set_aside=False)
    try:
        with store.reading() as connection:
            version, problems = overview.health(connection)
            console.print(f"store {shown(database_url(config))}", soft_wrap=True)
            console.print(
                f"version {version}, integrity {'ok' if not problems else 'DAMAGED'}, "
                f"data from {meta.get(connection, 'source|spotify') or 'nowhere yet'}, "
                f"key {meta.get(connection, 'profile') or 'not probed'}"
            )
            for problem in problems:
                console.print(f"  {problem}")
            numbers = overview.counts(connection)
            console.print(" · ".join(f"{n:,} {name}" for name, n in numbers.items()))
            for source in coverage.sources(connection):
                for line in _plays(connection, source):
                    console.print(line, soft_wrap=True)
            selection = prospect(config, connection)
            if unsound := len(selection.pool.unsound):
                console.print(
                    f"{unsound:,} tracks are unsound and left out; scrapy explain ID says why"
                )
            if grid := manifest.grid(selection):
                console.print(_grid(grid))
                console.print(_searched(searched(config, connection, selection), config))
            console.print(_seeds(overview.seeds(connection)))
            now = utc_now()
            console.print(_calls(config, connection, now))
            for block in quota.blocks(connection, now):
                console.print(
                    f"{_named(block)} refuses requests until {moment(block.blocked_until)} "
                    f"({block.reason})"
                )
            for run in overview.last_runs(connection, 5):
                console.print(
                    f"run {run.run_id} {run.spider} {moment(run.started_at)}: "
                    f"{run.result or 'not finished (stopped or killed)'}"
                )
            for release in overview.last_releases(connection, 3):
                console.print(f"release {release.version}: {release.tracks:,} tracks")
    finally:
        store.close()
    if problems:
        raise StoreError(
            "the store is damaged; put a good copy in its place, or crawl anew into another "
            "CACHE_DIR"
        )


def lift(config: Config, what: str) -> None:
    """End a refusal before its time, and say which.

    `what` is an API as `show` prints it, `API:FAMILY`, or `all`.

    Raises:
        ConfigurationError: there is no such API or family, or no store.
        RunPaused: a run holds the store.
    """
    account, family = _blockable(what)
    if not exists(config):
        # Not even a lock file for a store that is not there.
        Store.open(config, create=False, set_aside=False)
    with exclusive(config, "scrapy status --lift"):
        store = Store.open(config, create=False, set_aside=False)
        try:
            with store.begin() as connection:
                lifted = quota.lift(connection, utc_now(), account, family)
        finally:
            store.close()
    for block in lifted:
        until = moment(block.blocked_until)
        print(f"lifted: {_named(block)} was to refuse requests until {until} ({block.reason})")
    if not lifted:
        print(f"no block of {'any API' if account is None else what} is in force")


def _blockable(what: str) -> tuple[str | None, str | None]:
    """Account and family of what is to be lifted; None stands for each."""
    account, colon, family = what.strip().lower().partition(":")
    if account == "all" and not colon:
        return None, None
    if account not in [*Api, *stations()]:
        known = ", ".join([*Api, *stations()])
        raise ConfigurationError(f"there is no API {account!r} to lift; there are {known}, all")
    if colon and family not in [ALL, *Family]:
        known = ", ".join(Family)
        raise ConfigurationError(f"there is no family {family!r} of calls; there are {known}")
    return account, family if colon else None


def _named(block: quota.Block) -> str:
    return block.account if block.family == ALL else f"{block.account} {block.family}"


def _calls(config: Config, connection: sa.Connection, now: int) -> Table:
    """Calls of the last 24 hours by family: spent, what a limit leaves, and who named it."""
    table = Table(title="calls in the last 24 h", title_justify="left", box=None)
    for name in ("api", "family", "spent", "left", "limit"):
        table.add_column(name, justify="right" if name in {"spent", "left"} else "left")
    learnt = quota.learnt_limits(connection, Api.SPOTIFY)
    for account, family, calls in overview.calls_since(connection, now - DAY):
        limit, origin = None, ""
        if account == Api.SPOTIFY:
            limit, origin = quota.limit_of(
                family, config.quota_limits, learnt, share=config.quota_share
            )
        left = "" if limit is None else f"{max(0, limit - calls):,}"
        shown = "none known" if limit is None else f"{limit:,} {origin}"
        table.add_row(account, family, f"{calls:,}", left, shown)
    return table


def _plays(connection: sa.Connection, source: str) -> list[str]:
    """A source's plays, and the time of which every one is stored; nothing before the first."""
    known = coverage.covered(connection, source)
    if not known:
        return []
    numbers = " · ".join(f"{n:,} {name}" for name, n in songs.numbers(connection, source).items())
    first, last = known[0].start, known[-1].end
    missing = gaps(known, Interval(first, last))
    gone = ", ".join(f"{timestamp(gap.start)} to {timestamp(gap.end)}" for gap in missing) or "none"
    return [
        f"{source}: {numbers}",
        f"{source}: complete from {timestamp(first)} to {timestamp(last - 1)}, gaps: {gone}",
    ]


def _grid(cells: dict[str, dict[str, int]]) -> Table:
    columns = [*DECADES, UNDATED]
    table = Table(title="tracks a release would hold", title_justify="left", box=None)
    table.add_column("umbrella")
    for column in columns:
        table.add_column(column, justify="right")
    for umbrella, row in cells.items():
        table.add_row(umbrella, *(f"{row[c]:,}" if row.get(c) else "·" for c in columns))
    return table


def _searched(found: dict[tuple[str, str], Certificate], config: Config) -> Table:
    """How far each cell was searched: the word where it ends, else the searches left."""
    numbers = exhaustion.counts(found, config.cell_minimum)
    told = ", ".join(f"{number} {why}" for why, number in numbers.items())
    table = Table(title=f"searches left by cell: {told}", title_justify="left", box=None)
    table.add_column("umbrella")
    for column in DECADES:
        table.add_column(column, justify="right")
    for umbrella in dict.fromkeys(umbrella for umbrella, _ in found):
        cells = (found.get((umbrella, decade)) for decade in DECADES)
        table.add_row(umbrella, *(_progress(cell, config.cell_minimum) for cell in cells))
    return table


def _progress(cell: Certificate | None, minimum: int) -> str:
    if cell is None:
        return "–"
    why = cell.why(minimum)
    return f"{cell.left:,}" if why in {Why.OPEN, Why.UNASKED} else str(why)


def _seeds(rows: list[tuple[str, str, str, int]]) -> Table:
    states = ("fresh", "open", "searched", "exhausted", "retired")
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for kind, family, state, number in rows:
        counts[kind, family][state] = number
    table = Table(title="seed ledger", title_justify="left", box=None)
    for name in ("search", "family", *states):
        table.add_column(name, justify="left" if name in {"search", "family"} else "right")
    for (kind, family), found in counts.items():
        table.add_row(kind, family, *(f"{found.get(state, 0):,}" for state in states))
    return table
