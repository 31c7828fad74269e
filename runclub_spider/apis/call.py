"""One API call as plain data, turned into a Scrapy request at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlencode


class Api(StrEnum):
    """The services a call can go to; all have a guard but the last, which has its token client."""

    SPOTIFY = "spotify"
    RECCOBEATS = "reccobeats"
    KEXP = "kexp"
    ACCOUNTS = "accounts"


class Family(StrEnum):
    """Endpoint families: what quotas are counted by."""

    SEARCH = "search"
    PLAYLIST = "playlist"
    ARTIST = "artist"
    TRACK = "track"
    FEATURES = "features"
    PLAYS = "plays"
    ACCOUNTS = "accounts"


@dataclass(frozen=True, slots=True)
class Call:
    """A GET: which API and family it counts for, and its address."""

    api: Api
    family: Family
    base_url: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The full address; parameters in the order given, as in the API's reference."""
        query = urlencode(self.params)
        return f"{self.base_url}/{self.path}" + (f"?{query}" if query else "")


class AnswerError(ValueError):
    """An answer that is not what the API promises (cut short, no JSON, wrong shape)."""
