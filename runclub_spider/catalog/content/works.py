"""The artists' other tracks, for the tracks of a whole store: what they add to the labels.

What the tracks of one part of a store say of their artists is a :class:`Works`: whole numbers
under digests of ids, which add up in any order to the same sums. From these :func:`brought` tells
the labels of the few tracks that hang upon them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.ballots import Tally
from runclub_spider.catalog.content.judge import Leaning, by_work
from runclub_spider.catalog.content.labels import Label, mask_of

_LABELS = tuple(Label)
_PLACES = {label: at for at, label in enumerate(_LABELS)}
_BITS = np.array([mask_of([label]) for label in _LABELS], np.int32)


@dataclass(frozen=True, slots=True)
class Works:
    """What the tracks of a part say of their primary artists, and what hangs upon all of them.

    Attributes:
        tracks: tracks of each artist, one column.
        plain: how many of them plainly deserve each label; of artists with any.
        waiting: positions of tracks that lack points for a label, ascending; one may come twice.
        label: the place of that label.
        lacks: the points.
        artist: digest of the primary artist of each.
        own: the labels that each plainly deserves itself, as a mask.
    """

    tracks: Tally
    plain: Tally
    waiting: NDArray[np.int64]
    label: NDArray[np.int8]
    lacks: NDArray[np.int16]
    artist: NDArray[np.uint64]
    own: NDArray[np.int32]

    @classmethod
    def of(cls, artists: Sequence[int], said: Sequence[tuple[int | None, int, Leaning]]) -> Self:
        """From what is said of tracks one by one.

        Args:
            artists: digests of the primary artists of all tracks.
            said: of the tracks of which anything is said the position in the part, None for one
                that cannot be released; the digest of the artist; and what is said.
        """
        plain = np.array([mask_of(one.plain) for *_, one in said], np.int32)
        (some,) = np.nonzero(plain)
        plainly = np.array([artist for _, artist, _ in said], np.uint64)[some]
        rows = [
            (at, _PLACES[label], points, artist, mask_of(one.plain))
            for at, artist, one in said
            if at is not None
            for label, points in one.lacks
        ]
        columns: list[Any] = list(zip(*rows, strict=True)) or [()] * 5
        return cls(
            Tally.of(np.array(artists, np.uint64), np.ones((len(artists), 1), np.int32)),
            Tally.of(plainly, _spread(plain[some])),
            *(
                np.array(column, kind)
                for column, kind in zip(
                    columns, (np.int64, np.int8, np.int16, np.uint64, np.int32), strict=True
                )
            ),
        )


def brought(parts: Sequence[Works]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint16]]]:
    """Of each part the positions that gain labels by the artists' other tracks, and which.

    A position may come several times, once for each label.
    """
    tracks = Tally.together([part.tracks for part in parts])
    plain = Tally.together([part.plain for part in parts])
    for part in parts:
        others = tracks.others(part.artist, np.ones((len(part.artist), 1), np.int32))[:, 0]
        deserving = plain.others(part.artist, _spread(part.own))
        found = np.zeros(len(part.waiting), bool)
        for at, label in enumerate(_LABELS):
            (those,) = np.nonzero(part.label == at)
            points = by_work(label, others[those], deserving[those, at])
            found[those] = points >= part.lacks[those]
        yield part.waiting[found], _BITS[part.label[found]].astype(np.uint16)


def _spread(masks: NDArray[np.int32]) -> NDArray[np.int32]:
    """(length, labels): 1 for each label of a mask."""
    return np.asarray((masks[:, None] & _BITS) != 0, np.int32)
