"""The first screen of the report: is the release good, what is thin, what is to be done next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runclub_spider.publish.write.charts import Chart

#: Cells named as the thinnest.
_THINNEST = 6
# What mends a gate that failed; of the others nothing but the owner's judgement does.
_CURES = {
    "min_tracks": ("the release is too small: discover more", "scrapy crawl spotify_search"),
    "feature_coverage": ("features are missing: ask for them again", "scrapy crawl enrich"),
    "feature_nulls": ("features have gaps: ask for them again", "scrapy crawl enrich"),
    "partial_features": ("features have gaps: ask for them again", "scrapy crawl enrich"),
}
_JUDGE = 'look at it; publish all the same with --accept {}="reason"'


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do, and the command for it, if one does it."""

    why: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the report says first.

    Attributes:
        good: whether no gate refuses the release.
        title: that in a few words.
        details: what the words rest on, a sentence each.
        thin: the thinnest cells: umbrella, decade, chosen, target, and how far it was searched.
        steps: what to do next, most urgent first.
    """

    good: bool
    title: str
    details: Sequence[str]
    thin: Sequence[tuple[str, str, int, int, str]]
    steps: Sequence[Step]


def judge(manifest: Mapping[str, Any], cells: Chart | None) -> Verdict:
    """Judge a release by its manifest and the chart of its cells."""
    failed = [g for g in manifest["gates"] if not g["passed"]]
    refusing = [g for g in failed if _refuses(g)]
    others = len(failed) - len(refusing)
    lacking = [row for row in (cells.rows if cells else ()) if row[5]]
    title = f"Not good: {_number(refusing, 'gate')} failed" if refusing else "Good: gates passed"
    if not refusing and others:
        title = f"Good, with {others} {'warning' if others == 1 else 'warnings'}"
    if not refusing and lacking:
        title += f", but {_number(lacking, 'cell')} thin"
    return Verdict(
        not refusing,
        title,
        [f"{g['name']} is {g['value']}, wanted {g['wanted']} {g['threshold']}" for g in failed],
        [
            (umbrella, decade, chosen, target, f"{state}, {found or 0:,} found")
            for umbrella, decade, chosen, found, target, _, state, _ in _thinnest(lacking)
        ],
        list(_steps(manifest, failed, lacking)),
    )


def _thinnest(lacking: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Those that lack most come first; of these, those that have fewest."""
    return sorted(lacking, key=lambda row: (-row[5], row[2], row[0]))[:_THINNEST]


def _steps(
    manifest: Mapping[str, Any],
    failed: Sequence[Mapping[str, Any]],
    lacking: Sequence[Sequence[Any]],
) -> list[Step]:
    steps: dict[str, Step] = {}

    def add(why: str, command: str = "") -> None:
        steps.setdefault(command or why, Step(why, command))

    for gate in failed:
        name = gate["name"]
        if name in _CURES:
            add(*_CURES[name])
        elif _refuses(gate):
            add(f"{name} is off: {_JUDGE.format(name)}")
        elif gate["accepted"] is None:
            add(f"{name} is off: look at it; it refuses nothing")
    if pending := manifest["accounting"]["pending"]:
        add(f"{pending:,} tracks wait for their features", "scrapy crawl enrich")
    open_cells = [row for row in lacking if row[6] in ("open", "unasked")]
    exhausted = [row for row in lacking if row[6] == "exhausted"]
    filled = [row for row in lacking if row[6] == "filled"]
    if open_cells:
        add(
            f"{_number(open_cells, 'thin cell')} can be searched further",
            "scrapy crawl spotify_search",
        )
    if exhausted:
        add(
            f"{_number(exhausted, 'thin cell')} searched to the end: only new seeds help "
            "(the files of seeds/)",
            "scrapy seeds",
        )
    if filled:
        add(
            f"{_number(filled, 'cell')} found the minimum and not the target: raise CELL_MINIMUM "
            "to search on"
        )
    if manifest.get("unsound", {}).get("tracks"):
        add("tracks were left out as unsound, see below", "scrapy explain ID")
    if not steps:
        add("nothing is missing: import the release", "scrapy verify export/latest")
    return list(steps.values())


def _refuses(gate: Mapping[str, Any]) -> bool:
    return not gate["passed"] and gate["level"] == "fail" and gate["accepted"] is None


def _number(found: Sequence[Any], noun: str) -> str:
    number = len(found)
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
