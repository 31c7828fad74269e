"""Audio features and their misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.models import AudioFeatures
from runclub_spider.store.db import meta
from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.exported import ELIGIBLE
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import audio_features, feature_miss, track
from runclub_spider.store.db.upsert import upsert

#: Rows that need not be asked again: the others serve for what they have.
USABLE = audio_features.c.tempo.is_not(None) & audio_features.c.energy.is_not(None)

_CURRENT = sa.exists().where(
    audio_features.c.track_id == track.c.track_id,
    audio_features.c.version == sa.bindparam("version"),
    audio_features.c.fetched_at >= sa.bindparam("stale_before"),
    USABLE,
)
_WAITING = sa.exists().where(
    feature_miss.c.track_id == track.c.track_id,
    feature_miss.c.next_check_at > sa.bindparam("now"),
    feature_miss.c.checked_at >= sa.bindparam("stale_before"),
)
_PENDING = (
    sa.select(track.c.track_id).where(~_CURRENT, ~_WAITING, ELIGIBLE).order_by(track.c.track_id)
)
_PENDING_AMONG = Prepared(_PENDING.where(among(track.c.track_id)))


def pending(
    connection: sa.Connection,
    *,
    version: str,
    now: int,
    stale_before: int = 0,
    track_ids: Sequence[str] | None = None,
) -> list[str]:
    """Eligible tracks without features of this version, misses due again included; by id.

    A row without tempo or energy is no better than none. What was asked before `stale_before` is
    as good as never asked.
    """
    given = {"version": version, "now": now, "stale_before": stale_before}
    if track_ids is None:
        return list(connection.scalars(_PENDING, given))
    return _PENDING_AMONG.first(connection, {**given, "ids": texts(track_ids)})


_AT = sa.bindparam("at", type_=sa.BigInteger())
_STORED = sa.select(audio_features).where(among(audio_features.c.track_id))
_NO_MISS = sa.delete(feature_miss).where(among(feature_miss.c.track_id))
_TRIES = sa.select(feature_miss.c.track_id, feature_miss.c.tries).where(
    among(feature_miss.c.track_id)
)
_HAS_FEATURES = (
    sa.update(track)
    .where(among(track.c.track_id))
    .values(has_features=True, last_enriched_at=_AT, updated_at=_AT)
)


def save(
    connection: sa.Connection,
    found: Sequence[AudioFeatures],
    missed: Sequence[str],
    *,
    version: str,
    gap_seconds: float,
    now: int,
    partial: Sequence[AudioFeatures] = (),
) -> None:
    """Store one answer: features found, and misses with a gap that doubles each time.

    `partial` are rows of missed ids that have some numbers: they are kept, and asked again as
    misses until tempo and energy are there.
    """
    rows = [*found, *partial]
    known = {
        row.track_id: row
        for row in connection.execute(_STORED, {"ids": texts([row.track_id for row in rows])})
    }
    joined = [_joined(row, known.get(row.track_id), version) for row in rows]
    # A row that brought nothing new keeps its moment: nothing that is exported has changed.
    again = {row.track_id for row in partial}
    stored = [
        row
        for row in joined
        if row is not None
        and not (row.track_id in again and _is(row, known.get(row.track_id), version))
    ]
    whole = {row.track_id for row in joined if row is not None and row.usable}
    upsert(
        connection,
        audio_features,
        [
            {**asdict(row), "version": version, "fetched_at": now, "borrowed_from": None}
            for row in stored
        ],
    )
    if whole:
        connection.execute(_NO_MISS, {"ids": texts(whole)})
    if stored:
        ids = texts([row.track_id for row in stored])
        connection.execute(_HAS_FEATURES, {"ids": ids, "at": now})
    missed = [i for i in missed if i not in whole]
    tries: dict[str, int] = {}
    if missed:
        rows_of = connection.execute(_TRIES, {"ids": texts(missed)})
        tries = {row.track_id: row.tries for row in rows_of}
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


def _joined(row: AudioFeatures, old: Any | None, version: str) -> AudioFeatures | None:
    """What to keep of a new row and the stored one; None leaves the stored one.

    A number is never replaced by nothing. Two editions' or versions' numbers are never mixed:
    then one row stands, the newer unless only the older has a tempo.
    """
    if old is None:
        return row
    if old.borrowed_from is None and old.version == version:
        return AudioFeatures(
            **{
                name: getattr(old, name) if value is None else value
                for name, value in asdict(row).items()
            }
        )
    return row if row.tempo is not None or old.tempo is None else None


def _is(row: AudioFeatures, old: Any | None, version: str) -> bool:
    """Whether the store holds just this."""
    return (
        old is not None
        and (old.borrowed_from, old.version) == (None, version)
        and all(getattr(old, name) == value for name, value in asdict(row).items())
    )
