"""Two who hold a store together: what they write at the same moment, and who is shut out."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from runclub_spider.config import Config, Membership
from runclub_spider.errors import ConfigurationError, RunPaused, StoreTaken
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import database_url
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive, shared
from runclub_spider.store.db.tables import page, quota, rejection, track, track_source
from runclub_spider.store.facts import tracks
from runclub_spider.store.facts.tracks import Source
from runclub_spider.store.fleet import leases, plans
from runclub_spider.store.queue import pages
from runclub_spider.store.queue import quota as ledger
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from testkit.making import POLICY, a_track, found
from testkit.postgres import running_postgres
from tests.store.db.test_lock import cut_off

ACCOUNTS = ("one", "two")
#: Enough for two threads to meet within a transaction.
TIMES = 25
SPIDER = "spotify_search"

pytestmark = pytest.mark.full


def task(number: int) -> PageTask:
    return PageTask(SPIDER, PageKind.TRACK_SEARCH, f"term {number}", "US", 0, 50, "g1")


class Fleet:
    """A store on a server, and its members: each with a hold and a store of its own.

    A process has one hold of a database; another URL of the same one stands for another process.
    """

    def __init__(self, url: str) -> None:
        self.config = Config(database_url=url)
        self._held = ExitStack()
        store = Store.open(self.config)
        with store.begin() as connection:
            plan = plans.create(connection, SPIDER, {}, None, ACCOUNTS, 1)
            self.jobs = [one.job_id for one in plans.jobs(connection, plan)]
        self.outside = store
        self.members = [self.join(number) for number in range(len(ACCOUNTS))]

    def begin(self, number: int) -> int:
        with self.outside.begin() as connection:
            attempt = plans.begin(connection, self.jobs[number], "worker", 1)
        assert attempt is not None
        return attempt

    def config_of(self, number: int) -> Config:
        return Config(database_url=f"{self.config.database_url}?keepalives_count={number + 3}")

    def join(self, number: int) -> Store:
        config = self.config_of(number)
        place = Membership(self.jobs[number], self.begin(number))
        self._held.enter_context(shared(config, f"member {number}", place))
        return Store.open(config)

    def close(self) -> None:
        for store in (*self.members, self.outside):
            store.close()
        self._held.close()

    def at_once(self, work: Callable[[sa.Connection, int], None]) -> None:
        """Both do it in a transaction of their own, at the same moment."""
        together, errors = threading.Barrier(len(self.members)), list[BaseException]()

        def one(number: int) -> None:
            try:
                together.wait()
                with self.members[number].begin() as connection:
                    work(connection, number)
            except BaseException as error:  # noqa: BLE001 - raised below
                errors.append(error)

        threads = [threading.Thread(target=one, args=(n,)) for n in range(len(self.members))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def read(self, query: sa.Select[tuple[int]]) -> int:
        with self.outside.reading() as connection:
            return connection.scalar(query) or 0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture
def fleet(server: str) -> Iterator[Fleet]:
    made = Fleet(server)
    yield made
    made.close()
    engine = sa.create_engine(database_url(made.config))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine.dispose()


def count(table: sa.Table) -> sa.Select[tuple[int]]:
    return sa.select(sa.func.count()).select_from(table)


def save(connection: sa.Connection, number: int, *of: int, **changes: object) -> None:
    source = Source("search", f"term {number}")
    rows = [found(a_track(one, **changes)) for one in of]
    tracks.save(connection, rows, source, policy=POLICY, run_id=number, now=100)


def test_a_page_is_counted_once(fleet: Fleet) -> None:
    """Both answered it: the first was silent for so long that it was given to the second."""
    for number in range(TIMES):
        with fleet.members[0].begin() as connection:
            pages.plan(connection, [task(number)])
            (early,) = leases.take(connection, SPIDER, "US", owner="a", count=1)
            leases.release(connection, "a")
            (late,) = leases.take(connection, SPIDER, "US", owner="b", count=1)
        stored = list[int]()

        def store(
            connection: sa.Connection,
            who: int,
            given: tuple[leases.Leased, leases.Leased] = (early, late),
            stored: list[int] = stored,
        ) -> None:
            one = given[who]
            if leases.consume(connection, one.task.key, one.token):
                pages.mark_done(connection, one.task, counts=PageCounts(50), run_id=who, now=1)
                stored.append(who)

        fleet.at_once(store)
        assert stored == [1]
    assert fleet.read(sa.select(sa.func.sum(page.c.track_rows))) == 50 * TIMES


def test_a_track_on_two_pages_is_stored_once_with_both_sources(fleet: Fleet) -> None:
    for number in range(TIMES):
        fleet.at_once(lambda c, who, n=number: save(c, who, 2 * n, 2 * n + 1))  # type: ignore[misc]
    assert fleet.read(count(track)) == 2 * TIMES
    assert fleet.read(count(track_source)) == 4 * TIMES


def test_pages_with_the_same_tracks_in_any_order_do_not_lock_each_other_out(fleet: Fleet) -> None:
    draw = random.Random(7)

    def store(connection: sa.Connection, who: int) -> None:
        # Several pages share a transaction: no order within a page could be enough.
        for part in range(4):
            save(connection, who * 10 + part, *draw.sample(range(40), 8))

    for _ in range(TIMES):
        fleet.at_once(store)
    assert fleet.read(count(track)) == 40


def test_a_track_that_both_refuse_is_refused_once(fleet: Fleet) -> None:
    for number in range(TIMES):
        fleet.at_once(lambda c, who, n=number: save(c, who, n, duration_ms=30_000))  # type: ignore[misc]
    assert fleet.read(count(rejection)) == TIMES


def test_no_change_and_no_call_is_lost_from_a_count(fleet: Fleet) -> None:
    with fleet.members[0].begin() as connection:
        ledger.learn_limit(connection, "spotify", "search", 100)

    def change(connection: sa.Connection, _who: int) -> None:
        meta.touch(connection)
        ledger.count(connection, "spotify", {"search": 2}, 7200)

    for _ in range(TIMES):
        fleet.at_once(change)
    with fleet.outside.reading() as connection:
        assert meta.revision(connection) == 2 * TIMES
        assert ledger.since_refusal(connection, "spotify") == {"search": 4 * TIMES}
    assert fleet.read(sa.select(quota.c.calls)) == 4 * TIMES


def test_no_two_pages_have_the_same_place_in_the_order(fleet: Fleet) -> None:
    def plan(connection: sa.Connection, who: int) -> None:
        start = fleet_wide()
        pages.plan(connection, [task(1000 * who + start + number) for number in range(3)])

    numbers = iter(range(0, 10_000, 3))

    def fleet_wide() -> int:
        return next(numbers)

    for _ in range(TIMES):
        fleet.at_once(plan)
    ordinals = sa.select(sa.func.count(page.c.ordinal.distinct()))
    assert fleet.read(ordinals) == fleet.read(count(page)) == 6 * TIMES


def test_who_reads_for_a_release_sees_one_moment(fleet: Fleet) -> None:
    with fleet.outside.reading() as reading:
        before = reading.scalar(count(track))
        with fleet.members[0].begin() as connection:
            save(connection, 1, 1, 2)
        assert reading.scalar(count(track)) == before == 0
        assert reading.scalar(count(track_source)) == 0
    assert fleet.read(count(track)) == 2


def test_a_store_is_held_together_or_alone(fleet: Fleet) -> None:
    alone = exclusive(fleet.config, "scrapy forget")
    with pytest.raises(RunPaused, match=r"member \d, pid \d+, since"):
        alone.__enter__()
    fleet.members[0].close()
    fleet._held.close()
    with exclusive(fleet.config, "scrapy forget"):
        place = Membership(fleet.jobs[0], 1)
        with pytest.raises(RunPaused, match="scrapy forget, pid"):
            shared(fleet.config_of(0), "x", place).__enter__()


def test_who_lost_its_hold_writes_no_more_once_somebody_came_alone(fleet: Fleet) -> None:
    for number, store in enumerate(fleet.members):
        with store.begin() as connection:
            meta.put(connection, f"by {number}", "member")
    for number in range(len(ACCOUNTS)):
        cut_off(fleet.config, f"member {number}")
    with fleet.members[0].begin() as connection:
        # As long as nobody came, nobody is in the way.
        meta.put(connection, "alone", "yes")
    with exclusive(fleet.config, "scrapy forget"):
        Store.open(fleet.config).close()
    for store in fleet.members:
        with pytest.raises(StoreTaken, match="hold of the store was lost"), store.begin():
            pass


def test_who_was_given_a_job_before_another_took_it_up_writes_no_more(fleet: Fleet) -> None:
    assert fleet.begin(0) == 2
    with (
        pytest.raises(StoreTaken, match="taken up this run's job") as caught,
        fleet.members[0].begin() as connection,
    ):
        meta.put(connection, "by", "the one before")
    assert caught.value.exit_code == 75
    with fleet.members[1].begin() as connection:
        assert meta.get(connection, "by") is None


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL") as caught:
        shared(Config(cache_dir=tmp_path), "x", Membership(1, 1)).__enter__()
    assert "\n" not in str(caught.value)
