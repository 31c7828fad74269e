"""What a person sees at the end of a run."""

from __future__ import annotations

import logging
import sys

import orjson
from rich.console import Console
from rich.table import Table
from scrapy.settings import BaseSettings

from runclub_spider.catalog.plays import CATEGORIES, COUNTERS, Tier
from runclub_spider.crawl.outcome import FINISHED, Outcome
from runclub_spider.crawl.run import Run
from runclub_spider.terminal import problem
from runclub_spider.text import moment

logger = logging.getLogger(__name__)


def print_outcome(run: Run) -> None:
    """A summary table on stdout, unless rows go there; what went wrong on stderr, line by line."""
    outcome = run.outcome
    station = getattr(run.crawler.spidercls, "station", None)
    if station is not None:
        _print_plays(run, station.name)
    else:
        _print_tracks(run)
    for note in outcome.notes:
        outcome.tell(note)
    if outcome.release:
        outcome.tell(outcome.release)
    for reason in outcome.reasons:
        complain(run.crawler.settings, reason)
    if outcome.resume_at:
        print(
            f"scrapy crawl: the same command resumes after {moment(outcome.resume_at)}",
            file=sys.stderr,
        )
    elif outcome.result != FINISHED and outcome.code == 75:
        print("scrapy crawl: nothing is lost; the same command resumes", file=sys.stderr)
    elif outcome.result == FINISHED:
        _print_next(outcome)
    if run.crawler.settings.get("LOG_FILE"):
        # A level at which it is in every log.
        ended = [outcome.result, *([outcome.release] if outcome.release else [])]
        logger.warning("%s: %s", run.crawler.spidercls.name, "; ".join(ended))


def _print_next(outcome: Outcome) -> None:
    """The command that a person at a terminal may want to type now."""
    if not outcome.stream.isatty():
        return
    released = (outcome.release or "").startswith("Released")
    command, why = (
        ("scrapy report", "names the page that shows the release")
        if released
        else ("scrapy status", "shows what the store holds and what is thin")
    )
    outcome.tell(f"Next: {command}  ({why})")


def complain(settings: BaseSettings, message: str) -> None:
    """A line on stderr, and in the log's file: a scheduler's users see nothing else."""
    print(problem("scrapy crawl", message, sys.stderr), file=sys.stderr)
    if settings.get("LOG_FILE"):
        logger.error(message)


def _print_tracks(run: Run) -> None:
    stats = run.crawler.stats.get_stats()

    def number(key: str) -> str:
        return f"{stats.get(f'runclub/{key}', 0):,}"

    rows = [
        ("pages stored", number("pages_stored")),
        ("pages put off", number("pages_put_off")),
        ("track rows", number("rows/track")),
        ("eligible tracks, new", number("eligible_new")),
        ("features found", number("features/found")),
        ("features missed", number("features/missed")),
    ]
    if stats.get("runclub/features/partial"):
        rows.append(("features incomplete", number("features/partial")))
    if "runclub/open_metadata/changed" in stats:
        rows.append(("tracks with new open metadata", number("open_metadata/changed")))
    rejected = {k: v for k, v in stats.items() if k.startswith("runclub/rejected/")}
    rows += [(f"rejected: {k.rsplit('/', 1)[1]}", f"{v:,}") for k, v in sorted(rejected.items())]
    _print_table(run, rows)


def _print_plays(run: Run, source: str) -> None:
    """The eight counters of the specification, for a person and as one line of JSON."""
    stats = run.crawler.stats.get_stats()
    counts = {name: stats.get(f"runclub/{source}/{name}", 0) for name in COUNTERS}
    rows = [(name.replace("_", " "), f"{counts[name]:,}") for name in COUNTERS]
    others = {name: stats.get(f"runclub/{source}/{name}", 0) for name in CATEGORIES}
    rows += [(f"  rows: {name}", f"{n:,}") for name, n in others.items()]
    tiers = {tier: stats.get(f"runclub/{source}/tier/{tier}", 0) for tier in Tier}
    rows += [(f"  by {tier}", f"{n:,}") for tier, n in tiers.items() if n]
    _print_table(run, rows)
    line = {"spider": run.crawler.spidercls.name, "result": run.outcome.result, **counts}
    run.outcome.tell(orjson.dumps(line).decode())


def _print_table(run: Run, rows: list[tuple[str, str]]) -> None:
    title = f"{run.crawler.spidercls.name}: {run.outcome.result}"
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    table.add_column("count", justify="right")
    table.add_row("requests", f"{run.budget.spent.total():,}")
    for family, n in sorted(run.budget.spent.items()):
        table.add_row(f"  {family}", f"{n:,}")
    for row in rows:
        table.add_row(*row)
    Console(file=run.outcome.stream).print(table)
