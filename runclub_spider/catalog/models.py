"""What the catalogue is made of: tracks, artists, playlists, features, and where they were seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runclub_spider.catalog.rules.rule import Rule


class RowKind(StrEnum):
    """The closed list of what a row of a page can be.

    `NULL` is a place without a usable track: null, or an object without a Spotify id. `UNKNOWN`
    is an object of a type or shape that this code has never seen.
    """

    TRACK = "track"
    EPISODE = "episode"
    LOCAL = "local"
    NULL = "null"
    UNKNOWN = "unknown"


# What may be said of a track row besides its kind.
RESTRICTED, RELINKED = "restricted", "relinked"


class Playable(StrEnum):
    """Three-valued playability of a track in one market."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ArtistRef:
    """An artist as a track row names it."""

    artist_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Album:
    """The album of one edition; `release_date` is `YYYY` or `YYYY-MM-DD`, else None."""

    album_id: str | None
    name: str
    album_type: str | None
    release_date: str | None
    image_url: str | None


@dataclass(frozen=True, slots=True)
class Track:
    """One Spotify track id with what a page said of it; None means the page did not say."""

    track_id: str
    name: str
    artists: tuple[ArtistRef, ...]
    album: Album
    duration_ms: int
    explicit: bool
    isrc: str | None
    popularity: int | None
    preview_url: str | None
    linked_from: str | None
    is_playable: bool | None
    restriction: str | None
    available_markets: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class FoundTrack:
    """A track with its place on a page, and its playability in the page's market.

    `refused_by` are the rules that refuse it as the page shows it; None before it was judged.
    """

    track: Track
    position: int
    playable: Playable
    basis: str
    refused_by: tuple[Rule, ...] | None = None


@dataclass(frozen=True, slots=True)
class Artist:
    """An artist record: genres normalised (None: the answer did not say), popularity 0-100."""

    artist_id: str
    name: str
    genres: tuple[str, ...] | None
    popularity: int | None
    image_url: str | None


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist as a search row or its own record shows it."""

    playlist_id: str
    name: str
    owner_id: str | None
    owner_name: str | None
    snapshot_id: str | None
    total: int | None
    followers: int | None


#: The numbers of a row of features.
FEATURES = (
    "tempo",
    "energy",
    "danceability",
    "valence",
    "loudness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "speechiness",
    "key",
    "mode",
    "time_signature",
)


@dataclass(frozen=True, slots=True)
class AudioFeatures:
    """Audio features of a track; ratios 0-1, loudness dB, tempo BPM, key -1..11, mode 0/1."""

    track_id: str
    recco_track_id: str | None
    tempo: float | None
    energy: float | None
    danceability: float | None
    valence: float | None
    loudness: float | None
    acousticness: float | None
    instrumentalness: float | None
    liveness: float | None
    speechiness: float | None
    key: int | None
    mode: int | None
    time_signature: int | None

    @property
    def usable(self) -> bool:
        """A row without tempo or energy exists at ReccoBeats but serves no run (reference)."""
        return self.tempo is not None and self.energy is not None

    @property
    def has_any(self) -> bool:
        """Whether any of the numbers is known."""
        return any(getattr(self, name) is not None for name in FEATURES)


@dataclass(frozen=True, slots=True)
class TrackDetail:
    """What ReccoBeats knows of a recording's edition; `track_id` is Spotify's, None if not told.

    Popularity is 0-100, ReccoBeats' own snapshot; countries are ISO codes, sorted. Title and
    artists tell it from other recordings with its ISRC; empty where they are not told.
    """

    recco_track_id: str | None
    track_id: str | None
    isrc: str | None
    popularity: int | None
    countries: tuple[str, ...]
    duration_ms: int | None
    title: str = ""
    artists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a page of tracks: its place, its kind, and the track if it is one."""

    position: int
    kind: RowKind
    track: Track | None = None

    @property
    def categories(self) -> tuple[str, ...]:
        """Its kind and, of a track, whether it is `restricted` or stands in for another one."""
        found = [str(self.kind)]
        if self.track is not None and self.track.restriction is not None:
            found.append(RESTRICTED)
        if self.track is not None and self.track.linked_from is not None:
            found.append(RELINKED)
        return tuple(found)
