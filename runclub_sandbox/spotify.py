"""The Spotify Web API in two regimes (reference 1)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .fields import MaskError, parse_mask
from .quotes import understood
from .regimes import REGIMES, Regime
from .render import Json, View, page
from .search import DEPTH, Hits
from .service import Call, Reply, State, json_reply
from .tokens import Access
from .world import ALPHABET, ID_LENGTH, KNOWN_MARKETS, MARKETS, USER_COUNTRY, USER_ID, Playlist

SEARCH_TYPES = ("album", "artist", "playlist", "track", "show", "episode", "audiobook")
ITEMS_PER_PAGE = {"tracks": 100, "items": 50}
EMBEDDED_ITEMS = 100

_PREMIUM = (
    b"Active premium subscription required for the owner of the app. "
    b"Changes of the subscription can take a few hours to arrive."
)


class ApiError(Exception):
    """An error of the API: status and message of its JSON body."""

    def __init__(self, status: int, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.status, self.message, self.refused = status, message, refused


@dataclass(slots=True)
class _Asked:
    """A call with what its token and market make of it."""

    call: Call
    access: Access
    view: View
    arguments: tuple[str, ...]

    @property
    def regime(self) -> Regime:
        return self.view.regime


_Handler = Callable[["Spotify", _Asked], Any]


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A path pattern (``*`` is one id), how it is counted, and what answers it.

    ``many``: takes ``ids``, removed in development mode; ``removed``: removed there likewise.
    """

    path: str
    family: str
    bucket: str
    handler: str
    kind: str | None = None
    many: bool = False
    removed: bool = False

    def matches(self, parts: tuple[str, ...]) -> tuple[str, ...] | None:
        pattern = self.path.split("/")
        if len(pattern) != len(parts):
            return None
        found = []
        for wanted, part in zip(pattern, parts, strict=True):
            if wanted == "*":
                found.append(part)
            elif wanted != part:
                return None
        return tuple(found)


_ENDPOINTS = (
    _Endpoint("search", "search", "search", "search"),
    _Endpoint("tracks", "tracks", "track", "tracks", "track", many=True, removed=True),
    _Endpoint("tracks/*", "track", "track", "track", "track"),
    _Endpoint("artists", "artists", "artist", "artists", "artist", many=True, removed=True),
    _Endpoint("artists/*", "artist", "artist", "artist", "artist"),
    _Endpoint("artists/*/albums", "artist_albums", "artist", "artist_albums"),
    _Endpoint("artists/*/top-tracks", "artist_top", "artist", "artist_top", removed=True),
    _Endpoint("artists/*/related-artists", "artist_related", "artist", "gone"),
    _Endpoint("albums", "albums", "album", "albums", "album", many=True, removed=True),
    _Endpoint("albums/*", "album", "album", "album", "album"),
    _Endpoint("albums/*/tracks", "album_tracks", "album", "album_tracks"),
    _Endpoint("playlists/*", "playlist", "playlist", "playlist", "playlist"),
    _Endpoint(
        "playlists/*/tracks", "playlist_items", "playlist_items", "playlist_items", removed=True
    ),
    _Endpoint("playlists/*/items", "playlist_items", "playlist_items", "playlist_items"),
    _Endpoint("me", "me", "me", "me"),
    _Endpoint("me/playlists", "me_playlists", "me", "me_playlists"),
    _Endpoint("markets", "markets", "me", "markets", removed=True),
    _Endpoint("users/*", "user", "me", "user", removed=True),
    _Endpoint("users/*/playlists", "user_playlists", "me", "user_playlists", removed=True),
    _Endpoint("audio-features", "audio_features", "track", "forbidden"),
    _Endpoint("audio-features/*", "audio_features", "track", "forbidden"),
    _Endpoint("audio-analysis/*", "audio_analysis", "track", "forbidden"),
    _Endpoint("recommendations", "recommendations", "track", "gone"),
)


class Spotify:
    """Every read a catalogue crawler could want, and the refusals of the rest."""

    name = "spotify"
    prefix = "/spotify/v1"

    def __init__(self, state: State) -> None:
        self.state = state

    def classify(self, call: Call) -> None:
        """Finds the client and the endpoint; a search is counted under its types."""
        if (access := self.state.tokens.find(_bearer(call))) is not None:
            call.client = access.client
        endpoint, arguments = _route(call.parts)
        if endpoint is None:
            return
        call.family, call.bucket = endpoint.family, endpoint.bucket
        if endpoint.handler == "search":
            types = [one for one in call.listed("type") if one in SEARCH_TYPES]
            call.family = "_".join(["search", *sorted(set(types))])
        call.kind, call.batch = endpoint.kind, endpoint.many
        if call.kind is not None:
            call.ids = call.listed("ids") if endpoint.many else arguments

    def answer(self, call: Call) -> Reply:
        """Token, account, limits, regime, then the endpoint, in the order the real API checks."""
        access = self._access(call)
        if isinstance(access, Reply):
            return access
        state = self.state.options.account_state
        if state == "not-premium":
            return Reply(403, _PREMIUM, "text/plain; charset=utf-8")
        if state == "not-allowlisted" and access.user:
            return error(403, "User not registered in the Developer Dashboard")
        if refused := self.state.limit(self, call, self.state.options.rate_limit):
            return refused
        endpoint, arguments = _route(call.parts)
        if endpoint is None or call.method != "GET":
            return error(404, "Service not found")
        try:
            asked = _Asked(call, access, self._view(call, access), arguments)
            if endpoint.removed and not asked.regime.batch_reads:
                raise ApiError(403, "Forbidden", refused=True)
            content = getattr(self, f"_{endpoint.handler}")(asked)
        except ApiError as problem:
            return error(problem.status, problem.message, refused=problem.refused)
        return json_reply(200, content, Cache_Control="private, max-age=0")

    def server_error(self, status: int) -> Reply:
        """500 and 503 come as JSON, 502 and 504 as the gateway's text."""
        if status in {502, 504}:
            return Reply(status, b"<html>Bad gateway</html>", "text/html")
        return error(status, {500: "Server error."}.get(status, "Service unavailable"))

    def too_many(self, *, quota: bool) -> Reply:
        """A 429; only the quota's has a ``reason`` (reference 4.3)."""
        body: Json = {"status": 429, "message": "API rate limit exceeded"}
        if quota:
            body["reason"] = "QUOTA_EXCEEDED"
        return json_reply(429, {"error": body})

    def expire(self, call: Call) -> Reply:
        """The fault ``expired``: ends the call's token and says so."""
        self.state.tokens.expire(_bearer(call))
        return _unauthorized("The access token expired")

    # --- before the endpoint ------------------------------------------------------------------

    def _access(self, call: Call) -> Access | Reply:
        token = _bearer(call)
        if not token:
            return _unauthorized("No token provided")
        access = self.state.tokens.find(token)
        if access is None:
            return _unauthorized("Invalid access token")
        # looked at lazily so that a token can be ended in the middle of a run
        if access.expires_at <= time.time():
            return _unauthorized("The access token expired")
        return access

    def _view(self, call: Call, access: Access) -> View:
        sent = call.first("market")
        country = USER_COUNTRY if access.user else None
        if sent == "from_token" and country:
            sent = country
        if sent is not None and sent not in KNOWN_MARKETS:
            raise ApiError(400, "Invalid market code")
        return View(
            world=self.state.world,
            regime=REGIMES[self.state.options.regime],
            base=call.base,
            market=country or sent,
            market_sent=sent is not None,
            shares=self.state.options.withhold,
            odd=self.state.odd,
        )

    # --- search -------------------------------------------------------------------------------

    def _search(self, asked: _Asked) -> Json:
        call, view, regime = asked.call, asked.view, asked.regime
        text = call.first("q") or call.first("query") or ""
        if not text.strip():
            raise ApiError(400, "No search query")
        types = call.listed("type")
        if not types:
            raise ApiError(400, "Missing parameter type")
        for one in types:
            if one not in SEARCH_TYPES:
                raise ApiError(400, f"Bad search type field {one}")
        try:
            limit = _limit(call, regime.search_default, regime.search_limit)
        except ApiError as problem:
            problem.refused = _is_number(call.first("limit"), 1, 50)
            raise
        offset = _offset(call)
        if offset + limit > DEPTH:
            raise ApiError(400, "Invalid offset")
        options = self.state.options
        silent = not understood(
            text, options.filter_forms, plain_apostrophes=options.plain_apostrophes
        )
        found: Json = {}
        for kind in dict.fromkeys(types):
            hits = self.state.index.find(kind, text, view.market, holes=regime.name)
            if silent:
                hits = Hits((), 0)
            shown = [self._hit(view, kind, one) for one in hits.ids[offset : offset + limit]]
            query = {"query": text, "type": kind}
            if sent := call.first("market"):
                query["market"] = sent
            reachable = min(hits.total, DEPTH)
            more = offset + limit < reachable and offset + 2 * limit <= DEPTH
            found[f"{kind}s"] = page(
                f"{view.base}/search", query, shown, offset, limit, hits.total, more
            )
        return found

    def _hit(self, view: View, kind: str, one: str | None) -> Any:
        world = self.state.world
        if one is None:
            return None
        if kind == "track":
            return view.track(world.tracks[one])
        if kind == "artist":
            return view.artist(world.artists[one])
        if kind == "album":
            return view.album_simple(world.albums[one])
        return view.playlist_simple(world.playlists[one])

    # --- tracks, artists, albums --------------------------------------------------------------

    def _track(self, asked: _Asked) -> Any:
        found = self.state.world.tracks.get(_one_id(asked))
        if found is None:
            raise ApiError(404, "Non existing id: 'spotify:track:" + asked.arguments[0] + "'")
        return asked.view.track(found)

    def _tracks(self, asked: _Asked) -> Json:
        known = self.state.world.tracks
        return {
            "tracks": [
                asked.view.track(known[one]) if one in known else None for one in _ids(asked, 50)
            ]
        }

    def _artist(self, asked: _Asked) -> Any:
        found = self.state.world.artists.get(_one_id(asked))
        if found is None:
            raise ApiError(404, "Resource not found")
        return asked.view.artist(found)

    def _artists(self, asked: _Asked) -> Json:
        known = self.state.world.artists
        return {
            "artists": [
                asked.view.artist(known[one]) if one in known else None for one in _ids(asked, 50)
            ]
        }

    def _artist_albums(self, asked: _Asked) -> Json:
        call, world = asked.call, self.state.world
        artist = _one_id(asked)
        if artist not in world.artists:
            raise ApiError(404, "Resource not found")
        limit = _limit(call, min(20, asked.regime.artist_albums_limit), 50)
        if limit > asked.regime.artist_albums_limit:
            raise ApiError(400, "Invalid limit", refused=True)
        offset = _offset(call)
        groups = call.listed("include_groups")
        ids = [
            one for one in world.albums_of(artist) if not groups or world.albums[one].kind in groups
        ]
        rows = []
        for one in ids[offset : offset + limit]:
            row = asked.view.album_simple(world.albums[one])
            shown = isinstance(row, dict) and "album_type" in row
            if shown and "album_group" not in asked.regime.gone("album"):
                row["album_group"] = row["album_type"]
            rows.append(row)
        query = {"include_groups": ",".join(groups)} if groups else {}
        href = f"{asked.view.base}/artists/{artist}/albums"
        return page(href, query, rows, offset, limit, len(ids), offset + limit < len(ids))

    def _artist_top(self, asked: _Asked) -> Json:
        artist, world = _one_id(asked), self.state.world
        ids = [one for album in world.albums_of(artist) for one in world.albums[album].track_ids]
        best = sorted((world.tracks[one] for one in ids), key=lambda one: (-one.popularity, one.id))
        return {"tracks": [asked.view.track(one) for one in best[:10]]}

    def _album(self, asked: _Asked) -> Any:
        found = self.state.world.albums.get(_one_id(asked))
        if found is None:
            raise ApiError(404, "Resource not found")
        return asked.view.album(found, self._album_page(asked, found.id, 0, 50))

    def _albums(self, asked: _Asked) -> Json:
        known = self.state.world.albums
        return {
            "albums": [
                asked.view.album(known[one], self._album_page(asked, one, 0, 50))
                if one in known
                else None
                for one in _ids(asked, 20)
            ]
        }

    def _album_tracks(self, asked: _Asked) -> Json:
        album = _one_id(asked)
        if album not in self.state.world.albums:
            raise ApiError(404, "Resource not found")
        return self._album_page(asked, album, _offset(asked.call), _limit(asked.call, 20, 50))

    def _album_page(self, asked: _Asked, album: str, offset: int, limit: int) -> Json:
        world = self.state.world
        ids = world.albums[album].track_ids
        rows = [asked.view.track_simple(world.tracks[one]) for one in ids[offset : offset + limit]]
        href = f"{asked.view.base}/albums/{album}/tracks"
        query = {"market": sent} if (sent := asked.call.first("market")) else {}
        return page(href, query, rows, offset, limit, len(ids), offset + limit < len(ids))

    # --- playlists ----------------------------------------------------------------------------

    def _open_playlist(self, asked: _Asked) -> tuple[Playlist, bool]:
        """The playlist, and whether this token may read its rows in this regime."""
        found = self.state.world.playlists.get(_one_id(asked))
        foreign_brand = found is not None and found.owner_id == "spotify"
        if found is None or (foreign_brand and not asked.regime.foreign_playlists):
            raise ApiError(404, "Resource not found", refused=found is not None)
        own = asked.access.user and found.owner_id == USER_ID
        return found, own or asked.regime.foreign_playlists

    def _playlist(self, asked: _Asked) -> Any:
        playlist, readable = self._open_playlist(asked)
        rows = None
        if readable:
            path = "tracks" if asked.regime.contents_key == "tracks" else "items"
            rows = self._playlist_page(asked, playlist, path, 0, EMBEDDED_ITEMS)
        return _masked(asked.call, asked.view.playlist(playlist, rows))

    def _playlist_items(self, asked: _Asked) -> Any:
        path = asked.call.parts[-1]
        limit = _limit(asked.call, 100 if path == "tracks" else 20, ITEMS_PER_PAGE[path])
        offset = _offset(asked.call)
        playlist, readable = self._open_playlist(asked)
        if not readable:
            raise ApiError(403, "Forbidden", refused=True)
        return _masked(asked.call, self._playlist_page(asked, playlist, path, offset, limit))

    def _playlist_page(
        self, asked: _Asked, playlist: Playlist, path: str, offset: int, limit: int
    ) -> Json:
        call = asked.call
        types = call.listed("additional_types")
        keys: tuple[str, ...] = ("track",) if path == "tracks" else ("track", "item")
        if asked.regime.contents_key == "items":
            keys = ("item",)
        rows = [
            asked.view.entry(entry, keys, episodes="episode" in types)
            for entry in playlist.entries[offset : offset + limit]
        ]
        query = {
            name: value
            for name in ("fields", "market", "additional_types")
            # a mask for the playlist around the page would be wrong for the page alone
            if (value := call.first(name)) and (name != "fields" or len(call.parts) == 3)
        }
        total = len(playlist.entries)
        href = f"{asked.view.base}/playlists/{playlist.id}/{path}"
        return page(href, query, rows, offset, limit, total, offset + limit < total)

    # --- users and the rest -------------------------------------------------------------------

    def _me(self, asked: _Asked) -> Json:
        _need_user(asked)
        return asked.view.user()

    def _me_playlists(self, asked: _Asked) -> Json:
        _need_user(asked)
        return self._lists_of(asked, USER_ID, "me/playlists")

    def _user(self, asked: _Asked) -> Json:
        return asked.view.user_simple(asked.arguments[0])

    def _user_playlists(self, asked: _Asked) -> Json:
        return self._lists_of(asked, asked.arguments[0], f"users/{asked.arguments[0]}/playlists")

    def _lists_of(self, asked: _Asked, owner: str, path: str) -> Json:
        limit, offset = _limit(asked.call, 20, 50), _offset(asked.call)
        lists = [one for one in self.state.world.playlists.values() if one.owner_id == owner]
        rows = [asked.view.playlist_simple(one) for one in lists[offset : offset + limit]]
        href = f"{asked.view.base}/{path}"
        return page(href, {}, rows, offset, limit, len(lists), offset + limit < len(lists))

    def _markets(self, asked: _Asked) -> Json:  # noqa: ARG002 - every endpoint has this shape
        return {"markets": list(MARKETS)}

    def _forbidden(self, asked: _Asked) -> Json:  # noqa: ARG002
        """Cut on 2024-11-27; observed as 403."""
        raise ApiError(403, "Forbidden", refused=True)

    def _gone(self, asked: _Asked) -> Json:  # noqa: ARG002
        """Cut on 2024-11-27; observed as 404."""
        raise ApiError(404, "Not found.", refused=True)


def error(status: int, message: str, *, refused: bool = False) -> Reply:
    """Spotify's error body."""
    reply = json_reply(status, {"error": {"status": status, "message": message}})
    reply.refused = refused
    return reply


def _route(parts: tuple[str, ...]) -> tuple[_Endpoint | None, tuple[str, ...]]:
    for endpoint in _ENDPOINTS:
        if (arguments := endpoint.matches(parts)) is not None:
            return endpoint, arguments
    return None, ()


def _bearer(call: Call) -> str:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unauthorized(message: str) -> Reply:
    reply = error(401, message)
    challenge = 'Bearer realm="spotify"'
    if message != "No token provided":
        challenge += f', error="invalid_token", error_description="{message}"'
    reply.headers["WWW-Authenticate"] = challenge
    return reply


def _need_user(asked: _Asked) -> None:
    if not asked.access.user:
        raise ApiError(401, "Valid user authentication required")


def _masked(call: Call, content: Json) -> Any:
    text = call.first("fields")
    if not text:
        return content
    try:
        return parse_mask(text).apply(content)
    except MaskError as problem:
        raise ApiError(400, f"Invalid fields parameter: {problem}") from None


def _is_number(text: str | None, least: int, most: int) -> bool:
    try:
        return least <= int(text or "") <= most
    except ValueError:
        return False


def _limit(call: Call, default: int, most: int) -> int:
    text = call.first("limit")
    if text is None:
        return default
    if not _is_number(text, 1, most):
        raise ApiError(400, "Invalid limit")
    return int(text)


def _offset(call: Call) -> int:
    text = call.first("offset")
    if text is None:
        return 0
    if not _is_number(text, 0, 100_000):
        raise ApiError(400, "Invalid offset")
    return int(text)


def _is_id(text: str) -> bool:
    return len(text) == ID_LENGTH and all(letter in ALPHABET for letter in text)


def _one_id(asked: _Asked) -> str:
    if not _is_id(asked.arguments[0]):
        raise ApiError(400, "Invalid base62 id")
    return asked.arguments[0]


def _ids(asked: _Asked, most: int) -> tuple[str, ...]:
    ids = asked.call.listed("ids")
    if not ids:
        raise ApiError(400, "Missing required field: ids")
    if len(ids) > most:
        raise ApiError(400, "Too many ids requested")
    if not all(_is_id(one) for one in ids):
        raise ApiError(400, "Invalid base62 id")
    return ids
