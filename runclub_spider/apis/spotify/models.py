"""The typed boundary: Spotify's JSON as it comes, before it means anything to us.

Missing keys are normal (reference, 1.4): every field that some regime withholds has a default.
Keys that no model names are kept aside by pydantic; `unexpected` finds those that are not on a
model's list of fields known and not needed.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _whole(value: Any) -> Any:
    """Some answers carry `duration_ms` as 210000.0 (recorded answers, flag float_number)."""
    return round(value) if isinstance(value, float) else value


def _objects(value: Any) -> Any:
    """Null for an empty list, and nulls in it, as in the images of old playlists."""
    if isinstance(value, list):
        return [one for one in value if one is not None]
    return [] if value is None else value


def _texts(value: Any) -> Any:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else None


def _flag(value: Any) -> Any:
    return False if value is None else value


def _percent(value: Any) -> Any:
    value = _whole(value)
    return value if isinstance(value, int) and 0 <= value <= 100 else None


# What a column holds; a larger number is no duration.
Whole = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=2**31 - 1)]
Percent = Annotated[int | None, BeforeValidator(_percent)]
# Words we only pass on: one of another type is as good as none, and spoils no row.
Text = Annotated[str | None, BeforeValidator(_text)]
Flag = Annotated[bool, BeforeValidator(_flag)]


class Wire(BaseModel):
    """Base of the models: unknown keys are allowed and remembered in `model_extra`.

    `called` is its name in the stats; `unread` are the keys it is known to carry and that the
    catalogue does not need (schema and recorded answers).
    """

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=False)

    called: ClassVar[str]
    unread: ClassVar[frozenset[str]] = frozenset()


_LINK = frozenset({"external_urls", "href", "type", "uri"})


class Image(Wire):
    """A cover or portrait; pixels may be null."""

    called: ClassVar[str] = "image"

    url: str
    width: int | None = None
    height: int | None = None


Images = Annotated[list[Image], BeforeValidator(_objects)]


class WireArtistRef(Wire):
    """An artist inside a track; local files have no id."""

    called: ClassVar[str] = "artist"
    unread: ClassVar[frozenset[str]] = _LINK

    id: str | None = None
    name: Text = None


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

    id: str | None = None
    name: Text = None
    album_type: Text = None
    release_date: Text = None
    release_date_precision: Text = None
    images: Images = Field(default_factory=list)


class WireLink(Wire):
    """A link that carries an id (`linked_from`)."""

    called: ClassVar[str] = "linked_from"
    unread: ClassVar[frozenset[str]] = _LINK

    id: str | None = None


class WireRestrictions(Wire):
    """Why a track is restricted: market, product, explicit, or a value of the future."""

    called: ClassVar[str] = "restrictions"

    reason: Text = None


class WireTrack(Wire):
    """A track object of search, playlist items, albums or `/tracks`."""

    called: ClassVar[str] = "track"
    unread: ClassVar[frozenset[str]] = frozenset(
        {"disc_number", "external_urls", "href", "track", "track_number"}
    )

    id: str | None = None
    type: Text = None
    uri: Text = None
    name: Text = None
    is_local: Flag = False
    episode: Flag = False
    duration_ms: Whole = 0
    explicit: Flag = False
    popularity: Percent = None
    is_playable: bool | None = None
    restrictions: WireRestrictions | None = None
    available_markets: list[str] | None = None
    linked_from: WireLink | None = None
    external_ids: dict[str, Any] | None = None
    preview_url: Text = None
    artists: Annotated[list[WireArtistRef], BeforeValidator(_objects)] = Field(default_factory=list)
    album: WireAlbum | None = None


class WireEntry(Wire):
    """A playlist entry: `track` in older regimes, `item` since 2026, either may be null."""

    called: ClassVar[str] = "entry"
    unread: ClassVar[frozenset[str]] = frozenset(
        {"added_at", "added_by", "primary_color", "video_thumbnail"}
    )

    is_local: Flag = False
    track: dict[str, Any] | None = None
    item: dict[str, Any] | None = None

    @property
    def content(self) -> dict[str, Any] | None:
        """Whatever the entry holds, under whichever key."""
        return self.item or self.track


class WirePage(Wire):
    """A paging object; `items` stay raw so that one bad row cannot spoil the rest."""

    called: ClassVar[str] = "page"
    unread: ClassVar[frozenset[str]] = frozenset({"cursors", "href", "limit", "previous"})

    items: list[Any]
    next: str | None = None
    total: int | None = None
    offset: int | None = None


class WireOwner(Wire):
    """A playlist's owner."""

    called: ClassVar[str] = "owner"
    unread: ClassVar[frozenset[str]] = _LINK | {"followers", "images"}

    id: str | None = None
    display_name: Text = None


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

    id: str | None = None
    name: Text = None
    owner: WireOwner | None = None
    snapshot_id: Text = None
    tracks: WireTotal | None = None
    items: WireTotal | None = None


class WirePlaylist(Wire):
    """A playlist's own record; contents are absent where the regime withholds them."""

    called: ClassVar[str] = "playlist"
    unread: ClassVar[frozenset[str]] = _PLAYLIST

    id: str | None = None
    name: Text = None
    owner: WireOwner | None = None
    snapshot_id: Text = None
    followers: WireFollowers | None = None
    tracks: WirePage | None = None
    items: WirePage | None = None


class WireArtist(Wire):
    """An artist record; genres and popularity are gone in development mode."""

    called: ClassVar[str] = "artist"
    unread: ClassVar[frozenset[str]] = _LINK | {"followers"}

    id: str
    name: Text = None
    genres: Annotated[list[str], BeforeValidator(_texts)] = Field(default_factory=list)
    popularity: Percent = None
    images: Images = Field(default_factory=list)


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
        found += [f"{wire.called}.{name}" for name in extra if name not in wire.unread]
    for value in wire.__dict__.values():
        if isinstance(value, Wire):
            _collect(value, found)
        elif isinstance(value, list) and value and isinstance(value[0], Wire):
            for one in value:
                _collect(one, found)
