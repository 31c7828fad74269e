"""What was forgotten and is never taken up again."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson
import sqlalchemy as sa

from runclub_spider.catalog.models import Track
from runclub_spider.catalog.original import question
from runclub_spider.store.db import exported, meta
from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import (
    artist,
    artist_link,
    audio_features,
    canonical,
    edition,
    edition_search,
    feature_miss,
    fleet_need,
    imported_features,
    open_answer,
    open_artist,
    open_ask,
    open_metadata,
    open_tag,
    page,
    playlist_change,
    recording,
    recording_artist,
    rejection,
    release_row,
    song,
    tombstone,
    track,
    track_artist,
    track_detail,
    track_market,
    track_recording,
    track_source,
)
from runclub_spider.store.db.upsert import chunks, insert_new
from runclub_spider.store.facts import imported


class Kind(StrEnum):
    """What a tombstone names."""

    TRACK = "track"
    ARTIST = "artist"
    ISRC = "isrc"


def bury(connection: sa.Connection, kind: Kind, value: str, now: int) -> list[str]:
    """Write the tombstone, and remove every stored track it covers; returns their ids.

    With them goes what names them elsewhere: rows of raw pages, other tracks' links and loans, and
    what is known by codes and recordings that no other track has. The counts of past pages stay:
    they are numbers.
    """
    ids = _covered(connection, kind, value)
    stones = [(kind, value)]
    if kind is Kind.ISRC:
        # A crawl does not see a code that only ReccoBeats told: these come back by no other way.
        stones += [(Kind.TRACK, one) for one in _told_elsewhere(connection, value)]
    rows = [{"kind": str(what), "value": one, "created_at": now} for what, one in stones]
    insert_new(connection, tombstone, rows)
    gone = frozenset(ids) | ({value} if kind is Kind.TRACK else frozenset())
    names = _names_of(connection, ids)
    if kind is Kind.ISRC:
        names.codes.add(value)
    with imported.noting_sharers(connection, names.codes, now):
        for part in chunks(sorted(gone)):
            for table in _BY_TRACK:
                connection.execute(sa.delete(table).where(table.c.track_id.in_(part)))
    _unlink(connection, sorted(gone), now)
    codes = _unused(connection, names.codes, track.c.isrc, track_detail.c.isrc)
    _forget_codes(connection, codes)
    recordings = _unused(connection, names.recordings, track_recording.c.mbid)
    people = _forget_recordings(connection, recordings, names.titles)
    imports = imported_features.c
    for key_kind, keys in (("id", gone), ("isrc", codes), ("mbid", recordings)):
        of_kind = sa.delete(imported_features).where(imports.key_kind == key_kind)
        for part in chunks(sorted(keys)):
            connection.execute(of_kind.where(imports.key_value.in_(part)))
    needed = gone | {value} if kind is Kind.ARTIST else gone
    for part in chunks(sorted(needed)):
        connection.execute(sa.delete(fleet_need).where(fleet_need.c.needed.in_(part)))
    if kind is Kind.ARTIST:
        people |= _forget_artist(connection, value, now)
    _forget_people(connection, people)
    _scrub_pages(connection, gone, kind, value)
    _scrub_changes(connection, gone)
    _scrub_logs(connection, gone | {value} | codes)
    meta.touch(connection)
    return ids


# In the order that their references allow.
_BY_TRACK = (
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
)


def written_at(connection: sa.Connection, kind: Kind, value: str) -> int | None:
    """When a tombstone was written; None when there is none."""
    query = sa.select(tombstone.c.created_at).where(
        tombstone.c.kind == str(kind), tombstone.c.value == value
    )
    return connection.scalar(query)


_ANY = Prepared(sa.select(sa.exists(sa.select(tombstone.c.kind))))
_STONES = sa.select(tombstone.c.kind, tombstone.c.value).where(among(tombstone.c.value))


def buried(connection: sa.Connection, tracks: Iterable[Track]) -> set[str]:
    """Ids of those tracks that a tombstone covers, by id, artist or ISRC."""
    if not any(_ANY.first(connection, {})):
        return set()
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


_told_code = sa.func.coalesce(track.c.isrc, track_detail.c.isrc)
_CODED = sa.select(track.c.track_id).outerjoin_from(
    track, track_detail, track_detail.c.track_id == track.c.track_id
)


def _covered(connection: sa.Connection, kind: Kind, value: str) -> list[str]:
    if kind is Kind.ARTIST:
        query = sa.select(track_artist.c.track_id).where(track_artist.c.artist_id == value)
    elif kind is Kind.TRACK:
        query = sa.select(track.c.track_id).where(track.c.track_id == value)
    else:
        query = _CODED.where(_told_code == value)
    return sorted(set(connection.scalars(query)))


def _told_elsewhere(connection: sa.Connection, code: str) -> list[str]:
    """Tracks of which Spotify does not tell that they have an ISRC."""
    return sorted(connection.scalars(_CODED.where(_told_code == code, track.c.isrc.is_(None))))


@dataclass(slots=True)
class _Names:
    """What else some tracks are known by: ISRCs, MBIDs of recordings, keys of title and artist."""

    codes: set[str] = field(default_factory=set)
    recordings: set[str] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)


def _names_of(connection: sa.Connection, ids: Sequence[str]) -> _Names:
    found = _Names()
    for part in chunks(ids):
        rows = connection.execute(
            sa.select(track.c.name, track.c.isrc, track_detail.c.isrc, artist.c.name)
            .outerjoin_from(track, track_detail, track_detail.c.track_id == track.c.track_id)
            .outerjoin(
                track_artist,
                (track_artist.c.track_id == track.c.track_id) & (track_artist.c.position == 0),
            )
            .outerjoin(artist, artist.c.artist_id == track_artist.c.artist_id)
            .where(track.c.track_id.in_(part))
        )
        for name, *codes, person in rows:
            found.codes.update(code for code in codes if code is not None)
            if (song_asked := question(name, person or "")) is not None:
                found.titles.add(song_asked.key)
        found.recordings.update(
            connection.scalars(
                sa.select(track_recording.c.mbid).where(track_recording.c.track_id.in_(part))
            )
        )
    answers = sa.select(open_answer.c.mbid)
    for kind, keys in (("isrc", found.codes), ("title", found.titles)):
        for part in chunks(sorted(keys)):
            of_kind = answers.where(open_answer.c.kind == kind, open_answer.c.key.in_(part))
            found.recordings.update(connection.scalars(of_kind))
    return found


def _unused(
    connection: sa.Connection, values: Iterable[str], *columns: sa.Column[Any]
) -> frozenset[str]:
    """Those of the values that stand in none of the columns."""
    left = set(values)
    for column in columns:
        for part in chunks(sorted(left)):
            left.difference_update(connection.scalars(sa.select(column).where(column.in_(part))))
    return frozenset(left)


def _unlink(connection: sa.Connection, gone: Sequence[str], now: int) -> None:
    """Other tracks that name what is gone: they were relinked from it, or borrow its features.

    What was borrowed goes back, and is asked for anew.
    """
    for part in chunks(gone):
        linked = track.c.linked_from.in_(part)
        exported.changed(connection, linked, now)
        connection.execute(sa.update(track).where(linked).values(linked_from=None))
        borrowed = audio_features.c.borrowed_from.in_(part)
        borrowers = connection.scalars(sa.select(audio_features.c.track_id).where(borrowed)).all()
        connection.execute(sa.delete(audio_features).where(borrowed))
        for some in chunks(borrowers):
            connection.execute(
                sa.update(track).where(track.c.track_id.in_(some)).values(has_features=False)
            )
            exported.changed(connection, track.c.track_id.in_(some), now)


def _delete(connection: sa.Connection, values: Sequence[str], *columns: sa.Column[Any]) -> None:
    """Delete the rows that hold one of some values in one of these columns."""
    for column in columns:
        connection.execute(sa.delete(column.table).where(column.in_(values)))


def _forget_codes(connection: sa.Connection, codes: Iterable[str]) -> None:
    for part in chunks(sorted(codes)):
        _delete(
            connection,
            part,
            open_ask.c.key,
            open_answer.c.key,
            edition.c.isrc,
            edition_search.c.isrc,
            canonical.c.isrc,
        )
        connection.execute(sa.update(song).where(song.c.isrc.in_(part)).values(isrc=None))


def _forget_recordings(
    connection: sa.Connection, mbids: Iterable[str], titles: Iterable[str]
) -> set[str]:
    """What MusicBrainz knows of recordings; returns the MBIDs of their artists.

    The questions for their titles are asked anew if other tracks ask the same.
    """
    people: set[str] = set()
    for part in chunks(sorted(mbids)):
        named = recording_artist.c.mbid.in_(part)
        people.update(connection.scalars(sa.select(recording_artist.c.artist_mbid).where(named)))
        _delete(
            connection,
            part,
            open_ask.c.key,
            open_answer.c.mbid,
            open_tag.c.mbid,
            recording_artist.c.mbid,
            recording.c.mbid,
        )
    for part in chunks(sorted(titles)):
        connection.execute(sa.delete(open_ask).where(open_ask.c.key.in_(part)))
    return people


def _forget_artist(connection: sa.Connection, artist_id: str, now: int) -> set[str]:
    """A Spotify artist whose tracks are gone; returns the MBIDs that it was known by."""
    unused = ~sa.exists().where(track_artist.c.artist_id == artist.c.artist_id)
    connection.execute(sa.delete(artist).where(artist.c.artist_id == artist_id, unused))
    connection.execute(sa.delete(open_ask).where(open_ask.c.key == artist_id))
    links = artist_link.c.artist_id == artist_id
    mbids = set(connection.scalars(sa.select(artist_link.c.artist_mbid).where(links)))
    connection.execute(sa.delete(artist_link).where(links))
    for mbid in _unused(connection, mbids, artist_link.c.artist_mbid):
        # Credited on recordings of others, where Spotify does not name it.
        credited = recording_artist.c.artist_mbid == mbid
        connection.execute(sa.delete(recording_artist).where(credited))
        named = open_metadata.c.artist_mbids.contains(mbid, autoescape=True)
        query = sa.select(open_metadata.c.track_id, open_metadata.c.artist_mbids).where(named)
        for track_id, known in connection.execute(query).all():
            kept = [one for one in orjson.loads(known) if one != mbid]
            connection.execute(
                sa.update(open_metadata)
                .where(open_metadata.c.track_id == track_id)
                .values(artist_mbids=orjson.dumps(kept).decode() if kept else None)
            )
            exported.changed(connection, track.c.track_id == track_id, now)
    return mbids


def _forget_people(connection: sa.Connection, mbids: Iterable[str]) -> None:
    """Artists of MusicBrainz that neither a recording nor a Spotify artist leads to any more."""
    columns = (recording_artist.c.artist_mbid, artist_link.c.artist_mbid)
    for part in chunks(sorted(_unused(connection, mbids, *columns))):
        _delete(
            connection,
            part,
            open_ask.c.key,
            open_tag.c.mbid,
            open_artist.c.mbid,
        )


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
    """The rows of a raw page without those of a forgotten track, and without links to one."""
    if not isinstance(rows, list):
        return rows
    return [
        _unlinked(row, ids) for row in rows if not _is_named(row.get("track"), ids, kind, value)
    ]


def _unlinked(row: Any, ids: frozenset[str]) -> Any:
    found = row.get("track")
    if not found or found.get("linked_from") not in ids:
        return row
    return {**row, "track": {**found, "linked_from": None}}


def _is_named(found: Any, ids: frozenset[str], kind: Kind, value: str) -> bool:
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
