"""What `scrapy status` shows."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from operator import attrgetter

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from runclub_spider.apis.call import Api, Family
from runclub_spider.apis.guard import ALL
from runclub_spider.catalog.coverage import Interval, gaps
from runclub_spider.catalog.dates import DECADES
from runclub_spider.config import Config, utc_now
from runclub_spider.errors import ConfigurationError, StoreError
from runclub_spider.publish.account import exhaustion, kept
from runclub_spider.publish.account.exhaustion import Certificate, Searches, Why
from runclub_spider.publish.account.grid import UNDATED, Grid, table
from runclub_spider.publish.account.kept import Kept
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import database_url, exists, shown
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive
from runclub_spider.store.queue import quota
from runclub_spider.store.read import catalogue, overview
from runclub_spider.store.songs import coverage, songs
from runclub_spider.text import DAY, moment, timestamp

# Bytes of a store that are all read to see whether it is whole: more would take a while.
_MOST_CHECKED = 16 << 20


def show(config: Config, *, plan: bool = False) -> None:
    """Print the tables to stdout, at 80 columns where the terminal has no more.

    Args:
        config: the project's settings.
        plan: choose among all tracks and show what a release made now would hold, instead of
            what the last one held.

    Raises:
        StoreError: there is no store yet, or it is damaged.
    """
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    store = Store.open(config, create=False, set_aside=False)
    try:
        with store.reading() as connection:
            version, problems = overview.health(connection, at_most=_MOST_CHECKED)
            console.print(f"store {shown(database_url(config))}", soft_wrap=True)
            console.print(
                f"version {version}, {_integrity(problems)}, "
                f"data from {meta.get(connection, 'source|spotify') or 'nowhere yet'}, "
                f"key {meta.get(connection, 'profile') or 'not probed'}"
            )
            for problem in problems or ():
                console.print(f"  {problem}")
            numbers = overview.counts(connection)
            console.print(" · ".join(f"{n:,} {name}" for name, n in numbers.items()))
            for source in coverage.sources(connection):
                for line in _plays(connection, source):
                    console.print(line, soft_wrap=True)
            for part in (_plan if plan else _last)(config, connection):
                console.print(part)
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


def _integrity(problems: list[str] | None) -> str:
    if problems is None:
        return "integrity not checked (scrapy doctor does)"
    return f"integrity {'DAMAGED' if problems else 'ok'}"


def _plan(config: Config, connection: sa.Connection) -> list[str | Table]:
    """What a release made now would hold; how long that takes is said before."""
    from runclub_spider.publish.account.manifest import grid
    from runclub_spider.publish.write.release import prospect_kept
    from runclub_spider.terminal import on_stderr

    tracks = catalogue.track_count(connection)
    seconds = kept.expected_seconds(config, tracks)
    about = "not measured yet" if seconds is None else f"about {max(1, round(seconds)):,} s"
    print(f"scrapy status: choosing among {tracks:,} tracks, {about}", file=sys.stderr)
    with on_stderr("scrapy status") as progress:
        selection, made = prospect_kept(config, connection, progress)
    try:
        cells = grid(selection)
        shown: list[str | Table] = [_grid(cells, "tracks a release would hold")] if cells else []
        return [*_unsound(made), *shown, *_searched(config, connection, made)]
    finally:
        made.close()


def _last(config: Config, connection: sa.Connection) -> list[str | Table]:
    """What the last release held, and how far the store has moved on."""
    shown: list[str | Table] = []
    known = Kept.find(config)
    last = catalogue.last_release(connection)
    labels = known.summary.labels if known is not None else ()
    if last is not None:
        cells = table(catalogue.previous_shares(connection), labels)
        shown.append(_grid(cells, f"tracks of release {last.version}"))
    if known is None:
        if catalogue.track_count(connection):
            shown.append(
                "No selection is kept under these settings; scrapy status --plan shows what a "
                "release would hold."
            )
        return shown
    try:
        shown = [*_unsound(known), *shown, *_searched(config, connection, known)]
        if not known.is_current(connection):
            new, changed = catalogue.number_changed(connection, known.summary.newest)
            shown.append(
                f"Since tracks were chosen ({moment(known.summary.made_at)}) {new:,} came in and "
                f"{changed:,} changed; scrapy status --plan shows what a release would hold."
            )
    finally:
        known.close()
    return shown


def _unsound(known: Kept) -> list[str]:
    if not (number := len(known.summary.unsound)):
        return []
    return [f"{number:,} tracks are unsound and left out; scrapy explain ID says why"]


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
    # Not above: a station brings its parser and what matches plays with songs.
    from runclub_spider.apis.station import stations

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
    made = Table(title="calls in the last 24 h", title_justify="left", box=None)
    for name in ("api", "family", "spent", "left", "limit"):
        made.add_column(name, justify="right" if name in {"spent", "left"} else "left")
    learnt = quota.learnt_limits(connection, Api.SPOTIFY)
    for account, family, calls in overview.calls_since(connection, now - DAY):
        limit, origin = None, ""
        if account == Api.SPOTIFY:
            limit, origin = quota.limit_of(
                family, config.quota_limits, learnt, share=config.quota_share
            )
        left = "" if limit is None else f"{max(0, limit - calls):,}"
        shown = "none known" if limit is None else f"{limit:,} {origin}"
        made.add_row(account, family, f"{calls:,}", left, shown)
    return made


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


def _grid(cells: Grid, title: str) -> Table:
    columns = [*DECADES, UNDATED]
    made = Table(title=title, title_justify="left", box=None)
    made.add_column("umbrella")
    for column in columns:
        made.add_column(column, justify="right")
    for umbrella, row in cells.items():
        made.add_row(umbrella, *(f"{row[c]:,}" if row.get(c) else "·" for c in columns))
    return made


def _searched(config: Config, connection: sa.Connection, known: Kept) -> list[Table]:
    """How far each cell was searched: the word where it ends, else the searches left.

    For playlists only where a search for some was asked, for not every key may read them.
    """
    if not known.summary.chosen:
        return []
    found = exhaustion.certificates(
        connection,
        {cell: state.found for cell, state in known.summary.cells.items()},
        config.market,
        cap=config.max_results_per_seed,
    )
    made = [_certified(found, config.cell_minimum, "searches", attrgetter("tracks"))]
    if any(one.playlists.asked for one in found.values()):
        of_lists = attrgetter("playlists")
        made.append(_certified(found, config.cell_minimum, "playlist searches", of_lists))
    return made


def _certified(
    found: Mapping[tuple[str, str], Certificate],
    minimum: int,
    asked: str,
    kind: Callable[[Certificate], Searches],
) -> Table:
    words = {cell: kind(one).why(one.found, minimum) for cell, one in found.items()}
    numbers = Counter(words.values())
    told = ", ".join(f"{numbers[why]} {why}" for why in Why)
    made = Table(title=f"{asked} left by cell: {told}", title_justify="left", box=None)
    made.add_column("umbrella")
    for column in DECADES:
        made.add_column(column, justify="right")
    for umbrella in dict.fromkeys(umbrella for umbrella, _ in found):
        row = []
        for cell in ((umbrella, decade) for decade in DECADES):
            why = words.get(cell)
            left = f"{kind(found[cell]).left:,}" if why in {Why.OPEN, Why.UNASKED} else why
            row.append("–" if left is None else str(left))
        made.add_row(umbrella, *row)
    return made


def _seeds(rows: list[tuple[str, str, str, int]]) -> Table:
    states = ("fresh", "open", "searched", "exhausted", "retired")
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for kind, family, state, number in rows:
        counts[kind, family][state] = number
    made = Table(title="seed ledger", title_justify="left", box=None)
    for name in ("search", "family", *states):
        made.add_column(name, justify="left" if name in {"search", "family"} else "right")
    for (kind, family), found in counts.items():
        made.add_row(kind, family, *(f"{found.get(state, 0):,}" for state in states))
    return made
