"""Kinds of batches of which no row could be read: how long they wait.

Like pages of that sort (`store.pages`): a day, two, four, at most eight, or until the parsers
can read more.
"""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.store.db import meta, tables
from runclub_spider.text import DAY

_MOST_DAYS = 8
_KEY = "drift|"


def pause(drifts: int) -> int:
    """Seconds to wait after the first, second, … time in a row."""
    return int(DAY * min(2 ** min(drifts - 1, 10), _MOST_DAYS))


def waiting(connection: sa.Connection, version: int) -> dict[str, int]:
    """Until when each kind waits that was not readable to parsers of this version."""
    found = {}
    query = sa.select(tables.meta).where(tables.meta.c.key.startswith(_KEY, autoescape=True))
    for row in connection.execute(query):
        _, until, read_by = map(int, row.value.split("|"))
        if read_by == version:
            found[row.key.removeprefix(_KEY)] = until
    return found


def put_aside(connection: sa.Connection, kind: str, now: int, version: int) -> int:
    """Have a kind wait; returns until when."""
    drifts = int((meta.get(connection, _KEY + kind) or "0").partition("|")[0]) + 1
    until = now + pause(drifts)
    meta.put(connection, _KEY + kind, f"{drifts}|{until}|{version}")
    return until


def forget(connection: sa.Connection, kind: str) -> None:
    """A kind was read again."""
    connection.execute(sa.delete(tables.meta).where(tables.meta.c.key == _KEY + kind))
