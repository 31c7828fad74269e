"""Access tokens, refresh tokens and authorization codes of the sandbox's clients."""

from __future__ import annotations

import hashlib
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from secrets import token_urlsafe

from .options import SandboxOptions

CODE_LIFETIME = 600.0


@dataclass(frozen=True, slots=True)
class Access:
    """An access token's meaning; ``user`` is False for client credentials."""

    client: str
    user: bool
    expires_at: float


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code: single use, bound to client, redirect URI and PKCE challenge."""

    client: str
    redirect_uri: str
    challenge: str | None
    expires_at: float


class Tokens:
    """Issues and checks; everything is forgotten when the sandbox stops."""

    def __init__(self, options: SandboxOptions) -> None:
        self._access: dict[str, Access] = {}
        self._codes: dict[str, Code] = {}
        #: The client of each refresh token.
        self.refresh: dict[str, str] = {key.refresh_token: key.client_id for key in options.keys}

    def issue(self, client: str, *, user: bool, lifetime: float) -> str:
        """A new access token."""
        token = token_urlsafe(48)
        self._access[token] = Access(client, user, time.time() + lifetime)
        return token

    def issue_refresh(self, client: str) -> str:
        """A new refresh token."""
        token = token_urlsafe(48)
        self.refresh[token] = client
        return token

    def issue_code(self, client: str, redirect_uri: str, challenge: str | None) -> str:
        """A code for the redirect of the consent page."""
        code = token_urlsafe(32)
        self._codes[code] = Code(client, redirect_uri, challenge, time.time() + CODE_LIFETIME)
        return code

    def redeem(self, client: str, code: str, redirect_uri: str, verifier: str | None) -> str | None:
        """Spends a code; the description of what is wrong with it, or None when it is good."""
        known = self._codes.pop(code, None)
        if known is None or known.client != client or time.time() >= known.expires_at:
            return "Invalid authorization code"
        if known.redirect_uri != redirect_uri:
            return "Invalid redirect URI"
        if known.challenge is not None:
            digest = hashlib.sha256((verifier or "").encode()).digest()
            if urlsafe_b64encode(digest).rstrip(b"=").decode() != known.challenge:
                return "code_verifier was incorrect"
        return None

    def find(self, token: str) -> Access | None:
        """What a token stands for, expired or not; None when it was never issued."""
        return self._access.get(token)

    def expire(self, token: str | None = None) -> None:
        """Ends one access token, or all of them."""
        for one in [token] if token is not None else list(self._access):
            if (known := self._access.get(one)) is not None:
                self._access[one] = Access(known.client, known.user, 0.0)
