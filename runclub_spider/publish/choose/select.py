"""Which tracks make the release, and where all others went. Pure: same pool, same selection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.rules import RULES
from runclub_spider.publish.choose.apart import sharing
from runclub_spider.publish.choose.balance import Choice, Targets, balance
from runclub_spider.publish.choose.collapse import Duplicates, Merge, Reason, collapse
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.pool import NONE, Indices, Pool

Cell = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome for each track of a pool; `fate` holds a `Fate` a track."""

    pool: Pool
    targets: Targets
    duplicates: Duplicates
    choice: Choice
    fate: NDArray[np.int8]

    @property
    def chosen(self) -> Indices:
        """Positions of the release's tracks, ascending: so their ids ascend too."""
        return np.flatnonzero(self.fate == Fate.EXPORTED)

    def count(self, fate: Fate) -> int:
        """How many tracks met a fate."""
        return int(np.count_nonzero(self.fate == fate))

    def rejected(self) -> Counter[str]:
        """Refused tracks by the first rule that refuses them."""
        rules = self.pool.rule[self.fate == Fate.REJECTED]
        numbers = np.bincount(rules, minlength=len(RULES)).tolist()
        return Counter({str(rule): n for rule, n in zip(RULES, numbers, strict=True) if n})

    def cell(self, index: int) -> Cell:
        """Umbrella and decade that a chosen track is counted under; None where it has none."""
        umbrella = int(self.choice.umbrella[index])
        label = None if umbrella == NONE else self.pool.labels[umbrella]
        return label, self.pool.decade_of(index)

    def cells(self) -> Iterator[tuple[str, Cell]]:
        """(id, cell) of the release's tracks, by id."""
        pool, chosen = self.pool, self.chosen
        columns = pool.ids[chosen], self.choice.umbrella[chosen], pool.decade[chosen]
        for track_id, umbrella, decade in zip(*(one.tolist() for one in columns), strict=True):
            label = None if umbrella == NONE else pool.labels[umbrella]
            yield track_id.decode(), (label, None if decade == NONE else DECADES[decade])

    def merged(self) -> Iterator[tuple[int, int, bool]]:
        """(merged track, the one that stands for it, whether they are one recording)."""
        found = self.duplicates
        merged = np.flatnonzero(found.merge != Merge.NOT)
        others = found.survivor[merged]
        same = found.recording[merged] == found.recording[others]
        yield from zip(merged.tolist(), others.tolist(), same.tolist(), strict=True)

    def sharing(self) -> dict[int, list[str]]:
        """By track of the release the ids of the others that bear its ISRC, ascending."""
        pool, chosen = self.pool, self.chosen
        found: dict[int, list[str]] = {}
        for places in sharing(pool.isrc[chosen]):
            group = chosen[places].tolist()
            for one in group:
                found[one] = [pool.id_of(other) for other in group if other != one]
        return found

    def reason(self, index: int) -> Reason:
        """Why a survivor stands for its group."""
        return Reason(int(self.duplicates.reason[index]))


def select(pool: Pool, targets: Targets) -> Selection:
    """Apply rules, collapse, pending, coverage and balance, in the order of the accounting.

    Raises:
        RunclubError: the balance is not the optimum (a mistake in this project).
    """
    duplicates = collapse(pool, targets.dedupe)
    fate = np.full(len(pool), Fate.REJECTED, np.int8)
    fate[duplicates.merge == Merge.ISRC] = Fate.MERGED_ISRC
    fate[duplicates.merge == Merge.SOFT] = Fate.MERGED_SOFT
    standing = (duplicates.survivor >= 0) & (duplicates.merge == Merge.NOT)
    known = pool.features | pool.asked
    fate[standing] = np.where(known[standing], Fate.BALANCE, Fate.PENDING)
    choice = balance(pool, standing & known, duplicates.reserve, targets)
    fate[choice.chosen] = Fate.EXPORTED
    return Selection(pool, targets, duplicates, choice, fate)
