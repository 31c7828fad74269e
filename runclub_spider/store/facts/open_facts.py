"""What follows from open metadata for each track: its recording, artists, first year and genres.

A function of the answers in the store: the same answers in any order give the same facts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa

from runclub_spider.catalog.open_genres import shares
from runclub_spider.catalog.original import (
    Dated,
    YearSource,
    first_possible,
    original_edition_term,
    original_year,
    question,
    same_code,
    same_song,
)
from runclub_spider.catalog.versions import artist_words
from runclub_spider.store.db import exported, meta
from runclub_spider.store.db.exported import ELIGIBLE
from runclub_spider.store.db.tables import (
    LENGTH_MS,
    artist,
    artist_link,
    open_answer,
    open_artist,
    open_ask,
    open_genre,
    open_metadata,
    open_tag,
    recording,
    recording_artist,
    track,
    track_artist,
    track_detail,
    track_recording,
)
from runclub_spider.store.db.upsert import chunks, insert_new, upsert
from runclub_spider.store.facts.open_questions import CODE, ISRC, TITLE, URL

_PART = 2000
_SETTLED = "open_metadata_settled"
_FACTS = (
    "recording_mbid",
    "artist_mbids",
    "original_year",
    "year_source",
    "year_confidence",
    "genres",
)
#: An original edition is looked for when the year is as sure as this, and this far away.
_SURE, _FAR = 0.8, 3


@dataclass(frozen=True, slots=True)
class _Track:
    """A stored track as far as it is compared; artists as (Spotify id, name) in order."""

    track_id: str
    name: str
    duration_ms: int
    album_year: int | None
    code: str | None
    artists: list[tuple[str, str]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.artists]

    @property
    def key(self) -> str | None:
        song = question(self.name, self.artists[0][1]) if self.artists else None
        return None if song is None else song.key


@dataclass(frozen=True, slots=True)
class _Found:
    """A recording with its credit as (artist's MBID, name); an artist may stand under two names."""

    mbid: str
    title: str
    remark: str
    length_ms: int | None
    year: int | None
    credit: list[tuple[str, str]] = field(default_factory=list)


def settle(connection: sa.Connection, *, now: int, this_year: int) -> int:
    """Derive the facts of all eligible tracks anew; returns how many tracks' facts changed.

    Where neither tracks nor answers changed since the last time there is nothing to do.
    """
    if meta.get(connection, _SETTLED) == _state(connection, this_year):
        return 0
    _match(connection)
    changed: list[str] = []
    official = set(connection.scalars(sa.select(open_genre.c.name)))
    for part in _parts(connection):
        changed += _decide(connection, part, official, this_year)
    for ids in chunks(changed):
        exported.changed(connection, track.c.track_id.in_(ids), now)
    meta.put(connection, _SETTLED, _state(connection, this_year))
    return len(changed)


def _state(connection: sa.Connection, this_year: int) -> str:
    """What the facts follow from, in short: equal states, equal facts."""
    asks = connection.execute(
        sa.select(sa.func.count(), sa.func.sum(open_ask.c.tries), sa.func.max(open_ask.c.asked_at))
    ).one()
    genres = connection.scalar(sa.select(sa.func.count()).select_from(open_genre))
    policy = meta.get(connection, "policy")
    return "|".join(map(str, (meta.revision(connection), *asks, genres, policy, this_year)))


@dataclass(frozen=True, slots=True)
class OriginalEditionSearch:
    """A search for the original edition of a song of which only a late one is stored.

    `track_id` is the late edition, `album_year` its year, `year` the song's own.
    """

    term: str
    track_id: str
    album_year: int
    year: int


def original_edition_searches(
    connection: sa.Connection, *, most: int, years: tuple[int, int] | None = None
) -> list[OriginalEditionSearch]:
    """Searches that may bring an original edition, the most popular song first; one a song.

    A song that is stored in an edition of its first decade or years, by ISRC or by artist and
    title, is not looked for: it would fill no other cell.

    Args:
        connection: of the store.
        most: how many searches.
        years: first and last year that a song may be from, such as those of thin cells.
    """
    first, last = years or (0, 9999)
    query = (
        sa.select(
            track.c.track_id,
            track.c.name,
            track.c.release_date,
            sa.func.coalesce(track.c.popularity, track_detail.c.popularity, 0).label("popularity"),
            CODE.label("code"),
            artist.c.name.label("artist"),
            open_metadata.c.original_year,
            open_metadata.c.year_confidence,
        )
        .join_from(track, open_metadata, open_metadata.c.track_id == track.c.track_id)
        .join(track_artist, track_artist.c.track_id == track.c.track_id)
        .join(artist, artist.c.artist_id == track_artist.c.artist_id)
        .outerjoin(track_detail, track_detail.c.track_id == track.c.track_id)
        .where(
            ELIGIBLE,
            track_artist.c.position == 0,
            track.c.release_date.is_not(None),
            open_metadata.c.original_year.is_not(None),
        )
        .order_by(track.c.track_id)
    )
    wanted: dict[str, tuple[int, OriginalEditionSearch]] = {}
    there: set[str] = set()
    for row in connection.execute(query):
        song = question(row.name, row.artist)
        keys = [key for key in (song.key if song else None, row.code) if key]
        album_year = int(row.release_date[:4])
        same = album_year // 10 == row.original_year // 10
        if same or album_year - row.original_year < _FAR:
            there.update(keys)
        elif (
            song is not None and row.year_confidence >= _SURE and first <= row.original_year <= last
        ):
            term = original_edition_term(row.name, row.artist, row.original_year)
            search = OriginalEditionSearch(term, row.track_id, album_year, row.original_year)
            best = wanted.get(song.key)
            if best is None or row.popularity > best[0]:
                wanted[song.key] = (row.popularity, search)
    left = [
        (-popularity, search.track_id, search)
        for key, (popularity, search) in wanted.items()
        if key not in there
    ]
    return [search for _, _, search in sorted(left, key=lambda one: one[:2])[:most]]


def _parts(connection: sa.Connection) -> Iterator[list[_Track]]:
    """Eligible tracks with their artists, some at a time, by id."""
    ids = connection.scalars(
        sa.select(track.c.track_id).where(ELIGIBLE).order_by(track.c.track_id)
    ).all()
    for part in chunks(ids, _PART):
        found: dict[str, _Track] = {}
        for some in chunks(part):
            rows = connection.execute(
                sa.select(
                    track.c.track_id,
                    track.c.name,
                    LENGTH_MS.label("duration_ms"),
                    track.c.release_date,
                    CODE.label("code"),
                )
                .outerjoin_from(track, track_detail, track_detail.c.track_id == track.c.track_id)
                .where(track.c.track_id.in_(some))
                .order_by(track.c.track_id)
            )
            for row in rows:
                year = int(row.release_date[:4]) if row.release_date else None
                found[row.track_id] = _Track(
                    row.track_id, row.name, row.duration_ms, year, row.code
                )
            people = connection.execute(
                sa.select(track_artist.c.track_id, artist.c.artist_id, artist.c.name)
                .join_from(track_artist, artist, artist.c.artist_id == track_artist.c.artist_id)
                .where(track_artist.c.track_id.in_(some))
                .order_by(track_artist.c.track_id, track_artist.c.position)
            )
            for person in people:
                found[person.track_id].artists.append((person.artist_id, person.name))
        yield list(found.values())


def _match(connection: sa.Connection) -> None:
    """Which recordings each track is, and which MusicBrainz artist each Spotify artist."""
    same: dict[str, Counter[str]] = defaultdict(Counter)
    for part in _parts(connection):
        keys = {one.track_id: one.key for one in part}
        by_isrc = _answers(connection, ISRC, [one.code for one in part if one.code])
        by_title = _answers(connection, TITLE, [key for key in keys.values() if key])
        named = {m for found in (by_isrc, by_title) for mbids in found.values() for m in mbids}
        known = _recordings(connection, sorted(named))
        routes: dict[tuple[str, str], str] = {}
        for one in part:
            for found in _known(known, by_title.get(keys[one.track_id] or "", ())):
                if _is_song(one, found):
                    routes[one.track_id, found.mbid] = TITLE
            for found in _known(known, by_isrc.get(one.code or "", ())):
                if _is_code(one, found):
                    routes[one.track_id, found.mbid] = ISRC
        _replace(connection, [one.track_id for one in part], routes)
        by_id = {one.track_id: one for one in part}
        for track_id, mbid in routes:
            for artist_id, name in by_id[track_id].artists:
                words = artist_words(name)
                called = {m for m, credit in known[mbid].credit if words == artist_words(credit)}
                if words and called:
                    same[artist_id].update(called)
    rows = [
        {
            "artist_id": artist_id,
            "artist_mbid": min(votes, key=lambda mbid: (-votes[mbid], mbid)),
            "route": "recording",
        }
        for artist_id, votes in sorted(same.items())
    ]
    # An address that MusicBrainz links to is surer than names that agree.
    connection.execute(sa.delete(artist_link).where(artist_link.c.route != URL))
    insert_new(connection, artist_link, rows)


def _is_song(one: _Track, found: _Found) -> bool:
    return same_song(
        one.name,
        one.names,
        one.duration_ms,
        title=found.title,
        remark=found.remark,
        credited=[name for _, name in found.credit],
        length_ms=found.length_ms,
    )


def _is_code(one: _Track, found: _Found) -> bool:
    return same_code(
        one.name,
        one.names,
        one.duration_ms,
        title=found.title,
        credited=[name for _, name in found.credit],
        length_ms=found.length_ms,
    )


def _known(known: Mapping[str, _Found], mbids: Sequence[str]) -> Iterator[_Found]:
    return (known[mbid] for mbid in mbids if mbid in known)


def _answers(connection: sa.Connection, kind: str, keys: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for part in chunks(sorted(set(keys))):
        rows = connection.execute(
            sa.select(open_answer.c.key, open_answer.c.mbid)
            .where(open_answer.c.kind == kind, open_answer.c.key.in_(part))
            .order_by(open_answer.c.key, open_answer.c.mbid)
        )
        for row in rows:
            found[row.key].append(row.mbid)
    return found


def _recordings(connection: sa.Connection, mbids: Sequence[str]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for part in chunks(mbids):
        for row in connection.execute(sa.select(recording).where(recording.c.mbid.in_(part))):
            found[row.mbid] = _Found(row.mbid, row.title, row.remark, row.length_ms, row.year)
        credits_ = connection.execute(
            sa.select(
                recording_artist.c.mbid,
                recording_artist.c.artist_mbid,
                recording_artist.c.credited_as,
                open_artist.c.name,
            )
            .join_from(
                recording_artist, open_artist, open_artist.c.mbid == recording_artist.c.artist_mbid
            )
            .where(recording_artist.c.mbid.in_(part))
            .order_by(recording_artist.c.mbid, recording_artist.c.position)
        )
        for one in credits_:
            if one.mbid in found:
                names = filter(None, (one.name, one.credited_as))
                found[one.mbid].credit.extend((one.artist_mbid, name) for name in names)
    return found


def _replace(
    connection: sa.Connection, ids: Sequence[str], routes: Mapping[tuple[str, str], str]
) -> None:
    for part in chunks(ids):
        connection.execute(sa.delete(track_recording).where(track_recording.c.track_id.in_(part)))
    rows = [
        {"track_id": track_id, "mbid": mbid, "route": routes[track_id, mbid]}
        for track_id, mbid in sorted(routes)
    ]
    if rows:
        connection.execute(sa.insert(track_recording), rows)


def _decide(
    connection: sa.Connection, part: Sequence[_Track], official: set[str], this_year: int
) -> list[str]:
    """Write the facts of some tracks; returns the ids of those whose facts are others now."""
    ids = [one.track_id for one in part]
    routes: dict[str, dict[str, str]] = defaultdict(dict)
    before: dict[str, tuple[Any, ...]] = {}
    for some in chunks(ids):
        for row in connection.execute(
            sa.select(track_recording).where(track_recording.c.track_id.in_(some))
        ):
            routes[row.track_id][row.mbid] = row.route
        for row in connection.execute(
            sa.select(open_metadata).where(open_metadata.c.track_id.in_(some))
        ):
            before[row.track_id] = tuple(getattr(row, name) for name in _FACTS)
    known = _recordings(connection, sorted({m for found in routes.values() for m in found}))
    links = _links(connection, [artist_id for one in part for artist_id, _ in one.artists])
    people = {mbid for one in known.values() for mbid, _ in one.credit} | set(links.values())
    spans = _spans(connection, sorted(people))
    tags = _tags(connection, sorted({*known, *people}), official)
    nothing: tuple[Any, ...] = (None,) * len(_FACTS)
    facts: dict[str, tuple[Any, ...]] = {}
    for one in part:
        facts[one.track_id] = _facts(
            one, routes.get(one.track_id, {}), known, links, spans, tags, this_year
        )
    changed = [i for i in ids if facts[i] != before.get(i, nothing)]
    gone = [i for i in changed if facts[i] == nothing]
    for some in chunks(gone):
        connection.execute(sa.delete(open_metadata).where(open_metadata.c.track_id.in_(some)))
    upsert(
        connection,
        open_metadata,
        [
            {"track_id": i, **dict(zip(_FACTS, facts[i], strict=True))}
            for i in changed
            if facts[i] != nothing
        ],
    )
    return changed


def _facts(
    one: _Track,
    routes: Mapping[str, str],
    known: Mapping[str, _Found],
    links: Mapping[str, str],
    spans: Mapping[str, int | None],
    tags: Mapping[tuple[str, str], list[tuple[str, int]]],
    this_year: int,
) -> tuple[Any, ...]:
    """The values of `_FACTS` for a track."""

    def nearness(mbid: str) -> tuple[bool, int, str]:
        length = known[mbid].length_ms
        apart = 0 if length is None else abs(length - one.duration_ms)
        return routes[mbid] != ISRC, apart, mbid

    ranked = sorted((mbid for mbid in routes if mbid in known), key=nearness)
    own = links.get(one.artists[0][0]) if one.artists else None
    credited = list(dict(known[ranked[0]].credit)) if ranked else []
    artists = credited or ([own] if own else [])
    lead = own or (artists[0] if artists else None)
    dated: dict[str, list[Dated]] = {ISRC: [], TITLE: []}
    for mbid in ranked:
        found = known[mbid]
        dated[routes[mbid]].append(Dated(mbid, found.year, found.length_ms))
    began = spans.get(lead) if lead else None
    first = original_year(
        one.album_year, dated[ISRC], dated[TITLE], began=began, this_year=this_year
    )
    votes = [
        (entity, name, count)
        for entity, mbids in (
            ("recording", ranked),
            ("release_group", ranked),
            ("artist", artists),
        )
        for mbid in mbids
        for name, count in tags.get((entity, mbid), ())
    ]
    genres = shares(votes)
    return (
        ranked[0] if ranked else None,
        orjson.dumps(artists).decode() if artists else None,
        None if first is None else first.year,
        None if first is None else str(YearSource(first.source)),
        None if first is None else first.confidence,
        orjson.dumps(genres).decode() if genres else None,
    )


def _links(connection: sa.Connection, artist_ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in chunks(sorted(set(artist_ids))):
        rows = connection.execute(sa.select(artist_link).where(artist_link.c.artist_id.in_(part)))
        found.update((row.artist_id, row.artist_mbid) for row in rows)
    return found


def _spans(connection: sa.Connection, mbids: Sequence[str]) -> dict[str, int | None]:
    """The first year of which each artist may have recordings."""
    found: dict[str, int | None] = {}
    for part in chunks(mbids):
        rows = connection.execute(sa.select(open_artist).where(open_artist.c.mbid.in_(part)))
        found.update((row.mbid, first_possible(row.begin_year, row.kind)) for row in rows)
    return found


def _tags(
    connection: sa.Connection, mbids: Sequence[str], official: set[str]
) -> dict[tuple[str, str], list[tuple[str, int]]]:
    """Votes for official genres by (entity, MBID)."""
    found: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for part in chunks(mbids):
        rows = connection.execute(
            sa.select(open_tag)
            .where(open_tag.c.mbid.in_(part))
            .order_by(open_tag.c.entity, open_tag.c.mbid, open_tag.c.name)
        )
        for row in rows:
            if row.name in official:
                found[row.entity, row.mbid].append((row.name, row.votes))
    return found
