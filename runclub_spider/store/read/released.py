"""The store as a release's rows are written from it: some tracks at a time, with plain tuples.

The statements are compiled once, and the driver's cursor hands out the rows: of a release of many
thousand tracks SQLAlchemy's own rows took longer than to read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import (
    NAMED,
    artist,
    track,
    track_artist,
    track_market,
    track_source,
)
from runclub_spider.store.facts import imported
from runclub_spider.store.read import catalogue

_COLUMNS = catalogue.WIDE.selected_columns.keys()
_WIDE = Prepared(catalogue.WIDE.where(among(track.c.track_id)))
_ARTIST = (artist.c.artist_id, artist.c.name, artist.c.genres)
_CREDITS = Prepared(
    sa.select(track_artist.c.track_id, *_ARTIST, artist.c.popularity, artist.c.image_url)
    .join_from(track_artist, artist, artist.c.artist_id == track_artist.c.artist_id)
    .where(NAMED, among(track_artist.c.track_id))
    .order_by(track_artist.c.track_id, track_artist.c.position)
)
_SOURCE = (track_source.c.track_id, track_source.c.source_type, track_source.c.source_key)
_SOURCES = Prepared(
    sa.select(*_SOURCE, track_source.c.station)
    .where(among(track_source.c.track_id))
    .order_by(*_SOURCE)
)
_MARKETS = Prepared(
    sa.select(
        track_market.c.track_id,
        track_market.c.market,
        track_market.c.playable,
        track_market.c.basis,
    )
    .where(among(track_market.c.track_id))
    .order_by(track_market.c.track_id, track_market.c.market)
)

#: By track id its rows, in their order and without the id.
Beside = dict[str, list[tuple[Any, ...]]]


def wide(connection: sa.Connection, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Those tracks with all exported columns by name, by id: what `catalogue.wide` gives."""
    if imported.present(connection):
        return (row._asdict() for row in catalogue.wide(connection, ids))
    rows = _WIDE.rows(connection, {"ids": texts(ids)})
    return (dict(zip(_COLUMNS, row, strict=True)) for row in rows)


def credits(connection: sa.Connection, ids: Sequence[str]) -> Beside:  # noqa: A001
    """(artist_id, name, genres, popularity, image_url) of artists with a name, by position.

    `genres` is still JSON text or None.
    """
    return _by_track(_CREDITS.rows(connection, {"ids": texts(ids)}))


def sources(connection: sa.Connection, ids: Sequence[str]) -> Beside:
    """(source_type, source_key, station), playlists before searches."""
    return _by_track(_SOURCES.rows(connection, {"ids": texts(ids)}))


def markets(connection: sa.Connection, ids: Sequence[str]) -> Beside:
    """(market, playable, basis) by market."""
    return _by_track(_MARKETS.rows(connection, {"ids": texts(ids)}))


def _by_track(rows: Sequence[Sequence[Any]]) -> Beside:
    found: Beside = {}
    for track_id, *values in rows:
        found.setdefault(track_id, []).append(tuple(values))
    return found
