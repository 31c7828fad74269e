"""JOBDIR: stopped by every kind of signal, then resumed with the directory and without it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Action, Launcher
from testkit.places import (
    RECCOBEATS_CONCURRENCY,
    SEARCH,
    SPOTIFY_CONCURRENCY,
    Place,
    blanked,
    calls,
    facts,
    ids_asked,
    missing,
    problems,
)
from testkit.sweep import Stage

pytestmark = pytest.mark.e2e
# The signal comes in the middle of discovery: about half of the pages are stored by then.
MIDDLE = 17
STOPS = {
    "SIGINT once": [Action("committed", MIDDLE, "SIGINT")],
    "SIGINT twice": [
        Action("unit", MIDDLE, "SIGINT"),
        Action("commit", MIDDLE + 1, "SIGINT"),
    ],
    "SIGTERM": [Action("committed", MIDDLE, "SIGTERM")],
    "SIGKILL": [Action("committed", MIDDLE, "SIGKILL")],
}


@pytest.mark.parametrize("stop", STOPS)
def test_stopped_and_resumed(
    stop: str, stages: dict[str, Stage], slow: Sandbox, launcher: Launcher, tmp_path: Path
) -> None:
    wanted, stopped, jobs = stages["search"], Place(tmp_path / "stopped"), tmp_path / "jobs"
    argv = (*SEARCH, "-s", f"JOBDIR={jobs}")
    slow.reset_stats()
    first = launcher.run(*argv, env=stopped.env(slow), actions=STOPS[stop])
    assert first.report["acted"] == STOPS[stop][-1].do
    begun = slow.stats()
    done = len(stopped.column("SELECT key FROM page WHERE state = 'done'"))
    assert 0 < done < len(wanted.after.column("SELECT key FROM page"))
    assert problems(stopped) == []
    assert not stopped.latest.exists()

    kept = tmp_path / "kept"
    if jobs.exists():
        shutil.copytree(jobs, kept)
    for how in ("the same JOBDIR", "JOBDIR deleted"):
        place = stopped.copy(tmp_path / "resumed")
        shutil.rmtree(jobs, ignore_errors=True)
        if how == "the same JOBDIR" and kept.exists():
            shutil.copytree(kept, jobs)
        slow.reset_stats()
        again = launcher.run(*argv, env=place.env(slow))
        assert again.code == 0, f"{how}: {again.stderr}"
        ended = slow.stats()
        found = facts(place)
        lost, doubled = missing(wanted.facts, found), missing(found, wanted.facts)
        assert (lost, doubled) == ({}, {}), how
        assert problems(place) == []
        assert blanked(place.latest) == wanted.data, how
        sent = {
            family: calls(begun).get(family, 0) + calls(ended).get(family, 0) - number
            for family, number in wanted.calls.items()
        }
        whole = wanted.ids
        ids = {k: ids_asked(begun)[k] + ids_asked(ended)[k] - whole[k] for k in whole}
        pages = sent["search_track"]
        print(f"{stop:13} {how:16} lost 0, doubled 0, pages sent again {pages}, ids {ids}")
        way = first.report["under_way"]
        hard = stop in {"SIGKILL", "SIGINT twice"}
        limit = SPOTIFY_CONCURRENCY + RECCOBEATS_CONCURRENCY + way["pages_in_hand"]
        assert 0 <= pages <= (limit if hard else 0), how
        assert all(0 <= n <= 50 * way["batches"] * hard for n in ids.values()), how
    # Whatever stopped it, a run that is not done must say so.
    assert "Traceback" not in first.stderr
    assert first.code == {"SIGKILL": -9}.get(stop, 75), first.stderr
