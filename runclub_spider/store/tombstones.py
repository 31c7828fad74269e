"""What was forgotten and is never taken up again."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import orjson
import sqlalchemy as sa

from runclub_spider.catalog.models import Track
from runclub_spider.store.db import meta
from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.tables import (
    artist,
    artist_link,
    audio_features,
    canonical,
    edition,
    feature_miss,
    open_answer,
    open_ask,
    open_metadata,
    page,
    playlist_change,
    rejection,
    release_row,
    tombstone,
    track,
    track_artist,
    track_detail,
    track_market,
    track_recording,
    track_source,
)
from runclub_spider.store.db.upsert import chunks, insert_new


class Kind(StrEnum):
    """What a tombstone names."""

    TRACK = "track"
    ARTIST = "artist"
    ISRC = "isrc"


def bury(connection: sa.Connection, kind: Kind, value: str, now: int) -> list[str]:
    """Write the tombstone, and remove every stored track it covers; returns their ids.

    Raw copies of pages lose the rows too. The counts of past pages stay: they are numbers.
    """
    insert_new(connection, tombstone, [{"kind": str(kind), "value": value, "created_at": now}])
    ids = _covered(connection, kind, value)
    _unask(connection, ids, value)
    for part in chunks(ids):
        for table in (
            track_source,
            track_market,
            track_artist,
            audio_features,
            feature_miss,
            track_detail,
            edition,
            track_recording,
            open_metadata,
            rejection,
            release_row,
            canonical,
            track,
        ):
            connection.execute(sa.delete(table).where(table.c.track_id.in_(part)))
    if kind is Kind.ARTIST:
        unused = ~sa.exists().where(track_artist.c.artist_id == artist.c.artist_id)
        connection.execute(sa.delete(artist).where(artist.c.artist_id == value, unused))
    if kind is Kind.ISRC:
        connection.execute(sa.delete(edition).where(edition.c.isrc == value))
    gone = frozenset(ids) | ({value} if kind is Kind.TRACK else frozenset())
    _scrub_pages(connection, gone, kind, value)
    _scrub_changes(connection, gone)
    _scrub_logs(connection, gone | {value})
    meta.touch(connection)
    return ids


def written_at(connection: sa.Connection, kind: Kind, value: str) -> int | None:
    """When a tombstone was written; None when there is none."""
    query = sa.select(tombstone.c.created_at).where(
        tombstone.c.kind == str(kind), tombstone.c.value == value
    )
    return connection.scalar(query)


_STONES = sa.select(tombstone.c.kind, tombstone.c.value).where(among(tombstone.c.value))


def buried(connection: sa.Connection, tracks: Iterable[Track]) -> set[str]:
    """Ids of those tracks that a tombstone covers, by id, artist or ISRC."""
    tracks = list(tracks)
    values = {t.track_id for t in tracks} | {t.isrc for t in tracks if t.isrc}
    values |= {a.artist_id for t in tracks for a in t.artists}
    found = {(row.kind, row.value) for row in connection.execute(_STONES, {"ids": texts(values)})}
    return {t.track_id for t in tracks if found and covers(found, t)}


def covers(stones: set[tuple[str, str]], found: Track) -> bool:
    """Whether one of the (kind, value) tombstones names the track."""
    return (
        (Kind.TRACK, found.track_id) in stones
        or (Kind.ISRC, found.isrc) in stones
        or any((Kind.ARTIST, a.artist_id) in stones for a in found.artists)
    )


def _covered(connection: sa.Connection, kind: Kind, value: str) -> list[str]:
    if kind is Kind.ARTIST:
        query = sa.select(track_artist.c.track_id).where(track_artist.c.artist_id == value)
    else:
        column = track.c.track_id if kind is Kind.TRACK else track.c.isrc
        query = sa.select(track.c.track_id).where(column == value)
    return sorted(set(connection.scalars(query)))


def _unask(connection: sa.Connection, ids: Sequence[str], value: str) -> None:
    """Questions that name what is forgotten by its code or id, and their answers."""
    names = {value}
    for part in chunks(ids):
        names.update(
            connection.scalars(
                sa.select(track.c.isrc).where(track.c.track_id.in_(part), track.c.isrc.is_not(None))
            )
        )
    for some in chunks(sorted(names)):
        for table in (open_ask, open_answer):
            connection.execute(sa.delete(table).where(table.c.key.in_(some)))
        connection.execute(sa.delete(artist_link).where(artist_link.c.artist_id.in_(some)))


def _scrub_pages(connection: sa.Connection, ids: frozenset[str], kind: Kind, value: str) -> None:
    keys = connection.scalars(sa.select(page.c.key).where(page.c.raw.is_not(None))).all()
    for key in keys:
        raw = connection.scalar(sa.select(page.c.raw).where(page.c.key == key))
        rows = orjson.loads(zlib.decompress(raw or b""))
        kept = scrubbed(rows, ids, kind, value)
        if kept != rows:
            packed = zlib.compress(orjson.dumps(kept), 6)
            connection.execute(sa.update(page).where(page.c.key == key).values(raw=packed))


def scrubbed(rows: Any, ids: frozenset[str], kind: Kind, value: str) -> Any:
    """The rows of a raw page without those that name a forgotten track."""
    if not isinstance(rows, list):
        return rows
    return [row for row in rows if not _names(row.get("track"), ids, kind, value)]


def _names(found: Any, ids: frozenset[str], kind: Kind, value: str) -> bool:
    if not found:
        return False
    return (
        found["track_id"] in ids
        or (kind is Kind.ISRC and found["isrc"] == value)
        or (kind is Kind.ARTIST and any(a["artist_id"] == value for a in found["artists"]))
    )


def _scrub_changes(connection: sa.Connection, ids: frozenset[str]) -> None:
    rows: Sequence[Any] = connection.execute(sa.select(playlist_change)).all()
    for row in rows:
        lists = {name: orjson.loads(getattr(row, name)) for name in ("added", "removed")}
        kept = {name: [i for i in found if i not in ids] for name, found in lists.items()}
        if kept != lists:
            connection.execute(
                sa.update(playlist_change)
                .where(
                    playlist_change.c.playlist_id == row.playlist_id,
                    playlist_change.c.new_snapshot == row.new_snapshot,
                )
                .values({name: orjson.dumps(found).decode() for name, found in kept.items()})
            )


def _scrub_logs(connection: sa.Connection, names: frozenset[str]) -> None:
    """Releases keep their counts of changes; the lists lose what names the forgotten."""
    for key in (meta.CANONICAL_LOG, meta.CHANGES, meta.UNSOUND):
        if (text := meta.get(connection, key)) is not None:
            kept = orjson.dumps(_unnamed(orjson.loads(text), names)).decode()
            meta.put(connection, key, kept)


def _unnamed(value: Any, names: frozenset[str]) -> Any:
    """JSON without the objects in its lists that hold one of the names."""
    if isinstance(value, dict):
        return {key: _unnamed(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [
            _unnamed(one, names)
            for one in value
            if not (isinstance(one, dict) and names & _texts(one))
        ]
    return value


def _texts(found: dict[str, Any]) -> set[str]:
    return {value for value in found.values() if isinstance(value, str)}
