"""The quota ledger: calls in hourly buckets, and until when an API must not be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from runclub_spider.store import meta
from runclub_spider.store.tables import api_block, quota
from runclub_spider.store.upsert import insert_new, upsert

_SINCE = "calls_since_refusal|"
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
    counted = since_refusal(connection, account)
    for family, number in calls.items():
        connection.execute(
            sa.update(quota)
            .where(quota.c.account == account, quota.c.family == family, quota.c.hour == hour)
            .values(calls=quota.c.calls + number)
        )
        if family in counted:
            meta.put(connection, f"{_SINCE}{account}|{family}", str(counted[family] + number))


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


def since_refusal(connection: sa.Connection, account: str) -> dict[str, int]:
    """Calls since a family's quota was last refused; only of families to which that happened.

    Nobody knows when an API's day begins: these calls, not those of 24 hours, are what the next
    refusal is measured by.
    """
    prefix = f"{_SINCE}{account}|"
    return {
        key.removeprefix(prefix): int(value)
        for key, value in meta.starting_with(connection, prefix).items()
    }


def learn_limit(connection: sa.Connection, account: str, family: str, calls: int) -> None:
    """Remember after how many calls of a family its quota was refused, and count anew."""
    meta.put(connection, f"quota_limit|{account}|{family}", str(calls))
    meta.put(connection, f"{_SINCE}{account}|{family}", "0")


def learnt_limits(connection: sa.Connection, account: str) -> dict[str, int]:
    """What refusals taught, by family."""
    prefix = f"quota_limit|{account}|"
    return {
        key.removeprefix(prefix): int(value)
        for key, value in meta.starting_with(connection, prefix).items()
    }


def limit_of(
    family: str, given: Mapping[str, int], learnt: Mapping[str, int], *, share: float
) -> tuple[int | None, str]:
    """Calls in 24 h a family may have, and whether the limit was set or learnt; None: unknown."""
    if family in given:
        return int(given[family] * share), "set"
    if family in learnt:
        return int(learnt[family] * share), "learnt"
    return None, ""


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
