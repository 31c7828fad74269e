"""The world the sandbox serves: plain records and the look-ups every API shares.

A world is filled by :mod:`.builtin` (made up from a seed) or :mod:`.tables` (real public tables).
"""

# ruff: noqa: SIM905 - word lists read better as running text

from __future__ import annotations

import hashlib
import uuid
from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 22
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
USER_ID = "sandbox-user"
USER_COUNTRY = "US"

#: Every market code the sandbox knows (ISO 3166-1 alpha-2, as Spotify lists them).
MARKETS: tuple[str, ...] = tuple(
    (
        "AD AE AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CG "
        "CH CI CL CM CO CR CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ES ET FI FJ FM FR GA GB GD GE GH "
        "GM GN GQ GR GT GW GY HK HN HR HT HU ID IE IL IN IQ IS IT JM JO JP KE KG KH KI KM KN KR KW "
        "KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MN MO MR MT MU MV MW MX MY MZ "
        "NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PR PS PT PW PY QA RO RS RW SA SB SC SE SG "
        "SI SK SL SM SN SR ST SV SZ TD TG TH TJ TL TN TO TR TT TV TW TZ UA UG US UY UZ VC VE VN VU "
        "WS XK ZA ZM ZW"
    ).split()
)
KNOWN_MARKETS = frozenset(MARKETS)

EntryKind = Literal["track", "local", "episode", "null"]
Restriction = Literal["market", "product", "explicit"]


@dataclass(slots=True)
class Artist:
    """An artist. ``genres`` are Spotify's spellings, possibly none; popularity 0-100."""

    id: str
    name: str
    genres: tuple[str, ...] = ()
    popularity: int = 0
    followers: int = 0
    has_images: bool = True


@dataclass(slots=True)
class Album:
    """An edition. ``release_date`` is YYYY, YYYY-MM, YYYY-MM-DD, "0000" or None."""

    id: str
    name: str
    kind: str
    artist_ids: tuple[str, ...]
    release_date: str | None
    label: str = ""
    track_ids: list[str] = field(default_factory=list)

    @property
    def precision(self) -> str | None:
        """How exact the date is: year, month, day, or None without a date."""
        if self.release_date is None:
            return None
        return {4: "year", 7: "month"}.get(len(self.release_date), "day")

    @property
    def year(self) -> int | None:
        """The edition's year; None for a missing or "0000" date."""
        return int(self.release_date[:4]) or None if self.release_date else None


@dataclass(slots=True)
class Features:
    """ReccoBeats' eleven values; any may be None. Loudness in dB, tempo in BPM, the rest 0-1."""

    acousticness: float | None
    danceability: float | None
    energy: float | None
    instrumentalness: float | None
    key: int | None
    liveness: float | None
    loudness: float | None
    mode: int | None
    speechiness: float | None
    tempo: float | None
    valence: float | None


@dataclass(slots=True)
class Track:
    """A track of one edition.

    ``markets`` is the list the API shows; ``plays_in`` where it truly plays (usually the same
    object). ``substitute`` is the id served instead where this one does not play.
    """

    id: str
    name: str
    artist_ids: tuple[str, ...]
    album_id: str
    duration_ms: int
    popularity: int
    explicit: bool
    isrc: str | None
    number: int = 1
    markets: tuple[str, ...] = MARKETS
    plays_in: tuple[str, ...] = MARKETS
    restriction: Restriction = "market"
    substitute: str | None = None
    tags: str = ""
    searchable: bool = True


@dataclass(slots=True)
class Episode:
    """A podcast episode, as it turns up in playlists."""

    id: str
    name: str
    show_id: str
    show_name: str
    release_date: str
    duration_ms: int


@dataclass(slots=True)
class Entry:
    """One row of a playlist; ``ref`` is a track id, an episode id or a spotify:local: URI."""

    kind: EntryKind
    ref: str
    added_at: str | None
    added_by: str


@dataclass(slots=True)
class Playlist:
    """A playlist; its snapshot id is a function of its rows."""

    id: str
    name: str
    description: str
    owner_id: str
    entries: list[Entry]
    followers: int = 0
    tags: str = ""
    public: bool | None = True
    _snapshot: str | None = None

    @property
    def snapshot_id(self) -> str:
        """Changes exactly when the rows change."""
        if self._snapshot is None:
            digest = hashlib.blake2b(self.id.encode(), digest_size=18)
            for entry in self.entries:
                digest.update(f"{entry.kind}\x1f{entry.ref}\x1f{entry.added_at}\x1e".encode())
            self._snapshot = b64encode(digest.digest()).decode()
        return self._snapshot

    def replace_entries(self, entries: list[Entry]) -> None:
        """New rows, hence a new snapshot id."""
        self.entries = entries
        self._snapshot = None


@dataclass(slots=True)
class World:
    """Everything the APIs serve, keyed by Spotify id.

    Attributes:
        name: short name, part of the ``X-RunClub-Sandbox`` header.
        made_up: False when rows come from real tables.
        features: what ReccoBeats covers; a track absent here is a miss.
        recco_only: tracks ReccoBeats lists without having features.
        first_editions: tracks that were added as the first edition of another one, which they name.
        later: playlist rows that replace today's at the next change (a later real snapshot).
        generation: how often the world was changed since it was built.
    """

    name: str
    made_up: bool
    tracks: dict[str, Track] = field(default_factory=dict)
    artists: dict[str, Artist] = field(default_factory=dict)
    albums: dict[str, Album] = field(default_factory=dict)
    playlists: dict[str, Playlist] = field(default_factory=dict)
    features: dict[str, Features] = field(default_factory=dict)
    episodes: dict[str, Episode] = field(default_factory=dict)
    recco_only: set[str] = field(default_factory=set)
    first_editions: dict[str, str] = field(default_factory=dict)
    later: dict[str, list[Entry]] = field(default_factory=dict)
    generation: int = 0
    _albums_of: dict[str, list[str]] | None = None
    _by_isrc: dict[str, list[str]] | None = None
    _by_uuid: dict[str, str] | None = None

    @property
    def id(self) -> str:
        """What the header shows, e.g. ``builtin-1`` or ``builtin-1.g2`` after two changes."""
        return f"{self.name}.g{self.generation}" if self.generation else self.name

    def forget_lookups(self) -> None:
        """Drops the derived look-ups after the records changed."""
        self._albums_of = self._by_isrc = self._by_uuid = None

    def albums_of(self, artist_id: str) -> list[str]:
        """Album ids an artist signs, newest first."""
        if self._albums_of is None:
            found: dict[str, list[str]] = {}
            for album in self.albums.values():
                for artist in album.artist_ids:
                    found.setdefault(artist, []).append(album.id)
            for ids in found.values():
                ids.sort()
                ids.sort(key=lambda one: self.albums[one].release_date or "", reverse=True)
            self._albums_of = found
        return self._albums_of.get(artist_id, [])

    def with_isrc(self, isrc: str) -> list[str]:
        """Track ids that carry an ISRC, in id order."""
        if self._by_isrc is None:
            found: dict[str, list[str]] = {}
            for track in self.tracks.values():
                if track.isrc:
                    found.setdefault(track.isrc.upper(), []).append(track.id)
            for ids in found.values():
                ids.sort()
            self._by_isrc = found
        return self._by_isrc.get(isrc.strip().upper(), [])

    def track_of_uuid(self, text: str) -> str | None:
        """The track a ReccoBeats id stands for."""
        if self._by_uuid is None:
            self._by_uuid = {recco_uuid(one): one for one in self.tracks}
        return self._by_uuid.get(text.lower())


def base62(number: int) -> str:
    """A number as a 22-character Spotify id (128 bits always fit)."""
    pairs = []
    for _ in range(ID_LENGTH // 2):
        number, rest = divmod(number, 62 * 62)
        pairs.append(_PAIRS[rest])
    return "".join(reversed(pairs))


def hashed(*parts: object) -> int:
    """A 64-bit number that depends on the parts only, never on the interpreter's hash seed."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def id_for(*parts: object) -> str:
    """A stable Spotify-shaped id for something that has none."""
    text = "\x1f".join(map(str, parts)).encode()
    return base62(int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big"))


def recco_uuid(spotify_id: str, kind: str = "track") -> str:
    """The ReccoBeats id of a track or artist: a UUID that never equals the Spotify id."""
    digest = hashlib.blake2b(f"{kind}:{spotify_id}".encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


@lru_cache(maxsize=65_536)
def image_hash(key: str) -> str:
    """The made-up tail of an image address."""
    return hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
