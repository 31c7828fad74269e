"""Plans and their jobs: what is to be done by many workers, by whom it is done, how it went.

A plan is one order of `scrapy fleet start`. Its jobs come in phases: pages are crawled, one job an
account, then tracks are enriched, then a release is made. A phase begins when all jobs of the one
before are settled. Of a station the jobs are stretches of time, one after the other: which song a
play is depends on the plays before it, and the station is one host.

The tables say what is to be done; whoever hands jobs to workers only reads them, so nothing is lost
with what was handed out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson
import sqlalchemy as sa

from runclub_spider.store.db import meta
from runclub_spider.store.db.tables import fleet_job, fleet_need, fleet_plan, page, run
from runclub_spider.store.queue.pages import DONE as PAGE_DONE
from runclub_spider.store.queue.pages import OPEN as PAGE_OPEN

#: Changes whenever workers are told to end: one that was there before it ends.
STOPS = "fleet_stops"
_LEFT_OUT = "left out: a job of the plan failed"
_NOTHING_LEFT = "the others left nothing to ask"


class Kind(StrEnum):
    """What a job does."""

    CRAWL = "crawl"
    WINDOW = "window"
    ENRICH = "enrich"
    PUBLISH = "publish"

    @property
    def phase(self) -> int:
        """Jobs of a phase are done beside each other, and before those of the next."""
        return {Kind.CRAWL: 1, Kind.WINDOW: 1, Kind.ENRICH: 2, Kind.PUBLISH: 3}[self]


class State(StrEnum):
    """How far a job is; a paused one waits for a moment."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def settled(self) -> bool:
        """Whether nothing more will be done of it."""
        return self in {State.DONE, State.FAILED, State.STOPPED}


class PlanState(StrEnum):
    """Whether a plan is at work."""

    OPEN = "open"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Plan:
    """An order: a spider with its arguments as typed, and the requests that all its jobs share."""

    plan_id: int
    spider: str
    arguments: dict[str, str]
    budget: int | None
    state: PlanState
    created_at: int


@dataclass(frozen=True, slots=True)
class Job:
    """A command of a plan, the account it runs under, and how it went so far.

    `failures` counts how often in a row it ended with the same `exit_code` and no moment to resume
    at that anybody knew. Times are epoch seconds.
    """

    job_id: int
    plan_id: int
    kind: Kind
    command: tuple[str, ...]
    account: str | None
    attempt: int
    state: State
    worker: str | None
    exit_code: int | None
    failures: int
    resume_at: int | None
    note: str | None
    started_at: int | None
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class PageNumbers:
    """Pages of a plan: in a worker's hand, waiting for one, stored."""

    leased: int
    open: int
    done: int


def create(
    connection: sa.Connection,
    spider: str,
    arguments: Mapping[str, str],
    budget: int | None,
    accounts: Sequence[str],
    now: int,
    *,
    windows: Sequence[tuple[str, str]] = (),
) -> int:
    """Store a plan with all its jobs; returns its number.

    Args:
        connection: a transaction.
        spider: whose pages are crawled; `enrich` has none.
        arguments: the spider's, as typed.
        budget: most requests of all jobs together.
        accounts: under whose names pages are crawled; none: under the one that has no name.
        now: epoch seconds.
        windows: first and last moment (ISO) of the stretches a station's time is divided into; a
            plan with windows has no other jobs.
    """
    made = connection.execute(
        sa.insert(fleet_plan).values(
            spider=spider,
            arguments=orjson.dumps(dict(arguments)).decode(),
            budget=budget,
            state=PlanState.OPEN,
            created_at=now,
        )
    )
    (plan_id,) = made.inserted_primary_key or (0,)
    own = {name: value for name, value in arguments.items() if name != "budget"}
    shared = {} if budget is None else {"budget": str(budget)}
    first = accounts[0] if accounts else None
    jobs = list[tuple[Kind, str | None, list[str]]]()
    for start, end in windows:
        stretch = {**own, "start_date": start, "end_date": end, **shared}
        jobs.append((Kind.WINDOW, None, _crawl(spider, stretch)))
    if not windows:
        if spider == "enrich":
            jobs.append((Kind.ENRICH, first, _crawl(spider, {**own, **shared})))
        else:
            command = _crawl(spider, {**own, **shared})
            names: Sequence[str | None] = accounts or [None]
            jobs += [(Kind.CRAWL, account, command) for account in names]
            jobs.append((Kind.ENRICH, first, _crawl("enrich", shared)))
        jobs.append((Kind.PUBLISH, None, ["publish"]))
    connection.execute(
        sa.insert(fleet_job),
        [
            {
                "plan_id": plan_id,
                "kind": kind,
                "command": orjson.dumps(command).decode(),
                "account": account,
                "state": State.WAITING,
            }
            for kind, account, command in jobs
        ],
    )
    return int(plan_id)


def _crawl(spider: str, arguments: Mapping[str, str]) -> list[str]:
    words = ["crawl", spider]
    for name, value in arguments.items():
        words += ["-a", f"{name}={value}"]
    return words


def alone(connection: sa.Connection) -> None:
    """Let nobody else order a plan until the transaction is over; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE fleet_plan IN SHARE ROW EXCLUSIVE MODE")


def find(connection: sa.Connection, plan_id: int) -> Plan | None:
    """A plan by its number."""
    return _plan(connection, sa.select(fleet_plan).where(fleet_plan.c.plan_id == plan_id))


def at_work(connection: sa.Connection) -> Plan | None:
    """The plan that is open; there is one at most."""
    query = sa.select(fleet_plan).where(fleet_plan.c.state == PlanState.OPEN)
    return _plan(connection, query.order_by(fleet_plan.c.plan_id).limit(1))


def newest(connection: sa.Connection) -> Plan | None:
    """The plan that was ordered last."""
    return _plan(connection, sa.select(fleet_plan).order_by(fleet_plan.c.plan_id.desc()).limit(1))


def _plan(connection: sa.Connection, query: Any) -> Plan | None:
    row = connection.execute(query).first()
    if row is None:
        return None
    values = {**row._asdict(), "arguments": orjson.loads(row.arguments)}
    return Plan(**{**values, "state": PlanState(row.state)})


def job(connection: sa.Connection, job_id: int) -> Job | None:
    """A job by its number."""
    return next(iter(_jobs(connection, fleet_job.c.job_id == job_id)), None)


def jobs(connection: sa.Connection, plan_id: int) -> list[Job]:
    """A plan's jobs, phase by phase."""
    return _jobs(connection, fleet_job.c.plan_id == plan_id)


def _jobs(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> list[Job]:
    rows = connection.execute(sa.select(fleet_job).where(wanted).order_by(fleet_job.c.job_id))
    return [
        Job(
            **{
                **row._asdict(),
                "kind": Kind(row.kind),
                "command": tuple(orjson.loads(row.command)),
                "state": State(row.state),
            }
        )
        for row in rows
    ]


def ready(connection: sa.Connection, plan_id: int) -> list[Job]:
    """Jobs that a worker may begin: waiting or paused, of the phase that the plan is in.

    Windows follow each other as phases do.
    """
    plan = find(connection, plan_id)
    if plan is None or plan.state != PlanState.OPEN:
        return []
    known = jobs(connection, plan_id)
    return [one for one in _under_way(known) if one.state in {State.WAITING, State.PAUSED}]


def settled(connection: sa.Connection, plan_id: int) -> bool:
    """Whether nothing more will be done of any job of the plan."""
    return all(one.state.settled for one in jobs(connection, plan_id))


def _under_way(known: Sequence[Job]) -> list[Job]:
    """The jobs of the first phase that has one which is not settled, those excepted that are.

    Of windows it is the first alone.
    """
    unsettled = [one for one in known if not one.state.settled]
    phase = min((one.kind.phase for one in unsettled), default=0)
    found = [one for one in unsettled if one.kind.phase == phase]
    return found[:1] if found and found[0].kind == Kind.WINDOW else found


def begin(connection: sa.Connection, job_id: int, worker: str, now: int) -> int | None:
    """Note that a worker runs a job; returns the number of the attempt.

    A job that runs already may be begun again: its worker is believed to be dead, and what that
    attempt still tries to store is refused from here on.

    Returns:
        None when it is not to be run: it is settled, waits for a moment or for another phase, or
        its plan was stopped.
    """
    plan = _lock(connection, job_id)
    if plan is None:
        return None
    wanted = fleet_job.c.job_id == job_id
    if plan.state != PlanState.OPEN:
        # What a dead worker left of a plan that was stopped.
        connection.execute(
            sa.update(fleet_job)
            .where(wanted, fleet_job.c.state.not_in([one for one in State if one.settled]))
            .values(state=State.STOPPED, finished_at=now)
        )
        return None
    found = next(
        (one for one in _under_way(jobs(connection, plan.plan_id)) if one.job_id == job_id), None
    )
    if found is None or (found.state == State.PAUSED and (found.resume_at or 0) > now):
        return None
    attempt = found.attempt + 1
    connection.execute(
        sa.update(fleet_job)
        .where(wanted)
        .values(
            attempt=attempt,
            state=State.RUNNING,
            worker=worker,
            resume_at=None,
            note=None,
            started_at=now,
            finished_at=None,
        )
    )
    return attempt


def end(
    connection: sa.Connection,
    job_id: int,
    attempt: int,
    state: State,
    exit_code: int | None,
    resume_at: int | None,
    note: str | None,
    now: int,
    *,
    failures: int = 0,
) -> bool:
    """Note how an attempt of a job ended, and what follows for its plan.

    What was to be resumed of a plan that was stopped meanwhile is stopped.

    Returns:
        False when another attempt was begun since: nothing was changed then.
    """
    plan = _lock(connection, job_id)
    if plan is None:
        return False
    if plan.state != PlanState.OPEN and not state.settled:
        state, resume_at = State.STOPPED, None
    changed = connection.execute(
        sa.update(fleet_job)
        .where(
            fleet_job.c.job_id == job_id,
            fleet_job.c.attempt == attempt,
            fleet_job.c.state == State.RUNNING,
        )
        .values(
            state=state,
            exit_code=exit_code,
            failures=failures,
            resume_at=resume_at,
            note=note,
            finished_at=now,
        )
    )
    if not changed.rowcount:
        return False
    if plan.state == PlanState.OPEN:
        if state == State.DONE:
            _spare(connection, job_id, now)
        _conclude(connection, plan.plan_id, now)
    return True


def _spare(connection: sa.Connection, job_id: int, now: int) -> None:
    """A crawl that is done left nothing to ask: those that wait for their accounts are as well."""
    crawl = fleet_job.alias()
    of_plan = sa.select(crawl.c.plan_id).where(crawl.c.job_id == job_id, crawl.c.kind == Kind.CRAWL)
    connection.execute(
        sa.update(fleet_job)
        .where(
            fleet_job.c.plan_id == of_plan.scalar_subquery(),
            fleet_job.c.kind == Kind.CRAWL,
            fleet_job.c.state == State.PAUSED,
        )
        .values(state=State.DONE, resume_at=None, note=_NOTHING_LEFT, finished_at=now)
    )


def _conclude(connection: sa.Connection, plan_id: int, now: int) -> None:
    """Leave the release out if another job failed, and close a plan whose jobs are settled."""
    known = jobs(connection, plan_id)
    left = [one for one in known if not one.state.settled]
    failed = any(one.state == State.FAILED for one in known)
    if failed and left and all(one.kind == Kind.PUBLISH for one in left):
        connection.execute(
            sa.update(fleet_job)
            .where(fleet_job.c.job_id.in_([one.job_id for one in left]))
            .values(state=State.STOPPED, note=_LEFT_OUT, finished_at=now)
        )
        left = []
    if not left:
        _close(connection, plan_id, PlanState.DONE)


def stop(connection: sa.Connection, token: str, now: int) -> Plan | None:
    """End the open plan and the workers: jobs that no worker has become `stopped`.

    Args:
        connection: a transaction.
        token: any text unlike the last one; workers that knew another one end.
        now: epoch seconds.

    Returns:
        The plan, None when none was open; jobs that run are stopped by their workers.
    """
    meta.put(connection, STOPS, token)
    open_plan = at_work(connection)
    if open_plan is None:
        return None
    query = sa.select(fleet_plan.c.state).where(fleet_plan.c.plan_id == open_plan.plan_id)
    if connection.scalar(query.with_for_update()) != PlanState.OPEN:
        return None
    _close(connection, open_plan.plan_id, PlanState.STOPPED)
    connection.execute(
        sa.update(fleet_job)
        .where(
            fleet_job.c.plan_id == open_plan.plan_id,
            fleet_job.c.state.in_([State.WAITING, State.PAUSED]),
        )
        .values(state=State.STOPPED, resume_at=None, finished_at=now)
    )
    return replace(open_plan, state=PlanState.STOPPED)


def stops(connection: sa.Connection) -> str:
    """What `stop` wrote last; empty before the first."""
    return meta.get(connection, STOPS) or ""


def page_numbers(connection: sa.Connection, plan: Plan, now: int) -> PageNumbers:
    """Pages of the plan's spider that are leased and open, and those its runs have stored."""
    mine = sa.select(run.c.run_id).where(run.c.plan_id == plan.plan_id)
    waiting = (page.c.spider == plan.spider) & (page.c.state == PAGE_OPEN)
    held = waiting & page.c.lease_owner.is_not(None) & (page.c.lease_until > now)

    def count(wanted: sa.ColumnElement[bool]) -> int:
        number = connection.scalar(sa.select(sa.func.count()).select_from(page).where(wanted))
        return int(number or 0)

    leased = count(held)
    done = count((page.c.state == PAGE_DONE) & page.c.run_id.in_(mine))
    return PageNumbers(leased, count(waiting) - leased, done)


def _lock(connection: sa.Connection, job_id: int) -> Plan | None:
    """The plan of a job, whose jobs nobody else begins or ends until the transaction is over."""
    of_job = sa.select(fleet_job.c.plan_id).where(fleet_job.c.job_id == job_id)
    query = sa.select(fleet_plan).where(fleet_plan.c.plan_id == of_job.scalar_subquery())
    return _plan(connection, query.with_for_update())


def _close(connection: sa.Connection, plan_id: int, state: PlanState) -> None:
    wanted = fleet_plan.c.plan_id == plan_id
    connection.execute(sa.update(fleet_plan).where(wanted).values(state=state))
    # Its budget reckoned with that.
    connection.execute(sa.delete(fleet_need).where(fleet_need.c.plan_id == plan_id))
