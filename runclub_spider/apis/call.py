"""One API call as plain data, turned into a Scrapy request at the edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote_plus

# Where a request carries its `Authorization` until it leaves. The download handler makes a header
# of it: what caches and queues write down of a request are its headers.
CREDENTIAL = "credential"


class Api(StrEnum):
    """The services a call can go to, beside the stations; the last has its token client."""

    SPOTIFY = "spotify"
    RECCOBEATS = "reccobeats"
    MUSICBRAINZ = "musicbrainz"
    LISTENBRAINZ = "listenbrainz"
    ACCOUNTS = "accounts"


class Family(StrEnum):
    """Endpoint families: what quotas are counted by."""

    SEARCH = "search"
    PLAYLIST = "playlist"
    ARTIST = "artist"
    TRACK = "track"
    FEATURES = "features"
    PLAYS = "plays"
    RECORDING = "recording"
    URL = "url"
    PERSON = "person"
    GENRE = "genre"
    METADATA = "metadata"
    ACCOUNTS = "accounts"


@dataclass(frozen=True, slots=True)
class Call:
    """Which API and family it counts for, its address, and for a POST its JSON body.

    `api` is the name of its service, one of `Api` say, or of a station; `family` what quotas are
    counted by, one of `Family` say.
    """

    api: str
    family: str
    base_url: str
    path: str
    params: Mapping[str, str | int | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def method(self) -> str:
        """GET, or POST with a body."""
        return "GET" if self.body is None else "POST"

    @property
    def url(self) -> str:
        """The full address; parameters in the order given, as in the API's reference."""
        query = "&".join(
            f"{quote_plus(name)}={_quoted(str(one))}"
            for name, value in self.params.items()
            for one in ([value] if isinstance(value, str | int) else value)
        )
        return f"{self.base_url}/{self.path}" + (f"?{query}" if query else "")


def _quoted(text: str) -> str:
    """As `quote_plus`, which looks at each sign for the sake of a comma, of ids in a list."""
    plain = text.replace(",", "")
    if plain.isascii() and plain.isalnum():
        return text.replace(",", "%2C")
    return quote_plus(text)


class AnswerError(ValueError):
    """An answer that is not what the API promises (cut short, no JSON, wrong shape)."""
