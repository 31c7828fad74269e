"""Plans and their jobs: what follows what, and who may still say how a job ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.config import Config
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.tables import fleet_job, page, run
from runclub_spider.store.fleet import costs, plans
from runclub_spider.store.fleet.plans import Kind, PlanState, State
from runclub_spider.store.queue import pages
from runclub_spider.store.queue.pages import PageKind, PageTask

SEARCH = {"max_seeds": "6", "budget": "150"}


def made(connection: sa.Connection, accounts: Sequence[str] = ("one", "two")) -> int:
    return plans.create(connection, "spotify_search", SEARCH, 150, accounts, 10)


def ids(jobs: Sequence[plans.Job]) -> list[int]:
    return [one.job_id for one in jobs]


def through(connection: sa.Connection, job_id: int, state: State = State.DONE) -> None:
    """A job begun and ended."""
    attempt = plans.begin(connection, job_id, "w", 20)
    assert attempt is not None
    assert plans.end(connection, job_id, attempt, state, 0, None, None, 30)


def states(connection: sa.Connection, plan_id: int) -> list[State]:
    return [one.state for one in plans.jobs(connection, plan_id)]


def test_a_plan_has_a_crawl_for_each_account_then_enrichment_then_a_release(
    connection: sa.Connection,
) -> None:
    jobs = plans.jobs(connection, made(connection))
    crawl = ("crawl", "spotify_search", "-a", "max_seeds=6", "-a", "budget=150")
    assert [(one.kind, one.account, one.command) for one in jobs] == [
        (Kind.CRAWL, "one", crawl),
        (Kind.CRAWL, "two", crawl),
        (Kind.ENRICH, "one", ("crawl", "enrich", "-a", "budget=150")),
        (Kind.PUBLISH, None, ("publish",)),
    ]
    assert {(one.attempt, one.state, one.failures) for one in jobs} == {(0, State.WAITING, 0)}


def test_the_other_plans(connection: sa.Connection) -> None:
    found = plans.create(connection, "spotify_playlist", {}, None, [], 1)
    assert [(one.kind, one.account) for one in plans.jobs(connection, found)] == [
        (Kind.CRAWL, None),
        (Kind.ENRICH, None),
        (Kind.PUBLISH, None),
    ]
    found = plans.create(connection, "enrich", {"only": "open_metadata"}, 5, ["one"], 1)
    assert [(one.kind, one.command) for one in plans.jobs(connection, found)] == [
        (Kind.ENRICH, ("crawl", "enrich", "-a", "only=open_metadata", "-a", "budget=5")),
        (Kind.PUBLISH, ("publish",)),
    ]
    windows = [("2026-01-01", "2026-01-02"), ("2026-01-02", "2026-01-03")]
    found = plans.create(connection, "kexp", {"start_date": "x"}, None, [], 1, windows=windows)
    assert [(one.kind, one.command[3::2]) for one in plans.jobs(connection, found)] == [
        (Kind.WINDOW, (f"start_date={start}", f"end_date={end}")) for start, end in windows
    ]


def test_a_phase_begins_when_the_one_before_is_settled(connection: sa.Connection) -> None:
    plan_id = made(connection)
    first, second, enrich, publish = ids(plans.jobs(connection, plan_id))
    assert ids(plans.ready(connection, plan_id)) == [first, second]
    assert plans.begin(connection, enrich, "w", 20) is None
    through(connection, first)
    assert ids(plans.ready(connection, plan_id)) == [second]
    through(connection, second)
    assert ids(plans.ready(connection, plan_id)) == [enrich]
    assert plans.begin(connection, publish, "w", 20) is None
    through(connection, enrich)
    assert ids(plans.ready(connection, plan_id)) == [publish]
    assert not plans.settled(connection, plan_id)
    costs.need(connection, plan_id, "features", ["a", "b"])
    through(connection, publish)
    assert costs.needs(connection, plan_id) == {}
    assert plans.settled(connection, plan_id)
    assert plans.ready(connection, plan_id) == []
    plan = plans.find(connection, plan_id)
    assert plan is not None
    assert (plan.state, plan.arguments, plan.budget) == (PlanState.DONE, SEARCH, 150)
    assert plans.at_work(connection) is None
    assert plans.newest(connection) == plan


def test_windows_follow_each_other(connection: sa.Connection) -> None:
    """A window that waits for its moment holds up the next; one that failed does not."""
    stretches = [("2026-01-01", "2026-01-02"), ("2026-01-02", "2026-01-03"), ("2026-01-03", "…")]
    plan_id = plans.create(connection, "kexp", {}, None, [], 10, windows=stretches)
    first, second, third = ids(plans.jobs(connection, plan_id))
    assert ids(plans.ready(connection, plan_id)) == [first]
    assert plans.begin(connection, second, "w", 20) is None
    assert plans.begin(connection, first, "w", 20) == 1
    assert plans.begin(connection, second, "w", 20) is None
    assert plans.end(connection, first, 1, State.PAUSED, 75, 500, None, 30)
    assert ids(plans.ready(connection, plan_id)) == [first]
    assert plans.begin(connection, first, "w", 500) == 2
    assert plans.end(connection, first, 2, State.FAILED, 2, None, None, 510)
    through(connection, second)
    assert plans.settled(connection, plan_id) is False
    through(connection, third)
    assert states(connection, plan_id) == [State.FAILED, State.DONE, State.DONE]
    assert plans.at_work(connection) is None


def test_no_release_where_a_job_failed(connection: sa.Connection) -> None:
    plan_id = made(connection)
    first, second, enrich, _ = ids(plans.jobs(connection, plan_id))
    through(connection, first, State.FAILED)
    through(connection, second)
    through(connection, enrich)
    assert states(connection, plan_id)[2:] == [State.DONE, State.STOPPED]
    assert plans.jobs(connection, plan_id)[3].note == "left out: a job of the plan failed"
    assert plans.at_work(connection) is None


def test_only_the_newest_attempt_says_how_a_job_ended(connection: sa.Connection) -> None:
    (first, *_) = ids(plans.jobs(connection, made(connection)))
    assert plans.begin(connection, first, "dead", 20) == 1
    assert plans.begin(connection, first, "other", 60) == 2
    assert not plans.end(connection, first, 1, State.FAILED, 2, None, "late", 61)
    found = plans.job(connection, first)
    assert found is not None
    assert (found.state, found.worker, found.started_at) == (State.RUNNING, "other", 60)
    assert plans.end(connection, first, 2, State.PAUSED, 75, 500, "quota", 70, failures=1)
    # Twice is once too often.
    assert not plans.end(connection, first, 2, State.DONE, 0, None, None, 71)
    found = plans.job(connection, first)
    assert found is not None
    told = (found.state, found.exit_code, found.resume_at, found.note, found.failures)
    assert told == (State.PAUSED, 75, 500, "quota", 1)


def test_a_paused_job_waits_for_its_moment(connection: sa.Connection) -> None:
    plan_id = made(connection)
    first, second, *_ = ids(plans.jobs(connection, plan_id))
    assert plans.begin(connection, first, "w", 20) == 1
    assert plans.end(connection, first, 1, State.PAUSED, 75, 500, None, 30)
    assert ids(plans.ready(connection, plan_id)) == [first, second]
    assert plans.begin(connection, first, "w", 499) is None
    assert plans.begin(connection, first, "w", 500) == 2
    found = plans.job(connection, first)
    assert found is not None
    assert (found.state, found.resume_at, found.finished_at) == (State.RUNNING, None, None)


def test_stop_ends_what_no_worker_has(connection: sa.Connection) -> None:
    plan_id = made(connection, ["one", "two", "three"])
    first, second, third, *_ = ids(plans.jobs(connection, plan_id))
    through(connection, first)
    assert plans.begin(connection, second, "w", 20) == 1
    assert plans.begin(connection, third, "w", 20) == 1
    before = plans.stops(connection)
    stopped = plans.stop(connection, "token", 40)
    assert stopped is not None
    assert (stopped.plan_id, stopped.state) == (plan_id, PlanState.STOPPED)
    assert plans.stops(connection) == "token" != before
    assert states(connection, plan_id) == [
        State.DONE,
        State.RUNNING,
        State.RUNNING,
        State.STOPPED,
        State.STOPPED,
    ]
    # A worker's child ends as it is told to, and would go on another time.
    assert plans.end(connection, second, 1, State.PAUSED, 75, 90, None, 50)
    # The other worker died, and somebody takes up its job.
    assert plans.begin(connection, third, "w", 60) is None
    assert states(connection, plan_id)[1:3] == [State.STOPPED, State.STOPPED]
    assert plans.settled(connection, plan_id)
    assert plans.at_work(connection) is None
    assert plans.stop(connection, "again", 70) is None
    assert plans.stops(connection) == "again"


def test_jobs_that_are_not_there(connection: sa.Connection) -> None:
    assert plans.job(connection, 1) is None
    assert plans.begin(connection, 1, "w", 1) is None
    assert not plans.end(connection, 1, 1, State.DONE, 0, None, None, 1)
    assert plans.ready(connection, 1) == []
    assert plans.newest(connection) is None


def test_the_pages_of_a_plan(connection: sa.Connection) -> None:
    plan_id = made(connection)
    plan = plans.find(connection, plan_id)
    assert plan is not None
    tasks = [
        PageTask("spotify_search", PageKind.TRACK_SEARCH, f"t{number}", "US", 0, 50, "g1")
        for number in range(5)
    ]
    pages.plan(connection, tasks)
    for run_id, found in ((1, plan_id), (2, None)):
        connection.execute(
            sa.insert(run).values(
                run_id=run_id, spider="x", arguments="{}", started_at=1, plan_id=found
            )
        )

    def change(task: PageTask, **values: Any) -> None:
        connection.execute(sa.update(page).where(page.c.key == task.key).values(**values))

    change(tasks[0], state="done", run_id=1)
    change(tasks[1], state="done", run_id=2)
    change(tasks[2], lease_owner="w", lease_until=100)
    change(tasks[3], lease_owner="w", lease_until=50)
    assert plans.page_numbers(connection, plan, 50) == plans.PageNumbers(leased=1, open=2, done=1)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "end", "end_late", "stop"]),
        st.integers(0, 4),
        st.sampled_from([State.DONE, State.FAILED, State.PAUSED, State.WAITING]),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    opened = Store.open(Config(cache_dir=tmp_path_factory.mktemp("plans")))
    yield opened
    opened.close()


@given(steps=STEPS)
def test_whatever_happens_a_phase_waits_and_a_plan_ends_once(
    shared_store: Store, steps: list[tuple[str, int, State]]
) -> None:
    with shared_store.engine.connect() as connection:
        plan_id = made(connection, ["one", "two", "three"])
        jobs = ids(plans.jobs(connection, plan_id))
        ended = False
        for now, (what, number, state) in enumerate(steps, 100):
            job_id = jobs[number]
            before = plans.job(connection, job_id)
            assert before is not None
            if what == "begin":
                attempt = plans.begin(connection, job_id, "w", now)
                assert attempt in {None, before.attempt + 1}
                if attempt is not None:
                    assert not ended
                    assert not before.state.settled
            elif what == "stop":
                plans.stop(connection, str(now), now)
            else:
                late = what == "end_late"
                took = plans.end(
                    connection, job_id, before.attempt - late, state, 1, now, None, now
                )
                assert took == (before.state == State.RUNNING and not late)
            known = plans.jobs(connection, plan_id)
            begun = max((one.kind.phase for one in known if one.state == State.RUNNING), default=0)
            assert all(one.state.settled for one in known if one.kind.phase < begun)
            plan = plans.find(connection, plan_id)
            assert plan is not None
            assert not ended or plan.state != PlanState.OPEN
            ended = plan.state != PlanState.OPEN
            assert ended or not plans.settled(connection, plan_id)
            open_state = sa.select(fleet_job.c.state).where(fleet_job.c.plan_id == plan_id)
            assert plan.state != PlanState.DONE or all(
                State(one).settled for one in connection.scalars(open_state)
            )
        connection.rollback()


def test_a_crawl_that_left_nothing_to_ask_settles_those_that_wait(
    connection: sa.Connection,
) -> None:
    """An account that is shut out for a day holds up nothing that others have done meanwhile."""
    plan_id = made(connection, ("one", "two", "three"))
    first, second, third = (one.job_id for one in plans.jobs(connection, plan_id)[:3])
    attempt = plans.begin(connection, first, "w", 20)
    assert attempt is not None
    assert plans.end(connection, first, attempt, State.PAUSED, 75, 90_000, "refused", 30)
    running = plans.begin(connection, third, "w", 20)
    assert running is not None
    through(connection, second)
    assert states(connection, plan_id)[:3] == [State.DONE, State.DONE, State.RUNNING]
    spared = plans.job(connection, first)
    assert spared is not None
    assert (spared.resume_at, spared.note) == (None, "the others left nothing to ask")
    assert plans.ready(connection, plan_id) == []
    assert plans.end(connection, third, running, State.DONE, 0, None, None, 40)
    assert [one.kind for one in plans.ready(connection, plan_id)] == [Kind.ENRICH]
