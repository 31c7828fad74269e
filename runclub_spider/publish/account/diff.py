"""What changed between two finished releases, from their folders alone. Pure.

Both lists of tracks are sorted by Spotify id, so one walk over the two files side by side finds
everything; memory grows with the differences, never with the releases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from runclub_spider.errors import ConfigurationError
from runclub_spider.publish.files import open_regular, read_json
from runclub_spider.text import printable

_WIDE, _MANIFEST = "catalog_wide.jsonl", "manifest.json"
# A row is a few kilobytes; a file without line ends must not be read whole.
_LONGEST_LINE = 16 << 20
_MOST_CAUSE = 300
# They follow from another field that is named, or say no more than that something changed.
_FOLLOWING = frozenset({"updated_at", "album_decade_label", "popularity_bucket"})

Row = dict[str, Any]
Cell = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Track:
    """A track as a line of the difference names it."""

    track_id: str
    name: str
    artists: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """A track of the second release only, and why."""

    track: Track
    reason: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A track of the first release only, and why."""

    track: Track
    reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A track that is counted under another umbrella or decade."""

    track: Track
    before: Cell
    after: Cell


@dataclass(frozen=True, slots=True)
class Changed:
    """A track of the same cell with other values; `fields` names them, `_extra.` included."""

    track: Track
    fields: tuple[str, ...]


@dataclass(slots=True)
class Difference:
    """Two releases compared: each track of either is in one list or counted in `same`."""

    before: str
    after: str
    same: int = 0
    added: list[Added] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Tracks of both releases."""
        return self.same + len(self.moved) + len(self.changed)

    def counts(self) -> dict[str, int]:
        """How many tracks met each fate; `kept` is `moved`, `changed` and `same` together."""
        return {
            "added": len(self.added),
            "removed": len(self.removed),
            "kept": self.kept,
            "moved": len(self.moved),
            "changed": len(self.changed),
            "same": self.same,
        }

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program to read."""
        lists = ("added", "removed", "moved", "changed")
        return {
            "before": self.before,
            "after": self.after,
            "counts": self.counts(),
            **{name: [asdict(one) for one in getattr(self, name)] for name in lists},
        }


def compare(before: Path, after: Path) -> Difference:
    """Compare two release folders.

    Args:
        before: folder of the first release, or a link to it.
        after: of the second.

    Raises:
        ConfigurationError: one of them is no release, or its tracks are not sorted.
    """
    old, new = _manifest(before), _manifest(after)
    found = Difference(str(old["version"]), str(new["version"]))
    lost: list[Track] = []
    come: list[tuple[Track, str]] = []
    # Ids that a row stands for; of equal rows none can be in the other release.
    merged_before: dict[str, tuple[str, str]] = {}
    merged_after: dict[str, tuple[str, str]] = {}
    for one, other in _side_by_side(_rows(before), _rows(after)):
        if one == other:
            found.same += 1
            continue
        if one is not None:
            merged_before.update(_merged(one))
        if other is not None:
            merged_after.update(_merged(other))
        if one is None and other is not None:
            come.append((_track(other), str(other["created_at"])))
        elif other is None and one is not None:
            lost.append(_track(one))
        elif one is not None and other is not None:
            was, now = _cell(one), _cell(other)
            if was != now:
                found.moved.append(Moved(_track(other), was, now))
            else:
                found.changed.append(Changed(_track(other), _fields(one, other)))
    told = _told(new, found.before)
    for track in lost:
        reason = told.get(track.track_id) or _gone(track, merged_after)
        found.removed.append(Removed(track, reason))
    for track, seen in come:
        reason = told.get(track.track_id) or _new(track, seen, str(old["createdAt"]), merged_before)
        found.added.append(Added(track, reason))
    return found


def _gone(track: Track, merged: Mapping[str, tuple[str, str]]) -> str:
    if track.track_id in merged:
        into, how = merged[track.track_id]
        return f"merged into {into} ({how})"
    return "refused, forgotten or no longer chosen"


def _new(track: Track, seen: str, published: str, merged: Mapping[str, tuple[str, str]]) -> str:
    if track.track_id in merged:
        into, how = merged[track.track_id]
        return f"was merged into {into} ({how})"
    # Both are of the release's one form of time, which sorts as text.
    return "found since" if seen > published else "refused, waiting or not chosen before"


def _told(manifest: Row, against: str) -> dict[str, str]:
    """Reasons that the second release lists itself, if it was compared with the first."""
    try:
        changes = manifest.get("changes") or {}
        if changes.get("against") != against:
            return {}
        return {
            str(one["trackId"]): " ".join(filter(None, (one["reason"], one["other"])))
            for kind in ("added", "removed")
            for one in changes.get("listed", {}).get(kind, ())
        }
    except (AttributeError, LookupError, TypeError):
        # An ornament: without it the reasons are read off the rows.
        return {}


def _side_by_side(
    before: Iterator[Row], after: Iterator[Row]
) -> Iterator[tuple[Row | None, Row | None]]:
    """Rows of equal id together, the others with None; both sides ascend."""
    one, other = next(before, None), next(after, None)
    while one is not None or other is not None:
        if other is None or (one is not None and _id(one) < _id(other)):
            yield one, None
            one = next(before, None)
        elif one is None or _id(other) < _id(one):
            yield None, other
            other = next(after, None)
        else:
            yield one, other
            one, other = next(before, None), next(after, None)


def _rows(folder: Path) -> Iterator[Row]:
    """The wide rows of a release, one at a time."""
    last = ""
    try:
        with open_regular(folder / _WIDE) as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if len(line) == _LONGEST_LINE:
                    raise ValueError("a line is longer than 16 MiB")
                row: Row = orjson.loads(line)
                _check_shape(row)
                if _id(row) <= last:
                    raise ConfigurationError(
                        f"{printable(str(folder))}/{_WIDE}:{number}: the tracks are not sorted by "
                        "id; `scrapy verify` says what else is wrong"
                    )
                last = _id(row)
                yield row
    except OSError as error:
        raise _unreadable(folder, f"{_WIDE}: {error.strerror or error}") from None
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        cause = f"{_WIDE}: line {number}: {type(error).__name__}: {error}"
        raise _unreadable(folder, cause) from None


def _check_shape(row: Any) -> None:
    """Raise `ValueError` or another for a row that lacks what is compared, or is nested deep."""
    # It reads deeper than it writes, and comparing goes no deeper than that.
    orjson.dumps(row)
    extra = row["_extra"]
    texts = [row["spotify_track_id"], row["name"], row["created_at"]]
    lists = [row["artist_names"], extra["umbrellas"]]
    lists += [extra.get(name, []) for name in ("merged_track_ids", "soft_merged_track_ids")]
    label = row["album_decade_label"]
    if not all(type(one) is list for one in lists):
        raise ValueError("a list of names or ids is none")
    texts += [one for some in lists for one in some]
    if not all(type(one) is str for one in texts) or not isinstance(label, str | None):
        raise ValueError("a name or an id is no text")


def _manifest(folder: Path) -> Row:
    try:
        found = read_json(folder / _MANIFEST)
        if type(found) is not dict:
            raise TypeError(f"it is a {type(found).__name__}")
        if not all(type(found[name]) is str for name in ("version", "createdAt")):
            raise TypeError("version or createdAt is no text")
    except OSError as error:
        raise _unreadable(folder, f"{_MANIFEST}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, f"{_MANIFEST}: {type(error).__name__}: {error}") from None
    manifest: Row = found
    return manifest


def _unreadable(folder: Path, cause: str) -> ConfigurationError:
    where, why = printable(str(folder)), printable(cause[:_MOST_CAUSE])
    return ConfigurationError(f"{where} cannot be read as a release: {why}")


def _id(row: Row) -> str:
    return str(row["spotify_track_id"])


def _track(row: Row) -> Track:
    return Track(_id(row), str(row["name"]), tuple(row["artist_names"]))


def _cell(row: Row) -> Cell:
    names = row["_extra"]["umbrellas"]
    return (names[0] if names else None), row["album_decade_label"]


def _merged(row: Row) -> Iterator[tuple[str, tuple[str, str]]]:
    """(id, (the row that stands for it, how)) of what a row absorbed."""
    for name, how in (
        ("merged_track_ids", "same recording"),
        ("soft_merged_track_ids", "soft duplicate"),
    ):
        for merged in row["_extra"].get(name, ()):
            yield str(merged), (_id(row), how)


def _fields(one: Row, other: Row) -> tuple[str, ...]:
    """Names of the values that differ; at least one."""
    names = [
        *_differing({k: v for k, v in one.items() if k != "_extra"}, other),
        *(f"_extra.{name}" for name in _differing(one["_extra"], other["_extra"])),
    ]
    telling = tuple(name for name in names if name not in _FOLLOWING)
    return telling or tuple(names)


def _differing(one: Row, other: Row) -> list[str]:
    names = dict.fromkeys([*one, *other])
    missing = object()
    return [
        name
        for name in names
        if name != "_extra" and one.get(name, missing) != other.get(name, missing)
    ]
