"""What ReccoBeats says of tracks where Spotify's answers withhold it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.models import TrackDetail
from runclub_spider.catalog.rules import Rule
from runclub_spider.store.db import exported
from runclub_spider.store.db.tables import LENGTH_MS, rejection, track, track_detail
from runclub_spider.store.db.upsert import chunks, upsert


def pending(
    connection: sa.Connection,
    *,
    stale_before: int,
    track_ids: Sequence[str] | None = None,
    lengths_only: bool = False,
) -> list[str]:
    """Tracks that Spotify told too little of, asked before a moment or never; by id.

    Those that lack their length, which nothing else refuses; and without `lengths_only` eligible
    ones that lack popularity or ISRC.
    """
    known = sa.exists().where(
        track_detail.c.track_id == track.c.track_id, track_detail.c.fetched_at >= stale_before
    )
    refused = sa.exists().where(
        rejection.c.track_id == track.c.track_id, rejection.c.rule != Rule.NO_DURATION
    )
    lacking = LENGTH_MS <= 0
    if not lengths_only:
        lacking |= track.c.popularity.is_(None) | track.c.isrc.is_(None)
    query = sa.select(track.c.track_id).where(lacking, ~known, ~refused).order_by(track.c.track_id)
    if track_ids is None:
        return list(connection.scalars(query))
    found: list[str] = []
    for part in chunks(track_ids):
        found += connection.scalars(query.where(track.c.track_id.in_(part)))
    return sorted(found)


_COLUMNS = ("isrc", "popularity", "countries", "duration_ms")


def save(
    connection: sa.Connection, asked: Sequence[str], found: Sequence[TrackDetail], now: int
) -> None:
    """Store one answer; a track it does not know is remembered with nothing.

    A length once told stays: it decides whether the track is in.
    """
    before = {
        row.track_id: {name: getattr(row, name) for name in _COLUMNS}
        for row in connection.execute(
            sa.select(track_detail).where(track_detail.c.track_id.in_(asked))
        )
    }
    by_id = {row.track_id: row for row in found if row.track_id is not None}
    nothing: dict[str, Any] = dict.fromkeys(_COLUMNS)
    wanted = {}
    for i in asked:
        row, old = by_id.get(i), before.get(i, nothing)
        wanted[i] = {**nothing, "duration_ms": old["duration_ms"]}
        if row is not None:
            wanted[i] = {
                "isrc": row.isrc,
                "popularity": row.popularity,
                "countries": ",".join(row.countries) or None,
                "duration_ms": row.duration_ms or old["duration_ms"],
            }
    changed = [i for i, values in wanted.items() if values != before.get(i, nothing)]
    upsert(
        connection,
        track_detail,
        [{"track_id": i, **values, "fetched_at": now} for i, values in wanted.items()],
    )
    if changed:
        exported.changed(connection, track.c.track_id.in_(changed), now)
