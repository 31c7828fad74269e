"""KEXP runs that die at random moments, and plays that come in meanwhile: nothing is missing."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Action
from testkit.places import Place

from .airing import aired, stored, summary, tables, valid
from .running import Run, asked

pytestmark = pytest.mark.e2e
KEXP = ("crawl", "kexp")
DAYS = ("-a", "start_date=2026-03-06", "-a", "end_date=2026-03-09")
KILLS = 6
KILLED = -9
APART_MS = 120


def killed_until_done(
    run: Run, place: Place, argv: Sequence[str], rng: random.Random, most: int
) -> int:
    """Kill a command at random moments until it finishes; returns how often it died."""
    deaths = 0
    for _ in range(most):
        kind = rng.choice(("commit", "committed", "time"))
        at = rng.uniform(0.1, 0.6) if kind == "time" else rng.randint(3, 7)
        done = run(place, *argv, code=None, actions=[Action(kind, at)])
        if done.code == 0:
            break
        assert done.code == KILLED, done.text
        deaths += 1
    run(place, *argv)
    return deaths


def test_kills_change_nothing(place: Place, sandbox: Sandbox, run: Run) -> None:
    whole = Place(place.root.with_name("whole"))
    run(whole, *KEXP, *DAYS)
    assert killed_until_done(run, place, (*KEXP, *DAYS), random.Random(7), KILLS) >= 3
    assert tables(place) == tables(whole)
    backlog = "kexp_new_songs.jsonl"
    assert (place.cache / backlog).read_bytes() == (whole.cache / backlog).read_bytes()


def test_a_killed_incremental_run_leaves_no_hole(place: Place, sandbox: Sandbox, run: Run) -> None:
    run(place, *KEXP, "-a", "start_date=2026-03-06", "-a", "limit=150")
    # The second page is stored, the third not; the newest plays are far behind both. Pages that
    # come further apart than they wait for each other are stored one by one.
    sandbox.configure(latency_ms=APART_MS)
    done = run(place, *KEXP, "-a", "incremental=1", code=None, actions=[Action("commit", 7)])
    assert done.code == KILLED
    sandbox.configure(latency_ms=0)
    sandbox.air(arrive=40)
    between = len(stored(place))
    assert 150 < between < 900
    run(place, *KEXP, "-a", "incremental=1")
    assert set(stored(place)) == set(valid(aired(sandbox, "2026-03-06T00:00:00-08:00")))
    assert len(place.query("SELECT * FROM covered_interval")) == 1
    shown = run(place, "status").out
    assert "kexp: complete from 2026-03-06T08:00:00Z to " in shown
    assert "gaps: none" in shown


def test_a_killed_backfill_leaves_a_gap_on_record(place: Place, sandbox: Sandbox, run: Run) -> None:
    run(place, *KEXP, "-a", "start_date=2026-03-06", "-a", "end_date=2026-03-06")
    # From now downward, one page: a gap between the two.
    run(place, *KEXP, "-a", "page_limit=1")
    shown = run(place, "status").out
    assert "gaps: 2026-03-07T08:00:00Z to 2026-03-0" in shown
    # An incremental run reads upward and does not pretend to close it ...
    run(place, *KEXP, "-a", "incremental=1")
    assert "gaps: 2026-03-07T08:00:00Z to 2026-03-0" in run(place, "status").out
    # ... the next backfill does, and asks nothing twice.
    sandbox.reset_stats()
    run(place, *KEXP, "-a", "start_date=2026-03-06")
    assert "gaps: none" in run(place, "status").out
    assert set(stored(place)) == set(valid(aired(sandbox, "2026-03-06T00:00:00-08:00")))


@pytest.mark.parametrize("argv", [("-a", "incremental=1"), ()], ids=["upward", "downward"])
def test_plays_that_come_in_while_paging(
    argv: tuple[str, ...], place: Place, sandbox: Sandbox, run: Run
) -> None:
    run(place, *KEXP, "-a", "start_date=2026-03-06", "-a", "limit=10")
    sandbox.configure(kexp_arrivals=3)
    done = run(place, *KEXP, *argv)
    sandbox.configure(kexp_arrivals=0)
    assert summary(done)["errors"] == 0
    # What came in behind the last page is the next run's.
    run(place, *KEXP, "-a", "incremental=1")
    found = stored(place)
    wanted = valid(aired(sandbox, "2026-03-06T00:00:00-08:00"))
    assert set(wanted) <= set(found)
    assert len(found) == len(set(found))


def test_late_and_edited_plays_are_met_again(place: Place, sandbox: Sandbox, run: Run) -> None:
    run(place, *KEXP, "-a", "start_date=2026-03-09")
    before = set(stored(place))
    empty = "SELECT count(*) FROM external_play WHERE mbid IS NULL OR album IS NULL"
    (lacking,) = place.column(empty)
    sandbox.air(late=5)
    sandbox.air(edit=8)
    sandbox.reset_stats()
    counts = summary(run(place, *KEXP, "-a", "incremental=1"))
    assert asked(sandbox)["plays"] <= 2
    assert counts["provenance_inserted"] == 5
    assert len(set(stored(place)) - before) == 5
    assert place.column(empty)[0] < lacking + 5
    wanted = valid(aired(sandbox, "2026-03-09T00:00:00-07:00"))
    assert set(stored(place)) == set(wanted)


def test_a_stop_by_a_signal_is_a_pause(place: Place, sandbox: Sandbox, run: Run) -> None:
    whole = Place(place.root.with_name("whole"))
    run(whole, *KEXP, *DAYS)
    sandbox.configure(latency_ms=APART_MS)
    stop = Action("committed", 8, do="SIGTERM")
    done = run(place, *KEXP, *DAYS, code=75, actions=[stop])
    assert "stopped by a signal" in done.err
    assert 0 < len(stored(place)) < len(stored(whole))
    sandbox.configure(latency_ms=0)
    run(place, *KEXP, *DAYS)
    assert tables(place) == tables(whole)
