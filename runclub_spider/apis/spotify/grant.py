"""The one-time consent of a user: Authorization Code with PKCE and `state`.

The redirect goes to the loopback literal 127.0.0.1, which Spotify takes with any port
(reference, 5). Blocking; a command runs it.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

from runclub_spider.apis.http import secured
from runclub_spider.apis.spotify.token_answer import (
    GrantRefused,
    NoTokenGiven,
    TokenAnswer,
    read_token_answer,
)
from runclub_spider.config import is_loopback
from runclub_spider.errors import ConfigurationError, RunPaused

# Reading the owner's own lists; searches and tracks need no scope at all.
SCOPES = "playlist-read-private playlist-read-collaborative"
_PATH = "/callback"


@dataclass(frozen=True, slots=True)
class App:
    """A Spotify app and the accounts service that knows it."""

    accounts_url: str
    client_id: str
    client_secret: str | None


class Consent:
    """One attempt: an address to open, and the token for the address it leads back to."""

    def __init__(self, app: App, redirect_uri: str) -> None:
        self._app = app
        self._verifier = generate_token(64)
        self._state = generate_token(32)
        self._answer: TokenAnswer | None = None
        self._session = secured(
            OAuth2Session(
                app.client_id,
                app.client_secret,
                scope=SCOPES,
                redirect_uri=redirect_uri,
                code_challenge_method="S256",
                token_endpoint_auth_method="client_secret_basic" if app.client_secret else "none",
            )
        )
        self._session.register_compliance_hook("access_token_response", self._read)
        self.url, _ = self._session.create_authorization_url(
            f"{app.accounts_url}/authorize", state=self._state, code_verifier=self._verifier
        )

    def finish(self, answer_url: str) -> str:
        """The refresh token for the address that the browser was sent back to.

        Raises:
            ConfigurationError: refused, not ours (wrong `state`), or the app is wrong.
            RunPaused: the accounts service cannot be reached.
        """
        try:
            given = _query(answer_url)
        except ValueError:
            raise ConfigurationError("that is no address; paste the whole address") from None
        if not self._is_ours(given):
            raise ConfigurationError(
                "the answer does not belong to this request (state differs); run `scrapy auth` "
                "again and use the newest address"
            )
        if "error" in given:
            raise ConfigurationError("consent was not given at Spotify; run `scrapy auth` again")
        if "code" not in given:
            raise ConfigurationError("the address holds no code; paste the whole address")
        return self._exchange(given["code"])

    def belongs(self, answer_url: str) -> bool:
        """Whether an address comes from this attempt; anybody may visit the one that waits."""
        try:
            return self._is_ours(_query(answer_url))
        except ValueError:
            return False

    def _is_ours(self, given: dict[str, str]) -> bool:
        return secrets.compare_digest(
            given.get("state", "").encode("utf-8", "replace"), self._state.encode()
        )

    def _exchange(self, code: str) -> str:
        problem = self._ask(code)
        # Outside of the handlers: the library's own error may hold what was sent.
        if problem is not None:
            raise problem
        if self._answer is None or self._answer.refresh_token is None:
            raise RunPaused("Spotify sent no refresh token; run `scrapy auth` again later")
        return self._answer.refresh_token

    def _ask(self, code: str) -> Exception | None:
        """Trade the code for tokens; what went wrong in our own words."""
        try:
            with self._session as session:
                session.fetch_token(
                    f"{self._app.accounts_url}/api/token",
                    code=code,
                    code_verifier=self._verifier,
                    grant_type="authorization_code",
                    timeout=15,
                )
        except GrantRefused as refusal:
            if refusal.code == "invalid_client":
                said = "Spotify refused the key: check SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET"
            else:
                said = (
                    "Spotify refused the code: it is old or used, or the redirect URI is not the "
                    "registered one; run `scrapy auth` again"
                )
            return ConfigurationError(said)
        except (requests.RequestException, NoTokenGiven, ValueError):
            return RunPaused(
                "Spotify's accounts service gave no token; run `scrapy auth` again later"
            )
        return None

    def _read(self, response: requests.Response) -> requests.Response:
        """Read the answer before the library does, which trusts what it holds."""
        if response.status_code == 429:
            raise NoTokenGiven("429")
        self._answer = read_token_answer(response.status_code, response.content)
        response._content = self._answer.plain()
        return response


def _query(address: str) -> dict[str, str]:
    query = parse_qs(urlsplit(address.strip()).query)
    return {name: values[0] for name, values in query.items()}


@dataclass(frozen=True, slots=True)
class Target:
    """Where to listen for the browser: host, port (0 = any free) and path."""

    host: str
    port: int
    path: str
    configured: str | None

    def redirect_uri(self, port: int) -> str:
        """What Spotify is told; letter for letter what was configured, if that has a port."""
        if self.configured and self.port:
            return self.configured
        shown = f"[{self.host}]" if ":" in self.host else self.host
        parts = urlsplit(self.configured or f"http://{shown}{self.path}")
        return parts._replace(netloc=f"{shown}:{port}").geturl()


def redirect_target(configured: str | None) -> Target:
    """Where a configured redirect URI can be listened for.

    Raises:
        ConfigurationError: not a loopback literal, which is all that Spotify takes over HTTP.
    """
    if not configured:
        return Target("127.0.0.1", 0, _PATH, None)
    check_redirect(configured)
    parts = urlsplit(configured)
    if parts.scheme != "http":
        raise ConfigurationError(
            f"SPOTIFY_REDIRECT_URI {configured!r} leads to another machine: "
            "use `scrapy auth --paste`, or http://127.0.0.1:PORT/path"
        )
    return Target(parts.hostname or "", parts.port or 0, parts.path or "/", configured)


def check_redirect(uri: str) -> None:
    """Refuse what Spotify refuses: anything but https:// and loopback literals over http://."""
    try:
        parts = urlsplit(uri)
        host, usable = parts.hostname or "", parts.port != 0 and not parts.fragment
    except ValueError:
        usable = False
    if usable and parts.scheme == "http":
        usable = host != "localhost" and is_loopback(host)
    if not usable or not host or parts.scheme not in {"http", "https"}:
        raise ConfigurationError(
            f"SPOTIFY_REDIRECT_URI {uri!r} is not http://127.0.0.1:PORT/path: Spotify takes "
            "https:// or a loopback literal (not localhost)"
        )


class _Visitor(BaseHTTPRequestHandler):
    """Takes the browser's visit.

    Neither other paths (a favicon) are the answer, nor what another page or program sends here.
    """

    server: _Listener
    # A browser may open a connection ahead of time and say nothing on it.
    timeout = 10

    def do_GET(self) -> None:
        here = urlsplit(self.path).path == self.server.path
        mine = here and self.server.belongs(self.path)
        if mine:
            status, text = 200, "Go on at the terminal. You may close this page."
        elif here:
            status, text = 400, "This is not the answer that `scrapy auth` waits for; it waits on."
        else:
            status, text = 404, "Not here."
        body = f"<!doctype html><title>RunClub Spider</title><p>{text}".encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
        finally:
            if mine:
                self.server.answers.append(self.path)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the path holds the code."""


class _Listener(ThreadingHTTPServer):
    """Listens for the one visit."""

    def __init__(self, target: Target) -> None:
        self.address_family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
        self.path = target.path
        self.belongs: Callable[[str], bool] = lambda _address: False
        self.answers: list[str] = []
        super().__init__((target.host, target.port), _Visitor)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no failure; nobody visiting in time is one."""


def wait_for_answer(
    consent_for: Callable[[str], Consent],
    configured: str | None,
    opened: Callable[[str], None],
    timeout: float,
) -> tuple[Consent, str]:
    """Listen on loopback, have the address opened, and return the address that came back.

    Args:
        consent_for: makes the attempt for a redirect URI.
        configured: `SPOTIFY_REDIRECT_URI`, None for any free port.
        opened: shows the address to the user.
        timeout: seconds.

    Raises:
        ConfigurationError: the port is taken, or nobody consented in time.
    """
    target = redirect_target(configured)
    try:
        server = _Listener(target)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {target.host}:{target.port} ({error.strerror}); free the port or "
            "change SPOTIFY_REDIRECT_URI"
        ) from None
    with server:
        consent = consent_for(target.redirect_uri(server.server_port))
        server.belongs = consent.belongs
        opened(consent.url)
        server.timeout = 0.2
        end = time.monotonic() + timeout
        while not server.answers:
            if time.monotonic() > end:
                raise ConfigurationError(
                    f"nobody consented within {timeout:.0f} s; run `scrapy auth` again, or with "
                    "--paste on a machine without a browser"
                )
            server.handle_request()
    return consent, server.answers[0]
