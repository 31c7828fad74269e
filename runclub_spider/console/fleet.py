"""What `scrapy fleet` does: order a plan, work on it, show it, end it."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import orjson
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from scrapy.settings import BaseSettings
from scrapy.spiderloader import get_spider_loader
from scrapy.utils.conf import arglist_to_dict

from runclub_spider.apis.call import Api
from runclub_spider.apis.guard import ALL
from runclub_spider.config import Config, utc_now
from runclub_spider.errors import ConfigurationError, StoreError
from runclub_spider.fleet.accounts import Account, accounts
from runclub_spider.fleet.windows import windows
from runclub_spider.spiders.arguments import StationArguments
from runclub_spider.store.db.address import database_url, file_of
from runclub_spider.store.fleet import plans
from runclub_spider.store.fleet.plans import Job, Kind, Plan, State
from runclub_spider.store.queue import quota
from runclub_spider.store.read import overview
from runclub_spider.text import duration, moment, printable

# Each run of a plan would do it again, or each would do less than is meant.
_OF_ONE_RUN = ("deltafetch_reset", "force", "dry_run", "incremental", "limit", "page_limit")
_DOES = {
    Kind.CRAWL: "crawl",
    Kind.WINDOW: "window",
    Kind.ENRICH: "enrichment",
    Kind.PUBLISH: "release",
}


def start(config: Config, settings: BaseSettings, spider: str, given: Sequence[str]) -> str:
    """Order a plan; returns one line on it.

    Args:
        config: the project's settings.
        settings: Scrapy's, that know the spiders.
        spider: its name.
        given: its arguments, `name=value` each.

    Raises:
        ConfigurationError: the order or the store cannot be used, or a plan is open.
    """
    _check(config)
    from runclub_spider.fleet import tasks
    from runclub_spider.fleet.app import make_app, open_store

    arguments, budget, stretches, keys = _order(config, settings, spider, given)
    store = open_store(config)
    try:
        with store.begin() as connection:
            plans.alone(connection)
            if (found := plans.at_work(connection)) is not None:
                raise ConfigurationError(
                    f"{_named(found)} is open since {moment(found.created_at)}: wait for its end, "
                    "or run `scrapy fleet stop`"
                )
            names = [one.name for one in keys]
            now = utc_now()
            plan_id = plans.create(
                connection, spider, arguments, budget, names, now, windows=stretches
            )
            jobs = plans.jobs(connection, plan_id)

        async def look() -> dict[int, Job]:
            with store.begin() as connection:
                return dict(tasks.wanted(connection))

        async def hand_out() -> None:
            async with make_app(database_url(config), "start").open_async() as app:
                await tasks.hand_out(app, look, wait=True)

        asyncio.run(hand_out())
    finally:
        store.close()
    counts = {kind: sum(one.kind == kind for one in jobs) for kind in Kind}
    told = [
        f"{number} {_DOES[kind]}{'s' if number > 1 else ''}" if kind.phase == 1 else _DOES[kind]
        for kind, number in counts.items()
        if number
    ]
    return f"Plan {plan_id}: {', '.join(told)}; done by any number of `scrapy fleet worker`"


def _order(
    config: Config, settings: BaseSettings, spider: str, given: Sequence[str]
) -> tuple[dict[str, str], int | None, list[tuple[str, str]], tuple[Account, ...]]:
    """The arguments as typed, the budget, a station's windows, and the accounts; all checked."""
    try:
        arguments = arglist_to_dict(list(given))
    except ValueError:
        raise ConfigurationError("-a wants name=value, such as -a budget=600") from None
    loader = get_spider_loader(settings)
    try:
        found: Any = loader.load(spider)
    except KeyError:
        known = ", ".join(sorted(loader.list()))
        raise ConfigurationError(f"there is no spider {spider!r}; there are {known}") from None
    if alone := next((name for name in _OF_ONE_RUN if name in arguments), None):
        raise ConfigurationError(
            f"{spider}: {alone} is for one run, and a plan has many; use it with "
            f"`scrapy crawl {spider}`"
        )
    read = found.arguments.read(spider, arguments)
    market = getattr(read, "market", None)
    config = config.model_copy(update={"market": market or config.market})
    keys = accounts(config)
    if Api.SPOTIFY in found.asked(read) and not keys and not config.spotify_client_id:
        raise ConfigurationError(
            "neither SPOTIFY_ACCOUNTS_FILE nor SPOTIFY_CLIENT_ID is set: name the file of the "
            "accounts, or put one key into .env"
        )
    for changes in [one.changes(config) for one in keys] or [{}]:
        found.check(config.model_copy(update=changes), read)
    if not isinstance(read, StationArguments):
        return arguments, read.budget, [], keys
    if read.start_date is None:
        raise ConfigurationError(
            f"{spider}: a plan divides a stretch of time among workers; name its start_date"
        )
    end = utc_now() if read.end_date is None else read.end_date
    if end <= read.start_date:
        raise ConfigurationError(f"{spider}: start_date is not over yet; name an earlier one")
    return arguments, read.budget, windows(read.start_date, end), ()


def work(config: Config, settings: Sequence[str], *, until_idle: bool) -> int:
    """Do jobs of the plan until told to end; returns the exit code.

    Args:
        config: the project's settings.
        settings: what was set on the command line, for the commands of the jobs too.
        until_idle: end when no job is to do or being done.

    Raises:
        ConfigurationError: the accounts or the store cannot be used.
    """
    _check(config)
    from runclub_spider.fleet.app import open_store
    from runclub_spider.fleet.worker import AWAY, FleetWorker

    keys = accounts(config)
    open_store(config).close()
    try:
        worker = FleetWorker(config, keys, settings=settings)
        return asyncio.run(worker.run(until_idle=until_idle))
    except AWAY as error:
        raise StoreError(
            f"the store's server is away ({type(error).__name__}); try again"
        ) from None


def stop(config: Config) -> str:
    """End the open plan and the workers; returns one line on both."""
    _check(config)
    from runclub_spider.fleet.app import open_store, workers

    store = open_store(config)
    try:
        with store.begin() as connection:
            found = plans.stop(connection, secrets.token_hex(8), utc_now())
            alive = sum(one.alive for one in workers(connection))
            left = [] if found is None else plans.jobs(connection, found.plan_id)
    finally:
        store.close()
    told = f"{alive} worker{'s' if alive != 1 else ''} told to end"
    if found is None:
        return f"No plan is open; {told}"
    ending = sum(not one.state.settled for one in left)
    return f"Stopped {_named(found)}; {ending} jobs are ending, {told}"


def show(config: Config, form: str | None) -> None:
    """Print workers, plan, jobs and accounts to stdout, at 80 columns where there are no more.

    Args:
        config: the project's settings.
        form: `json`, else tables.

    Raises:
        ConfigurationError: the form or the store cannot be used.
    """
    if form not in {None, "json"}:
        raise ConfigurationError(f"--format {printable(str(form))!r}: there is json, else tables")
    _check(config)
    from runclub_spider.fleet.app import open_store

    store = open_store(config)
    try:
        with store.reading() as connection:
            facts = _facts(connection, utc_now())
    finally:
        store.close()
    if form is not None:
        print(orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode())
        return
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    for line in _plan(facts["plan"]):
        console.print(line)
    for part in (_workers(facts), _jobs(facts), _accounts(facts)):
        if part is not None:
            console.print(part)
    for job in facts["jobs"]:
        if job["note"] and job["state"] != State.DONE:
            console.print(f"job {job['job_id']}: {printable(job['note'])}")


def _check(config: Config) -> None:
    """The store is on a server, and the extra is installed."""
    if file_of(database_url(config)) is not None:
        raise ConfigurationError(
            "a fleet shares a PostgreSQL store, SQLite has one writer: set DATABASE_URL to "
            "postgresql://user@host/name (`scrapy store copy` brings a store there)"
        )
    if find_spec("procrastinate") is None:
        raise ConfigurationError(
            "procrastinate is not installed; run `make bootstrap EXTRAS=fleet`"
        )


def _named(plan: Plan) -> str:
    words = [f"{name}={value}" for name, value in plan.arguments.items()]
    return printable(" ".join([f"plan {plan.plan_id}, {plan.spider}", *words]))


def _facts(connection: sa.Connection, now: int) -> dict[str, Any]:
    """Everything that is shown, ready for JSON."""
    from runclub_spider.fleet.app import workers

    plan = plans.newest(connection)
    jobs = [] if plan is None else plans.jobs(connection, plan.plan_id)
    does = {one.worker: one.job_id for one in jobs if one.state == State.RUNNING}
    blocks = quota.blocks(connection, now)
    calls = overview.calls_since(connection, now - quota.DAY)
    named = [f"{Api.SPOTIFY}:{one.account}" if one.account else "" for one in jobs]
    ledger = {*filter(None, named), *(b.account for b in blocks), *(one[0] for one in calls)}
    return {
        "plan": None
        if plan is None
        else {
            **asdict(plan),
            "pages": asdict(plans.page_numbers(connection, plan, now)),
        },
        "workers": [
            {
                **asdict(one),
                "alive": one.alive,
                "job_id": does.get(f"{one.worker_id} {one.name}"),
            }
            for one in workers(connection)
        ],
        "jobs": [asdict(one) for one in jobs],
        "accounts": [
            {
                "account": account,
                "calls": {family: number for a, family, number in calls if a == account},
                "blocked": {b.family: b.blocked_until for b in blocks if b.account == account},
            }
            for account in sorted(ledger)
        ],
    }


def _plan(plan: dict[str, Any] | None) -> list[str]:
    if plan is None:
        return ["no plan yet: scrapy fleet start SPIDER"]
    words = " ".join(f"{name}={value}" for name, value in plan["arguments"].items())
    pages = plan["pages"]
    return [
        printable(f"plan {plan['plan_id']}: {plan['spider']} {words}".rstrip()),
        f"{plan['state']}, ordered {moment(plan['created_at'])}",
        f"pages: {pages['leased']:,} leased, {pages['open']:,} open, {pages['done']:,} stored",
    ]


def _workers(facts: dict[str, Any]) -> Table | None:
    if not facts["workers"]:
        return None
    made = _table("workers", "worker", "on", "seen", "does")
    for one in facts["workers"]:
        job = one["job_id"]
        does = "nothing" if job is None else f"job {job}"
        seen = f"{duration(one['seconds'])} ago"
        made.add_row(
            str(one["worker_id"]), printable(one["name"]), seen, does if one["alive"] else "is dead"
        )
    return made


def _jobs(facts: dict[str, Any]) -> Table | None:
    if not facts["jobs"]:
        return None
    made = _table("jobs", "job", "kind", "account", "state", "tries", "exit", "when")
    for one in facts["jobs"]:
        made.add_row(
            str(one["job_id"]),
            one["kind"],
            one["account"] or "",
            one["state"],
            str(one["attempt"]) if one["attempt"] else "",
            "" if one["exit_code"] is None else str(one["exit_code"]),
            _when(one),
        )
    return made


def _when(job: dict[str, Any]) -> str:
    """Since when it runs, until when it waits, or when it ended."""
    if job["state"] == State.RUNNING:
        return f"since {moment(job['started_at'])}"
    if job["resume_at"] is not None:
        return f"until {moment(job['resume_at'])}"
    return moment(job["finished_at"]) if job["finished_at"] is not None else ""


def _accounts(facts: dict[str, Any]) -> Table | None:
    if not facts["accounts"]:
        return None
    made = _table("accounts, calls in the last 24 h", "account", "calls", "blocked until")
    for one in facts["accounts"]:
        calls = ", ".join(f"{family} {number:,}" for family, number in one["calls"].items())
        blocked = ", ".join(
            moment(until) if family == ALL else f"{moment(until)} ({family})"
            for family, until in one["blocked"].items()
        )
        made.add_row(one["account"], calls, blocked)
    return made


def _table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left", box=None)
    for name in columns:
        made.add_column(name, justify="right" if name in {"job", "worker", "tries"} else "left")
    return made
