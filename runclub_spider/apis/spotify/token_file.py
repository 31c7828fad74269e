"""The refresh token on this machine: one file, readable by its owner alone.

Outside the cache and the project, so that neither a copied store nor a commit carries it.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

# From the user's consent; refreshing does not prolong it (reference, 5: since 2026-06-18).
LIFETIME_DAYS = 182
WARN_DAYS = 30
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Grant:
    """A user's consent: the token, when it was given, and which configured one it replaced."""

    client_id: str
    refresh_token: str
    granted_at: int
    replaces: str | None = None

    def __repr__(self) -> str:
        """Never the token."""
        return f"Grant(client_id={self.client_id!r}, granted_at={self.granted_at})"

    def days_left(self, now: float) -> int:
        """Days until Spotify refuses the token; negative when it is over."""
        return LIFETIME_DAYS - int((now - self.granted_at) // _DAY)


@dataclass(frozen=True, slots=True)
class TokenFile:
    """Reads and replaces the file."""

    path: Path

    def load(self, client_id: str) -> Grant | None:
        """The grant of a client id; None when there is none or the file is not ours."""
        try:
            found = Grant(**json.loads(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if found.client_id == client_id else None

    def save(self, grant: Grant) -> None:
        """Write atomically, mode 0600 from the first byte."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self.path.with_name(f".{self.path.name}-{os.getpid()}")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(grant), file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)


def fingerprint(token: str) -> str:
    """What may be written down of a token: enough to know it again, not to use it."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def current_token(file: TokenFile, client_id: str, configured: str | None) -> str | None:
    """The refresh token to use.

    One set in the environment wins over the file, unless Spotify has rotated that very token
    since: then the file holds its successor.
    """
    grant = file.load(client_id)
    if configured:
        rotated = grant is not None and grant.replaces == fingerprint(configured)
        return grant.refresh_token if grant and rotated else configured
    return grant.refresh_token if grant else None


def keep_rotated(file: TokenFile, client_id: str, used: str, rotated: str, now: float) -> None:
    """Store a token that Spotify gave in exchange; the consent keeps its age."""
    old = file.load(client_id)
    same = old is not None and old.refresh_token == used
    granted_at = old.granted_at if old is not None and same else int(now)
    replaces = old.replaces if old is not None and same else fingerprint(used)
    file.save(Grant(client_id, rotated, granted_at, replaces))
