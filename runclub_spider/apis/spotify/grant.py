"""The one-time consent of a user: Authorization Code with PKCE and `state`.

The redirect goes to the loopback literal 127.0.0.1, which Spotify takes with any port
(reference, 5). Blocking; a command runs it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from runclub_spider.config import is_loopback
from runclub_spider.errors import ConfigurationError, RunPaused

# Reading the owner's own lists; searches and tracks need no scope at all.
SCOPES = "playlist-read-private playlist-read-collaborative"
_PATH = "/callback"


@dataclass(frozen=True, slots=True)
class App:
    """A Spotify app and where it is registered to come back to."""

    accounts_url: str
    client_id: str
    client_secret: str | None
    redirect_uri: str | None


class Consent:
    """One attempt: an address to open, and the token for the address it leads back to."""

    def __init__(self, app: App, redirect_uri: str) -> None:
        self._app = app
        self._verifier = generate_token(64)
        self._state = secrets.token_urlsafe(24)
        self._session = OAuth2Session(
            app.client_id,
            app.client_secret,
            scope=SCOPES,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if app.client_secret else "none",
        )
        self.url, _ = self._session.create_authorization_url(
            f"{app.accounts_url}/authorize", state=self._state, code_verifier=self._verifier
        )

    def finish(self, answer_url: str) -> str:
        """The refresh token for the address that the browser was sent back to.

        Raises:
            ConfigurationError: refused, not ours (wrong `state`), or the app is wrong.
            RunPaused: the accounts service cannot be reached.
        """
        query = parse_qs(urlsplit(answer_url.strip()).query)
        given = {name: values[0] for name, values in query.items()}
        if not secrets.compare_digest(given.get("state", ""), self._state):
            raise ConfigurationError(
                "the answer does not belong to this request (state differs); run `scrapy auth` "
                "again and use the newest address"
            )
        if "error" in given:
            raise ConfigurationError("consent was not given at Spotify; run `scrapy auth` again")
        if "code" not in given:
            raise ConfigurationError("the address holds no code; paste the whole address")
        return self._exchange(given["code"])

    def _exchange(self, code: str) -> str:
        self._session.max_redirects = 0
        self._session.headers["Accept-Encoding"] = "identity"
        try:
            token: dict[str, Any] = self._session.fetch_token(
                f"{self._app.accounts_url}/api/token",
                code=code,
                code_verifier=self._verifier,
                grant_type="authorization_code",
                timeout=15,
            )
        except OAuthError:
            raise ConfigurationError(
                "Spotify refused the code; check SPOTIFY_CLIENT_ID, "
                "SPOTIFY_CLIENT_SECRET and that the redirect URI is registered"
            ) from None
        except (requests.RequestException, ValueError):
            raise RunPaused(
                "Spotify's accounts service gave no token; run `scrapy auth` again later"
            ) from None
        refresh = token.get("refresh_token")
        if not isinstance(refresh, str) or not refresh:
            raise RunPaused("Spotify sent no refresh token; run `scrapy auth` again later")
        return refresh


def redirect_target(configured: str | None) -> tuple[str, int, str]:
    """Host, port (0 = any free) and path to listen at; refuses what Spotify refuses."""
    if not configured:
        return "127.0.0.1", 0, _PATH
    parts = urlsplit(configured)
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost" or not is_loopback(host):
        raise ConfigurationError(
            f"SPOTIFY_REDIRECT_URI {configured!r} is not http://127.0.0.1:PORT/path: Spotify takes "
            "a loopback literal only (not localhost); for another, use `scrapy auth --paste`"
        )
    return host, parts.port or 0, parts.path or "/"


def wait_for_answer(
    consent_for: Callable[[str], Consent],
    configured: str | None,
    opened: Callable[[str], None],
    timeout: float,
) -> tuple[Consent, str]:
    """Listen on loopback, have the address opened, and return the address that came back.

    Raises:
        ConfigurationError: the port is taken, or nobody consented in time.
    """
    host, port, path = redirect_target(configured)
    answers: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        """Takes the browser's visit; other paths (a favicon) are not the answer."""

        def do_GET(self) -> None:
            mine = urlsplit(self.path).path == path
            if mine:
                answers.append(self.path)
            text = "Done. You may close this page." if mine else "Not here."
            body = f"<!doctype html><title>RunClub Spider</title><p>{text}".encode()
            self.send_response(200 if mine else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing: the path holds the code."""

    try:
        server = HTTPServer((host, port), Handler)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port} ({error.strerror}); free the port or change "
            "SPOTIFY_REDIRECT_URI"
        ) from None
    with server:
        shown = f"[{host}]" if ":" in host else host
        consent = consent_for(f"http://{shown}:{server.server_port}{path}")
        opened(consent.url)
        server.timeout = 0.5
        end = time.monotonic() + timeout
        while not answers:
            if time.monotonic() > end:
                raise ConfigurationError(
                    f"nobody consented within {timeout:.0f} s; run `scrapy auth` again, or with "
                    "--paste on a machine without a browser"
                )
            server.handle_request()
    return consent, answers[0]
