"""Walls of commands that should answer at once, beside `scrapy version` of an empty project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.context import Context, Place, requests_of
from bench.pairs import alternate
from bench.process import Measured
from bench.table import Table, seconds, times, verdict

#: Seeds of the crawl before, for some 12,000 tracks of the real tables.
SEEDS, QUICK_SEEDS = 110, 20
_REFUSED = 2


@dataclass(frozen=True, slots=True)
class Command:
    """A command, the most times the yardstick it may take, and what it was on 2026-11-29."""

    name: str
    argv: Sequence[str]
    most: float
    old: float
    code: int = 0


def run(context: Context) -> Table:
    seeds = QUICK_SEEDS if context.options.quick else SEEDS
    context.sandbox.configure(regime="extended", latency_ms=0)
    place = context.place("speed-commands")
    crawl = ("crawl", "spotify_search", "-a", f"max_seeds={seeds}")
    context.scrapy(*crawl, place=place)
    empty = _empty_project(context)
    stored = place.count("SELECT count(*) FROM track")
    one = place.query("SELECT min(track_id) FROM track")[0][0]
    table = Table(
        f"speed, commands: {stored:,} tracks, median of {context.options.pairs} pairs",
        "scrapy version",
    )
    for command in (
        Command("explain", ("explain", one), 1.8, 10.0),
        Command("status", ("status",), 1.8, 10.3),
        Command("unchanged crawl", crawl, 2.5, 2.4),
        Command("wrong argument", (*crawl[:3], "max_seeds=none"), 1.5, 2.3, code=_REFUSED),
    ):
        _one(context, table, place, empty, command)
    table.notes += [
        "scrapy version: in a project that `scrapy startproject` has just made.",
        "then: as many times the yardstick on 2026-11-29, revision 1e366ed.",
    ]
    return table


def _one(context: Context, table: Table, place: Place, empty: Path, command: Command) -> None:
    def ours() -> Measured:
        argv = ("-m", "scrapy", *command.argv)
        return context.measure(*argv, place=place, code=command.code)

    def version() -> Measured:
        return context.measure("-m", "scrapy", "version", folder=empty)

    context.sandbox.reset_stats()
    found = alternate(context.options.pairs, ours, version)
    ratio = found.ratio(_wall, _wall)
    target = verdict(f"≤ {command.most}×, then {command.old}×:", ratio <= command.most)
    table.add(
        command.name,
        seconds(found.our(_wall)),
        seconds(found.their(_wall)),
        times(ratio, 1),
        target,
    )
    if asked := requests_of(context.sandbox.stats()):
        table.add("  requests", f"{asked}", "0", "", verdict("0", met=False))


def _wall(one: Measured) -> float:
    return one.seconds


def _empty_project(context: Context) -> Path:
    folder = context.scratch / "empty-project"
    if not folder.exists():
        context.measure(
            "-m", "scrapy", "startproject", "empty", str(folder), folder=context.scratch
        )
    return folder
