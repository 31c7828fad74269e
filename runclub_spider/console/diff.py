"""What `scrapy diff` shows."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
from rich.console import Console

from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError
from runclub_spider.publish.account.diff import Cell, Difference, Track, compare
from runclub_spider.text import printable

#: Lines of each kind that are printed; the JSON form holds them all.
MOST_LINES = 20
_INDENTED = orjson.OPT_INDENT_2
# JSON escapes the first 32 control characters only; a terminal obeys others as well.
_STEERING = re.compile("[\x7f-\x9f\u2028\u2029]")


def diff(config: Config, before: str, after: str, *, as_json: bool = False) -> None:
    """Print what changed from one release to another.

    Args:
        config: the project's settings.
        before: a release's folder, or its name in EXPORT_DIR, such as `latest`.
        after: likewise.
        as_json: everything as one JSON object.

    Raises:
        ConfigurationError: one of them is no release.
    """
    export = config.export_dir
    found = compare(_folder(export, before), _folder(export, after))
    if as_json:
        print(_STEERING.sub(_escaped, orjson.dumps(found.as_json(), option=_INDENTED).decode()))
        return
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    for line in _lines(found):
        console.print(printable(line), soft_wrap=True)


def _escaped(found: re.Match[str]) -> str:
    """The same character in JSON's own words; it can stand in a string only."""
    return f"\\u{ord(found[0]):04x}"


def _folder(export: Path, name: str) -> Path:
    for folder in (export / name, Path(name)):
        try:
            if os.path.lexists(folder / "manifest.json"):
                return folder
        except (OSError, ValueError):  # a name that no file can have
            continue
    raise ConfigurationError(
        f"{name!r} is neither a release in {export} nor a release's folder: no manifest.json there"
    )


def _lines(found: Difference) -> Iterator[str]:
    yield f"{found.before} → {found.after}"
    counts = found.counts()
    yield " · ".join(f"{number:,} {name}" for name, number in counts.items())
    kinds = {
        "added": [f"{_name(one.track)}: {one.reason}" for one in found.added[:MOST_LINES]],
        "removed": [f"{_name(one.track)}: {one.reason}" for one in found.removed[:MOST_LINES]],
        "moved": [
            f"{_name(one.track)}: {_cell(one.before)} → {_cell(one.after)}"
            for one in found.moved[:MOST_LINES]
        ],
        "changed": [
            f"{_name(one.track)}: {', '.join(one.fields)}" for one in found.changed[:MOST_LINES]
        ],
    }
    for kind, lines in kinds.items():
        if lines:
            yield kind
        yield from (f"  {line}" for line in lines)
        if counts[kind] > len(lines):
            yield f"  … and {counts[kind] - len(lines):,} more (--format json lists them)"


def _name(track: Track) -> str:
    return f"{track.track_id} {', '.join(track.artists)} – {track.name}"


def _cell(cell: Cell) -> str:
    return f"{cell[0] or 'Unassigned'} {cell[1] or 'Undated'}"
