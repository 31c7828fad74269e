"""Answered pages with the eligible tracks they showed: what choosing learns from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runclub_spider.store.db.exported import ELIGIBLE
from runclub_spider.store.db.tables import (
    artist,
    page,
    playlist,
    seed,
    track,
    track_artist,
    track_source,
)
from runclub_spider.store.db.upsert import chunks
from runclub_spider.store.queue import playlists
from runclub_spider.store.queue.pages import DONE, PageKind
from runclub_spider.store.queue.playlists import GONE, ListedPlaylist
from runclub_spider.store.queue.seeds import FINISHED

_LIST_PAGES = (PageKind.PLAYLIST, PageKind.PLAYLIST_ITEMS)
# Pages whose tracks are read at once.
_PART = 500


@dataclass(frozen=True, slots=True)
class ShownTrack:
    """An eligible track where a source showed it; its artists, the primary one first."""

    track_id: str
    position: int
    name: str
    album_name: str
    release_date: str | None
    artist_ids: tuple[str, ...]
    artist_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnsweredPage:
    """A stored page of a search or of a playlist.

    Attributes:
        kind: what was asked.
        source: the term, or the playlist's id.
        name: the term, or what the playlist is called.
        umbrella: that the search names.
        ordinal: place in the order of planning.
        first_row: where the page begins, from 0.
        row_count: rows that were asked for.
        rows: rows served.
        more: whether another page follows.
        current: of the search's present generation, or the playlist's last processed snapshot.
        total: rows the playlist claims to have.
        tracks: the eligible ones among its rows, as served.
        lists: what a playlist search served when it was last asked.
        family: of the search.
    """

    kind: PageKind
    source: str
    name: str
    umbrella: str | None
    ordinal: int
    first_row: int
    row_count: int
    rows: int
    more: bool
    current: bool
    total: int | None = None
    tracks: tuple[ShownTrack, ...] = ()
    lists: tuple[ListedPlaylist, ...] = ()
    family: str | None = None

    @property
    def provenance(self) -> tuple[str, str]:
        """What its tracks name as their source: (type, key)."""
        return ("playlist" if self.kind in _LIST_PAGES else "search"), self.source


def pages(connection: sa.Connection, market: str, after: int = 0) -> Iterator[AnsweredPage]:
    """The answered pages planned after an ordinal, in planning order."""
    found = sorted(
        [*_searches(connection, market, after), *_lists(connection, market, after)],
        key=lambda row: (row.ordinal, row.first_row, row.key),
    )
    for start in range(0, len(found), _PART):
        part = found[start : start + _PART]
        terms = {row.source_key for row in part if row.kind == PageKind.TRACK_SEARCH}
        lists = {row.source_key for row in part if row.kind in _LIST_PAGES}
        shown = {
            "search": _shown(connection, "search", sorted(terms)),
            "playlist": _shown(connection, "playlist", sorted(lists)),
        }
        for row in part:
            kind = PageKind(row.kind)
            if kind in _LIST_PAGES:
                yield _of_list(row, kind, shown["playlist"][row.source_key])
            elif kind is PageKind.TRACK_SEARCH:
                yield _of_search(row, kind, shown["search"][row.source_key])
            else:
                served = playlists.listed(connection, row.source_key, market)
                yield _of_search(row, kind, (), tuple(served))


_PAGE = (
    *(page.c.key, page.c.kind, page.c.source_key, page.c.ordinal, page.c.version),
    *(page.c.first_row, page.c.row_count, page.c.rows),
)


def _answered(market: str, after: int, *kinds: PageKind) -> sa.ColumnElement[bool]:
    return sa.and_(
        page.c.kind.in_([str(kind) for kind in kinds]),
        page.c.market == market,
        page.c.state == DONE,
        page.c.ordinal > after,
    )


def _searches(connection: sa.Connection, market: str, after: int) -> Sequence[Any]:
    search_type = sa.case(
        (page.c.kind == str(PageKind.TRACK_SEARCH), sa.literal("track")), else_="playlist"
    )
    columns = ("family", "umbrella", "generation", "state", "next_offset")
    return connection.execute(
        sa.select(*_PAGE, *(seed.c[name] for name in columns))
        .join(
            seed,
            (seed.c.term == page.c.source_key)
            & (seed.c.market == page.c.market)
            & (seed.c.search_type == search_type),
        )
        .where(_answered(market, after, PageKind.TRACK_SEARCH, PageKind.PLAYLIST_SEARCH))
    ).all()


def _lists(connection: sa.Connection, market: str, after: int) -> Sequence[Any]:
    columns = ("name", "total", "state", "last_snapshot_processed")
    return connection.execute(
        sa.select(*_PAGE, *(playlist.c[name] for name in columns))
        .join(playlist, playlist.c.playlist_id == page.c.source_key)
        .where(_answered(market, after, *_LIST_PAGES))
    ).all()


def _of_search(
    row: Any,
    kind: PageKind,
    shown: Sequence[ShownTrack],
    lists: tuple[ListedPlaylist, ...] = (),
) -> AnsweredPage:
    end = row.first_row + row.row_count
    return AnsweredPage(
        kind=kind,
        source=row.source_key,
        name=row.source_key,
        umbrella=row.umbrella,
        ordinal=row.ordinal,
        first_row=row.first_row,
        row_count=row.row_count,
        rows=row.rows,
        more=row.state not in FINISHED or end < row.next_offset,
        current=row.version == f"g{row.generation}",
        tracks=tuple(one for one in shown if row.first_row <= one.position < end),
        lists=lists,
        family=row.family,
    )


def _of_list(row: Any, kind: PageKind, shown: Sequence[ShownTrack]) -> AnsweredPage:
    end = row.first_row + row.row_count
    return AnsweredPage(
        kind=kind,
        source=row.source_key,
        name=row.name,
        umbrella=None,
        ordinal=row.ordinal,
        first_row=row.first_row,
        row_count=row.row_count,
        rows=row.rows,
        more=row.state != GONE and (row.total is None or end < row.total),
        current=row.version == row.last_snapshot_processed,
        total=row.total,
        tracks=tuple(one for one in shown if row.first_row <= one.position < end),
    )


def _shown(
    connection: sa.Connection, source_type: str, keys: list[str]
) -> dict[str, list[ShownTrack]]:
    """The eligible tracks of some sources, as served."""
    found: defaultdict[str, list[ShownTrack]] = defaultdict(list)
    query = (
        sa.select(
            track_source.c.source_key,
            track.c.track_id,
            track_source.c.position,
            track.c.name,
            track.c.album_name,
            track.c.release_date,
        )
        .join_from(track_source, track, track.c.track_id == track_source.c.track_id)
        .where(
            track_source.c.source_type == source_type,
            ELIGIBLE,
        )
        .order_by(track_source.c.source_key, track_source.c.position, track.c.track_id)
    )
    for part in chunks(keys):
        rows = connection.execute(query.where(track_source.c.source_key.in_(part))).all()
        people = _people(connection, sorted({row.track_id for row in rows}))
        for row in rows:
            credited = people.get(row.track_id, [])
            found[row.source_key].append(
                ShownTrack(
                    track_id=row.track_id,
                    position=row.position,
                    name=row.name,
                    album_name=row.album_name,
                    release_date=row.release_date,
                    artist_ids=tuple(artist_id for artist_id, _ in credited),
                    artist_names=tuple(name for _, name in credited),
                )
            )
    return found


def _people(connection: sa.Connection, ids: list[str]) -> dict[str, list[tuple[str, str]]]:
    """(artist id, name) of some tracks, in the order of their credited."""
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    query = (
        sa.select(track_artist.c.track_id, artist.c.artist_id, artist.c.name)
        .join_from(track_artist, artist, artist.c.artist_id == track_artist.c.artist_id)
        .order_by(track_artist.c.track_id, track_artist.c.position)
    )
    for part in chunks(ids):
        for row in connection.execute(query.where(track_artist.c.track_id.in_(part))):
            found[row.track_id].append((row.artist_id, row.name))
    return found
