"""The store as a release's rows are written from it: some tracks at a time, with plain tuples.

The statements are compiled once, and the driver's cursor hands out the rows: of a release of many
thousand tracks SQLAlchemy's own rows took longer than to read them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
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


def wide(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Those tracks by id, with all exported columns by name: what `catalogue.wide` gives."""
    rows: Iterable[Sequence[Any]]
    if imported.present(connection):
        rows = (tuple(row._asdict().values()) for row in catalogue.wide(connection, ids))
    else:
        rows = _WIDE.rows(connection, {"ids": texts(ids)})
    return dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True))


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
    found: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(tuple(row[1:]))
    return found
