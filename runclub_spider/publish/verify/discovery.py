"""`discovery.csv`: its columns, and its sums against themselves and against the manifest."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

from runclub_spider.publish.verify.cells import csv_lines, would_run, written_cell
from runclub_spider.publish.verify.lines import control_in
from runclub_spider.publish.verify.problems import Problems
from runclub_spider.publish.verify.rows import Policies

DISCOVERY = "discovery.csv"
_NAMES = ("search_type", "family", "term", "umbrella", "decade", "bpm", "state")
#: Columns that add up by family to what the manifest says.
_LEDGER = {
    "requests": "requests",
    "rows": "rows",
    "new_tracks": "newTracks",
    "eligible_new": "eligibleNew",
}
#: Counted once in a family, however many of its seeds showed the track.
_ONCE = ("tracks", "exported", "rejected")
_FATES = ("exported", "merged_isrc", "merged_soft", "balance", "pending", "rejected")
_REJECTED = "rejected_"


def check_discovery(
    root: Path, manifest: dict[str, Any], policies: Policies, problems: Problems
) -> None:
    """Every row adds up, and so do the families."""
    path = root / DISCOVERY
    if not path.is_file():
        return
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(csv_lines(file))
            _check(reader, manifest["spotify"]["seedsSummary"], policies, problems)
    except (UnicodeDecodeError, csv.Error) as error:
        problems.add(DISCOVERY, None, "csv", f"cannot be read: {error}")


def _check(
    reader: csv.DictReader[str],
    summary: dict[str, dict[str, Any]],
    policies: Policies,
    problems: Problems,
) -> None:
    columns = tuple(reader.fieldnames or ())
    known = (*_NAMES, *_LEDGER, "tracks", *_FATES)
    if columns[: len(known)] != known or not all(
        name.startswith(_REJECTED) for name in columns[len(known) :]
    ):
        problems.add(DISCOVERY, 1, "columns", "not the columns this program knows")
        return
    sums: Counter[tuple[str, str]] = Counter()
    most: Counter[tuple[str, str]] = Counter()
    for line, row in enumerate(reader, 2):
        if policies.form >= 2:
            _check_texts(line, row, problems)
        try:
            counts = {name: int(row[name] or "") for name in columns[len(_NAMES) :]}
        except ValueError:
            problems.add(DISCOVERY, line, "count", "a count is not a whole number")
            continue
        if counts["tracks"] != sum(counts[name] for name in _FATES):
            problems.add(DISCOVERY, line, "sum", "tracks is not the sum of what became of them")
        if counts["rejected"] != sum(
            number for name, number in counts.items() if name.startswith(_REJECTED)
        ):
            problems.add(DISCOVERY, line, "sum", "rejected is not the sum of the rules")
        family = f"{row['search_type']}/{written_cell(row['family'])}"
        sums[family, "seeds"] += 1
        for column, name in _LEDGER.items():
            sums[family, name] += counts[column]
        for name in _ONCE:
            sums[family, name] += counts[name]
            most[family, name] = max(most[family, name], counts[name])
    for family, told in summary.items():
        for name in ("seeds", *_LEDGER.values()):
            if sums[family, name] != told[name]:
                message = f"{family}: {name} is {told[name]}, {DISCOVERY} has {sums[family, name]}"
                problems.add("manifest.json", None, "discovery", message)
        for name in _ONCE:
            least, highest = most[family, name], sums[family, name]
            if not least <= told[name] <= highest:
                message = f"{family}: {name} is {told[name]}, not from {least} to {highest}"
                problems.add("manifest.json", None, "discovery", message)
        if told["rejected"] != sum(told["rejectedByRule"].values()):
            message = f"{family}: rejected is {told['rejected']}, not the sum of its rules"
            problems.add("manifest.json", None, "discovery", message)
        if told["asked"] > told["seeds"]:
            message = f"{family}: {told['asked']} of {told['seeds']} seeds are said to be asked"
            problems.add("manifest.json", None, "discovery", message)
    for family in {family for family, _ in sums} - summary.keys():
        problems.add("manifest.json", None, "discovery", f"{family} is not in seedsSummary")


def _check_texts(line: int, row: dict[str, str], problems: Problems) -> None:
    for name in _NAMES:
        cell = row[name] or ""
        if char := control_in(cell):
            message = f"{name} holds U+{ord(char):04X}"
            problems.add(DISCOVERY, line, "text-control", message)
        if would_run(cell):
            problems.add(DISCOVERY, line, "formula", f"a spreadsheet would run {name}")
