"""From the plan in the store to jobs that procrastinate hands to workers, and back from the dead.

The store says what is to be done, and whoever looks hands out what is missing: after an order, the
end of a job, the loss of what was handed out. To hand a job out twice does no harm: both have the
same lock, so one waits for the other, and then finds that there is nothing to begin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from procrastinate import App
from procrastinate.jobs import Status

from runclub_spider.fleet.app import DEAD_AFTER, TASK, alone
from runclub_spider.store.fleet import plans
from runclub_spider.store.fleet.plans import Job, Kind, State

#: The queue of jobs that need no account.
ANYBODY = "anybody"
_LIVE = frozenset({Status.TODO.value, Status.DOING.value})


def queue_of(job: Job) -> str:
    """Which workers can do it: those that have the account, or all."""
    keyless = job.kind == Kind.ENRICH and "only=open_metadata" in job.command
    if job.kind in {Kind.CRAWL, Kind.ENRICH} and not keyless:
        return account_queue(job.account)
    return ANYBODY


def account_queue(account: str | None) -> str:
    """The queue of an account; None is the one without a name."""
    return f"account:{account or ''}"


def lock_of(job: Job) -> str:
    """No two jobs with the same lock are done at once, on whatever machine: one an account."""
    if job.kind in {Kind.CRAWL, Kind.ENRICH}:
        return account_queue(job.account)
    return f"{job.kind}:{job.job_id}"


def wanted(connection: sa.Connection) -> Mapping[int, Job]:
    """The jobs that are to be handed out: what is ready, and what runs already, by number."""
    plan = plans.at_work(connection)
    if plan is None:
        return {}
    running = [one for one in plans.jobs(connection, plan.plan_id) if one.state == State.RUNNING]
    return {one.job_id: one for one in [*plans.ready(connection, plan.plan_id), *running]}


async def hand_out(
    app: App, look: Callable[[], Awaitable[Mapping[int, Job]]], *, wait: bool = False
) -> None:
    """Hand out what the plan in the store wants and nobody has; take back what it wants no more.

    Args:
        app: opened.
        look: asked for the `wanted` jobs.
        wait: until nobody else does it; else it is left to them.
    """
    async with _transaction(app) as connection:
        if not await alone(connection, wait=wait):
            return
        known = await look()
        live = {
            handed.task_kwargs["job_id"]: handed
            for handed in await app.job_manager.list_jobs_async(task=TASK)
            if handed.status in _LIVE
        }
        for job_id, handed in live.items():
            if job_id not in known and handed.status == Status.TODO.value and handed.id is not None:
                await app.job_manager.cancel_job_by_id_async(
                    handed.id, delete_job=True, connection=connection
                )
        for job_id, job in known.items():
            if job_id not in live:
                at = job.resume_at
                deferrer = app.configure_task(
                    TASK,
                    lock=lock_of(job),
                    queue=queue_of(job),
                    schedule_at=None if at is None else datetime.fromtimestamp(at, UTC),
                    connection=connection,
                )
                await deferrer.defer_async(job_id=job_id)


async def stalled(app: App, worker_id: int | None) -> set[int]:
    """Numbers, as procrastinate counts, of jobs whose workers are dead, and of this worker's."""
    manager = app.job_manager
    found = {job.id for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER)}
    if worker_id is not None:
        mine = await manager.list_jobs_async(status="doing", worker_id=worker_id)
        found |= {job.id for job in mine}
    return {one for one in found if one is not None}


async def take_back(app: App, worker_id: int | None, left: Collection[int]) -> list[int]:
    """Hand out anew what nobody does; returns the numbers of those jobs, as the store counts.

    Args:
        app: opened.
        worker_id: this worker's number.
        left: the `stalled` ones of which this worker does none.
    """
    async with _transaction(app) as connection:
        # Others that did it meanwhile have changed what is stalled.
        if not left or not await alone(connection, wait=False):
            return []
        again = await stalled(app, worker_id) & set(left)
        found = [one for one in await app.job_manager.list_jobs_async(task=TASK) if one.id in again]
        for job in found:
            await app.job_manager.retry_job(job, retry_at=datetime.now(UTC))
        return [int(str(job.task_kwargs["job_id"])) for job in found]


@asynccontextmanager
async def _transaction(app: App) -> AsyncIterator[Any]:
    connector: Any = app.connector
    async with connector.pool.connection() as connection, connection.transaction():
        yield connection
