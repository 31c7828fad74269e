"""What `scrapy seeds` shows: the plan of searches, and what it would cost. Sends nothing."""

from __future__ import annotations

import csv
import io
import math
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from runclub_spider.apis.call import Api, Family
from runclub_spider.apis.pacer import WINDOW_SECONDS
from runclub_spider.apis.spotify.regimes import DEVELOPMENT, EXTENDED, REGIMES, Regime
from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.catalog.umbrellas import DECADE_LABELS, UmbrellaMap
from runclub_spider.config import Config, utc_now
from runclub_spider.crawl.run import pace_key, regime_key
from runclub_spider.errors import ConfigurationError
from runclub_spider.frontier.cost import Cost, Reach, cost_of
from runclub_spider.frontier.templates import (
    KINDS,
    Kind,
    Seed,
    SeedFileError,
    families,
    load_seeds,
)
from runclub_spider.publish.account.manifest import grid
from runclub_spider.publish.choose.unsound import unformula
from runclub_spider.publish.write import release
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import database_url, exists, shown
from runclub_spider.store.db.engine import Store
from runclub_spider.store.queue import pages, quota, seeds
from runclub_spider.store.queue.pages import PageKind
from runclub_spider.store.read import overview
from runclub_spider.text import moment

FORMATS = ("table", "json", "csv")
LEDGER = ("state", "offset", "requests", "rows", "new", "eligible")
COLUMNS = ("term", "kind", "family", "umbrella", "decade", "bpm", "locale", *LEDGER)
# A dimension that a seed does not name.
ANY = "any"

# Without a known limit: calls a family in 24 h that development keys were reported to get, twice
# and by different people. Spotify publishes none.
_ASSUMED_A_DAY = 600
# Extended keys have no daily quota; what the pacer begins with at a real host holds them up.
_ASSUMED_PACE = 30
_DAY = 86_400
_WIDTH = 80
# Rows from which on the share of new tracks among them is believed.
_EXPERIENCE = 1_000
_ROWS_OF: Mapping[Kind, tuple[PageKind, ...]] = {
    "track": (PageKind.TRACK_SEARCH,),
    "playlist": (PageKind.PLAYLIST, PageKind.PLAYLIST_ITEMS),
}


@dataclass(frozen=True, slots=True)
class Look:
    """What of the plan is wanted, and in what form."""

    form: str = "table"
    family: str | None = None
    kind: str | None = None
    thin: bool = False
    output: str | None = None

    def check(self) -> None:
        """Raises `ConfigurationError` for a value that is none."""
        allowed = (
            ("format", self.form, FORMATS),
            ("family", self.family, families()),
            ("kind", self.kind, KINDS),
        )
        for name, value, names in allowed:
            if value is not None and value not in names:
                raise ConfigurationError(f"--{name} {value!r}: use one of {', '.join(names)}")
        if self.output == "":
            raise ConfigurationError("--output: an empty path; name a file")


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store adds to the plan; nothing where there is none.

    `grid` is umbrella -> decade -> tracks that a release would hold; `new` the share of rows
    that brought new tracks, by kind, where enough rows were read to tell.
    """

    url: str | None = None
    ledger: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    regime: tuple[Regime, int] | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    pace: int | None = None
    new: Mapping[str, float] = field(default_factory=dict)
    grid: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limit:
    """Calls of a family in 24 h, and who says so: set, learnt or assumed."""

    calls: int
    origin: str


@dataclass(frozen=True, slots=True)
class Prospect:
    """What the plan costs with one kind of key."""

    regime: Regime
    limits: Mapping[Family, Limit]
    pace: int
    first: Cost
    all: Cost

    def days(self, cost: Cost) -> float:
        """Days that a cost takes."""
        limits = {family: limit.calls for family, limit in self.limits.items()}
        return cost.days(limits, self.pace * _DAY / WINDOW_SECONDS)


@dataclass(frozen=True, slots=True)
class Outlook:
    """The plan, and everything that is said about it."""

    config: Config
    look: Look
    labels: tuple[str, ...]
    plan: Sequence[Seed]
    stored: Stored
    thin: frozenset[tuple[str, str]]
    possible: int
    prospects: Sequence[Prospect]


def show(config: Config, look: Look) -> None:
    """Print the plan, or write it to `look.output`.

    Raises:
        ConfigurationError: a wrong option, setting or seed file, or a file that cannot be
            written.
        StoreError: there is a store, and it is damaged.
    """
    look.check()
    outlook = survey(config, look)
    text = {"table": _table, "json": _json, "csv": _csv}[look.form](outlook)
    if look.output is None:
        _print(text, plain=look.form == "table")
        return
    try:
        Path(look.output).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigurationError(
            f"--output: cannot write {look.output!r}: {error.strerror}"
        ) from None
    print(f"{len(outlook.plan):,} seeds written to {look.output}")


def survey(config: Config, look: Look) -> Outlook:
    """Expand the templates and look at what the store knows of them; writes nothing."""
    umbrellas = load_umbrellas(config.seeds_dir)
    plan: Sequence[Seed] = _seeds(config, umbrellas, look)
    stored = _stored(config, coverage_too=look.thin)
    cells = umbrellas.possible_cells(DECADE_LABELS)
    thin = frozenset(
        (umbrella, decade)
        for umbrella, decade in cells
        if stored.grid.get(umbrella, {}).get(decade, 0) < config.cell_minimum
    )
    if look.thin:
        plan = [seed for seed in plan if aims_at(seed, thin)]
    return Outlook(
        config=config,
        look=look,
        labels=umbrellas.labels,
        plan=plan,
        stored=stored,
        thin=thin,
        possible=len(cells),
        prospects=[_prospect(config, plan, stored, r) for r in _regimes(config, stored)],
    )


def aims_at(seed: Seed, cells: frozenset[tuple[str, str]]) -> bool:
    """Whether a seed may fill one of the cells: what it does not name it does not rule out."""
    return any(
        seed.umbrella in (None, umbrella) and seed.decade in (None, decade)
        for umbrella, decade in cells
    )


def _seeds(config: Config, umbrellas: UmbrellaMap, look: Look) -> tuple[Seed, ...]:
    try:
        plan = load_seeds(
            config.seeds_dir, umbrellas, family=look.family, dedupe=config.seed_dedupe
        )
    except SeedFileError as error:
        raise ConfigurationError(str(error)) from None
    return tuple(seed for seed in plan if look.kind in (None, seed.kind))


def _stored(config: Config, *, coverage_too: bool) -> Stored:
    """Read the store if there is one; none is made."""
    if not exists(config):
        return Stored()
    store = Store.open(config, create=False, set_aside=False)
    try:
        with store.reading() as connection:
            name, _, at = (meta.get(connection, regime_key(config)) or "").partition("|")
            rows = overview.seed_ledger(connection, config.market)
            return Stored(
                url=shown(database_url(config)),
                ledger={(row.search_type, row.term): row for row in rows},
                regime=(REGIMES[name], int(at)) if name else None,
                limits=quota.learnt_limits(connection, Api.SPOTIFY),
                pace=quota.learnt_pace(connection, pace_key(config), 0),
                new=_shares(connection),
                grid=grid(release.prospect(config, connection)) if coverage_too else {},
            )
    finally:
        store.close()


def _shares(connection: sa.Connection) -> dict[str, float]:
    totals = {kind: pages.row_totals(connection, kinds) for kind, kinds in _ROWS_OF.items()}
    return {
        kind: counts.new_tracks / counts.rows
        for kind, counts in totals.items()
        if counts.rows >= _EXPERIENCE
    }


def _regimes(config: Config, stored: Stored) -> Sequence[Regime]:
    """The regime of the key, or all of them where it is not known."""
    if config.spotify_profile in REGIMES:
        return [REGIMES[config.spotify_profile]]
    return [stored.regime[0]] if stored.regime else [DEVELOPMENT, EXTENDED]


def _prospect(config: Config, plan: Sequence[Seed], stored: Stored, regime: Regime) -> Prospect:
    reach = Reach(
        max_results=config.max_results_per_seed,
        top_playlists=config.top_playlists_per_seed,
        max_items=config.max_items_per_playlist,
        page_size=config.page_size,
    )
    due = utc_now() - int(config.seed_refresh_days * _DAY)
    left = [
        _rows_left(stored.ledger.get((seed.kind, seed.term)), reach.max_results, due)
        for seed in plan
        if seed.kind == "track"
    ]
    playlists = sum(seed.kind == "playlist" for seed in plan)
    new: dict[Kind, float] = {kind: stored.new.get(kind, 1.0) for kind in KINDS}
    first, whole = (
        cost_of(left, playlists, regime, reach, new=new, first_pages=only) for only in (True, False)
    )
    return Prospect(
        regime=regime,
        limits=_limits(config, stored, regime),
        pace=stored.pace or config.spotify_start_rate or _ASSUMED_PACE,
        first=first,
        all=whole,
    )


def _rows_left(entry: Any, cap: int, due: int) -> int:
    """Rows that a track search may still serve, or serves again when it is due anew."""
    if entry is None:
        return cap
    left: int = cap - entry.next_offset
    if entry.state in seeds.FINISHED or left <= 0:
        return cap if entry.last_seen_at < due else 0
    return left


def _limits(config: Config, stored: Stored, regime: Regime) -> dict[Family, Limit]:
    """Daily limits by family: set or learnt; else, where there are quotas, assumed."""
    found = {}
    for family in (Family.SEARCH, Family.PLAYLIST, Family.ARTIST):
        calls, origin = quota.limit_of(
            family, config.quota_limits, stored.limits, share=config.quota_share
        )
        if calls is None and regime is DEVELOPMENT:
            calls, origin = int(_ASSUMED_A_DAY * config.quota_share), "assumed"
        if calls is not None:
            found[family] = Limit(calls, origin)
    return found


# JSON and CSV


def _rows(outlook: Outlook) -> Iterator[dict[str, Any]]:
    """One mapping a seed, in plan order; the ledger's values are null without a store."""
    for seed in outlook.plan:
        entry = outlook.stored.ledger.get((seed.kind, seed.term))
        known: tuple[Any, ...] = (None,) * len(LEDGER)
        if entry is not None:
            known = (entry.state, entry.next_offset, *entry[5:])
        elif outlook.stored.url is not None:
            known = (seeds.FRESH, 0, 0, 0, 0, 0)
        yield asdict(seed) | dict(zip(LEDGER, known, strict=True))


def _csv(outlook: Outlook) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in _rows(outlook):
        # A person may open this in a spreadsheet, and anything may stand in a file of terms.
        writer.writerow(row | {"term": unformula(row["term"])})
    return out.getvalue()


def _json(outlook: Outlook) -> str:
    look, config = outlook.look, outlook.config
    found = {
        "market": config.market,
        "family": look.family,
        "kind": look.kind,
        "thin": look.thin,
        "store": outlook.stored.url,
        "regime": outlook.prospects[0].regime.name if len(outlook.prospects) == 1 else None,
        "summary": {
            "seeds": len(outlook.plan),
            "families": _by(outlook.plan, "family"),
            "umbrellas": _by(outlook.plan, "umbrella"),
            "decades": _by(outlook.plan, "decade"),
        },
        "cells": {
            "possible": outlook.possible,
            "minimum": config.cell_minimum,
            "thin": sorted(outlook.thin) if look.thin else None,
        },
        "cost": {p.regime.name: _prospect_json(p) for p in outlook.prospects},
        "seeds": list(_rows(outlook)),
    }
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n"


def _prospect_json(prospect: Prospect) -> dict[str, Any]:
    def told(cost: Cost) -> dict[str, Any]:
        days = prospect.days(cost)
        calls = asdict(cost)
        rows = calls.pop("rows")
        return {
            "calls": calls,
            "rows": rows,
            "days": None if math.isinf(days) else round(days, 2),
        }

    return {
        "first": told(prospect.first),
        "all": told(prospect.all),
        "limits": {str(family): asdict(limit) for family, limit in prospect.limits.items()},
        "pace": prospect.pace,
    }


def _by(plan: Sequence[Seed], dimension: str) -> dict[str, dict[str, int]]:
    """Value -> kind -> seeds, in plan order; seeds that name no value under `any`."""
    counts: dict[str, dict[str, int]] = {}
    for seed in plan:
        row = counts.setdefault(getattr(seed, dimension) or ANY, dict.fromkeys(KINDS, 0))
        row[seed.kind] += 1
    return counts


# The table


def _table(outlook: Outlook) -> str:
    out = io.StringIO()
    console = Console(file=out, width=_WIDTH, highlight=False)
    for table in (_families(outlook.plan), _cells(outlook), _costs(outlook.prospects)):
        console.print(table)
        console.print()
    for note in _notes(outlook):
        console.print(note, markup=False)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _families(plan: Sequence[Seed]) -> Table:
    table = _new_table("seeds by family", "family", *KINDS, "all")
    counts = _by(plan, "family")
    for family in families():
        if row := counts.get(family):
            table.add_row(family, *_numbers(row[kind] for kind in KINDS), f"{sum(row.values()):,}")
    of_kind = [sum(row[kind] for row in counts.values()) for kind in KINDS]
    table.add_row("all", *_numbers(of_kind), f"{len(plan):,}")
    return table


def _cells(outlook: Outlook) -> Table:
    """Umbrella by decade; `any` are those that name none."""
    columns = (*DECADE_LABELS, ANY)
    table = _new_table("seeds by umbrella and decade", "umbrella", *columns, "all")
    counts = Counter((seed.umbrella or ANY, seed.decade or ANY) for seed in outlook.plan)
    for label in (*outlook.labels, ANY):
        row = [counts[label, column] for column in columns]
        table.add_row(label, *_numbers(row), f"{sum(row):,}")
    sums = [sum(counts[label, column] for label in (*outlook.labels, ANY)) for column in columns]
    table.add_row("all", *_numbers(sums), f"{sum(sums):,}")
    return table


def _costs(prospects: Sequence[Prospect]) -> Table:
    """Calls by what they ask, for the first page of each seed and for all, by kind of key."""
    columns = [
        f"{prospect.regime.name}\n{part} pages"
        for prospect in prospects
        for part in ("first", "all")
    ]
    table = _new_table("requests it would cost at most", "", *columns)
    costs = [(p, cost) for p in prospects for cost in (p.first, p.all)]
    for name in ("track_searches", "playlist_searches", "playlists", "artists"):
        table.add_row(name.replace("_", " "), *_numbers(getattr(cost, name) for _, cost in costs))
    for name in ("features", "details"):
        numbers = _numbers(getattr(cost, name) for _, cost in costs)
        table.add_row(f"{name} (ReccoBeats)", *numbers)
    table.add_row("days", *(_days(prospect.days(cost)) for prospect, cost in costs))
    return table


def _notes(outlook: Outlook) -> Iterator[str]:
    """What the numbers rest on, a sentence or two a line."""
    config, stored = outlook.config, outlook.stored
    if config.spotify_profile in REGIMES:
        yield f"Key: {config.spotify_profile}, as SPOTIFY_PROFILE says."
    elif stored.regime:
        yield f"Key: {stored.regime[0].name}, found out {moment(stored.regime[1])}."
    else:
        yield "Key: not probed yet, so both kinds are shown; scrapy doctor finds out."
    yield (
        f"At most {config.max_results_per_seed:,} rows a track search, "
        f"{config.top_playlists_per_seed} lists a playlist search, "
        f"{config.max_items_per_playlist:,} rows a list. A seed that runs dry costs less."
    )
    playlists = sum(seed.kind == "playlist" for seed in outlook.plan)
    for prospect in outlook.prospects:
        if playlists and not prospect.regime.reads_foreign_playlists:
            yield (
                f"A {prospect.regime.name} key may not open other people's playlists: "
                f"{playlists:,} playlist seeds are not asked."
            )
    yield _on_enrichment(stored)
    for prospect in outlook.prospects:
        yield _on_days(prospect, stored)
    yield _on_ledger(outlook)
    if outlook.look.thin:
        yield (
            f"Thin: {len(outlook.thin)} of {outlook.possible} cells hold fewer than "
            f"{config.cell_minimum} tracks; only seeds that may fill one of them are shown."
        )


def _on_enrichment(stored: Stored) -> str:
    if not stored.new:
        return "Artists, features and details as if every row were a new eligible track."
    shares = ", ".join(f"{share:.0%} of {kind} rows" for kind, share in stored.new.items())
    return f"Artists, features and details as in this store so far: {shares} were new tracks."


def _on_days(prospect: Prospect, stored: Stored) -> str:
    limits = ", ".join(
        f"{family} {limit.calls:,} ({limit.origin})" for family, limit in prospect.limits.items()
    )
    a_day = f"{prospect.pace * _DAY / WINDOW_SECONDS:,.0f}"
    pace = f"{prospect.pace} calls in {WINDOW_SECONDS:.0f} s ({a_day} a day)"
    pace += ", learnt" if stored.pace else ""
    name = prospect.regime.name
    if not limits:
        return f"Days ({name} key): no daily limit is known; at {pace}."
    assumed = any(limit.origin == "assumed" for limit in prospect.limits.values())
    return f"Days ({name} key): calls a day {limits}; at most {pace}." + (
        " Spotify publishes no limits; QUOTA_LIMITS sets yours." if assumed else ""
    )


def _on_ledger(outlook: Outlook) -> str:
    if outlook.stored.url is None:
        return "No store yet: no seed was asked."
    entries = [outlook.stored.ledger.get((seed.kind, seed.term)) for seed in outlook.plan]
    asked = [entry for entry in entries if entry is not None and entry.requests]
    done = sum(entry.state in seeds.FINISHED for entry in asked)
    return (
        f"Ledger: {len(asked):,} of these seeds were asked, {done:,} of them to their end. A track "
        "search costs what is left of it, and all of it again when its last answer is "
        f"{outlook.config.seed_refresh_days:g} days old."
    )


def _new_table(title: str, *columns: str) -> Table:
    """A plain table; all columns but the first hold numbers."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for at, name in enumerate(columns):
        table.add_column(name, justify="right" if at else "left", no_wrap=True)
    return table


def _numbers(values: Iterable[int]) -> list[str]:
    return [f"{value:,}" if value else "·" for value in values]


def _days(days: float) -> str:
    if math.isinf(days):
        return "never"
    return f"{days:,.1f}" if days < 10 else f"{days:,.0f}"


def _print(text: str, *, plain: bool) -> None:
    """Write to stdout; what machines read is UTF-8 whatever the terminal's encoding."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        if plain:
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has had enough (`| head`); Python must not flush into the pipe once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
