"""What a station's pages are made of: plays, and how they found the songs they are plays of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

#: Searches at Spotify for the songs of this station, and what they found, bear its name.
KEXP = "kexp"


class PlayKind(StrEnum):
    """The closed list of what a row can be; `UNKNOWN` is a play type never seen before."""

    TRACKPLAY = "trackplay"
    AIRBREAK = "airbreak"
    NONTRACKPLAY = "nontrackplay"
    UNKNOWN = "unknown"


class Play(NamedTuple):
    """A song on the air. `airdate` is in whole seconds since 1970 UTC; a fraction is dropped.

    Title and artist are never blank. `mbid` is the MusicBrainz recording, in lower case.
    """

    source_play_id: str
    title: str
    artist: str
    album: str | None
    airdate: int
    mbid: str | None
    year: int | None


class PlayRow(NamedTuple):
    """One row of a page.

    Exactly one of these holds: `play` is a valid track play; `skipped`, a track play without
    artist or title; `problem` says why the row cannot be read; or the kind is none of a play.
    `airdate` is None where it could not be read.
    """

    kind: PlayKind
    airdate: int | None
    play: Play | None = None
    skipped: bool = False
    problem: str | None = None
    row_id: str = ""
    play_type: str = ""

    @property
    def is_track_play(self) -> bool:
        """Whether it counts among the track plays; a row that cannot be read does."""
        return self.kind is PlayKind.TRACKPLAY or self.problem is not None


class StoredPlay(NamedTuple):
    """A row of `external_play`: a play of a source, its song, and how it was found.

    `airdate` and `created_at` are in whole seconds since 1970 UTC, the confidence is 0-1.
    """

    source: str
    source_play_id: str
    title: str
    artist: str
    album: str | None
    airdate: int
    mbid: str | None
    year: int | None
    song_id: str
    match_tier: str
    match_confidence: float
    created_at: int


class Tier(StrEnum):
    """How a play found its song, the surest first."""

    OVERRIDE = "override"
    MBID = "mbid"
    EXACT = "exact"
    CLEANED = "cleaned"
    FUZZY = "fuzzy"
    NEW = "new"


@dataclass(slots=True)
class PlayCounts:
    """The eight counters of the specification, and what the rows were besides."""

    fetched: int = 0
    track_plays: int = 0
    provenance_inserted: int = 0
    songs_matched_existing: int = 0
    new_songs_inserted: int = 0
    skipped_invalid: int = 0
    duplicates_skipped: int = 0
    errors: int = 0
    airbreaks: int = 0
    nontrackplays: int = 0
    unknown: int = 0
    tiers: dict[str, int] = field(default_factory=dict)

    def add(self, other: PlayCounts) -> None:
        """Sum up."""
        for name in COUNTERS + CATEGORIES:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for tier, number in other.tiers.items():
            self.tiers[tier] = self.tiers.get(tier, 0) + number

    def problem(self) -> str | None:
        """The sum that does not come out, if one does not."""
        parts = (
            self.provenance_inserted + self.skipped_invalid + self.duplicates_skipped + self.errors
        )
        if self.track_plays != parts:
            return f"{self.track_plays} track plays, but {parts} accounted for"
        songs = self.songs_matched_existing + self.new_songs_inserted
        if self.provenance_inserted != songs:
            return f"{self.provenance_inserted} plays inserted, but {songs} songs found for them"
        return None


COUNTERS = (
    "fetched",
    "track_plays",
    "provenance_inserted",
    "songs_matched_existing",
    "new_songs_inserted",
    "skipped_invalid",
    "duplicates_skipped",
    "errors",
)
CATEGORIES = ("airbreaks", "nontrackplays", "unknown")
