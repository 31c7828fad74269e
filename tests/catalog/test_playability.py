"""The truth table of playability."""

from __future__ import annotations

import pytest

from runclub_spider.catalog.models import Playable
from runclub_spider.catalog.playability import playability

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
    assert playability(is_playable, markets, "US") is verdict


def test_a_market_is_compared_whole() -> None:
    assert playability(None, ("USX", "S"), "US") is NO
