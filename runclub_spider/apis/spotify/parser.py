"""Spotify's answers into the catalogue's words. Pure; every row lands in a closed category."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

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
_M = TypeVar("_M", bound=models.Wire)

# Stands for an entry that holds neither null nor an object.
_MALFORMED = object()
# The type that is told of a row whose shape does not fit its model.
MALFORMED = "malformed"


@dataclass(slots=True)
class Oddities:
    """What an answer held that this code has never seen; counted, never fatal.

    `unknown` are rows by their type, `unexpected` are keys as `model.field`.
    """

    unknown: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)

    def note(self, *wires: models.Wire) -> None:
        """Count the keys of these objects that nothing reads."""
        for wire in wires:
            if found := models.unexpected(wire):
                self.unexpected.update(found)

    def add(self, other: Oddities) -> None:
        """Count another answer's as well."""
        self.unknown += other.unknown
        self.unexpected += other.unexpected


@dataclass(slots=True)
class TrackPage:
    """A page of tracks: `rows` in served order, `more` when another page follows."""

    rows: list[Row]
    more: bool
    total: int | None
    odd: Oddities = field(default_factory=Oddities)


@dataclass(slots=True)
class PlaylistPage:
    """A page of a playlist search; `nulls` counts entries without a list."""

    playlists: list[Playlist]
    more: bool
    nulls: int
    odd: Oddities = field(default_factory=Oddities)


@dataclass(slots=True)
class PlaylistRecord:
    """A playlist with its embedded first page; None where the key may not read it.

    `odd` is the record's own; the page's rows have theirs.
    """

    playlist: Playlist
    page: TrackPage | None
    odd: Oddities = field(default_factory=Oddities)


@dataclass(slots=True)
class ArtistBatch:
    """Artists of one answer; `nulls` are ids that Spotify does not know."""

    artists: list[Artist]
    nulls: int
    odd: Oddities = field(default_factory=Oddities)


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
    page = read_page(_part(decode(body), "tracks"))
    return read_tracks(page.items, offset, page)


def parse_playlist_search(body: bytes) -> PlaylistPage:
    """Rows of `GET /search?type=playlist`; literal nulls are usual since 2024-11-27."""
    page = read_page(_part(decode(body), "playlists"))
    found = read_playlists(page.items)
    found.more = page.next is not None and bool(page.items)
    found.odd.note(page)
    return found


def parse_playlist(body: bytes, asked: str = "") -> PlaylistRecord:
    """`GET /playlists/{id}`: the record and, where given, the first entries.

    An old starred list has no id of its own: it gets the one that was asked for.
    """
    record = _model(models.WirePlaylist, decode(body))
    contents = record.tracks or record.items
    if record.id is None and contents is None:
        raise AnswerError("neither id nor contents of a playlist in the answer")
    followers = record.followers.total if record.followers else None
    page = _entries(contents, 0) if contents else None
    found = PlaylistRecord(
        playlist=_playlist(
            record, record.id or asked, contents.total if contents else None, followers
        ),
        page=page,
    )
    found.odd.note(record)
    return found


def parse_playlist_items(body: bytes, *, offset: int) -> TrackPage:
    """`GET /playlists/{id}/tracks` (or `/items`)."""
    page = read_page(decode(body))
    found = _entries(page, offset)
    found.odd.note(page)
    return found


def parse_artist_batch(body: bytes) -> ArtistBatch:
    """The same, with what was left out."""
    rows = decode(body).get("artists")
    if not isinstance(rows, list):
        raise AnswerError("no list `artists` in the answer")
    wires, nulls, odd = read_rows(models.WireArtist, rows)
    return ArtistBatch([_artist(wire) for wire in wires], nulls, odd)


def parse_artist(body: bytes) -> Artist:
    """`GET /artists/{id}`."""
    return _artist(_model(models.WireArtist, decode(body)))


def _artist(wire: models.WireArtist) -> Artist:
    genres = None
    if "genres" in wire.model_fields_set:
        genres = tuple(dict.fromkeys(g for g in map(normalise_genre, wire.genres) if g))
    return Artist(wire.id, wire.name or "", genres, wire.popularity, _image(wire.images))


def read_page(raw: object) -> models.WirePage:
    """A paging object; `AnswerError` for anything else."""
    return _model(models.WirePage, raw)


def read_playlists(raws: Iterable[object]) -> PlaylistPage:
    """Playlists of a page; one without an id cannot be opened and counts as null."""
    wires, nulls, odd = read_rows(models.WirePlaylistRow, raws)
    found = PlaylistPage([], more=False, nulls=nulls, odd=odd)
    for row in wires:
        counts = row.tracks or row.items
        if row.id is None:
            found.nulls += 1
        else:
            found.playlists.append(_playlist(row, row.id, counts.total if counts else None, None))
    return found


def read_rows(model: type[_M], raws: Iterable[object]) -> tuple[list[_M], int, Oddities]:
    """Rows of one model, how many are null, and what is odd.

    One bad record must not spoil the rest, now and at every retry.
    """
    wires, nulls, odd = [], 0, Oddities()
    for raw in raws:
        if raw is None:
            nulls += 1
            continue
        try:
            wires.append(model.model_validate(raw))
        except ValidationError:
            odd.unknown[MALFORMED] += 1
    odd.note(*wires)
    return wires, nulls, odd


def read_tracks(
    raws: Sequence[object], offset: int = 0, page: models.WirePage | None = None
) -> TrackPage:
    """Track objects (or nulls) into rows; `page` is the paging object they came in."""
    found = TrackPage([], more=False, total=None)
    for position, raw in enumerate(raws, offset):
        found.rows.append(_row(raw, position, found.odd))
    if page is not None:
        found.odd.note(page)
        found.total = page.total
        # An empty page ends a query whatever `next` and `total` say (reference, 1.2).
        found.more = page.next is not None and bool(raws)
    return found


def _row(raw: object, position: int, odd: Oddities) -> Row:
    """One track object (or null) into its category.

    An episode asked for as a track comes disguised: its `type` still says episode (reference,
    1.7). Local files have no id.
    """
    if raw is None:
        return Row(position, RowKind.NULL)
    try:
        wire = models.WireTrack.model_validate(raw)
    except ValidationError:
        odd.unknown[MALFORMED] += 1
        return Row(position, RowKind.UNKNOWN)
    uri, kind = wire.uri or "", (wire.type or "track").lower()
    if kind == "episode" or wire.episode or uri.startswith("spotify:episode:"):
        return Row(position, RowKind.EPISODE)
    if wire.is_local or uri.startswith("spotify:local:"):
        return Row(position, RowKind.LOCAL)
    if kind != "track":
        odd.unknown[kind[:40]] += 1
        return Row(position, RowKind.UNKNOWN)
    if not wire.id or not _ID.fullmatch(wire.id):
        return Row(position, RowKind.NULL)
    odd.note(wire)
    return Row(position, RowKind.TRACK, _track(wire))


def _entries(page: models.WirePage, offset: int) -> TrackPage:
    contents: list[object] = []
    odd = Oddities()
    for raw in page.items:
        if raw is None:
            contents.append(None)
            continue
        try:
            entry = models.WireEntry.model_validate(raw)
        except ValidationError:
            contents.append(_MALFORMED)
            continue
        odd.note(entry)
        content = entry.content
        if content is not None and entry.is_local:
            content = {**content, "is_local": True}
        contents.append(content)
    found = read_tracks(contents, offset)
    found.total, found.more = page.total, page.next is not None and bool(page.items)
    found.odd.add(odd)
    return found


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
    wire: models.WirePlaylistRow | models.WirePlaylist,
    playlist_id: str,
    total: int | None,
    followers: int | None,
) -> Playlist:
    owner = wire.owner or models.WireOwner()
    return Playlist(
        playlist_id=playlist_id,
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
