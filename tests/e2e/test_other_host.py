"""No credential goes to another host: neither after a redirect nor along a `next` link.

A relay stands before the sandbox. It sends some calls elsewhere, or rewrites every link of the
answers; elsewhere listens a second server that keeps all it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from runclub_sandbox.testing import Sandbox
from testkit.killer import Launcher
from testkit.places import Place
from testkit.serving import Reply, Server, Visit, json_reply, serving

from .running import Run, ids, launched

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=40")
PLAYLIST = (
    *("crawl", "spotify_playlist", "-a", "max_seeds=2"),
    *("-a", "top_playlists=2", "-a", "max_items=150"),
)
API_KEY = "k3y-of-reccobeats"
QUICK = {"API_RETRIES": "1", "API_BACKOFF_SECONDS": "0.01"}


@dataclass(frozen=True)
class Hosts:
    """The relay that is asked, and the other host that must not be."""

    relay: Server
    other: Server

    @property
    def env(self) -> dict[str, str]:
        return {
            "SPOTIFY_API_BASE_URL": f"{self.relay.url}/spotify/v1",
            "SPOTIFY_ACCOUNTS_BASE_URL": f"{self.relay.url}/accounts",
            "RECCOBEATS_BASE_URL": f"{self.relay.url}/reccobeats/v1",
            "RECCOBEATS_API_KEY": API_KEY,
            "KEXP_BASE_URL": f"{self.relay.url}/kexp/v2",
        }

    def asked(self, pattern: str) -> list[Visit]:
        return [visit for visit in self.relay.seen if re.search(pattern, visit.path)]


@contextmanager
def hosts(sandbox: Sandbox, moved: Callable[[str], bool], status: int = 302) -> Iterator[Hosts]:
    """`moved` says which paths the relay redirects to the other host."""
    with serving(json_reply({})) as other:

        def answer(visit: Visit) -> Reply:
            if moved(visit.path):
                return Reply(status, b"", {"Location": other.url + visit.target})
            found = requests.request(
                visit.method,
                sandbox.root + visit.target,
                headers={k: v for k, v in visit.headers.items() if k != "host"},
                data=visit.body,
                allow_redirects=False,
                timeout=20,
            )
            # Every link, those to the next page among them, leads to the other host.
            body = found.content.replace(sandbox.root.encode(), other.url.encode())
            return Reply(found.status_code, body, {"Content-Type": found.headers["Content-Type"]})

        with serving(answer) as relay:
            yield Hosts(relay, other)


@pytest.mark.parametrize("argv", [SEARCH, PLAYLIST], ids=["search", "playlist"])
def test_a_link_to_the_next_page_leads_nowhere(
    argv: tuple[str, ...], place: Place, tmp_path: Path, sandbox: Sandbox, run: Run
) -> None:
    run(place, *argv)
    relayed = Place(tmp_path / "relayed")
    with hosts(sandbox, lambda path: False) as found:
        run(relayed, *argv, **found.env)
    assert found.other.seen == []
    # Later pages were asked, of the host that is configured.
    pages = "search" if argv is SEARCH else "playlists/.*/tracks"
    assert any("offset=" in visit.target for visit in found.asked(pages))
    assert ids(relayed) == ids(place)
    # The relay sees what the other host would have seen.
    assert all("Bearer " in visit.authorization for visit in found.asked("/spotify/"))
    assert all(API_KEY in visit.whole for visit in found.asked("/reccobeats/"))


CALLS = {
    "search": SEARCH,
    "artists": SEARCH,
    "audio-features": SEARCH,
    "playlists/[^/]+$": PLAYLIST,
    "playlists/.*/tracks": PLAYLIST,
    "api/token": SEARCH,
}


@pytest.mark.parametrize(
    ("pattern", "status"),
    [*((pattern, 302) for pattern in CALLS), ("search", 301), ("search", 307), ("api/token", 308)],
)
def test_a_redirect_is_not_followed(
    pattern: str, status: int, place: Place, sandbox: Sandbox, run: Run
) -> None:
    argv = CALLS[pattern]
    with hosts(sandbox, lambda path: bool(re.search(pattern, path)), status) as found:
        done = run(place, *argv, code=75, SPOTIFY_PROFILE="extended", **QUICK, **found.env)
    assert found.other.seen == []
    assert found.asked(pattern)
    assert "same command" in done.err
    assert not place.latest.exists()


def test_a_redirected_probe_is_told(place: Place, sandbox: Sandbox, run: Run) -> None:
    with hosts(sandbox, lambda path: path.endswith("search")) as found:
        done = run(place, *SEARCH, code=1, **found.env)
    assert found.other.seen == []
    assert "302" in done.err
    assert "SPOTIFY_API_BASE_URL" in done.err


@pytest.mark.parametrize("path", ["search", "artists", "audio-features"])
def test_scrapys_own_redirects_and_retries_do_not_meddle(
    path: str, place: Place, sandbox: Sandbox, run: Run
) -> None:
    more = ("-s", "REDIRECT_ENABLED=1", "-s", "RETRY_ENABLED=1", "-s", "RETRY_HTTP_CODES=302")
    with hosts(sandbox, lambda asked: asked.endswith(path)) as found:
        run(place, *SEARCH, *more, code=75, SPOTIFY_PROFILE="extended", **QUICK, **found.env)
    assert found.other.seen == []


def test_doctor_follows_none_either(place: Place, sandbox: Sandbox, launcher: Launcher) -> None:
    with hosts(sandbox, lambda path: not path.endswith("token")) as found:
        done = launched(launcher, "doctor", env=place.env(sandbox, **found.env))
    assert done.code == 2
    assert found.other.seen == []
    assert {visit.path.split("/")[1] for visit in found.relay.seen} == {
        "accounts",
        "spotify",
        "reccobeats",
        "kexp",
    }
    for name in ("SPOTIFY_API_BASE_URL", "RECCOBEATS_BASE_URL", "KEXP_BASE_URL"):
        assert name in done.out
