"""What open metadata is still to be asked for, and the answers.

A key that was answered is not asked again; one that was not found, only after a gap that doubles
each time. All lists are in key order, so that batches do not depend on arrival.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.original import Question, question, suspect
from runclub_spider.catalog.recordings import Metadata, Person, Recording, Tag
from runclub_spider.store.db.exported import ELIGIBLE
from runclub_spider.store.db.tables import (
    artist,
    artist_link,
    open_answer,
    open_artist,
    open_ask,
    open_genre,
    open_tag,
    recording,
    recording_artist,
    track,
    track_artist,
    track_detail,
    track_recording,
)
from runclub_spider.store.db.upsert import chunks, insert_new, select_among, upsert

#: The kinds of questions.
ISRC, TITLE, URL, RECORDING, ARTIST = "isrc", "title", "url", "recording", "artist"
_MOST_DOUBLINGS = 10
#: The ISRC of a track, whoever told it.
CODE = sa.func.coalesce(track.c.isrc, track_detail.c.isrc)


@dataclass(frozen=True, slots=True)
class Due:
    """When a question may be asked: the moment, and before which an answer is as good as none."""

    now: int
    stale_before: int = 0
    gap_seconds: float = 0.0


def pending_isrcs(connection: sa.Connection, due: Due) -> list[str]:
    """ISRCs of eligible tracks that were not asked, or are due again."""
    codes = (
        sa.select(CODE.label("code"))
        .distinct()
        .outerjoin_from(track, track_detail, track_detail.c.track_id == track.c.track_id)
        .where(ELIGIBLE, CODE.is_not(None))
        .subquery()
    )
    query = sa.select(codes.c.code).where(~_settled(ISRC, codes.c.code, due))
    return list(connection.scalars(query.order_by(codes.c.code)))


def pending_songs(connection: sa.Connection, due: Due) -> dict[str, Question]:
    """Songs to ask by title and artist, by key: no recording by ISRC, or a doubtful year.

    A song asks for the codes that were not found by themselves as well: that costs nothing, and
    an answer that was cut short has its second chance.
    """
    found: dict[str, Question] = {}
    asked = _settled_keys(connection, TITLE, due)
    for row in _songs(connection):
        if row.code is not None and row.asked is None:
            continue
        year = row.release_date and int(row.release_date[:4])
        doubtful = suspect(
            row.name,
            year,
            row.code,
            compilation=row.album_type == "compilation",
            found=row.year,
        )
        if row.found and not doubtful:
            continue
        song = question(row.name, row.artist, () if row.found or not row.code else (row.code,))
        if song is None or song.key in asked:
            continue
        known = found.get(song.key)
        if known is not None:
            song = replace(known, isrcs=tuple(sorted({*known.isrcs, *song.isrcs})))
        found[song.key] = song
    return {key: found[key] for key in sorted(found)}


def pending_artist_urls(connection: sa.Connection, due: Due) -> list[str]:
    """Spotify ids of primary artists of eligible tracks that no recording has named."""
    ids = (
        sa.select(track_artist.c.artist_id)
        .distinct()
        .join_from(track, track_artist, track_artist.c.track_id == track.c.track_id)
        .outerjoin(artist_link, artist_link.c.artist_id == track_artist.c.artist_id)
        .where(ELIGIBLE, track_artist.c.position == 0, artist_link.c.artist_id.is_(None))
        .subquery()
    )
    query = sa.select(ids.c.artist_id).where(~_settled(URL, ids.c.artist_id, due))
    return list(connection.scalars(query.order_by(ids.c.artist_id)))


def pending_recordings(connection: sa.Connection, due: Due) -> list[str]:
    """MBIDs of tracks' recordings that ListenBrainz was not asked about, or is again."""
    ids = sa.select(track_recording.c.mbid).distinct().subquery()
    query = sa.select(ids.c.mbid).where(~_settled(RECORDING, ids.c.mbid, due))
    return list(connection.scalars(query.order_by(ids.c.mbid)))


def pending_artists(connection: sa.Connection, due: Due) -> list[str]:
    """MBIDs of artists of which neither life span nor tags were told."""
    ids = sa.union(
        sa.select(recording_artist.c.artist_mbid).join_from(
            track_recording, recording_artist, recording_artist.c.mbid == track_recording.c.mbid
        ),
        sa.select(artist_link.c.artist_mbid),
    ).subquery()
    query = sa.select(ids.c.artist_mbid).where(~_settled(ARTIST, ids.c.artist_mbid, due))
    return list(connection.scalars(query.order_by(ids.c.artist_mbid)))


def save_isrcs(
    connection: sa.Connection, asked: Collection[str], found: Sequence[Recording], due: Due
) -> None:
    """Store the recordings of an answer, and which of the codes asked it had none for."""
    wanted = set(asked)
    pairs = [(one, code) for one in found for code in one.isrcs if code in wanted]
    save_recordings(connection, [one for one, _ in pairs])
    _answer(connection, ISRC, [(code, one.mbid) for one, code in pairs])
    _ask(connection, ISRC, asked, {code for _, code in pairs}, due)


def save_songs(
    connection: sa.Connection, asked: Sequence[Question], found: Sequence[Recording], due: Due
) -> None:
    """Store the recordings of an answer to songs, and which of these it had none for.

    A recording belongs to a song when one of its artists with its title asks the same.
    """
    keys = {song.key for song in asked}
    pairs = _matched(keys, found)
    save_recordings(connection, [one for _, one in pairs])
    _answer(connection, TITLE, [(key, one.mbid) for key, one in pairs])
    _ask(connection, TITLE, sorted(keys), {key for key, _ in pairs}, due)
    codes = sorted({code for song in asked for code in song.isrcs})
    told = {code for one in found for code in one.isrcs} & set(codes)
    if told:
        save_isrcs(connection, sorted(told), found, due)


def unanswered(asked: Sequence[Question], found: Sequence[Recording]) -> list[str]:
    """Keys of the songs that no recording of an answer belongs to."""
    there = {key for key, _ in _matched({song.key for song in asked}, found)}
    return [song.key for song in asked if song.key not in there]


def _matched(keys: Collection[str], found: Sequence[Recording]) -> list[tuple[str, Recording]]:
    pairs = []
    for one in found:
        for name in one.names:
            own = question(one.title, name)
            if own is not None and own.key in keys:
                pairs.append((own.key, one))
    return pairs


def save_recordings(connection: sa.Connection, found: Sequence[Recording]) -> None:
    """Recordings with their artists' names and tags; what was known of an artist stays."""
    by_mbid = {one.mbid: one for one in found}
    upsert(
        connection,
        recording,
        [
            {
                "mbid": one.mbid,
                "title": one.title,
                "remark": one.remark,
                "length_ms": one.length_ms,
                "year": one.year,
            }
            for one in by_mbid.values()
        ],
        keep_old_if_null=("length_ms", "year"),
    )
    _credit(
        connection,
        {one.mbid: [mbid for mbid, _ in one.credit] for one in by_mbid.values()},
        {(one.mbid, artist): name for one in by_mbid.values() for artist, name in one.credited},
    )
    names = {mbid: name for one in by_mbid.values() for mbid, name in one.credit}
    insert_new(connection, open_artist, [{"mbid": m, "name": names[m]} for m in sorted(names)])
    _tag(connection, [tag for one in by_mbid.values() for tag in one.tags])


def save_urls(
    connection: sa.Connection, asked: Sequence[str], found: Mapping[str, str], due: Due
) -> None:
    """Which MusicBrainz artists the Spotify artists asked are."""
    told = {one: found[one] for one in asked if one in found}
    upsert(
        connection,
        artist_link,
        [{"artist_id": i, "artist_mbid": told[i], "route": URL} for i in sorted(told)],
    )
    _ask(connection, URL, asked, set(told), due)


def save_metadata(
    connection: sa.Connection, asked: Sequence[str], found: Sequence[Metadata], due: Due
) -> None:
    """Artists, years and genres of the recordings asked; their artists are settled with them."""
    wanted = set(asked)
    told = [one for one in found if one.mbid in wanted]
    for one in told:
        if one.year is not None:
            connection.execute(
                sa.update(recording)
                .where(recording.c.mbid == one.mbid, recording.c.year.is_(None))
                .values(year=one.year)
            )
    people = {person.mbid: person for one in told for person in one.artists}
    credits_ = {one.mbid: [p.mbid for p in one.artists] for one in told if one.artists}
    _credit(connection, credits_, _credited(connection, sorted(credits_)))
    _people(connection, list(people.values()))
    tags = [tag for one in told for tag in one.tags]
    _tag(connection, tags)
    add_genres(connection, {tag.name for tag in tags})
    _ask(connection, RECORDING, asked, {one.mbid for one in told}, due)
    _ask(connection, ARTIST, sorted(people), set(people), due)


def save_artists(
    connection: sa.Connection, asked: Sequence[str], found: Sequence[Person], due: Due
) -> None:
    """Life spans and tags of the artists asked."""
    wanted = set(asked)
    told = [one for one in found if one.mbid in wanted]
    _people(connection, told)
    _tag(connection, [tag for one in told for tag in one.tags])
    _ask(connection, ARTIST, asked, {one.mbid for one in told}, due)


def add_genres(connection: sa.Connection, names: Collection[str]) -> None:
    """Names of official genres."""
    insert_new(connection, open_genre, [{"name": name} for name in sorted(names)])


def _songs(connection: sa.Connection) -> Iterator[Any]:
    """Eligible tracks with their primary artist, and what their ISRC led to, by id."""
    ask = open_ask.alias()
    year = (
        sa.select(sa.func.min(recording.c.year))
        .join_from(open_answer, recording, recording.c.mbid == open_answer.c.mbid)
        .where(open_answer.c.kind == ISRC, open_answer.c.key == CODE)
        .scalar_subquery()
    )
    query = (
        sa.select(
            track.c.track_id,
            track.c.name,
            track.c.album_type,
            track.c.release_date,
            CODE.label("code"),
            artist.c.name.label("artist"),
            ask.c.asked_at.label("asked"),
            sa.func.coalesce(ask.c.found, sa.false()).label("found"),
            year.label("year"),
        )
        .join_from(track, track_artist, track_artist.c.track_id == track.c.track_id)
        .join(artist, artist.c.artist_id == track_artist.c.artist_id)
        .outerjoin(track_detail, track_detail.c.track_id == track.c.track_id)
        .outerjoin(ask, (ask.c.kind == ISRC) & (ask.c.key == CODE))
        .where(ELIGIBLE, track_artist.c.position == 0)
        .order_by(track.c.track_id)
        .execution_options(yield_per=2000)
    )
    return iter(connection.execute(query))


def _settled(kind: str, key: Any, due: Due) -> Any:
    """The question was answered, or is not due yet."""
    return sa.exists().where(
        open_ask.c.kind == kind,
        open_ask.c.key == key,
        open_ask.c.asked_at >= due.stale_before,
        open_ask.c.found | (open_ask.c.next_check_at > due.now),
    )


def _settled_keys(connection: sa.Connection, kind: str, due: Due) -> set[str]:
    query = sa.select(open_ask.c.key).where(
        open_ask.c.kind == kind,
        open_ask.c.asked_at >= due.stale_before,
        open_ask.c.found | (open_ask.c.next_check_at > due.now),
    )
    return set(connection.scalars(query))


def _ask(
    connection: sa.Connection, kind: str, asked: Collection[str], found: Collection[str], due: Due
) -> None:
    """Note that keys were asked; a miss is due again after a gap that doubles each time."""
    tries: dict[str, int] = {}
    for part in chunks(list(asked)):
        rows = connection.execute(
            sa.select(open_ask.c.key, open_ask.c.tries).where(
                open_ask.c.kind == kind, open_ask.c.key.in_(part)
            )
        )
        tries.update((row.key, row.tries) for row in rows)
    upsert(
        connection,
        open_ask,
        [
            {
                "kind": kind,
                "key": key,
                "found": key in found,
                "tries": tries.get(key, 0) + 1,
                "asked_at": due.now,
                "next_check_at": due.now
                + int(due.gap_seconds * 2 ** min(tries.get(key, 0), _MOST_DOUBLINGS)),
            }
            for key in asked
        ],
    )


def _answer(connection: sa.Connection, kind: str, pairs: Collection[tuple[str, str]]) -> None:
    rows = [{"kind": kind, "key": key, "mbid": mbid} for key, mbid in sorted(set(pairs))]
    insert_new(connection, open_answer, rows)


def _credited(connection: sa.Connection, mbids: Sequence[str]) -> dict[tuple[str, str], str]:
    """The names that recordings credit artists with, as they are stored."""
    columns = ("mbid", "artist_mbid", "credited_as")
    rows = select_among(connection, recording_artist, columns, "mbid", mbids)
    return {(mbid, artist): name for mbid, artist, name in rows if name is not None}


def _credit(
    connection: sa.Connection,
    artists: Mapping[str, Sequence[str]],
    credited: Mapping[tuple[str, str], str],
) -> None:
    """Replace the artists of recordings; `credited` are other names by recording and artist."""
    for part in chunks(sorted(artists)):
        connection.execute(sa.delete(recording_artist).where(recording_artist.c.mbid.in_(part)))
    rows = [
        {
            "mbid": mbid,
            "position": at,
            "artist_mbid": one,
            "credited_as": credited.get((mbid, one)),
        }
        for mbid in sorted(artists)
        for at, one in enumerate(artists[mbid])
    ]
    if rows:
        connection.execute(sa.insert(recording_artist), rows)


def _people(connection: sa.Connection, found: Sequence[Person]) -> None:
    upsert(
        connection,
        open_artist,
        [
            {"mbid": p.mbid, "name": p.name, "kind": p.kind, "begin_year": p.begin_year}
            for p in found
        ],
        keep_old_if_null=("kind", "begin_year"),
    )


def _tag(connection: sa.Connection, tags: Sequence[Tag]) -> None:
    """Votes for tags; a later answer replaces an earlier one."""
    votes = {(tag.entity, tag.mbid, tag.name): tag.count for tag in tags}
    upsert(
        connection,
        open_tag,
        [
            {"entity": entity, "mbid": mbid, "name": name, "votes": votes[entity, mbid, name]}
            for entity, mbid, name in sorted(votes)
        ],
    )
