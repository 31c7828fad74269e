"""The rows of the four files, as columns. Pure; keys in the specification's order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import compress, repeat
from typing import Any, NamedTuple

import orjson

from runclub_spider.catalog import licences
from runclub_spider.catalog.dates import decade_of, release_year
from runclub_spider.catalog.ids import row_id
from runclub_spider.catalog.imported import Filled
from runclub_spider.catalog.models import FEATURES, Playable
from runclub_spider.catalog.playability import Basis, rank, stored_playability
from runclub_spider.catalog.playability import listed as listing
from runclub_spider.publish.choose import unsound
from runclub_spider.store.read import catalogue
from runclub_spider.text import timestamp

_STORED = tuple((name, f"f_{name}") for name in FEATURES)
_APP_FEATURES = ("tempo", "energy", "danceability", "valence", "loudness", "key", "mode")
_NO_SOURCE: Mapping[str, str | None] = {"type": None}

#: Values by the name of their column, as many in each.
Columns = Mapping[str, Sequence[Any]]
#: (market, playable, basis) of the markets that a track was probed in.
Probed = Sequence[tuple[str, str, str]]


class Block(NamedTuple):
    """Some rows of `catalog_wide`.

    Attributes:
        wide: the columns; `_extra` holds objects.
        extra: the columns of these.
        featured: whether a row has any audio feature.
    """

    wide: Columns
    extra: Columns
    featured: Sequence[bool]


class ArtistRow(NamedTuple):
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


class SourceRow(NamedTuple):
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


def order_sources(sources: Sequence[SourceRow]) -> Sequence[SourceRow]:
    """Playlists first, Spotify's own before others, then by id or term."""
    if len(sources) < 2:
        return sources
    return sorted(
        sources,
        key=lambda s: (s.source_type != "playlist", s.owner != "spotify", s.source_key),
    )


def rows_of(columns: Columns) -> Iterator[dict[str, Any]]:
    """The rows that columns hold."""
    return map(dict, map(zip, repeat(tuple(columns)), zip(*columns.values(), strict=True)))


def wide_block(
    track: Columns,
    artists: Sequence[Sequence[ArtistRow]],
    sources: Sequence[Sequence[SourceRow]],
    *,
    markets: Sequence[Probed],
    primary_markets: Sequence[str],
    extra: Columns,
    tags: bool = True,
) -> Block:
    """Rows of `catalog_wide.jsonl`.

    `track` holds the columns of the track table and, prefixed `f_`, those of its features.
    Columns prefixed `d_` are what ReccoBeats knows of the track; they stand in for what Spotify
    withheld, and `_extra` names the source. Columns prefixed `o_` are open metadata. Each of its
    fields has its licence in `_extra`, and so has each feature of an import, which `imported`
    names.

    Args:
        track: the tracks' columns.
        artists: of each track.
        sources: of each track.
        markets: of each track.
        primary_markets: that `available_primary_markets` may name.
        extra: the first columns of `_extra`.
        tags: whether genres of open metadata are told.
    """
    years = list(map(release_year, track["release_date"]))
    ordered = list(map(order_sources, sources))
    lists = [some[0] if some and some[0].source_type == "playlist" else None for some in ordered]
    images = [[artist.image_url or "" for artist in some] for some in artists]
    said = zip(markets, track["available_markets"], track["d_countries"], strict=True)
    primary = tuple(primary_markets)
    played = [_availability(tuple(probed), *listed, primary) for probed, *listed in said]
    # A length of 0 is none.
    lengths = [length or None for length in track["duration_ms"]]
    durations, duration_sources = _either(lengths, track["d_duration_ms"])
    isrcs, isrc_sources = _either(track["isrc"], track["d_isrc"])
    popularity, popularity_sources = _either(track["popularity"], track["d_popularity"])
    of_recco = [one is not None for one in track["features_of"]]
    either = zip(of_recco, track["imported"], strict=True)
    known = [answered or bool(imported) for answered, imported in either]
    features = {name: _where(known, track[column]) for name, column in _STORED}
    wide = {
        "id": list(map(row_id, track["track_id"])),
        "spotify_track_id": track["track_id"],
        "isrc": isrcs,
        "name": track["name"],
        "duration_ms": durations,
        "explicit": list(map(bool, track["explicit"])),
        "album_name": track["album_name"],
        "album_release_date": track["release_date"],
        "album_release_year": years,
        "album_decade_label": list(map(decade_of, years)),
        "album_image_url": track["image_url"],
        "popularity_snapshot": popularity,
        "popularity_bucket": [None if one is None else one // 10 for one in popularity],
        "available_us": [one.us for one in played],
        "available_primary_markets": [list(one.primary) for one in played],
        "preview_url": track["preview_url"],
        "artist_ids": [[artist.artist_id for artist in some] for some in artists],
        "artist_names": [[artist.name for artist in some] for some in artists],
        "artist_genres": [[list(artist.genres) for artist in some] for some in artists],
        "artist_image_urls": [some if any(some) else None for some in images],
        "source_playlist_id": [one and one.source_key for one in lists],
        "source_playlist_name": [one and one.name for one in lists],
        "source_playlist_owner": [one and one.owner for one in lists],
        "sources": [[source.as_json() for source in some] for some in ordered],
        "recco_track_id": _where(of_recco, track["f_recco_track_id"]),
        "recco_features_version": _where(of_recco, track["f_version"]),
        "recco_features_at": [
            timestamp(at) if answered else None
            for answered, at in zip(of_recco, track["f_fetched_at"], strict=True)
        ],
        **features,
        "created_at": list(map(timestamp, track["first_seen_at"])),
        "updated_at": list(map(timestamp, track["updated_at"])),
    }
    extra = {
        **extra,
        **_open(track, tags=tags),
        "duration_source": duration_sources,
        "isrc_source": isrc_sources,
        "popularity_source": popularity_sources,
        "available_us_source": [one.us_basis for one in played],
        "available_primary_markets_source": [one.basis for one in played],
    }
    most = len(features)
    featured = [row.count(None) < most for row in zip(*features.values(), strict=True)]
    return Block({**wide, "_extra": list(rows_of(extra))}, extra, featured)


def _where(told: Sequence[bool], values: Sequence[Any]) -> list[Any]:
    """Values where they are told, None elsewhere."""
    return [value if yes else None for yes, value in zip(told, values, strict=True)]


def _open(track: Columns, *, tags: bool) -> Columns:
    """The columns of `_extra` from open data, and the licences of all that has one."""
    genres = track["o_genres"] if tags else [None] * len(track["o_genres"])
    found = {
        "original_release_year": track["o_original_year"],
        "recording_mbid": track["o_recording_mbid"],
        "artist_mbids": [orjson.loads(one) if one else [] for one in track["o_artist_mbids"]],
        "open_genres": [[name for name, _ in orjson.loads(one)] if one else [] for one in genres],
    }
    told = zip(zip(*found.values(), strict=True), track["imported"], strict=True)
    return {
        **found,
        "original_year_source": track["o_year_source"],
        "original_year_confidence": track["o_year_confidence"],
        "licences": [
            _licences(compress(found, values), imported) if imported or any(values) else {}
            for values, imported in told
        ],
    }


def _licences(names: Iterable[str], imported: Mapping[str, Filled] | None) -> dict[str, str]:
    """Those of the fields of open data that a row has, and of its imported features."""
    of_imports = {n: imported[n].licence for n in FEATURES if n in imported} if imported else {}
    return {**{name: licences.FIELDS[name] for name in names}, **of_imports}


def _either(
    spotify: Sequence[Any], reccobeats: Sequence[Any]
) -> tuple[list[Any], list[str | None]]:
    """Spotify's values, else ReccoBeats', and whose they are."""
    values, whose = [], []
    for own, other in zip(spotify, reccobeats, strict=True):
        values.append(other if own is None else own)
        whose.append("spotify" if own is not None else "reccobeats" if other is not None else None)
    return values, whose


class _Availability(NamedTuple):
    """Where a track plays: in the US, and by which field; in primary markets, and by which."""

    us: bool
    us_basis: str
    primary: tuple[str, ...]
    basis: str


# Few things are said of the markets of many tracks.
@lru_cache(maxsize=1 << 12)
def _availability(
    probed: tuple[tuple[str, str, str], ...],
    available_markets: str | None,
    countries: str | None,
    primary_markets: tuple[str, ...],
) -> _Availability:
    markets = {market: (playable, basis) for market, playable, basis in probed}
    listed, known = listing(available_markets), listing(countries)
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


def track_rows(
    block: Block, *, market: str, queries: Sequence[str | None]
) -> Iterator[dict[str, Any]]:
    """The rows of `cached_tracks.jsonl` of a block; `queries` found their first sources."""
    wide, extra = block.wide, block.extra
    firsts = [sources[0] if sources else _NO_SOURCE for sources in wide["sources"]]
    playable = zip(wide["available_us"], wide["available_primary_markets"], strict=True)
    return rows_of(
        {
            "id": wide["spotify_track_id"],
            "name": wide["name"],
            "artistId": [ids[0] for ids in wide["artist_ids"]],
            "artistName": [names[0] for names in wide["artist_names"]],
            "durationMs": wide["duration_ms"],
            "albumName": wide["album_name"],
            "albumReleaseYear": wide["album_release_year"],
            "popularity": wide["popularity_snapshot"],
            "explicit": wide["explicit"],
            "addedAt": wide["created_at"],
            "isPlayable": [us or market in primary for us, primary in playable],
            "_ingestSource": [first["type"] for first in firsts],
            "_ingestQuery": queries,
            "_ingestPlaylistId": [first.get("playlist_id") for first in firsts],
            "_ingestDiscoveredAt": wide["created_at"],
            "_isrc": wide["isrc"],
            "_originalReleaseYear": extra["original_release_year"],
            "_decade": wide["album_decade_label"],
            "_umbrellas": extra["umbrellas"],
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
            "_contentLabels": extra["content_labels"],
        }
    )


def features_rows(block: Block) -> Iterator[dict[str, Any]]:
    """The rows of `audio_features.jsonl` of a block: none of a track without any feature."""
    wide = block.wide
    columns = {
        "trackId": wide["spotify_track_id"],
        **{name: wide[name] for name in _APP_FEATURES},
        "timeSignature": wide["time_signature"],
    }
    return compress(rows_of(columns), block.featured)


def artist_row(artist: ArtistRow) -> dict[str, Any]:
    """A row of `cached_artists.jsonl`."""
    return {
        "id": artist.artist_id,
        "name": artist.name,
        "genres": list(artist.genres),
        "popularity": artist.popularity,
    }
