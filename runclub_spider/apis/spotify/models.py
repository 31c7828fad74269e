"""The typed boundary: Spotify's JSON as it comes, before it means anything to us.

Missing keys are normal (reference, 1.4): every field that some regime withholds has a default.
Unknown keys are kept aside by pydantic and counted by the parser.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _whole(value: Any) -> Any:
    """Some answers carry `duration_ms` as 210000.0 (recorded answers, flag float_number)."""
    return round(value) if isinstance(value, float) else value


def _list(value: Any) -> Any:
    return [] if value is None else value


def _texts(value: Any) -> Any:
    return [one for one in _list(value) if isinstance(one, str)]


def _percent(value: Any) -> Any:
    value = _whole(value)
    return value if isinstance(value, int) and 0 <= value <= 100 else None


# What a column holds; a larger number is no duration.
Whole = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=2**31 - 1)]
Percent = Annotated[int | None, BeforeValidator(_percent)]


class Wire(BaseModel):
    """Base of the models: unknown keys are allowed and remembered in `model_extra`."""

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=False)


class Image(Wire):
    """A cover or portrait; pixels may be null."""

    url: str
    width: int | None = None
    height: int | None = None


Images = Annotated[list[Image], BeforeValidator(_list)]


class WireArtistRef(Wire):
    """An artist inside a track; local files have no id."""

    id: str | None = None
    name: str | None = None


class WireAlbum(Wire):
    """An album inside a track."""

    id: str | None = None
    name: str | None = None
    album_type: str | None = None
    release_date: str | None = None
    release_date_precision: str | None = None
    images: Images = Field(default_factory=list)


class WireId(Wire):
    """A link that carries an id (`linked_from`)."""

    id: str | None = None


class WireRestrictions(Wire):
    """Why a track is restricted: market, product, explicit, or a value of the future."""

    reason: str | None = None


class WireTrack(Wire):
    """A track object of search, playlist items or `/tracks`."""

    id: str | None = None
    type: str = "track"
    name: str | None = None
    is_local: bool = False
    episode: bool = False
    duration_ms: Whole = 0
    explicit: bool = False
    popularity: Percent = None
    is_playable: bool | None = None
    restrictions: WireRestrictions | None = None
    available_markets: list[str] | None = None
    linked_from: WireId | None = None
    external_ids: dict[str, Any] | None = None
    preview_url: str | None = None
    artists: Annotated[list[WireArtistRef], BeforeValidator(_list)] = Field(default_factory=list)
    album: WireAlbum | None = None


class WireEntry(Wire):
    """A playlist entry: `track` in older regimes, `item` since 2026, either may be null."""

    is_local: bool | None = False
    track: dict[str, Any] | None = None
    item: dict[str, Any] | None = None

    @property
    def content(self) -> dict[str, Any] | None:
        """Whatever the entry holds, under whichever key."""
        return self.item or self.track


class WirePage(Wire):
    """A paging object; `items` stay raw so that one bad row cannot spoil the rest."""

    items: list[Any]
    next: str | None = None
    total: int | None = None
    offset: int | None = None


class WireOwner(Wire):
    """A playlist's owner."""

    id: str | None = None
    display_name: str | None = None


class WireFollowers(Wire):
    """How many follow a playlist."""

    total: Whole | None = None


class WireTotal(Wire):
    """The reference a search row holds instead of contents."""

    total: Whole | None = None


class WirePlaylistRow(Wire):
    """A playlist in a search page."""

    id: str
    name: str | None = None
    owner: WireOwner | None = None
    snapshot_id: str | None = None
    tracks: WireTotal | None = None
    items: WireTotal | None = None


class WirePlaylist(Wire):
    """A playlist's own record; contents are absent where the regime withholds them."""

    id: str
    name: str | None = None
    owner: WireOwner | None = None
    snapshot_id: str | None = None
    followers: WireFollowers | None = None
    tracks: WirePage | None = None
    items: WirePage | None = None


class WireArtist(Wire):
    """An artist record; genres and popularity are gone in development mode."""

    id: str
    name: str | None = None
    genres: Annotated[list[str], BeforeValidator(_texts)] = Field(default_factory=list)
    popularity: Percent = None
    images: Images = Field(default_factory=list)
