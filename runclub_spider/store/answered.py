"""Answered search pages with the eligible tracks they showed: what choosing learns from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from runclub_spider.store.pages import DONE, PageKind
from runclub_spider.store.seeds import FINISHED
from runclub_spider.store.tables import (
    artist,
    page,
    rejection,
    seed,
    track,
    track_artist,
    track_source,
)
from runclub_spider.store.upsert import chunks


@dataclass(frozen=True, slots=True)
class ShownTrack:
    """An eligible track where a search showed it; its artists, the primary one first."""

    track_id: str
    position: int
    name: str
    album_name: str
    release_date: str | None
    artist_ids: tuple[str, ...]
    artist_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnsweredPage:
    """A stored page of a track search, with the umbrella that the search names.

    `current` tells whether it is of the search's present generation, `more` whether another
    page follows.
    """

    term: str
    umbrella: str | None
    ordinal: int
    first_row: int
    row_count: int
    rows: int
    more: bool
    current: bool
    tracks: tuple[ShownTrack, ...]


def searches(connection: sa.Connection, market: str, after: int = 0) -> list[AnsweredPage]:
    """The answered track searches planned after an ordinal, in planning order."""
    found = connection.execute(
        sa.select(
            page.c.source_key,
            page.c.ordinal,
            page.c.first_row,
            page.c.row_count,
            page.c.rows,
            page.c.version,
            seed.c.umbrella,
            seed.c.generation,
            seed.c.state,
            seed.c.next_offset,
        )
        .join(
            seed,
            (seed.c.term == page.c.source_key)
            & (seed.c.market == page.c.market)
            & (seed.c.search_type == "track"),
        )
        .where(
            page.c.kind == str(PageKind.TRACK_SEARCH),
            page.c.market == market,
            page.c.state == DONE,
            page.c.ordinal > after,
        )
        .order_by(page.c.ordinal, page.c.key)
    ).all()
    shown = _shown(connection, sorted({row.source_key for row in found}))
    answered = []
    for row in found:
        end = row.first_row + row.row_count
        answered.append(
            AnsweredPage(
                term=row.source_key,
                umbrella=row.umbrella,
                ordinal=row.ordinal,
                first_row=row.first_row,
                row_count=row.row_count,
                rows=row.rows,
                more=row.state not in FINISHED or end < row.next_offset,
                current=row.version == f"g{row.generation}",
                tracks=tuple(
                    one for one in shown[row.source_key] if row.first_row <= one.position < end
                ),
            )
        )
    return answered


def _shown(connection: sa.Connection, terms: list[str]) -> dict[str, list[ShownTrack]]:
    """The eligible tracks of some searches, as served."""
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
            track_source.c.source_type == "search",
            ~sa.exists().where(rejection.c.track_id == track.c.track_id),
        )
        .order_by(track_source.c.source_key, track_source.c.position, track.c.track_id)
    )
    for part in chunks(terms):
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
