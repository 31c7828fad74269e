"""The ISRC canonicaliser: which Spotify id stands for an ISRC, release after release. Pure.

Every ISRC of an eligible track has an entry, exported or not, so that an edition that turns up
later does not take the place of the one that users may have already. One that stands for several
recordings has none: no track stands for it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.rules import ELIGIBLE, RULES
from runclub_spider.publish.choose.collapse import Merge, Reason
from runclub_spider.publish.choose.pool import Bools
from runclub_spider.publish.choose.select import Selection

#: Changes that a manifest lists; it counts them all.
MOST_LISTED = 100
_CHUNK = 8192
_END: tuple[None, str] = (None, "")


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
    """The entries a selection leads to, by ascending ISRC.

    Attributes:
        selection: what they follow from.
        carrier: position of one track of each ISRC; its survivor stands for the ISRC.
        differs: the entry is new or another than the stored one.
        log: changes of stored entries; new ones are none.
        divided: the ISRCs that stand for several recordings, with their tracks that take part.
    """

    selection: Selection
    carrier: NDArray[np.int32]
    differs: Bools
    log: Log
    divided: dict[bytes, int]

    def __len__(self) -> int:
        return len(self.carrier)

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """(ISRC, track id, reason) of the entries to be stored."""
        pool, found = self.selection.pool, self.selection.duplicates
        reasons = [str(reason) for reason in Reason]
        differing = self.carrier[self.differs]
        for start in range(0, len(differing), _CHUNK):
            part = differing[start : start + _CHUNK]
            tracks = found.survivor[part]
            columns = pool.isrc[part], pool.ids[tracks], found.reason[tracks]
            for code, track_id, why in zip(*(one.tolist() for one in columns), strict=True):
                yield code.decode(), track_id.decode(), reasons[why]


def canonicals(selection: Selection, stored: Iterable[tuple[str, str]]) -> Canonicals:
    """Hold a selection's survivors against the stored entries.

    Args:
        selection: of any policy; where ISRCs are not collapsed there are no entries.
        stored: (ISRC, track id) by ascending ISRC, each ISRC once.
    """
    pool, found = selection.pool, selection.duplicates
    divided = _divided(selection)
    carrier = _carriers(selection, divided)
    differs = np.ones(len(carrier), bool)
    changes: list[Change] = []
    number = 0
    entries = iter(stored)
    isrc, before = next(entries, _END)
    # Side by side, in parts: a million entries as objects would need more than the pool.
    for start in range(0, len(carrier), _CHUNK):
        if isrc is None:
            break
        part = carrier[start : start + _CHUNK]
        tracks = found.survivor[part]
        rows = zip(
            pool.isrc[part].tolist(), tracks.tolist(), pool.ids[tracks].tolist(), strict=True
        )
        for at, (code, track, track_id) in enumerate(rows, start):
            now = code.decode()
            while isrc is not None and isrc < now:
                isrc, before = next(entries, _END)
            if isrc != now:
                continue
            differs[at] = before != track_id.decode()
            if differs[at]:
                number += 1
                if len(changes) < MOST_LISTED:
                    changes.append(_change(selection, now, before, track))
    return Canonicals(selection, carrier, differs, Log(number, tuple(changes)), divided)


def _divided(selection: Selection) -> dict[bytes, int]:
    pool, found = selection.pool, selection.duplicates
    if selection.targets.dedupe == "id":
        return {}
    tracks: Counter[bytes] = Counter()
    recordings: defaultdict[bytes, set[int]] = defaultdict(set)
    for one in pool.apart:
        if found.survivor[one] >= 0:
            code = bytes(pool.isrc[one])
            tracks[code] += 1
            recordings[code].add(int(found.recording[one]))
    return {code: number for code, number in tracks.items() if len(recordings[code]) > 1}


def _carriers(selection: Selection, divided: Mapping[bytes, int]) -> NDArray[np.int32]:
    """One track of each ISRC that takes part and is not divided, by ISRC."""
    pool = selection.pool
    part = (selection.duplicates.survivor >= 0) & (pool.isrc != b"")
    if selection.targets.dedupe == "id":
        part[:] = False
    for one in pool.apart:
        if bytes(pool.isrc[one]) in divided:
            part[one] = False
    members = np.flatnonzero(part).astype(np.int32)
    members = members[np.argsort(pool.isrc[members], kind="stable")]
    codes = pool.isrc[members]
    first = np.ones(len(members), bool)
    first[1:] = codes[1:] != codes[:-1]
    return members[first]


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
    elif pool.behind[old] and not pool.behind[after]:
        cause = "a content label puts it last"
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
