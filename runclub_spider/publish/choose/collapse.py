"""Which editions are one song, and which of them stands for it. Pure.

Two steps. *Same recording*: tracks that share an ISRC or are relinked to one another (or from
the same id) are one group, through any chain of such ties. Of a code that stands for several
recordings (:mod:`.apart`) each is by itself. *Soft duplicates*: of the survivors
with the same soft key, the best absorbs all within two seconds of it, then the best of the rest,
and so on, so that every merged track is within two seconds of the one that stands for it.

The survivor is that of the last release while no rule refuses it, so that a list of favourites
in the app stays valid; see :func:`displaces` for one exception. The other: an edition that a
content label puts last (a tribute, a sped-up version) never stands for one that none does. The
result depends on the pool alone: publishing again with this result as the last release changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from operator import itemgetter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.rules import ELIGIBLE, PLAYABILITY_UNKNOWN, RULES
from runclub_spider.publish.choose.apart import together
from runclub_spider.publish.choose.pool import NO_YEAR, Bools, Pool

Dedupe = Literal["id", "id+isrc", "id+isrc+soft"]
#: Policies by what they collapse; each includes the one before.
POLICIES: tuple[Dedupe, ...] = ("id", "id+isrc", "id+isrc+soft")
#: Renderings of one recording differ by no more than this.
SOFT_WINDOW_MS = 2_000
_AMBIGUOUS = RULES.index(PLAYABILITY_UNKNOWN)


class Merge(IntEnum):
    """How a track was merged into another."""

    NOT = 0
    ISRC = 1
    SOFT = 2


class Reason(IntEnum):
    """Why a survivor stands for its group."""

    ONLY = 0
    KEPT = 1
    ORIGINAL = 2
    POPULAR = 3
    EARLIEST = 4
    SMALLEST = 5
    FIRST_YEAR = 6
    UNLABELLED = 7

    def __str__(self) -> str:
        """The words that the store and the reports keep."""
        return _WORDS[self]


_WORDS = {
    Reason.ONLY: "only edition",
    Reason.KEPT: "kept from the last release",
    Reason.ORIGINAL: "original edition",
    Reason.POPULAR: "most popular edition",
    Reason.EARLIEST: "earliest album",
    Reason.SMALLEST: "smallest id",
    Reason.FIRST_YEAR: "edition of the song's first year",
    Reason.UNLABELLED: "edition that no content label puts last",
}


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The groups of a pool, by position of the track.

    Attributes:
        survivor: position of the track that stands for this one, its own if it survives; -1 for
            a track that takes no part because a rule refuses it.
        merge: `Merge` of the step that took the track out.
        recording: equal for tracks of one recording group; -1 as above.
        reason: `Reason` of a survivor.
        reserve: tracks that only their unknown playability refuses, that no content label puts
            behind, and that stand for a song which no eligible track has.
    """

    survivor: NDArray[np.int32]
    merge: NDArray[np.int8]
    recording: NDArray[np.int32]
    reason: NDArray[np.int8]
    reserve: Bools


def collapse(pool: Pool, policy: Dedupe) -> Duplicates:
    """Find the groups and their survivors.

    Args:
        pool: the tracks; those that a rule refuses take no part, but see `reserve`.
        policy: what is collapsed.
    """
    depth = POLICIES.index(policy)
    size = len(pool)
    own = np.arange(size, dtype=np.int32)
    eligible = pool.rule == ELIGIBLE
    found = Duplicates(
        survivor=np.where(eligible, own, -1).astype(np.int32),
        merge=np.zeros(size, np.int8),
        recording=np.where(eligible, own, -1).astype(np.int32),
        reason=np.zeros(size, np.int8),
        reserve=(pool.rule == _AMBIGUOUS) & ~pool.behind,
    )
    standing, speaker = _standing(pool), own.copy()
    if depth >= POLICIES.index("id+isrc"):
        _same_recording(pool, eligible, standing, speaker, found)
        _reserve(pool, eligible, standing, speaker, found)
    if depth >= POLICIES.index("id+isrc+soft"):
        _soft(pool, standing, speaker, found)
    return found


def _speaker(pool: Pool, group: Sequence[int]) -> int:
    """Whose soft key and length stand for a recording given best first: its best comparable one.

    Not the survivor's: that depends on the last release, and so would who is whose duplicate.
    """
    return next((one for one in group if pool.soft[one].any()), group[0])


def displaces(pool: Pool, new: int, old: int) -> bool:
    """Whether an original edition takes the place of the last release's choice.

    It must have stood on an album or single of an earlier year, and the old choice on a
    compilation or in a later decade; it must not lack features that the old choice has. The
    caller asks only for editions that also rank above the old choice: one that ranked below it
    when the choice was made has not newly appeared, and must not win a release later.
    """
    earlier, later = int(pool.year[new]), int(pool.year[old])
    if pool.compilation[new] or earlier >= later or later == NO_YEAR:
        return False
    if pool.features[old] and not pool.features[new]:
        return False
    return bool(pool.compilation[old]) or later // 10 > earlier // 10


def _standing(pool: Pool) -> NDArray[np.int32]:
    """Each track's place in the order.

    Those that no label puts behind; then editions of the song's first year, the most popular,
    earliest album year, smallest id.
    """
    popularity = pool.popularity.astype(np.int16)
    order = np.lexsort((pool.year, -popularity, ~pool.preferred, pool.behind))
    place = np.empty(len(pool), np.int32)
    place[order] = np.arange(len(pool), dtype=np.int32)
    return place


def _components(pool: Pool, part: Bools) -> NDArray[np.int32]:
    """By track the smallest position it is tied to; ties run through `part` only."""
    parent: dict[int, int] = {}

    def root(one: int) -> int:
        while (above := parent.get(one, one)) != one:
            parent[one] = one = parent.get(above, above)
        return one

    for one, other in _ties(pool, part):
        high, low = sorted((root(one), root(other)), reverse=True)
        parent[high] = low
    labels = np.arange(len(pool), dtype=np.int32)
    for one in parent:
        labels[one] = root(one)
    return labels


def _ties(pool: Pool, part: Bools) -> Iterator[tuple[int, int]]:
    """Pairs of tracks of `part` that are one recording, enough of them to find every group."""
    coded = pool.isrc != b""
    for recording in together(pool.apart):
        coded[recording] = False
        here = [one for one in recording if part[one]]
        yield from pairwise(here)
    for key, known in ((pool.isrc, coded), (pool.linked, pool.linked >= 0)):
        members = np.flatnonzero(part & known).astype(np.int32)
        members = members[np.argsort(key[members], kind="stable")]
        values = key[members]
        same = values[1:] == values[:-1]
        del values  # tens of megabytes, and the walk below is long
        yield from zip(members[:-1][same].tolist(), members[1:][same].tolist(), strict=True)
    linked = np.flatnonzero(part & (pool.link >= 0))
    linked = linked[part[pool.link[linked]]]
    yield from zip(linked.tolist(), pool.link[linked].tolist(), strict=True)


def _groups(
    labels: NDArray[np.int32], part: Bools, order: NDArray[np.int32]
) -> Iterator[NDArray[np.int32]]:
    """The groups of more than one track of `part`, each best first."""
    members = np.flatnonzero(part).astype(np.int32)
    # Most stand alone, and sorting all takes room for all.
    several = np.bincount(labels[members]) > 1
    members = members[several[labels[members]]]
    members = members[np.lexsort((order[members], labels[members]))]
    yield from (members[start:end] for start, end in _runs(labels[members]))


def _runs(keys: NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """Where stretches of equal keys that are longer than one begin and end."""
    if len(keys):
        bounds = np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [len(keys)]))
        (longer,) = np.nonzero(np.diff(bounds) > 1)
        yield from zip(bounds[longer].tolist(), bounds[longer + 1].tolist(), strict=True)


def _same_recording(
    pool: Pool,
    eligible: Bools,
    standing: NDArray[np.int32],
    speaker: NDArray[np.int32],
    found: Duplicates,
) -> None:
    labels = _components(pool, eligible)
    found.recording[:] = np.where(eligible, labels, -1)
    for group in _groups(labels, eligible, standing):
        best, reason = survivor(pool, group.tolist())
        found.survivor[group] = best
        found.merge[group] = Merge.ISRC
        found.merge[best] = Merge.NOT
        found.reason[best] = reason
        speaker[best] = _speaker(pool, group.tolist())


def survivor(pool: Pool, group: Sequence[int]) -> tuple[int, Reason]:
    """The track that stands for a group given best first, and why."""
    # The best is one that no label puts behind, if there is any: then only such ones may stand.
    kept = next((i for i in group if pool.canonical[i] and not _set_back(pool, i, group[0])), None)
    if kept is not None:
        better = group[: group.index(kept)]
        original = next((i for i in better if displaces(pool, i, kept)), None)
        return (kept, Reason.KEPT) if original is None else (original, Reason.ORIGINAL)
    return group[0], _ahead(pool, group[0], group[1])


def _set_back(pool: Pool, one: int, other: int) -> bool:
    """Whether a label puts a track behind another."""
    return bool(pool.behind[one] and not pool.behind[other])


def _ahead(pool: Pool, best: int, second: int) -> Reason:
    """What puts one track before the next."""
    if _set_back(pool, second, best):
        return Reason.UNLABELLED
    if pool.preferred[best] != pool.preferred[second]:
        return Reason.FIRST_YEAR
    if pool.popularity[best] != pool.popularity[second]:
        return Reason.POPULAR
    return Reason.EARLIEST if pool.year[best] != pool.year[second] else Reason.SMALLEST


def _reserve(
    pool: Pool,
    eligible: Bools,
    standing: NDArray[np.int32],
    speaker: NDArray[np.int32],
    found: Duplicates,
) -> None:
    """Leave in the reserve one track for each song that no eligible track has."""
    ambiguous = found.reserve.copy()
    if not ambiguous.any():
        return
    labels = _components(pool, eligible | ambiguous)
    taken = np.zeros(labels.max() + 1, bool)
    taken[labels[eligible]] = True
    found.reserve[ambiguous] = ~taken[labels[ambiguous]]
    for group in _groups(labels, found.reserve.copy(), standing):
        best, _ = survivor(pool, group.tolist())
        found.reserve[group] = False
        found.reserve[best] = True
        speaker[best] = _speaker(pool, group.tolist())


def _soft(
    pool: Pool, standing: NDArray[np.int32], speaker: NDArray[np.int32], found: Duplicates
) -> None:
    own = np.arange(len(pool), dtype=np.int32)
    comparable = np.asarray(pool.soft.any(axis=1))
    part = ((found.survivor == own) | found.reserve) & comparable[speaker]
    members = _shared(pool, own[part], speaker)
    # The reserve stands last, before it what labels put behind; else the last release's choices
    # stand first.
    fresh = (~pool.canonical[members], pool.behind[members], found.reserve[members])
    spoken = speaker[members]
    words = pool.soft[spoken]
    order = np.lexsort((standing[spoken], *fresh, words[:, 1], words[:, 0]))
    members, words, spoken = members[order], words[order], spoken[order]
    changes = (words[1:] != words[:-1]).any(axis=1)
    numbers = np.concatenate(([0], np.cumsum(changes))).astype(np.int32)[: len(members)]
    places = standing[spoken].astype(np.int64)
    claims = places + len(pool) * (pool.behind[members] + 2 * found.reserve[members])
    columns = [one.tolist() for one in (members, pool.duration[spoken], places, claims)]
    pairs = [
        pair
        for start, end in _runs(numbers)
        for pair in _absorbed(list(zip(*(one[start:end] for one in columns), strict=True)))
    ]
    kept, lost = np.array(pairs, np.int32).reshape(-1, 2).T
    helping = found.reserve[lost]
    found.reserve[lost[helping]] = False
    kept, lost = kept[~helping], lost[~helping]
    # Of a group that goes, the speaker is counted as soft: the survivor may be another after the
    # next release.
    found.merge[lost] = Merge.ISRC
    found.merge[speaker[lost]] = Merge.SOFT
    firsts = np.unique(kept, return_index=True)[1]
    for at in firsts[found.reason[kept[firsts]] == Reason.ONLY].tolist():
        one, other = int(kept[at]), int(lost[at])
        found.reason[one] = Reason.KEPT if pool.canonical[one] else _ahead(pool, one, other)
    into = own.copy()
    into[lost] = kept
    took_part = found.survivor >= 0
    found.survivor[took_part] = into[found.survivor[took_part]]


def _shared(
    pool: Pool, members: NDArray[np.int32], speaker: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Those whose soft key may be another's too: few, and sorting all takes room for all."""
    words = pool.soft[speaker[members], 0]
    ordered = np.sort(words)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    del ordered
    if not len(twice):
        return members[:0]
    at = np.minimum(np.searchsorted(twice, words), len(twice) - 1)
    return np.asarray(members[twice[at] == words])


def _absorbed(group: Sequence[tuple[int, int, int, int]]) -> Iterator[tuple[int, int]]:
    """(absorber, absorbed) of tracks with one soft key, given in the order of their claims.

    Each comes with the length that stands for it, its place in the order, and its claim to absorb
    others. Who stays is settled first, and who absorbs whom after that by standing alone: so a
    track goes to the same absorber whether or not that one was kept from the last release.
    """
    anchors: list[tuple[int, int, int, int]] = []
    absorbed: list[tuple[int, int, int, int]] = []
    for one in group:
        for anchor in anchors:
            if abs(one[1] - anchor[1]) <= SOFT_WINDOW_MS:
                absorbed.append(one)
                break
        else:
            anchors.append(one)
    if absorbed:
        anchors.sort(key=itemgetter(3))
        absorbed.sort(key=itemgetter(2))
    for track, length, *_ in absorbed:
        yield next(one for one, its, *_ in anchors if abs(length - its) <= SOFT_WINDOW_MS), track
