"""Small facts about the store itself: data source, policy, regime, check generations."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.store.db.tables import meta
from runclub_spider.store.db.upsert import RowInsert, upsert

#: What the last release said of canonical ids, of its changes, and the shares that its gates held
#: it against, so that publishing the same data again says the same; JSON.
CANONICAL_LOG, CHANGES, GATES_BEFORE = "canonical_log", "release_changes", "gates_before"
#: The tracks that the last publish left out because their rows are unsound, and why; JSON.
UNSOUND = "unsound"

#: The token of the run that may write, on a server.
WRITER = "writer"


_COUNT = RowInsert(
    meta,
    ("key", "value"),
    lambda new: {
        "value": sa.cast(
            sa.cast(meta.c.value, sa.Integer) + sa.cast(new.value, sa.Integer), sa.Text
        )
    },
)
_GET = sa.select(meta.c.value).where(meta.c.key == sa.bindparam("fact"))


def get(connection: sa.Connection, key: str) -> str | None:
    """A fact, or None."""
    value = connection.scalar(_GET, {"fact": key})
    return None if value is None else str(value)


def touch(connection: sa.Connection) -> None:
    """Count a change to something that a release may show."""
    _COUNT(connection, [("revision", "1")])


def revision(connection: sa.Connection) -> int:
    """How many such changes the store has seen: equal numbers, equal content."""
    return int(get(connection, "revision") or 0)


def starting_with(connection: sa.Connection, prefix: str) -> dict[str, str]:
    """Facts whose key begins with a prefix."""
    rows = connection.execute(
        sa.select(meta.c.key, meta.c.value)
        .where(meta.c.key.startswith(prefix, autoescape=True))
        .order_by(meta.c.key)
    )
    return {str(row.key): str(row.value) for row in rows}


def put(connection: sa.Connection, key: str, value: str) -> None:
    """Set a fact."""
    upsert(connection, meta, [{"key": key, "value": value}])
