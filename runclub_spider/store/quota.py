"""The quota ledger: calls in hourly buckets, and until when an API must not be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from runclub_spider.store.tables import api_block, quota
from runclub_spider.store.upsert import insert_new, upsert

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Block:
    """An API account that refuses requests until a moment (epoch seconds)."""

    account: str
    family: str
    blocked_until: int
    reason: str


def count(connection: sa.Connection, account: str, calls: Mapping[str, int], now: int) -> None:
    """Add calls by family to the bucket of the hour."""
    hour = now - now % HOUR
    rows = [{"account": account, "family": family, "hour": hour, "calls": 0} for family in calls]
    insert_new(connection, quota, rows)
    for family, number in calls.items():
        connection.execute(
            sa.update(quota)
            .where(quota.c.account == account, quota.c.family == family, quota.c.hour == hour)
            .values(calls=quota.c.calls + number)
        )


def block(connection: sa.Connection, found: Block) -> None:
    """Remember a refusal."""
    upsert(
        connection,
        api_block,
        [
            {
                "account": found.account,
                "family": found.family,
                "blocked_until": found.blocked_until,
                "reason": found.reason,
            }
        ],
    )


def blocks(connection: sa.Connection, now: int) -> list[Block]:
    """Refusals still in force."""
    rows = connection.execute(
        sa.select(api_block)
        .where(api_block.c.blocked_until > now)
        .order_by(api_block.c.blocked_until, api_block.c.account)
    )
    return [Block(**row._asdict()) for row in rows]
