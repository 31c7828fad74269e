"""What the accounts service says to a grant, read without trust: pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import orjson

# What an answer without a lifetime means (reference, 5), and the longest one that is believed.
_HOUR, _DAY = 3600.0, 86_400.0
# What a header can carry: anything else would break the request that it stands in.
_CREDENTIAL = re.compile(r"[\x21-\x7e]{1,8192}")
# Reasons that pass by themselves.
_PASSING = frozenset({"server_error", "temporarily_unavailable", "slow_down"})


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """A grant's tokens; `lifetime` in seconds."""

    access_token: str = field(repr=False)
    lifetime: float
    refresh_token: str | None = field(default=None, repr=False)

    def plain(self) -> bytes:
        """The same as the plainest answer there is, for a library to read."""
        named = {"refresh_token": self.refresh_token} if self.refresh_token else {}
        lifetime = math.ceil(self.lifetime)
        return orjson.dumps({"access_token": self.access_token, "expires_in": lifetime, **named})


class NoTokenGiven(Exception):
    """The service answered, but not with a token; worth another try."""


class GrantRefused(Exception):
    """The service refuses the grant; `code` is its word for why, empty when it gave none."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_token_answer(status: int, body: bytes) -> TokenAnswer:
    """The tokens of an answer.

    Raises:
        GrantRefused: a reason that does not pass by itself, or any 4xx without one.
        NoTokenGiven: an error of the service, or anything that is no token.
    """
    if status >= 500 or 300 <= status < 400:
        raise NoTokenGiven(f"the accounts service answered {status}")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        if 400 <= status < 500:
            raise GrantRefused("")
        raise NoTokenGiven("the answer is not JSON")
    if "error" in found:
        code = found["error"]
        if not isinstance(code, str) or not code or code in _PASSING:
            raise NoTokenGiven("the answer names no reason")
        raise GrantRefused(code)
    if 400 <= status < 500:
        raise GrantRefused("")
    token = found.get("access_token")
    if not is_credential(token):
        raise NoTokenGiven("the answer holds no token")
    refresh = found.get("refresh_token")
    return TokenAnswer(
        token, _lifetime(found.get("expires_in")), refresh if is_credential(refresh) else None
    )


def is_credential(value: Any) -> TypeGuard[str]:
    """Whether a header could carry this as a token."""
    return isinstance(value, str) and _CREDENTIAL.fullmatch(value) is not None


def _lifetime(value: Any) -> float:
    if value is None:
        return _HOUR
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not seconds > 0:
        raise NoTokenGiven("the answer holds a token of no lifetime")
    return min(seconds, _DAY)
