"""What the tracks of a store are beside songs: their content labels, as a column.

What a track's own rows say is told where its part is read (:class:`Listener`); what its artist's
other tracks add, once all parts are there (:func:`settle`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.content.judge import Leaning, leaning
from runclub_spider.catalog.content.labels import ContentPolicy, Label, Treatment, mask_of
from runclub_spider.catalog.content.track import Track
from runclub_spider.catalog.content.works import Works, brought
from runclub_spider.catalog.rules import CONTENT, ELIGIBLE, RULES

_NOTHING = Leaning()
_PLACES = {label: RULES.index(rule) for label, rule in zip(Label, CONTENT, strict=True)}


class Listener:
    """Takes the tracks of a part one by one and tells their labels."""

    def __init__(self, policy: ContentPolicy) -> None:
        self._rejected = policy.mask(Treatment.REJECT)
        self._artists: list[int] = []
        self._said: list[tuple[int | None, int, Leaning]] = []

    def take(self, track: Track, artist: int | None, position: int | None) -> int:
        """The labels of a track as a mask, as far as it tells them itself.

        Args:
            track: without its artist's work.
            artist: digest of its primary artist, None without one.
            position: of the track; None for one that cannot be released.
        """
        said = leaning(track)
        self.pass_over(artist)
        if artist is not None and said != _NOTHING:
            self._said.append((position, artist, said))
        # What names alone reject stays so, for nobody asks for its features.
        return mask_of(said.labels) | mask_of(said.plain) & self._rejected

    def pass_over(self, artist: int | None) -> None:
        """Take a track of which nothing is said; its artist as in :meth:`take`."""
        if artist is not None:
            self._artists.append(artist)

    def close(self) -> Works:
        """What the tracks say of their artists."""
        return Works.of(self._artists, self._said)


def settle(
    columns: dict[str, NDArray[Any]],
    works: Sequence[Works],
    begins: Sequence[int],
    policy: ContentPolicy,
) -> None:
    """Let the artists' other tracks speak; `content` and `rule` follow, `behind` is new.

    Args:
        columns: of all parts, one after the other.
        works: of the parts.
        begins: where the columns of each part begin.
        policy: what becomes of the labels.
    """
    content, rule = columns["content"], columns["rule"]
    rejected, last = policy.mask(Treatment.REJECT), policy.mask(Treatment.LAST)
    for (positions, labels), begin in zip(brought(works), begins, strict=True):
        at = positions + begin
        np.bitwise_or.at(content, at, labels)
        # The first label counts, and any rule of another kind before it.
        for label, place in reversed(_PLACES.items()):
            bit = mask_of([label]) & rejected
            more = at[(content[at] & bit > 0) & ((rule[at] == ELIGIBLE) | (rule[at] > place))]
            rule[more] = place
    columns["behind"] = (content & (rejected | last)) > 0
