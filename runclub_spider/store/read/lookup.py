"""What the store knows of one track, and finding tracks by ISRC or by artist and title."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.versions import artist_words, describe
from runclub_spider.store.db.tables import (
    NAMED,
    artist,
    edition,
    feature_miss,
    playlist,
    release_row,
    seed,
    seed_playlist,
    track,
    track_artist,
    track_detail,
    track_source,
)
from runclub_spider.store.db.upsert import chunks


def sources(connection: sa.Connection, track_id: str) -> list[sa.Row[Any]]:
    """(source_type, source_key, position, first_seen_at, removed_at, station), first seen first."""
    columns = ("source_type", "source_key", "position", "first_seen_at", "removed_at", "station")
    return list(
        connection.execute(
            sa.select(*(track_source.c[name] for name in columns))
            .where(track_source.c.track_id == track_id)
            .order_by(
                track_source.c.first_seen_at,
                sa.func.coalesce(track_source.c.station, track_source.c.source_type),
                track_source.c.source_key,
            )
        )
    )


def seeds(connection: sa.Connection, term: str) -> list[sa.Row[Any]]:
    """(market, family, umbrella, decade) of a track search in the ledger, by market."""
    return list(
        connection.execute(
            sa.select(seed.c.market, seed.c.family, seed.c.umbrella, seed.c.decade)
            .where(seed.c.term == term, seed.c.search_type == "track")
            .order_by(seed.c.market)
        )
    )


def playlist_of(connection: sa.Connection, playlist_id: str) -> Any | None:
    """(name, owner_id, owner_name) of a playlist."""
    return connection.execute(
        sa.select(playlist.c.name, playlist.c.owner_id, playlist.c.owner_name).where(
            playlist.c.playlist_id == playlist_id
        )
    ).one_or_none()


def searches_of(connection: sa.Connection, playlist_id: str) -> list[sa.Row[Any]]:
    """(term, position, family, umbrella, decade) of the searches that served a playlist."""
    return list(
        connection.execute(
            sa.select(
                seed_playlist.c.term,
                seed_playlist.c.position,
                seed.c.family,
                seed.c.umbrella,
                seed.c.decade,
            )
            .outerjoin_from(
                seed_playlist,
                seed,
                (seed.c.term == seed_playlist.c.term)
                & (seed.c.market == seed_playlist.c.market)
                & (seed.c.search_type == "playlist"),
            )
            .where(seed_playlist.c.playlist_id == playlist_id)
            .order_by(seed_playlist.c.position, seed_playlist.c.term)
        )
    )


def miss(connection: sa.Connection, track_id: str) -> Any | None:
    """(tries, checked_at, next_check_at) of a track that ReccoBeats had no features for."""
    columns = (feature_miss.c.tries, feature_miss.c.checked_at, feature_miss.c.next_check_at)
    return connection.execute(
        sa.select(*columns).where(feature_miss.c.track_id == track_id)
    ).one_or_none()


def tracks_led_by(
    connection: sa.Connection, artist_id: str, but: str
) -> Iterator[tuple[Any, Any, list[Any]]]:
    """(title, album, names of the artists) of the tracks that an artist stands first on.

    Args:
        connection: of the store.
        artist_id: of the artist.
        but: a track that is left out.
    """
    credited = connection.scalars(
        sa.select(track_artist.c.track_id)
        .where(track_artist.c.artist_id == artist_id, track_artist.c.track_id != but)
        .distinct()
        .order_by(track_artist.c.track_id)
    ).all()
    for part in chunks(credited):
        people: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        query = (
            sa.select(track_artist.c.track_id, artist.c.artist_id, artist.c.name)
            .join_from(track_artist, artist, artist.c.artist_id == track_artist.c.artist_id)
            .where(track_artist.c.track_id.in_(part), NAMED)
            .order_by(track_artist.c.track_id, track_artist.c.position)
        )
        for one in connection.execute(query):
            people[one.track_id].setdefault(one.artist_id, one.name)
        titles = sa.select(track.c.track_id, track.c.name, track.c.album_name)
        for row in connection.execute(titles.where(track.c.track_id.in_(part))):
            names = people[row.track_id]
            if next(iter(names), None) == artist_id:
                yield row.name, row.album_name, list(names.values())


def released(connection: sa.Connection, track_id: str) -> Any | None:
    """(version, umbrella, decade) of a track that the last release holds."""
    columns = (release_row.c.version, release_row.c.umbrella, release_row.c.decade)
    return connection.execute(
        sa.select(*columns).where(release_row.c.track_id == track_id)
    ).one_or_none()


def with_isrc(connection: sa.Connection, isrc: str) -> list[str]:
    """Ids of the stored editions of an ISRC, whoever named it; by id."""
    query = (
        sa.select(track.c.track_id)
        .outerjoin_from(track, track_detail, track_detail.c.track_id == track.c.track_id)
        .where(sa.func.coalesce(track.c.isrc, track_detail.c.isrc) == isrc)
        .order_by(track.c.track_id)
    )
    return list(connection.scalars(query))


def relinked_from(connection: sa.Connection, track_id: str) -> list[str]:
    """Stored tracks that Spotify served in the place of an id; by id."""
    query = sa.select(track.c.track_id).where(track.c.linked_from == track_id)
    return list(connection.scalars(query.order_by(track.c.track_id)))


def edition_of(connection: sa.Connection, track_id: str) -> list[str]:
    """ISRCs that ReccoBeats lists an id under, for the loan of its features."""
    query = sa.select(edition.c.isrc).where(edition.c.track_id == track_id)
    return list(connection.scalars(query.order_by(edition.c.isrc)))


def titled(connection: sa.Connection, artists: str, title: str) -> list[str]:
    """Ids of stored tracks by artist and title, compared by their normalised words; by id.

    A title without words of a version finds every version, and part of a title finds something
    only where no track bears it whole.
    """
    wanted, version = artist_words(artists), describe(title)
    if not wanted or not version.base:
        return []
    by_track = _credited(connection, wanted)
    whole, part = [], []
    words = set(version.base.split())
    for track_id, name in _names(connection, sorted(by_track)):
        if not wanted <= by_track[track_id]:
            continue
        found = describe(name)
        if version.tags and not set(version.tags) <= set(found.tags):
            continue
        if found.base == version.base:
            whole.append(track_id)
        elif words <= set(found.base.split()):
            part.append(track_id)
    return whole or part


def _credited(connection: sa.Connection, wanted: Collection[str]) -> dict[str, set[str]]:
    """Tracks of artists who bear all those words, or nothing but some, with the artists' words."""
    wanted = frozenset(wanted)
    named: dict[str, frozenset[str]] = {}
    people = sa.select(artist.c.artist_id, artist.c.name).execution_options(yield_per=2000)
    for row in connection.execute(people):
        words = artist_words(row.name)
        if words and (words <= wanted or wanted <= words):
            named[row.artist_id] = words
    found: dict[str, set[str]] = {}
    for part in chunks(sorted(named)):
        rows = connection.execute(
            sa.select(track_artist.c.track_id, track_artist.c.artist_id).where(
                track_artist.c.artist_id.in_(part)
            )
        )
        for row in rows:
            found.setdefault(row.track_id, set()).update(named[row.artist_id])
    return found


def _names(connection: sa.Connection, ids: Sequence[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for part in chunks(ids):
        query = sa.select(track.c.track_id, track.c.name).where(track.c.track_id.in_(part))
        found += [(row.track_id, row.name) for row in connection.execute(query)]
    return sorted(found)
