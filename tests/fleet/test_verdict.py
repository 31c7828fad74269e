"""What follows from an exit code."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.fleet.verdict import Verdict, moment_named, verdict
from runclub_spider.store.fleet.plans import Job, Kind, State
from runclub_spider.store.queue.quota import Block
from runclub_spider.text import moment

NOW = 1_795_968_687
JOB = Job(
    job_id=1,
    plan_id=1,
    kind=Kind.CRAWL,
    command=("crawl",),
    account=None,
    attempt=0,
    state=State.WAITING,
    worker=None,
    exit_code=None,
    failures=0,
    resume_at=None,
    note=None,
    started_at=None,
    finished_at=None,
)


@pytest.mark.parametrize("ended", [False, True])
def test_what_is_settled_is_settled_even_for_a_worker_that_ends(ended: bool) -> None:
    assert verdict(JOB, 0, NOW, ended=ended) == Verdict(State.DONE)
    assert verdict(JOB, 2, NOW, ended=ended) == Verdict(State.FAILED)
    assert verdict(JOB, 3, NOW, ended=ended) == Verdict(State.FAILED)
    later = verdict(JOB, 75, NOW, resume_at=NOW + 5, ended=ended)
    assert later == Verdict(State.PAUSED, NOW + 5)


@pytest.mark.parametrize("code", [75, 1, -15, -9])
def test_what_its_worker_ended_waits_for_another(code: int) -> None:
    job = replace(JOB, failures=2, exit_code=1)
    assert verdict(job, code, NOW, ended=True) == Verdict(State.WAITING, None, 2)


def again(code: int, times: int, **given: int) -> list[Verdict]:
    """The verdicts of a command that ends with the same code again and again."""
    job, found = JOB, []
    for _ in range(times):
        one = verdict(job, code, NOW, **given)
        found.append(one)
        job = replace(job, exit_code=code, failures=one.failures)
    return found


def test_a_pause_of_unknown_length_grows_to_an_hour_and_never_fails() -> None:
    gaps = [(one.resume_at or 0) - NOW for one in again(75, 12)]
    assert gaps == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600]
    # A moment that is over is none.
    assert again(75, 2, resume_at=NOW)[1] == Verdict(State.PAUSED, NOW + 60, 2)


@pytest.mark.parametrize("code", [1, -9])
def test_what_fails_for_no_reason_is_tried_five_times_more(code: int) -> None:
    found = again(code, 6)
    assert [one.state for one in found] == [State.PAUSED] * 5 + [State.FAILED]
    assert [(one.resume_at or 0) - NOW for one in found[:5]] == [30, 60, 120, 240, 480]


def test_wrong_configuration_is_doubted_where_the_server_was_away() -> None:
    assert verdict(JOB, 2, NOW, shaken=True) == Verdict(State.PAUSED, NOW + 30, 1)
    assert verdict(replace(JOB, exit_code=2, failures=5), 2, NOW, shaken=True).state == State.FAILED
    assert verdict(JOB, 0, NOW, shaken=True) == Verdict(State.DONE)


def test_another_end_begins_the_count_anew() -> None:
    job = replace(JOB, exit_code=1, failures=5)
    assert verdict(job, 75, NOW) == Verdict(State.PAUSED, NOW + 30, 1)
    assert verdict(replace(JOB, exit_code=75, failures=9), 1, NOW).state == State.PAUSED


def test_the_moment_is_that_of_the_last_line_that_names_one() -> None:
    assert moment_named([]) is None
    assert moment_named(["scrapy crawl: nothing is lost; the same command resumes"]) is None
    lines = [
        "scrapy crawl: 3 pages wait: they are asked again after 2026-11-30 10:00 UTC, or by …",
        "scrapy crawl: the same command resumes after 2026-11-29 18:04 UTC",
        "a log's line",
    ]
    named = moment_named(lines)
    assert named is not None
    # The minute is told, and it may be its last second.
    assert moment(named) == "2026-11-29 18:05 UTC"
    refused = ["scrapy crawl: spotify refuses requests until 2026-11-29 18:04 UTC (quota); nothing"]
    assert moment_named(refused) == named


@given(until=st.integers(NOW, NOW + 10**8), others=st.lists(st.integers(NOW, NOW + 10**8)))
def test_the_ledger_knows_the_second(until: int, others: list[int]) -> None:
    blocks = [Block("spotify:a", "search", one, "quota") for one in [until, *others]]
    line = f"scrapy crawl: the same command resumes after {moment(until)}"
    found = moment_named([line], blocks)
    assert found is not None
    assert until <= found < until - until % 60 + 60
    assert moment_named([line]) == until - until % 60 + 60
