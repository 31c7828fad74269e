"""Spotify's answers into the catalogue's words. Pure; every row lands in a closed category."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.spotify import models
from runclub_spider.catalog.genres import normalise_genre
from runclub_spider.catalog.models import (
    Album,
    Artist,
    ArtistRef,
    Playlist,
    Row,
    RowKind,
    Track,
)

_ID = re.compile(r"[0-9A-Za-z]{22}")
_M = TypeVar("_M", bound=BaseModel)

# Known and not needed; anything else new is counted once a run and never fatal.
_IGNORED = {
    "track": {
        "disc_number",
        "track_number",
        "external_urls",
        "href",
        "uri",
        "available_markets",
        "track",
        "episode",
    },
}


# Stands for an entry that holds neither null nor an object.
_MALFORMED = object()


@dataclass(slots=True)
class TrackPage:
    """A page of tracks: `rows` in served order, `more` when another page follows."""

    rows: list[Row]
    more: bool
    total: int | None
    malformed: int = 0
    unexpected: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class PlaylistPage:
    """A page of a playlist search; `nulls` counts the literal null entries."""

    playlists: list[Playlist]
    more: bool
    nulls: int


@dataclass(slots=True)
class PlaylistRecord:
    """A playlist with its embedded first page; None where the key may not read it."""

    playlist: Playlist
    page: TrackPage | None


def decode(body: bytes) -> dict[str, Any]:
    """JSON object of an answer; `AnswerError` for anything else (cut answers end here)."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise AnswerError(f"not JSON ({error})") from None
    if not isinstance(data, dict):
        raise AnswerError(f"a JSON {type(data).__name__} instead of an object")
    return data


def parse_track_search(body: bytes, *, offset: int) -> TrackPage:
    """Rows of `GET /search?type=track`."""
    page = _model(models.WirePage, _part(decode(body), "tracks"))
    return _track_page(page, page.items, offset)


def parse_playlist_search(body: bytes) -> PlaylistPage:
    """Rows of `GET /search?type=playlist`; literal nulls are usual since 2024-11-27."""
    page = _model(models.WirePage, _part(decode(body), "playlists"))
    playlists, nulls = [], 0
    for raw in page.items:
        try:
            row = models.WirePlaylistRow.model_validate(raw)
        except ValidationError:
            nulls += 1
            continue
        counts = row.tracks or row.items
        playlists.append(_playlist(row, counts.total if counts else None, None))
    return PlaylistPage(playlists, more=page.next is not None and bool(page.items), nulls=nulls)


def parse_playlist(body: bytes) -> PlaylistRecord:
    """`GET /playlists/{id}`: the record and, where given, the first entries."""
    record = _model(models.WirePlaylist, decode(body))
    contents = record.tracks or record.items
    followers = record.followers.total if record.followers else None
    return PlaylistRecord(
        playlist=_playlist(record, contents.total if contents else None, followers),
        page=_entries(contents, 0) if contents else None,
    )


def parse_playlist_items(body: bytes, *, offset: int) -> TrackPage:
    """`GET /playlists/{id}/tracks` (or `/items`)."""
    return _entries(_model(models.WirePage, decode(body)), offset)


def parse_artists(body: bytes) -> list[Artist]:
    """`GET /artists?ids=`: unknown ids come back as null and are left out."""
    rows = decode(body).get("artists")
    if not isinstance(rows, list):
        raise AnswerError("no list `artists` in the answer")
    found = []
    for raw in rows:
        if raw is None:
            continue
        try:
            wire = models.WireArtist.model_validate(raw)
        except ValidationError:
            # One bad record must not spoil the other 49, now and at every retry.
            continue
        found.append(_artist(wire))
    return found


def parse_artist(body: bytes) -> Artist:
    """`GET /artists/{id}`."""
    return _artist(_model(models.WireArtist, decode(body)))


def _artist(wire: models.WireArtist) -> Artist:
    genres = None
    if "genres" in wire.model_fields_set:
        genres = tuple(dict.fromkeys(g for g in map(normalise_genre, wire.genres) if g))
    return Artist(wire.id, wire.name or "", genres, wire.popularity, _image(wire.images))


def parse_row(raw: object, position: int) -> Row:
    """One track object (or null) into its category.

    An episode asked for as a track comes disguised: its `type` still says episode (reference,
    1.7). Local files have no id. Raises `ValidationError` when the object has no known shape.
    """
    if raw is None:
        return Row(position, RowKind.NULL)
    wire = models.WireTrack.model_validate(raw)
    if wire.type == "episode" or wire.episode:
        return Row(position, RowKind.EPISODE)
    if wire.is_local:
        return Row(position, RowKind.LOCAL)
    if not wire.id or not _ID.fullmatch(wire.id):
        return Row(position, RowKind.NULL)
    return Row(position, RowKind.TRACK, _track(wire))


def _entries(page: models.WirePage, offset: int) -> TrackPage:
    contents: list[object] = []
    for raw in page.items:
        try:
            entry = models.WireEntry.model_validate(raw)
        except ValidationError:
            contents.append(_MALFORMED)
            continue
        content = entry.content
        if content is not None and entry.is_local:
            content = {**content, "is_local": True}
        contents.append(content)
    return _track_page(page, contents, offset)


def _track_page(page: models.WirePage, raws: Sequence[object], offset: int) -> TrackPage:
    rows, malformed, unexpected = [], 0, Counter[str]()
    for index, raw in enumerate(raws):
        try:
            rows.append(parse_row(raw, offset + index))
        except ValidationError:
            # A row of no known shape holds no track we could use: the page goes on.
            malformed += 1
            rows.append(Row(offset + index, RowKind.NULL))
        if isinstance(raw, Mapping) and rows[-1].kind is RowKind.TRACK:
            unexpected.update(_unexpected(raw))
    return TrackPage(
        rows=rows,
        # An empty page ends a query whatever `next` and `total` say (reference, 1.2).
        more=page.next is not None and bool(raws),
        total=page.total,
        malformed=malformed,
        unexpected=unexpected,
    )


def _unexpected(raw: Mapping[str, Any]) -> Iterable[str]:
    known = models.WireTrack.model_fields.keys() | _IGNORED["track"]
    return (f"track.{key}" for key in raw if key not in known)


def _track(wire: models.WireTrack) -> Track:
    album = wire.album or models.WireAlbum()
    isrc = (wire.external_ids or {}).get("isrc")
    return Track(
        track_id=str(wire.id),
        name=wire.name or "",
        artists=tuple(
            ArtistRef(artist.id, artist.name or "")
            for artist in wire.artists
            if artist.id and _ID.fullmatch(artist.id)
        ),
        album=Album(
            album_id=album.id,
            name=album.name or "",
            album_type=album.album_type,
            release_date=album.release_date,
            image_url=_image(album.images),
        ),
        duration_ms=wire.duration_ms,
        explicit=wire.explicit,
        isrc=isrc if isinstance(isrc, str) else None,
        popularity=wire.popularity,
        preview_url=wire.preview_url,
        linked_from=wire.linked_from.id if wire.linked_from else None,
        is_playable=wire.is_playable,
        restriction=wire.restrictions.reason if wire.restrictions else None,
        available_markets=(
            None if wire.available_markets is None else tuple(sorted(wire.available_markets))
        ),
    )


def _playlist(
    wire: models.WirePlaylistRow | models.WirePlaylist, total: int | None, followers: int | None
) -> Playlist:
    owner = wire.owner or models.WireOwner()
    return Playlist(
        playlist_id=wire.id,
        name=wire.name or "",
        owner_id=owner.id,
        owner_name=owner.display_name,
        snapshot_id=wire.snapshot_id,
        total=total,
        followers=followers,
    )


def _image(images: Sequence[models.Image]) -> str | None:
    """The largest image; the API lists it first, older answers do not always."""
    best = max(images, key=lambda image: image.width or 0, default=None)
    return best.url if best else None


def _part(data: Mapping[str, Any], key: str) -> Any:
    if key not in data:
        raise AnswerError(f"no `{key}` in the answer")
    return data[key]


def _model(model: type[_M], raw: object) -> _M:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise AnswerError(f"{model.__name__}: {where}: {error.errors()[0]['msg']}") from None
