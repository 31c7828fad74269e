"""The songs as a whole: their keys, their links to Spotify tracks, and what waits for follow-up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.editions import Edition, plausible
from runclub_spider.catalog.versions import KEY_RULES, SOFT_DURATION_MS, soft_key
from runclub_spider.store.db import meta
from runclub_spider.store.db.tables import (
    LENGTH_MS,
    artist,
    external_play,
    play_review,
    song,
    track,
    track_artist,
    track_recording,
)
from runclub_spider.store.db.upsert import chunks
from runclub_spider.store.facts import sharers

_LINKED, _KEYED = "songs_linked", "song_keys"
_BATCH = 2_000
#: How the key of a song ends that a person set apart.
OWN = "#own"


def complete_keys(connection: sa.Connection) -> int:
    """Give keys to songs that came without, such as another program's; returns how many.

    Of two such songs with the same words the one with the smaller id is found by them.
    """
    # Not above: matching brings rapidfuzz, and most who read songs match none.
    from runclub_spider.catalog.matching import keys_of

    rows = list(
        connection.execute(
            sa.select(song.c.id, song.c.title, song.c.artist)
            .where(song.c.match_key.is_(None))
            .order_by(song.c.id)
        )
    )
    keys = {row.id: keys_of(row.title, row.artist) for row in rows}
    taken: set[str] = set()
    for part in chunks(sorted({key.exact for key in keys.values()})):
        taken.update(
            connection.scalars(sa.select(song.c.match_key).where(song.c.match_key.in_(part)))
        )
    updates = []
    for row in rows:
        key = keys[row.id]
        exact = key.exact if key.exact not in taken else f"{key.exact}#{row.id}"
        taken.add(exact)
        updates.append({"b_id": row.id, "match_key": exact, "artist_key": key.artist})
    if updates:
        connection.execute(sa.update(song).where(song.c.id == sa.bindparam("b_id")), updates)
    return len(updates)


def renew_keys(connection: sa.Connection) -> int:
    """Make the keys of all songs anew where an earlier version made them; returns how many changed.

    Where the rules tell apart what they put together, songs stay as they are, and plays find
    theirs anew (:func:`.rematch.match_again`). Where they put together what they told apart, both
    songs stay, and the one that bore the key goes on to be found by it.
    """
    if meta.get(connection, _KEYED) == KEY_RULES:
        return 0
    # As above.
    from runclub_spider.catalog.matching import keys_of

    columns = (song.c.id, song.c.title, song.c.artist, song.c.match_key, song.c.artist_key)
    changed = []
    for row in connection.execute(sa.select(*columns).where(song.c.match_key.is_not(None))):
        keys = keys_of(row.title, row.artist)
        own = OWN if row.match_key.endswith(OWN) else ""
        if (row.match_key, row.artist_key) != (keys.exact + own, keys.artist):
            changed.append((row.id, keys.exact + own if own else None, keys.artist))
    if changed:
        # All are given up before any is taken: one may be another's.
        update = sa.update(song).where(song.c.id == sa.bindparam("b_id"))
        freed = [{"b_id": one, "match_key": None, "artist_key": key} for one, _, key in changed]
        connection.execute(update, freed)
        owned = [{"b_id": one, "match_key": key} for one, key, _ in changed if key]
        if owned:
            connection.execute(update, owned)
        complete_keys(connection)
    meta.put(connection, _KEYED, KEY_RULES)
    return len(changed)


def link_tracks(connection: sa.Connection) -> int:
    """Link songs to the Spotify tracks of the same recording; returns how many were.

    By ISRC, unless title and artist, or the length, say that it is another recording under the same
    code; else by recording MBID, where MusicBrainz told which tracks are it; else by people,
    title and version, where the length agrees within two seconds, or where the song's is not
    known and all such tracks agree with each other. Of several the most popular one is taken,
    then the smallest id. Nothing is looked at while neither side nor the rules changed.
    """
    renew_keys(connection)
    waiting = sa.select(sa.func.count(), sa.func.max(song.c.created_at)).where(
        song.c.track_id.is_(None)
    )
    number, latest = connection.execute(waiting).one()
    state = f"{KEY_RULES}|{meta.revision(connection)}|{number}|{latest}"
    if not number or meta.get(connection, _LINKED) == state:
        return 0
    links = _by_isrc(connection)
    links |= _by_recording(connection, without=set(links))
    links |= _by_words(connection, without=set(links))
    if links:
        connection.execute(
            sa.update(song).where(song.c.id == sa.bindparam("b_id")),
            [{"b_id": one, "track_id": links[one]} for one in sorted(links)],
        )
    number, latest = connection.execute(waiting).one()
    state = f"{KEY_RULES}|{meta.revision(connection)}|{number}|{latest}"
    meta.put(connection, _LINKED, state)
    return len(links)


def _by_isrc(connection: sa.Connection) -> dict[str, str]:
    rows = connection.execute(
        sa.select(
            *(song.c.id, song.c.title, song.c.artist, song.c.duration_ms),
            *(track.c.track_id, track.c.popularity),
        )
        .join(track, track.c.isrc == song.c.isrc)
        .where(song.c.track_id.is_(None), song.c.isrc.is_not(None))
    ).all()
    known = sharers.editions(connection, (row.track_id for row in rows))
    return _most_popular(row for row in rows if _may_be(row, known[row.track_id]))


def _may_be(row: Any, known: Edition) -> bool:
    """Whether a track with a song's ISRC may be its recording; few songs tell their length."""
    return plausible(Edition(row.title, (row.artist,), row.duration_ms or known.duration_ms), known)


def _by_recording(connection: sa.Connection, without: set[str]) -> dict[str, str]:
    rows = connection.execute(
        sa.select(song.c.id, track.c.track_id, track.c.popularity)
        .join(track_recording, track_recording.c.mbid == song.c.mbid)
        .join(track, track.c.track_id == track_recording.c.track_id)
        .where(song.c.track_id.is_(None))
    )
    return _most_popular(row for row in rows if row.id not in without)


def _most_popular(rows: Iterable[Any]) -> dict[str, str]:
    """Of the tracks of each song the most popular, then the smallest id."""
    found: dict[str, list[tuple[int, str]]] = {}
    for row in rows:
        found.setdefault(row.id, []).append((-(row.popularity or 0), row.track_id))
    return {one: min(tracks)[1] for one, tracks in found.items()}


def _by_words(connection: sa.Connection, without: set[str]) -> dict[str, str]:
    waiting = {
        row.match_key: (row.id, row.duration_ms)
        for row in connection.execute(
            sa.select(song.c.id, song.c.match_key, song.c.duration_ms).where(
                song.c.track_id.is_(None), song.c.match_key.is_not(None)
            )
        )
        if row.id not in without and not row.match_key.startswith("=")
    }
    # Tracks credited to all their people come before those that agree by the first alone.
    whole: dict[str, list[tuple[int, int, str]]] = {}
    first: dict[str, list[tuple[int, int, str]]] = {}
    for track_id, name, people, duration, popularity in _tracks(connection):
        entry = (duration, -(popularity or 0), track_id)
        key = soft_key(name, people)
        if key in waiting:
            whole.setdefault(key, []).append(entry)
        elif len(people) > 1 and (key := soft_key(name, people[:1])) in waiting:
            first.setdefault(key, []).append(entry)
    links = {}
    for key, (song_id, duration) in waiting.items():
        tracks = whole.get(key) or first.get(key) or []
        if duration is not None:
            tracks = [one for one in tracks if abs(one[0] - duration) <= SOFT_DURATION_MS]
        lengths = [one[0] for one in tracks]
        if tracks and max(lengths) - min(lengths) <= SOFT_DURATION_MS:
            links[song_id] = min(one[1:] for one in tracks)[1]
    return links


def _tracks(connection: sa.Connection) -> Iterator[tuple[str, str, list[str], int, int | None]]:
    """(id, name, artists in order, length, popularity) of every track."""
    rows = connection.execute(
        sa.select(
            track.c.track_id,
            track.c.name,
            LENGTH_MS.label("duration_ms"),
            track.c.popularity,
            artist.c.name.label("artist"),
        )
        .join(track_artist, track_artist.c.track_id == track.c.track_id)
        .join(artist, artist.c.artist_id == track_artist.c.artist_id)
        .order_by(track.c.track_id, track_artist.c.position)
        .execution_options(yield_per=_BATCH)
    )
    current: Any = None
    people: list[str] = []
    for row in rows:
        if current is not None and row.track_id != current.track_id:
            yield current.track_id, current.name, people, current.duration_ms, current.popularity
            people = []
        current = row
        people.append(row.artist)
    if current is not None:
        yield current.track_id, current.name, people, current.duration_ms, current.popularity


def without_embedding(connection: sa.Connection, source: str) -> Iterator[dict[str, Any]]:
    """Songs a source brought that no follow-up has embedded yet, with its plays, by id."""
    plays = (
        sa.select(external_play.c.song_id, sa.func.count().label("plays"))
        .where(external_play.c.source == source)
        .group_by(external_play.c.song_id)
        .subquery()
    )
    names = ("id", "title", "artist", "album", "year", "mbid", "isrc", "track_id")
    rows = connection.execute(
        sa.select(*(song.c[name] for name in names), sa.func.coalesce(plays.c.plays, 0))
        .outerjoin_from(song, plays, plays.c.song_id == song.c.id)
        .where(song.c.source == source, sa.not_(song.c.has_embedding))
        .order_by(song.c.id)
        .execution_options(yield_per=_BATCH)
    )
    for row in rows:
        yield dict(zip((*names, "plays"), row, strict=True))


def backlog_state(connection: sa.Connection, source: str) -> tuple[int, str]:
    """Songs of a source that wait for an embedding, and a text that tells states apart.

    The text changes when a file of the songs that wait, or of the notes on plays, would.
    """
    own = song.c.source == source
    waiting = connection.scalar(
        sa.select(sa.func.count()).where(own, sa.not_(song.c.has_embedding))
    )
    filled = connection.execute(
        sa.select(
            sa.func.count(song.c.track_id),
            sa.func.count(song.c.isrc),
            sa.func.count(song.c.mbid),
            sa.func.count(song.c.album),
            sa.func.count(song.c.year),
        ).where(own)
    ).one()
    counted = [
        connection.scalar(
            sa.select(sa.func.count()).select_from(table).where(table.c.source == source)
        )
        for table in (external_play, song, play_review)
    ]
    return int(waiting or 0), "|".join(map(str, (*counted, waiting, *filled)))


def numbers(connection: sa.Connection, source: str) -> dict[str, int]:
    """A source's plays, the songs they are plays of, and how many of those have a track."""
    own = external_play.c.source == source
    plays = sa.select(sa.func.count()).select_from(external_play).where(own)
    songs = sa.select(sa.func.count()).where(
        song.c.id.in_(sa.select(external_play.c.song_id).where(own))
    )
    linked = songs.where(song.c.track_id.is_not(None))
    queries = {"plays": plays, "songs": songs, "songs with a track": linked}
    return {name: int(connection.scalar(query) or 0) for name, query in queries.items()}


def unlinked(connection: sa.Connection, source: str) -> Sequence[Any]:
    """A source's songs without a track, most played first: (id, title, artist, isrc, plays)."""
    plays = sa.func.count()
    return list(
        connection.execute(
            sa.select(song.c.id, song.c.title, song.c.artist, song.c.isrc, plays.label("plays"))
            .join(external_play, external_play.c.song_id == song.c.id)
            .where(song.c.track_id.is_(None), external_play.c.source == source)
            .group_by(song.c.id, song.c.title, song.c.artist, song.c.isrc)
            .order_by(plays.desc(), song.c.id)
        )
    )
