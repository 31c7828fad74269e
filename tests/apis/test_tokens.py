"""Access tokens: recorded answers of the sandbox, a server that misbehaves, and no secret told."""

from __future__ import annotations

import base64
import json
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import parse_qs

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from runclub_sandbox.options import DEMO_CLIENT_SECRET, DEMO_REFRESH_TOKEN
from runclub_spider.apis.guard import LONGEST_BLOCK_SECONDS, UNNAMED_BLOCK_SECONDS
from runclub_spider.apis.spotify.token_answer import (
    GrantRefused,
    NoTokenGiven,
    read_token_answer,
)
from runclub_spider.apis.spotify.tokens import AccessToken, TokenClient
from runclub_spider.errors import ConfigurationError, RunclubError, RunPaused
from testkit.serving import Reply, Server, serving

from . import telling
from .playing import CASES, CASSETTES, GRANTS, REFRESH, client_on_cassette

ID, SECRET, REFRESH_TOKEN = "my-client", "s3cr3t-of-the-app", "r3fr3sh-of-the-user"
ISSUED = "t0k3n-just-issued"


@contextmanager
def playing(name: str) -> Iterator[tuple[TokenClient, list[requests.PreparedRequest]]]:
    """A client on a cassette, and the requests that it sends."""
    sessions: dict[str, requests.Session] = {}
    client, tape = client_on_cassette(sessions, name)
    sent: list[requests.PreparedRequest] = []
    session = sessions[name]
    send = session.send

    def sending(request: requests.PreparedRequest, **arguments: object) -> requests.Response:
        sent.append(request)
        return send(request, **arguments)

    session.send = sending  # type: ignore[method-assign]
    with tape:
        yield client, sent


def form(request: requests.PreparedRequest) -> dict[str, list[str]]:
    body = request.body or b""
    return parse_qs(body.decode() if isinstance(body, bytes) else body)


def test_client_credentials() -> None:
    with playing("client_credentials") as (client, sent):
        token = client.fetch()
    assert token.value.startswith("REDACTED-ACCESS-TOKEN-")
    assert token.renew_at == 1_000_000 + 3600 - 60
    (request,) = sent
    assert form(request)["grant_type"] == ["client_credentials"]
    scheme, _, value = str(request.headers["Authorization"]).partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(value) == b"sandbox-client:REDACTED-SECRET"
    assert client.refresh_token is None


def test_refresh_without_rotation() -> None:
    with playing("refresh") as (client, sent):
        assert client.fetch().value.startswith("REDACTED-ACCESS-TOKEN-")
    (request,) = sent
    assert form(request)["grant_type"] == ["refresh_token"]
    assert form(request)["refresh_token"] == [REFRESH]
    assert client.refresh_token == REFRESH


def test_refresh_with_rotation() -> None:
    with playing("refresh_rotated") as (client, sent):
        first = client.fetch()
        rotated = client.refresh_token
        second = client.fetch()
    assert first.value != second.value
    assert rotated not in {None, REFRESH}
    assert form(sent[1])["refresh_token"] == [rotated]
    assert client.refresh_token not in {None, REFRESH, rotated}


@pytest.mark.parametrize(
    ("name", "cure"),
    [("invalid_client", "SPOTIFY_CLIENT_SECRET"), ("invalid_grant", "scrapy auth")],
)
def test_a_refused_key_or_grant_is_told_with_its_cure(name: str, cure: str) -> None:
    with playing(name) as (client, sent), pytest.raises(ConfigurationError, match=cure):
        client.fetch()
    assert len(sent) == 1


def test_cassettes_hold_no_secret() -> None:
    paths = sorted(CASSETTES.glob("*.json"))
    assert {path.stem for path in paths} == CASES.keys() | GRANTS.keys()
    basic = base64.b64encode(f"sandbox-client:{DEMO_CLIENT_SECRET}".encode()).decode()
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for secret in (DEMO_CLIENT_SECRET, DEMO_REFRESH_TOKEN, basic):
            assert secret not in text
        for interaction in json.loads(text)["http_interactions"]:
            headers = interaction["request"]["headers"]
            assert headers.get("Authorization", ["Basic REDACTED"]) == ["Basic REDACTED"]
            answer = json.loads(interaction["response"]["body"]["string"])
            for name in ("access_token", "refresh_token"):
                assert answer.get(name, "REDACTED-").startswith("REDACTED-")


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that have one answer."""
    with ExitStack() as stack:

        def start(status: int = 200, body: object = b"", **headers: str) -> Server:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return stack.enter_context(serving(Reply(status, content, headers)))

        yield start


def client_of(base_url: str, refresh: str | None = None) -> TokenClient:
    return TokenClient(base_url, ID, SECRET, refresh, pause=lambda _seconds: None)


def assert_nothing_told(error: BaseException) -> None:
    basic = base64.b64encode(f"{ID}:{SECRET}".encode()).decode()
    telling.assert_nothing_told(error, SECRET, REFRESH_TOKEN, ISSUED, basic)


def test_a_good_answer(serve: Serve) -> None:
    server = serve(body={"access_token": ISSUED, "token_type": "Bearer", "expires_in": 60})
    token = TokenClient(server.url, ID, SECRET, clock=lambda: 100.0).fetch()
    # a quarter of a short life is margin enough
    assert token == AccessToken(ISSUED, 100.0 + 60 - 15)
    assert server.seen[0].path == "/api/token"
    assert (
        base64.b64decode(server.seen[0].authorization.removeprefix("Basic "))
        == f"{ID}:{SECRET}".encode()
    )
    assert SECRET not in server.seen[0].body
    assert ISSUED not in repr(token)
    assert ISSUED not in f"{token}"


def test_without_a_secret_the_id_goes_in_the_form(serve: Serve) -> None:
    server = serve(body={"access_token": ISSUED, "expires_in": 3600})
    TokenClient(server.url, ID, None, REFRESH_TOKEN).fetch()
    (visit,) = server.seen
    assert visit.authorization == ""
    assert parse_qs(visit.body)["client_id"] == [ID]


@pytest.mark.parametrize("refresh", [None, REFRESH_TOKEN])
def test_an_unreachable_host_is_named(refresh: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(RunPaused, match=f"127.0.0.1:{port}") as caught:
        client_of(f"http://127.0.0.1:{port}", refresh).fetch()
    assert "SPOTIFY_ACCOUNTS_BASE_URL" in str(caught.value)
    assert_nothing_told(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("refresh", [None, REFRESH_TOKEN])
def test_a_redirect_is_not_followed(serve: Serve, status: int, refresh: str | None) -> None:
    thief = serve(body={"access_token": ISSUED, "expires_in": 3600})
    server = serve(status, Location=f"{thief.url}/api/token")
    with pytest.raises(RunclubError) as caught:
        client_of(server.url, refresh).fetch()
    assert thief.seen == []
    assert server.seen
    assert_nothing_told(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"upstream connect error",
        b"<html>" + ISSUED.encode(),
        b"[]",
        b'"text"',
        b"null",
        {},
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": ISSUED, "expires_in": "soon"},
    ],
    ids=str,
)
@pytest.mark.parametrize("refresh", [None, REFRESH_TOKEN])
def test_an_answer_without_a_usable_token_pauses(
    serve: Serve, body: object, refresh: str | None
) -> None:
    server = serve(body=body)
    with pytest.raises(RunPaused) as caught:
        client_of(server.url, refresh).fetch()
    assert len(server.seen) == 3
    assert_nothing_told(caught.value)


def nested(depth: int) -> bytes:
    return b'{"access_token":' + b"[" * depth + b"]" * depth + b"}"


GIVEN = {"access_token": ISSUED, "token_type": "Bearer"}


@pytest.mark.parametrize(
    "body",
    [
        GIVEN | {"expires_in": {}},
        GIVEN | {"expires_in": []},
        GIVEN | {"expires_in": True},
        GIVEN | {"expires_in": -5},
        GIVEN | {"expires_in": 0},
        GIVEN | {"expires_in": math.nan},
        GIVEN | {"expires_in": "nan"},
        GIVEN | {"expires_in": 10**400},
        GIVEN | {"error": {}},
        GIVEN | {"error": None},
        GIVEN | {"error": 5},
        {"error": "server_error"},
        {"access_token": "\ud800"},
        {"access_token": "to\r\nken: x"},
        {"access_token": "tökén"},
        {"access_token": "to ken"},
        {"access_token": "x" * 10_000},
        nested(900),
        nested(100_000),
        b"<html>" * 9,
        b"\xff\xfe",
        b"{" * 100_000,
    ],
    ids=lambda body: str(body)[:60],
)
@pytest.mark.parametrize("refresh", [None, REFRESH_TOKEN])
def test_an_answer_of_any_other_shape_pauses(
    serve: Serve, body: object, refresh: str | None
) -> None:
    server = serve(body=body)
    with pytest.raises(RunPaused) as caught:
        client_of(server.url, refresh).fetch()
    assert len(server.seen) == 3
    assert "\n" not in str(caught.value)
    assert_nothing_told(caught.value)


@pytest.mark.parametrize(
    ("told", "lifetime"),
    [("3600", 3600), (7200, 7200), (1e300, 86_400), (2**70, 86_400), ("1e9", 86_400), (59.5, 59.5)],
)
def test_a_lifetime_of_any_size(serve: Serve, told: object, lifetime: float) -> None:
    server = serve(body=GIVEN | {"expires_in": told})
    token = TokenClient(server.url, ID, SECRET, clock=lambda: 100.0).fetch()
    assert token.renew_at == 100 + lifetime - min(60, lifetime / 4)


@pytest.mark.parametrize("new", [7, {}, "", "n\r\new", "\ud800", None, ["x"]])
def test_a_refresh_token_that_none_is_does_not_replace_a_good_one(
    serve: Serve, new: object
) -> None:
    kept: list[str] = []
    body = json.dumps(GIVEN | {"refresh_token": new}).encode()
    server = serve(body=body)
    client = TokenClient(
        server.url,
        ID,
        SECRET,
        REFRESH_TOKEN,
        rotated=lambda _, found: kept.append(found),
        pause=lambda _: None,
    )
    if b"ud800" in body:
        with pytest.raises(RunPaused):
            client.fetch()
    else:
        assert client.fetch().value == ISSUED
    assert (kept, client.refresh_token) == ([], REFRESH_TOKEN)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
named = st.dictionaries(
    st.sampled_from(["access_token", "expires_in", "error", "refresh_token", "token_type"]),
    json_values | st.just("abc") | st.just("3600"),
)


@given(st.integers(200, 599), (named | json_values).map(json.dumps).map(str.encode) | st.binary())
def test_whatever_is_said_is_a_token_a_refusal_or_nothing(status: int, body: bytes) -> None:
    try:
        answer = read_token_answer(status, body)
    except (GrantRefused, NoTokenGiven):
        return
    assert status < 400
    assert 0 < answer.lifetime <= 86_400
    for value in (answer.access_token, answer.refresh_token or "none"):
        assert value.isascii()
        assert value.isprintable()


@pytest.mark.parametrize("refresh", [None, REFRESH_TOKEN])
def test_a_lifetime_of_null_counts_as_not_told(serve: Serve, refresh: str | None) -> None:
    server = serve(body={"access_token": ISSUED, "expires_in": None})
    assert client_of(server.url, refresh).fetch().value == ISSUED


@pytest.mark.parametrize(
    ("status", "body", "error", "asked"),
    [
        (500, b"oops", RunPaused, 3),
        (503, b"upstream connect error", RunPaused, 3),
        (404, b"Not found", ConfigurationError, 1),
        (403, b"<html>", ConfigurationError, 1),
        (400, {"error": "invalid_client"}, ConfigurationError, 1),
        (400, {"error": "invalid_grant", "error_description": "gone"}, ConfigurationError, 1),
        (400, {"error": "unsupported_grant_type"}, ConfigurationError, 1),
    ],
)
def test_statuses(
    serve: Serve, status: int, body: object, error: type[RunclubError], asked: int
) -> None:
    server = serve(status, body)
    with pytest.raises(error) as caught:
        client_of(server.url, REFRESH_TOKEN).fetch()
    assert type(caught.value) is error
    assert len(server.seen) == asked
    assert "\n" not in str(caught.value)
    assert_nothing_told(caught.value)


class Clock:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.waits: list[float] = []

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.mark.parametrize("refresh", [None, REFRESH_TOKEN])
def test_a_short_refusal_is_waited_out_whole(serve: Serve, refresh: str | None) -> None:
    server, clock = serve(429, b"Too many requests", **{"Retry-After": "7"}), Clock()
    client = TokenClient(
        server.url, ID, SECRET, refresh, clock=lambda: clock.now, pause=clock.pause, max_wait=60
    )
    with pytest.raises(RunPaused) as caught:
        client.fetch()
    assert len(server.seen) == 3
    assert clock.waits == [7, 7]
    assert_nothing_told(caught.value)


@pytest.mark.parametrize(
    ("headers", "wait"), [({"Retry-After": "86400"}, 86_400), ({}, UNNAMED_BLOCK_SECONDS)]
)
@pytest.mark.parametrize("refresh", [None, REFRESH_TOKEN])
def test_a_long_refusal_pauses_until_its_end(
    serve: Serve, headers: dict[str, str], wait: float, refresh: str | None
) -> None:
    server, clock = serve(429, b"Too many requests", **headers), Clock()
    client = TokenClient(
        server.url,
        ID,
        SECRET,
        refresh,
        clock=lambda: clock.now - 999_000,
        wall=lambda: clock.now,
        pause=clock.pause,
    )
    for _ in range(2):
        with pytest.raises(RunPaused, match="until 1970") as caught:
            client.fetch()
        assert caught.value.until == clock.now + wait
    # Nothing is sent inside the window, nor by a client that was told of it.
    assert len(server.seen) == 1
    later = TokenClient(
        server.url, ID, SECRET, refresh, closed_until=clock.now + wait, wall=lambda: clock.now
    )
    with pytest.raises(RunPaused):
        later.fetch()
    assert len(server.seen) == 1
    assert clock.waits == []


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_server_that_echoes_the_request_gives_nothing_away(serve: Serve, status: int) -> None:
    echo = {"error": f"{SECRET} {REFRESH_TOKEN}", "error_description": f"{SECRET} {ISSUED}"}
    server = serve(status, echo)
    with pytest.raises(RunclubError) as caught:
        client_of(server.url, REFRESH_TOKEN).fetch()
    assert_nothing_told(caught.value)


def test_the_client_does_not_tell_its_secrets() -> None:
    told = repr(client_of("http://127.0.0.1:1", REFRESH_TOKEN))
    assert SECRET not in told
    assert REFRESH_TOKEN not in told


@pytest.mark.parametrize("wound", [-3600.0, 3600.0])
def test_a_clock_that_is_set_changes_no_wait(serve: Serve, wound: float) -> None:
    server, clock = serve(429, b"", **{"Retry-After": "7"}), Clock()
    walls = iter([clock.now])
    client = TokenClient(
        server.url,
        ID,
        SECRET,
        clock=lambda: clock.now,
        wall=lambda: next(walls, clock.now + wound),
        pause=clock.pause,
    )
    with pytest.raises(RunPaused):
        client.fetch()
    assert clock.waits == [7, 7]


@pytest.mark.parametrize("value", ["1000000000000", "1e300", "Sat, 01 Jan 10000 00:00:00 GMT"])
def test_no_refusal_is_believed_for_longer_than_thirty_days(serve: Serve, value: str) -> None:
    server, clock = serve(429, b"", **{"Retry-After": value}), Clock()
    client = TokenClient(server.url, ID, SECRET, wall=lambda: clock.now)
    with pytest.raises(RunPaused) as caught:
        client.fetch()
    assert caught.value.until is not None
    assert abs(caught.value.until - clock.now - LONGEST_BLOCK_SECONDS) < 60
    old = TokenClient(server.url, ID, SECRET, closed_until=1e300, wall=lambda: clock.now)
    with pytest.raises(RunPaused) as caught:
        old.fetch()
    assert caught.value.until is not None
    assert caught.value.until <= clock.now + LONGEST_BLOCK_SECONDS + 1
