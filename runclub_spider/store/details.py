"""What ReccoBeats says of tracks where Spotify's answers withhold it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from runclub_spider.catalog.models import TrackDetail
from runclub_spider.store import meta
from runclub_spider.store.tables import rejection, track, track_detail
from runclub_spider.store.upsert import chunks, upsert


def pending(
    connection: sa.Connection, *, stale_before: int, track_ids: Sequence[str] | None = None
) -> list[str]:
    """Eligible tracks that Spotify gave no popularity, asked before a moment or never; by id."""
    known = sa.exists().where(
        track_detail.c.track_id == track.c.track_id, track_detail.c.fetched_at >= stale_before
    )
    query = (
        sa.select(track.c.track_id)
        .where(
            track.c.popularity.is_(None) | track.c.isrc.is_(None),
            ~known,
            ~sa.exists().where(rejection.c.track_id == track.c.track_id),
        )
        .order_by(track.c.track_id)
    )
    if track_ids is None:
        return list(connection.scalars(query))
    found: list[str] = []
    for part in chunks(track_ids):
        found += connection.scalars(query.where(track.c.track_id.in_(part)))
    return sorted(found)


def save(
    connection: sa.Connection, asked: Sequence[str], found: Sequence[TrackDetail], now: int
) -> None:
    """Store one answer; a track it does not know is remembered with nothing."""
    by_id = {row.track_id: row for row in found if row.track_id is not None}
    wanted = {
        i: (
            {
                "isrc": by_id[i].isrc,
                "popularity": by_id[i].popularity,
                "countries": ",".join(by_id[i].countries) or None,
            }
            if i in by_id
            else {"isrc": None, "popularity": None, "countries": None}
        )
        for i in asked
    }
    columns = ("isrc", "popularity", "countries")
    nothing = dict.fromkeys(columns)
    before = {
        row.track_id: {name: getattr(row, name) for name in columns}
        for row in connection.execute(
            sa.select(track_detail).where(track_detail.c.track_id.in_(asked))
        )
    }
    changed = [i for i, values in wanted.items() if values != before.get(i, nothing)]
    upsert(
        connection,
        track_detail,
        [{"track_id": i, **values, "fetched_at": now} for i, values in wanted.items()],
    )
    if changed:
        connection.execute(
            sa.update(track).where(track.c.track_id.in_(changed)).values(updated_at=now)
        )
        meta.touch(connection)
