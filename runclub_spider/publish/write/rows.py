"""The rows of the four files. Pure; keys in the specification's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from runclub_spider.catalog import licences
from runclub_spider.catalog.dates import decade_of, release_year
from runclub_spider.catalog.ids import row_id
from runclub_spider.catalog.models import FEATURES, Playable
from runclub_spider.catalog.playability import Basis, rank, stored_playability
from runclub_spider.catalog.playability import listed as listing
from runclub_spider.publish.choose import unsound
from runclub_spider.store.read import catalogue
from runclub_spider.text import timestamp

_STORED = tuple((name, f"f_{name}") for name in FEATURES)
_APP_FEATURES = ("tempo", "energy", "danceability", "valence", "loudness", "key", "mode")


@dataclass(frozen=True, slots=True)
class ArtistRow:
    """An artist record for export."""

    artist_id: str
    name: str
    genres: tuple[str, ...]
    popularity: int | None
    image_url: str | None


def artist_of(
    artist_id: str, name: Any, genres: str | None, popularity: Any, image_url: Any
) -> ArtistRow:
    """The record of a stored artist; what many rows share is cleaned."""
    tidied = map(unsound.tidy, catalogue.genres_of(genres))
    return ArtistRow(
        artist_id,
        unsound.tidy(name) or "",
        tuple(genre for genre in tidied if genre),
        popularity,
        image_url,
    )


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Where a track was seen; name and owner for playlists only.

    `source_type` is `playlist`, `search` or the station whose song was searched for.
    """

    source_type: str
    source_key: str
    name: str | None = None
    owner: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """The object of the `sources` array."""
        if self.source_type == "playlist":
            return {
                "type": "playlist",
                "playlist_id": self.source_key,
                "owner": self.owner,
                "name": self.name,
            }
        return {"type": self.source_type, "term": self.source_key}


def order_sources(sources: Sequence[SourceRow]) -> list[SourceRow]:
    """Playlists first, Spotify's own before others, then by id or term."""
    if len(sources) < 2:
        return list(sources)
    return sorted(
        sources,
        key=lambda s: (s.source_type != "playlist", s.owner != "spotify", s.source_key),
    )


def wide_row(
    track: Mapping[str, Any],
    artists: Sequence[ArtistRow],
    sources: Sequence[SourceRow],
    *,
    markets: Mapping[str, tuple[str, str]],
    primary_markets: Sequence[str],
    extra: Mapping[str, Any],
    tags: bool = True,
) -> dict[str, Any]:
    """A row of `catalog_wide.jsonl`.

    `track` holds the columns of the track table and, prefixed `f_`, those of its features.
    `markets` maps a probed market to (playable, basis). Columns prefixed `d_` are what ReccoBeats
    knows of the track; they stand in for what Spotify withheld, and `_extra` names the source.
    Columns prefixed `o_` are open metadata. Each of its fields has its licence in `_extra`, and so
    has each feature of an import, which `imported` names.
    """
    year = release_year(track["release_date"])
    ordered = order_sources(sources)
    playlist = next((s for s in ordered if s.source_type == "playlist"), None)
    images = [artist.image_url or "" for artist in artists]
    said = tuple(markets.items()), track["available_markets"], track["d_countries"]
    played = _availability(*said, tuple(primary_markets))
    # A length of 0 is none.
    length = {"duration_ms": track["duration_ms"] or None, "d_duration_ms": track["d_duration_ms"]}
    duration, duration_source = _either(length, "duration_ms")
    isrc, isrc_source = _either(track, "isrc")
    popularity, popularity_source = _either(track, "popularity")
    has_features = track["features_of"] is not None
    known = has_features or track["imported"]
    features = {name: track[column] if known else None for name, column in _STORED}
    return {
        "id": row_id(track["track_id"]),
        "spotify_track_id": track["track_id"],
        "isrc": isrc,
        "name": track["name"],
        "duration_ms": duration,
        "explicit": bool(track["explicit"]),
        "album_name": track["album_name"],
        "album_release_date": track["release_date"],
        "album_release_year": year,
        "album_decade_label": decade_of(year),
        "album_image_url": track["image_url"],
        "popularity_snapshot": popularity,
        "popularity_bucket": None if popularity is None else popularity // 10,
        "available_us": played.us,
        "available_primary_markets": list(played.primary),
        "preview_url": track["preview_url"],
        "artist_ids": [artist.artist_id for artist in artists],
        "artist_names": [artist.name for artist in artists],
        "artist_genres": [list(artist.genres) for artist in artists],
        "artist_image_urls": images if any(images) else None,
        "source_playlist_id": playlist.source_key if playlist else None,
        "source_playlist_name": playlist.name if playlist else None,
        "source_playlist_owner": playlist.owner if playlist else None,
        "sources": [source.as_json() for source in ordered],
        "recco_track_id": track["f_recco_track_id"] if has_features else None,
        "recco_features_version": track["f_version"] if has_features else None,
        "recco_features_at": timestamp(track["f_fetched_at"]) if has_features else None,
        **features,
        "created_at": timestamp(track["first_seen_at"]),
        "updated_at": timestamp(track["updated_at"]),
        "_extra": {
            **extra,
            **_open(track, tags=tags),
            "duration_source": duration_source,
            "isrc_source": isrc_source,
            "popularity_source": popularity_source,
            "available_us_source": played.us_basis,
            "available_primary_markets_source": played.basis,
        },
    }


def _open(track: Mapping[str, Any], *, tags: bool) -> dict[str, Any]:
    """The fields of `_extra` from open data, and the licences of all that has one."""
    people, genres = track["o_artist_mbids"], track["o_genres"] if tags else None
    imported = track["imported"] or {}
    found = {
        "original_release_year": track["o_original_year"],
        "recording_mbid": track["o_recording_mbid"],
        "artist_mbids": orjson.loads(people) if people else [],
        "open_genres": [genre for genre, _ in orjson.loads(genres)] if genres else [],
    }
    return {
        **found,
        "original_year_source": track["o_year_source"],
        "original_year_confidence": track["o_year_confidence"],
        "licences": {
            **{name: licences.FIELDS[name] for name, value in found.items() if value},
            **({n: imported[n].licence for n in FEATURES if n in imported} if imported else {}),
        },
    }


def _either(track: Mapping[str, Any], name: str) -> tuple[Any, str | None]:
    """Spotify's value of a column, else ReccoBeats', and whose it is."""
    if track[name] is not None:
        return track[name], "spotify"
    value = track[f"d_{name}"]
    return value, None if value is None else "reccobeats"


class _Availability(NamedTuple):
    """Where a track plays: in the US, and by which field; in primary markets, and by which."""

    us: bool
    us_basis: str
    primary: tuple[str, ...]
    basis: str


# Few things are said of the markets of many tracks.
@lru_cache(maxsize=1 << 12)
def _availability(
    probed: tuple[tuple[str, tuple[str, str]], ...],
    available_markets: str | None,
    countries: str | None,
    primary_markets: tuple[str, ...],
) -> _Availability:
    markets, listed, known = dict(probed), listing(available_markets), listing(countries)
    us, us_basis = in_market("US", markets, listed, known)
    judged = {m: in_market(m, markets, listed, known) for m in primary_markets}
    primary = [market for market, (playable, _) in judged.items() if playable]
    if listed:
        basis = "available_markets"
    elif known:
        basis = "reccobeats"
    else:
        basis = max((judged[market][1] for market in primary), key=rank, default=Basis.NONE)
    return _Availability(us, us_basis, tuple(primary), basis)


def in_market(
    market: str,
    probed: Mapping[str, tuple[str, str]],
    listed: AbstractSet[str],
    countries: AbstractSet[str] = frozenset(),
) -> tuple[bool, str]:
    """Whether a track plays in a market, and which field said so.

    The probe of that market first, then the list of markets, then that a search under the market
    served the track, then ReccoBeats' countries; a market nobody asked for is False with the
    source `none`.
    """
    said, by = probed.get(market, (None, None))
    playable, basis = stored_playability(said, by, listed, market)
    if playable is not Playable.UNKNOWN:
        return playable is Playable.YES, str(basis)
    if countries:
        return market in countries, "reccobeats"
    return False, "none"


def track_row(wide: Mapping[str, Any], *, market: str, query: str | None) -> dict[str, Any]:
    """A row of `cached_tracks.jsonl` from its wide row."""
    first = wide["sources"][0] if wide["sources"] else None
    is_playlist = first is not None and first["type"] == "playlist"
    return {
        "id": wide["spotify_track_id"],
        "name": wide["name"],
        "artistId": wide["artist_ids"][0],
        "artistName": wide["artist_names"][0],
        "durationMs": wide["duration_ms"],
        "albumName": wide["album_name"],
        "albumReleaseYear": wide["album_release_year"],
        "popularity": wide["popularity_snapshot"],
        "explicit": wide["explicit"],
        "addedAt": wide["created_at"],
        "isPlayable": wide["available_us"] or market in wide["available_primary_markets"],
        "_ingestSource": first["type"] if first else None,
        "_ingestQuery": query,
        "_ingestPlaylistId": first["playlist_id"] if first and is_playlist else None,
        "_ingestDiscoveredAt": wide["created_at"],
        "_isrc": wide["isrc"],
        "_originalReleaseYear": wide["_extra"]["original_release_year"],
        "_decade": wide["album_decade_label"],
        "_umbrellas": wide["_extra"]["umbrellas"],
        "_album_decade_label": wide["album_decade_label"],
        "_preview_url": wide["preview_url"],
        "_album_image_url": wide["album_image_url"],
        "_popularity_bucket": wide["popularity_bucket"],
        "_available_primary_markets": wide["available_primary_markets"],
        "_source_playlist_id": wide["source_playlist_id"],
        "_source_playlist_name": wide["source_playlist_name"],
        "_source_playlist_owner": wide["source_playlist_owner"],
        "_recco_features_version": wide["recco_features_version"],
        "_recco_features_at": wide["recco_features_at"],
        "_contentLabels": wide["_extra"]["content_labels"],
    }


def features_row(wide: Mapping[str, Any]) -> dict[str, Any] | None:
    """A row of `audio_features.jsonl`; None for a track without any feature."""
    if all(wide[name] is None for name in FEATURES):
        return None
    return {
        "trackId": wide["spotify_track_id"],
        **{name: wide[name] for name in _APP_FEATURES},
        "timeSignature": wide["time_signature"],
    }


def artist_row(artist: ArtistRow) -> dict[str, Any]:
    """A row of `cached_artists.jsonl`."""
    return {
        "id": artist.artist_id,
        "name": artist.name,
        "genres": list(artist.genres),
        "popularity": artist.popularity,
    }
