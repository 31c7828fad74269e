"""Keys for which field filters give rows in some forms only: little is wasted, nothing is lost."""

from __future__ import annotations

import json
import random

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Action, Launcher
from testkit.places import SEARCH, Place, blanked, facts, missing

from .running import Run, asked, seeded

pytestmark = pytest.mark.e2e
#: What else a key may serve than all forms.
SERVED = ["single,bare", "double,bare", "bare"]
PHRASES = tuple(
    f'genre:"{genre}" year:{years}'
    for genre in ("hip hop", "classic rock", "no such genre", "indie pop")
    for years in ("1990-1999", "2000-2009")
)


def remembered(place: Place) -> dict[str, bool | None]:
    """Which forms the store says to give rows."""
    (stored,) = place.column("SELECT value FROM meta WHERE key LIKE 'filters|%'")
    works: dict[str, bool | None] = json.loads(stored)["works"]
    return works


def wasted(place: Place, sandbox: Sandbox) -> int:
    """Searches that brought no page."""
    (stored,) = place.column("SELECT count(*) FROM page WHERE state = 'done'")
    return asked(sandbox)["search_track"] - int(stored)


@pytest.fixture(scope="module")
def calm(served: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """What a key gets for which every form gives rows."""
    place = Place(tmp_path_factory.mktemp("calm") / "place")
    child = launcher.start(*SEARCH, env=place.env(served))
    assert child.wait() == 0, child.stderr
    return place


@pytest.mark.parametrize("form", SERVED)
def test_a_key_is_found_out_within_a_few_searches(
    form: str, calm: Place, place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(filter_forms=form)
    done = run(place, *SEARCH)
    assert wasted(place, sandbox) <= (0 if "double" in form else 5)
    assert missing(facts(calm), facts(place)) == {}
    assert blanked(place.latest) == blanked(calm.latest)
    assert ("no quotes" in done.out) == (form == "bare")
    assert ("single quotes" in done.out) == (form == "single,bare")
    # What was found out is remembered.
    sandbox.reset_stats()
    run(place, "crawl", "spotify_search", "-a", "max_seeds=6", "-a", "max_results=60")
    (stored,) = place.column("SELECT count(*) FROM page WHERE state = 'done' AND run_id = 2")
    assert asked(sandbox)["search_track"] == stored


@pytest.mark.parametrize("form", SERVED)
def test_phrases_are_found_out_too(form: str, place: Place, sandbox: Sandbox, run: Run) -> None:
    whole = Place(place.root.with_name("whole"))
    argv = ("crawl", "spotify_search", *seeded(place, *PHRASES), "-a", "max_results=40")
    run(whole, *argv)
    sandbox.reset_stats()
    sandbox.configure(filter_forms=form)
    run(place, *argv)
    assert wasted(place, sandbox) <= (0 if "double" in form else 5)
    # Without quotes a phrase is words, which more rows have.
    if form != "bare":
        assert blanked(place.latest) == blanked(whole.latest)
    brought = "SELECT term FROM seed WHERE rows > 0 ORDER BY term"
    assert place.column(brought) == whole.column(brought) != []


def test_a_budget_learns_as_cheaply(place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(filter_forms="bare", regime="development")
    run(place, "crawl", "spotify_search", "-a", "budget=60", PAGE_SIZE="0", MIN_TRACKS="1")
    refused = sum(sandbox.stats()["refused_by_regime"].values())
    assert wasted(place, sandbox) - refused <= 5
    quoted = place.column("SELECT rows FROM page WHERE state = 'done' AND source_key LIKE '%:\"%'")
    assert sum(map(bool, quoted)) > len(quoted) / 2


def test_kills_change_nothing(calm: Place, place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(filter_forms="bare")
    rng = random.Random(3)
    for _ in range(4):
        kind = rng.choice(("commit", "committed"))
        done = run(place, *SEARCH, code=None, actions=[Action(kind, rng.randint(2, 9))])
        assert done.code in (0, -9), done.text
    run(place, *SEARCH)
    assert missing(facts(calm), facts(place)) == {}
    assert blanked(place.latest) == blanked(calm.latest)


@pytest.mark.parametrize("killed", [False, True])
def test_a_form_that_ends_loses_nothing(
    killed: bool, place: Place, sandbox: Sandbox, run: Run
) -> None:
    argv = (*SEARCH[:3], "max_seeds=12", *SEARCH[4:])
    whole = Place(place.root.with_name("whole"))
    run(whole, *SEARCH)
    run(whole, *argv)
    run(place, *SEARCH)
    assert remembered(place)["double"] is True
    sandbox.configure(filter_forms="single,bare")
    sandbox.reset_stats()
    if killed:
        done = run(place, *argv, code=None, actions=[Action("committed", 9)])
        assert done.code == -9
    run(place, *argv)
    found = remembered(place)
    assert (found["double"], found["single"]) == (False, True)
    assert blanked(place.latest) == blanked(whole.latest)
    terms = "SELECT term, state, next_offset, rows FROM seed ORDER BY term"
    assert place.query(terms) == whole.query(terms)


def test_typographic_apostrophes_reach_no_filter(place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(plain_apostrophes=True)
    term = 'genre:"hip hop\u2019" year:1990-1999'
    run(place, "crawl", "spotify_search", *seeded(place, term), MIN_TRACKS="1")
    assert place.query("SELECT term, rows > 0 FROM seed") == [(term, 1)]
