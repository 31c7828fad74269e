"""A playlist named by its address: read as it is, without a search for it."""

from __future__ import annotations

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place

from .running import Run, asked, rows, seeded

pytestmark = pytest.mark.e2e


def test_addresses_of_lists_are_read(
    small: Place, place: Place, sandbox: Sandbox, run: Run
) -> None:
    first, second = small.column(
        "SELECT playlist_id FROM playlist WHERE state = 'read' ORDER BY playlist_id LIMIT 2"
    )
    lines = (
        f"https://open.spotify.com/intl-de/playlist/{first}?si=0a1b",
        f"spotify:playlist:{first}",
        f"spotify:user:somebody:playlist:{second}",
    )
    argv = ("crawl", "spotify_playlist", *seeded(place, *lines))
    run(place, *argv, "-a", "max_items=60")
    calls = asked(sandbox)
    assert calls["playlist"] == 2
    # The probe of the key is the only search.
    assert {name: n for name, n in calls.items() if "search" in name} == {"search_track": 1}
    sources = {s["playlist_id"] for row in rows(place, "catalog_wide") for s in row["sources"]}
    assert sources == {first, second}
    names = dict(place.query("SELECT playlist_id, name FROM playlist"))
    assert set(names) == {first, second}
    assert all(names.values())
    # Trusted for an hour here: the same command finds nothing to ask.
    sandbox.reset_stats()
    run(place, *argv, "-a", "max_items=60")
    assert asked(sandbox) == {}
