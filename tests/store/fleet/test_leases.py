"""Leases on pages: who gets which, and whose word counts."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from runclub_spider.store.db.tables import page
from runclub_spider.store.fleet import leases
from runclub_spider.store.fleet.leases import Leased
from runclub_spider.store.queue import pages
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask

SPIDER = "spotify_search"


def task(number: int) -> PageTask:
    return PageTask(SPIDER, PageKind.TRACK_SEARCH, f"term {number}", "US", 0, 50, "g1")


TASKS = [task(number) for number in range(5)]


@pytest.fixture(autouse=True)
def _planned(connection: sa.Connection) -> None:
    pages.plan(connection, TASKS)


def take(connection: sa.Connection, owner: str, count: int, *held: PageTask) -> list[Leased]:
    return leases.take(
        connection, SPIDER, "US", owner=owner, count=count, held={one.key for one in held}
    )


def keys(found: list[Leased]) -> list[str]:
    return [one.task.source_key for one in found]


def expire(connection: sa.Connection, *tasks: PageTask) -> None:
    """As if their holders had been silent for long."""
    connection.execute(
        sa.update(page)
        .where(page.c.key.in_([one.key for one in tasks]))
        .values(lease_until=page.c.lease_until - leases.LEASE - 1)
    )


def test_pages_are_given_out_once_in_planning_order(connection: sa.Connection) -> None:
    first = take(connection, "a", 2)
    assert [one.task.key for one in first] == [one.key for one in TASKS[:2]]
    assert [one.task.ordinal for one in first] == [1, 2]
    assert keys(take(connection, "b", 9)) == ["term 2", "term 3", "term 4"]
    assert take(connection, "c", 9) == []
    assert leases.others(connection, SPIDER, "US", "a")
    assert take(connection, "a", 9, TASKS[0], TASKS[1]) == []


def test_only_the_one_it_was_given_to_last_can_store_a_page(connection: sa.Connection) -> None:
    (early,) = take(connection, "a", 1)
    expire(connection, early.task)
    (late,) = take(connection, "b", 1)
    assert (late.task, late.token) == (early.task, early.token + 1)
    # The first wakes up after the second, before it and beside it.
    assert not leases.consume(connection, early.task.key, early.token)
    assert leases.consume(connection, late.task.key, late.token)
    pages.mark_done(connection, late.task, counts=PageCounts(), run_id=1, now=1)
    assert not leases.consume(connection, early.task.key, early.token)
    assert not leases.consume(connection, late.task.key, late.token)


def test_what_a_process_of_the_same_job_left_is_taken_up_at_once(connection: sa.Connection) -> None:
    left = take(connection, "a", 2)
    again = take(connection, "a", 2)
    assert keys(again) == keys(left)
    assert not leases.consume(connection, left[0].task.key, left[0].token)
    assert leases.consume(connection, again[0].task.key, again[0].token)


def test_who_speaks_up_in_time_keeps_its_pages(connection: sa.Connection) -> None:
    found = take(connection, "a", 3)
    expire(connection, *(one.task for one in found))
    leases.extend(connection, "a", [found[0].task.key])
    leases.extend(connection, "b", [found[1].task.key])
    assert keys(take(connection, "b", 9)) == ["term 1", "term 2", "term 3", "term 4"]


def test_what_is_given_back_is_anybodys(connection: sa.Connection) -> None:
    take(connection, "a", 2)
    take(connection, "b", 1)
    leases.release(connection, "a")
    assert keys(take(connection, "c", 9)) == ["term 0", "term 1", "term 3", "term 4"]


def test_a_page_is_in_hand_until_nobody_wants_or_has_it(connection: sa.Connection) -> None:
    skip = {one.key for one in TASKS}
    assert leases.in_hand(connection, SPIDER, "US")
    # Pages that this run put off, and that nobody has, are not waited for.
    assert not leases.in_hand(connection, SPIDER, "US", skip)
    found = take(connection, "a", 1)
    assert leases.in_hand(connection, SPIDER, "US", skip)
    assert not leases.in_hand(connection, SPIDER, "CA")
    expire(connection, found[0].task)
    assert not leases.in_hand(connection, SPIDER, "US", skip)


def test_pages_that_are_not_wanted_do_not_hide_others(connection: sa.Connection) -> None:
    skip = {one.key for one in TASKS[:3]}
    found = leases.take(connection, SPIDER, "US", owner="a", count=1, skip=skip)
    assert keys(found) == ["term 3"]
