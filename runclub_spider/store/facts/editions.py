"""Editions that share the ISRC of a feature miss, and what they lend it.

A miss is a track without features, or with a row that lacks the tempo. An ISRC may stand for
several recordings: what cannot be the miss's own lends it nothing (`catalog/editions.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.editions import Edition, plausible
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
from runclub_spider.store.facts import sharers
from runclub_spider.store.facts.features import USABLE

# One recording, give or take a fade. It is less than editions of one recording differ by, for
# lengths are told of all editions, and numbers of a longer cut are not this one's.
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

    Not those that were forgotten, nor those that by title or artist cannot be the recording of a
    miss that they would lend to.
    """
    asked = set(isrcs)
    ids = {row.track_id for row in found if row.track_id is not None}
    forgotten = buried(connection, "track", ids)
    misses = _misses(connection, isrcs)
    upsert(connection, edition_search, [{"isrc": isrc, "asked_at": now} for isrc in isrcs])
    rows, wrong = [], []
    for row in {(r.isrc, r.track_id): r for r in found}.values():
        if row.isrc not in asked or row.track_id is None or row.track_id in forgotten:
            continue
        if any(_is_another(row, miss) for miss in misses.get(row.isrc, ())):
            wrong.append({"b_isrc": row.isrc, "b_track": row.track_id})
            continue
        rows.append(
            {
                "isrc": row.isrc,
                "track_id": row.track_id,
                "duration_ms": row.duration_ms,
                "popularity": row.popularity,
                "asked_at": None,
            }
        )
    upsert(connection, edition, rows)
    if wrong:
        of_both = (edition.c.isrc == sa.bindparam("b_isrc")) & (
            edition.c.track_id == sa.bindparam("b_track")
        )
        connection.execute(sa.delete(edition).where(of_both), wrong)


def _misses(connection: sa.Connection, isrcs: Sequence[str]) -> dict[str, list[Edition]]:
    """The misses of those ISRCs."""
    codes: dict[str, str] = {}
    for part in chunks(isrcs):
        query = sa.select(track.c.track_id, track.c.isrc).join_from(
            feature_miss, track, track.c.track_id == feature_miss.c.track_id
        )
        codes |= {
            row.track_id: row.isrc
            for row in connection.execute(query.where(track.c.isrc.in_(part)))
        }
    found: dict[str, list[Edition]] = {}
    for track_id, known in sharers.editions(connection, codes).items():
        found.setdefault(codes[track_id], []).append(known)
    return found


def _is_another(row: TrackDetail, miss: Edition) -> bool:
    """Whether an edition fits a miss in length alone; without a title nothing says so."""
    length = row.duration_ms or miss.duration_ms
    return (
        bool(row.title)
        and _fits(length, miss.duration_ms)
        and not plausible(Edition(row.title, row.artists, length), miss)
    )


def _fits(length: int, other: int) -> bool:
    return abs(length - other) <= SAME_RECORDING_MS


def lenders(connection: sa.Connection) -> dict[str, list[str]]:
    """Edition to ask next -> the misses it may lend to; the best untried one of each ISRC.

    Best: most popular, then smallest id, of those that fit a miss in length and were searched for
    since it was one. One at a time and in an order of their own, so that who lends to whom depends
    on no other answer.
    """
    lender = track.alias()
    rows = connection.execute(
        sa.select(
            edition.c.isrc,
            edition.c.track_id.label("edition"),
            lender.c.track_id.label("stored"),
            edition.c.duration_ms,
            edition.c.popularity,
            feature_miss.c.track_id,
            LENGTH_MS.label("length"),
        )
        .join_from(feature_miss, track, track.c.track_id == feature_miss.c.track_id)
        .join(edition, edition.c.isrc == track.c.isrc)
        .join(edition_search, edition_search.c.isrc == track.c.isrc)
        .outerjoin(lender, lender.c.track_id == edition.c.track_id)
        .where(
            edition.c.track_id != feature_miss.c.track_id,
            edition.c.asked_at.is_(None),
            edition_search.c.asked_at >= feature_miss.c.checked_at,
            _LACKING,
        )
        .order_by(edition.c.isrc, edition.c.track_id, feature_miss.c.track_id)
    )
    best: dict[str, tuple[int, str]] = {}
    fitting: dict[str, list[str]] = {}
    pairs = [row for row in rows if _fits(row.duration_ms or row.length, row.length)]
    for row in _without_others(connection, pairs):
        claim = (-(row.popularity or 0), str(row.edition))
        best[row.isrc] = min(best.get(row.isrc, claim), claim)
        fitting.setdefault(row.edition, []).append(row.track_id)
    return {one: fitting[one] for _, one in best.values()}


def _without_others(connection: sa.Connection, pairs: Sequence[Any]) -> Iterator[Any]:
    """The pairs but those of stored tracks that cannot be one recording, whoever searched."""
    stored = [row for row in pairs if row.stored is not None]
    ids = {one for row in stored for one in (row.edition, row.track_id)}
    known = sharers.editions(connection, ids)
    for row in pairs:
        if row.stored is None or plausible(known[row.edition], known[row.track_id]):
            yield row


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
