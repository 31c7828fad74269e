"""Runs against servers as the net has them: packed, slow, endless, talking nonsense."""

from __future__ import annotations

import gzip
import json
import os
import signal
import time
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Child, Launcher
from testkit.nginx import running_nginx
from testkit.places import Place, blanked, problems
from testkit.rawserver import RawServer, Sent, head, raw_server
from testkit.serving import Reply, Visit, json_reply, serving

from .relaying import relaying, through
from .running import TIMEOUT, Done, Run, launched

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=20")
KEXP = ("crawl", "kexp", "-a", "limit=40")
QUICK = {"API_RETRIES": "1", "API_BACKOFF_SECONDS": "0.01"}
# nginx packs what it relays, in chunks, and closes the connection after each answer.
PACKING = """
gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any; keepalive_timeout 0;
location / {{
  proxy_pass http://127.0.0.1:{port}; proxy_set_header Host $http_host;
  proxy_set_header Accept-Encoding identity;
}}
"""


def test_a_packing_server_gives_the_same_release(
    sandbox: Sandbox, launcher: Launcher, tmp_path: Path
) -> None:
    """Both spiders, enrichment and KEXP, by an nginx that is none of ours."""
    commands = (
        SEARCH,
        ("crawl", "spotify_playlist", "-a", "max_seeds=1", "-a", "top_playlists=1"),
        KEXP,
    )
    plain, packed = Place(tmp_path / "plain"), Place(tmp_path / "packed")
    with running_nginx(tmp_path / "nginx", PACKING.format(port=sandbox.port)) as url:
        elsewhere = {
            name: value.replace(sandbox.root, url) if sandbox.root in value else value
            for name, value in sandbox.env.items()
        }
        for place, env in ((plain, {}), (packed, elsewhere)):
            for argv in commands:
                done = launched(launcher, *argv, env=place.env(sandbox, **env))
                assert done.code == 0, done.text
    assert blanked(packed.latest) == blanked(plain.latest)
    plays = "SELECT artist, title, airdate FROM external_play ORDER BY source_play_id"
    assert packed.query(plays) == plain.query(plays)


#: After a stop; the trickle itself would take half an hour.
MOST_SECONDS = 20
DRIP = Sent(head("Content-Length: 4000") + b"{" + b" " * 4000, drip=0.5)


def stopped(server: RawServer, calls: int, child: Child) -> Done:
    """How a command ends that is told to stop once it has made so many calls."""
    end = time.monotonic() + TIMEOUT
    while server.asked.total() < calls:
        assert time.monotonic() < end, child.stderr
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGTERM)
    before = time.monotonic()
    code = child.wait()
    assert time.monotonic() - before < MOST_SECONDS
    assert server.asked.total() == calls
    return Done(code, child.stdout, child.stderr)


def test_a_token_that_trickles_does_not_outlive_a_stop(
    place: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    with raw_server({"/api/token": DRIP}) as accounts:
        env = place.env(sandbox, SPOTIFY_ACCOUNTS_BASE_URL=accounts.url)
        done = stopped(accounts, 1, launcher.start(*SEARCH, env=env))
    assert done.code == 75, done.text
    assert "Traceback" not in done.text


def test_an_api_that_trickles_does_not_outlive_a_stop(
    place: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    with raw_server({"/v1/search": DRIP}) as api:
        env = place.env(sandbox, SPOTIFY_API_BASE_URL=f"{api.url}/v1")
        argv = (*SEARCH, "-s", "SPOTIFY_PROFILE=extended")
        # The first page is asked alone: a second call would be its repetition after 30 seconds.
        done = stopped(api, 1, launcher.start(*argv, env=env))
    assert done.code == 75, done.text
    assert "Traceback" not in done.text
    assert place.column("SELECT DISTINCT state FROM page") == ["open"]


def huge() -> bytes:
    """Much in little: made when asked for, for it takes most of a second."""
    return gzip.compress(b" " * (100 << 20), 1)


ANSWERS: dict[str, tuple[int, object, int]] = {
    "lifetime an object": (200, {"access_token": "t", "expires_in": {}}, 75),
    "lifetime negative": (200, {"access_token": "t", "expires_in": -1}, 75),
    "error an object": (200, {"error": {}}, 75),
    "error an object, refused": (400, {"error": {}}, 75),
    "half a pair": (200, {"access_token": "\ud800"}, 75),
    "two headers": (200, {"access_token": "t\r\nX: y"}, 75),
    "deep": (200, b'{"access_token":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 75),
    "a page": (200, b"<html>Sign in</html>", 75),
    "huge": (200, huge, 75),
    "refused": (400, {"error": "invalid_client"}, 2),
    "withdrawn": (400, {"error": "invalid_grant"}, 2),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_the_accounts_service_says(name: str, place: Place, run: Run) -> None:
    status, body, code = ANSWERS[name]
    body = body() if callable(body) else body
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Encoding": "gzip"} if content.startswith(b"\x1f\x8b") else {}
    with serving(Reply(status, content, headers)) as accounts:
        done = run(place, *SEARCH, code=code, SPOTIFY_ACCOUNTS_BASE_URL=accounts.url)
    assert "oken" in done.err or "key" in done.err
    assert "fault of this program" not in done.err
    assert place.column("SELECT result FROM run") == [{75: "paused", 2: "failed"}[code]]
    assert not place.latest.exists()


def test_a_page_whose_fresh_token_is_refused_waits(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    asked: list[str] = []

    def refuse(visit: Visit) -> Reply | None:
        asked.extend([visit.path] if visit.path.endswith("/api/token") else [])
        # The regime's probe and the first searches are answered.
        if "offset=20" in visit.target and "search" in visit.path:
            return json_reply({"error": {"status": 401, "message": "The token expired"}}, 401)
        return None

    seeds = ("-a", "max_seeds=4", "-a", "max_results=40")
    with relaying(sandbox, refuse) as relay:
        done = run(place, *SEARCH[:2], *seeds, code=75, **through(relay), **QUICK)
    assert "Spotify answered 401" in done.err
    assert len(asked) <= 3
    assert place.column("SELECT count(*) FROM page WHERE state = 'open'") != [0]
    run(place, *SEARCH[:2], *seeds)
    assert problems(place) == []


@pytest.mark.parametrize("value", ["1000000000000", "1e300", "Sat, 01 Jan 10000 00:00:00 GMT"])
def test_no_refusal_shuts_a_key_out_for_years(
    value: str, place: Place, sandbox: Sandbox, run: Run
) -> None:
    def refuse(visit: Visit) -> Reply | None:
        return (
            Reply(429, b"Too many requests", {"Retry-After": value})
            if ("/v1/" in visit.path)
            else None
        )

    with relaying(sandbox, refuse) as relay:
        run(place, *SEARCH, code=75, **through(relay))
    (until,) = place.column("SELECT blocked_until FROM api_block WHERE account = 'spotify'")
    assert abs(until - time.time() - 30 * 86_400) < 600
    for argv in (SEARCH, ("status",), ("doctor",)):
        run(place, *argv, code=0 if argv == ("status",) else 75)
    run(place, "status", "--lift", "spotify")
    run(place, *SEARCH)


def test_a_cache_of_scrapys_keeps_no_credential(place: Place, sandbox: Sandbox, run: Run) -> None:
    """Nor does a queue on the disk, in which a call with a new token may wait."""
    sandbox.configure(token_lifetime=3600)
    jobs, cache = place.root / "jobs", place.root / "httpcache"
    options = ("-s", "HTTPCACHE_ENABLED=1", "-s", f"HTTPCACHE_DIR={cache}", "-s", f"JOBDIR={jobs}")
    tokens: list[str] = []

    def listen(visit: Visit) -> Reply | None:
        tokens.append(visit.authorization.partition(" ")[2])
        return None

    key = "k3y-of-reccobeats"
    with relaying(sandbox, listen) as relay:
        env = through(relay) | {"RECCOBEATS_API_KEY": key}
        run(place, *SEARCH, *options, **env)
    secrets = {token.encode() for token in tokens if token}
    assert key.encode() in secrets
    assert len(secrets) >= 3
    files = [path for path in place.root.rglob("*") if path.is_file()]
    assert any(path.is_relative_to(cache) for path in files)
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        assert not any(secret in content for secret in secrets), path


def test_loopback_calls_pass_no_proxy(place: Place, sandbox: Sandbox, run: Run) -> None:
    with serving(json_reply({})) as proxy:
        names = ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY")
        env = dict.fromkeys(names, proxy.url) | {"no_proxy": "", "NO_PROXY": ""}
        run(place, *SEARCH, **env)
        run(place, "doctor", **env)
    assert proxy.seen == []
