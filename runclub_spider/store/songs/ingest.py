"""Plays and their songs: a page of plays becomes rows, in sets, within one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.overrides import Overrides
from runclub_spider.catalog.plays import Play, PlayCounts, PlayKind, PlayRow, StoredPlay, Tier
from runclub_spider.store.db.tables import external_play, song
from runclub_spider.store.db.upsert import insert_rows, select_among
from runclub_spider.store.songs.match import KnownSongs, Matcher, Planned, insert_songs
from runclub_spider.store.songs.review import Review
from runclub_spider.text import timestamp

logger = logging.getLogger(__name__)

_FILLED = ("mbid", "album", "year")
_STORED = ("source_play_id", "title", "artist", "album", "mbid", "year")
#: What a database says of a row it does not take; the disk's own troubles are not among them.
_ROW_ERRORS = (
    sa.exc.IntegrityError,
    sa.exc.DataError,
    sa.exc.ProgrammingError,
    ValueError,
    OverflowError,
)


@dataclass(slots=True)
class Ingested:
    """What a page came to.

    `stored` are the plays inserted; `changes` are the rows written, in words, as far as that was
    asked for.
    """

    counts: PlayCounts = field(default_factory=PlayCounts)
    stored: list[StoredPlay] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    @property
    def brought_nothing(self) -> bool:
        """Whether no row was added."""
        return self.counts.provenance_inserted == 0 and not self.changes


def ingest(
    connection: sa.Connection,
    source: str,
    rows: Iterable[PlayRow],
    *,
    overrides: Overrides,
    now: int,
    known: KnownSongs | None = None,
    describe: bool = False,
) -> Ingested:
    """Store the rows of a page in their order; what is stored already stays as it is.

    A row that the database does not take is left out, counted, and the others are kept.

    Args:
        connection: the page's transaction.
        source: whose plays they are.
        rows: as the parser gave them.
        overrides: a person's matches.
        now: epoch seconds.
        known: songs that earlier pages met, for the next page; only while nobody else writes, and
            not to be used again after an error.
        describe: also say every change in words, for a trial run.
    """
    done, review = Ingested(), Review(source)
    plays = _sort_out(rows, done.counts, review)
    before = _known(connection, source, [play.source_play_id for play in plays])
    fresh: dict[str, Play] = {}
    for play in plays:
        stored = before.get(play.source_play_id)
        if stored is not None or play.source_play_id in fresh:
            done.counts.duplicates_skipped += 1
            if stored is not None:
                done.changes += _late_edit(connection, source, stored, play, review)
        else:
            fresh[play.source_play_id] = play
    songs = known or KnownSongs()
    planned = Matcher(connection, overrides, review, songs).plan(list(fresh.values()))
    if not _write(connection, source, planned, done, now):
        songs.clear()
    if describe:
        for one in planned:
            done.changes += _described(one)
        done.changes += review.described(connection)
    review.write(connection)
    return done


# --- rows ----------------------------------------------------------------------------------------


def _sort_out(rows: Iterable[PlayRow], counts: PlayCounts, review: Review) -> list[Play]:
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
            review.note(row.row_id, "unknown_type", play_type=row.play_type)
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


def _known(connection: sa.Connection, source: str, ids: Sequence[str]) -> dict[str, _Stored]:
    """Stored plays by id."""
    rows = select_among(connection, external_play, _STORED, "source_play_id", ids, source=source)
    return {row[0]: _Stored(*row) for row in rows}


def _late_edit(
    connection: sa.Connection, source: str, stored: _Stored, play: Play, review: Review
) -> list[str]:
    """A play that its source edited since: gaps are filled, contradictions are for a person.

    Returns what was filled, in words.
    """
    contradictions = {
        name: [getattr(stored, name), getattr(play, name)]
        for name in ("title", "artist")
        if getattr(stored, name) != getattr(play, name)
    }
    if contradictions:
        review.note(play.source_play_id, "edited", **contradictions)
    fills = {
        name: getattr(play, name)
        for name in _FILLED
        if getattr(stored, name) is None and getattr(play, name) is not None
    }
    if not fills:
        return []
    connection.execute(
        sa.update(external_play)
        .where(
            external_play.c.source == source,
            external_play.c.source_play_id == play.source_play_id,
        )
        .values(fills)
    )
    return [f"~ external_play {play.source_play_id} {_in_words(fills)}"]


# --- writing -------------------------------------------------------------------------------------


def _write(
    connection: sa.Connection,
    source: str,
    planned: Sequence[Planned],
    done: Ingested,
    now: int,
) -> bool:
    """All at once; row by row when the database does not take one of them, which is False."""
    if not planned:
        return True
    try:
        with connection.begin_nested():
            stored = _insert(connection, source, planned, now)
    except (*_ROW_ERRORS, sa.exc.OperationalError) as error:
        _raise_unless_the_rows(error)
        _write_singly(connection, source, planned, done, now)
        return False
    done.stored += stored
    for one in planned:
        one.song.stored = True
        _count(one, done.counts, created=one.creates)
    return True


def _write_singly(
    connection: sa.Connection,
    source: str,
    planned: Sequence[Planned],
    done: Ingested,
    now: int,
) -> None:
    for one in planned:
        creates = not one.song.stored
        single = Planned(one.play, one.song, one.tier, one.confidence, creates, one.fills)
        try:
            with connection.begin_nested():
                stored = _insert(connection, source, [single], now)
        except (*_ROW_ERRORS, sa.exc.OperationalError) as error:
            _raise_unless_the_rows(error)
            done.counts.errors += 1
            cause = str(getattr(error, "orig", error)).splitlines()[0][:200]
            logger.error("play %s was not stored: %s", one.play.source_play_id, cause)
            continue
        done.stored += stored
        one.song.stored = True
        _count(one, done.counts, created=creates)


def _raise_unless_the_rows(error: Exception) -> None:
    """Go on only where the row is to blame: on PostgreSQL also for being too large (class 54)."""
    if isinstance(error, sa.exc.OperationalError):
        state = getattr(error.orig, "sqlstate", None) or ""
        if not state.startswith("54"):
            raise error


def _insert(
    connection: sa.Connection, source: str, planned: Sequence[Planned], now: int
) -> list[StoredPlay]:
    """Songs, what plays add to them, and plays; returns the plays."""
    insert_songs(connection, source, planned, now)
    for one in planned:
        if one.fills:
            connection.execute(sa.update(song).where(song.c.id == one.song.id).values(one.fills))
    rows = [
        StoredPlay(
            source,
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
    insert_rows(connection, external_play, StoredPlay._fields, rows)
    return rows


def _count(one: Planned, counts: PlayCounts, *, created: bool) -> None:
    counts.provenance_inserted += 1
    counts.new_songs_inserted += created
    counts.songs_matched_existing += not created
    tier = str(Tier.NEW if created else one.tier)
    counts.tiers[tier] = counts.tiers.get(tier, 0) + 1


def _described(one: Planned) -> list[str]:
    play, found = one.play, one.song
    lines = []
    if one.creates:
        lines.append(f"+ song {found.id} {found.artist} – {found.title}")
    if one.fills:
        lines.append(f"~ song {found.id} {_in_words(one.fills)}")
    lines.append(
        f"+ external_play {play.source_play_id} {timestamp(play.airdate)} "
        f"{play.artist} – {play.title} -> song {found.id} ({one.tier})"
    )
    return lines


def _in_words(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}: null -> {value}" for name, value in values.items())
