"""The playlist registry, and which searches served which lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from runclub_spider.catalog.models import Playlist
from runclub_spider.store import meta
from runclub_spider.store.pages import OPEN, PageKind
from runclub_spider.store.tables import page, playlist, seed_playlist
from runclub_spider.store.upsert import upsert

GONE, READ = "gone", "read"


@dataclass(frozen=True, slots=True)
class ListedPlaylist:
    """A playlist as a search served it, with what the registry knows of it."""

    playlist_id: str
    owner_id: str | None
    followers: int | None
    position: int
    snapshot_id: str | None
    total: int | None
    state: str
    last_snapshot_processed: str | None
    last_processed_at: int | None
    processed_rows: int


def record(connection: sa.Connection, found: Sequence[Playlist], now: int) -> None:
    """Put playlists into the registry; what a row does not say stays as it was."""
    unique = {row.playlist_id: row for row in found}
    upsert(
        connection,
        playlist,
        [
            {
                "playlist_id": row.playlist_id,
                "name": row.name,
                "owner_id": row.owner_id,
                "owner_name": row.owner_name,
                "snapshot_id": row.snapshot_id,
                "total": row.total,
                "followers": row.followers,
            }
            | {"first_seen_at": now}
            for row in unique.values()
        ],
        keep_old_if_null=("owner_id", "owner_name", "snapshot_id", "total", "followers"),
        only_on_insert=("first_seen_at",),
    )


def list_for(connection: sa.Connection, term: str, market: str, ids: Sequence[str]) -> None:
    """Remember in what order a search served playlists; an older order is replaced."""
    connection.execute(
        sa.delete(seed_playlist).where(
            seed_playlist.c.term == term, seed_playlist.c.market == market
        )
    )
    rows = [
        {"term": term, "market": market, "playlist_id": playlist_id, "position": position}
        for position, playlist_id in enumerate(dict.fromkeys(ids))
    ]
    if rows:
        connection.execute(sa.insert(seed_playlist), rows)


def listed(connection: sa.Connection, term: str, market: str) -> list[ListedPlaylist]:
    """What a search served, in served order."""
    columns = [
        (seed_playlist if name == "position" else playlist).c[name]
        for name in ListedPlaylist.__dataclass_fields__
    ]
    rows = connection.execute(
        sa.select(*columns)
        .join_from(seed_playlist, playlist, playlist.c.playlist_id == seed_playlist.c.playlist_id)
        .where(seed_playlist.c.term == term, seed_playlist.c.market == market)
        .order_by(seed_playlist.c.position)
    )
    return [ListedPlaylist(**row._asdict()) for row in rows]


def settle(
    connection: sa.Connection,
    playlist_id: str,
    *,
    snapshot: str | None,
    read_to: int,
    first: bool,
    now: int,
) -> None:
    """Count rows read up to `read_to`; when no page of the list is open, it is processed.

    Called in the transaction that marks a page, after the mark: a partial read never moves
    the snapshot.
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
    seen = playlist.c.processed_rows
    furthest = sa.case((seen > read_to, seen), else_=read_to)
    values: dict[str, object] = {"processed_rows": read_to if first else furthest}
    if not still_open:
        values |= {"last_processed_at": now, "last_snapshot_processed": snapshot, "state": READ}
    connection.execute(
        sa.update(playlist).where(playlist.c.playlist_id == playlist_id).values(values)
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
