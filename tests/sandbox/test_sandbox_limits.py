"""Rate windows, quotas, injected faults, and what the statistics say of them."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import time
from collections import Counter
from email.utils import parsedate_to_datetime

import pytest

from runclub_sandbox.faults import FaultDraw
from runclub_sandbox.options import SandboxOptions
from testkit.sandboxes import Sandboxes

from .asking import Client


def ask_often(client: Client, times: int, q: str = "rock") -> list[int]:
    return [client.get("search", q=q, type="track", limit=1).status for _ in range(times)]


def test_rate_window(client: Client) -> None:
    client.bearer("app")
    client.sandbox.configure(rate_limit=3, rate_window=2.2)
    assert ask_often(client, 3) == [200] * 3
    refused = client.get("search", q="rock", type="track")
    assert refused.status == 429
    assert refused.json == {"error": {"status": 429, "message": "API rate limit exceeded"}}
    wait = int(refused.headers["Retry-After"])
    assert 1 <= wait <= 3
    time.sleep(0.1)
    assert ask_often(client, 1) == [429]
    assert client.sandbox.stats()["apis"]["spotify"]["inside_window"] == 1
    time.sleep(wait)
    assert ask_often(client, 1) == [200]
    assert client.sandbox.stats()["apis"]["spotify"]["inside_window"] == 1


def test_retry_after_forms(client: Client) -> None:
    client.bearer("app")
    client.sandbox.configure(rate_limit=1, rate_window=20, retry_after_form="date")
    ask_often(client, 1)
    header = client.get("search", q="rock", type="track").headers["Retry-After"]
    assert 15 < parsedate_to_datetime(header).timestamp() - time.time() < 22
    client.sandbox.configure(retry_after_form="none")
    answer = client.get("search", q="rock", type="track")
    assert answer.status == 429
    assert "Retry-After" not in answer.headers
    # the next test must not find the window shut
    client.sandbox.configure(reset_limits=True)


def test_quota(client: Client) -> None:
    client.bearer("app")
    one = client.search("rock", limit=1)["items"][0]["id"]
    client.sandbox.configure(reset_limits=True, daily_quota={"search": 2}, day_seconds=60)
    assert ask_often(client, 3) == [200, 200, 429]
    refused = client.get("search", q="rock", type="track")
    assert refused.json["error"]["reason"] == "QUOTA_EXCEEDED"
    assert 55 <= int(refused.headers["Retry-After"]) <= 60
    assert client.get(f"tracks/{one}").status == 200
    client.sandbox.configure(daily_quota=1, day_seconds=0.2)
    time.sleep(0.3)
    assert client.get(f"tracks/{one}").status == 200
    # Of the day that has just begun, however slow this machine is.
    client.sandbox.configure(day_seconds=60)
    assert client.get(f"tracks/{one}").status == 429
    client.sandbox.configure(reset_limits=True)


@pytest.mark.parametrize("kind", ["500", "502", "503", "504"])
def test_server_errors(client: Client, kind: str) -> None:
    client.bearer("app")
    client.sandbox.configure(faults={kind: 1.0})
    assert ask_often(client, 1) == [int(kind)]
    assert client.recco("audio-features", "ids=" + "0" * 22).status == int(kind)
    faults = client.sandbox.stats()["faults"]
    assert faults == {"spotify": {kind: 1}, "reccobeats": {kind: 1}}


def test_broken_answers(client: Client) -> None:
    client.bearer("app")
    client.sandbox.configure(faults={"spotify:truncated": 1.0})
    answer = client.get("search", q="rock", type="track")
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        _ = answer.json
    client.sandbox.configure(faults={"reset": 1.0})
    with pytest.raises((http.client.HTTPException, OSError)):
        client.get("search", q="rock", type="track")
    client.sandbox.configure(faults={"slow": 1.0}, slow_seconds=0.3)
    begun = time.monotonic()
    assert ask_often(client, 1) == [200]
    assert time.monotonic() - begun >= 0.3
    by_status = client.sandbox.stats()["apis"]["spotify"]["by_status"]
    assert by_status == {"200": 2, "reset": 1}


def test_expired_ends_the_token(client: Client) -> None:
    client.bearer("app")
    client.sandbox.configure(faults={"expired": 1.0})
    assert ask_often(client, 1) == [401]
    client.sandbox.configure(faults={})
    assert ask_often(client, 1) == [401]
    client.tokens.clear()
    assert ask_often(client, 1) == [200]


def test_injected_429_shuts_the_window(client: Client) -> None:
    client.bearer("app")
    client.sandbox.configure(faults={"429": 1.0}, fault_retry_after=2)
    assert client.get("search", q="rock", type="track").headers["Retry-After"] == "2"
    client.sandbox.configure(faults={})
    time.sleep(0.1)
    assert ask_often(client, 1) == [429]
    assert client.sandbox.stats()["apis"]["spotify"]["inside_window"] == 1
    time.sleep(2.1)
    assert ask_often(client, 1) == [200]


def test_accounts_fail_only_when_named(client: Client) -> None:
    client.sandbox.configure(faults={"500": 1.0})
    assert client.token(grant_type="client_credentials").status == 200
    client.sandbox.configure(faults={"accounts:503": 1.0})
    assert client.token(grant_type="client_credentials").status == 503


def test_faults_are_drawn_from_seed_and_counter() -> None:
    rates = {"500": 0.05, "429": 0.05, "truncated": 0.02}
    draws = [[FaultDraw(seed)] for seed in (1, 1, 2)]
    first, same, other = ([draw.draw("spotify", rates) for _ in range(4000)] for (draw,) in draws)
    assert first == same != other
    counts = Counter(first)
    assert counts["500"] == pytest.approx(200, abs=50)
    assert counts["truncated"] == pytest.approx(80, abs=35)


def test_statistics(client: Client) -> None:
    rows = client.search("rock", limit=3)["items"]
    client.search("rock", limit=3)
    client.search("rock", "playlist")
    artists = [row["artists"][0]["id"] for row in rows]
    distinct = list(dict.fromkeys(artists))
    client.get("artists", ids=",".join(distinct))
    client.get(f"artists/{distinct[0]}")
    ids = ",".join(row["id"] for row in rows)
    client.recco("audio-features", f"ids={ids}")
    client.recco("audio-features", f"ids={rows[0]['id']}")
    client.get("tracks/short")
    found = client.sandbox.stats()
    families = found["apis"]["spotify"]["families"]
    assert families["search_track"] == {"calls": 2, "by_status": {"200": 2}}
    assert families["search_playlist"]["calls"] == 1
    assert families["track"]["by_status"] == {"400": 1}
    assert found["repeats"]["artist"]["ids_asked"] == len(distinct) + 1
    assert found["repeats"]["artist"]["ids_distinct"] == len(distinct)
    assert found["repeats"]["artist"]["more_than_once"] == {distinct[0]: 2}
    assert found["repeats"]["recco_features"]["more_than_once"] == {rows[0]["id"]: 2}
    assert list(found["pages_repeated"].values()) == [2]
    assert "search" in next(iter(found["pages_repeated"]))
    assert found["batches"]["recco_features"] == {"calls": 2, "ids": 4, "sizes": {"1": 1, "3": 1}}
    assert found["batches"]["artist"]["calls"] == 1
    assert found["apis"]["accounts"]["families"]["token"]["calls"] == 1
    assert found["apis"]["spotify"]["max_parallel"] == 1
    client.sandbox.reset_stats()
    assert client.sandbox.stats()["apis"] == {}


def test_parallel_calls_are_seen(client: Client) -> None:
    client.bearer("app")
    client.sandbox.configure(latency_ms=500)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ask_often(client, 1), range(4)))
    assert client.sandbox.stats()["apis"]["spotify"]["max_parallel"] == 4


def test_each_client_has_limits_of_its_own(sandboxes: Sandboxes) -> None:
    options = SandboxOptions(clients=3, rate_limit=2, rate_window=60, daily_quota={"search": 1})
    with sandboxes.running(options) as sandbox:
        assert sandbox.env["SPOTIFY_CLIENT_ID"] == "sandbox-client"
        clients = [Client(sandbox, number=number) for number in (1, 2, 3)]
        assert [ask_often(one, 2) for one in clients] == [[200, 429]] * 3
        track = clients[0].sandbox.stats()["clients"]
        assert track == {
            name: {"calls": 2, "by_status": {"200": 1, "429": 1}}
            for name in ("sandbox-client", "sandbox-client-2", "sandbox-client-3")
        }
        # The window of the second is full, those of the others are not.
        sandbox.configure(reset_limits=True, daily_quota={})
        assert ask_often(clients[1], 3) == [200, 200, 429]
        assert [ask_often(one, 1) for one in (clients[0], clients[2])] == [[200], [200]]
        assert sandbox.stats()["apis"]["spotify"]["inside_window"] == 0
        # A client that is not there, and another's secret or refresh token.
        assert Client(sandbox, number=4).token(grant_type="client_credentials").status == 400
        refresh = {"grant_type": "refresh_token", "refresh_token": "sandbox-refresh"}
        assert [one.token(**refresh).status for one in clients] == [200, 400, 400]
        own = refresh | {"refresh_token": "sandbox-refresh-3"}
        assert [one.token(**own).status for one in clients] == [400, 400, 200]
