"""How well the store's tracks suit a run: features against what the seed families ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.suitability import (
    DEFAULT_POLICY,
    FamilyPolicy,
    Suitability,
    band,
    suitability,
)
from runclub_spider.publish.choose.pool import Suits
from runclub_spider.store.read import catalogue


def ratings(connection: sa.Connection, policies: Mapping[str, FamilyPolicy]) -> Suits:
    """Rate tracks by the families of the seeds that found them."""
    families = catalogue.source_families(connection)

    def rate(row: Any, sources: Sequence[tuple[str, str]]) -> Suitability | None:
        if row.features is None:
            return None
        return suitability(
            tempo=row.tempo,
            energy=row.energy,
            danceability=row.danceability,
            acousticness=row.acousticness,
            families={
                family: policies.get(family, DEFAULT_POLICY)
                for source in sources
                for family in families.get(source, ())
            },
        )

    return rate


def tempo_bucket(tempo: float | None) -> str | None:
    """The cadence band of a tempo in BPM, half and double time folded; None without one."""
    return band(tempo) if tempo else None
