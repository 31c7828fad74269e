"""`scrapy seeds` beside a crawl: its ledger, its cells, and no request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.catalog.umbrellas import DECADE_LABELS, UmbrellaMap
from testkit.places import Place

from .running import ROOT, Run, asked, untouched

pytestmark = pytest.mark.e2e
CELLS = UmbrellaMap.load(ROOT / "seeds" / "umbrellas.yaml").possible_cells(DECADE_LABELS)


def test_before_a_crawl_no_key_is_needed(place: Place, sandbox: Sandbox, run: Run) -> None:
    done = run(place, "seeds", SPOTIFY_CLIENT_ID="", SPOTIFY_CLIENT_SECRET="")
    assert done.err == ""
    assert max(map(len, done.out.splitlines())) <= 80
    assert asked(sandbox) == {}
    assert not place.root.exists()


def aims(row: dict[str, Any]) -> set[tuple[str, str]]:
    """The cells that a seed does not rule out."""
    return {
        (umbrella, decade)
        for umbrella, decade in CELLS
        if row["umbrella"] in (None, umbrella) and row["decade"] in (None, decade)
    }


def test_after_a_crawl(crawled: Place, sandbox: Sandbox, run: Run) -> None:
    # The crawl published with another CELL_MINIMUM.
    before = untouched(crawled, other_settings=True)

    def seeds(*options: str) -> dict[str, Any]:
        done = run(crawled, "seeds", "--format", "json", *options, CELL_MINIMUM="1")
        found: dict[str, Any] = json.loads(done.out)
        return found

    whole = seeds()
    assert (whole["regime"], list(whole["cost"])) == ("extended", ["extended"])
    known = [row for row in whole["seeds"] if row["requests"]]
    assert [row["kind"] for row in known] == ["track", "track", "playlist", "playlist"]
    assert sum(row["eligible"] for row in known) > 0
    exhausted = [row for row in known if row["state"] == "exhausted"]
    assert {row["kind"] for row in exhausted} >= {"playlist"}

    thin = seeds("--thin")
    filled = {*CELLS} - {*map(tuple, thin["cells"]["thin"])}
    assert 0 < len(filled) < len(CELLS)
    left_out = [row for row in whole["seeds"] if aims(row) <= filled]
    assert left_out
    assert thin["seeds"] == [row for row in whole["seeds"] if row not in left_out]

    assert asked(sandbox) == {}
    assert untouched(crawled, other_settings=True) == before
