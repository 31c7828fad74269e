"""Budgets: what they should fill, what they filled, and when there is enough."""

from __future__ import annotations

import json
import re

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Action
from testkit.places import Place, blanked, calls

from .running import Run

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search")
FEW = ("crawl", "spotify_search", "-a", "family=cadence")
KEY = {"SPOTIFY_PROFILE": "development"}


def number(pattern: str, text: str) -> int:
    (found,) = re.findall(pattern, text)
    return int(found.replace(",", ""))


def test_a_budget_says_what_it_expects_and_what_it_filled(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(regime="development")
    done = run(place, *SEARCH, "-a", "budget=200", **KEY)
    expected = number(r"should add about ([\d,]+) tracks", done.out)
    filled = number(r"Filled: ([\d,]+) tracks of about", done.out)
    searches = number(r"expected by ([\d,]+) searches", done.out)
    idle = number(r"Regret: ([\d,]+) searches", done.out)
    asked = calls(sandbox.stats())
    assert sum(asked.values()) <= 200
    assert searches in range(asked["search_track"] - 4, asked["search_track"] + 1)
    assert 0 <= idle < searches / 2
    answered = number(r"([\d,]+) searches of it are answered", done.out)
    assert 1 <= answered <= 10
    low, high = (number(p, done.out) for p in (r"\(([\d,]+) to [\d,]+ in", r"to ([\d,]+) in four"))
    assert low < expected < high
    assert filled > searches
    assert expected / 2 < filled < expected * 2
    document = json.loads((place.latest / "manifest.json").read_bytes())
    assert sum(document["exhaustion"]["states"].values()) == sum(
        map(len, document["balance"]["cells"].values())
    )
    assert "searches left by cell" in run(place, "status").out


def test_choices_are_the_same_again_and_after_a_stop(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(regime="development")
    twin = Place(place.root.with_name("twin"))
    for one in (place, twin):
        sandbox.reset_stats()
        run(one, *SEARCH, "-a", "budget=120", **KEY)
    assert blanked(place.latest) == blanked(twin.latest)


def test_a_killed_budget_goes_on_as_if_undisturbed(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    """Killed within the pilot and after it; in the end the last run has more to spend."""
    sandbox.configure(regime="development")
    argv = (*SEARCH, "-a", "budget=120")
    few = {**KEY, "ROUND_PAGES": "8"}
    whole = Place(place.root.with_name("whole"))
    run(whole, *argv, **few)
    for commit in (3, 12):
        run(place, *argv, code=-9, actions=[Action("committed", commit)], **few)
    run(place, *argv, **few)
    planned = "SELECT key FROM page ORDER BY ordinal"
    undisturbed = whole.column(planned)[:-24]
    assert place.column(planned)[: len(undisturbed)] == undisturbed != []


def test_enough_is_enough(place: Place, sandbox: Sandbox, run: Run) -> None:
    """Every cell at its minimum of none: nothing is asked, and the run says so."""
    sandbox.configure(regime="development")
    run(place, *FEW, "-a", "until=filled", CELL_MINIMUM="0", **KEY)
    assert "search_track" not in calls(sandbox.stats())
    # Searches that fill no cell are not asked once they have shown it.
    run(place, *FEW, "-a", "until=filled", YEAR_COVERAGE_MIN="0", **KEY)
    assert calls(sandbox.stats())["search_track"] < 100


def test_a_wrong_end_is_refused(place: Place, run: Run) -> None:
    done = run(place, *SEARCH, "-a", "until=dawn", code=2)
    assert "until" in done.err
    assert "filled" in done.err
