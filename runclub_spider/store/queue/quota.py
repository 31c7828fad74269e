"""The quota ledger: calls in hourly buckets, and until when an API must not be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from runclub_spider.config import utc_now
from runclub_spider.store.db import meta, tables
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import api_block, quota
from runclub_spider.store.db.upsert import RowInsert, upsert

_SINCE = "calls_since_refusal|"
HOUR = 3600
DAY = 24 * HOUR
#: No refusal is believed for longer: one odd answer must not shut an API for years.
LONGEST_BLOCK = 30 * DAY


@dataclass(frozen=True, slots=True)
class Block:
    """An API account that refuses requests until a moment (epoch seconds)."""

    account: str
    family: str
    blocked_until: int
    reason: str


_COUNT = RowInsert(
    quota,
    ("account", "family", "hour", "calls"),
    lambda new: {"calls": quota.c.calls + new.calls},
)
_FACT = tables.meta.c
_COUNT_SINCE = Prepared(
    sa.update(tables.meta)
    .where(_FACT.key == sa.bindparam("of_key"))
    .values(
        value=sa.cast(
            sa.cast(_FACT.value, sa.Integer) + sa.bindparam("more", type_=sa.Integer()), sa.Text
        )
    )
)


def count(connection: sa.Connection, account: str, calls: Mapping[str, int], now: int) -> None:
    """Add calls by family to the bucket of the hour."""
    hour, numbers = now - now % HOUR, calls.items()
    _COUNT(connection, [(account, family, hour, number) for family, number in numbers])
    # Only of families that were refused once is there such a fact.
    _COUNT_SINCE.many(
        connection,
        [{"of_key": f"{_SINCE}{account}|{family}", "more": n} for family, n in numbers],
    )


def last_day(connection: sa.Connection, account: str, now: int) -> dict[str, dict[int, int]]:
    """Calls of the last 24 hours: family -> hour -> calls."""
    found: dict[str, dict[int, int]] = {}
    rows = connection.execute(
        sa.select(quota.c.family, quota.c.hour, quota.c.calls).where(
            # Hours to come are those of a clock that went wrong.
            quota.c.account == account,
            quota.c.hour > now - DAY,
            quota.c.hour <= now,
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


def every_learnt_limit(connection: sa.Connection) -> list[tuple[str, str, int]]:
    """(account, family, calls) that refusals taught, in order."""
    prefix = "quota_limit|"
    found = []
    for key, value in meta.starting_with(connection, prefix).items():
        account, _, family = key.removeprefix(prefix).rpartition("|")
        found.append((account, family, int(value)))
    return sorted(found)


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
    return int(ceiling) if ceiling and since <= int(at) <= utc_now() else None


def learn_pace(connection: sa.Connection, key: str, ceiling: int, now: int) -> None:
    """Remember what the pacer found."""
    meta.put(connection, key, f"{ceiling}|{now}")


def block(connection: sa.Connection, found: Block) -> None:
    """Remember a refusal, for 30 days at most."""
    upsert(
        connection,
        api_block,
        [
            {
                "account": found.account,
                "family": found.family,
                "blocked_until": min(found.blocked_until, utc_now() + LONGEST_BLOCK),
                "reason": found.reason,
            }
        ],
    )


def blocks(connection: sa.Connection, now: int) -> list[Block]:
    """Refusals still in force, the first to end first; none for longer than 30 days."""
    rows = connection.execute(
        sa.select(api_block)
        .where(api_block.c.blocked_until > now)
        .order_by(api_block.c.blocked_until, api_block.c.account)
    )
    found = (Block(**row._asdict()) for row in rows)
    return [
        replace(one, blocked_until=min(one.blocked_until, now + LONGEST_BLOCK)) for one in found
    ]


def shorten(connection: sa.Connection, now: int) -> None:
    """Let no stored refusal last longer than 30 days from now: a wrong clock may have set it."""
    most = now + LONGEST_BLOCK
    connection.execute(
        sa.update(api_block).where(api_block.c.blocked_until > most).values(blocked_until=most)
    )


def lift(
    connection: sa.Connection, now: int, account: str | None = None, family: str | None = None
) -> list[Block]:
    """End the refusals of an account (None: of all), or of one family; returns those in force."""
    wanted = [
        found
        for found in blocks(connection, now)
        if account in {None, found.account} and family in {None, found.family}
    ]
    for found in wanted:
        connection.execute(
            sa.delete(api_block).where(
                api_block.c.account == found.account, api_block.c.family == found.family
            )
        )
    return wanted
