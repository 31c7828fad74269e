"""Two runs on one store: the second is told who holds it, and sends nothing."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Action, Child, Launcher
from testkit.places import (
    PLAYLIST,
    SEARCH,
    Place,
    blanked,
    calls,
    facts,
    missing,
    problems,
    repeated,
)
from testkit.sweep import Stage

pytestmark = pytest.mark.e2e
MIDDLE = Action("committed", 20, "SIGSTOP")


@pytest.fixture
def holder(sandbox: Sandbox, launcher: Launcher, place: Place) -> Iterator[Child]:
    """A crawl that stands still in its middle."""
    sandbox.reset_stats()
    child = launcher.start(*SEARCH, env=place.env(sandbox), actions=[MIDDLE])
    until(lambda: "acted" in child.report)
    yield child
    if child.code is None:
        os.kill(child.pid, signal.SIGCONT)
        child.wait()


def until(true: object, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize(
    "argv", [PLAYLIST, ("publish",), ("forget", "--track", "0" * 22)], ids=lambda argv: argv[0]
)
def test_the_second_is_refused(
    argv: tuple[str, ...], holder: Child, sandbox: Sandbox, launcher: Launcher, place: Place
) -> None:
    before = sandbox.stats()
    second = launcher.run(*argv, env=place.env(sandbox))
    assert second.code == 75
    assert f"pid {holder.pid}" in second.stderr
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d UTC", second.stderr)
    assert len(second.stderr.strip().splitlines()) == 1
    assert calls(sandbox.stats()) == calls(before)
    assert sandbox.stats()["apis"]["accounts"]["calls"] == 1


def test_both_in_turn_make_the_right_union(
    holder: Child, stages: dict[str, Stage], sandbox: Sandbox, launcher: Launcher, place: Place
) -> None:
    env = place.env(sandbox)
    assert launcher.run(*PLAYLIST, env=env).code == 75
    os.kill(holder.pid, signal.SIGCONT)
    assert holder.wait() == 0
    assert launcher.run(*PLAYLIST, env=env).code == 0
    assert missing(stages["playlist"].facts, facts(place)) == {}
    assert missing(facts(place), stages["playlist"].facts) == {}
    assert blanked(place.latest) == stages["playlist"].data
    assert problems(place) == []
    assert repeated(sandbox.stats()) == 0


def test_both_at_once_make_the_right_union(
    stages: dict[str, Stage], slow: Sandbox, launcher: Launcher, place: Place
) -> None:
    """Started in the same moment, whichever is first: neither is done before the other begins."""
    slow.reset_stats()
    slow.configure(latency_ms=100)
    env = place.env(slow)
    children = [launcher.start(*SEARCH, env=env) for _ in range(2)]
    assert sorted(child.wait() for child in children) == [0, 75]
    assert launcher.run(*SEARCH, env=env).code == 0
    assert blanked(place.latest) == stages["search"].data
    assert calls(slow.stats()) == stages["search"].calls


def test_a_killed_holder_leaves_no_lock(
    holder: Child, stages: dict[str, Stage], sandbox: Sandbox, launcher: Launcher, place: Place
) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    assert holder.wait() == -9
    again = launcher.run(*SEARCH, env=place.env(sandbox))
    assert again.code == 0, again.stderr
    assert blanked(place.latest) == stages["search"].data


def test_status_works_beside_a_run(
    holder: Child, sandbox: Sandbox, launcher: Launcher, place: Place
) -> None:
    shown = launcher.run("status", env=place.env(sandbox))
    assert shown.code == 0, shown.stderr
    assert "integrity ok" in shown.stdout
    assert "not finished" in shown.stdout


def test_status_does_not_keep_a_run_from_writing(
    sandbox: Sandbox, launcher: Launcher, searched: Place
) -> None:
    """It reads, so a crawl must be able to commit meanwhile (readers do not block in WAL mode)."""
    status = launcher.start(
        "status", env=searched.env(sandbox), actions=[Action("commit", 1, "SIGSTOP")]
    )
    until(lambda: "acted" in status.report)
    try:
        with closing(sqlite3.connect(searched.store, timeout=0.2, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
    finally:
        os.kill(status.pid, signal.SIGCONT)
    assert status.wait() == 0
