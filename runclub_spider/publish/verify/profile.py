"""A release cut down to a profile: its few files, and that no other field has slipped into them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from runclub_spider.publish.verify.files import (
    MANIFEST,
    SUMS,
    check_hashes,
    check_presence,
    check_sums,
    sha256,
)
from runclub_spider.publish.verify.joins import UNASSIGNED, UNDATED
from runclub_spider.publish.verify.lines import Rows
from runclub_spider.publish.verify.manifest import NOTHING
from runclub_spider.publish.verify.problems import Problems, show
from runclub_spider.publish.verify.schema import RowCheck, packaged_profile

ROWS = "catalog.jsonl"
_HASHED = (ROWS, "README.md")


def is_profile(data: Any) -> bool:
    """Whether a manifest says that it is one of a profile."""
    return type(data) is dict and "profile" in data


def check_profile(root: Path, data: Any, problems: Problems) -> None:
    """Check the folder of a profile.

    Args:
        root: The folder.
        data: Its parsed manifest.
        problems: Where faults go.
    """
    check_presence(root, {*_HASHED, MANIFEST, SUMS}, problems)
    check = RowCheck(packaged_profile("manifest"))
    if data is NOTHING or not check.accepts(data):
        for rule, message in check.explain(data):
            problems.add(MANIFEST, None, rule, message)
        return
    digests = {name: sha256(root / name) for name in _HASHED if (root / name).is_file()}
    check_hashes(data["fileHashes"], digests, _HASHED, problems)
    check_sums(root, data["fileHashes"], problems)
    if data["version"] != f"{data['release']}-{data['profile']}":
        problems.add(MANIFEST, None, "version", f"{show(data['version'])} is not of its release")
    if root.name != data["version"]:
        problems.add(MANIFEST, None, "version", f"the folder is called {show(root.name)}")
    _check_rows(root, data, problems)


def _check_rows(root: Path, data: dict[str, Any], problems: Problems) -> None:
    check = RowCheck(packaged_profile(data["profile"]))
    rows = Rows(root / ROWS, "spotify_track_id", check, problems, plain_text=True)
    cells: Counter[tuple[str, str]] = Counter()
    for block in rows.blocks():
        for row in block.rows:
            if not row.valid:
                continue
            one = row.data
            cells[one["umbrella"] or UNASSIGNED, one["decade"] or UNDATED] += 1
            if one["umbrella"] != next(iter(one["umbrellas"]), None):
                problems.add(ROWS, row.line, "cell", "the umbrella is not the first of umbrellas")
    totals = data["totals"]
    if rows.count != totals["tracks"]:
        problems.add(
            MANIFEST, None, "totals", f"tracks is {totals['tracks']}, the rows are {rows.count}"
        )
    claimed = {
        (umbrella, decade): number
        for umbrella, row in totals["byUmbrellaAndDecade"].items()
        for decade, number in row.items()
    }
    if rows.intact and rows.valid and claimed != cells:
        problems.add(MANIFEST, None, "cells", "byUmbrellaAndDecade is not what the rows give")
