"""Editions that share the ISRC of a feature miss, and what they lend it.

A miss is a track without features, or with a row that lacks the tempo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

import sqlalchemy as sa

from runclub_spider.catalog.models import AudioFeatures, TrackDetail
from runclub_spider.store.db import meta
from runclub_spider.store.db.buried import buried
from runclub_spider.store.db.tables import (
    LENGTH_MS,
    audio_features,
    edition,
    edition_search,
    feature_miss,
    track,
)
from runclub_spider.store.db.upsert import chunks, upsert
from runclub_spider.store.facts.features import USABLE

# One recording, give or take a fade: an ISRC that stands on something else does happen.
SAME_RECORDING_MS = 3000
# Numbers of two editions are never mixed: a track whose own row has a tempo borrows nothing.
_LACKING = ~sa.exists().where(
    audio_features.c.track_id == feature_miss.c.track_id,
    audio_features.c.borrowed_from.is_(None),
    audio_features.c.tempo.is_not(None),
)
_VALUES = tuple(field.name for field in fields(AudioFeatures))


def unsearched(connection: sa.Connection) -> list[str]:
    """ISRCs of feature misses that were not searched since the miss was last confirmed."""
    return list(
        connection.scalars(
            sa.select(track.c.isrc)
            .distinct()
            .join_from(feature_miss, track, track.c.track_id == feature_miss.c.track_id)
            .outerjoin(edition_search, edition_search.c.isrc == track.c.isrc)
            .where(
                track.c.isrc.is_not(None),
                _LACKING,
                edition_search.c.asked_at.is_(None)
                | (edition_search.c.asked_at < feature_miss.c.checked_at),
            )
            .order_by(track.c.isrc)
        )
    )


def save_search(
    connection: sa.Connection, isrcs: Sequence[str], found: Sequence[TrackDetail], now: int
) -> None:
    """Store which editions an answer named for the ISRCs asked; all may be asked anew.

    Not those that were forgotten.
    """
    asked = set(isrcs)
    ids = {row.track_id for row in found if row.track_id is not None}
    forgotten = buried(connection, "track", ids)
    upsert(connection, edition_search, [{"isrc": isrc, "asked_at": now} for isrc in isrcs])
    upsert(
        connection,
        edition,
        [
            {
                "isrc": row.isrc,
                "track_id": row.track_id,
                "duration_ms": row.duration_ms,
                "popularity": row.popularity,
                "asked_at": None,
            }
            for row in {(r.isrc, r.track_id): r for r in found}.values()
            if row.isrc in asked and row.track_id is not None and row.track_id not in forgotten
        ],
    )


def lenders(connection: sa.Connection) -> dict[str, list[str]]:
    """Edition to ask next -> the misses it may lend to; the best untried one of each ISRC.

    Best: most popular, then smallest id, of those that fit a miss in length. One at a time and in
    an order of their own, so that who lends to whom depends on no other answer.
    """
    rows = connection.execute(
        sa.select(
            edition.c.isrc,
            edition.c.track_id.label("edition"),
            edition.c.duration_ms,
            edition.c.popularity,
            feature_miss.c.track_id,
            LENGTH_MS.label("length"),
        )
        .join_from(feature_miss, track, track.c.track_id == feature_miss.c.track_id)
        .join(edition, edition.c.isrc == track.c.isrc)
        .where(
            edition.c.track_id != feature_miss.c.track_id, edition.c.asked_at.is_(None), _LACKING
        )
        .order_by(edition.c.isrc, edition.c.track_id, feature_miss.c.track_id)
    )
    best: dict[str, tuple[int, str]] = {}
    fitting: dict[str, list[str]] = {}
    for row in rows:
        if abs((row.duration_ms or row.length) - row.length) <= SAME_RECORDING_MS:
            claim = (-(row.popularity or 0), str(row.edition))
            best[row.isrc] = min(best.get(row.isrc, claim), claim)
            fitting.setdefault(row.edition, []).append(row.track_id)
    return {lender: fitting[lender] for _, lender in best.values()}


def settle_known(connection: sa.Connection, *, version: str, now: int) -> int:
    """Lend from editions that the store has features of, and pass over those it has none of.

    Returns how many misses were helped; no request is needed for either.
    """
    helped = 0
    while waiting := list(lenders(connection)):
        known: list[AudioFeatures] = []
        missed: list[str] = []
        for part in chunks(waiting):
            rows = connection.execute(
                sa.select(audio_features).where(
                    audio_features.c.track_id.in_(part),
                    audio_features.c.borrowed_from.is_(None),
                    USABLE,
                )
            )
            known += (AudioFeatures(**{n: getattr(row, n) for n in _VALUES}) for row in rows)
            missed += connection.scalars(
                sa.select(feature_miss.c.track_id).where(feature_miss.c.track_id.in_(part))
            )
        settled = [*(row.track_id for row in known), *missed]
        if not settled:
            break
        helped += len(save_loans(connection, settled, known, version=version, now=now))
    return helped


def save_loans(
    connection: sa.Connection,
    asked: Sequence[str],
    found: Sequence[AudioFeatures],
    *,
    version: str,
    now: int,
) -> list[str]:
    """Give the misses of today's `lenders` the features found for them; returns those helped.

    Only a row with tempo and energy is lent, and it stands in the place of a miss's own row.
    """
    by_id = {row.track_id: row for row in found if row.usable}
    waiting = lenders(connection)
    loans = [
        {
            **asdict(by_id[lender]),
            "track_id": miss,
            "version": version,
            "fetched_at": now,
            "borrowed_from": lender,
        }
        for lender in asked
        if lender in by_id
        for miss in waiting.get(lender, ())
    ]
    for part in chunks(list(asked)):
        connection.execute(
            sa.update(edition).where(edition.c.track_id.in_(part)).values(asked_at=now)
        )
    helped = [str(row["track_id"]) for row in loans]
    if helped:
        upsert(connection, audio_features, loans)
        connection.execute(sa.delete(feature_miss).where(feature_miss.c.track_id.in_(helped)))
        connection.execute(
            sa.update(track)
            .where(track.c.track_id.in_(helped))
            .values(has_features=True, last_enriched_at=now, updated_at=now)
        )
        meta.touch(connection)
    return helped
