"""Workers on a real server: phases, locks, deaths, ends, a server that goes away."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from procrastinate.jobs import Status

from runclub_spider.config import Config, utc_now
from runclub_spider.errors import ConfigurationError
from runclub_spider.fleet import tasks
from runclub_spider.fleet.app import DEAD_AFTER, HEARTBEAT, make_app, open_store, workers
from runclub_spider.fleet.worker import LOOK
from runclub_spider.store.db.address import database_url
from runclub_spider.store.fleet import plans
from runclub_spider.store.fleet.plans import Job
from testkit.postgres import away, running_postgres
from tests.fleet.standing_in import Fleet, fleet
from tests.fleet.test_child import lives

pytestmark = [pytest.mark.e2e, pytest.mark.full]
LONG = {"seconds": 600}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> str:
    """An empty database of the module's server."""
    name = f"fleet_{abs(hash(request.node.nodeid))}"
    admin = sa.create_engine(
        server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    return server.removesuffix("postgres") + name


@pytest.fixture
def ships(tmp_path: Path, url: str) -> Iterator[Fleet]:
    with fleet(tmp_path / "fleet", url) as found:
        yield found


def ended(worker: Any, code: int = 0) -> str:
    """What a worker has said by its end."""
    said, _ = worker.communicate(timeout=90)
    assert worker.returncode == code, said
    return said


def test_phases_follow_each_other_and_accounts_work_beside_each_other(ships: Fleet) -> None:
    plan_id = ships.order()
    for job_id in (1, 2, 3):
        ships.say(job_id, {"seconds": 2})
    found = [ships.start() for _ in range(3)]
    for one in found:
        assert "ends: no job is left" in ended(one)
    assert ships.states(plan_id) == ["done"] * 5
    began = {one["job"]: one for one in ships.log if one["did"] == "begin"}
    ends = {one["job"]: one["at"] for one in ships.log if one["did"] == "end"}
    assert sorted(began) == [f"{job_id}:1" for job_id in range(1, 6)]
    crawls = [began[f"{job_id}:1"] for job_id in (1, 2, 3)]
    assert [one["account"] for one in crawls] == ["one", "two", "three"]
    assert [one["client"] for one in crawls] == ["id-one", "id-two", "id-three"]
    assert all(one["words"] == ["crawl", "spotify_search"] for one in crawls)
    # All at once, then one after the other.
    assert max(one["at"] for one in crawls) < min(ends[f"{job_id}:1"] for job_id in (1, 2, 3))
    assert began["4:1"]["at"] > max(ends[f"{job_id}:1"] for job_id in (1, 2, 3))
    assert began["4:1"]["words"] == ["crawl", "enrich"]
    assert began["5:1"]["at"] > ends["4:1"]
    assert (began["5:1"]["words"], began["5:1"]["account"]) == (["publish"], None)


def test_a_worker_that_is_killed_takes_its_command_with_it_and_its_job_is_taken_up(
    ships: Fleet,
) -> None:
    """As it is in earnest: within a minute."""
    assert DEAD_AFTER + 3 * HEARTBEAT + 3 * LOOK < 60
    ships.order()
    ships.say(1, LONG, {})
    ships.say(2, LONG)
    ships.say(3, LONG)
    first = ships.start()
    job_id = next(
        int(one["job"].split(":")[0]) for one in ships.once(lambda: ships.log) if one["did"]
    )
    ships.say(job_id, LONG, {})
    child = ships.begun(job_id)["pid"]
    (seen,) = ships.at(workers)
    assert seen.alive
    assert ships.job(job_id).worker == f"{seen.worker_id} {seen.name}"
    first.kill()
    first.wait()
    killed = time.monotonic()
    ships.once(lambda: not lives(child))
    for other in {1, 2, 3} - {job_id}:
        ships.say(other, {})
    second = ships.start()
    assert ships.begun(job_id, 2)["at"] - killed < 60
    said = ended(second)
    assert f"job {job_id}: its worker is gone" in said
    assert ships.at(plans.at_work) is None
    assert [one["did"] for one in ships.log if one["job"] == f"{job_id}:1"] == ["begin"]


def test_idle_is_no_job_to_do_or_being_done(ships: Fleet) -> None:
    """A worker for which nothing is left waits for what the others do; they may die."""
    plan_id = ships.at(lambda c: plans.create(c, "enrich", {}, None, ["one"], utc_now()))
    ships.say(1, LONG, {})
    first = ships.start(seconds=3)
    ships.begun(1)
    second = ships.start(seconds=3)
    ships.once(lambda: len(ships.at(workers)) == 2)
    time.sleep(3 * LOOK)
    assert second.poll() is None
    first.kill()
    ended(second)
    assert ships.states(plan_id) == ["done", "done"]
    assert ships.job(1).attempt == 2


def test_a_signal_ends_the_command_cleanly_and_the_job_waits(ships: Fleet) -> None:
    plan_id = ships.order(windows=[("2026-01-01", "2026-01-02")], spider="kexp")
    ships.say(1, LONG, {})
    worker = ships.start()
    child = ships.begun(1)
    worker.send_signal(signal.SIGTERM)
    assert "job 1, crawl kexp: waiting, exit code 75" in ended(worker, 75)
    assert not lives(child["pid"])
    assert [one["did"] for one in ships.log] == ["begin", "told"]
    assert ships.states(plan_id) == ["waiting"]
    ended(ships.start())
    assert ships.states(plan_id) == ["done"]
    assert ships.job(1).attempt == 2


def test_a_signal_ends_a_worker_that_does_nothing(ships: Fleet) -> None:
    worker = ships.start(until_idle=False)
    ships.once(lambda: ships.at(workers))
    worker.send_signal(signal.SIGINT)
    assert "ends: a signal" in ended(worker)
    assert ships.at(workers) == []


def test_stop_ends_jobs_and_workers(ships: Fleet) -> None:
    plan_id = ships.order()
    for job_id in (1, 2, 3):
        ships.say(job_id, LONG)
    found = [ships.start(until_idle=False) for _ in range(2)]
    ships.once(lambda: len(ships.log) == 2)
    stopped = ships.at(lambda c: plans.stop(c, "token", utc_now()))
    assert stopped is not None
    for one in found:
        assert "ends: scrapy fleet stop" in ended(one)
    assert ships.states(plan_id) == ["stopped"] * 5
    assert [one["did"] for one in ships.log].count("told") == 2
    # A worker that comes later does not know of it, and finds nothing.
    assert "ends: no job is left" in ended(ships.start())


def test_exit_codes_decide(ships: Fleet) -> None:
    moment = time.strftime("%Y-%m-%d %H:%M", time.gmtime(time.time() + 86_400))
    plan_id = ships.order()
    quota = "scrapy crawl: spotify search refuses requests (quota exceeded)"
    resumes = f"scrapy crawl: the same command resumes after {moment} UTC"
    ships.say(1, {"code": 75, "say": f"{quota}\n{resumes}"})
    ships.say(2, {"code": 2, "say": "scrapy crawl: Spotify refused the key: …"})
    ships.say(3, {"code": 1, "say": "scrapy crawl: no route to host"})
    worker = ships.start()
    ships.once(
        lambda: (
            [one.exit_code for one in ships.at(lambda c: plans.jobs(c, plan_id))][:3] == [75, 2, 1]
        )
    )
    paused, failed, again = (ships.job(job_id) for job_id in (1, 2, 3))
    assert (paused.state, paused.note) == ("paused", quota)
    assert abs((paused.resume_at or 0) - time.time() - 86_400) < 90
    assert (failed.state, failed.note) == ("failed", "scrapy crawl: Spotify refused the key: …")
    assert (again.state, again.failures) == ("paused", 1)
    assert abs((again.resume_at or 0) - time.time() - 30) < 25
    # Nothing to do just now is not idle: it comes to what waits for its moment.
    assert worker.poll() is None
    ships.at(lambda c: plans.stop(c, "token", utc_now()))
    ended(worker)
    assert ships.states(plan_id) == ["stopped", "failed", "stopped", "stopped", "stopped"]


def test_a_paused_job_is_resumed_at_its_moment(ships: Fleet) -> None:
    plan_id = ships.order(windows=[("2026-01-01", "2026-01-02")], spider="kexp")
    ships.say(1, LONG)
    worker = ships.start()
    ships.begun(1)
    worker.send_signal(signal.SIGTERM)
    ended(worker, 75)
    at = utc_now() + 4
    ships.at(lambda c: plans.begin(c, 1, "w", utc_now()))
    ships.at(lambda c: plans.end(c, 1, 2, plans.State.PAUSED, 75, at, None, utc_now()))
    ships.say(1, {})
    ended(ships.start())
    assert ships.states(plan_id) == ["done"]
    assert (ships.job(1).started_at or 0) >= at


def test_what_was_handed_out_may_be_lost(ships: Fleet, url: str) -> None:
    """The store tells what is to be done, to whoever has procrastinate's tables made anew."""
    plan_id = ships.order(windows=[("2026-01-01", "2026-01-02")], spider="kexp")
    ships.at(lambda c: c.exec_driver_sql("DROP SCHEMA runclub_jobs CASCADE"))
    ended(ships.start())
    assert ships.states(plan_id) == ["done"]


async def handed(url: str) -> list[Any]:
    """Everything that procrastinate has."""
    async with make_app(database_url(Config(database_url=url)), "a test").open_async() as app:
        return list(await app.job_manager.list_jobs_async())


async def hand_out(ships: Fleet) -> None:
    """Hand out what is wanted, as any worker does."""

    async def look() -> dict[int, Job]:
        return ships.at(lambda c: dict(tasks.wanted(c)))

    there = database_url(Config(database_url=ships.url))
    async with make_app(there, "a test").open_async() as app:
        await tasks.hand_out(app, look, wait=True)


def test_a_job_is_handed_out_once_under_the_lock_of_its_account(ships: Fleet, url: str) -> None:
    ships.order()

    async def all_at_once() -> None:
        await asyncio.gather(*(hand_out(ships) for _ in range(4)))

    asyncio.run(all_at_once())
    found = asyncio.run(handed(url))
    assert [(one.task_kwargs, one.lock, one.queue, one.queueing_lock) for one in found] == [
        ({"job_id": number}, f"account:{name}", f"account:{name}", None)
        for number, name in enumerate(ships.names, 1)
    ]
    ships.at(lambda c: plans.stop(c, "token", utc_now()))
    asyncio.run(hand_out(ships))
    assert asyncio.run(handed(url)) == []


def test_a_worker_that_comes_back_does_not_end_what_another_has(ships: Fleet, url: str) -> None:
    ships.order()

    async def run() -> list[str]:
        await hand_out(ships)
        there = database_url(Config(database_url=url))
        async with make_app(there, "a", "a").open_async() as app:
            slow = await app.job_manager.register_worker()
            job = await app.job_manager.fetch_job(None, slow)
            assert job is not None
            assert await tasks.take_back(app, slow, [job.id or 0]) == [1]
            async with make_app(there, "b", "b").open_async() as other:
                quick = await other.job_manager.register_worker()
                again = await other.job_manager.fetch_job([job.queue], quick)
                assert again is not None
                assert again.id == job.id
                await app.job_manager.finish_job(job, Status.SUCCEEDED, True)
                left = [one.status for one in await app.job_manager.list_jobs_async(id=job.id)]
                await other.job_manager.finish_job(again, Status.SUCCEEDED, True)
                gone = list(await app.job_manager.list_jobs_async(id=job.id))
        return [*map(str, left), str(len(gone))]

    assert asyncio.run(run()) == ["doing", "0"]


def test_many_may_come_first(url: str) -> None:
    """The store and procrastinate's tables are made once."""
    code = """if True:
        import sys
        from runclub_spider.config import Config
        from runclub_spider.fleet.app import open_store
        open_store(Config(database_url=sys.argv[1])).close()
    """
    found = [
        subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [(one.wait(90), one.stderr and one.stderr.read()) for one in found] == [(0, "")] * 4


def test_tables_of_another_version_are_made_anew_unless_somebody_uses_them(
    ships: Fleet, url: str
) -> None:
    config = Config(database_url=url)
    worker = ships.start(until_idle=False)
    ships.once(lambda: ships.at(workers))
    ships.at(lambda c: c.exec_driver_sql("COMMENT ON SCHEMA runclub_jobs IS 'runclub older'"))
    with pytest.raises(ConfigurationError, match="another version of procrastinate"):
        open_store(config)
    worker.send_signal(signal.SIGTERM)
    ended(worker)
    open_store(config).close()
    assert asyncio.run(handed(url)) == []
    ships.at(lambda c: c.exec_driver_sql("COMMENT ON SCHEMA runclub_jobs IS 'mine'"))
    with pytest.raises(ConfigurationError, match="another schema runclub_jobs"):
        open_store(config)


def test_a_server_that_goes_away_costs_no_job(tmp_path: Path) -> None:
    """Nor does a command that could not even begin meanwhile."""
    with running_postgres() as url, fleet(tmp_path / "fleet", url, ["one", "two"]) as ships:
        ships.order()
        ships.say(1, {"seconds": 12})
        ships.say(2, {"code": 2, "seconds": 6, "say": "scrapy crawl: the store … cannot be opened"})
        found = [ships.start() for _ in range(3)]
        child = ships.begun(1)
        ships.begun(2)
        with away(url):
            time.sleep(4)
        assert lives(child["pid"])
        ships.once(lambda: ships.job(1).state == "done" and ships.job(2).exit_code == 2)
        assert ships.job(1).attempt == 1
        doubted = ships.job(2)
        # Paused, unless the other was done after it: then there is nothing left for it.
        assert (doubted.state in {"paused", "done"}, doubted.failures) == (True, 1)
        ships.at(lambda c: plans.stop(c, "token", utc_now()))
        said = [ended(one) for one in found]
        assert any("the store cannot be reached" in one for one in said)
        assert any("the store is there again" in one for one in said)


def test_status_and_stop_by_hand(ships: Fleet, url: str) -> None:
    ships.order()
    ships.say(1, LONG)
    ships.start(until_idle=False)
    ships.once(lambda: ships.log)
    facts = json.loads(scrapy(url, "fleet", "status", "--format", "json"))
    assert facts["plan"]["state"] == "open"
    (worker,) = facts["workers"]
    assert worker["alive"]
    assert [one["state"] for one in facts["jobs"]].count("running") == 1
    shown = scrapy(url, "fleet", "status")
    assert max(map(len, shown.splitlines())) <= 80
    assert f"job {worker['job_id']}" in shown
    assert "Stopped plan 1, spotify_search; 1 jobs are ending, 1 worker told" in scrapy(
        url, "fleet", "stop"
    )
    ended(ships.workers[0])


def scrapy(url: str, *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *argv, "-s", f"DATABASE_URL={url}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
