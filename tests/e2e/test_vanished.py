"""Runs against answers from which a field has vanished."""

from __future__ import annotations

import pytest

from runclub_spider.sandbox.testing import Sandbox
from tests.resilience.running import Place, problems

from .running import Run, manifest, rows, seeded

pytestmark = pytest.mark.e2e

TERMS = ("90s rock", "80s pop running")


def test_without_is_playable_a_search_under_the_market_counts(
    place: Place, run: Run, sandbox: Sandbox
) -> None:
    calm = Place(place.root.parent / "calm")
    search = ("crawl", "spotify_search", "-a", "max_results=100")
    run(calm, *search, *seeded(calm, *TERMS))
    sandbox.configure(withhold={"track.is_playable": 1})
    run(place, *search, *seeded(place, *TERMS))
    released = rows(place, "catalog_wide")
    assert {row["_extra"]["available_us_source"] for row in released} == {"search_market"}
    assert all(row["available_us"] and "US" in row["available_primary_markets"] for row in released)
    # What a row says to be restricted stays out: the same tracks as ever.
    assert [row["spotify_track_id"] for row in released] == [
        row["spotify_track_id"] for row in rows(calm, "catalog_wide")
    ]
    assert "search_market" in " ".join(manifest(place)["notes"])
    one = released[0]["spotify_track_id"]
    assert "playable in US: yes (by search_market)" in run(place, "explain", one).out
    assert problems(place) == []
