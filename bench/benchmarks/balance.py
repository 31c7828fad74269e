"""The balance of the real tables: tracks by umbrella and decade before and after."""

from __future__ import annotations

from collections import Counter

from bench.context import Context
from bench.table import Table, verdict
from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.config import project_dir
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.select import Selection, select
from testkit.candidates import pool_of
from testkit.real_pool import least_shortfall, real_candidates, targets

Cell = tuple[str | None, str | None]
_QUICK_SHARE = 5


def run(context: Context) -> Table:
    table = Table("balance of the real tables", "solver")
    if not (data := context.options.data):
        table.heading("the real tables are not there")
        return table
    umbrellas = UmbrellaMap.load(project_dir() / "seeds/umbrellas.yaml")
    folder = data / "spotify"
    share = _QUICK_SHARE if context.options.quick else 1
    context.say("reading the real tracks")
    names = ("tracks.csv.gz", "artists.csv.gz", "audio_features.csv.gz")
    tracks, artists, features = (folder / name for name in names)
    found = real_candidates(tracks, artists, features, umbrellas, share)
    pool = pool_of(found, umbrellas.labels)
    context.say("choosing")
    chosen = select(pool, targets(umbrellas, context.config.global_cap))
    context.say("solving")
    least = least_shortfall(chosen)
    target = chosen.choice.certificate.target
    before, after = _popular(chosen), _cells(chosen)
    table.heading(f"{len(pool):,} tracks, {len(chosen.targets.cells)} cells that want {target}")
    shortfall = chosen.choice.certificate.shortfall
    wanted = chosen.targets.cells
    for name, cells in (("the most popular tracks", before), ("balanced", after)):
        missing = sum(max(0, target - cells[cell]) for cell in wanted)
        full = sum(cells[cell] >= target for cell in wanted)
        empty = sum(not cells[cell] for cell in wanted)
        table.add(f"{name}: missing", f"{missing:,}", f"{least:,}")
        table.add("  cells full · empty", f"{full} · {empty}")
    table.add("shortfall", f"{shortfall:,}", f"{least:,}", "", verdict("=", shortfall == least))
    for name, cells in (("before", before), ("after", after)):
        table.notes += [*_grid(name, cells, umbrellas.labels), ""]
    table.notes += [
        "Before: the most popular eligible tracks up to GLOBAL_CAP, each under its heaviest",
        "umbrella. Solver: HiGHS on the linear programme of the same pool.",
    ]
    return table


def _popular(chosen: Selection) -> Counter[Cell]:
    """What a cap alone would give."""
    pool = chosen.pool
    eligible = [
        i
        for i in range(len(pool))
        if chosen.fate[i] in {Fate.EXPORTED, Fate.BALANCE} and pool.features[i]
    ]
    eligible.sort(key=lambda i: (-int(pool.popularity[i]), pool.ids[i]))
    cells: Counter[Cell] = Counter()
    for i in eligible[: chosen.targets.cap]:
        labels = pool.umbrellas_of(i)
        cells[labels[0] if labels else None, pool.decade_of(i)] += 1
    return cells


def _cells(chosen: Selection) -> Counter[Cell]:
    return Counter(cell for _, cell in chosen.cells())


def _grid(name: str, cells: Counter[Cell], labels: tuple[str, ...]) -> list[str]:
    head = f"{name:22}" + "".join(f"{decade:>8}" for decade in DECADES)
    return [
        head,
        *(
            f"{label:22}" + "".join(f"{cells[label, decade]:8,}" for decade in DECADES)
            for label in labels
        ),
    ]
