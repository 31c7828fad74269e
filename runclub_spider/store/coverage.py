"""How far a source was read: its covered intervals, and the checkpoint that follows from them."""

from __future__ import annotations

import orjson
import sqlalchemy as sa

from runclub_spider.catalog.coverage import Interval, merged
from runclub_spider.store.tables import covered_interval, ingestion_checkpoint
from runclub_spider.store.upsert import upsert
from runclub_spider.text import timestamp


def covered(connection: sa.Connection, source: str) -> tuple[Interval, ...]:
    """The stretches of which every play is stored, in order."""
    rows = connection.execute(
        sa.select(covered_interval.c.start_at, covered_interval.c.end_at)
        .where(covered_interval.c.source == source)
        .order_by(covered_interval.c.start_at)
    )
    return tuple(Interval(row.start_at, row.end_at) for row in rows)


def extend(
    connection: sa.Connection, source: str, claimed: Interval | None, *, plays: int, now: int
) -> str | None:
    """Add a stretch and move the checkpoint with it, in the transaction of the plays.

    Nothing is written when nothing changes. `plays` were stored in this transaction. Returns
    the cursor.
    """
    before = covered(connection, source)
    after = merged((*before, claimed)) if claimed is not None else before
    _replace(connection, source, set(before), set(after))
    cursor = timestamp(after[-1].end - 1) if after else None
    old = connection.execute(
        sa.select(ingestion_checkpoint.c.cursor, ingestion_checkpoint.c.metadata).where(
            ingestion_checkpoint.c.source == source
        )
    ).one_or_none()
    if old is None or old.cursor != cursor or plays or before != after:
        known = orjson.loads(old.metadata or "{}").get("plays", 0) if old is not None else 0
        upsert(
            connection,
            ingestion_checkpoint,
            [
                {
                    "source": source,
                    "cursor": cursor,
                    "metadata": orjson.dumps({"plays": known + plays}).decode(),
                    "updated_at": now,
                }
            ],
        )
    return cursor


def _replace(
    connection: sa.Connection, source: str, before: set[Interval], after: set[Interval]
) -> None:
    """Bring the table from one set to the other; what grew at its end is one update."""
    table = covered_interval
    gone = {one.start: one for one in before - after}
    fresh = []
    for one in sorted(after - before):
        if gone.pop(one.start, None) is None:
            fresh.append({"source": source, "start_at": one.start, "end_at": one.end})
            continue
        connection.execute(
            sa.update(table)
            .where(table.c.source == source, table.c.start_at == one.start)
            .values(end_at=one.end)
        )
    for start in gone:
        connection.execute(
            sa.delete(table).where(table.c.source == source, table.c.start_at == start)
        )
    if fresh:
        connection.execute(sa.insert(table), fresh)
