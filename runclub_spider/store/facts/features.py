"""Audio features and their misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from operator import attrgetter
from typing import NamedTuple

import sqlalchemy as sa

from runclub_spider.catalog.models import AudioFeatures
from runclub_spider.store.db import meta
from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.exported import ELIGIBLE
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import audio_features, feature_miss, track
from runclub_spider.store.db.upsert import RowInsert

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
_NAMES = tuple(one.name for one in fields(AudioFeatures))
_VALUES = attrgetter(*_NAMES)
_STORED = Prepared(
    sa.select(
        audio_features.c.track_id,
        audio_features.c.version,
        audio_features.c.borrowed_from,
        *(audio_features.c[name] for name in _NAMES),
    ).where(among(audio_features.c.track_id))
)
_NO_MISS = Prepared(sa.delete(feature_miss).where(among(feature_miss.c.track_id)))
_TRIES = Prepared(
    sa.select(feature_miss.c.track_id, feature_miss.c.tries).where(among(feature_miss.c.track_id))
)
_HAS_FEATURES = Prepared(
    sa.update(track)
    .where(among(track.c.track_id))
    .values(has_features=True, last_enriched_at=_AT, updated_at=_AT)
)
_KEPT = ("version", "fetched_at", "borrowed_from")
_FOUND = RowInsert(
    audio_features,
    (*_NAMES, *_KEPT),
    lambda new: {name: new[name] for name in (*_NAMES[1:], *_KEPT)},
)
_COUNTED = ("tries", "checked_at", "next_check_at")
_MISSED = RowInsert(
    feature_miss, ("track_id", *_COUNTED), lambda new: {name: new[name] for name in _COUNTED}
)


class _Stored(NamedTuple):
    """What the store holds of a track's features, and whose they are."""

    version: str
    borrowed_from: str | None
    values: AudioFeatures


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
    given = {"ids": texts([row.track_id for row in rows])}
    known = {
        row[0]: _Stored(row[1], row[2], AudioFeatures(*row[3:]))
        for row in _STORED.rows(connection, given)
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
    _FOUND(connection, [(*_VALUES(row), version, now, None) for row in stored])
    if whole:
        _NO_MISS.rows(connection, {"ids": texts(whole)})
    if stored:
        ids = texts([row.track_id for row in stored])
        _HAS_FEATURES.rows(connection, {"ids": ids, "at": now})
    meta.touch(connection)
    missed = [i for i in missed if i not in whole]
    if not missed:
        return
    tries = {row[0]: row[1] for row in _TRIES.rows(connection, {"ids": texts(missed)})}
    _MISSED(
        connection,
        [
            (i, tried + 1, now, now + int(gap_seconds * 2 ** min(tried, 10)))
            for i in missed
            for tried in [tries.get(i, 0)]
        ],
    )


def _joined(row: AudioFeatures, old: _Stored | None, version: str) -> AudioFeatures | None:
    """What to keep of a new row and the stored one; None leaves the stored one.

    A number is never replaced by nothing. Two editions' or versions' numbers are never mixed:
    then one row stands, the newer unless only the older has a tempo.
    """
    if old is None:
        return row
    if old.borrowed_from is None and old.version == version:
        return AudioFeatures(
            **{
                name: getattr(old.values, name) if value is None else value
                for name, value in asdict(row).items()
            }
        )
    return row if row.tempo is not None or old.values.tempo is None else None


def _is(row: AudioFeatures, old: _Stored | None, version: str) -> bool:
    """Whether the store holds just this."""
    return (
        old is not None
        and (old.borrowed_from, old.version) == (None, version)
        and old.values == row
    )
