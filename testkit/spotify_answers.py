"""What any answer of the Web API is: rows by a closed list of categories, or one of its problems.

For every endpoint of the catalogue that is on record, so that every recorded answer is read; the
crawl asks few of them, but what a key may ask has changed three times in two years.
Source: reference, 1 (endpoints and shapes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.spotify import models, parser
from runclub_spider.apis.spotify.answers import Problem, explain, problem_of, unreadable
from runclub_spider.apis.wire import Oddities, Reading, decode
from runclub_spider.catalog.models import RowKind


class Thing(StrEnum):
    """Categories of what is no row of a track list; those are in `catalog.models`."""

    ALBUM = "album"
    ARTIST = "artist"
    PLAYLIST = "playlist"
    AUDIO_FEATURES = "audio features"
    GENRE = "genre"


@dataclass(slots=True)
class Contents:
    """Rows by category, and what was odd about them.

    Categories are the `RowKind`s, `restricted` and `relinked` (each beside its `track`), and the
    `Thing`s.
    """

    rows: Counter[str] = field(default_factory=Counter)
    odd: Oddities = field(default_factory=Oddities)

    def take(self, page: parser.TrackPage) -> None:
        """Count a page of tracks."""
        for row in page.rows:
            self.rows.update(row.categories)
        self.odd.add(page.odd)

    def take_playlists(self, page: parser.PlaylistPage) -> None:
        """Count a page of playlists."""
        self.count(Thing.PLAYLIST, len(page.playlists), page.nulls, page.odd)

    def count(self, thing: Thing, found: int, nulls: int, odd: Oddities) -> None:
        """Count rows of another kind."""
        self.rows.update({thing: found, RowKind.NULL: nulls, RowKind.UNKNOWN: odd.unknown.total()})
        self.odd.add(odd)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a named endpoint: contents, or a problem and the line that tells of it."""

    endpoint: str
    contents: Contents
    problem: Problem | None = None
    said: str = ""


def classify(path: str, status: int, body: bytes) -> Answer:
    """One answer to a GET of a path below the base URL, such as `albums/4MQnUDGXmHOvnsWCpzeqWT`."""
    contents = Contents()
    endpoint = next((e for e in _ENDPOINTS if e.matches(path)), None)
    name = endpoint.name if endpoint else "unknown"
    problem = problem_of(status, body)
    if problem is not None:
        return Answer(name, contents, problem, explain(problem, status, body))
    try:
        if endpoint is None:
            raise AnswerError("no endpoint on record")
        endpoint.read(contents, body)
    except AnswerError as error:
        return Answer(name, Contents(), Problem.UNREADABLE, unreadable(error))
    return Answer(name, contents)


_Reader = Callable[[Contents, bytes], None]
_RowReader = Callable[[Contents, Sequence[object]], None]


def _search(contents: Contents, body: bytes) -> None:
    """One page for each type that was asked for."""
    kinds = decode(body).keys() & _SEARCHED.keys()
    if not kinds:
        raise AnswerError("a search without any page")
    for kind in sorted(kinds):
        _SEARCHED[kind](contents, body)


def _playlist_search(contents: Contents, body: bytes) -> None:
    contents.take_playlists(parser.parse_playlist_search(body))


def _playlists(contents: Contents, raws: Sequence[object]) -> None:
    contents.take_playlists(parser.read_playlists(raws))


def _playlist(contents: Contents, body: bytes) -> None:
    record = parser.parse_playlist(body)
    contents.count(Thing.PLAYLIST, 1, 0, record.odd)
    if record.page is not None:
        contents.take(record.page)


def _artists(contents: Contents, body: bytes) -> None:
    batch = parser.parse_artist_batch(body)
    contents.count(Thing.ARTIST, len(batch.artists), batch.nulls, batch.odd)


def _tracks(contents: Contents, raws: Sequence[object]) -> None:
    contents.take(parser.read_tracks(raws))


def _things(thing: Thing, model: type[models.Wire]) -> _RowReader:
    def read(contents: Contents, raws: Sequence[object]) -> None:
        reading = Reading()
        wires = parser.read_rows(model, raws, reading)
        contents.count(thing, len(wires), raws.count(None), reading.odd)

    return read


def _albums(contents: Contents, raws: Sequence[object]) -> None:
    """Albums, and the tracks that a full one carries."""
    _things(Thing.ALBUM, models.WireAlbum)(contents, raws)
    for raw in raws:
        embedded = raw.get("tracks") if isinstance(raw, Mapping) else None
        if embedded is not None:
            odd = Oddities()
            page = parser.read_page(embedded, odd)
            contents.take(parser.read_tracks(page.items, 0, page, odd))


def _genres(contents: Contents, raws: Sequence[object]) -> None:
    known = sum(isinstance(raw, str) for raw in raws)
    contents.rows.update({Thing.GENRE: known, RowKind.UNKNOWN: len(raws) - known})


def _below(key: str | None, read: _RowReader) -> _Reader:
    """Reads what stands below a key, or the whole body: a list, a page of one, or one object."""

    def reader(contents: Contents, body: bytes) -> None:
        found: Any = decode(body)
        if key is not None:
            if key not in found:
                raise AnswerError(f"no `{key}` in the answer")
            found = found[key]
        if isinstance(found, Mapping) and "items" in found and "id" not in found:
            found = parser.read_page(found, contents.odd).items
        read(contents, found if isinstance(found, list) else [found])

    return reader


_SEARCHED: dict[str, _Reader] = {
    "tracks": lambda contents, body: contents.take(parser.parse_track_search(body, offset=0)),
    "playlists": _playlist_search,
    "artists": _below("artists", _things(Thing.ARTIST, models.WireArtist)),
    "albums": _below("albums", _albums),
    "episodes": _below("episodes", _tracks),
}


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A kind of address: `*` in its paths is one id or word."""

    name: str
    paths: str
    read: _Reader

    def matches(self, path: str) -> bool:
        """Whether a path below the base URL is one of these."""
        parts = path.strip("/").split("/")
        return any(
            len(parts) == len(wanted)
            and all(w in {"*", part} and part for w, part in zip(wanted, parts, strict=True))
            for wanted in (one.split("/") for one in self.paths.split())
        )


_one_artist = _things(Thing.ARTIST, models.WireArtist)
_features = _things(Thing.AUDIO_FEATURES, models.WireFeatures)
_ENDPOINTS = (
    _Endpoint("search", "search", _search),
    _Endpoint("playlist", "playlists/* users/*/playlists/* users/*/starred", _playlist),
    _Endpoint(
        "playlist items",
        "playlists/*/tracks playlists/*/items users/*/playlists/*/tracks users/*/starred/tracks",
        lambda contents, body: contents.take(parser.parse_playlist_items(body, offset=0)),
    ),
    _Endpoint("playlists of a user", "users/*/playlists me/playlists", _below(None, _playlists)),
    _Endpoint(
        "playlists to browse",
        "browse/featured-playlists browse/categories/*/playlists",
        _below("playlists", _playlists),
    ),
    _Endpoint("track", "tracks/*", _below(None, _tracks)),
    _Endpoint("tracks", "tracks artists/*/top-tracks recommendations", _below("tracks", _tracks)),
    _Endpoint("artist", "artists/*", _below(None, _one_artist)),
    _Endpoint("artists", "artists artists/*/related-artists", _artists),
    _Endpoint("album", "albums/*", _below(None, _albums)),
    _Endpoint("albums", "albums browse/new-releases", _below("albums", _albums)),
    _Endpoint("albums of an artist", "artists/*/albums", _below(None, _albums)),
    _Endpoint("tracks of an album", "albums/*/tracks", _below(None, _tracks)),
    _Endpoint("episode", "episodes/*", _below(None, _tracks)),
    _Endpoint("episodes", "episodes", _below("episodes", _tracks)),
    _Endpoint("features of a track", "audio-features/*", _below(None, _features)),
    _Endpoint("audio features", "audio-features", _below("audio_features", _features)),
    _Endpoint("genres", "recommendations/available-genre-seeds", _below("genres", _genres)),
)
