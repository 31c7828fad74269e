"""What `scrapy seeds` shows: the plan of searches, and what it would cost. Sends nothing."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from runclub_spider.apis.call import Api
from runclub_spider.apis.pacer import WINDOW_SECONDS
from runclub_spider.apis.spotify.regimes import REGIMES
from runclub_spider.catalog.families import family_names
from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.catalog.umbrellas import DECADE_LABELS, UmbrellaMap
from runclub_spider.config import Config, utc_now
from runclub_spider.crawl.quota import pace_key
from runclub_spider.crawl.regime import regime_key
from runclub_spider.errors import ConfigurationError
from runclub_spider.frontier.cost import Cost
from runclub_spider.frontier.prospect import (
    Prospect,
    Stored,
    aims_at,
    calls_a_day,
    prospects,
)
from runclub_spider.frontier.templates import KINDS, Kind, Seed, load_seeds
from runclub_spider.publish.account.kept import Kept
from runclub_spider.publish.choose.unsound import unformula
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import database_url, exists, shown
from runclub_spider.store.db.engine import Store
from runclub_spider.store.queue import pages, quota, seeds
from runclub_spider.store.queue.pages import PageKind
from runclub_spider.store.read import brought, overview
from runclub_spider.store.read.brought import Brought
from runclub_spider.text import moment

FORMATS = ("table", "json", "csv")
LEDGER = ("state", "offset", "requests", "rows", "new", "eligible")
COLUMNS = ("term", "kind", "family", "umbrella", "decade", "bpm", "locale", *LEDGER)
# A dimension that a seed does not name.
ANY = "any"

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

    def check(self, config: Config) -> None:
        """Raises `ConfigurationError` for a value that is none."""
        allowed = (
            ("format", self.form, FORMATS),
            ("family", self.family, family_names(config.seeds_dir)),
            ("kind", self.kind, KINDS),
        )
        for name, value, names in allowed:
            if value is not None and value not in names:
                raise ConfigurationError(f"--{name} {value!r}: use one of {', '.join(names)}")
        if self.output == "":
            raise ConfigurationError("--output: an empty path; name a file")


@dataclass(frozen=True, slots=True)
class Survey:
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
    look.check(config)
    survey = look_at(config, look)
    text = {"table": _table, "json": _json, "csv": _csv}[look.form](survey)
    if look.output is None:
        _print(text, plain=look.form == "table")
        return
    try:
        Path(look.output).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigurationError(
            f"--output: cannot write {look.output!r}: {error.strerror}"
        ) from None
    print(f"{len(survey.plan):,} seeds written to {look.output}")


def look_at(config: Config, look: Look) -> Survey:
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
    return Survey(
        config=config,
        look=look,
        labels=umbrellas.labels,
        plan=plan,
        stored=stored,
        thin=thin,
        possible=len(cells),
        prospects=prospects(config, plan, stored, utc_now()),
    )


def _seeds(config: Config, umbrellas: UmbrellaMap, look: Look) -> tuple[Seed, ...]:
    plan = load_seeds(config.seeds_dir, umbrellas, family=look.family, dedupe=config.seed_dedupe)
    return tuple(seed for seed in plan if look.kind in (None, seed.kind))


def _stored(config: Config, *, coverage_too: bool) -> Stored:
    """Read the store if there is one; none is made."""
    if not exists(config):
        return Stored()
    store = Store.open(config, create=False, set_aside=False)
    try:
        with store.reading() as connection:
            name, _, at = (meta.get(connection, regime_key(config)) or "").partition("|")
            found = brought.read(connection)
            rows = overview.seed_ledger(connection, config.market, found)
            return Stored(
                url=shown(database_url(config)),
                ledger={(row.search_type, row.term): row for row in rows},
                regime=(REGIMES[name], int(at)) if name else None,
                limits=quota.learnt_limits(connection, Api.SPOTIFY),
                pace=quota.learnt_pace(connection, pace_key(config), 0),
                new=_shares(connection, found),
                grid=_grid(config, connection) if coverage_too else {},
            )
    finally:
        store.close()


def _grid(config: Config, connection: sa.Connection) -> dict[str, dict[str, int]]:
    """Tracks a release made now would hold, by umbrella and decade."""
    if (kept := Kept.find(config)) is not None:
        with closing(kept):
            if kept.is_current(connection):
                return _by_umbrella(kept)
    # Not above: where a selection is kept, nothing has to be chosen.
    from runclub_spider.publish.write.release import prospect_kept
    from runclub_spider.terminal import on_stderr

    with (
        on_stderr("scrapy seeds") as progress,
        closing(prospect_kept(config, connection, progress)[1]) as kept,
    ):
        return _by_umbrella(kept)


def _by_umbrella(kept: Kept) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (umbrella, decade), state in kept.summary.cells.items():
        found.setdefault(umbrella, {})[decade] = state.tracks
    return found


def _shares(connection: sa.Connection, found: Brought) -> dict[str, float]:
    rows = {kind: pages.row_totals(connection, kinds).rows for kind, kinds in _ROWS_OF.items()}
    return {
        kind: sum(found.kinds[one] for one in kinds) / rows[kind]
        for kind, kinds in _ROWS_OF.items()
        if rows[kind] >= _EXPERIENCE
    }


# JSON and CSV


def _rows(survey: Survey) -> Iterator[dict[str, Any]]:
    """One mapping a seed, in plan order; the ledger's values are null without a store."""
    for seed in survey.plan:
        entry = survey.stored.ledger.get((seed.kind, seed.term))
        known: tuple[Any, ...] = (None,) * len(LEDGER)
        if entry is not None:
            known = (entry.state, entry.next_offset, *entry[5:])
        elif survey.stored.url is not None:
            known = (seeds.FRESH, 0, 0, 0, 0, 0)
        yield asdict(seed) | dict(zip(LEDGER, known, strict=True))


def _csv(survey: Survey) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in _rows(survey):
        # A person may open this in a spreadsheet, and anything may stand in a file of terms.
        writer.writerow(row | {"term": unformula(row["term"])})
    return out.getvalue()


def _json(survey: Survey) -> str:
    look, config = survey.look, survey.config
    whole = {
        "market": config.market,
        "family": look.family,
        "kind": look.kind,
        "thin": look.thin,
        "store": survey.stored.url,
        "regime": survey.prospects[0].regime.name if len(survey.prospects) == 1 else None,
        "summary": {
            "seeds": len(survey.plan),
            "families": _by(survey.plan, "family"),
            "umbrellas": _by(survey.plan, "umbrella"),
            "decades": _by(survey.plan, "decade"),
        },
        "cells": {
            "possible": survey.possible,
            "minimum": config.cell_minimum,
            "thin": sorted(survey.thin) if look.thin else None,
        },
        "cost": {p.regime.name: _prospect_json(p) for p in survey.prospects},
        "seeds": list(_rows(survey)),
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode() + "\n"


def _prospect_json(prospect: Prospect) -> dict[str, Any]:
    def described(cost: Cost) -> dict[str, Any]:
        days = prospect.days(cost)
        calls = asdict(cost)
        rows = calls.pop("rows")
        return {
            "calls": calls,
            "rows": rows,
            "days": None if math.isinf(days) else round(days, 2),
        }

    return {
        "first": described(prospect.first),
        "all": described(prospect.all),
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


def _table(survey: Survey) -> str:
    out = io.StringIO()
    console = Console(file=out, width=_WIDTH, highlight=False)
    for table in (_families(survey), _cells(survey), _costs(survey.prospects)):
        console.print(table)
        console.print()
    for note in _notes(survey):
        console.print(note, markup=False)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _families(survey: Survey) -> Table:
    plan = survey.plan
    table = _new_table("seeds by family", "family", *KINDS, "all")
    counts = _by(plan, "family")
    for family in family_names(survey.config.seeds_dir):
        if row := counts.get(family):
            table.add_row(family, *_numbers(row[kind] for kind in KINDS), f"{sum(row.values()):,}")
    of_kind = [sum(row[kind] for row in counts.values()) for kind in KINDS]
    table.add_row("all", *_numbers(of_kind), f"{len(plan):,}")
    return table


def _cells(survey: Survey) -> Table:
    """Umbrella by decade; `any` are those that name none."""
    columns = (*DECADE_LABELS, ANY)
    table = _new_table("seeds by umbrella and decade", "umbrella", *columns, "all")
    counts = Counter((seed.umbrella or ANY, seed.decade or ANY) for seed in survey.plan)
    for label in (*survey.labels, ANY):
        row = [counts[label, column] for column in columns]
        table.add_row(label, *_numbers(row), f"{sum(row):,}")
    sums = [sum(counts[label, column] for label in (*survey.labels, ANY)) for column in columns]
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


def _notes(survey: Survey) -> Iterator[str]:
    """What the numbers rest on, a sentence or two a line."""
    config, stored = survey.config, survey.stored
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
    playlists = sum(seed.kind == "playlist" for seed in survey.plan)
    for prospect in survey.prospects:
        if playlists and not prospect.regime.reads_foreign_playlists:
            yield (
                f"A {prospect.regime.name} key may not open other people's playlists: "
                f"{playlists:,} playlist seeds are not asked."
            )
    yield _on_enrichment(stored)
    for prospect in survey.prospects:
        yield _on_days(prospect, stored)
    yield _on_ledger(survey)
    if survey.look.thin:
        yield (
            f"Thin: {len(survey.thin)} of {survey.possible} cells hold fewer than "
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
    a_day = f"{calls_a_day(prospect.pace):,.0f}"
    pace = f"{prospect.pace} calls in {WINDOW_SECONDS:.0f} s ({a_day} a day)"
    pace += ", learnt" if stored.pace else ""
    name = prospect.regime.name
    if not limits:
        return f"Days ({name} key): no daily limit is known; at {pace}."
    assumed = any(limit.origin == "assumed" for limit in prospect.limits.values())
    return f"Days ({name} key): calls a day {limits}; at most {pace}." + (
        " Spotify publishes no limits; QUOTA_LIMITS sets yours." if assumed else ""
    )


def _on_ledger(survey: Survey) -> str:
    if survey.stored.url is None:
        return "No store yet: no seed was asked."
    entries = [survey.stored.ledger.get((seed.kind, seed.term)) for seed in survey.plan]
    asked = [entry for entry in entries if entry is not None and entry.requests]
    done = sum(entry.state in seeds.FINISHED for entry in asked)
    return (
        f"Ledger: {len(asked):,} of these seeds were asked, {done:,} of them to their end. A track "
        "search costs what is left of it, and all of it again when its last answer is "
        f"{survey.config.seed_refresh_days:g} days old."
    )


def _new_table(title: str, *columns: str) -> Table:
    """A plain table; all columns but the first hold numbers."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    return table


def _numbers(values: Iterable[int]) -> list[str]:
    return [f"{value:,}" if value else "·" for value in values]


def _days(days: float) -> str:
    if math.isinf(days):
        return "never"
    return f"{days:,.1f}" if days < 10 else f"{days:,.0f}"


def _print(text: str, *, plain: bool) -> None:
    """Write to stdout; what machines read is UTF-8 whatever the terminal's encoding."""
    if not plain and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(text)
