"""The playlist registry, and which searches served which lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from runclub_spider.catalog.models import Playlist
from runclub_spider.store.db import exported, meta
from runclub_spider.store.db.tables import (
    page,
    playlist,
    playlist_change,
    seed,
    seed_playlist,
    track,
    track_source,
)
from runclub_spider.store.db.upsert import insert_new, upsert
from runclub_spider.store.queue.pages import OPEN, PageKind

GONE, READ = "gone", "read"


@dataclass(frozen=True, slots=True)
class ListedPlaylist:
    """A playlist as a search served it, with what the registry knows of it."""

    playlist_id: str
    name: str
    owner_id: str | None
    followers: int | None
    position: int
    snapshot_id: str | None
    total: int | None
    state: str
    last_snapshot_processed: str | None
    last_processed_at: int | None
    processed_rows: int


# What a row may say of a list and may leave out.
_OPTIONAL = ("owner_id", "owner_name", "snapshot_id", "total", "followers")


def record(connection: sa.Connection, found: Sequence[Playlist], now: int) -> None:
    """Put playlists into the registry; what a row does not say stays as it was."""
    if not found:
        return
    unique = {row.playlist_id: row for row in found}
    said = [playlist.c[name] for name in ("playlist_id", "name", *_OPTIONAL)]
    known = connection.execute(sa.select(*said).where(playlist.c.playlist_id.in_(unique)))
    before = {row.playlist_id: row for row in known}
    _note_renames(connection, unique, before, now)
    upsert(
        connection,
        playlist,
        [
            {
                "playlist_id": row.playlist_id,
                "name": row.name,
                **{name: getattr(row, name) for name in _OPTIONAL},
                "first_seen_at": now,
            }
            for row in unique.values()
            if _tells(row, before.get(row.playlist_id))
        ],
        keep_old_if_null=_OPTIONAL,
        only_on_insert=("first_seen_at",),
    )


def _tells(row: Playlist, known: Any) -> bool:
    """Whether a row says something that the registry does not know."""
    return (
        known is None
        or row.name != known.name
        or any(getattr(row, name) not in (None, getattr(known, name)) for name in _OPTIONAL)
    )


def _note_renames(
    connection: sa.Connection, found: Mapping[str, Playlist], before: Mapping[str, Any], now: int
) -> None:
    """A list's name and owner are exported with each of its tracks: those change with them."""
    renamed = [
        row.playlist_id
        for row in before.values()
        if row.name != found[row.playlist_id].name
        or found[row.playlist_id].owner_id not in (None, row.owner_id)
    ]
    if renamed:
        theirs = sa.select(track_source.c.track_id).where(
            track_source.c.source_type == "playlist", track_source.c.source_key.in_(renamed)
        )
        exported.changed(connection, track.c.track_id.in_(theirs), now)


def list_for(connection: sa.Connection, term: str, market: str, ids: Sequence[str]) -> None:
    """Remember in what order a search served playlists.

    Lists it no longer serves stay as provenance of their tracks, but are not chosen again.
    """
    wanted = list(dict.fromkeys(ids))
    before = [row.playlist_id for row in listed(connection, term, market)]
    if before == wanted:
        return
    meta.touch(connection)
    connection.execute(
        sa.update(seed_playlist)
        .where(seed_playlist.c.term == term, seed_playlist.c.market == market)
        .values(current=False)
    )
    upsert(
        connection,
        seed_playlist,
        [
            {
                "term": term,
                "market": market,
                "playlist_id": playlist_id,
                "position": position,
                "current": True,
            }
            for position, playlist_id in enumerate(wanted)
        ],
    )


def list_named(
    connection: sa.Connection, term: str, market: str, playlist_id: str, now: int
) -> None:
    """A list that was named and needs no search: registered, and to be looked at anew.

    No search row tells which snapshot it has now, so the one that was known counts no more.
    """
    insert_new(
        connection, playlist, [{"playlist_id": playlist_id, "name": "", "first_seen_at": now}]
    )
    connection.execute(
        sa.update(playlist).where(playlist.c.playlist_id == playlist_id).values(snapshot_id=None)
    )
    list_for(connection, term, market, [playlist_id])


def listed(connection: sa.Connection, term: str, market: str) -> list[ListedPlaylist]:
    """What a search served when it was last asked, in served order."""
    rows = connection.execute(_listed(market).where(seed_playlist.c.term == term))
    return [ListedPlaylist(**row._asdict()) for row in rows]


def served(connection: sa.Connection, market: str, state: str) -> dict[str, list[ListedPlaylist]]:
    """By term what the searches in a state of the ledger served, each in served order."""
    query = (
        _listed(market)
        .add_columns(seed_playlist.c.term)
        .join(
            seed,
            (seed.c.term == seed_playlist.c.term)
            & (seed.c.market == seed_playlist.c.market)
            & (seed.c.search_type == "playlist")
            & (seed.c.state == state),
        )
    )
    found: defaultdict[str, list[ListedPlaylist]] = defaultdict(list)
    for *values, term in connection.execute(query):
        found[term].append(ListedPlaylist(*values))
    return found


def _listed(market: str) -> sa.Select[Any]:
    """The lists that searches served when they were last asked, by term in served order."""
    columns = [
        (seed_playlist if name == "position" else playlist).c[name]
        for name in ListedPlaylist.__dataclass_fields__
    ]
    return (
        sa.select(*columns)
        .join_from(seed_playlist, playlist, playlist.c.playlist_id == seed_playlist.c.playlist_id)
        .where(seed_playlist.c.market == market, seed_playlist.c.current)
        .order_by(seed_playlist.c.term, seed_playlist.c.position)
    )


def settle(
    connection: sa.Connection,
    playlist_id: str,
    *,
    snapshot: str,
    read_to: int,
    first: bool,
    ended: bool,
    run_id: int,
    now: int,
) -> None:
    """Count rows read up to `read_to`; when no page of the list is open, it is processed.

    A list that `ended` was read as far as it goes, even if it claims to have more.

    Called in the transaction that marks a page, after the mark: a partial read never moves
    the snapshot. The change against the snapshot before is recorded with it.
    """
    still_open = connection.scalar(
        sa.select(sa.func.count())
        .select_from(page)
        .where(
            page.c.source_key == playlist_id,
            page.c.state == OPEN,
            page.c.kind.in_([PageKind.PLAYLIST, PageKind.PLAYLIST_ITEMS]),
        )
    )
    seen, total = playlist.c.processed_rows, playlist.c.total
    to: Any = sa.case((total > read_to, total), else_=read_to) if ended else read_to
    furthest = to if first else sa.case((seen > to, seen), else_=to)
    connection.execute(
        sa.update(playlist)
        .where(playlist.c.playlist_id == playlist_id)
        .values(processed_rows=furthest)
    )
    if still_open:
        return
    _record_change(connection, playlist_id, snapshot, run_id, now)
    connection.execute(
        sa.update(playlist)
        .where(playlist.c.playlist_id == playlist_id)
        .values(last_processed_at=now, last_snapshot_processed=snapshot, state=READ)
    )


def _record_change(
    connection: sa.Connection, playlist_id: str, snapshot: str, run_id: int, now: int
) -> None:
    """Compare a snapshot with the one processed before; tracks that went are marked gone.

    A list that was not read to its end says nothing about what is missing. A further page of the
    same snapshot completes the comparison that the first one began.
    """
    row = connection.execute(
        sa.select(
            playlist.c.last_snapshot_processed, playlist.c.processed_rows, playlist.c.total
        ).where(playlist.c.playlist_id == playlist_id)
    ).one()
    old = row.last_snapshot_processed
    if old == snapshot:
        old = connection.scalar(
            sa.select(playlist_change.c.old_snapshot).where(
                playlist_change.c.playlist_id == playlist_id,
                playlist_change.c.new_snapshot == snapshot,
            )
        )
    if old is None or old == snapshot:
        return
    ours = (track_source.c.source_type == "playlist") & (track_source.c.source_key == playlist_id)
    added = connection.scalars(
        sa.select(track_source.c.track_id)
        .where(ours, track_source.c.added_snapshot == snapshot)
        .order_by(track_source.c.track_id)
    ).all()
    removed: Sequence[str] = ()
    if row.total is not None and row.processed_rows >= row.total:
        gone = ours & track_source.c.removed_at.is_(None) & (track_source.c.snapshot != snapshot)
        removed = connection.scalars(
            sa.select(track_source.c.track_id).where(gone).order_by(track_source.c.track_id)
        ).all()
        connection.execute(sa.update(track_source).where(gone).values(removed_at=now))
    upsert(
        connection,
        playlist_change,
        [
            {
                "playlist_id": playlist_id,
                "new_snapshot": snapshot,
                "old_snapshot": old,
                "run_id": run_id,
                "added": orjson.dumps(list(added)).decode(),
                "removed": orjson.dumps(list(removed)).decode(),
            }
        ],
    )


def forget_snapshots(connection: sa.Connection) -> None:
    """Have every list read again, for `deltafetch_reset`."""
    connection.execute(sa.update(playlist).values(last_snapshot_processed=None, processed_rows=0))


def check_generation(connection: sa.Connection, market: str, *, now: int, max_age: float) -> int:
    """The number of the current round of playlist checks, stored until it is complete.

    A complete round is followed by a new one after `max_age` seconds; an unfinished one goes on,
    so that a stopped run does not ask the same searches again.
    """
    key = f"playlist_check|{market}"
    number, _, finished = (meta.get(connection, key) or "0|0").partition("|")
    if finished and now - int(finished) >= max_age:
        number, finished = str(int(number) + 1), ""
        meta.put(connection, key, f"{number}|")
    return int(number)


def finish_check(connection: sa.Connection, market: str, now: int) -> None:
    """Every playlist search of the current round was asked and its lists were read."""
    key = f"playlist_check|{market}"
    number = (meta.get(connection, key) or "0|").partition("|")[0]
    meta.put(connection, key, f"{number}|{now}")


def mark_gone(connection: sa.Connection, playlist_id: str, now: int) -> None:
    """The API refuses the list (404, 403): it is not asked again until its refresh age."""
    connection.execute(
        sa.update(playlist)
        .where(playlist.c.playlist_id == playlist_id)
        .values(state=GONE, last_processed_at=now)
    )
