"""The catalogue to look through: `explore.html`, every track of a release in one file.

Each part of a release writes its tracks as a block of columns; the page holds the blocks one after
the other. Whatever repeats (umbrellas, sources, reasons) stands once a block, and rows name it by
its number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.suitability import BANDS
from runclub_spider.publish.account.grid import UNASSIGNED, UNDATED
from runclub_spider.publish.write.page import data, policy, script, style, template
from runclub_spider.publish.write.rows import Block

# A part's files: what the table shows, and the stories, read when one of them is asked for.
_ROWS, _STORIES = "explore-rows.json", "explore-stories.json"
_SCRIPTS = ("vendor/tabulator.min.js", "explore.js")
#: Sources of a track that its story lists; it counts them all.
MOST_SOURCES = 12
_HERE = "<!-- blocks -->"

# Columns of the table and of the stories; the coded ones hold numbers of values that repeat.
_TABLE = (
    *("id", "name", "artists", "album", "year", "ms", "popularity", "tempo", "suits", "isrc"),
    *("umbrellas", "decade", "band", "labels"),
)
_STORY = (
    *("date", "explicit", "energy", "danceability", "valence", "confidence", "sources", "found"),
    *("same", "similar", "apart", "borrowed", "originalYear"),
    *("origin", "playable", "features", "backfill"),
)
_CODED = frozenset(
    ("umbrellas", "decade", "band", "labels", "origin", "playable", "features", "backfill")
)


class _Codes(dict[Hashable, int]):
    """Values that repeat, each with the number that it got when it was asked for first."""

    def __missing__(self, value: Hashable) -> int:
        self[value] = number = len(self)
        return number


class ExplorePart:
    """The blocks of a part of the rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._columns: defaultdict[str, list[Any]] = defaultdict(list)
        self._codes = {name: _Codes() for name in (*_CODED, "sources")}

    def add(self, block: Block) -> None:
        """Take rows."""
        wide, extra, _ = block
        sources = self._codes["sources"]
        playable = zip(wide["available_us"], extra["available_us_source"], strict=True)
        told: Mapping[str, Iterable[Any]] = {
            "id": wide["spotify_track_id"],
            "name": wide["name"],
            "artists": map(", ".join, wide["artist_names"]),
            "album": wide["album_name"],
            "year": wide["album_release_year"],
            "ms": wide["duration_ms"],
            "popularity": wide["popularity_snapshot"],
            "tempo": [None if tempo is None else round(tempo, 1) for tempo in wide["tempo"]],
            "suits": extra["run_suitability"],
            "isrc": wide["isrc"],
            "umbrellas": map(tuple, extra["umbrellas"]),
            "decade": wide["album_decade_label"],
            "band": extra["tempo_bucket"],
            "labels": map(tuple, extra["content_labels"]),
            "date": wide["album_release_date"],
            "explicit": map(int, wide["explicit"]),
            "energy": wide["energy"],
            "danceability": wide["danceability"],
            "valence": wide["valence"],
            "confidence": extra["umbrella_confidence"],
            "sources": [
                [sources[tuple(one.values())] for one in some[:MOST_SOURCES]]
                for some in wide["sources"]
            ],
            "found": map(len, wide["sources"]),
            "same": extra["merged_track_ids"],
            "similar": extra["soft_merged_track_ids"],
            "apart": extra["isrc_shared_with"],
            "borrowed": extra["features_borrowed_from"],
            "originalYear": extra["original_release_year"],
            "origin": extra["umbrella_source"],
            "playable": [by if us else None for us, by in playable],
            "features": extra["features_source"],
            "backfill": [one and tuple(one.values()) for one in extra["backfill_for"]],
        }
        for name, values in told.items():
            code = self._codes[name].__getitem__ if name in _CODED else None
            self._columns[name] += values if code is None else map(code, values)

    def finish(self) -> None:
        """Write the blocks."""
        for name, some, more in ((_ROWS, _TABLE, ()), (_STORIES, _STORY, ("sources",))):
            block = {
                "columns": {one: self._columns[one] for one in some},
                "values": {
                    one: list(self._codes[one])
                    for one in (*(one for one in some if one in _CODED), *more)
                },
            }
            (self._folder / name).write_text(data(block), encoding="utf-8", newline="\n")


def write(parts: Iterable[Path], manifest: Mapping[str, Any], path: Path) -> None:
    """Write the page from the blocks of all parts, in their order."""
    page = template("explore.html.j2").render(
        manifest=manifest,
        umbrellas=[*manifest["balance"]["cells"], UNASSIGNED],
        decades=[*DECADES, UNDATED],
        bands=BANDS,
        sandbox=manifest["spotify"]["source"] != "spotify",
        policy=policy(*_SCRIPTS),
        styles=[style("vendor/tabulator.min.css"), style("explore.css")],
        scripts=script(*_SCRIPTS),
        here=_HERE,
    )
    head, tail = page.split(_HERE)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(head)
        for part in parts:
            for kind, name in (("rows", _ROWS), ("stories", _STORIES)):
                file.write(f'<script type="application/json" class="{kind}">')
                file.write((part / name).read_text(encoding="utf-8"))
                file.write("</script>\n")
        file.write(tail)
