"""Leases on pages: who has which in hand, and until when.

A page is given out with a number that only grows. What stores the page consumes state and number
first; so of two who have it in hand, one of them late, only the one who was given it last can
store it. Moments are the server's: workers' clocks may differ.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runclub_spider.config import utc_now
from runclub_spider.store.db.tables import page
from runclub_spider.store.queue.pages import OPEN, PageKind, PageTask

#: Seconds that a page is somebody's who says nothing more.
LEASE = 30


@dataclass(frozen=True, slots=True)
class Leased:
    """A page to ask, and the number with which it was given out."""

    task: PageTask
    token: int


def server_now(connection: sa.Connection) -> int:
    """Seconds since 1970 by the database's clock; a file has that of this machine."""
    if connection.dialect.name == "sqlite":
        return utc_now()
    return int(connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())")) or 0)


_COLUMNS = [page.c[name] for name in PageTask.__dataclass_fields__]


def take(
    connection: sa.Connection,
    spider: str,
    market: str,
    *,
    owner: str,
    count: int,
    held: Collection[str] = frozenset(),
    skip: Collection[str] = frozenset(),
) -> list[Leased]:
    """Up to `count` open pages in planning order that nobody else has.

    Pages that `owner` is said to have and that are not among those `held` were left by an earlier
    process of the same job: they are given out anew. `skip` are keys that are not wanted.
    """
    now = server_now(connection)
    free = page.c.lease_until.is_(None) | (page.c.lease_until < now) | (page.c.lease_owner == owner)
    query = (
        sa.select(*_COLUMNS, page.c.key, page.c.lease_token)
        .where(page.c.spider == spider, page.c.market == market, page.c.state == OPEN, free)
        .order_by(page.c.ordinal, page.c.key)
        .limit(count + len(held) + len(skip))
        .with_for_update(skip_locked=True)
    )
    rows = [
        row for row in connection.execute(query) if row.key not in held and row.key not in skip
    ][:count]
    if rows:
        connection.execute(
            sa.update(page)
            .where(page.c.key.in_([row.key for row in rows]))
            .values(lease_owner=owner, lease_until=now + LEASE, lease_token=page.c.lease_token + 1)
        )
    return [Leased(_task(row), int(row.lease_token) + 1) for row in rows]


def _task(row: Any) -> PageTask:
    values = {name: getattr(row, name) for name in PageTask.__dataclass_fields__}
    return PageTask(**{**values, "kind": PageKind(row.kind)})


def in_hand(
    connection: sa.Connection, spider: str, market: str, skip: Collection[str] = frozenset()
) -> bool:
    """Whether a page is open that is not among those of `skip` that nobody has."""
    now = server_now(connection)
    rows = connection.execute(
        sa.select(page.c.key, page.c.lease_until).where(
            page.c.spider == spider, page.c.market == market, page.c.state == OPEN
        )
    )
    return any(row.key not in skip or (row.lease_until or 0) >= now for row in rows)


def others(connection: sa.Connection, spider: str, market: str, owner: str) -> bool:
    """Whether somebody else has a page in hand."""
    query = sa.select(page.c.key).where(
        page.c.spider == spider,
        page.c.market == market,
        page.c.state == OPEN,
        page.c.lease_until >= server_now(connection),
        page.c.lease_owner != owner,
    )
    return connection.execute(query.limit(1)).first() is not None


def consume(connection: sa.Connection, key: str, token: int) -> bool:
    """First of all in what stores a page: whether it is open, and this giver-out's last word."""
    done = connection.execute(
        sa.update(page)
        .where(page.c.key == key, page.c.state == OPEN, page.c.lease_token == token)
        .values(lease_owner=None, lease_until=None)
    )
    return done.rowcount == 1


def extend(connection: sa.Connection, owner: str, keys: Sequence[str]) -> None:
    """Pages stay their holder's for longer."""
    connection.execute(
        sa.update(page)
        .where(page.c.key.in_(keys), page.c.state == OPEN, page.c.lease_owner == owner)
        .values(lease_until=server_now(connection) + LEASE)
    )


def release(connection: sa.Connection, owner: str, keys: Sequence[str] | None = None) -> None:
    """Give back what a holder has in hand, all of it or some pages; others may take it at once."""
    if keys is not None and not keys:
        return
    mine = page.c.lease_owner == owner
    wanted = mine if keys is None else mine & page.c.key.in_(keys)
    connection.execute(sa.update(page).where(wanted).values(lease_owner=None, lease_until=None))
