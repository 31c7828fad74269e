"""Both spiders over the real tables, a few seeds each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runclub_spider.sandbox.options import SandboxOptions
from runclub_spider.sandbox.testing import Sandbox, running_sandbox
from tests.realdata import real_file
from tests.resilience.killer import Launcher
from tests.resilience.running import Place, ids_repeated, repeated

from .running import launched, manifest

pytestmark = [pytest.mark.e2e, pytest.mark.realdata]


@pytest.fixture(scope="module")
def real() -> Iterator[Sandbox]:
    with running_sandbox(SandboxOptions(data=real_file("spotify").parent)) as found:
        yield found


def test_a_release_of_real_tracks(real: Sandbox, launcher: Launcher, place: Place) -> None:
    for argv in (
        ("crawl", "spotify_search", "-a", "max_seeds=12", "-a", "max_results=100"),
        ("crawl", "spotify_playlist", "-a", "max_seeds=4", "-a", "top_playlists=2"),
        ("verify", str(place.latest)),
    ):
        done = launched(launcher, *argv, env=place.env(real, PAGE_SIZE="0"))
        assert (done.code, done.err) == (0, ""), done.text
    found = manifest(place)
    totals = found["totals"]
    assert totals["tracks"] > 500
    assert totals["audioFeatures"] >= 0.95 * totals["tracks"]
    assert found["version"].endswith("-sandbox")
    stats = real.stats()
    assert repeated(stats) == 0
    assert set().union(*ids_repeated(stats).values()) == set()
