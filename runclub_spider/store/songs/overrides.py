"""A person's matches, brought to plays that are stored already."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from runclub_spider.catalog.matching import CONFIDENCE, keys_of
from runclub_spider.catalog.overrides import Overrides
from runclub_spider.catalog.plays import Play, Tier
from runclub_spider.store.db import meta
from runclub_spider.store.db.tables import external_play
from runclub_spider.store.songs.match import KnownSongs, Matcher, insert_songs
from runclub_spider.store.songs.review import Review


def apply_overrides(
    connection: sa.Connection, source: str, overrides: Overrides, digest: str, now: int
) -> int:
    """Bring a source's plays in line with its file of overrides, once each time that it changed.

    Args:
        connection: a transaction.
        source: whose plays.
        overrides: what the file says.
        digest: tells one content of the file from another.
        now: epoch seconds.

    Returns:
        How many plays moved to another song.
    """
    key = f"{source}_overrides"
    if meta.get(connection, key) == digest:
        return 0
    moved = 0
    if overrides.by_id or overrides.by_key:
        chosen = _chosen(connection, source, overrides)
        moved = reassign_songs(connection, source, chosen, overrides, now)
    meta.put(connection, key, digest)
    return moved


def reassign_songs(
    connection: sa.Connection,
    source: str,
    plays: Sequence[Play],
    overrides: Overrides,
    now: int,
) -> int:
    """Move stored plays to the songs that overrides name; returns how many moved."""
    planned = Matcher(connection, overrides, Review(source), KnownSongs()).plan(plays)
    insert_songs(connection, source, planned, now)
    moved = 0
    for one in planned:
        result = connection.execute(
            sa.update(external_play)
            .where(
                external_play.c.source == source,
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


def _chosen(connection: sa.Connection, source: str, overrides: Overrides) -> list[Play]:
    """Stored plays that an override speaks of, in the order they were aired."""
    columns = ("source_play_id", "title", "artist", "album", "airdate", "mbid", "year")
    rows = connection.execute(
        sa.select(*(external_play.c[name] for name in columns))
        .where(external_play.c.source == source)
        .order_by(external_play.c.airdate, external_play.c.source_play_id)
    )
    return [
        Play(*row)
        for row in rows
        if overrides.find(row.source_play_id, keys_of(row.title, row.artist).exact)
    ]
