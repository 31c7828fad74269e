"""`scrapy doctor` as a user runs it: cause and cure of what keeps a key from working."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Launcher
from testkit.places import Place
from testkit.serving import Server, json_reply, serving
from tests.console.reading import Table, read, troubles

from .running import asked, launched, one_line

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def kexp() -> Iterator[Server]:
    with serving(json_reply({"results": []})) as server:
        yield server


def examined(
    place: Place, sandbox: Sandbox, launcher: Launcher, kexp: Server, code: int, **env: str
) -> Table:
    more = {"KEXP_BASE_URL": kexp.url, "TOKEN_FILE": str(place.root / "token.json"), **env}
    kexp.seen.clear()
    done = launched(launcher, "doctor", env=place.env(sandbox, **more))
    assert (done.code, done.err) == (code, ""), done.text
    assert sum(asked(sandbox).values()) + len(kexp.seen) < 10
    return read(done.out, code)


@pytest.mark.parametrize("regime", ["extended", "development"])
@pytest.mark.parametrize(
    ("options", "env", "code", "says"),
    [
        ({}, {}, 0, {}),
        (
            {},
            {"SPOTIFY_REFRESH_TOKEN": "t0k3n-of-the-user"},
            2,
            {"Spotify key": ("consent is over (six months)", "run `scrapy auth`")},
        ),
        (
            {},
            {"SPOTIFY_CLIENT_SECRET": "pa55-w0rd"},
            2,
            {
                "Spotify key": (
                    "refused the key",
                    "check SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET",
                )
            },
        ),
        (
            {"account_state": "not-premium"},
            {},
            2,
            {"Spotify": ("403", "the owner of this app needs an active Premium subscription")},
        ),
        (
            {"account_state": "not-allowlisted"},
            {},
            2,
            {"Spotify": ("403", "add this user to the app's allow-list in the dashboard")},
        ),
        (
            {"faults": {"reccobeats:503": 1}},
            {},
            75,
            {"ReccoBeats": ("503", "try again later")},
        ),
        ({}, {"CACHE_DIR": "{file}/cache"}, 2, {"store": ("CACHE_DIR", "mend its permissions")}),
    ],
    ids=[
        "usable",
        "expired token",
        "wrong secret",
        "no Premium",
        "not allow-listed",
        "ReccoBeats down",
        "store unwritable",
    ],
)
def test_cause_and_cure(
    regime: str,
    options: dict[str, Any],
    env: dict[str, str],
    code: int,
    says: dict[str, tuple[str, str]],
    place: Place,
    sandbox: Sandbox,
    launcher: Launcher,
    kexp: Server,
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder\n", encoding="utf-8")
    sandbox.configure(regime=regime, **options)
    given = {name: value.replace("{file}", str(file)) for name, value in env.items()}
    table = examined(place, sandbox, launcher, kexp, code, **given)
    found = troubles(table)
    assert found.keys() == says.keys()
    for what, words in says.items():
        assert [word for word in words if word not in found[what]] == [], found[what]
    if "Spotify" not in found and "Spotify key" not in found:
        assert table["Spotify regime"] == ("ok", regime)


def test_it_spares_the_crawl_its_probe(
    place: Place, sandbox: Sandbox, launcher: Launcher, kexp: Server
) -> None:
    examined(place, sandbox, launcher, kexp, 0)
    sandbox.reset_stats()
    argv = ("crawl", "spotify_search", "-a", "max_seeds=1", "-a", "max_results=20")
    assert launched(launcher, *argv, env=place.env(sandbox)).code == 0
    assert asked(sandbox)["search_track"] == 1


def test_a_refusal_it_met_holds_for_the_crawl(
    place: Place, sandbox: Sandbox, launcher: Launcher, kexp: Server
) -> None:
    sandbox.configure(faults={"spotify:429": 1}, fault_retry_after=7200)
    found = troubles(examined(place, sandbox, launcher, kexp, 75))
    sandbox.reset_stats()
    done = launched(launcher, "crawl", "spotify_search", env=place.env(sandbox))
    assert done.code == 75
    until = found["Spotify"].split("until ")[1].split(" UTC")[0]
    assert time.strptime(until, "%Y-%m-%d %H:%M") > time.gmtime(time.time() + 7000)
    assert until in one_line(done)
    assert asked(sandbox) == {}
