"""Plays and their songs: a page of plays becomes rows, in sets, within one transaction."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa

from runclub_spider.catalog.matching import (
    CONFIDENCE,
    FUZZY_REVIEW,
    SongKeys,
    keys_of,
    match,
    similarity,
)
from runclub_spider.catalog.overrides import Overrides, Target
from runclub_spider.catalog.plays import KEXP, Play, PlayCounts, PlayKind, PlayRow, Tier
from runclub_spider.store.db.tables import external_play, play_review, song
from runclub_spider.store.db.upsert import insert_new, insert_rows, select_among
from runclub_spider.text import timestamp

logger = logging.getLogger(__name__)

_SONGS = uuid.uuid5(uuid.NAMESPACE_URL, "https://runclub.app/song")
_FILLED = ("mbid", "album", "year")
#: Songs remembered from page to page; some 50 MB when full.
_MOST_KNOWN = 50_000
_SONG = ("id", "title", "artist", "album", "year", "mbid", "match_key")
_NEW_SONG = (
    *("id", "title", "artist", "album", "year", "mbid", "source", "is_placeholder"),
    *("match_key", "artist_key", "created_at"),
)
_NEW_PLAY = (
    *("source", "source_play_id", "title", "artist", "album", "airdate", "mbid", "year"),
    *("song_id", "match_tier", "match_confidence", "created_at"),
)
_STORED = ("source_play_id", "title", "artist", "album", "mbid", "year")
#: What a database says of a row it does not take; the disk's own troubles are not among them.
_ROW_ERRORS = (
    sa.exc.IntegrityError,
    sa.exc.DataError,
    sa.exc.ProgrammingError,
    ValueError,
    OverflowError,
)


class RowRefused(Exception):
    """The database does not take a row of the page: its transaction is to be given up."""


@dataclass(slots=True)
class Song:
    """A song as far as matching needs it; `stored` is False until its first play is inserted."""

    id: str
    title: str
    artist: str
    album: str | None
    year: int | None
    mbid: str | None
    match_key: str | None
    keys: SongKeys
    # The recording that an override names for a new song.
    said_mbid: str | None = None
    stored: bool = True

    def row(self, play: Play, now: int) -> tuple[Any, ...]:
        """The row of a new song as its first play has it; what later plays add comes after."""
        return (
            self.id,
            self.title,
            self.artist,
            play.album,
            play.year,
            self.said_mbid or play.mbid,
            KEXP,
            False,
            self.match_key,
            self.keys.artist,
            now,
        )


@dataclass(slots=True)
class KnownSongs:
    """Songs met so far, by what they are found by; `artists` are those of whom all are here."""

    by_id: dict[str, Song] = field(default_factory=dict)
    by_mbid: dict[str, Song] = field(default_factory=dict)
    by_exact: dict[str, Song] = field(default_factory=dict)
    by_artist: dict[str, list[Song]] = field(default_factory=dict)
    artists: set[str] = field(default_factory=set)

    def add(self, one: Song) -> None:
        """Take up a song."""
        self.by_id[one.id] = one
        if one.mbid:
            self.by_mbid.setdefault(one.mbid, one)
        if one.match_key:
            self.by_exact.setdefault(one.match_key, one)
        if one.keys.artist:
            self.by_artist.setdefault(one.keys.artist, []).append(one)

    def clear(self) -> None:
        """Forget everything."""
        for part in (self.by_id, self.by_mbid, self.by_exact, self.by_artist, self.artists):
            part.clear()


@dataclass(slots=True)
class _Planned:
    """A play with its song; `creates` if the play is the song's first, `fills` its gaps."""

    play: Play
    song: Song
    tier: Tier
    confidence: float
    creates: bool
    fills: dict[str, Any]


@dataclass(slots=True)
class Ingested:
    """What a page came to: its counters, the rows written in words, and whether all was known."""

    counts: PlayCounts = field(default_factory=PlayCounts)
    changes: list[str] = field(default_factory=list)

    @property
    def brought_nothing(self) -> bool:
        """Whether no row was added."""
        return self.counts.provenance_inserted == 0 and not self.changes


def ingest(
    connection: sa.Connection,
    rows: Iterable[PlayRow],
    *,
    overrides: Overrides,
    now: int,
    known: KnownSongs | None = None,
    describe: bool = False,
    row_by_row: bool = True,
) -> Ingested:
    """Store the rows of a page in their order; what is stored already stays as it is.

    A row that the database does not take is left out, counted, and the others are kept.

    Args:
        connection: the page's transaction.
        rows: as the parser gave them.
        overrides: a person's matches.
        now: epoch seconds.
        known: songs that earlier pages met, for the next page; only while nobody else writes, and
            not to be used again after an error.
        describe: also say every change in words, for a trial run.
        row_by_row: False saves the page's savepoint, and gives up at the first such row.

    Raises:
        RowRefused: only without `row_by_row`.
    """
    done = Ingested()
    counts, reviews = done.counts, list[dict[str, str]]()
    plays = _sort_out(rows, counts, reviews)
    before = _known(connection, [play.source_play_id for play in plays])
    fresh: dict[str, Play] = {}
    for play in plays:
        stored = before.get(play.source_play_id)
        if stored is not None or play.source_play_id in fresh:
            counts.duplicates_skipped += 1
            if stored is not None:
                _late_edit(connection, stored, play, reviews, done.changes)
        else:
            fresh[play.source_play_id] = play
    songs = known or KnownSongs()
    planned = _Matcher(connection, overrides, reviews, songs).plan(list(fresh.values()))
    if not _write(connection, planned, counts, now, row_by_row=row_by_row):
        songs.clear()
    if describe:
        for one in planned:
            done.changes += _described(one)
        done.changes += _noted(connection, reviews)
    insert_new(connection, play_review, reviews)
    return done


# --- rows ----------------------------------------------------------------------------------------


def _sort_out(
    rows: Iterable[PlayRow], counts: PlayCounts, reviews: list[dict[str, str]]
) -> list[Play]:
    """The valid track plays; every other row is counted for what it is."""
    plays = []
    for row in rows:
        counts.fetched += 1
        counts.track_plays += row.is_track_play
        if row.problem is not None:
            counts.errors += 1
            logger.warning("a row is left out: play %s, %s", row.row_id or "?", row.problem)
        elif row.skipped:
            counts.skipped_invalid += 1
        elif row.play is not None:
            plays.append(row.play)
        elif row.kind is PlayKind.AIRBREAK:
            counts.airbreaks += 1
        elif row.kind is PlayKind.NONTRACKPLAY:
            counts.nontrackplays += 1
        else:
            counts.unknown += 1
            reviews.append(_note(row.row_id, "unknown_type", play_type=row.play_type))
    return plays


@dataclass(frozen=True, slots=True)
class _Stored:
    """What of a stored play may be said otherwise later."""

    source_play_id: str
    title: str
    artist: str
    album: str | None
    mbid: str | None
    year: int | None


def _known(connection: sa.Connection, ids: Sequence[str]) -> dict[str, _Stored]:
    """Stored plays by id."""
    rows = select_among(connection, external_play, _STORED, "source_play_id", ids, source=KEXP)
    return {row[0]: _Stored(*row) for row in rows}


def _late_edit(
    connection: sa.Connection,
    stored: _Stored,
    play: Play,
    reviews: list[dict[str, str]],
    changes: list[str],
) -> None:
    """A play that its source edited since: gaps are filled, contradictions are for a person."""
    fills = {
        name: getattr(play, name)
        for name in _FILLED
        if getattr(stored, name) is None and getattr(play, name) is not None
    }
    if fills:
        connection.execute(
            sa.update(external_play)
            .where(
                external_play.c.source == KEXP,
                external_play.c.source_play_id == play.source_play_id,
            )
            .values(fills)
        )
        changes.append(f"~ external_play {play.source_play_id} {_told(fills)}")
    said = {
        name: [getattr(stored, name), getattr(play, name)]
        for name in ("title", "artist")
        if getattr(stored, name) != getattr(play, name)
    }
    if said:
        reviews.append(_note(play.source_play_id, "edited", **said))


# --- matching ------------------------------------------------------------------------------------


class _Matcher:
    """Finds or makes the song of each play of a page; songs made on the page count at once."""

    def __init__(
        self,
        connection: sa.Connection,
        overrides: Overrides,
        reviews: list[dict[str, str]],
        known: KnownSongs,
    ) -> None:
        self._connection, self._overrides, self._reviews = connection, overrides, reviews
        if len(known.by_id) > _MOST_KNOWN:
            known.clear()
        self._known = known

    def plan(self, plays: Sequence[Play]) -> list[_Planned]:
        """The plays with their songs, in order."""
        if not plays:
            return []
        keys = [keys_of(play.title, play.artist) for play in plays]
        said: list[Target | None] = [None] * len(plays)
        if self._overrides.by_id or self._overrides.by_key:
            said = [
                self._overrides.find(play.source_play_id, key.exact)
                for play, key in zip(plays, keys, strict=True)
            ]
        exact = {key.exact for key in keys}
        mbids = {play.mbid for play in plays if play.mbid}
        for target in said:
            if target is not None and target.mbid:
                mbids.add(target.mbid)
            elif target is not None and target.title and target.artist:
                exact.add(keys_of(target.title, target.artist).exact)
        exact |= {_own_key(k) for k, t in zip(keys, said, strict=True) if t}
        known = self._known
        self._load("mbid", mbids - known.by_mbid.keys())
        self._load("match_key", exact - known.by_exact.keys())
        artists = {
            key.artist
            for play, key in zip(plays, keys, strict=True)
            if key.artist and play.mbid not in known.by_mbid and key.exact not in known.by_exact
        }
        self._load("artist_key", artists - known.artists)
        known.artists |= artists
        return [
            self._one(play, key, target)
            for play, key, target in zip(plays, keys, said, strict=True)
        ]

    def _load(self, column: str, values: set[str]) -> None:
        for row in select_among(self._connection, song, _SONG, column, sorted(values)):
            one, title, artist, album, year, mbid, key = row
            if one not in self._known.by_id:
                keys = keys_of(title, artist)
                self._known.add(Song(one, title, artist, album, year, mbid, key, keys))

    def _one(self, play: Play, keys: SongKeys, target: Target | None) -> _Planned:
        if target is not None:
            return self._said(play, keys, target)
        found = self._known.by_mbid.get(play.mbid) if play.mbid else None
        if found is not None:
            if found.keys.artist != keys.artist and found.keys.title != keys.title:
                self._conflict(play, found, "mbid_names_another_title")
            return self._planned(play, found, Tier.MBID)
        found = self._known.by_exact.get(keys.exact)
        if found is not None:
            if play.mbid and found.mbid and play.mbid != found.mbid:
                self._conflict(play, found, "title_of_another_mbid")
            return self._planned(play, found, Tier.EXACT)
        found, tier, confidence = self._alike(play, keys)
        if found is not None:
            return self._planned(play, found, tier, confidence)
        return self._new(play, keys, keys.exact)

    def _alike(self, play: Play, keys: SongKeys) -> tuple[Song | None, Tier, float]:
        """The song of the same people that a play resembles most, the surer tier first."""
        # Equals are told apart by id, so that it does not matter which of them came first.
        best: tuple[float, str, Song, Tier] | None = None
        near: tuple[float, str, Song] | None = None
        for one in self._known.by_artist.get(keys.artist, ()) if keys.artist else ():
            found = match(keys, one.keys)
            if found is not None and not _contradict(play, one):
                tier, confidence = found
                if best is None or (-confidence, one.id) < best[:2]:
                    best = -confidence, one.id, one, tier
            elif (score := similarity(keys, one.keys)) >= FUZZY_REVIEW:
                near = min(near or (-score, one.id, one), (-score, one.id, one), key=_rank)
        if best is not None:
            return best[2], best[3], -best[0]
        if near is not None:
            self._conflict(play, near[2], "near", similarity=round(-near[0], 3))
        return None, Tier.NEW, 0.0

    def _said(self, play: Play, keys: SongKeys, target: Target) -> _Planned:
        """What a person said of the play."""
        if target.own:
            key = _own_key(keys)
            found = self._known.by_exact.get(key)
            if found is not None:
                return self._planned(play, found, Tier.OVERRIDE)
            return self._new(play, keys, key)
        if target.mbid:
            found = self._known.by_mbid.get(target.mbid)
            if found is not None:
                return self._planned(play, found, Tier.OVERRIDE)
            return self._new(play, keys, keys.exact, mbid=target.mbid)
        title, artist = target.title or play.title, target.artist or play.artist
        theirs = keys_of(title, artist)
        found = self._known.by_exact.get(theirs.exact)
        if found is not None:
            return self._planned(play, found, Tier.OVERRIDE)
        return self._new(play, theirs, theirs.exact, title=title, artist=artist)

    def _planned(
        self, play: Play, found: Song, tier: Tier, confidence: float | None = None
    ) -> _Planned:
        fills: dict[str, Any] = {}
        if tier is Tier.EXACT or tier is Tier.MBID:
            if found.mbid is None and play.mbid is not None:
                fills["mbid"] = found.mbid = play.mbid
                self._known.by_mbid.setdefault(play.mbid, found)
            if found.album is None and play.album is not None:
                fills["album"] = found.album = play.album
            if found.year is None and play.year is not None:
                fills["year"] = found.year = play.year
        if confidence is None:
            confidence = CONFIDENCE[tier]
        return _Planned(play, found, tier, confidence, creates=False, fills=fills)

    def _new(self, play: Play, keys: SongKeys, key: str, **said: str) -> _Planned:
        made = Song(
            id=str(uuid.uuid5(_SONGS, key)),
            title=said.get("title", play.title),
            artist=said.get("artist", play.artist),
            album=play.album,
            year=play.year,
            mbid=said.get("mbid", play.mbid),
            said_mbid=said.get("mbid"),
            match_key=key,
            keys=keys,
            stored=False,
        )
        if made.id in self._known.by_id:
            # Its key was given up for another; the id stands.
            return self._planned(play, self._known.by_id[made.id], Tier.EXACT)
        self._known.add(made)
        return _Planned(play, made, Tier.NEW, 1.0, creates=True, fills={})

    def _conflict(self, play: Play, found: Song, kind: str, **more: object) -> None:
        self._reviews.append(
            _note(
                play.source_play_id,
                kind,
                play={"title": play.title, "artist": play.artist, "mbid": play.mbid},
                song={"title": found.title, "artist": found.artist, "mbid": found.mbid},
                **more,
            )
        )


def _rank(near: tuple[float, str, Song]) -> tuple[float, str]:
    return near[:2]


def _own_key(keys: SongKeys) -> str:
    """The key of a song that is to be like no other."""
    return f"{keys.exact}#own"


def _contradict(play: Play, found: Song) -> bool:
    """Two recordings that MusicBrainz tells apart are not put together by their looks."""
    return bool(play.mbid and found.mbid and play.mbid != found.mbid)


# --- writing -------------------------------------------------------------------------------------


def _write(
    connection: sa.Connection,
    planned: Sequence[_Planned],
    counts: PlayCounts,
    now: int,
    *,
    row_by_row: bool,
) -> bool:
    """All at once; row by row when the database does not take one of them, which is False."""
    if not planned:
        return True
    try:
        with connection.begin_nested() if row_by_row else nullcontext():
            _insert(connection, planned, now)
    except (*_ROW_ERRORS, sa.exc.OperationalError) as error:
        _raise_unless_the_rows(error)
        if not row_by_row:
            raise RowRefused from error
        _write_singly(connection, planned, counts, now)
        return False
    for one in planned:
        one.song.stored = True
        _count(one, counts, created=one.creates)
    return True


def _write_singly(
    connection: sa.Connection, planned: Sequence[_Planned], counts: PlayCounts, now: int
) -> None:
    for one in planned:
        creates = not one.song.stored
        single = _Planned(one.play, one.song, one.tier, one.confidence, creates, one.fills)
        try:
            with connection.begin_nested():
                _insert(connection, [single], now)
        except (*_ROW_ERRORS, sa.exc.OperationalError) as error:
            _raise_unless_the_rows(error)
            counts.errors += 1
            cause = str(getattr(error, "orig", error)).splitlines()[0][:200]
            logger.error("play %s was not stored: %s", one.play.source_play_id, cause)
            continue
        one.song.stored = True
        _count(one, counts, created=creates)


def _raise_unless_the_rows(error: Exception) -> None:
    """Go on only where the row is to blame: on PostgreSQL also for being too large (class 54)."""
    if isinstance(error, sa.exc.OperationalError):
        state = getattr(error.orig, "sqlstate", None) or ""
        if not state.startswith("54"):
            raise error


def _insert(connection: sa.Connection, planned: Sequence[_Planned], now: int) -> None:
    made = [one.song.row(one.play, now) for one in planned if one.creates]
    insert_rows(connection, song, _NEW_SONG, made)
    for one in planned:
        if one.fills:
            connection.execute(sa.update(song).where(song.c.id == one.song.id).values(one.fills))
    rows = [
        (
            KEXP,
            one.play.source_play_id,
            one.play.title,
            one.play.artist,
            one.play.album,
            one.play.airdate,
            one.play.mbid,
            one.play.year,
            one.song.id,
            str(one.tier),
            one.confidence,
            now,
        )
        for one in planned
    ]
    insert_rows(connection, external_play, _NEW_PLAY, rows)


def _count(one: _Planned, counts: PlayCounts, *, created: bool) -> None:
    counts.provenance_inserted += 1
    counts.new_songs_inserted += created
    counts.songs_matched_existing += not created
    tier = str(Tier.NEW if created else one.tier)
    counts.tiers[tier] = counts.tiers.get(tier, 0) + 1


def _described(one: _Planned) -> list[str]:
    play, found = one.play, one.song
    lines = []
    if one.creates:
        lines.append(f"+ song {found.id} {found.artist} – {found.title}")
    if one.fills:
        lines.append(f"~ song {found.id} {_told(one.fills)}")
    lines.append(
        f"+ external_play {play.source_play_id} {timestamp(play.airdate)} "
        f"{play.artist} – {play.title} -> song {found.id} ({one.tier})"
    )
    return lines


def _told(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}: null -> {value}" for name, value in values.items())


# --- review --------------------------------------------------------------------------------------


def _note(source_play_id: str, kind: str, **detail: object) -> dict[str, str]:
    return {
        "source": KEXP,
        "source_play_id": source_play_id,
        "kind": kind,
        "detail": orjson.dumps(detail).decode(),
    }


def _noted(connection: sa.Connection, notes: Sequence[dict[str, str]]) -> list[str]:
    """The notes that are not there yet, in words."""
    ids = sorted({note["source_play_id"] for note in notes})
    columns = ("source_play_id", "kind")
    rows = select_among(connection, play_review, columns, "source_play_id", ids, source=KEXP)
    there = {tuple(row) for row in rows}
    return [
        f"+ play_review {note['source_play_id']} {note['kind']}"
        for note in notes
        if (note["source_play_id"], note["kind"]) not in there
    ]


def place(connection: sa.Connection, plays: Sequence[Play], overrides: Overrides, now: int) -> int:
    """Move stored plays to the songs that overrides name; returns how many moved."""
    planned = _Matcher(connection, overrides, [], KnownSongs()).plan(plays)
    made = [one.song.row(one.play, now) for one in planned if one.creates]
    insert_rows(connection, song, _NEW_SONG, made)
    moved = 0
    for one in planned:
        result = connection.execute(
            sa.update(external_play)
            .where(
                external_play.c.source == KEXP,
                external_play.c.source_play_id == one.play.source_play_id,
                external_play.c.song_id.is_distinct_from(one.song.id),
            )
            .values(
                song_id=one.song.id,
                match_tier=str(Tier.OVERRIDE),
                match_confidence=CONFIDENCE[Tier.OVERRIDE],
            )
        )
        moved += result.rowcount
    return moved


def newest(connection: sa.Connection, back: int) -> int | None:
    """Airdate of the play that stands `back` places before the newest one; the oldest if fewer."""
    query = (
        sa.select(external_play.c.airdate)
        .where(external_play.c.source == KEXP, external_play.c.airdate.is_not(None))
        .order_by(external_play.c.airdate.desc())
    )
    found = connection.scalar(query.offset(back).limit(1))
    if found is None:
        found = connection.scalar(query.order_by(None).order_by(external_play.c.airdate).limit(1))
    return None if found is None else int(found)
