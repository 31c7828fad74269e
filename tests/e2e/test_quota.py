"""Quotas: runs of many days, limits of the user's own, and what `status` says of them."""

from __future__ import annotations

import calendar
import re
import sqlite3
import time
from contextlib import closing

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place, blanked, calls

from .running import Run, asked

pytestmark = pytest.mark.e2e
QUOTA, DAY = 60, 86_400
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=12", "-a", "max_results=200")
SMALL = ("crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=100")
MORE = {"PAGE_SIZE": "10"}


def a_day_passes(place: Place, sandbox: Sandbox) -> None:
    """As if it were this time tomorrow, for the store and for the API."""
    with closing(sqlite3.connect(place.store)) as connection, connection:
        connection.execute("UPDATE quota SET hour = hour - ?", (DAY,))
        # And a moment more: a block ends with its second.
        connection.execute("UPDATE api_block SET blocked_until = blocked_until - ?", (DAY + 2,))
    sandbox.configure(reset_limits=True)


def resume_times(text: str) -> list[str]:
    return re.findall(r"resumes after (\d{4}-\d\d-\d\d \d\d:\d\d) UTC", text)


def test_a_crawl_of_many_days(place: Place, sandbox: Sandbox, run: Run, tmp_path: object) -> None:
    free = Place(place.root.with_name("free"))
    run(free, *SEARCH, **MORE)
    unlimited = calls(sandbox.stats())
    assert unlimited["search_track"] > 3 * QUOTA
    sandbox.reset_stats()
    # The API's day begins anew, not with the crawl above.
    quota = {"search": QUOTA, "artist": QUOTA, "playlist": QUOTA}
    sandbox.configure(daily_quota=quota, reset_limits=True)
    days = 1
    while True:
        begin = time.time()
        done = run(place, *SEARCH, code=None, **MORE)
        if done.code == 0:
            break
        assert done.code == 75, done.text
        (told,) = resume_times(done.err)
        # Told to the minute; the API counts from the first call of its day, in whole seconds.
        resumes = calendar.timegm(time.strptime(told, "%Y-%m-%d %H:%M"))
        assert begin + DAY - 62 < resumes < time.time() + DAY + 2
        # Before its time nothing is sent.
        before = asked(sandbox)
        assert "until" in run(place, *SEARCH, code=75, **MORE).err
        assert asked(sandbox) == before
        assert not place.latest.exists()
        a_day_passes(place, sandbox)
        days += 1
        assert days < 10
    total, whole = sum(calls(sandbox.stats()).values()), sum(unlimited.values())
    print(f"{days} days, {total} requests, {whole} without a quota: {total / whole:.3f} times")
    assert days > 3
    assert total <= 1.02 * whole
    assert blanked(place.latest) == blanked(free.latest)


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({"QUOTA_LIMITS": "search=7"}, 7),
        ({"QUOTA_LIMITS": "search=10", "QUOTA_SHARE": "0.6"}, 6),
    ],
)
def test_a_limit_of_the_users_own_is_kept_across_runs(
    settings: dict[str, str], allowed: int, place: Place, sandbox: Sandbox, run: Run
) -> None:
    for _ in range(2):
        done = run(place, *SMALL, code=75, **settings)
        assert sum(n for f, n in calls(sandbox.stats()).items() if "search" in f) == allowed
        assert len(resume_times(done.err)) == 1
    shown = run(place, "status", **settings).out
    assert re.search(rf"spotify +search +{allowed} +0 +{allowed} set", shown), shown
    a_day_passes(place, sandbox)
    run(place, *SMALL, **settings)
    assert sum(n for f, n in calls(sandbox.stats()).items() if "search" in f) > allowed


def test_a_share_of_what_a_refusal_taught(place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(daily_quota={"search": 5})
    run(place, *SMALL, code=75)
    shown = run(place, "status").out
    assert re.search(r"spotify +search +\d+ +\d+ +5 learnt", shown), shown
    assert "spotify search refuses requests until" in shown
    a_day_passes(place, sandbox)
    sandbox.configure(daily_quota={})
    sandbox.reset_stats()
    run(place, *SMALL, code=75, QUOTA_SHARE="0.6")
    assert calls(sandbox.stats())["search_track"] == 3


def test_a_refusal_of_a_day_ends_the_run_at_once(place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(faults={"spotify:429": 1}, fault_retry_after=DAY)
    run(place, *SMALL, code=75)
    asked_before = asked(sandbox)
    # The interpreter and its imports are there already (`run` forks): this is the run itself.
    begin = time.monotonic()
    run(place, *SMALL, code=75)
    assert asked(sandbox) == asked_before
    assert time.monotonic() - begin < 20


def test_a_token_service_that_refuses_for_long_pauses(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(faults={"accounts:429": 1}, fault_retry_after=DAY)
    done = run(place, *SMALL, code=75)
    assert len(resume_times(done.err)) == 1
    assert asked(sandbox) == {"token": 1}
    sandbox.configure(faults={})
    assert "until" in run(place, *SMALL, code=75).err
    assert asked(sandbox) == {"token": 1}
    a_day_passes(place, sandbox)
    run(place, *SMALL)
