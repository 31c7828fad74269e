"""Small facts about the store itself: data source, policy, regime, check generations."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.store.tables import meta
from runclub_spider.store.upsert import upsert


def get(connection: sa.Connection, key: str) -> str | None:
    """A fact, or None."""
    value = connection.scalar(sa.select(meta.c.value).where(meta.c.key == key))
    return None if value is None else str(value)


def put(connection: sa.Connection, key: str, value: str) -> None:
    """Set a fact."""
    upsert(connection, meta, [{"key": key, "value": value}])
