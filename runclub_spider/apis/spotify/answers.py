"""What an answer of the Web API is: rows of a closed list of categories, or one of its problems.

`problem_of` is what the crawl, the probe and `scrapy doctor` decide by. `classify` goes on to
read the rows, for every endpoint of the catalogue that is on record; the crawl asks few of them,
but what a key may ask has changed three times in two years.
Source: reference, 1 (endpoints and shapes) and 4.3 (errors).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.spotify import models, parser
from runclub_spider.apis.wire import Oddities, Reading, decode
from runclub_spider.catalog.markets import cure
from runclub_spider.catalog.models import RowKind


class Problem(StrEnum):
    """Why an answer is not what was asked for: the closed list."""

    # Asking again with a fresh token helps.
    TOKEN = "token refused"  # noqa: S105 - a name, not a token
    # The account's; nothing this key asks is answered until a person mends it.
    PREMIUM = "the app's owner has no Premium"
    USER = "the user is not on the app's allow-list"
    APP = "the app or the account is shut out"
    # The run's; every call of it would be refused.
    MARKET = "market refused"
    PARAMETER = "a parameter of every call refused"
    # The page's own; asking again gives the same.
    PAGE_SIZE = "page too large for this key"
    BAD_REQUEST = "bad request"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    # The moment's; asking again later helps.
    RATE_LIMIT = "rate limit"
    QUOTA = "quota exceeded"
    SERVER_ERROR = "server error"
    # Not the answer of this API, or cut short.
    UNREADABLE = "unreadable"
    UNEXPECTED = "unexpected status"


# Refusals that no other page would escape.
WHOLE = frozenset({Problem.PREMIUM, Problem.USER, Problem.APP, Problem.MARKET, Problem.PARAMETER})
PAGE = frozenset({Problem.BAD_REQUEST, Problem.FORBIDDEN, Problem.NOT_FOUND})
PASSING = frozenset({Problem.RATE_LIMIT, Problem.QUOTA, Problem.SERVER_ERROR})

_CURES = {
    Problem.TOKEN: "Spotify refuses fresh tokens (401); check the app's settings",
    Problem.PREMIUM: (
        "Spotify refuses (403): the owner of this app needs an active Premium subscription; "
        "a change takes some hours to arrive"
    ),
    Problem.USER: (
        "Spotify refuses (403): add this user to the app's allow-list in the dashboard, or unset "
        "SPOTIFY_REFRESH_TOKEN"
    ),
}
# What a 400 names. A page's size and place, its term and its id are its own.
_SIZE = re.compile(r"\blimit\b")
_OWN = re.compile(r"\b(?:offset|q|query|ids?|uris?)\b")
_MARKET = re.compile(r"\b(?:market|country)\b")
_PARAMETER = re.compile(r"\b(?:additional_types|types?|fields?)\b")
_OWNER = re.compile(r"\b(?:app|application|account|developer)\b")


def problem_of(status: int, body: bytes) -> Problem | None:
    """The problem that status and body tell of; None for a 200, whose body may still be odd."""
    if status == 200:
        return None
    text = body[:2000].lower()
    said = _message(body).lower()
    match status:
        case 400:
            return _of_bad_request(said)
        case 401:
            return Problem.APP if _OWNER.search(said) else Problem.TOKEN
        case 403 if b"premium" in text:
            return Problem.PREMIUM
        case 403 if b"register" in text:
            return Problem.USER
        case 403:
            return Problem.APP if _OWNER.search(said) else Problem.FORBIDDEN
        case 404:
            return Problem.NOT_FOUND
        case 429:
            return Problem.QUOTA if b"quota_exceeded" in text else Problem.RATE_LIMIT
        case _ if status >= 500:
            return Problem.SERVER_ERROR
    return Problem.UNEXPECTED


def _of_bad_request(said: str) -> Problem:
    if _SIZE.search(said):
        # `Invalid limit`: the page was too large, which tells the regimes apart.
        return Problem.PAGE_SIZE
    if _MARKET.search(said):
        return Problem.MARKET
    if _PARAMETER.search(said) and not _OWN.search(said):
        return Problem.PARAMETER
    return Problem.BAD_REQUEST


def explain(problem: Problem, status: int, body: bytes, *, market: str = "US") -> str:
    """One line with the cause, and the cure where the reference knows one.

    `market` is the one that was asked for.
    """
    if problem in _CURES:
        return _CURES[problem]
    said = _message(body)
    if problem is Problem.MARKET:
        return (
            f"Spotify refuses the market {market} ({status}: {said}): {cure(market)}, by "
            "-a market or MARKET"
        )
    told = f"Spotify answered {status} ({problem})" + (f": {said}" if said else "")
    if problem in PASSING:
        return f"{told}; try again later"
    return f"{told}; check SPOTIFY_API_BASE_URL and the app in the dashboard"


def _message(body: bytes) -> str:
    """What the server says in its own words: JSON's `error.message`, else the text itself."""
    try:
        error = orjson.loads(body)["error"]
        said = error.get("message") or error.get("description") or ""
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        said = body.decode("utf-8", "replace")
    shown = "".join(c if c.isprintable() else " " for c in str(said))
    return " ".join(shown.split())[:120]


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
        said = f"an answer could not be read ({error}); check SPOTIFY_API_BASE_URL"
        return Answer(name, Contents(), Problem.UNREADABLE, said)
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
