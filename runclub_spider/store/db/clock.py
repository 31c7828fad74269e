"""A store whose moments lie in the future: written while the machine's clock ran ahead."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.store.db.tables import meta, metadata
from runclub_spider.text import DAY

# Moments that are meant to lie ahead, and no entry of theirs by more than this.
_DUE, _LONGEST = frozenset({"next_check_at", "retry_at", "resume_at"}), 365 * DAY
# Stretches of time that plays were read of: moments of the station, not of this machine.
_OTHERS = frozenset({"start_at", "end_at"})
# What is found out anew when it is not there.
_FOUND_OUT = ("regime|%", "no_genres|%", "open_genres_at")


def pull_back(connection: sa.Connection, now: int) -> int:
    """Take every moment of the past that lies ahead of `now` for now; returns how many."""
    moved = 0
    for table in metadata.sorted_tables:
        for column in table.columns:
            if not isinstance(column.type, sa.BigInteger) or not column.name.endswith("_at"):
                continue
            if column.name not in _OTHERS:
                latest = now + _LONGEST if column.name in _DUE else now
                ahead = sa.update(table).where(column > latest).values({column.name: now})
                moved += connection.execute(ahead).rowcount
    for pattern in _FOUND_OUT:
        connection.execute(sa.delete(meta).where(meta.c.key.like(pattern)))
    for row in connection.execute(sa.select(meta).where(meta.c.key.like("playlist_check|%"))):
        number, _, finished = row.value.partition("|")
        if finished and int(finished) > now:
            value = f"{number}|{now}"
            connection.execute(sa.update(meta).where(meta.c.key == row.key).values(value=value))
    return moved
