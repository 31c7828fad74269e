"""Choosing seeds from the committed ledger. Pure: same ledger, same choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runclub_spider.frontier.templates import Seed, rotation


@dataclass(frozen=True, slots=True)
class Record:
    """What the ledger says of a seed: rows served and eligible tracks that were new."""

    rows: int
    eligible_new: int


# A seed that was never asked is believed to yield like its family, with the weight of this
# many rows; a family that was never asked like `_UNSEEN`.
_PRIOR_ROWS = 20.0
_UNSEEN = 0.5
# What a cell that has its minimum is still worth beside an empty one.
_FULL_CELL = 0.02


def in_order(mode: str, seeds: Sequence[Seed]) -> Sequence[Seed]:
    """The plan in the order of a mode that does not learn."""
    return rotation(tuple(seeds)) if mode == "rotation" else seeds


def by_deficit(
    running: Sequence[Seed],
    seeds: Sequence[Seed],
    records: Mapping[str, Record],
    cell_minimum: int,
    count: int,
) -> list[Seed]:
    """The `count` seeds of `running` whose next page promises most for what lacks most.

    Value = expected eligible new tracks per row × how empty the seed's cell is. The expected
    rate is the seed's own, shrunk to its family's; what cells hold is told by all `seeds`
    of the plan. Ties go to the order of `running`.
    """
    family_rows: Counter[str] = Counter()
    family_new: Counter[str] = Counter()
    filled: Counter[tuple[str | None, str | None]] = Counter()
    for seed in seeds:
        record = records.get(seed.term)
        if record:
            family_rows[seed.family] += record.rows
            family_new[seed.family] += record.eligible_new
            filled[seed.umbrella, seed.decade] += record.eligible_new

    def value(seed: Seed) -> float:
        rows = family_rows[seed.family]
        prior = (family_new[seed.family] + _UNSEEN * _PRIOR_ROWS) / (rows + _PRIOR_ROWS)
        own = records.get(seed.term, Record(0, 0))
        rate = (own.eligible_new + prior * _PRIOR_ROWS) / (own.rows + _PRIOR_ROWS)
        lack = 1 - filled[seed.umbrella, seed.decade] / cell_minimum if cell_minimum else 0
        return rate * max(lack, _FULL_CELL)

    # Python's sort is stable: equal values keep their order.
    return sorted(running, key=lambda seed: -value(seed))[:count]
