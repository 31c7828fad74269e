"""The ISRC canonicaliser: which Spotify id stands for an ISRC, release after release. Pure.

Every ISRC of an eligible track has an entry, exported or not, so that an edition that turns up
later does not take the place of the one that users may have already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runclub_spider.publish.collapse import Merge, Reason
from runclub_spider.publish.pool import ELIGIBLE, RULES, Bools
from runclub_spider.publish.select import Selection

#: Changes that a manifest lists; it counts them all.
MOST_LISTED = 100
_CHUNK = 8192


@dataclass(frozen=True, slots=True)
class Change:
    """An ISRC that another id stands for now.

    Attributes:
        isrc: the code.
        before: id that stood for it.
        after: id that does now.
        cause: what became of the former.
        reason: why it is the latter.
    """

    isrc: str
    before: str
    after: str
    cause: str
    reason: str


@dataclass(frozen=True, slots=True)
class Log:
    """The changes of a release against the one before: all counted, the first ones listed."""

    number: int = 0
    listed: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return self.number > 0

    def as_json(self) -> dict[str, Any]:
        """The manifest's form."""
        return {"changed": self.number, "changes": [asdict(change) for change in self.listed]}


@dataclass(frozen=True, slots=True)
class Canonicals:
    """The entries a selection leads to.

    Attributes:
        isrc: codes, ascending, bytes.
        track: position of the track that stands for each.
        differs: the entry is new or another than the stored one.
        log: changes of stored entries; new ones are none.
    """

    selection: Selection
    isrc: NDArray[np.bytes_]
    track: NDArray[np.int32]
    differs: Bools
    log: Log

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """(ISRC, track id, reason) of the entries to be stored."""
        pool = self.selection.pool
        for at in np.flatnonzero(self.differs).tolist():
            track = int(self.track[at])
            reason = str(self.selection.reason(track))
            yield bytes(self.isrc[at]).decode(), pool.id_of(track), reason


def canonicals(selection: Selection, stored: Iterable[tuple[str, str]]) -> Canonicals:
    """Hold a selection's survivors against the stored entries.

    Args:
        selection: of any policy; where ISRCs are not collapsed there are no entries.
        stored: (ISRC, track id), each ISRC once.
    """
    pool, found = selection.pool, selection.duplicates
    (known,) = np.nonzero((found.survivor >= 0) & (pool.isrc != b""))
    if selection.targets.dedupe == "id":
        known = known[:0]
    isrc, first = np.unique(pool.isrc[known], return_index=True)
    track = found.survivor[known[first]]
    differs = np.ones(len(isrc), bool)
    changes: list[Change] = []
    number = 0
    rows = iter(stored)
    while len(isrc) and (part := list(islice(rows, _CHUNK))):
        codes = np.array([code.encode() for code, _ in part], dtype=np.bytes_)
        at = np.minimum(np.searchsorted(isrc, codes), len(isrc) - 1)
        here = isrc[at] == codes
        same = here & (pool.find([track_id for _, track_id in part]) == track[at])
        differs[at[same]] = False
        for place in np.flatnonzero(here & ~same).tolist():
            number += 1
            if len(changes) < MOST_LISTED:
                changes.append(_change(selection, *part[place], int(track[at[place]])))
    return Canonicals(selection, isrc, track, differs, Log(number, tuple(changes)))


def _change(selection: Selection, isrc: str, before: str, after: int) -> Change:
    pool, found = selection.pool, selection.duplicates
    (old,) = pool.find([before]).tolist()
    if old < 0:
        cause = "no longer in the store"
    elif (rule := int(pool.rule[old])) != ELIGIBLE:
        cause = f"refused: {RULES[rule]}"
    elif int(found.survivor[old]) != after:
        cause = "no longer shares the ISRC"
    elif found.merge[old] == Merge.SOFT:
        cause = "soft duplicate of the other"
    elif selection.reason(after) == Reason.ORIGINAL:
        cause = "an original edition appeared"
    else:
        cause = "its group joined that of the other"
    return Change(isrc, before, pool.id_of(after), cause, str(selection.reason(after)))


def remembered(text: str | None, digest: str) -> Log:
    """The log that a release of the same data kept; empty for another or none."""
    kept = json.loads(text) if text else {}
    if kept.get("data") != digest:
        return Log()
    return Log(kept["changed"], tuple(Change(**change) for change in kept["changes"]))


def to_remember(log: Log, digest: str) -> str:
    """The log in the form that `remembered` reads."""
    return json.dumps({"data": digest, **log.as_json()}, ensure_ascii=False)
