"""The catalogue to look through: `explore.html`, every track of a release in one file.

Each part of a release writes its tracks as a block of columns; the page holds the blocks one after
the other. Whatever repeats (umbrellas, sources, reasons) stands once a block, and rows name it by
its number.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.suitability import BANDS
from runclub_spider.publish.account.grid import UNASSIGNED, UNDATED
from runclub_spider.publish.write.page import data, policy, script, style, template

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
        self._rows: list[tuple[Any, ...]] = []
        self._codes = {name: _Codes() for name in (*_CODED, "sources")}

    def add(self, wide: Mapping[str, Any]) -> None:
        """Take a row."""
        extra, code = wide["_extra"], self._codes
        helped, tempo, sources = extra["backfill_for"], wide["tempo"], code["sources"]
        self._rows.append(
            (
                wide["spotify_track_id"],
                wide["name"],
                ", ".join(wide["artist_names"]),
                wide["album_name"],
                wide["album_release_year"],
                wide["duration_ms"],
                wide["popularity_snapshot"],
                None if tempo is None else round(tempo, 1),
                extra["run_suitability"],
                wide["isrc"],
                code["umbrellas"][tuple(extra["umbrellas"])],
                code["decade"][wide["album_decade_label"]],
                code["band"][extra["tempo_bucket"]],
                code["labels"][tuple(extra.get("content_labels", ()))],
                wide["album_release_date"],
                int(wide["explicit"]),
                wide["energy"],
                wide["danceability"],
                wide["valence"],
                extra["umbrella_confidence"],
                [sources[tuple(one.values())] for one in wide["sources"][:MOST_SOURCES]],
                len(wide["sources"]),
                extra["merged_track_ids"],
                extra["soft_merged_track_ids"],
                extra.get("isrc_shared_with", ()),
                extra["features_borrowed_from"],
                extra["original_release_year"],
                code["origin"][extra["umbrella_source"]],
                code["playable"][extra["available_us_source"] if wide["available_us"] else None],
                code["features"][extra["features_source"]],
                code["backfill"][helped and tuple(helped.values())],
            )
        )

    def finish(self) -> None:
        """Write the blocks."""
        names = (*_TABLE, *_STORY)
        columns = dict(zip(names, zip(*self._rows, strict=True), strict=True)) if self._rows else {}
        for name, some, more in ((_ROWS, _TABLE, ()), (_STORIES, _STORY, ("sources",))):
            block = {
                "columns": {one: columns.get(one, ()) for one in some},
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
