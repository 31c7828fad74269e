"""What a release changes against the one before, as its manifest tells it. Pure.

The one before is the store's memory of it (track ids and cells), not its folder: a release
depends on the store and the configuration alone, whatever became of earlier folders.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from runclub_spider.catalog.rules import RULES
from runclub_spider.publish.choose.collapse import Merge
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.pool import Bools, Pool
from runclub_spider.publish.choose.select import Cell, Selection

#: Tracks of each kind that a manifest lists; it counts them all.
MOST_LISTED = 100
FIRST = "first release"
FOUND = "found since the last release"
INSTEAD = "stands for a track of the last release"
KNOWN = "known before, not released then"
FORGOTTEN = "forgotten"
GONE = "no longer in the store"
_CHUNK = 8192
_FATES = {
    Fate.MERGED_ISRC: "merged, same recording",
    Fate.MERGED_SOFT: "merged, soft duplicate",
    Fate.BALANCE: "eligible, not chosen",
    Fate.PENDING: "waits for audio features",
}


@dataclass(frozen=True, slots=True)
class Last:
    """The last release as the store remembers it.

    Attributes:
        version: its name.
        tracks: how many it had.
        moment: newest change of any stored track when it was made, seconds since 1970.
    """

    version: str
    tracks: int
    moment: int


@dataclass(frozen=True, slots=True)
class Changes:
    """The manifest's account; kept + added are the release, kept + removed the one before.

    A kept track is `moved` when it is counted in another cell, else `changed` when a value of
    its own changed since.
    """

    against: str | None
    previous_tracks: int
    kept: int
    moved: int
    changed: int
    added: Mapping[str, int]
    removed: Mapping[str, int]
    listed: Mapping[str, Sequence[Mapping[str, Any]]]

    def as_json(self) -> dict[str, Any]:
        """The manifest's form."""
        return {
            "against": self.against,
            "previousTracks": self.previous_tracks,
            "kept": self.kept,
            "added": sum(self.added.values()),
            "removed": sum(self.removed.values()),
            "moved": self.moved,
            "changed": self.changed,
            "addedByReason": dict(sorted(self.added.items())),
            "removedByReason": dict(sorted(self.removed.items())),
            "listed": {name: list(rows) for name, rows in self.listed.items()},
        }


def changes(
    selection: Selection,
    last: Last | None,
    previous: Iterable[tuple[str, str | None, str | None]],
    recent: Iterable[tuple[str, bool]],
) -> Changes:
    """Hold a selection against the last release.

    Args:
        selection: what is being released.
        last: the release before; None for the first one.
        previous: (track id, umbrella, decade) of its tracks, by id; the forgotten ones are gone.
        recent: (track id, whether it is new) of the tracks that changed after `last.moment`.
    """
    if last is None:
        number = selection.count(Fate.EXPORTED)
        return Changes(None, 0, 0, 0, 0, {FIRST: number} if number else {}, {}, _nothing())
    return _Walk(selection, last).run(previous, recent)


def _nothing() -> dict[str, list[dict[str, Any]]]:
    return {"added": [], "removed": [], "moved": []}


@dataclass(slots=True)
class _Walk:
    selection: Selection
    last: Last
    removed: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    listed: dict[str, list[dict[str, Any]]] = field(default_factory=_nothing)

    def run(
        self,
        previous: Iterable[tuple[str, str | None, str | None]],
        recent: Iterable[tuple[str, bool]],
    ) -> Changes:
        pool, fate = self.selection.pool, self.selection.fate
        changed, new = _recent(pool, recent)
        before = np.zeros(len(pool), bool)
        # Whom a track of the last release was merged into.
        heirs: dict[int, str] = {}
        moved = np.zeros(len(pool), bool)
        remembered = 0
        rows = iter(previous)
        while part := list(islice(rows, _CHUNK)):
            remembered += len(part)
            found = pool.find([track_id for track_id, _, _ in part]).tolist()
            for at, (track_id, umbrella, decade) in zip(found, part, strict=True):
                if at < 0 or fate[at] != Fate.EXPORTED:
                    self._remove(at, track_id, heirs)
                if at >= 0:
                    before[at] = True
                if at >= 0 and fate[at] == Fate.EXPORTED:
                    cell = self.selection.cell(at)
                    moved[at] = cell != (umbrella, decade)
                    if moved[at]:
                        self._list("moved", _move(track_id, (umbrella, decade), cell))
        if forgotten := self.last.tracks - remembered:
            self.removed[FORGOTTEN] += forgotten
        kept = before & (fate == Fate.EXPORTED)
        for at in np.flatnonzero((fate == Fate.EXPORTED) & ~before).tolist():
            self._add(at, new, heirs)
        return Changes(
            against=self.last.version,
            previous_tracks=self.last.tracks,
            kept=int(kept.sum()),
            moved=int(moved.sum()),
            changed=int((kept & changed & ~moved).sum()),
            added=self.added,
            removed=self.removed,
            listed=self.listed,
        )

    def _remove(self, at: int, track_id: str, heirs: dict[int, str]) -> None:
        selection, other = self.selection, None
        if at < 0:
            reason = GONE
        elif (fate := Fate(int(selection.fate[at]))) is Fate.REJECTED:
            reason = f"refused: {RULES[int(selection.pool.rule[at])]}"
        else:
            reason = _FATES[fate]
            if selection.duplicates.merge[at] != Merge.NOT:
                heir = int(selection.duplicates.survivor[at])
                other = selection.pool.id_of(heir)
                heirs.setdefault(heir, track_id)
        self.removed[reason] += 1
        self._list("removed", {"trackId": track_id, "reason": reason, "other": other})

    def _add(self, at: int, new: Bools, heirs: Mapping[int, str]) -> None:
        other = heirs.get(at)
        reason = INSTEAD if other is not None else FOUND if new[at] else KNOWN
        self.added[reason] += 1
        track_id = self.selection.pool.id_of(at)
        self._list("added", {"trackId": track_id, "reason": reason, "other": other})

    def _list(self, kind: str, row: dict[str, Any]) -> None:
        if len(self.listed[kind]) < MOST_LISTED:
            self.listed[kind].append(row)


def _recent(pool: Pool, recent: Iterable[tuple[str, bool]]) -> tuple[Bools, Bools]:
    """Which tracks changed, and which are new."""
    changed, new = np.zeros(len(pool), bool), np.zeros(len(pool), bool)
    rows = iter(recent)
    while part := list(islice(rows, _CHUNK)):
        at = pool.find([track_id for track_id, _ in part])
        here = at >= 0
        changed[at[here]] = True
        new[at[here]] = np.array([is_new for _, is_new in part], bool)[here]
    return changed, new


def _move(track_id: str, before: Cell, after: Cell) -> dict[str, Any]:
    return {"trackId": track_id, "before": list(before), "after": list(after)}


def last_of(text: str | None) -> Last | None:
    """The release that `to_remember` noted; None when none did."""
    if not text:
        return None
    kept = json.loads(text)
    return Last(kept["version"], kept["tracks"], kept["moment"])


def remembered(text: str | None, digest: str) -> dict[str, Any] | None:
    """The account that a release of the same data gave; None for another or none."""
    kept = json.loads(text) if text else {}
    if kept.get("data") != digest:
        return None
    account: dict[str, Any] = kept["changes"]
    return account


def to_remember(last: Last, digest: str, account: Mapping[str, Any]) -> str:
    """A release and its account in the form that `remembered` and `last_of` read."""
    return json.dumps(
        {
            "data": digest,
            "version": last.version,
            "tracks": last.tracks,
            "moment": last.moment,
            "changes": account,
        },
        ensure_ascii=False,
    )
