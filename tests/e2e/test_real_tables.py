"""Both spiders over the real tables, a few seeds each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox, running_sandbox
from testkit.killer import Launcher
from testkit.places import Place, ids_repeated, repeated
from testkit.realdata import real_file
from tests.sandbox.asking import Client

from .running import launched, manifest

pytestmark = [pytest.mark.e2e, pytest.mark.realdata]


@pytest.fixture(scope="module")
def real() -> Iterator[Sandbox]:
    with running_sandbox(SandboxOptions(data=real_file("spotify").parent)) as found:
        yield found


def test_the_sandbox_serves_them(real: Sandbox) -> None:
    health = real.health()
    assert health["made_up"] is False
    assert health["sizes"]["tracks"] > 190_000
    client = Client(real)
    rows = client.search("70s country", limit=50, market="US")["items"]
    assert len(rows) == 50
    assert all(row["name"] and row["artists"] and row["duration_ms"] for row in rows)
    assert all(row["album"]["release_date"].startswith("197") for row in rows)
    playlists = client.search("top hits of 1984", "playlist")["items"]
    one = next(row for row in playlists if row)
    found = client.get(f"playlists/{one['id']}").json
    ids = [row["track"]["id"] for row in found["tracks"]["items"] if row["track"]]
    got = client.recco("audio-features", "ids=" + ",".join(ids[:40])).json["content"]
    assert len(got) > 30
    unknown = client.get("tracks", ids=f"{ids[0]},{'0' * 22}").json["tracks"]
    assert unknown[1] is None
    real.reset_stats()


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


def test_a_world_of_real_tracks_changes_too(real: Sandbox) -> None:
    changed = real.change_world(0.01)["changed"]
    assert changed["playlists_changed"] > 10
    assert changed["new_tracks"] == 0
