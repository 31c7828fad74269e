"""A worker: takes jobs of the open plan one after the other and runs their commands.

Procrastinate hands it jobs; beside that it gives signs of life, hands out what the plan wants,
takes up what dead workers left, and looks whether its own job is still its own. Where the server
cannot be reached all of that waits, and the command that runs finds its own way.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TypeVar

import psycopg
import sqlalchemy as sa
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from procrastinate.jobs import DeleteJobCondition
from procrastinate.worker import Worker as JobWorker

from runclub_spider.config import Config, utc_now
from runclub_spider.errors import StoreError, StoreWriteError
from runclub_spider.fleet import tasks
from runclub_spider.fleet.accounts import Account
from runclub_spider.fleet.app import (
    DEAD_AFTER,
    HEARTBEAT,
    KEEPALIVE,
    NEVER,
    handed_out,
    make_app,
    server_seconds,
)
from runclub_spider.fleet.child import Child
from runclub_spider.fleet.verdict import moment_named, verdict
from runclub_spider.store.db.address import database_url, made_engine
from runclub_spider.store.db.engine import Store
from runclub_spider.store.fleet import plans
from runclub_spider.store.fleet.plans import Job
from runclub_spider.store.queue import quota
from runclub_spider.text import moment, timestamp

#: How a job's words become a command.
PROGRAM = (sys.executable, "-m", "scrapy")
#: Seconds between two looks at the plan, and between two tries at a server that is away.
LOOK, AGAIN = 1.0, 2.0
# What keeps a statement waiting longer is no server that works.
_PATIENCE = 20.0
_BOUNDED = "-c statement_timeout=15000"
_RESUMES = "the same command resumes"
#: The server cannot be reached, or gives no answer.
AWAY = (ConnectorException, psycopg.Error, sa.exc.DBAPIError, StoreError, StoreWriteError)
T = TypeVar("T")


class Why(Enum):
    """What ends a worker before its time."""

    SIGNAL = "a signal"
    STOP = "scrapy fleet stop"
    IDLE = "no job is left"
    FAULT = "a fault of this program"


@dataclass(slots=True)
class InHand:
    """What a worker does: the job as it was before, its attempt, its command once that runs.

    `handed` is the job's number as procrastinate counts.
    """

    job: Job
    attempt: int
    handed: int
    child: Child | None = None
    lost: bool = False


class FleetWorker:
    """One process that does one job at a time.

    Args:
        config: the project's settings; the store is on a server, and has been opened once.
        accounts: whose keys this worker has; none: the one of the ordinary variables.
        settings: what was set on the command line, for its commands too: `-s`, `NAME=value`, …
        program: what runs the words of a job.
    """

    def __init__(
        self,
        config: Config,
        accounts: Sequence[Account],
        *,
        settings: Sequence[str] = (),
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._config = config
        self._accounts = {one.name: one for one in accounts}
        self._settings, self._program = settings, program
        self._name = f"{socket.gethostname()} pid {os.getpid()}"
        url = database_url(config)
        self._app = make_app(url, f"worker pid {os.getpid()}", self._name, self._job)
        options = {"connect_args": {**KEEPALIVE, "options": _BOUNDED}}
        self._store = Store(made_engine(url, pool_pre_ping=True, **options))
        self._worker: JobWorker | None = None
        self._hand: InHand | None = None
        self._why: Why | None = None
        self._ended_at = float("inf")
        self._fault: Exception | None = None
        self._stops = ""
        self._put_back = False
        self._stalled = frozenset[int]()
        # Of the monotonic clock: when the server could not be reached last.
        self._away_at = float("-inf")
        self._away = False

    async def run(self, *, until_idle: bool = False) -> int:
        """Work until told to end, or until nothing is to be done; returns the exit code.

        0, or 75 when a signal interrupted a job, which waits for another worker then.
        """
        for name in ("procrastinate", "psycopg"):
            # What goes wrong is told in lines of our own.
            logging.getLogger(name).setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, Why.SIGNAL)
        try:
            self._stops = await self._in_store(plans.stops)
            async with self._app.open_async():
                await self._together(until_idle)
        finally:
            self._store.close()
        if self._fault is not None:
            raise self._fault
        self._tell(f"ends: {self._why.value if self._why else ''}")
        return 75 if self._put_back else 0

    async def _together(self, until_idle: bool) -> None:
        """The work, and what goes on beside it to its end: who beats, beats till then."""
        rounds = (
            (HEARTBEAT, self._beat),
            (LOOK, partial(self._look, until_idle=until_idle)),
            (LOOK, self._hand_out),
            (HEARTBEAT, self._take_back),
        )
        beside = [asyncio.create_task(self._each(*one)) for one in rounds]
        working = asyncio.create_task(self._work())
        await asyncio.wait([working, *beside], return_when=asyncio.FIRST_COMPLETED)
        self._end(Why.FAULT)
        await asyncio.wait([working])
        for one in beside:
            one.cancel()
        for ended in await asyncio.gather(working, *beside, return_exceptions=True):
            if isinstance(ended, Exception):
                self._fault = self._fault or ended

    def _end(self, why: Why) -> None:
        """Begin no other job, and have the one in hand end; at the second signal at once."""
        again = self._why is not None and why == Why.SIGNAL
        if self._why is None:
            self._why, self._ended_at = why, time.monotonic()
        if self._worker is not None:
            self._worker.stop()  # type: ignore[no-untyped-call]
        child = None if self._hand is None else self._hand.child
        if child is not None and again:
            child.kill()
        elif child is not None:
            child.end()

    # What goes on beside the work

    async def _each(self, seconds: float, what: Callable[[], Awaitable[None]]) -> None:
        """Do something again and again; where the server is away, the next time."""
        while True:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await what()
                self._reached()
            except (*AWAY, TimeoutError) as error:
                self._not_reached(error)
            await asyncio.sleep(seconds)

    async def _beat(self) -> None:
        worker_id = None if self._worker is None else self._worker.worker_id
        if worker_id is not None:
            await self._app.job_manager.update_heartbeat(worker_id)

    async def _look(self, *, until_idle: bool) -> None:
        """Whether to end, and whether the job in hand is still ours."""
        hand = self._hand

        def look(connection: sa.Connection) -> tuple[str, int | None, bool]:
            job = None if hand is None else plans.job(connection, hand.job.job_id)
            idle = plans.at_work(connection) is None and not handed_out(connection)
            return plans.stops(connection), None if job is None else job.attempt, idle

        stops, attempt, idle = await self._in_store(look)
        if hand is not None and attempt != hand.attempt:
            hand.lost = True
            if hand.child is not None:
                hand.child.kill()
        if stops != self._stops:
            self._end(Why.STOP)
        elif until_idle and idle and self._hand is None:
            self._end(Why.IDLE)

    async def _hand_out(self) -> None:
        await tasks.hand_out(self._app, lambda: self._in_store(tasks.wanted))

    async def _take_back(self) -> None:
        """Take up what the dead left, unless nobody could give a sign of life of late."""
        quiet = time.monotonic() - self._away_at
        if quiet < DEAD_AFTER or await self._in_store(server_seconds) < DEAD_AFTER:
            return
        worker_id = None if self._worker is None else self._worker.worker_id
        found = frozenset(await tasks.stalled(self._app, worker_id))
        mine = set() if self._hand is None else {self._hand.handed}
        # Seen twice: of what was just handed to this worker, or just ended, nothing is known yet.
        left = (found & self._stalled) - mine
        self._stalled = found
        for job_id in await tasks.take_back(self._app, worker_id, left):
            self._tell(f"job {job_id}: its worker is gone, it is handed out anew")

    # Jobs

    async def _work(self) -> None:
        """Have procrastinate hand jobs to `_job`; anew whenever the server was away."""
        queues = [tasks.ANYBODY, *map(tasks.account_queue, self._accounts)]
        if not self._accounts and self._config.spotify_client_id:
            queues.append(tasks.account_queue(None))
        keys = ", ".join(self._accounts) or ("that of the settings" if len(queues) > 1 else "none")
        self._tell(f"worker on {self._name}, accounts: {keys}")
        while self._why is None:
            self._worker = JobWorker(
                self._app,
                queues=queues,
                name=self._name,
                # Its listener and its own signs of life end it when the server is away.
                listen_notify=False,
                update_heartbeat_interval=NEVER,
                abort_job_polling_interval=NEVER,
                stalled_worker_timeout=NEVER,
                fetch_job_polling_interval=LOOK,
                delete_jobs=DeleteJobCondition.ALWAYS,
                install_signal_handlers=False,
            )
            try:
                await self._worker.run()  # type: ignore[no-untyped-call]
            except AWAY as error:
                self._not_reached(error)
                await asyncio.sleep(AGAIN)

    async def _job(self, context: JobContext, job_id: int) -> None:
        """Run the command of a job, and write down how it ended."""
        try:
            await self._begin(context, job_id)
        except AWAY:
            # Told to end while the server is away: others take the job up.
            self._put_back = True
        except Exception as error:  # noqa: BLE001 - told when the worker has ended
            self._fault = self._fault or error
            self._end(Why.FAULT)

    async def _begin(self, context: JobContext, job_id: int) -> None:
        worker = f"{context.job.worker_id} {self._name}"

        def begin(connection: sa.Connection) -> tuple[Job | None, int | None]:
            before = plans.job(connection, job_id)
            return before, plans.begin(connection, job_id, worker, utc_now())

        before, attempt = await self._surely(begin)
        if before is None or attempt is None:
            return
        assert context.job.id is not None
        self._hand = InHand(before, attempt, context.job.id)
        try:
            await self._do(self._hand)
        finally:
            self._hand = None

    async def _do(self, hand: InHand) -> None:
        job, what = hand.job, _named(hand.job)
        self._tell(f"{what}: begins, attempt {hand.attempt}")
        begun = time.monotonic()
        code, note, at = await self._run(hand)
        if hand.lost:
            self._tell(f"{what}: another worker has it by now")
            return
        # Gone when it was looked for, or back by then.
        up = await self._surely(server_seconds)
        shaken = self._away_at >= begun or up < time.monotonic() - begun
        now, ended = utc_now(), self._why is not None
        found = verdict(job, code, now, resume_at=at, ended=ended, shaken=shaken)

        def end(connection: sa.Connection) -> bool:
            return plans.end(
                connection,
                job.job_id,
                hand.attempt,
                found.state,
                code,
                found.resume_at,
                note,
                now,
                failures=found.failures,
            )

        if await self._surely(end):
            until = "" if found.resume_at is None else f" until {moment(found.resume_at)}"
            self._tell(f"{what}: {found.state}{until}, exit code {code}")
            self._put_back |= self._why == Why.SIGNAL and not found.state.settled

    async def _run(self, hand: InHand) -> tuple[int, str | None, int | None]:
        """Its exit code, what it said last, and the moment after which it may be resumed."""
        job = hand.job
        argv = [*self._program, *job.command, *self._settings]
        mark = f"[{job.job_id} {job.account}]" if job.account else f"[{job.job_id}]"
        hand.child = child = await Child.start(argv, self._environment(hand), mark)
        if hand.lost:
            child.kill()
        elif self._why is not None:
            child.end()
        code = await child.wait()
        blocks = await self._surely(lambda connection: quota.blocks(connection, utc_now()))
        # Its state says that it is resumed; why it was not done is wanted.
        why = [line for line in child.complaints if _RESUMES not in line]
        said = child.last if code == 0 else next(reversed(why), child.last)
        return code, said or None, moment_named(child.complaints, blocks)

    def _environment(self, hand: InHand) -> Mapping[str, str]:
        job, env = hand.job, dict(os.environ)
        env["FLEET_JOB"] = f"{job.job_id}:{hand.attempt}"
        if job.account is not None:
            env |= self._accounts[job.account].environment(self._config)
        return env

    # The server

    async def _in_store(self, work: Callable[[sa.Connection], T]) -> T:
        """A transaction of the store, in a thread."""

        def do() -> T:
            with self._store.begin() as connection:
                return work(connection)

        return await asyncio.to_thread(do)

    async def _surely(self, work: Callable[[sa.Connection], T]) -> T:
        """The same, however long the server is away: what it writes must not be lost.

        A worker that is to end waits as long as others wait before they take up its job.
        """
        while True:
            try:
                return await self._in_store(work)
            except AWAY as error:
                self._not_reached(error)
                if time.monotonic() - self._ended_at > DEAD_AFTER:
                    raise
                await asyncio.sleep(AGAIN)

    def _reached(self) -> None:
        """Tell of the server's return, once nothing has failed for a while."""
        if self._away and time.monotonic() - self._away_at > HEARTBEAT:
            self._away = False
            self._tell("the store is there again")

    def _not_reached(self, error: BaseException) -> None:
        self._away_at = time.monotonic()
        if not self._away:
            self._away = True
            self._tell(f"the store cannot be reached ({type(error).__name__}), it is tried again")

    def _tell(self, line: str) -> None:
        print(f"{timestamp(utc_now())} {line}", flush=True)


def _named(job: Job) -> str:
    account = f" ({job.account})" if job.account else ""
    return f"job {job.job_id}, {' '.join(job.command[:2])}{account}"
