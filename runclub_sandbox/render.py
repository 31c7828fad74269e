"""Turns the world's records into Spotify's JSON objects, as a regime and a market show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

from .odd import CALM, Odd
from .regimes import Regime
from .withhold import withheld
from .world import (
    USER_ID,
    Album,
    Artist,
    Entry,
    Episode,
    Playlist,
    Track,
    World,
    hashed,
    image_hash,
)

Json = dict[str, Any]
_OPEN = "https://open.spotify.com"
_IMAGES = "https://i.scdn.co/image/"


@dataclass(frozen=True, slots=True)
class View:
    """How one request sees the world.

    Attributes:
        world: the records.
        regime: which keys exist.
        base: API base URL, for ``href`` and ``next``.
        market: the market that applies (sent, or the user's country), or None.
        market_sent: whether the request named one; only then ``available_markets`` is absent.
        shares: fields withheld beyond what the regime withholds.
        odd: which rows are damaged.
    """

    world: World
    regime: Regime
    base: str
    market: str | None
    market_sent: bool
    shares: Mapping[str, float]
    odd: Odd = CALM

    # --- artists ------------------------------------------------------------------------------

    def _head(self, kind: str, one: str) -> Json:
        return {
            "external_urls": {"spotify": f"{_OPEN}/{kind}/{one}"},
            "href": f"{self.base}/{kind}s/{one}",
            "id": one,
            "type": kind,
            "uri": f"spotify:{kind}:{one}",
        }

    def artist_simple(self, one: str) -> Any:
        """The artist inside a track or album."""
        artist = self.world.artists.get(one)
        shown = {**self._head("artist", one), "name": artist.name if artist else ""}
        return self.odd.row("spotify", "artist", one, self._trim("artist", shown))

    def artist(self, artist: Artist) -> Any:
        """The full artist; in development mode without genres, popularity and followers."""
        shown = {
            **self._head("artist", artist.id),
            "followers": {"href": None, "total": artist.followers},
            "genres": list(artist.genres),
            "images": _images(artist.id, "ab6761610000", (640, 320, 160))
            if artist.has_images
            else [],
            "name": artist.name,
            "popularity": artist.popularity,
        }
        return self.odd.row("spotify", "artist", artist.id, self._trim("artist", shown))

    # --- albums -------------------------------------------------------------------------------

    def album_simple(self, album: Album) -> Any:
        """The album inside a track or a list."""
        shown = self._trim("album", self._album_body(album))
        return self.odd.row("spotify", "album", album.id, shown)

    def _album_body(self, album: Album) -> Json:
        shown = {
            "album_type": album.kind,
            "artists": [self.artist_simple(one) for one in album.artist_ids],
            **self._head("album", album.id),
            "images": _images(album.id, "ab67616d0000", (640, 300, 64)),
            "name": album.name,
            "release_date": album.release_date,
            "release_date_precision": album.precision,
            "total_tracks": len(album.track_ids),
        }
        if not self.market_sent:
            shown["available_markets"] = self._album_markets(album)
        if self.market:
            shown["is_playable"] = True
        return shown

    def album(self, album: Album, tracks: Json) -> Any:
        """The full album around its first page of tracks; ``genres`` is always empty."""
        most = max((self.world.tracks[one].popularity for one in album.track_ids), default=0)
        shown = {
            **self._album_body(album),
            "tracks": tracks,
            "copyrights": [{"text": f"{album.year or ''} {album.label}".strip(), "type": "C"}],
            "external_ids": {"upc": f"{hashed(album.id) % 10**12:012d}"},
            "genres": [],
            "label": album.label,
            "popularity": most,
        }
        return self.odd.row("spotify", "album", album.id, self._trim("album", shown))

    def _album_markets(self, album: Album) -> tuple[str, ...]:
        return self.world.tracks[album.track_ids[0]].markets if album.track_ids else ()

    # --- tracks -------------------------------------------------------------------------------

    def track(self, asked: Track) -> Any:
        """The full track, relinked where the market asks for it (reference 1.5)."""
        track, linked = self._resolve(asked)
        album = self.world.albums[track.album_id]
        shown = {
            "album": self.album_simple(album),
            **self._track_body(track),
            "external_ids": {"isrc": track.isrc} if track.isrc else {},
            "popularity": track.popularity,
        }
        if linked:
            shown["linked_from"] = self._head("track", asked.id)
        return self.odd.row("spotify", "track", track.id, self._trim("track", shown))

    def track_simple(self, asked: Track) -> Any:
        """The track inside an album: no album, no external_ids, no popularity."""
        track, linked = self._resolve(asked)
        shown = self._track_body(track)
        if linked:
            shown["linked_from"] = self._head("track", asked.id)
        return self.odd.row("spotify", "track", track.id, self._trim("track", shown))

    def _resolve(self, track: Track) -> tuple[Track, bool]:
        market = self.market
        if market is None or market in track.plays_in or track.substitute is None:
            return track, False
        other = self.world.tracks.get(track.substitute)
        return (other, True) if other and market in other.plays_in else (track, False)

    def _track_body(self, track: Track) -> Json:
        shown = {
            "artists": [self.artist_simple(one) for one in track.artist_ids],
            "disc_number": 1,
            "duration_ms": track.duration_ms,
            "explicit": track.explicit,
            **self._head("track", track.id),
            "is_local": False,
            "name": track.name,
            "preview_url": None,
            "track_number": track.number,
        }
        if not self.market_sent:
            shown["available_markets"] = track.markets
        if self.market:
            shown["is_playable"] = self.market in track.plays_in
            if not shown["is_playable"]:
                shown["restrictions"] = {"reason": track.restriction}
        return shown

    # --- playlists ----------------------------------------------------------------------------

    def user_simple(self, one: str) -> Json:
        """The owner of a playlist."""
        name = "Spotify" if one == "spotify" else one
        return {**_user(self.base, one), "display_name": name}

    def user(self) -> Json:
        """The sandbox's user, ``/me``."""
        shown = {
            **self.user_simple(USER_ID),
            "account_id": f"{hashed(USER_ID):x}",
            "country": "US",
            "email": "runner@example.com",
            "explicit_content": {"filter_enabled": False, "filter_locked": False},
            "followers": {"href": None, "total": 12},
            "images": [],
            "product": "premium",
        }
        return self._trim("user", shown)

    def playlist_simple(self, playlist: Playlist) -> Any:
        """The playlist of a search or of ``/me/playlists``, with the count of its rows."""
        return self.odd.row("spotify", "playlist", playlist.id, self._playlist_body(playlist))

    def _playlist_body(self, playlist: Playlist) -> Json:
        key = self.regime.contents_key
        rows = "items" if key == "items" else "tracks"
        readable = self.regime.foreign_playlists or playlist.owner_id == USER_ID
        return {
            "collaborative": False,
            "description": playlist.description,
            **self._head("playlist", playlist.id),
            "images": [
                {
                    "height": None,
                    "url": f"https://image-cdn.spotifycdn.com/{image_hash(playlist.id)}",
                    "width": None,
                }
            ],
            "name": playlist.name,
            "owner": self.user_simple(playlist.owner_id),
            "primary_color": None,
            "public": playlist.public,
            "snapshot_id": playlist.snapshot_id,
            key: {
                "href": f"{self.base}/playlists/{playlist.id}/{rows}",
                # counts of lists that cannot be opened read 0 in development mode
                "total": len(playlist.entries) if readable else 0,
            },
        }

    def playlist(self, playlist: Playlist, rows: Json | None) -> Any:
        """The full playlist; ``rows`` None leaves its contents out (a stranger's list)."""
        shown = self._playlist_body(playlist)
        shown["followers"] = {"href": None, "total": playlist.followers}
        if rows is None:
            del shown[self.regime.contents_key]
        else:
            shown[self.regime.contents_key] = rows
        return self.odd.row("spotify", "playlist", playlist.id, self._trim("playlist", shown))

    def entry(self, entry: Entry, keys: tuple[str, ...], *, episodes: bool) -> Json:
        """One row of a playlist under ``track``, ``item`` or both."""
        content: Any = None
        if entry.kind == "local":
            content = local_track(entry.ref)
        elif entry.kind == "episode" and (episode := self.world.episodes.get(entry.ref)):
            content = self.episode(episode) if episodes else self._disguised(episode)
        elif entry.kind == "track" and (track := self.world.tracks.get(entry.ref)):
            content = self.track(track)
            if isinstance(content, dict):  # a damaged one may be anything
                content = {**content, "episode": False, "track": True}
        shown: Json = {
            "added_at": entry.added_at,
            "added_by": _user(self.base, entry.added_by),
            "is_local": entry.kind == "local",
            "primary_color": None,
            "video_thumbnail": {"url": None},
        }
        shown.update(dict.fromkeys(keys, content))
        return shown

    def episode(self, episode: Episode) -> Json:
        """A real episode object."""
        show = {**self._head("show", episode.show_id), "name": episode.show_name, "publisher": ""}
        return {
            "audio_preview_url": None,
            "description": episode.name,
            "duration_ms": episode.duration_ms,
            "episode": True,
            "explicit": False,
            **self._head("episode", episode.id),
            "images": [],
            "is_externally_hosted": False,
            "is_playable": True,
            "language": "en",
            "languages": ["en"],
            "name": episode.name,
            "release_date": episode.release_date,
            "release_date_precision": "day",
            "show": show,
            "track": False,
        }

    def _disguised(self, episode: Episode) -> Json:
        """An episode as it arrives without ``additional_types=episode`` (reference 1.3)."""
        show = {**self._head("show", episode.show_id), "name": episode.show_name}
        return self._trim(
            "track",
            {
                "album": {
                    **show,
                    "album_type": "compilation",
                    "type": "album",
                    "images": [],
                    "artists": [{**show, "type": "artist"}],
                    "release_date": episode.release_date,
                    "release_date_precision": "day",
                    "total_tracks": 0,
                },
                "artists": [{**show, "type": "artist"}],
                "disc_number": 0,
                "duration_ms": episode.duration_ms,
                "episode": False,
                "explicit": False,
                "external_ids": {"spotify": f"{_OPEN}/episode/{episode.id}"},
                **self._head("episode", episode.id),
                "is_local": False,
                "is_playable": False,
                "name": episode.name,
                "popularity": 0,
                "preview_url": None,
                "track": True,
                "track_number": 0,
            },
        )

    def _trim(self, kind: str, shown: Json) -> Json:
        for key in self.regime.gone(kind):
            shown.pop(key, None)
        return withheld(kind, shown, self.shares)


def local_track(uri: str) -> Json:
    """A file of somebody's computer: no ids, nothing but what the URI says."""
    _, _, artist, album, title, seconds = uri.split(":")
    nothing: Json = {"external_urls": {}, "href": None, "id": None, "uri": None}
    return {
        "album": {
            **nothing,
            "album_type": None,
            "artists": [],
            "available_markets": [],
            "images": [],
            "name": unquote_plus(album),
            "release_date": None,
            "release_date_precision": None,
            "type": "album",
        },
        "artists": [{**nothing, "name": unquote_plus(artist), "type": "artist"}],
        "available_markets": [],
        "disc_number": 0,
        "duration_ms": int(seconds) * 1000,
        "explicit": False,
        "external_ids": {},
        **nothing,
        "is_local": True,
        "name": unquote_plus(title),
        "popularity": 0,
        "preview_url": None,
        "track_number": 0,
        "type": "track",
        "uri": uri,
    }


def page(
    href: str,
    query: Mapping[str, str],
    items: list[Any],
    offset: int,
    limit: int,
    total: int,
    more: bool,
) -> Json:
    """A paging object; ``next`` and ``previous`` repeat the query with another offset."""

    def at(start: int) -> str:
        return f"{href}?{urlencode({**query, 'offset': start, 'limit': limit})}"

    return {
        "href": at(offset),
        "items": items,
        "limit": limit,
        "next": at(offset + limit) if more else None,
        "offset": offset,
        "previous": at(max(0, offset - limit)) if offset else None,
        "total": total,
    }


def _user(base: str, one: str) -> Json:
    name = quote(one)
    return {
        "external_urls": {"spotify": f"{_OPEN}/user/{name}"},
        "href": f"{base}/users/{name}",
        "id": one,
        "type": "user",
        "uri": f"spotify:user:{one}",
    }


def _images(key: str, prefix: str, sizes: tuple[int, ...]) -> list[Json]:
    tail = image_hash(key)
    return [
        {"height": size, "url": f"{_IMAGES}{prefix}{size:04x}{tail}", "width": size}
        for size in sizes
    ]
