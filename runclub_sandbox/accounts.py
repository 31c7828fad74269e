"""Spotify's accounts service: consent page and token endpoint (reference 5)."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from .service import Call, Reply, State, json_reply

#: What cannot stand in a ``Location`` as it is; a URI has it in per cent.
_NOT_IN_A_HEADER = re.compile(r"[^!-~]")


class Accounts:
    """``/authorize`` and ``/api/token``."""

    name = "accounts"
    prefix = "/accounts"

    def __init__(self, state: State) -> None:
        self.state = state

    def classify(self, call: Call) -> None:
        """Counts tokens and consent apart."""
        if call.parts == ("api", "token"):
            call.family = "token"
        elif call.parts == ("authorize",):
            call.family = "authorize"

    def answer(self, call: Call) -> Reply:
        """Answers both pages; anything else is not there."""
        if call.family == "token" and call.method == "POST":
            return self._token(call)
        if call.family == "authorize" and call.method == "GET":
            return self._authorize(call)
        return Reply(404, b"Not found", "text/plain")

    def server_error(self, status: int) -> Reply:
        """The token host's 5xx is not JSON."""
        return Reply(status, b"upstream connect error", "text/plain")

    def too_many(self, *, quota: bool) -> Reply:  # noqa: ARG002 - the protocol's shape
        """The token host's 429."""
        return Reply(429, b"Too many requests", "text/plain")

    # --- consent ------------------------------------------------------------------------------

    def _authorize(self, call: Call) -> Reply:
        options = self.state.options
        redirect = call.first("redirect_uri") or ""
        client = call.first("client_id")
        if client is None or client not in self._secrets:
            return Reply(400, b"INVALID_CLIENT: Invalid client", "text/plain")
        if _NOT_IN_A_HEADER.search(redirect):
            return Reply(400, b"INVALID_CLIENT: Invalid redirect URI", "text/plain")
        if not _is_loopback(redirect):
            return Reply(400, b"INVALID_CLIENT: Insecure redirect URI", "text/plain")
        if call.first("response_type") != "code":
            return Reply(400, b"response_type must be code", "text/plain")
        challenge = call.first("code_challenge")
        if challenge is not None and call.first("code_challenge_method") != "S256":
            return Reply(400, b"code_challenge_method must be S256", "text/plain")
        if options.deny_authorize or call.first("sandbox_deny"):
            answer = {"error": "access_denied"}
        else:
            answer = {"code": self.state.tokens.issue_code(client, redirect, challenge)}
        if (state := call.first("state")) is not None:
            answer["state"] = state
        joint = "&" if urlsplit(redirect).query else "?"
        return Reply(302, b"", "text/plain", {"Location": f"{redirect}{joint}{urlencode(answer)}"})

    # --- tokens -------------------------------------------------------------------------------

    def _token(self, call: Call) -> Reply:
        grant = call.form.get("grant_type", "")
        client = self._client(call, grant)
        if isinstance(client, Reply):
            return client
        tokens, options = self.state.tokens, self.state.options
        extra: dict[str, object] = {}
        if grant == "client_credentials":
            user = False
        elif grant == "refresh_token":
            user = True
            given = call.form.get("refresh_token", "")
            if tokens.refresh.get(given) != client:
                return _error("invalid_grant", "Invalid refresh token")
            if options.rotate_refresh_token:
                del tokens.refresh[given]
                extra["refresh_token"] = tokens.issue_refresh(client)
        elif grant == "authorization_code":
            user = True
            wrong = tokens.redeem(
                client,
                call.form.get("code", ""),
                call.form.get("redirect_uri", ""),
                call.form.get("code_verifier"),
            )
            if wrong:
                return _error("invalid_grant", wrong)
            extra["refresh_token"] = tokens.issue_refresh(client)
        else:
            return _error("unsupported_grant_type", f"grant_type {grant} is not supported")
        if user:
            extra["scope"] = "playlist-read-private playlist-read-collaborative user-read-private"
        lifetime = options.token_lifetime
        return json_reply(
            200,
            {
                "access_token": tokens.issue(client, user=user, lifetime=lifetime),
                "token_type": "Bearer",
                "expires_in": max(1, int(lifetime)),
                **extra,
            },
            Cache_Control="no-store",
        )

    @property
    def _secrets(self) -> Mapping[str, str]:
        """The secret of each client that is known."""
        return {key.client_id: key.client_secret for key in self.state.options.keys}

    def _client(self, call: Call, grant: str) -> str | Reply:
        """Who asks, or why it is refused."""
        client, secret = _basic(call.headers.get("authorization", ""))
        client = client or call.form.get("client_id", "")
        secret = secret if secret is not None else call.form.get("client_secret")
        if client not in self._secrets:
            return _error("invalid_client", "Invalid client")
        # PKCE is for clients that cannot keep a secret, so there the id alone is enough
        public = grant == "refresh_token" or (
            grant == "authorization_code" and "code_verifier" in call.form
        )
        if (secret is None and public) or secret == self._secrets[client]:
            return client
        return _error("invalid_client", "Invalid client secret")


def _error(code: str, description: str) -> Reply:
    return json_reply(400, {"error": code, "error_description": description})


def _basic(header: str) -> tuple[str, str | None]:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", None
    try:
        client, _, secret = b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "?", ""
    return client, secret


def _is_loopback(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
