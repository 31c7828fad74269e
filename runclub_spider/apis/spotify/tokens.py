"""Access tokens of the Spotify accounts service, by refresh token or client credentials.

Blocking (Authlib over requests): callers run it in a thread. Built so that a token or secret
cannot leave through an exception: every failure is told in our own words.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from runclub_spider.apis.guard import UNNAMED_BLOCK_SECONDS, retry_after
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
    """A bearer token and when (epoch seconds) it must be renewed."""

    value: str
    renew_at: float

    def __repr__(self) -> str:
        """Never the value."""
        return f"AccessToken(renew_at={self.renew_at:.0f})"


class TokenClient:
    """Fetches tokens from `<accounts base URL>/api/token`.

    With a refresh token the grant is `refresh_token`, else `client_credentials`, which
    suffices for search, tracks and public playlists (reference, 5). A refusal with a time is
    waited out up to `max_wait` seconds, and nothing is sent before its end.
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
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = f"{base_url}/api/token"
        self.refresh_token = refresh_token
        self._rotated = rotated
        self._clock = clock
        self._pause = pause
        self._max_wait, self.closed_until = max_wait, closed_until
        self._session = session or (
            lambda: OAuth2Session(
                client_id,
                client_secret,
                token_endpoint_auth_method=("client_secret_basic" if client_secret else "none"),
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
                self.closed_until = self._clock() + refusal.wait
                if refusal.wait > self._max_wait:
                    self._pass_window()
                continue
            except _Unavailable as error:
                problem = str(error)
            if attempt + 1 < _TRIES:
                self._pause(random.uniform(0, 0.5 * 2**attempt))
        raise RunPaused(
            f"no token from Spotify: {problem}; check the network or "
            "SPOTIFY_ACCOUNTS_BASE_URL, then run the same command again"
        )

    def _pass_window(self) -> None:
        """Wait for the end of a refusal, or give up when it is far."""
        wait = self.closed_until - self._clock()
        if wait > self._max_wait:
            raise RunPaused(
                f"Spotify's accounts service refuses requests until {moment(self.closed_until)}",
                self.closed_until,
            )
        if wait > 0:
            self._pause(wait)

    def _exchange(self, session: OAuth2Session) -> tuple[dict[str, Any], Exception | None]:
        """The answer to one grant, or what went wrong in our own words."""
        try:
            if self.refresh_token:
                return session.refresh_token(
                    self.url, refresh_token=self.refresh_token, timeout=15
                ), None
            return session.fetch_token(self.url, grant_type="client_credentials", timeout=15), None
        except _RateLimited as refusal:
            return {}, refusal
        except OAuthError as error:
            return {}, ConfigurationError(_grant_problem(error.error))
        except requests.HTTPError as error:
            return {}, _unavailable(error.response)
        except requests.RequestException as error:
            return {}, _Unavailable(f"{_why(error)} at {_host(self.url)}")
        except ValueError:
            return {}, _Unavailable("the answer is not JSON")

    def _unless_refused(self, response: requests.Response) -> requests.Response:
        if response.status_code == 429:
            wait = retry_after(response.headers.get("Retry-After"), self._clock())
            raise _RateLimited(UNNAMED_BLOCK_SECONDS if wait is None else wait)
        return response

    def _ask(self) -> AccessToken:
        with self._session() as session:
            # A redirect would carry the secret to another host.
            session.max_redirects = 0
            session.headers["Accept-Encoding"] = "identity"
            # The library would read a 429 as a token that is no JSON.
            for kind in ("access_token_response", "refresh_token_response"):
                session.register_compliance_hook(kind, self._unless_refused)
            answer, problem = self._exchange(session)
        # Outside of the handlers: the library's own error may hold what was sent.
        if problem is not None:
            raise problem
        value, lifetime = answer.get("access_token"), answer.get("expires_in") or 3600
        if not isinstance(value, str) or not value:
            raise _Unavailable("the answer holds no token")
        new = answer.get("refresh_token")
        if self.refresh_token and new and new != self.refresh_token:
            self._rotated(self.refresh_token, str(new))
            self.refresh_token = str(new)
        margin = min(RENEW_BEFORE_SECONDS, float(lifetime) / 4)
        return AccessToken(value, self._clock() + float(lifetime) - margin)


class _RateLimited(Exception):
    """A 429, and the seconds to wait."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"the accounts service asks to wait {wait:.0f} s")
        self.wait = wait


class _Unavailable(Exception):
    """The service answered, but not with a token; worth another try."""


def _unavailable(response: requests.Response | None) -> Exception:
    status = response.status_code if response is not None else "no"
    if response is not None and 400 <= response.status_code < 500:
        return ConfigurationError(
            f"Spotify's accounts service answered {status}; check SPOTIFY_ACCOUNTS_BASE_URL"
        )
    return _Unavailable(f"the accounts service answered {status}")


def _grant_problem(code: str | None) -> str:
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
    return "cannot connect"


def _host(url: str) -> str:
    return url.split("/")[2]
