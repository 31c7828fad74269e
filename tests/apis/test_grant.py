"""The consent: PKCE and `state`, the listener on loopback, and no secret told."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.apis.spotify import grant
from runclub_spider.apis.spotify.grant import (
    App,
    Consent,
    check_redirect,
    redirect_target,
    wait_for_answer,
)
from runclub_spider.errors import ConfigurationError, RunclubError, RunPaused
from testkit.serving import Reply, Server, json_reply, serving

from .playing import CASSETTES, CODE, GRANTS, REDIRECT, STATE, VERIFIER, consent_on_cassette
from .telling import assert_nothing_told

SECRET, USERS_CODE = "s3cr3t-of-the-app", "c0de-of-the-user"
APP = App("https://accounts.spotify.com", "my-client", SECRET)
ANSWER = f"{REDIRECT}?code={CODE}&state={STATE}"


def asked_for(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


# --- the address to open


def test_the_address_asks_for_a_code_with_pkce_and_the_least_scopes() -> None:
    consent = Consent(APP, REDIRECT)
    assert consent.url.startswith("https://accounts.spotify.com/authorize?")
    asked = asked_for(consent.url)
    challenge, state = asked.pop("code_challenge"), asked.pop("state")
    assert asked == {
        "response_type": "code",
        "client_id": "my-client",
        "redirect_uri": REDIRECT,
        "code_challenge_method": "S256",
        "scope": "playlist-read-private playlist-read-collaborative",
    }
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", consent._verifier)
    digest = hashlib.sha256(consent._verifier.encode()).digest()
    assert challenge == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert len(state) >= 22
    assert "s3cr3t" not in consent.url
    assert consent._verifier not in consent.url


def test_every_attempt_draws_anew() -> None:
    urls = [asked_for(Consent(APP, REDIRECT).url) for _ in range(20)]
    assert len({asked["state"] for asked in urls}) == 20
    assert len({asked["code_challenge"] for asked in urls}) == 20


# --- the address that comes back


def refused(consent: Consent, answer: str, cause: str) -> None:
    """The answer is refused before anything is sent."""

    def send(*_: Any, **__: Any) -> requests.Response:
        raise AssertionError("a request was sent")

    consent._session.send = send
    with pytest.raises(ConfigurationError, match=cause) as caught:
        consent.finish(answer)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "state", ["", "&state=", "&state=other", "&state={state}x", "&state=%C3%A4", "&State={state}"]
)
@pytest.mark.parametrize("outcome", ["code=abc", "error=access_denied"])
def test_a_wrong_state_is_refused_whatever_it_brings(outcome: str, state: str) -> None:
    consent = Consent(APP, REDIRECT)
    known = asked_for(consent.url)["state"]
    refused(consent, f"{REDIRECT}?{outcome}{state.format(state=known)}", "state differs")


@given(st.text())
def test_any_text_that_is_pasted_is_refused_in_one_line(text: str) -> None:
    refused(Consent(APP, REDIRECT), text, "state differs|no address")


def test_the_users_refusal_is_told() -> None:
    consent = Consent(APP, REDIRECT)
    state = asked_for(consent.url)["state"]
    refused(consent, f"{REDIRECT}?error=access_denied&state={state}", "consent was not given")


def test_an_answer_without_a_code_is_refused() -> None:
    consent = Consent(APP, REDIRECT)
    refused(consent, f"{REDIRECT}?state={asked_for(consent.url)['state']}", "no code")


# --- the exchange, recorded


@pytest.mark.parametrize(
    "name", [name for name, wrong in GRANTS.items() if wrong in {None, "no secret"}]
)
def test_a_code_brings_a_refresh_token(name: str) -> None:
    consent, tape = consent_on_cassette(name)
    with tape:
        assert consent.finish(ANSWER).startswith("REDACTED-REFRESH-TOKEN-")
    # What was sent is what is on the tape, or it would not have been answered.
    (one,) = json.loads((CASSETTES / f"{name}.json").read_bytes())["http_interactions"]
    sent = parse_qs(one["request"]["body"]["string"])
    assert (sent["code"], sent["code_verifier"], sent["redirect_uri"]) == (
        [CODE],
        [VERIFIER],
        [REDIRECT],
    )
    # With a secret the app proves itself in the header, else PKCE alone does.
    secret = "Authorization" in one["request"]["headers"]
    assert secret is (name == "code")
    assert ("client_id" in sent) is not secret
    assert "client_secret" not in sent


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("code_wrong_secret", "SPOTIFY_CLIENT_SECRET"),
        ("code_wrong_verifier", "scrapy auth"),
        ("code_spent", "scrapy auth"),
    ],
)
def test_a_refused_exchange_is_told_with_its_cure(name: str, cure: str) -> None:
    consent, tape = consent_on_cassette(name)
    with tape, pytest.raises(ConfigurationError, match=cure):
        consent.finish(ANSWER)


# --- an accounts service that misbehaves


@contextmanager
def answered(reply: Reply) -> Iterator[tuple[Server, Callable[[], str]]]:
    """A server with one answer, and the attempt to exchange a code there."""
    with serving(reply) as server:
        consent = Consent(App(server.url, "my-client", SECRET), REDIRECT)
        state = asked_for(consent.url)["state"]
        yield server, lambda: consent.finish(f"{REDIRECT}?code={USERS_CODE}&state={state}")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500, b"oops"), RunPaused),
        (Reply(503, b"upstream connect error"), RunPaused),
        (Reply(429, b"Too many requests"), RunPaused),
        (Reply(200, b""), RunPaused),
        (Reply(200, b"<html>"), RunPaused),
        (json_reply(None), RunPaused),
        (json_reply([]), RunPaused),
        (json_reply("text"), RunPaused),
        (json_reply({}), RunPaused),
        (json_reply({"access_token": "a"}), RunPaused),
        (json_reply({"access_token": "a", "refresh_token": 7}), RunPaused),
        (json_reply({"access_token": "a", "refresh_token": ""}), RunPaused),
        (json_reply({"error": "invalid_grant"}, 400), ConfigurationError),
        (json_reply({"error": "invalid_client"}, 400), ConfigurationError),
        (json_reply({"error": f"{SECRET} {USERS_CODE}"}, 400), ConfigurationError),
    ],
)
def test_what_is_no_token_is_told_in_our_own_words(reply: Reply, error: type[RunclubError]) -> None:
    with answered(reply) as (server, finish), pytest.raises(error) as caught:
        finish()
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert len(server.seen) == 1
    assert_nothing_told(caught.value, SECRET, USERS_CODE)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_the_exchange_is_not_followed(status: int) -> None:
    with serving(json_reply({"refresh_token": "stolen"})) as thief:
        reply = Reply(status, b"", {"Location": f"{thief.url}/api/token"})
        with answered(reply) as (server, finish), pytest.raises(RunPaused) as caught:
            finish()
    assert thief.seen == []
    assert server.seen
    assert_nothing_told(caught.value, SECRET, USERS_CODE)


def test_an_unreachable_service_is_a_pause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    consent = Consent(App(f"http://127.0.0.1:{port}", "id", "s3cr3t"), REDIRECT)
    state = asked_for(consent.url)["state"]
    with pytest.raises(RunPaused):
        consent.finish(f"{REDIRECT}?code=c&state={state}")


# --- where the browser comes back to


@pytest.mark.parametrize(
    ("uri", "host", "port", "path"),
    [
        (None, "127.0.0.1", 0, "/callback"),
        ("http://127.0.0.1:8888/callback", "127.0.0.1", 8888, "/callback"),
        ("http://127.0.0.1/callback", "127.0.0.1", 0, "/callback"),
        ("http://127.0.0.1:8888", "127.0.0.1", 8888, "/"),
        ("http://127.0.0.2:8888/a/b", "127.0.0.2", 8888, "/a/b"),
        ("http://[::1]:8888/callback", "::1", 8888, "/callback"),
    ],
)
def test_where_is_listened(uri: str | None, host: str, port: int, path: str) -> None:
    target = redirect_target(uri)
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (None, "http://127.0.0.1:4711/callback"),
        ("http://127.0.0.1/callback", "http://127.0.0.1:4711/callback"),
        ("http://127.0.0.1/callback?from=app", "http://127.0.0.1:4711/callback?from=app"),
        ("http://[::1]/callback", "http://[::1]:4711/callback"),
        # Spotify compares letter for letter.
        ("http://127.0.0.1:8888", "http://127.0.0.1:8888"),
        ("http://127.0.0.1:8888/", "http://127.0.0.1:8888/"),
        ("http://[::1]:8888/callback", "http://[::1]:8888/callback"),
    ],
)
def test_what_spotify_is_told(uri: str | None, told: str) -> None:
    assert redirect_target(uri).redirect_uri(4711) == told


NO_REDIRECT = [
    "http://localhost:8888/callback",
    "http://LOCALHOST:8888/callback",
    "http://192.168.0.7:8888/callback",
    "http://127.0.0.1.example.com/callback",
    "http://example.com/callback",
    "http://127.0.0.1:99999/callback",
    "http://127.0.0.1:port/callback",
    "http://127.0.0.1:0/callback",
    "http://127.0.0.1:8888/callback#here",
    "http://[::1/callback",
    "127.0.0.1:8888",
    "ftp://127.0.0.1/callback",
    "http:///callback",
    "callback",
]


@pytest.mark.parametrize("uri", NO_REDIRECT)
@pytest.mark.parametrize("check", [check_redirect, redirect_target])
def test_what_spotify_refuses_is_refused(uri: str, check: Callable[[str], object]) -> None:
    with pytest.raises(ConfigurationError, match="SPOTIFY_REDIRECT_URI") as caught:
        check(uri)
    assert "127.0.0.1:PORT" in str(caught.value)


def test_https_can_only_be_pasted() -> None:
    check_redirect("https://example.com/callback")
    with pytest.raises(ConfigurationError, match="--paste"):
        redirect_target("https://example.com/callback")


# --- the listener


def waited(
    visit: Callable[[str], None], configured: str | None = None, timeout: float = 5
) -> tuple[str, str]:
    """What came back, and the redirect URI, when a browser does `visit` with the latter."""
    told: list[str] = []

    def opened(url: str) -> None:
        told.append(asked_for(url)["redirect_uri"])
        threading.Thread(target=visit, args=(told[0],), daemon=True).start()

    with mock.patch.object(grant, "generate_token", lambda length: "s" if length == 32 else "v"):
        _, answer = wait_for_answer(lambda uri: Consent(APP, uri), configured, opened, timeout)
    return answer, told[0]


def get(url: str) -> requests.Response:
    return requests.get(url, timeout=5)


def consenting(uri: str) -> None:
    get(f"{uri}?code=c&state=s")


def test_a_visit_to_the_path_is_the_answer() -> None:
    pages: list[requests.Response] = []
    came, told = waited(lambda uri: pages.append(get(f"{uri}?code=c&state=s")))
    assert came == "/callback?code=c&state=s"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", told)


def test_other_visits_are_not_the_answer() -> None:
    statuses: list[int] = []

    def browse(uri: str) -> None:
        root = uri.removesuffix("/callback")
        others = ("/favicon.ico", "/", "/callback/../other")
        statuses.extend(get(root + path).status_code for path in others)
        # Not even read: another site may post here, a browser's redirect is a GET.
        statuses.append(requests.post(uri, data={"code": "x"}, timeout=5).status_code)
        get(f"{uri}?code=c&state=s")

    assert waited(browse)[0] == "/callback?code=c&state=s"
    assert statuses == [404, 404, 404, 501]


def test_what_anybody_may_send_there_does_not_end_the_wait() -> None:
    pages: list[requests.Response] = []

    def browse(uri: str) -> None:
        forged = [
            "",
            "?",
            "?code=c",
            "?code=c&state=t",
            "?state=%ff&code=c",
            "?error=access_denied",
        ]
        pages.extend(get(uri + query) for query in forged)
        get(f"{uri}?code=mine&state=s")

    assert waited(browse)[0] == "/callback?code=mine&state=s"
    assert {page.status_code for page in pages} == {400}
    assert all("waits on" in page.text for page in pages)


def test_a_visit_from_elsewhere_alone_ends_with_the_time() -> None:
    with pytest.raises(ConfigurationError, match="nobody consented"):
        waited(lambda uri: get(f"{uri}?code=c&state=t") and None, timeout=1)


def test_a_connection_on_which_nothing_is_said_holds_nobody_up() -> None:
    """Browsers open such ahead of time."""

    def browse(uri: str) -> None:
        parts = urlsplit(uri)
        with socket.create_connection((parts.hostname, parts.port)):
            get(f"{uri}?code=c&state=s")

    assert waited(browse)[0] == "/callback?code=c&state=s"


def test_a_browser_that_hangs_up_is_heard(capfd: pytest.CaptureFixture[str]) -> None:
    def browse(uri: str) -> None:
        parts = urlsplit(uri)
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            connection.sendall(b"GET /callback?code=c&state=s HTTP/1.1\r\nHost: x\r\n\r\n")

    assert waited(browse)[0] == "/callback?code=c&state=s"
    # The code is nobody's business, nor is a traceback.
    assert "".join(capfd.readouterr()) == ""


def test_the_page_says_where_to_go_on() -> None:
    pages: list[requests.Response] = []
    done = threading.Event()

    def browse(uri: str) -> None:
        pages.append(get(f"{uri}?code=c0de&state=s"))
        done.set()

    waited(browse)
    assert done.wait(5)
    assert "terminal" in pages[0].text
    assert "c0de" not in pages[0].text


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_the_configured_port_is_taken_to_the_letter() -> None:
    configured = f"http://127.0.0.1:{free_port()}"
    came, told = waited(consenting, configured)
    assert (came, told) == ("/?code=c&state=s", configured)


def test_a_loopback_address_of_version_6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    came, told = waited(consenting, "http://[::1]/callback")
    assert came == "/callback?code=c&state=s"
    assert re.fullmatch(r"http://\[::1\]:\d+/callback", told)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}.*SPOTIFY_REDIRECT_URI"):
            waited(lambda uri: None, f"http://127.0.0.1:{port}/callback")


def test_nobody_consents() -> None:
    with pytest.raises(ConfigurationError, match=r"nobody consented within 0 s.*--paste"):
        waited(lambda uri: None, timeout=0.3)
