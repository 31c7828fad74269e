"""Spotify's answers into the catalogue's words. Pure; every row lands in a closed category."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from runclub_spider.apis import wire as gate
from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.spotify import models
from runclub_spider.apis.wire import (
    MOST_GENRE,
    MOST_GENRES,
    SPOTIFY_ID,
    Oddities,
    Reading,
    Unreadable,
    admit,
    countries,
    decode,
    isrc,
    read_exact,
    rows_of,
    word,
)
from runclub_spider.catalog.dates import normalise_release_date
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
from runclub_spider.catalog.normalize import clean_text

_M = TypeVar("_M", bound=models.Wire)

# The address of a track that its list has lost (recorded answers).
_LOST = "spotify:track:null"
# How a date is written that nobody knows.
_UNKNOWN_DATE = "0000"


@dataclass(slots=True)
class TrackPage(Reading):
    """A page of tracks: `rows` in served order, `more` when another page follows."""

    rows: list[Row]
    more: bool
    total: int | None


@dataclass(slots=True)
class PlaylistPage(Reading):
    """A page of a playlist search; `nulls` counts entries without a list."""

    playlists: list[Playlist]
    more: bool
    nulls: int


@dataclass(slots=True)
class PlaylistRecord(Reading):
    """A playlist with its embedded first page; None where the key may not read it.

    What is said of the reading is the record's own; the page's rows have theirs.
    """

    playlist: Playlist
    page: TrackPage | None


@dataclass(slots=True)
class ArtistBatch(Reading):
    """Artists of one answer; `nulls` are ids that Spotify does not know."""

    artists: list[Artist]
    nulls: int


def note(odd: Oddities, *wires: models.Wire) -> None:
    """Count the keys of these objects that nothing reads."""
    for wire in wires:
        if found := models.unexpected(wire):
            odd.unexpected.update(found)


def parse_track_search(body: bytes, *, offset: int) -> TrackPage:
    """Rows of `GET /search?type=track`."""
    exact = read_exact(models.WireTrackSearch, body)
    if exact is not None:
        return _exact_rows(_categorised, exact.tracks.items, exact.tracks, offset)
    odd = Oddities()
    page = read_page(_part(decode(body), "tracks"), odd)
    return read_tracks(page.items, offset, page, odd)


def parse_playlist_search(body: bytes) -> PlaylistPage:
    """Rows of `GET /search?type=playlist`; literal nulls are usual since 2024-11-27."""
    odd = Oddities()
    page = read_page(_part(decode(body), "playlists"), odd)
    found = read_playlists(page.items)
    found.more = page.next is not None and bool(page.items)
    found.odd.add(odd)
    return found


def parse_playlist(body: bytes, asked: str = "") -> PlaylistRecord:
    """`GET /playlists/{id}`: the record and, where given, the first entries.

    An old starred list has no id of its own: it gets the one that was asked for.
    """
    odd = Oddities()
    record = _whole(models.WirePlaylist, decode(body), odd)
    held = record.tracks if record.tracks is not None else record.items
    if record.id is None and held is None:
        raise AnswerError("neither id nor contents of a playlist in the answer")
    contents = None if held is None else read_page(held, odd)
    followers = record.followers.total if record.followers else None
    note(odd, record)
    return PlaylistRecord(
        playlist=_playlist(
            record, record.id or asked, contents.total if contents else None, followers, odd
        ),
        page=_entries(contents, 0) if contents else None,
        read=1,
        odd=odd,
    )


def parse_playlist_items(body: bytes, *, offset: int) -> TrackPage:
    """`GET /playlists/{id}/tracks` (or `/items`)."""
    exact = read_exact(models.WireEntryPage, body)
    if exact is not None:
        return _exact_rows(_exact_entry, exact.items, exact, offset)
    odd = Oddities()
    found = _entries(read_page(decode(body), odd), offset)
    found.odd.add(odd)
    return found


def parse_artist_batch(body: bytes) -> ArtistBatch:
    """The same, with what was left out."""
    exact = read_exact(models.WireArtists, body)
    if exact is not None:
        wires = [wire for wire in exact.artists if wire is not None]
        found = ArtistBatch([], len(exact.artists) - len(wires), read=len(wires))
        found.artists += [_artist(wire, found.odd) for wire in wires]
        return found
    rows = rows_of(decode(body), "artists")
    found = ArtistBatch([], rows.count(None))
    found.artists += [
        _artist(wire, found.odd) for wire in read_rows(models.WireArtist, rows, found)
    ]
    return found


def parse_artist(body: bytes, odd: Oddities | None = None) -> Artist:
    """`GET /artists/{id}`; what is odd is added to `odd`."""
    odd = Oddities() if odd is None else odd
    return _artist(_whole(models.WireArtist, decode(body), odd), odd)


def _artist(wire: models.WireArtist, odd: Oddities) -> Artist:
    genres = None
    if wire.genres is not None:
        said = [one for one in wire.genres if isinstance(one, str) and len(one) <= MOST_GENRE]
        found = dict.fromkeys(normalise_genre(clean_text(one)) for one in said)
        found.pop("", None)
        genres = tuple(found)[:MOST_GENRES]
        if wrong := len(wire.genres) - len(said) + len(found) - len(genres):
            odd.dropped["artist.genres"] += wrong
    name = clean_text(wire.name or "")
    return Artist(wire.id, name, genres, wire.popularity, _image(wire.images))


def read_page(raw: object, odd: Oddities) -> models.WirePage:
    """A paging object; `AnswerError` for anything else."""
    page = _whole(models.WirePage, raw, odd)
    if odd.dropped["page.next"]:
        if not page.items:
            raise AnswerError("`next` of a page without rows is no address")
        # It said that rows follow, unless the total says that they do not; a page too many is
        # empty, while one too few would be lost.
        served = (page.offset or 0) + len(page.items)
        page.next = "" if page.total is None or served < page.total else None
    note(odd, page)
    return page


def read_playlists(raws: Sequence[object]) -> PlaylistPage:
    """Playlists of a page; one without an id cannot be opened and counts as null."""
    found = PlaylistPage([], more=False, nulls=raws.count(None))
    for row in read_rows(models.WirePlaylistRow, raws, found):
        counts = row.tracks or row.items
        if row.id is None:
            found.nulls += 1
            found.read -= 1
            found.unreadable["playlist.id"] += 1
        else:
            total = counts.total if counts else None
            found.playlists.append(_playlist(row, row.id, total, None, found.odd))
    return found


def read_rows(model: type[_M], raws: Iterable[object], reading: Reading) -> list[_M]:
    """Rows of one model; what cannot be read, and the keys that nothing reads, are noted."""
    wires = gate.read_rows(model, raws, reading)
    note(reading.odd, *wires)
    return wires


def read_tracks(
    raws: Sequence[object],
    offset: int = 0,
    page: models.WirePage | None = None,
    odd: Oddities | None = None,
) -> TrackPage:
    """Track objects (or nulls) into rows; `page` is the paging object they came in."""
    found = TrackPage([], more=False, total=None, odd=Oddities() if odd is None else odd)
    for position, raw in enumerate(raws, offset):
        found.rows.append(_row(raw, position, found))
    if page is not None:
        found.total = page.total
        # An empty page ends a query whatever `next` and `total` say (reference, 1.2).
        found.more = page.next is not None and bool(raws)
    return found


def _row(raw: object, position: int, page: TrackPage) -> Row:
    """One track object (or null) into its category."""
    if raw is None:
        return Row(position, RowKind.NULL)
    try:
        wire = admit(models.WireTrack, raw, page.odd)
    except Unreadable as error:
        page.refuse(error.field)
        return Row(position, RowKind.UNKNOWN)
    row = _categorised(wire, position, page)
    if row.track is not None:
        note(page.odd, wire)
    return row


def _categorised(wire: models.WireTrack, position: int, page: TrackPage) -> Row:
    """A track object that was read into its category.

    An episode asked for as a track comes disguised: its `type` still says episode (reference,
    1.7). Local files have no id.
    """
    odd = page.odd
    uri, kind = wire.uri or "", (wire.type or "track").lower()
    if kind == "episode" or wire.episode or uri.startswith("spotify:episode:"):
        page.read += 1
        return Row(position, RowKind.EPISODE)
    if wire.is_local or uri.startswith("spotify:local:"):
        page.read += 1
        return Row(position, RowKind.LOCAL)
    if kind != "track":
        page.refuse("track.type", clean_text(kind, 40))
        return Row(position, RowKind.UNKNOWN)
    if not wire.id or not SPOTIFY_ID.fullmatch(wire.id):
        if uri != _LOST:
            page.unreadable["track.id"] += 1
        return Row(position, RowKind.NULL)
    page.read += 1
    track = _track(wire, odd)
    if wanting := _wanting(wire, track):
        page.wanting[wanting] += 1
    return Row(position, RowKind.TRACK, track)


def _wanting(wire: models.WireTrack, track: Track) -> str | None:
    """What a track lacks that even one taken down has, if only as an empty text or list."""
    if wire.name is None:
        return "track.name"
    if wire.artists is None:
        return "track.artists"
    return "artist.id" if wire.artists and not track.artists else None


def _entries(page: models.WirePage, offset: int) -> TrackPage:
    found = TrackPage([], more=page.next is not None and bool(page.items), total=page.total)
    for position, raw in enumerate(page.items, offset):
        found.rows.append(_entry(raw, position, found))
    return found


def _entry(raw: object, position: int, page: TrackPage) -> Row:
    """An entry of a list by what it holds."""
    if raw is None:
        return Row(position, RowKind.NULL)
    try:
        entry = admit(models.WireEntry, raw, page.odd)
    except Unreadable as error:
        page.refuse(error.field)
        return Row(position, RowKind.UNKNOWN)
    note(page.odd, entry)
    if entry.empty:
        page.unreadable["entry.item"] += 1
    content = entry.content
    if entry.is_local and isinstance(content, dict):
        content = {**content, "is_local": True}
    return _row(content, position, page)


def _exact_rows(
    row: Callable[[_M, int, TrackPage], Row],
    wires: Iterable[_M | None],
    page: models.WirePage,
    offset: int,
) -> TrackPage:
    """Rows of an answer that was read in one go; there is no key in it that nothing reads."""
    found = TrackPage([], more=page.next is not None and bool(page.items), total=page.total)
    found.rows += [
        Row(position, RowKind.NULL) if wire is None else row(wire, position, found)
        for position, wire in enumerate(wires, offset)
    ]
    return found


def _exact_entry(entry: models.WireTrackEntry, position: int, page: TrackPage) -> Row:
    held = [one for one in (entry.item, entry.track) if one is not models.ABSENT]
    if not held:
        page.unreadable["entry.item"] += 1
    # As in `WireEntry`: an object before anything else, and one that holds something first.
    found = [one for one in held if one is not None]
    content = next((one for one in found if one != type(one)()), found[0] if found else None)
    if content is None:
        return Row(position, RowKind.NULL)
    if entry.is_local:
        content.is_local = True
    return _categorised(content, position, page)


def _track(wire: models.WireTrack, odd: Oddities) -> Track:
    album = wire.album or models.WireAlbum()
    return Track(
        track_id=str(wire.id),
        name=clean_text(wire.name or ""),
        artists=_artists(wire.artists or (), odd),
        album=Album(
            album_id=album.id,
            name=clean_text(album.name or ""),
            album_type=word(album.album_type, odd, "album.album_type"),
            release_date=_date(album.release_date, odd),
            image_url=_image(album.images),
        ),
        duration_ms=wire.duration_ms or 0,
        explicit=bool(wire.explicit),
        isrc=isrc((wire.external_ids or {}).get("isrc"), odd, "track.isrc"),
        popularity=wire.popularity,
        preview_url=wire.preview_url,
        linked_from=wire.linked_from.id if wire.linked_from else None,
        is_playable=wire.is_playable,
        restriction=_reason(wire.restrictions, odd),
        available_markets=(
            None
            if wire.available_markets is None
            else countries(wire.available_markets, odd, "track.available_markets")
        ),
    )


def _artists(wires: Sequence[models.WireArtistRef], odd: Oddities) -> tuple[ArtistRef, ...]:
    """Those with an id, in their order; of one that is named twice the first place counts."""
    if len(wires) == 1 and wires[0].id is not None:
        return (ArtistRef(wires[0].id, clean_text(wires[0].name or "")),)
    found: dict[str, str] = {}
    for wire in wires:
        if wire.id is None:
            continue
        if wire.id in found:
            odd.dropped["track.artists"] += 1
        found[wire.id] = found.get(wire.id) or clean_text(wire.name or "")
    return tuple(ArtistRef(artist_id, name) for artist_id, name in found.items())


def _reason(wire: models.WireRestrictions | None, odd: Oddities) -> str | None:
    return word(wire.reason, odd, "restrictions.reason") if wire else None


def _date(said: str | None, odd: Oddities) -> str | None:
    date = normalise_release_date(said)
    if date is None and said and not said.startswith(_UNKNOWN_DATE):
        odd.dropped["album.release_date"] += 1
    return date


def _playlist(
    wire: models.WirePlaylistRow | models.WirePlaylist,
    playlist_id: str,
    total: int | None,
    followers: int | None,
    odd: Oddities,
) -> Playlist:
    owner = wire.owner or models.WireOwner()
    return Playlist(
        playlist_id=playlist_id,
        name=clean_text(wire.name or ""),
        owner_id=word(owner.id, odd, "owner.id"),
        owner_name=clean_text(owner.display_name or "") or None,
        snapshot_id=word(wire.snapshot_id, odd, "playlist.snapshot_id"),
        total=total,
        followers=followers,
    )


def _image(images: Sequence[models.Image] | None) -> str | None:
    """The largest image; the API lists it first, older answers do not always."""
    if not images:
        return None
    best = images[0]
    for image in images:
        if (image.width or 0) > (best.width or 0):
            best = image
    return best.url


def _part(data: Mapping[str, Any], key: str) -> Any:
    if key not in data:
        raise AnswerError(f"no `{key}` in the answer")
    return data[key]


def _whole(model: type[_M], raw: object, odd: Oddities) -> _M:
    """The record that an answer is; `AnswerError` when it cannot be read."""
    try:
        return admit(model, raw, odd)
    except Unreadable as error:
        raise AnswerError(f"`{error.field}` cannot be read") from None
