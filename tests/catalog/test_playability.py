"""The truth table of playability."""

from __future__ import annotations

from typing import Any

import pytest

from runclub_spider.catalog.models import Playable
from runclub_spider.catalog.playability import (
    listed,
    playability,
    says_nothing,
    stored_playability,
)
from testkit.making import a_track

YES, NO, UNKNOWN = Playable.YES, Playable.NO, Playable.UNKNOWN


@pytest.mark.parametrize(
    ("is_playable", "markets", "verdict"),
    [
        (True, None, YES),
        (True, (), YES),
        (True, ("SE",), YES),
        (True, ("US",), YES),
        (False, None, NO),
        (False, (), NO),
        # "listed but not playable" was reported: what the request's market got decides
        (False, ("US",), NO),
        (None, ("US", "SE"), YES),
        (None, ("SE",), NO),
        # an empty list says nothing (reference, 1.5)
        (None, (), UNKNOWN),
        (None, None, UNKNOWN),
    ],
)
def test_playability(
    is_playable: bool | None, markets: tuple[str, ...] | None, verdict: Playable
) -> None:
    assert playability(is_playable, markets, "US").playable is verdict


def test_a_market_is_compared_whole() -> None:
    assert playability(None, ("USX", "S"), "US").playable is NO


@pytest.mark.parametrize(
    ("said", "served", "finding"),
    [
        ({}, True, (YES, "search_market")),
        ({}, False, (UNKNOWN, "none")),
        ({"restriction": "market"}, True, (NO, "restrictions")),
        ({"restriction": "market"}, False, (NO, "restrictions")),
        # These depend on the account, and who asks is nobody.
        ({"restriction": "explicit"}, True, (UNKNOWN, "none")),
        ({"restriction": "product"}, True, (UNKNOWN, "none")),
        ({"is_playable": True, "restriction": "market"}, True, (YES, "is_playable")),
        ({"is_playable": False}, True, (NO, "is_playable")),
        ({"markets": ("SE",)}, True, (NO, "available_markets")),
        ({"markets": ()}, True, (YES, "search_market")),
    ],
)
def test_what_a_silent_answer_still_tells(
    said: dict[str, Any], served: bool, finding: tuple[Playable, str]
) -> None:
    found = playability(
        said.get("is_playable"),
        said.get("markets"),
        "US",
        restriction=said.get("restriction"),
        served_by_search=served,
    )
    assert found == finding


def test_an_answer_says_nothing_when_no_row_of_it_does() -> None:
    silent = a_track(1, is_playable=None)
    assert says_nothing([])
    assert says_nothing([silent, a_track(2, is_playable=None, available_markets=())])
    assert not says_nothing([silent, a_track(2, is_playable=False)])
    assert not says_nothing([silent, a_track(2, is_playable=None, available_markets=("SE",))])


@pytest.mark.parametrize(
    ("playable", "basis", "markets", "finding"),
    [
        ("yes", "is_playable", None, (YES, "is_playable")),
        ("no", "is_playable", "US", (NO, "is_playable")),
        ("unknown", "none", "CA,US", (YES, "available_markets")),
        ("unknown", "none", "CA", (NO, "available_markets")),
        (None, None, "CA,US", (YES, "available_markets")),
        (None, None, "", (UNKNOWN, "none")),
        (None, None, None, (UNKNOWN, "none")),
        ("unknown", "available_markets", None, (UNKNOWN, "none")),
        ("yes", "search_market", None, (YES, "search_market")),
        ("yes", "search_market", "CA", (NO, "available_markets")),
        ("no", "restrictions", "US", (YES, "available_markets")),
    ],
)
def test_from_stored_columns(
    playable: str | None, basis: str | None, markets: str | None, finding: tuple[Playable, str]
) -> None:
    assert stored_playability(playable, basis, listed(markets), "US") == finding
