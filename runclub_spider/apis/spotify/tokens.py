"""Access tokens of the Spotify accounts service, by refresh token or client credentials.

Blocking (Authlib over requests): callers run it in a thread. Built so that a token or secret
cannot leave through an exception: every failure is told in our own words.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
from authlib.integrations.requests_client import OAuth2Session

from runclub_spider.apis.guard import LONGEST_BLOCK_SECONDS, UNNAMED_BLOCK_SECONDS, retry_after
from runclub_spider.apis.http import secured
from runclub_spider.apis.spotify.token_answer import (
    GrantRefused,
    NoTokenGiven,
    TokenAnswer,
    read_token_answer,
)
from runclub_spider.errors import ConfigurationError, RunPaused
from runclub_spider.text import moment

# Renewed this long before the hour is over, so that no request leaves with a dying token.
RENEW_BEFORE_SECONDS = 60
_TRIES = 3
_OAUTH_ERRORS = frozenset(
    {"invalid_request", "invalid_scope", "unauthorized_client", "unsupported_grant_type"}
)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token and when, by the monotonic clock, it must be renewed."""

    value: str
    renew_at: float

    def __repr__(self) -> str:
        """Never the value."""
        return f"AccessToken(renew_at={self.renew_at:.0f})"


class TokenClient:
    """Fetches tokens from `<accounts base URL>/api/token`.

    With a refresh token the grant is `refresh_token`, else `client_credentials`, which
    suffices for search, tracks and public playlists (reference, 5). A refusal with a time is
    waited out up to `max_wait` seconds, and nothing is sent before its end: `closed_until`
    (epoch seconds) is that of an earlier run.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str | None,
        refresh_token: str | None = None,
        *,
        rotated: Callable[[str, str], None] = lambda _used, _new: None,
        session: Callable[[], OAuth2Session] | None = None,
        max_wait: float = 60,
        closed_until: float = 0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = f"{base_url}/api/token"
        self.refresh_token = refresh_token
        self._rotated = rotated
        self._clock, self._wall = clock, wall
        self._pause = pause
        self._max_wait = max_wait
        self._closed_until = clock() + min(closed_until - wall(), LONGEST_BLOCK_SECONDS)
        self._session = session or (
            lambda: secured(
                OAuth2Session(
                    client_id,
                    client_secret,
                    token_endpoint_auth_method="client_secret_basic" if client_secret else "none",
                )
            )
        )

    def fetch(self) -> AccessToken:
        """A fresh token.

        Raises:
            ConfigurationError: the id, secret or refresh token is wrong; retrying cannot help.
            RunPaused: the accounts service cannot be reached, is failing, or refuses for long;
                then it carries the moment.
        """
        for attempt in range(_TRIES):
            self._pass_window()
            try:
                return self._ask()
            except _RateLimited as refusal:
                problem = str(refusal)
                self._closed_until = self._clock() + refusal.wait
                if refusal.wait > self._max_wait:
                    self._pass_window()
                continue
            except NoTokenGiven as error:
                problem = str(error)
            if attempt + 1 < _TRIES:
                self._pause(random.uniform(0, 0.5 * 2**attempt))
        raise RunPaused(
            f"no token from Spotify: {problem}; check the network or "
            "SPOTIFY_ACCOUNTS_BASE_URL, then run the same command again"
        )

    def _pass_window(self) -> None:
        """Wait for the end of a refusal, or give up when it is far."""
        wait = self._closed_until - self._clock()
        if wait > self._max_wait:
            until = math.ceil(self._wall() + wait)
            raise RunPaused(
                f"Spotify's accounts service refuses requests until {moment(until)}", until
            )
        if wait > 0:
            self._pause(wait)

    def _ask(self) -> AccessToken:
        with self._session() as session:
            exchange = _Exchange(session, self._wall)
            problem = exchange.run(self.url, self.refresh_token)
        # Outside of the handlers: the library's own error may hold what was sent.
        if problem is not None:
            raise problem
        answer = exchange.answer
        assert answer is not None
        new = answer.refresh_token
        if self.refresh_token and new and new != self.refresh_token:
            self._rotated(self.refresh_token, new)
            self.refresh_token = new
        margin = min(RENEW_BEFORE_SECONDS, answer.lifetime / 4)
        return AccessToken(answer.access_token, self._clock() + answer.lifetime - margin)


class _Exchange:
    """One grant sent and its answer; what goes wrong is told in our own words."""

    def __init__(self, session: OAuth2Session, wall: Callable[[], float]) -> None:
        self._session, self._wall = session, wall
        self._status = 0
        self.answer: TokenAnswer | None = None
        # Read by us: the library trusts what an answer holds, and takes a 429 for a token.
        for kind in ("access_token_response", "refresh_token_response"):
            session.register_compliance_hook(kind, self._read)

    def run(self, url: str, refresh_token: str | None) -> Exception | None:
        """Send; returns the problem, for to raise it here would chain the library's own."""
        try:
            if refresh_token:
                self._session.refresh_token(url, refresh_token=refresh_token, timeout=15)
            else:
                self._session.fetch_token(url, grant_type="client_credentials", timeout=15)
        except _RateLimited as refusal:
            return _RateLimited(refusal.wait)
        except GrantRefused as refusal:
            return ConfigurationError(_grant_problem(refusal.code, self._status))
        except NoTokenGiven as error:
            return NoTokenGiven(str(error))
        except requests.RequestException as error:
            return NoTokenGiven(f"{_why(error)} at {_host(url)}")
        except ValueError:
            return NoTokenGiven("the answer cannot be read")
        return None

    def _read(self, response: requests.Response) -> requests.Response:
        self._status = response.status_code
        if self._status == 429:
            wait = retry_after(response.headers.get("Retry-After"), self._wall())
            raise _RateLimited(UNNAMED_BLOCK_SECONDS if wait is None else wait)
        self.answer = read_token_answer(self._status, response.content)
        # What the library needs to see, and nothing it could stumble over.
        response._content = self.answer.plain()
        return response


class _RateLimited(Exception):
    """A 429, and the seconds to wait."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"the accounts service asks to wait {wait:.0f} s")
        self.wait = wait


def _grant_problem(code: str, status: int) -> str:
    if not code:
        return f"Spotify's accounts service answered {status}; check SPOTIFY_ACCOUNTS_BASE_URL"
    if code == "invalid_client":
        return "Spotify refused the key: check SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET"
    if code == "invalid_grant":
        return (
            "Spotify refused the refresh token: the user's consent is over (six months) or was "
            "withdrawn; run `scrapy auth` for a new one, or unset SPOTIFY_REFRESH_TOKEN"
        )
    # Only words of the standard: a server's own text could echo what it was sent.
    shown = code if code in _OAUTH_ERRORS else "no reason known"
    return f"Spotify refused to give a token ({shown}); check the app's settings"


def _why(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate is not trusted"
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return str(error)
    return "cannot connect"


def _host(url: str) -> str:
    return url.split("/")[2]
