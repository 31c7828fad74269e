"""The refresh token on this machine: one file, readable by its owner alone.

Outside the cache and the project, so that neither a copied store nor a commit carries it.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from runclub_spider.errors import ConfigurationError
from runclub_spider.text import DAY

# From the user's consent; refreshing does not prolong it (reference, 5: since 2026-06-18).
LIFETIME_DAYS = 182
WARN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Grant:
    """A user's consent: the token, when it was given, and which configured one it replaced.

    `granted_at` is None where only the token is known, not when its user consented.
    """

    client_id: str
    refresh_token: str
    granted_at: int | None
    replaces: str | None = None

    def __repr__(self) -> str:
        """Never the token."""
        return f"Grant(client_id={self.client_id!r}, granted_at={self.granted_at})"

    def days_left(self, now: float) -> int | None:
        """Days until Spotify refuses the token; negative when it is over, None if not known."""
        if self.granted_at is None:
            return None
        return LIFETIME_DAYS - int((now - self.granted_at) // DAY)


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
        whole = isinstance(found.refresh_token, str) and isinstance(found.granted_at, int | None)
        return found if whole and found.client_id == client_id else None

    def save(self, grant: Grant) -> None:
        """Write atomically, mode 0600 from the first byte.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        try:
            self._write(grant)
        except OSError as error:
            raise ConfigurationError(
                f"cannot keep the refresh token in TOKEN_FILE {self.path}: {error.strerror}; mend "
                "its permissions or choose another file, then run `scrapy auth`"
            ) from None

    def _write(self, grant: Grant) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self.path.with_name(f".{self.path.name}-{os.getpid()}")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(grant), file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except BaseException:
            # Half a token on a full disk is still half a token.
            part.unlink(missing_ok=True)
            raise


def fingerprint(token: str) -> str:
    """What may be written down of a token: enough to know it again, not to use it."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def current_token(file: TokenFile, client_id: str, configured: str | None) -> str | None:
    """The refresh token to use."""
    grant = current_grant(file, client_id, configured)
    return grant.refresh_token if grant else None


def current_grant(file: TokenFile, client_id: str, configured: str | None) -> Grant | None:
    """The consent to use.

    A token set in the environment wins over the file, unless the file holds the successor of
    that very token: Spotify rotated it, or the user consented anew.
    """
    grant = file.load(client_id)
    if configured and (grant is None or grant.replaces != fingerprint(configured)):
        return Grant(client_id, configured, None)
    return grant


def keep_rotated(file: TokenFile, client_id: str, used: str, rotated: str) -> None:
    """Store a token that Spotify gave in exchange; the consent keeps its age."""
    old = file.load(client_id)
    if old is not None and old.refresh_token == used:
        file.save(replace(old, refresh_token=rotated))
    else:
        file.save(Grant(client_id, rotated, None, fingerprint(used)))
