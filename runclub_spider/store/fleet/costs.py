"""What a plan has spent, and what its pages' tracks will need: its runs share one budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from runclub_spider.store.db import meta
from runclub_spider.store.db.tables import fleet_job, fleet_need
from runclub_spider.store.db.upsert import insert_new


def plan_of(connection: sa.Connection, job_id: int) -> int:
    """The plan of a job."""
    query = sa.select(fleet_job.c.plan_id).where(fleet_job.c.job_id == job_id)
    return int(connection.scalar(query) or 0)


def first_time(connection: sa.Connection, plan_id: int, what: str) -> bool:
    """Whether something is done for a plan for the first time; then it is noted as done."""
    key = f"fleet|{plan_id}|{what}"
    if meta.get(connection, key) is not None:
        return False
    meta.put(connection, key, "done")
    return True


def spend(connection: sa.Connection, plan_id: int, requests: Mapping[str, int]) -> None:
    """Count requests of a run of the plan, by family."""
    before = spent(connection, plan_id)
    for family, number in requests.items():
        meta.put(connection, f"{_spent(plan_id)}{family}", str(before[family] + number))


def spent(connection: sa.Connection, plan_id: int) -> Counter[str]:
    """Requests of all runs of the plan, by family."""
    prefix = _spent(plan_id)
    found = meta.starting_with(connection, prefix)
    return Counter({key.removeprefix(prefix): int(number) for key, number in found.items()})


def _spent(plan_id: int) -> str:
    return f"fleet|{plan_id}|requests|"


def need(connection: sa.Connection, plan_id: int, stage: str, ids: Iterable[str]) -> None:
    """Note what a stage will ask; each once, whoever found it."""
    rows = [{"plan_id": plan_id, "stage": stage, "needed": one} for one in sorted(set(ids))]
    insert_new(connection, fleet_need, rows)


def needs(connection: sa.Connection, plan_id: int) -> Mapping[str, int]:
    """How many ids each stage will ask, or has asked, for the plan."""
    rows = connection.execute(
        sa.select(fleet_need.c.stage, sa.func.count())
        .where(fleet_need.c.plan_id == plan_id)
        .group_by(fleet_need.c.stage)
    )
    return {stage: int(number) for stage, number in rows}
