"""The quota ledger: calls in hourly buckets, and until when an API must not be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from runclub_spider.store import meta
from runclub_spider.store.tables import api_block, quota
from runclub_spider.store.upsert import insert_new, upsert

HOUR = 3600
DAY = 24 * HOUR


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


def last_day(connection: sa.Connection, account: str, now: int) -> dict[str, dict[int, int]]:
    """Calls of the last 24 hours: family -> hour -> calls."""
    found: dict[str, dict[int, int]] = {}
    rows = connection.execute(
        sa.select(quota.c.family, quota.c.hour, quota.c.calls).where(
            quota.c.account == account, quota.c.hour > now - DAY
        )
    )
    for row in rows:
        found.setdefault(row.family, {})[row.hour] = row.calls
    return found


def learn_limit(connection: sa.Connection, account: str, family: str, calls: int) -> None:
    """Remember how many calls of a family stood in 24 hours when its quota was refused."""
    meta.put(connection, f"quota_limit|{account}|{family}", str(calls))


def learnt_limits(connection: sa.Connection, account: str) -> dict[str, int]:
    """What refusals taught, by family."""
    prefix = f"quota_limit|{account}|"
    return {
        key.removeprefix(prefix): int(value)
        for key, value in meta.starting_with(connection, prefix).items()
    }


def learnt_pace(connection: sa.Connection, key: str, since: int) -> int | None:
    """The calls a window that an earlier run found allowed, if found after `since`."""
    ceiling, _, at = (meta.get(connection, key) or "").partition("|")
    return int(ceiling) if ceiling and int(at) >= since else None


def learn_pace(connection: sa.Connection, key: str, ceiling: int, now: int) -> None:
    """Remember what the pacer found."""
    meta.put(connection, key, f"{ceiling}|{now}")


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
