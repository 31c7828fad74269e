"""A clock that went wrong: the store is not written under it, and can be mended after it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place, problems

from .running import Run, asked, one_line, untouched

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=3", "-a", "max_results=40")
DAY, YEARS = 86_400, 10 * 365 * 86_400


def moved(place: Place, seconds: int) -> None:
    """As if all of the store had been written by a clock that was off."""
    with closing(sqlite3.connect(place.store)) as connection, connection:
        for table, column in (
            *(("run", "started_at"), ("run", "finished_at"), ("page", "fetched_at")),
            *(("seed", "last_seen_at"), ("track", "first_seen_at"), ("track", "updated_at")),
        ):
            connection.execute(f"UPDATE {table} SET {column} = {column} + ?", (seconds,))


def test_a_store_of_the_future_is_not_written(crawled: Place, sandbox: Sandbox, run: Run) -> None:
    moved(crawled, YEARS)
    before = untouched(crawled)
    line = one_line(run(crawled, *SEARCH, code=2))
    assert "the clock says" in line
    assert "CLOCK_REPAIR=1" in line
    assert asked(sandbox) == {}
    assert untouched(crawled) == before
    run(crawled, *SEARCH, "-s", "CLOCK_REPAIR=1")
    assert problems(crawled) == []
    assert asked(sandbox)["search_track"] > 0
    run(crawled, *SEARCH)


def test_an_hour_back_is_no_matter(crawled: Place, run: Run) -> None:
    moved(crawled, 3600)
    assert run(crawled, *SEARCH).err == ""


def test_a_store_that_lay_for_years_is_said(crawled: Place, run: Run) -> None:
    moved(crawled, -YEARS)
    assert "long after the store was last used" in one_line(run(crawled, *SEARCH))
