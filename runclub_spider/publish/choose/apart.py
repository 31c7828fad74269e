"""ISRCs that stand for several recordings, found in columns.

Titles are read of few tracks only: most stand alone under their code, and of most others keys and
lengths tell that they are one recording (`catalog/editions.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.editions import WHOLE_MS, Edition, split

Positions = NDArray[np.int64]
#: Titles, artists and lengths by id.
LookUp = Callable[[Sequence[str]], Mapping[str, Edition]]


def apart(columns: Mapping[str, NDArray[Any]], look_up: LookUp) -> dict[int, int]:
    """By track of an ISRC that stands for several recordings the first track of its own one.

    All tracks of a code are held against each other, refused ones too; their order says nothing.

    Args:
        columns: `ids`, `isrc`, `duration` and `soft` of a pool.
        look_up: of the tracks in question.
    """
    groups = list(_doubtful(columns["isrc"], columns["soft"], columns["duration"]))
    ids = [[one.decode() for one in columns["ids"][group].tolist()] for group in groups]
    known = look_up([one for some in ids for one in some]) if ids else {}
    found: dict[int, int] = {}
    for group, some in zip(groups, ids, strict=True):
        recordings = split([known[one] for one in some])
        if len(recordings) > 1:
            for places in recordings:
                positions = group[places].tolist()
                found.update(dict.fromkeys(positions, positions[0]))
    return found


def together(apart: Mapping[int, int]) -> list[list[int]]:
    """The tracks of each recording, ascending."""
    found: dict[int, list[int]] = {}
    for one in sorted(apart):
        found.setdefault(apart[one], []).append(one)
    return list(found.values())


def sharing(isrc: NDArray[np.bytes_]) -> Iterator[Positions]:
    """The positions of each code that stands more than once, ascending."""
    members, begins = _shared(isrc)
    yield from (members[a:b] for a, b in pairwise(begins.tolist()))


def _doubtful(
    isrc: NDArray[np.bytes_], soft: NDArray[np.uint64], duration: NDArray[np.int32]
) -> Iterator[Positions]:
    """The tracks of each code that keys and lengths do not tell to be one recording."""
    members, begins = _shared(isrc)
    code = np.repeat(np.arange(len(begins) - 1), np.diff(begins))
    order = np.lexsort((duration[members], code))
    lengths, words, code = duration[members][order], soft[members][order], code[order]
    one_code = code[1:] == code[:-1]
    sure = (words[1:] == words[:-1]).all(axis=1) & words[1:].any(axis=1)
    sure &= (lengths[:-1] > 0) & (np.diff(lengths) <= WHOLE_MS)
    for at in np.unique(code[1:][one_code & ~sure]).tolist():
        yield members[begins[at] : begins[at + 1]]


def _shared(isrc: NDArray[np.bytes_]) -> tuple[Positions, Positions]:
    """The positions of tracks that share their code, by code and position; where codes begin."""
    (members,) = np.nonzero(isrc != b"")
    members = members[np.argsort(isrc[members], kind="stable")]
    codes = isrc[members]
    same = np.zeros(len(members) + 1, bool)
    same[1:-1] = codes[1:] == codes[:-1]
    shares = same[1:] | same[:-1]
    begins = np.flatnonzero(~same[:-1][shares])
    return members[shares], np.append(begins, np.count_nonzero(shares))
