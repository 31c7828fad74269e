"""The record of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from runclub_spider.store.db.tables import page, run


def start(
    connection: sa.Connection,
    spider: str,
    arguments: Mapping[str, Any],
    now: int,
    plan_id: int | None = None,
) -> int:
    """Begin a run, of a fleet's plan if there is one; returns its number."""
    result = connection.execute(
        sa.insert(run).values(
            spider=spider,
            arguments=orjson.dumps(dict(arguments)).decode(),
            started_at=now,
            plan_id=plan_id,
        )
    )
    (run_id,) = result.inserted_primary_key or (0,)
    return int(run_id)


def last_seen(connection: sa.Connection) -> int | None:
    """When a run of this store was last known to be at work."""
    moments = (
        sa.select(sa.func.max(run.c.finished_at)),
        sa.select(sa.func.max(run.c.started_at)),
        sa.select(sa.func.max(page.c.fetched_at)),
    )
    found = [connection.scalar(query) for query in moments]
    return max((int(moment) for moment in found if moment is not None), default=None)


def finish(
    connection: sa.Connection, run_id: int, *, result: str, counts: Mapping[str, Any], now: int
) -> None:
    """Close a run; one that was killed stays without a result."""
    connection.execute(
        sa.update(run)
        .where(run.c.run_id == run_id)
        .values(
            finished_at=now,
            result=result,
            counts=orjson.dumps(dict(counts), option=orjson.OPT_SORT_KEYS).decode(),
        )
    )
