"""What ReccoBeats says of tracks where Spotify's answers withhold it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.models import TrackDetail
from runclub_spider.catalog.rules import NO_DURATION
from runclub_spider.store.db import exported
from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.tables import LENGTH_MS, rejection, track, track_detail
from runclub_spider.store.db.upsert import upsert
from runclub_spider.store.facts import imported

_KNOWN = sa.exists().where(
    track_detail.c.track_id == track.c.track_id,
    track_detail.c.fetched_at >= sa.bindparam("stale_before"),
)
_REFUSED = sa.exists().where(
    rejection.c.track_id == track.c.track_id, rejection.c.rule != NO_DURATION.name
)


def _pending(*, lengths_only: bool, of_some: bool) -> sa.Select[str]:
    lacking = LENGTH_MS <= 0
    if not lengths_only:
        lacking |= track.c.popularity.is_(None) | track.c.isrc.is_(None)
    query = sa.select(track.c.track_id).where(lacking, ~_KNOWN, ~_REFUSED)
    return (query.where(among(track.c.track_id)) if of_some else query).order_by(track.c.track_id)


# By whether only lengths are asked for, and only of some tracks.
_PENDING = {
    (lengths, some): _pending(lengths_only=lengths, of_some=some)
    for lengths in (False, True)
    for some in (False, True)
}


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
    given: dict[str, Any] = {"stale_before": stale_before}
    if track_ids is not None:
        given["ids"] = texts(track_ids)
    return list(connection.scalars(_PENDING[lengths_only, track_ids is not None], given))


_COLUMNS = ("isrc", "popularity", "countries", "duration_ms")
_STORED = sa.select(track_detail).where(among(track_detail.c.track_id))


def save(
    connection: sa.Connection, asked: Sequence[str], found: Sequence[TrackDetail], now: int
) -> None:
    """Store one answer; a track it does not know is remembered with nothing.

    A length once told stays: it decides whether the track is in.
    """
    before = {
        row.track_id: {name: getattr(row, name) for name in _COLUMNS}
        for row in connection.execute(_STORED, {"ids": texts(asked)})
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
    codes = [row["isrc"] for rows in (before, wanted) for row in rows.values()]
    with imported.noting_sharers(connection, codes, now, of=changed):
        upsert(
            connection,
            track_detail,
            [{"track_id": i, **values, "fetched_at": now} for i, values in wanted.items()],
        )
    if changed:
        exported.changed(connection, among(track.c.track_id), now, ids=texts(changed))
