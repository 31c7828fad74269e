"""The store as choosing reads it: spans of ids, with plain tuples for rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, pairwise
from typing import Any, NamedTuple

import sqlalchemy as sa

from runclub_spider.catalog.imported import Filled
from runclub_spider.store.db.tables import (
    LENGTH_MS,
    NAMED,
    artist,
    audio_features,
    feature_miss,
    open_metadata,
    track,
    track_artist,
    track_detail,
    track_market,
    track_source,
)
from runclub_spider.store.facts import imported
from runclub_spider.store.read.plain import plain_rows


class Span(NamedTuple):
    """Ids from `low` to before `high`; None is no bound, so that odd ids are in a span as well."""

    low: str | None = None
    high: str | None = None


#: (track_id, artist_id, name, genres); `genres` is still JSON text or None.
CreditRow = tuple[Any, Any, Any, Any]


class CandidateRow(NamedTuple):
    """What the rules and the choice look at; any value may be of any type."""

    track_id: Any
    name: Any
    isrc: Any
    linked_from: Any
    duration_ms: Any
    album_id: Any
    album_name: Any
    album_type: Any
    release_date: Any
    popularity: Any
    available_markets: Any
    playable: Any
    basis: Any
    features: Any
    tempo: Any
    energy: Any
    danceability: Any
    acousticness: Any
    speechiness: Any
    liveness: Any
    tries: Any
    original_year: Any
    tags: Any


def spans(connection: sa.Connection, tracks: int) -> list[Span]:
    """Spans that cover all ids, each of at most so many tracks."""
    # From bound to bound along the index: to number all ids takes ten times as long.
    key = track.c.track_id
    query = next_one = sa.select(key).order_by(key).offset(tracks).limit(1)
    bounds: list[Any] = []
    while (bound := connection.scalar(query)) is not None:
        bounds.append(bound)
        query = next_one.where(key >= bound)
    # An id that is no text orders before or after all texts; it needs no bound of its own.
    texts = [one for one in bounds if isinstance(one, str)]
    return [Span(low, high) for low, high in pairwise([None, *texts, None])]


def candidates(connection: sa.Connection, market: str, span: Span) -> Iterator[CandidateRow]:
    """Every track of a span, by id.

    Features that ReccoBeats does not give are those that were imported.
    """
    query = (
        sa.select(
            track.c.track_id,
            track.c.name,
            sa.func.coalesce(track.c.isrc, track_detail.c.isrc),
            track.c.linked_from,
            LENGTH_MS,
            track.c.album_id,
            track.c.album_name,
            track.c.album_type,
            track.c.release_date,
            sa.func.coalesce(track.c.popularity, track_detail.c.popularity),
            track.c.available_markets,
            track_market.c.playable,
            track_market.c.basis,
            audio_features.c.track_id,
            audio_features.c.tempo,
            audio_features.c.energy,
            audio_features.c.danceability,
            audio_features.c.acousticness,
            audio_features.c.speechiness,
            audio_features.c.liveness,
            feature_miss.c.tries,
            open_metadata.c.original_year,
            open_metadata.c.genres,
        )
        .outerjoin_from(
            track,
            track_market,
            (track_market.c.track_id == track.c.track_id) & (track_market.c.market == market),
        )
        .outerjoin(audio_features, audio_features.c.track_id == track.c.track_id)
        .outerjoin(feature_miss, feature_miss.c.track_id == track.c.track_id)
        .outerjoin(track_detail, track_detail.c.track_id == track.c.track_id)
        .outerjoin(open_metadata, open_metadata.c.track_id == track.c.track_id)
        .order_by(track.c.track_id)
    )
    rows = map(CandidateRow._make, _rows(connection, _within(query, track.c.track_id, span)))
    if not imported.present(connection):
        return rows
    imports = imported.of_tracks(connection, _bounds(track.c.track_id, span))
    return (_filled(row, got) if got else row for row, got in imported.beside(rows, imports))


def _filled(row: CandidateRow, got: Mapping[str, Filled]) -> CandidateRow:
    values = {name: one.value for name, one in got.items() if name in CandidateRow._fields}
    return row._replace(features=row.track_id, **values)


def credits(connection: sa.Connection, span: Span) -> Iterator[CreditRow]:  # noqa: A001
    """The artists with a name of each track, by track id and position."""
    query = (
        sa.select(track_artist.c.track_id, artist.c.artist_id, artist.c.name, artist.c.genres)
        .join_from(track_artist, artist, artist.c.artist_id == track_artist.c.artist_id)
        .where(NAMED)
        .order_by(track_artist.c.track_id, track_artist.c.position)
    )
    return _rows(connection, _within(query, track_artist.c.track_id, span))


def sources(connection: sa.Connection, span: Span) -> Iterator[tuple[Any, Any, Any, Any]]:
    """(track_id, source_type, source_key, station), by track id, type and key."""
    order = (track_source.c.track_id, track_source.c.source_type, track_source.c.source_key)
    query = sa.select(*order, track_source.c.station).order_by(*order)
    return _rows(connection, _within(query, track_source.c.track_id, span))


def _within(query: sa.Select[Any], key: sa.Column[Any], span: Span) -> sa.Select[Any]:
    return query.where(_bounds(key, span))


def _bounds(key: sa.Column[Any], span: Span) -> sa.ColumnElement[bool]:
    within: sa.ColumnElement[bool] = sa.true()
    if span.low is not None:
        within &= key >= span.low
    if span.high is not None:
        within &= key < span.high
    return within


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[tuple[Any, ...]]:
    # A span is a part of a store, and few megabytes.
    return chain.from_iterable(plain_rows(connection, query))
