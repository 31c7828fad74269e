"""The typed boundary: Spotify's JSON as it comes, before it means anything to us.

Missing keys are normal (reference, 1.4): every field that some regime withholds has a default.
A value that a field does not take is dropped by `wire.admit`, and the field has its default.
Keys that no model names are kept aside by pydantic; `unexpected` finds those that are not on a
model's list of fields known and not needed.
"""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import ConfigDict

from runclub_spider.apis.wire import (
    Address,
    Listed,
    Milliseconds,
    Percent,
    Record,
    SpotifyId,
    Whole,
)
from runclub_spider.catalog.normalize import clean_text

# A key of more characters is cut, and of more unread keys in one object the rest is not told.
_MOST_KEY, _MOST_KEYS = 60, 50


class Wire(Record):
    """Base of the models: unknown keys are allowed and remembered in `model_extra`.

    What is `unread` is so by schema and recorded answers.
    """

    model_config = ConfigDict(extra="allow")


_LINK = frozenset({"external_urls", "href", "type", "uri"})


class Image(Wire):
    """A cover or portrait; pixels may be null."""

    called: ClassVar[str] = "image"

    url: Address
    width: Whole | None = None
    height: Whole | None = None


Images = Annotated[list[Image], Listed]


class WireArtistRef(Wire):
    """An artist inside a track; local files have no id."""

    called: ClassVar[str] = "artist"
    unread: ClassVar[frozenset[str]] = _LINK

    id: SpotifyId | None = None
    name: str | None = None


class WireAlbum(Wire):
    """An album, alone or inside a track; after a takedown its name may be empty."""

    called: ClassVar[str] = "album"
    unread: ClassVar[frozenset[str]] = _LINK | {
        "album_group",
        "artists",
        "available_markets",
        "copyrights",
        "external_ids",
        "genres",
        "is_playable",
        "label",
        "popularity",
        "restrictions",
        "total_tracks",
        "tracks",
    }

    id: SpotifyId | None = None
    name: str | None = None
    album_type: str | None = None
    release_date: str | None = None
    release_date_precision: str | None = None
    images: Images | None = None


class WireLink(Wire):
    """A link that carries an id (`linked_from`)."""

    called: ClassVar[str] = "linked_from"
    unread: ClassVar[frozenset[str]] = _LINK

    id: SpotifyId | None = None


class WireRestrictions(Wire):
    """Why a track is restricted: market, product, explicit, or a value of the future."""

    called: ClassVar[str] = "restrictions"

    reason: str | None = None


class WireTrack(Wire):
    """A track object of search, playlist items, albums or `/tracks`."""

    called: ClassVar[str] = "track"
    unread: ClassVar[frozenset[str]] = frozenset(
        {"disc_number", "external_urls", "href", "track", "track_number"}
    )

    id: str | None = None
    type: str | None = None
    uri: str | None = None
    name: str | None = None
    is_local: bool | None = None
    episode: bool | None = None
    duration_ms: Milliseconds | None = None
    explicit: bool | None = None
    popularity: Percent | None = None
    is_playable: bool | None = None
    restrictions: WireRestrictions | None = None
    available_markets: list[Any] | None = None
    linked_from: WireLink | None = None
    external_ids: dict[str, Any] | None = None
    preview_url: Address | None = None
    artists: Annotated[list[WireArtistRef], Listed] | None = None
    album: WireAlbum | None = None


class WireEntry(Wire):
    """A playlist entry: `track` in older regimes, `item` since 2026, either may be null."""

    called: ClassVar[str] = "entry"
    unread: ClassVar[frozenset[str]] = frozenset(
        {"added_at", "added_by", "primary_color", "video_thumbnail"}
    )

    is_local: bool | None = None
    track: Any = None
    item: Any = None

    @property
    def content(self) -> Any:
        """Whatever the entry holds, under whichever key; an object before anything else."""
        held = [one for one in (self.item, self.track) if one is not None]
        return next(
            (one for one in held if isinstance(one, dict) and one), held[0] if held else None
        )

    @property
    def empty(self) -> bool:
        """Whether neither key is there, which is another thing than null."""
        return not {"track", "item"} & self.model_fields_set


class WirePage(Wire):
    """A paging object; `items` stay raw, and are read one by one."""

    called: ClassVar[str] = "page"
    unread: ClassVar[frozenset[str]] = frozenset({"cursors", "href", "limit", "previous"})

    items: list[Any]
    next: str | None = None
    total: Whole | None = None
    offset: Whole | None = None


class WireTrackPage(WirePage):
    """A paging object of tracks, to be read in one go."""

    items: list[WireTrack | None]


class WireTrackSearch(Record):
    """The answer to a search for tracks, to be read in one go."""

    called: ClassVar[str] = "answer"

    tracks: WireTrackPage


#: Of a key that is not there, which is another thing than null.
ABSENT: Any = msgspec.UNSET


class WireTrackEntry(WireEntry):
    """A playlist entry with a track, to be read in one go."""

    track: WireTrack | None = ABSENT
    item: WireTrack | None = ABSENT


class WireEntryPage(WirePage):
    """A paging object of playlist entries, to be read in one go."""

    items: list[WireTrackEntry | None]


class WireOwner(Wire):
    """A playlist's owner."""

    called: ClassVar[str] = "owner"
    unread: ClassVar[frozenset[str]] = _LINK | {"followers", "images"}

    id: str | None = None
    display_name: str | None = None


class WireFollowers(Wire):
    """How many follow a playlist."""

    called: ClassVar[str] = "followers"
    unread: ClassVar[frozenset[str]] = frozenset({"href"})

    total: Whole | None = None


class WireTotal(Wire):
    """The reference a search row holds instead of contents."""

    called: ClassVar[str] = "contents"
    unread: ClassVar[frozenset[str]] = frozenset({"href"})

    total: Whole | None = None


_PLAYLIST = _LINK | {"collaborative", "description", "images", "primary_color", "public"}


class WirePlaylistRow(Wire):
    """A playlist in a search page; the old starred lists have no id."""

    called: ClassVar[str] = "playlist"
    unread: ClassVar[frozenset[str]] = _PLAYLIST | {"followers"}

    id: SpotifyId | None = None
    name: str | None = None
    owner: WireOwner | None = None
    snapshot_id: str | None = None
    tracks: WireTotal | None = None
    items: WireTotal | None = None


class WirePlaylist(Wire):
    """A playlist's own record; contents are absent where the regime withholds them."""

    called: ClassVar[str] = "playlist"
    unread: ClassVar[frozenset[str]] = _PLAYLIST

    id: SpotifyId | None = None
    name: str | None = None
    owner: WireOwner | None = None
    snapshot_id: str | None = None
    followers: WireFollowers | None = None
    tracks: Any = None
    items: Any = None


class WireArtist(Wire):
    """An artist record; genres and popularity are gone in development mode."""

    called: ClassVar[str] = "artist"
    unread: ClassVar[frozenset[str]] = _LINK | {"followers"}

    id: SpotifyId
    name: str | None = None
    genres: list[Any] | None = None
    popularity: Percent | None = None
    images: Images | None = None


class WireArtists(Record):
    """The answer to a call for several artists, to be read in one go."""

    called: ClassVar[str] = "answer"

    artists: list[WireArtist | None]


class WireFeatures(Wire):
    """Spotify's own audio features, withheld since 2024-11-27; only their presence is read."""

    called: ClassVar[str] = "audio_features"
    unread: ClassVar[frozenset[str]] = _LINK | {
        "acousticness",
        "analysis_url",
        "danceability",
        "duration_ms",
        "energy",
        "instrumentalness",
        "key",
        "liveness",
        "loudness",
        "mode",
        "speechiness",
        "tempo",
        "time_signature",
        "track_href",
        "valence",
    }

    id: str


def unexpected(wire: Wire) -> list[str]:
    """`model.field` of every key that is neither read nor on the model's list, nested ones too."""
    found: list[str] = []
    _collect(wire, found)
    return found


def _collect(wire: Wire, found: list[str]) -> None:
    extra = wire.model_extra
    if extra and not wire.unread.issuperset(extra):
        names = (name for name in extra if name not in wire.unread)
        found += [f"{wire.called}.{clean_text(n, _MOST_KEY)}" for n in islice(names, _MOST_KEYS)]
    for value in wire.__dict__.values():
        if isinstance(value, Wire):
            _collect(value, found)
        elif isinstance(value, list) and value and isinstance(value[0], Wire):
            for one in value:
                _collect(one, found)
