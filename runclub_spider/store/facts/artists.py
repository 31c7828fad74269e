"""Artist records."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import sqlalchemy as sa

from runclub_spider.catalog.models import Artist
from runclub_spider.catalog.rules import CURABLE
from runclub_spider.store.db import meta
from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.exported import ELIGIBLE
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import artist, rejection, track, track_artist
from runclub_spider.store.db.upsert import RowInsert
from runclub_spider.store.facts import imported

_PENDING = (
    sa.select(artist.c.artist_id)
    .distinct()
    .join_from(artist, track_artist, track_artist.c.artist_id == artist.c.artist_id)
    .where(
        artist.c.fetched_at.is_(None) | (artist.c.fetched_at < sa.bindparam("stale_before")),
        ~sa.exists().where(
            rejection.c.track_id == track_artist.c.track_id,
            *(rejection.c.rule != rule for rule in sorted(map(str, CURABLE))),
        ),
    )
    .order_by(artist.c.artist_id)
)
_PENDING_AMONG = Prepared(_PENDING.where(among(track_artist.c.track_id)))


def pending(
    connection: sa.Connection, *, stale_before: int, track_ids: Sequence[str] | None = None
) -> list[str]:
    """Artists of eligible tracks that were never asked, or last before a moment; by id.

    Tracks that lack no more than an artist's name or their length count as eligible. With
    `track_ids` only the artists of those tracks are looked at.
    """
    if track_ids is None:
        return list(connection.scalars(_PENDING, {"stale_before": stale_before}))
    given = {"stale_before": stale_before, "ids": texts(track_ids)}
    return _PENDING_AMONG.first(connection, given)


def deciding(connection: sa.Connection, *, stale_before: int, limit: int) -> list[str]:
    """Artists of most eligible tracks with a year, that were never asked or before a moment.

    They decide most about which cell a track may fill. By number of tracks, then by id.
    """
    tracks = sa.func.count()
    return list(
        connection.scalars(
            sa.select(artist.c.artist_id)
            .join_from(artist, track_artist, track_artist.c.artist_id == artist.c.artist_id)
            .join(track, track.c.track_id == track_artist.c.track_id)
            .where(
                artist.c.fetched_at.is_(None) | (artist.c.fetched_at < stale_before),
                track.c.release_date >= "1970",
                ELIGIBLE,
            )
            .group_by(artist.c.artist_id)
            .order_by(tracks.desc(), artist.c.artist_id)
            .limit(limit)
        )
    )


_SAID = ("name", "genres", "popularity", "image_url")
_STORED = Prepared(
    sa.select(artist.c.artist_id, *(artist.c[name] for name in _SAID)).where(
        among(artist.c.artist_id)
    )
)
_FETCHED = RowInsert(
    artist,
    ("artist_id", *_SAID, "fetched_at"),
    lambda new: {name: new[name] for name in (*_SAID, "fetched_at")},
)
_AT = sa.bindparam("at", type_=sa.BigInteger())
_OF_THEM = track.c.track_id.in_(
    sa.select(track_artist.c.track_id).where(among(track_artist.c.artist_id))
)
_CHANGED = Prepared(sa.update(track).where(_OF_THEM).values(updated_at=_AT))
_THEIRS = Prepared(
    sa.select(track_artist.c.track_id)
    .distinct()
    .where(among(track_artist.c.artist_id))
    .order_by(track_artist.c.track_id)
)


def save(
    connection: sa.Connection, asked: Sequence[str], found: Sequence[Artist], now: int
) -> list[str]:
    """Store one answer; an artist that was asked and not found counts as fetched, empty.

    Returns the tracks of artists that had no name before: they may be whole now.
    """
    by_id = {row.artist_id: row for row in found}
    old = {row[0]: row[1:] for row in _STORED.rows(connection, {"ids": texts(asked)})}
    changed, named, renamed, rows = [], [], [], []
    for artist_id in asked:
        if artist_id not in old:
            continue
        before, now_row = old[artist_id], by_id.get(artist_id)
        name, genres = before[:2]
        values = (
            (now_row.name if now_row else "") or name,
            _genres(genres, now_row),
            now_row.popularity if now_row else None,
            now_row.image_url if now_row else None,
        )
        if values != tuple(before):
            changed.append(artist_id)
        if values[0] != name:
            renamed.append(artist_id)
        if values[0] and not name.strip():
            named.append(artist_id)
        rows.append((artist_id, *values, now))
    if rows:
        theirs = _THEIRS.first(connection, {"ids": texts(renamed)}) if renamed else []
        with imported.noting_sharers(connection, (), now, of=theirs):
            _FETCHED(connection, rows)
    if changed:
        _CHANGED.rows(connection, {"ids": texts(changed), "at": now})
        meta.touch(connection)
    _COMPLETE_OF.rows(connection, {"ids": texts(asked), "at": now})
    return _THEIRS.first(connection, {"ids": texts(named)}) if named else []


def _genres(before: str | None, found: Artist | None) -> str | None:
    """The JSON text to keep: an artist that is gone has none, silence changes nothing."""
    if found is not None and found.genres is None:
        return before
    return orjson.dumps(found.genres if found else ()).decode()


def note_complete(connection: sa.Connection, track_ids: Sequence[str], now: int) -> None:
    """Mark those tracks whose artists were all fetched before they came."""
    _COMPLETE.rows(connection, {"ids": texts(track_ids), "at": now})


_OTHER = track_artist.alias()
_UNFETCHED = sa.exists().where(
    _OTHER.c.track_id == track.c.track_id,
    _OTHER.c.artist_id == artist.c.artist_id,
    artist.c.fetched_at.is_(None),
)


def _complete(which: sa.ColumnElement[bool]) -> Prepared:
    return Prepared(
        sa.update(track)
        .where(which, ~track.c.has_artist, ~_UNFETCHED)
        .values(has_artist=True, last_enriched_at=_AT)
    )


_COMPLETE = _complete(among(track.c.track_id))
_COMPLETE_OF = _complete(_OF_THEM)
