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

_WIDE, _MANIFEST = "catalog_wide.jsonl", "manifest.json"
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
    changes = manifest.get("changes") or {}
    if changes.get("against") != against:
        return {}
    return {
        str(one["trackId"]): " ".join(filter(None, (one["reason"], one["other"])))
        for kind in ("added", "removed")
        for one in changes.get("listed", {}).get(kind, ())
    }


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
        with (folder / _WIDE).open("rb") as file:
            for number, line in enumerate(file, 1):
                row: Row = orjson.loads(line)
                if _id(row) <= last:
                    raise ConfigurationError(
                        f"{folder}/{_WIDE}:{number}: the tracks are not sorted by id; "
                        "`scrapy verify` says what else is wrong"
                    )
                last = _id(row)
                yield row
    except OSError as error:
        raise _unreadable(folder, error.strerror or str(error)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, f"{_WIDE}: {error}") from None


def _manifest(folder: Path) -> Row:
    try:
        found: Row = orjson.loads((folder / _MANIFEST).read_bytes())
        for name in ("version", "createdAt"):
            _ = found[name]
    except OSError as error:
        raise _unreadable(folder, error.strerror or str(error)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, f"{_MANIFEST}: {error}") from None
    return found


def _unreadable(folder: Path, cause: str) -> ConfigurationError:
    return ConfigurationError(f"{folder} cannot be read as a release: {cause}")


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
