"""Faults, refusals, kills and stops: for each source the same result, or a clean stop.

A *stage* is the command that asks a source, from a given place, and what it ends with when nothing
goes wrong. Every source goes through the same tests.
"""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Action, Launcher
from testkit.places import Place, blanked, repeated

from .running import Run, asked, launched

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=4", "-a", "max_results=100")
OPEN = ("crawl", "enrich", "-a", "only=open_metadata")
CONTACT = {"OPEN_METADATA_CONTACT": "owner@example.org"}
# Backing off costs the tests nothing but time.
QUICK = {"API_BACKOFF_SECONDS": "0.01", "API_RETRIES": "8"}
DAY = 86_400

SPOTIFY = {"search_track", "artist", "artists"}
#: Each source by the sandbox's names of its calls, and the share of them that go wrong: those
#: that are asked little must be disturbed often to be disturbed at all.
APIS: dict[str, tuple[set[str], float]] = {
    "spotify": (SPOTIFY, 0.35),
    "reccobeats": ({"recco_features", "recco_track"}, 0.3),
    "musicbrainz": ({"mb_recording", "mb_url", "mb_artist", "mb_genre"}, 0.3),
    "listenbrainz": ({"lb_recording"}, 0.7),
}
OPEN_APIS = ("musicbrainz", "listenbrainz")


@dataclass(frozen=True)
class Stage:
    """What asks an API, where it starts, and how it ends undisturbed; the places stay as they are.

    Attributes:
        api: the sandbox's name of the source.
        argv: the command.
        before: the place it starts from; None is an empty one.
        after: the same once the command has run.
        whole: requests that this took, of all sources.
        env: settings.
    """

    api: str
    argv: tuple[str, ...]
    before: Place | None
    after: Place
    whole: int
    env: dict[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> set[str]:
        """The sandbox's names of its calls."""
        return APIS[self.api][0]

    @property
    def rate(self) -> float:
        """Share of its calls that a test makes go wrong."""
        return APIS[self.api][1]

    def ready(self, place: Place) -> Place:
        """A place for the command."""
        return place if self.before is None else self.before.copy(place.root)

    def ended_well(self, place: Place) -> None:
        """The place ends as if nothing had happened."""
        query = "SELECT * FROM open_metadata ORDER BY track_id"
        assert place.query(query) == self.after.query(query)
        assert blanked(place.latest) == blanked(self.after.latest)


@pytest.fixture(scope="module")
def undisturbed(
    served: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Stage]:
    """The two commands, each once."""
    found = Place(tmp_path_factory.mktemp("found") / "place")
    served.reset_stats()
    done = launched(launcher, *SEARCH, env=found.env(served))
    assert done.code == 0, done.text
    searched = sum(asked(served).values())
    known = found.copy(tmp_path_factory.mktemp("known") / "place")
    served.reset_stats()
    done = launched(launcher, *OPEN, env=known.env(served, **CONTACT))
    assert done.code == 0, done.text
    completed = sum(asked(served).values())
    return {
        api: Stage(api, OPEN, found, known, completed, CONTACT)
        if api in OPEN_APIS
        else Stage(api, SEARCH, None, found, searched)
        for api in APIS
    }


@pytest.fixture(params=APIS)
def stage(request: pytest.FixtureRequest, undisturbed: dict[str, Stage]) -> Stage:
    return undisturbed[request.param]


def forgive(place: Place) -> None:
    """As if the announced time had come."""
    with closing(sqlite3.connect(place.store)) as connection, connection:
        connection.execute("UPDATE api_block SET blocked_until = 1")


@pytest.mark.parametrize("kind", ["500", "truncated", "reset"])
def test_faults_change_nothing(
    kind: str, stage: Stage, place: Place, sandbox: Sandbox, run: Run
) -> None:
    mine = stage.ready(place)
    sandbox.configure(faults={f"{stage.api}:{kind}": stage.rate})
    run(mine, *stage.argv, **stage.env, **{**QUICK, "API_RETRIES": "20"})
    stats = sandbox.stats()
    assert stats["faults"][stage.api][kind] > 0
    stage.ended_well(mine)
    # What was answered whole is not asked again.
    assert repeated(stats) == 0


def test_one_that_keeps_failing_is_put_off(
    stage: Stage, place: Place, sandbox: Sandbox, run: Run
) -> None:
    mine = stage.ready(place)
    # The regime is known, so that the failure meets pages and batches.
    known = {"SPOTIFY_PROFILE": "extended", "API_RETRIES": "1", "API_BACKOFF_SECONDS": "0.01"}
    before = mine.latest.resolve() if stage.before else None
    sandbox.configure(faults={f"{stage.api}:500": 1})
    done = run(mine, *stage.argv, code=75, **stage.env, **known)
    assert "same command" in done.err
    assert before is not None or not mine.latest.exists()
    sandbox.configure(faults={})
    run(mine, *stage.argv, **stage.env, **known)
    stage.ended_well(mine)
    assert repeated(sandbox.stats()) == 0


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_long_refusal_ends_the_run_and_is_remembered(
    form: str, stage: Stage, place: Place, sandbox: Sandbox, run: Run
) -> None:
    mine = stage.ready(place)
    sandbox.configure(faults={f"{stage.api}:429": 1}, fault_retry_after=DAY, retry_after_form=form)
    begin = time.monotonic()
    done = run(mine, *stage.argv, code=75, **stage.env)
    assert time.monotonic() - begin < 20
    assert re.search(r"resumes after \d{4}-\d\d-\d\d \d\d:\d\d UTC", done.err), done.err
    # Once a refusal is known nothing is sent, whatever the API would say now.
    sandbox.configure(faults={}, reset_limits=True)
    sandbox.reset_stats()
    done = run(mine, *stage.argv, code=75, **stage.env)
    assert not asked(sandbox).keys() & stage.calls
    assert "until" in done.err or "resumes after" in done.err
    forgive(mine)
    run(mine, *stage.argv, **stage.env)
    stage.ended_well(mine)


def test_refused_day_after_day_it_comes_to_its_end(
    stage: Stage, place: Place, sandbox: Sandbox, run: Run
) -> None:
    """As under a quota: some calls a day, and the rest of the day none."""
    mine = stage.ready(place)
    sandbox.configure(faults={f"{stage.api}:429": stage.rate}, fault_retry_after=DAY)
    days = 1
    while (done := run(mine, *stage.argv, code=None, **stage.env)).code:
        assert done.code == 75, done.text
        assert "resumes after" in done.err
        before = asked(sandbox)
        run(mine, *stage.argv, code=75, **stage.env)
        assert {k: n for k, n in asked(sandbox).items() if k in stage.calls} == {
            k: n for k, n in before.items() if k in stage.calls
        }
        forgive(mine)
        sandbox.configure(reset_limits=True)
        days += 1
        assert days < 40
    assert days > 1
    stage.ended_well(mine)
    stats = sandbox.stats()
    assert repeated(stats) == 0
    refused = sum(found.get("429", 0) for found in stats["faults"].values())
    total = sum(n for kind, n in asked(sandbox).items() if kind != "token")
    print(f"{days} days, {total} requests, {stage.whole} in one")
    # Each refusal is a call of its own; a batch is cut where a day ends, and where one begins.
    assert total <= 1.1 * stage.whole + refused + 2 * days


def test_a_short_refusal_is_waited_out(
    stage: Stage, place: Place, sandbox: Sandbox, run: Run
) -> None:
    mine = stage.ready(place)
    if stage.before is None:
        # Within 30 seconds of another run a refusal may be meant for that one: no pace is learnt.
        run(mine, *stage.argv[:2], "-a", "max_seeds=1", "-a", "max_results=20")
        sandbox.reset_stats()
    sandbox.configure(faults={f"{stage.api}:429": stage.rate})
    run(mine, *stage.argv, **stage.env, **{**QUICK, "API_RETRIES": "20"})
    stats = sandbox.stats()
    assert stats["faults"][stage.api]["429"] > 0
    # Nothing is sent before the announced moment.
    assert stats["apis"][stage.api]["inside_window"] == 0
    ids = "SELECT track_id FROM track ORDER BY 1"
    assert mine.query(ids) == stage.after.query(ids)


@pytest.mark.parametrize("stage", ["spotify", "musicbrainz"], indirect=True)
@pytest.mark.parametrize(("name", "at"), [("SIGINT", 0.4), ("SIGTERM", 0.7), ("SIGKILL", 0.5)])
def test_a_stopped_run_is_finished_by_the_same_command(
    name: str,
    at: float,
    stage: Stage,
    place: Place,
    sandbox: Sandbox,
    run: Run,
) -> None:
    """Each command at a share of its commits; the two of a pair share one."""
    mine = stage.ready(place)
    kind = "commit" if name == "SIGINT" else "committed"
    commits = 30 if stage.before is None else 12
    code = -9 if name == "SIGKILL" else 75
    run(mine, *stage.argv, code=code, actions=[Action(kind, int(at * commits), name)], **stage.env)
    run(mine, *stage.argv, **stage.env)
    stage.ended_well(mine)
    # What was in flight, or answered and not yet stored.
    assert repeated(sandbox.stats()) <= (10 if name == "SIGKILL" else 0)
