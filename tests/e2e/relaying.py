"""A relay before the sandbox that answers some calls itself, and may change other answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from runclub_sandbox.testing import Sandbox
from testkit.serving import Reply, Server, Visit, serving

#: What the relay makes of a call and of the sandbox's answer to it; None leaves it alone.
Change = Callable[[Visit], Reply | None]
Rewrite = Callable[[Visit, bytes], bytes]
_KEPT = frozenset({"content-type", "retry-after"})


@contextmanager
def relaying(
    sandbox: Sandbox,
    change: Change = lambda _: None,
    rewrite: Rewrite = lambda _, body: body,
) -> Iterator[Server]:
    """Serve the sandbox through a relay; see `through` for the environment."""

    def reply(visit: Visit) -> Reply:
        if (own := change(visit)) is not None:
            return own
        found = requests.request(
            visit.method,
            f"http://127.0.0.1:{sandbox.port}{visit.target}",
            data=visit.body.encode(),
            headers={name: value for name, value in visit.headers.items() if name != "host"},
            timeout=10,
        )
        headers = {k: v for k, v in found.headers.items() if k.lower() in _KEPT}
        # Links lead back to the relay.
        there, here = f"127.0.0.1:{sandbox.port}".encode(), visit.headers["host"].encode()
        body = found.content.replace(there, here)
        body = rewrite(visit, body) if found.status_code == 200 else body
        return Reply(found.status_code, body, headers)

    with serving(reply) as server:
        yield server


def through(server: Server) -> dict[str, str]:
    """Environment that sends all calls by the relay."""
    return {
        "SPOTIFY_API_BASE_URL": f"{server.url}/spotify/v1",
        "SPOTIFY_ACCOUNTS_BASE_URL": f"{server.url}/accounts",
        "RECCOBEATS_BASE_URL": f"{server.url}/reccobeats/v1",
        "KEXP_BASE_URL": f"{server.url}/kexp/v2",
        "MUSICBRAINZ_BASE_URL": f"{server.url}/musicbrainz/ws/2",
        "LISTENBRAINZ_BASE_URL": f"{server.url}/listenbrainz/1",
    }
