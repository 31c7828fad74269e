"""A year of KEXP: plays stored a second beside a bare loop, kills, re-runs, and matching."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.table import Table, times, verdict
from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox, running_sandbox
from runclub_spider.catalog.plays import Tier
from testkit.killer import Action, Launcher
from testkit.wordings import nearest_other, play_pairs, same_id, score, traps

if TYPE_CHECKING:
    from bench.context import Context, Place

#: Plays a second wanted at zero latency, and the least share of the bare loop's.
LEAST_RATE, LEAST_RATIO = 10_000, 0.5
KILLS = 20
ALL = ("crawl", "kexp", "-a", "start_date=2001-01-01")
NEWEST = ("crawl", "kexp", "-a", "incremental=1")
LAST_WEEK = ("crawl", "kexp", "-a", "start_date=2026-03-20", "-a", "end_date=2026-03-27")
_TABLES = ("external_play", "song", "covered_interval", "play_review")


def run(context: Context) -> Table:
    weeks = 6 if context.options.quick else 52
    options = SandboxOptions(data=plays_alone(context), kexp_weeks=weeks)
    sandbox = context.stack.enter_context(running_sandbox(options))
    table = Table(f"kexp: the real week {weeks} times, one before the other", "bare loop")
    place = _speed(context, sandbox, table)
    _again(context, sandbox, place, table)
    _kills(context, sandbox, place, table)
    _matching(context, table)
    table.notes += [
        "bare loop: aiohttp, next, sqlite3; matches lower-case title and artist, a page a commit.",
        "Rates are of the time from the first request to the last.",
    ]
    return table


def plays_alone(context: Context) -> Path | None:
    """The real plays without the other tables, which nothing here asks for."""
    if context.options.data is None:
        return None
    folder = context.scratch / "kexp-data"
    if folder.exists():
        return folder
    (folder / "spotify").mkdir(parents=True)
    for path in (context.options.data / "spotify").glob("*.csv.gz"):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
            header = file.readline()
        with gzip.open(folder / "spotify" / path.name, "wt", encoding="utf-8") as file:
            file.write(header)
    (folder / "kexp").symlink_to(context.options.data.resolve() / "kexp")
    return folder


def _speed(context: Context, sandbox: Sandbox, table: Table) -> Place:
    yard = context.place("kexp-bare")
    command = ("-m", "bench.yardsticks.plays", sandbox.kexp, str(yard.cache / "plays.sqlite"))
    # Both are asked for a warm server.
    bare_run = context.measure(*command)
    bare = json.loads(bare_run.output)
    sandbox.reset_stats()
    place = context.place("kexp")
    ours_run = context.scrapy(*ALL, place=place, env=sandbox.env)
    asked = sandbox.stats()["apis"]["kexp"]
    seconds = asked["last_request_at"] - asked["first_request_at"]
    plays = place.count("SELECT count(*) FROM external_play")
    rate, yardstick = plays / seconds, bare["plays"] / bare["seconds"]
    table.heading("stored")
    table.add("plays", f"{plays:,}", f"{bare['plays']:,}")
    table.add("songs", f"{place.count('SELECT count(*) FROM song'):,}")
    table.add("pages asked", f"{asked['calls']:,}")
    table.add(
        "plays a second",
        f"{rate:,.0f}",
        f"{yardstick:,.0f}",
        times(rate, yardstick),
        verdict(f"≥ {LEAST_RATIO}×", rate >= LEAST_RATIO * yardstick),
    )
    table.add(
        "and as such", f"{rate:,.0f}", "", "", verdict(f"≥ {LEAST_RATE:,}", rate >= LEAST_RATE)
    )
    table.add("processor seconds", f"{ours_run.cpu:.1f}", f"{bare_run.cpu:.1f}")
    table.add("peak memory, MB", f"{ours_run.peak_mb:.0f}", f"{bare_run.peak_mb:.0f}")
    for tier, number in place.query(
        "SELECT match_tier, count(*) FROM external_play GROUP BY 1 ORDER BY 2 DESC"
    ):
        table.add(f"plays by {tier}", f"{number:,}")
    return place


def _again(context: Context, sandbox: Sandbox, place: Place, table: Table) -> None:
    """Runs that find nothing new."""
    table.heading("again")
    before = _content(place, times_too=True)
    for name, command, pages in (("last week", LAST_WEEK, None), ("incremental", NEWEST, 1)):
        sandbox.reset_stats()
        context.scrapy(*command, place=place, env=sandbox.env)
        calls = sandbox.stats()["apis"]["kexp"]["calls"]
        changed = sum(len(a ^ b) for a, b in zip(_content(place, True), before, strict=True))
        table.add(f"{name}: rows changed", f"{changed}", "0", "", verdict("0", changed == 0))
        limit = verdict("1", calls == pages) if pages else ""
        table.add(f"{name}: pages asked", f"{calls}", "", "", limit)


def _kills(context: Context, sandbox: Sandbox, whole: Place, table: Table) -> None:
    """The same command killed again and again gives the same tables."""
    rng = random.Random(20)
    place = context.place("kexp-killed")
    env = context.environment(place, sandbox.env)
    died = 0
    pages = max(4, 2 * whole.count("SELECT count(*) FROM external_play") // (160 * KILLS))
    with Launcher(context.scratch / "kexp-kills") as launcher:
        while died < KILLS:
            context.say(f"killed {died} of {KILLS}")
            kind = rng.choice(("commit", "committed", "time"))
            at = rng.uniform(0.3, 1.5) if kind == "time" else rng.randint(2, pages)
            child = launcher.run(*ALL, env=env, actions=[Action(kind, at)])
            if child.code == 0:
                break
            died += 1
        child = launcher.run(*ALL, env=env)
    different = sum(
        len(a ^ b) for a, b in zip(_content(place, False), _content(whole, False), strict=True)
    )
    table.heading("killed and resumed")
    table.add("kills", f"{died}", f"{KILLS}", "", verdict(f"≥ {KILLS}", died >= KILLS))
    table.add("exit code of the last", f"{child.code}", "0", "", verdict("0", child.code == 0))
    table.add("rows that differ", f"{different}", "0", "", verdict("0", different == 0))


def _content(place: Place, times_too: bool) -> list[set[Any]]:
    """The tables as sets, with the times of writing or without."""
    found = []
    for name in _TABLES:
        columns = [row[1] for row in place.query(f"PRAGMA table_info({name})")]
        kept = ", ".join(one for one in columns if times_too or one != "created_at")
        found.append(set(place.query(f"SELECT {kept} FROM {name}")))
    return found


def _matching(context: Context, table: Table) -> None:
    """Precision and recall of each tier on labelled pairs."""
    sets: dict[str, Iterable[Any]] = {"traps of our own": traps()}
    if context.options.data is not None:
        judged = play_pairs()
        sets["judged pairs of real plays, tuned on"] = [p for p in judged if not p.held_out]
        sets["judged pairs of real plays, held out"] = [p for p in judged if p.held_out]
        sets["real wordings"] = [*same_id(), *nearest_other()]
    for name, labelled in sets.items():
        pairs = list(labelled)
        found = score(pairs)
        table.heading(f"matching: {len(pairs):,} {name}")
        for tier in (Tier.EXACT, Tier.CLEANED, Tier.FUZZY):
            wrong = len(found.wrong[tier])
            precision = found.precision(tier)
            table.add(
                f"{tier}: right, wrong, precision",
                f"{found.right[tier]:,}, {wrong}, {precision:.4f}",
            )
        met = found.precision() >= 0.99
        table.add("precision", f"{found.precision():.4f}", "", "", verdict("≥ 0.99", met))
        table.add("recall", f"{found.recall:.4f}")
