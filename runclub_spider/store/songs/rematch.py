"""Stored plays brought in line with rules that changed since they were matched."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.catalog.matching import keys_of, match
from runclub_spider.catalog.overrides import Overrides
from runclub_spider.catalog.plays import Play, Tier
from runclub_spider.catalog.versions import KEY_RULES
from runclub_spider.store.db import meta
from runclub_spider.store.db.tables import external_play, song
from runclub_spider.store.songs.match import KnownSongs, Matcher, insert_songs
from runclub_spider.store.songs.review import Review

# A station has millions of plays, and a server would hand out all of them at once.
_BATCH = 2_000
_BY_WORDS = (Tier.EXACT, Tier.CLEANED, Tier.FUZZY)


def match_again(connection: sa.Connection, source: str, overrides: Overrides, now: int) -> int:
    """Find anew the songs of plays whose words are no longer their song's, once for each rules.

    Plays that a person or MusicBrainz matched stay, and so do all whose words still agree.

    Args:
        connection: a transaction; the songs' keys are those of these rules.
        source: whose plays.
        overrides: a person's matches.
        now: epoch seconds.

    Returns:
        How many plays were matched anew.
    """
    key = f"{source}_matched_by"
    if meta.get(connection, key) == KEY_RULES:
        return 0
    plays = _no_longer_alike(connection, source)
    if plays:
        review = Review(source)
        planned = Matcher(connection, overrides, review, KnownSongs()).plan(plays)
        insert_songs(connection, source, planned, now)
        for one in planned:
            if one.fills:
                connection.execute(
                    sa.update(song).where(song.c.id == one.song.id).values(one.fills)
                )
            connection.execute(
                sa.update(external_play)
                .where(
                    external_play.c.source == source,
                    external_play.c.source_play_id == one.play.source_play_id,
                )
                .values(
                    song_id=one.song.id,
                    match_tier=str(one.tier),
                    match_confidence=one.confidence,
                )
            )
        review.write(connection)
    meta.put(connection, key, KEY_RULES)
    return len(plays)


def _no_longer_alike(connection: sa.Connection, source: str) -> list[Play]:
    """Plays that found their song by words which do not match it, in the order they were aired."""
    played = (external_play.c.title, external_play.c.artist)
    sung = (song.c.title, song.c.artist)
    found = sa.select(*played, *sung).join_from(
        external_play, song, song.c.id == external_play.c.song_id
    )
    found = found.where(
        external_play.c.source == source,
        external_play.c.match_tier.in_([str(tier) for tier in _BY_WORDS]),
    ).execution_options(yield_per=_BATCH)
    apart = {
        (title, artist, song_title, song_artist)
        for title, artist, song_title, song_artist in connection.execute(found.distinct())
        if match(keys_of(title, artist), keys_of(song_title, song_artist)) is None
    }
    if not apart:
        return []
    fields = [external_play.c[name] for name in Play._fields]
    rows = connection.execute(
        found.add_columns(*fields).order_by(external_play.c.airdate, external_play.c.source_play_id)
    )
    return [Play(*row[4:]) for row in rows if tuple(row[:4]) in apart]
