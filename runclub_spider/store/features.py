"""Audio features and their misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from runclub_spider.catalog.models import AudioFeatures
from runclub_spider.store import meta
from runclub_spider.store.tables import audio_features, feature_miss, rejection, track
from runclub_spider.store.upsert import chunks, upsert


def pending(
    connection: sa.Connection,
    *,
    version: str,
    now: int,
    stale_before: int = 0,
    track_ids: Sequence[str] | None = None,
) -> list[str]:
    """Eligible tracks without features of this version, misses due again included; by id.

    What was asked before `stale_before` is as good as never asked.
    """
    current = sa.exists().where(
        audio_features.c.track_id == track.c.track_id,
        audio_features.c.version == version,
        audio_features.c.fetched_at >= stale_before,
    )
    waiting = sa.exists().where(
        feature_miss.c.track_id == track.c.track_id,
        feature_miss.c.next_check_at > now,
        feature_miss.c.checked_at >= stale_before,
    )
    query = (
        sa.select(track.c.track_id)
        .where(~current, ~waiting, ~sa.exists().where(rejection.c.track_id == track.c.track_id))
        .order_by(track.c.track_id)
    )
    if track_ids is None:
        return list(connection.scalars(query))
    found: list[str] = []
    for part in chunks(track_ids):
        found += connection.scalars(query.where(track.c.track_id.in_(part)))
    return sorted(found)


def save(
    connection: sa.Connection,
    found: Sequence[AudioFeatures],
    missed: Sequence[str],
    *,
    version: str,
    gap_seconds: float,
    now: int,
) -> None:
    """Store one answer: features found, and misses with a gap that doubles each time."""
    upsert(
        connection,
        audio_features,
        [
            {**asdict(row), "version": version, "fetched_at": now, "borrowed_from": None}
            for row in found
        ],
    )
    ids = [row.track_id for row in found]
    if ids:
        connection.execute(sa.delete(feature_miss).where(feature_miss.c.track_id.in_(ids)))
        connection.execute(
            sa.update(track)
            .where(track.c.track_id.in_(ids))
            .values(has_features=True, last_enriched_at=now, updated_at=now)
        )
    tries = {
        row.track_id: row.tries
        for row in connection.execute(
            sa.select(feature_miss.c.track_id, feature_miss.c.tries).where(
                feature_miss.c.track_id.in_(missed)
            )
        )
    }
    meta.touch(connection)
    upsert(
        connection,
        feature_miss,
        [
            {
                "track_id": i,
                "tries": tries.get(i, 0) + 1,
                "checked_at": now,
                "next_check_at": now + int(gap_seconds * 2 ** min(tries.get(i, 0), 10)),
            }
            for i in missed
        ],
    )
