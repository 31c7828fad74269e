"""How far a source was read: its covered intervals, and the checkpoint that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import sqlalchemy as sa

from runclub_spider.catalog.coverage import Interval, merged
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import covered_interval, external_play, ingestion_checkpoint
from runclub_spider.store.db.upsert import upsert
from runclub_spider.text import timestamp

_AT = (covered_interval.c.source == sa.bindparam("b_source")) & (
    covered_interval.c.start_at == sa.bindparam("b_start")
)
# Made once: a page moves one interval and the checkpoint, and nothing else here.
_GROW = Prepared(sa.update(covered_interval).where(_AT), "end_at")
_DROP = sa.delete(covered_interval).where(_AT)
_MOVE = Prepared(
    sa.update(ingestion_checkpoint).where(
        ingestion_checkpoint.c.source == sa.bindparam("b_source")
    ),
    *("cursor", "metadata", "updated_at"),
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the store says of a source: its intervals in order, and the plays counted.

    `stored` is False where there is no row yet.
    """

    source: str
    covered: tuple[Interval, ...] = ()
    plays: int = 0
    stored: bool = False

    @property
    def cursor(self) -> str | None:
        """The newest covered second (ISO 8601, UTC)."""
        return timestamp(self.covered[-1].end - 1) if self.covered else None


def covered(connection: sa.Connection, source: str) -> tuple[Interval, ...]:
    """The stretches of which every play is stored, in order."""
    rows = connection.execute(
        sa.select(covered_interval.c.start_at, covered_interval.c.end_at)
        .where(covered_interval.c.source == source)
        .order_by(covered_interval.c.start_at)
    )
    return tuple(Interval(row.start_at, row.end_at) for row in rows)


def sources(connection: sa.Connection) -> list[str]:
    """What was read so far, by name."""
    query = sa.select(ingestion_checkpoint.c.source).order_by(ingestion_checkpoint.c.source)
    return list(connection.scalars(query))


def newest(connection: sa.Connection, source: str, back: int) -> int | None:
    """Airdate of the play `back` places before the newest of a source; the oldest if fewer."""
    query = (
        sa.select(external_play.c.airdate)
        .where(external_play.c.source == source, external_play.c.airdate.is_not(None))
        .order_by(external_play.c.airdate.desc())
    )
    found = connection.scalar(query.offset(back).limit(1))
    if found is None:
        found = connection.scalar(query.order_by(None).order_by(external_play.c.airdate).limit(1))
    return None if found is None else int(found)


def load(connection: sa.Connection, source: str) -> Checkpoint:
    """The checkpoint as it stands."""
    query = sa.select(ingestion_checkpoint.c.metadata).where(
        ingestion_checkpoint.c.source == source
    )
    row = connection.execute(query).one_or_none()
    known = orjson.loads(row.metadata or "{}") if row is not None else {}
    intervals = covered(connection, source)
    return Checkpoint(source, intervals, known.get("plays", 0), stored=row is not None)


def extend(
    connection: sa.Connection,
    before: Checkpoint,
    claimed: Sequence[Interval],
    *,
    plays: int,
    now: int,
) -> Checkpoint:
    """Add stretches and move the checkpoint with them, in the transaction of their plays.

    `before` is what the store says now; `plays` were stored in this transaction. Returns what the
    store says once that is committed. Nothing is written when nothing changes.
    """
    intervals = merged((*before.covered, *claimed)) if claimed else before.covered
    after = Checkpoint(before.source, intervals, before.plays + plays, stored=True)
    if after == before:
        return before
    _replace(connection, before.source, set(before.covered), set(intervals))
    values = {
        "cursor": after.cursor,
        "metadata": orjson.dumps({"plays": after.plays}).decode(),
        "updated_at": now,
    }
    if before.stored:
        _MOVE.rows(connection, {"b_source": before.source, **values})
    else:
        upsert(connection, ingestion_checkpoint, [{"source": before.source, **values}])
    return after


def _replace(
    connection: sa.Connection, source: str, before: set[Interval], after: set[Interval]
) -> None:
    """Bring the table from one set to the other; what grew at its end is one update."""
    gone = {one.start for one in before - after}
    fresh = []
    for one in sorted(after - before):
        if one.start in gone:
            gone.discard(one.start)
            values = {"b_source": source, "b_start": one.start, "end_at": one.end}
            _GROW.rows(connection, values)
        else:
            fresh.append({"source": source, "start_at": one.start, "end_at": one.end})
    for start in sorted(gone):
        connection.execute(_DROP, {"b_source": source, "b_start": start})
    if fresh:
        connection.execute(sa.insert(covered_interval), fresh)
