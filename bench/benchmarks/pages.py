"""How soon `explore.html` can be used in a browser, with 40,000 tracks."""

from __future__ import annotations

from itertools import cycle, islice
from statistics import median

import orjson

from bench.context import Context
from bench.table import Table, seconds, times, verdict
from runclub_spider.publish.write import explore
from runclub_spider.publish.write.explore import ExplorePart
from runclub_spider.publish.write.part import TRACKS_OF_PART
from testkit.blocks import block_of
from testkit.browser import look_at

_TRACKS, _QUICK = 40_000, 8_000
_MOST = 2.0
# When the table stood and could be searched, and when the page was loaded, in milliseconds.
_READY = """
[performance.getEntriesByName("ready")[0].startTime, performance.timing.loadEventEnd
 - performance.timing.navigationStart, document.querySelectorAll(".tabulator-row").length]
"""


def run(context: Context) -> Table:
    latest = context.crawled("extended").place.latest
    wide = [orjson.loads(line) for line in (latest / "catalog_wide.jsonl").open("rb")]
    manifest = orjson.loads((latest / "manifest.json").read_bytes())
    number = _QUICK if context.options.quick else _TRACKS
    folder = context.scratch / "pages"
    rows, parts = islice(cycle(wide), number), []
    for start in range(0, number, TRACKS_OF_PART):
        parts.append(folder / f"{start:08}")
        parts[-1].mkdir(parents=True)
        part = ExplorePart(parts[-1])
        part.add(block_of(list(islice(rows, TRACKS_OF_PART))))
        part.finish()
    path, bare = folder / "explore.html", folder / "bare.html"
    explore.write(parts, manifest, path)
    bare.write_text("<!doctype html><title>bare</title><script>performance.mark('ready')</script>")
    repeats = context.options.repeats
    ours = [look_at(path, 1000, script=_READY).answer for _ in range(repeats)]
    theirs = [look_at(bare, 1000, script=_READY).answer for _ in range(repeats)]
    table = Table(
        f"pages: {number:,} tracks, {path.stat().st_size / 1e6:.0f} MB in Chromium", "empty page"
    )
    for at, name in ((0, "until it can be searched"), (1, "until it is loaded")):
        mine, other = (median(one[at] for one in side) / 1000 for side in (ours, theirs))
        target = verdict(f"< {_MOST:.0f} s", mine < _MOST)
        table.add(name, seconds(mine), seconds(other), times(mine, other), target)
    table.add("rows drawn", str(ours[0][2]))
    table.notes.append(f"Each is the median of {repeats} browsers that start anew.")
    return table
