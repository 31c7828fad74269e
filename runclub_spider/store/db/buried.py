"""Which keys a tombstone names; what it covers is in `store/tombstones.py`."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.tables import tombstone

_NAMED = sa.select(tombstone.c.value).where(
    tombstone.c.kind == sa.bindparam("kind"), among(tombstone.c.value)
)


def buried(connection: sa.Connection, kind: str, values: Collection[str]) -> set[str]:
    """Those of the values, ids of a `track` or an `artist` or an `isrc`, that were forgotten."""
    return set(connection.scalars(_NAMED, {"kind": kind, "ids": texts(values)}))
