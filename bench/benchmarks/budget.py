"""What a budget fills through the real spiders, in each frontier mode, beside what was expected.

For thin cells a world is taken that nothing was tuned on.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bench.context import Context, requests_of
from bench.table import Table, times, verdict
from runclub_sandbox import builtin
from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import running_sandbox
from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.config import project_dir
from testkit.worlds import Sight

MODES = ("template", "rotation", "deficit")
#: (spider, regime, requests, requests of a quick run).
RUNS = (
    ("spotify_search", "development", 600, 120),
    ("spotify_playlist", "extended", 300, 60),
)
#: Tracks up to which a cell counts, and how far the forecast may be off.
CAPS, OFF = (20, 50), 0.2
#: The other world, its budget, and how far ours has to be ahead of fair rotation in thin cells.
OTHER_SEED, OTHER_BUDGET, QUICK_BUDGET, AHEAD = 7, 500, 120, 3.2
# A release is wanted whatever its quality: it is what is counted.
_LENIENT = {"FEATURE_COVERAGE_MIN": "0.5", "YEAR_COVERAGE_MIN": "0.5"}


def run(context: Context) -> Table:
    table = Table("budget: what the same requests fill", "")
    for spider, regime, full, quick in RUNS:
        budget = quick if context.options.quick else full
        table.heading(f"{spider}, {regime} key, budget {budget}: exported, a request, in cells")
        options = SandboxOptions(regime=regime, seed=1)
        with running_sandbox(options) as sandbox:
            for mode in MODES:
                context.say(f"{spider}, {mode}")
                sandbox.reset_stats()
                place = context.place(f"budget-{spider}-{mode}")
                env = {**sandbox.env, **_LENIENT, "FRONTIER": mode, "SPOTIFY_PROFILE": regime}
                done = context.scrapy(
                    "crawl", spider, "-a", f"budget={budget}", place=place, env=env
                )
                document = json.loads((place.latest / "manifest.json").read_bytes())
                _add(table, mode, document, requests_of(sandbox.stats()))
                expected = re.search(r"about ([\d,]+) tracks", done.output)
                filled = re.search(r"Filled: ([\d,]+) tracks", done.output)
                if expected and filled:
                    told, had = (int(one[1].replace(",", "")) for one in (expected, filled))
                    met = verdict(f"± {OFF:.0%}", abs(told - had) <= OFF * had)
                    table.add("  expected, filled", f"{told:,}, {had:,}", "", "", met)
    _thin(context, table)
    table.notes += [
        "The made-up world. Up to 20: tracks of each cell, up to so many; empty: cells without.",
    ]
    return table


def _thin(context: Context, table: Table) -> None:
    """Tracks of a release in the thin half of the cells, beside fair rotation."""
    umbrellas = UmbrellaMap.load(project_dir() / "seeds/umbrellas.yaml")
    sight = Sight("other", builtin.build(OTHER_SEED), umbrellas, context.config.policy)
    held = sight.tracks_by_cell()
    there = [cell for cell in umbrellas.possible_cells(DECADES) if held[cell]]
    half = sorted(there, key=lambda cell: (held[cell], cell))[: len(there) // 2]
    budget = QUICK_BUDGET if context.options.quick else OTHER_BUDGET
    table.heading(f"another world, development key, budget {budget}: thin half of cells, all")
    found = {}
    with running_sandbox(SandboxOptions(regime="development", seed=OTHER_SEED)) as sandbox:
        for mode in ("rotation", "deficit"):
            context.say(f"another world, {mode}")
            place = context.place(f"budget-other-{mode}")
            env = {**sandbox.env, **_LENIENT, "FRONTIER": mode, "SPOTIFY_PROFILE": "development"}
            context.scrapy(
                "crawl", "spotify_search", "-a", f"budget={budget}", place=place, env=env
            )
            document = json.loads((place.latest / "manifest.json").read_bytes())
            cells = document["balance"]["cells"]
            tracks = {(u, d): c["tracks"] for u, row in cells.items() for d, c in row.items()}
            found[mode] = sum(tracks.get(cell, 0) for cell in half), sum(tracks.values())
    for at, name, wanted in ((0, "thin half", AHEAD), (1, "all cells", 1.0)):
        theirs, ours = found["rotation"][at], found["deficit"][at]
        met = verdict(f"≥ {wanted}", ours >= wanted * theirs)
        table.add(name, f"{ours:,}", f"{theirs:,}", times(ours, theirs), met)


def _add(table: Table, mode: str, document: dict[str, Any], requests: int) -> None:
    exported = document["totals"]["tracks"]
    cells = [c["tracks"] for row in document["balance"]["cells"].values() for c in row.values()]
    capped = " · ".join(f"{sum(min(n, cap) for n in cells):,} up to {cap}" for cap in CAPS)
    empty = sum(not n for n in cells)
    value = f"{exported:,} · {exported / requests:.1f} · {sum(cells):,}"
    table.add(mode, value, capped, "", f"{empty} empty")
