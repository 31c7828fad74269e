"""What the rows of `catalog_wide.jsonl` must fulfil beyond their schema.

Each rule looks at columns of many rows, whose shape is right, and yields the faults with the
place of the row among them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1
from itertools import chain, repeat
from operator import eq, itemgetter
from typing import Any
from uuid import NAMESPACE_URL

from runclub_spider.publish.verify.columns import all_match
from runclub_spider.publish.verify.problems import show
from runclub_spider.publish.verify.schema import NEWEST_FORM

ID_COLUMN = "spotify_track_id"
ID_LENGTH = 22
HARD_CAP_MS = 360_000
DECADES = ("70s", "80s", "90s", "00s", "10s", "20s")
#: What `available_us_source` says of a track that only a thin cell made playable.
ASSUMED = "thin_cell_policy"
#: What it says of a track that a search under the market served in an answer without playability.
SERVED = "search_market"
TRACK_URL = "https://open.spotify.com/track/"
FEATURES = (
    "tempo",
    "energy",
    "danceability",
    "valence",
    "loudness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "speechiness",
    "key",
    "mode",
    "time_signature",
)

#: What a track may be beside a song, in the order in which rows name it.
CONTENT_LABELS = (
    *("karaoke", "tribute", "rendition", "noise", "spoken", "altered", "dj_mix"),
    *("workout_cover", "instrumental", "live", "medley", "holiday", "children"),
)

_WEB = r"^https?://[^\s/]\S*$"
_URL = re.compile(_WEB, re.IGNORECASE)
_ARE_URLS = all_match(_WEB, re.IGNORECASE)

# No search: a line with it is nobody's.
_UNKNOWN = "\0"

#: Fields of `_extra` that come from open data, each under a licence of its own.
OPEN_FIELDS = ("original_release_year", "recording_mbid", "artist_mbids", "open_genres")

Data = dict[str, Any]
#: The place of the row, the rule, and what is wrong.
Fault = tuple[int, str, str]


@dataclass(frozen=True)
class Policies:
    """What the rows are held against, by the manifest; None where it does not say.

    Attributes:
        form: The release's `schemaVersion`; later ones are stricter.
        rejected_labels: Content labels that no row may have.
        latest_year: No song or album may be of a later one: next year's, by the version's date.
    """

    market: str | None = None
    min_duration_ms: int | None = None
    max_duration_ms: int | None = None
    unique_isrc: bool = False
    decade_from_original: bool = False
    form: int = NEWEST_FORM
    latest_year: int | None = None
    rejected_labels: frozenset[str] = frozenset()

    @property
    def plain_text(self) -> bool:
        """Whether control characters are a fault: since form 2."""
        return self.form >= 2


class Columns(Mapping[str, Sequence[Any]]):
    """Wide rows whose shape is right, by column."""

    def __init__(self, number: int, columns: Mapping[str, Sequence[Any]]) -> None:
        """Take the columns of so many rows."""
        self._number = number
        self._columns = columns
        self._extra: dict[str, Sequence[Any]] | None = None

    def __getitem__(self, key: str) -> Sequence[Any]:
        return self._columns[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def in_extra(self, key: str) -> Sequence[Any]:
        """The column of a key of `_extra`; None where a row has none."""
        if self._extra is None:
            extras = self["_extra"]
            kinds = set(map(tuple, extras))
            # All of them at once where each row has the same keys, as nearly always.
            columns = zip(*map(dict.values, extras), strict=True) if len(kinds) == 1 else ()
            self._extra = dict(zip(*kinds, columns, strict=True)) if len(kinds) == 1 else {}
        if key not in self._extra:
            self._extra[key] = [extra.get(key) for extra in self["_extra"]]
        return self._extra[key]

    def of(self, *keys: str) -> Iterator[tuple[Any, ...]]:
        """The values of these keys row by row, after the row's place."""
        return zip(range(self._number), *map(self.__getitem__, keys), strict=True)


def columns_of(rows: Sequence[Data], keys: Sequence[str]) -> Columns:
    """The columns of these keys, which each row has."""
    values = zip(*map(itemgetter(*keys), rows), strict=True)
    # Of no rows each column is empty.
    return Columns(
        len(rows), dict(zip(keys, values, strict=True)) if rows else dict.fromkeys(keys, ())
    )


def playable(rows: Columns, market: str | None) -> list[bool]:
    """Playability as the specification's splitter computes it."""
    return [
        us or market in markets
        for _, us, markets in rows.of("available_us", "available_primary_markets")
    ]


def with_features(rows: Columns) -> list[bool]:
    """Of each row whether any audio feature has a value."""
    first = rows[FEATURES[0]]
    if None not in first:  # as nearly always
        return [True] * len(first)
    return [
        any(value is not None for value in values)
        for values in zip(*map(rows.__getitem__, FEATURES), strict=True)
    ]


@lru_cache(maxsize=1 << 10)
def decade_of(year: int | None) -> str | None:
    """The decade label of a year; none before 1970."""
    if year is None or year < 1970:
        return None
    return "20s" if year >= 2020 else f"{year // 10 % 10}0s"


def faults(rows: Columns, policies: Policies) -> list[Fault]:
    """All that is wrong with rows whose shape is right, in their order."""
    found = [
        *_id_faults(rows),
        *_artist_faults(rows),
        *_date_faults(rows),
        *_popularity_faults(rows),
        *_policy_faults(rows, policies),
        *_source_faults(rows),
        *_market_faults(rows),
        *_merge_faults(rows),
        *_backfill_faults(rows, policies),
        *_original_faults(rows),
    ]
    if policies.form >= 2:
        found += _text_faults(rows)
        found += _future_faults(rows, policies)
    if policies.form >= 3:
        found += _content_faults(rows, policies)
    return sorted(found, key=itemgetter(0))


def decades_of(rows: Columns) -> dict[str, Sequence[str | None]]:
    """The decades that the manifest counts by; the album's where no other is known."""
    albums = rows["album_decade_label"]
    originals = rows.in_extra("original_release_year")
    return {
        "byAlbumYear": albums,
        "byOriginalYear": [
            album if original is None else decade_of(original)
            for album, original in zip(albums, originals, strict=True)
        ],
    }


def cell_decades(rows: Columns, policies: Policies) -> Sequence[str | None]:
    """The decade of the cell that each row counts in."""
    return decades_of(rows)["byOriginalYear" if policies.decade_from_original else "byAlbumYear"]


def _row_id(track_id: str) -> str:
    """The UUIDv5 of a track's address; in a third of the time that :func:`uuid.uuid5` takes."""
    found = sha1(_TRACK_SPACE + track_id.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(found[16], 16) & 3]
    return f"{found[:8]}-{found[8:12]}-5{found[13:16]}-{variant}{found[17:20]}-{found[20:32]}"


_TRACK_SPACE = NAMESPACE_URL.bytes + TRACK_URL.encode()


def _id_faults(rows: Columns) -> Iterator[Fault]:
    if all(map(eq, map(_row_id, rows["spotify_track_id"]), rows["id"])):
        return
    for at, row_id, track_id in rows.of("id", "spotify_track_id"):
        if row_id != _row_id(track_id):
            yield at, "row-id", f"id {row_id} is not the UUIDv5 of {track_id}"


def lists_in_step(rows: Columns) -> bool:
    """Whether each row has as many names, genres and, if any, images as artists."""
    counts = list(map(len, rows["artist_ids"]))
    others = (rows["artist_names"], rows["artist_genres"])
    return all(counts == list(map(len, one)) for one in others) and all(
        images is None or len(images) == count
        for images, count in zip(rows["artist_image_urls"], counts, strict=True)
    )


def _artist_faults(rows: Columns) -> Iterator[Fault]:
    ids, every_genre = rows["artist_ids"], chain.from_iterable(rows["artist_genres"])
    if (
        lists_in_step(rows)
        and list(map(len, ids)) == list(map(len, map(set, ids)))
        and all(map(_is_normalised, set(chain.from_iterable(every_genre))))
    ):
        return
    lists = ("artist_names", "artist_genres", "artist_image_urls")
    for at, ids, names, genres, images in rows.of("artist_ids", *lists):
        count = len(ids)
        for name, values in zip(lists, (names, genres, images), strict=True):
            if values is not None and len(values) != count:
                message = f"{name} has {len(values)} entries for {count} artists"
                yield at, "artist-arrays", message
        if count > 1 and len(set(ids)) != count:
            yield at, "artist-arrays", "artist_ids names an artist twice"
        for one in genres:
            for genre in one:
                if not _is_normalised(genre):
                    yield at, "genre-form", f"{show(genre)} is not normalised"


@lru_cache(maxsize=1 << 14)
def _is_normalised(genre: str) -> bool:
    return genre == genre.lower() and "-" not in genre and "&" not in genre


def _date_faults(rows: Columns) -> Iterator[Fault]:
    dates = ("album_release_date", "album_release_year", "album_decade_label")
    for at, date, year, decade in rows.of(*dates):
        if year != (None if date is None else int(date[:4])):
            yield at, "year", f"album_release_year {year} for the date {date}"
        elif decade != decade_of(year):
            yield at, "decade", f"album_decade_label {decade} for the year {year}"


def _popularity_faults(rows: Columns) -> Iterator[Fault]:
    for at, popularity, bucket in rows.of("popularity_snapshot", "popularity_bucket"):
        if bucket != (None if popularity is None else popularity // 10):
            yield at, "popularity-bucket", f"{bucket} for popularity {popularity}"


def _policy_faults(rows: Columns, policies: Policies) -> Iterator[Fault]:
    shortest = policies.min_duration_ms or 0
    longest = policies.max_duration_ms or HARD_CAP_MS
    for at, duration in rows.of("duration_ms"):
        if not shortest <= duration <= longest:
            message = f"{duration} ms is outside {shortest}–{longest} ms"
            yield at, "duration-policy", message
    if policies.market is None or all(plays := playable(rows, policies.market)):
        return
    for at, one in enumerate(plays):
        if not one:
            yield at, "playability-policy", f"not playable in {policies.market}"


def _source_faults(rows: Columns) -> Iterator[Fault]:
    names = (f"source_playlist_{part}" for part in ("id", "owner", "name"))
    for at, sources, *named in rows.of("sources", *names):
        playlists = [
            [source["playlist_id"], source["owner"], source["name"]]
            for source in sources
            if source["type"] == "playlist"
        ]
        if named[0] is None:
            if named != [None, None, None] or playlists:
                message = "source_playlist_id is null, but a playlist is named"
                yield at, "source-playlist", message
        elif named not in playlists:
            yield at, "source-playlist", f"playlist {named[0]} does not stand so in sources"


def _market_faults(rows: Columns) -> Iterator[Fault]:
    """Only a search can have served a track for its market, and it serves what can be played."""
    bases = rows.in_extra("available_us_source")
    for at, basis in enumerate(bases) if SERVED in bases else ():
        if basis != SERVED:
            continue
        if not rows["available_us"][at]:
            yield at, "playability-source", f"not available, and the source is {SERVED}"
        if all(source["type"] == "playlist" for source in rows["sources"][at]):
            message = f"{SERVED}, but no search is among the sources"
            yield at, "playability-source", message


def merged_ids(rows: Columns) -> Iterator[tuple[int, list[str]]]:
    """The place of each row that stands for other ids, and these."""
    merged = zip(
        rows.in_extra("merged_track_ids"), rows.in_extra("soft_merged_track_ids"), strict=True
    )
    for at, (hard, soft) in enumerate(merged):
        if hard or soft:
            yield at, [*hard, *soft]


def _merge_faults(rows: Columns) -> Iterator[Fault]:
    for at, together in merged_ids(rows):
        for name in ("merged_track_ids", "soft_merged_track_ids"):
            ids = rows.in_extra(name)[at]
            if ids != sorted(set(ids)):
                yield at, "merged-ids", f"{name} is not in order, or names an id twice"
        if rows["spotify_track_id"][at] in together:
            yield at, "merged-ids", "the track is said to be merged into itself"
        if len(set(together)) < len(together):
            yield at, "merged-ids", "an id is merged both as the same recording and softly"


def _content_faults(rows: Columns, policies: Policies) -> Iterator[Fault]:
    for at, labels in enumerate(rows.in_extra("content_labels")):
        if labels and [name for name in CONTENT_LABELS if name in labels] != labels:
            yield at, "content-labels", "content_labels is not in order, or names a label twice"
        for name in policies.rejected_labels.intersection(labels):
            yield at, "content-policy", f"it is labelled {name}, which contentPolicy rejects"


def _backfill_faults(rows: Columns, policies: Policies) -> Iterator[Fault]:
    """A step must lead from the cell that the track is counted in to the one it stands in for."""
    marks = zip(rows.in_extra("backfill_for"), rows.in_extra("available_us_source"), strict=True)
    decades = cell_decades(rows, policies)
    for at, (backfill, basis) in enumerate(marks):
        assumed = basis == ASSUMED
        if backfill is None:
            if assumed:
                message = "playability is assumed, but no thin cell asked for it"
                yield at, "backfill", message
            continue
        umbrella, decade = (rows.in_extra("umbrellas")[at] or [None])[0], decades[at]
        there = (backfill["umbrella"], backfill["decade"])
        if umbrella is None or decade is None:
            yield at, "backfill", "a track without a cell stands in for one"
            continue
        apart = abs(DECADES.index(decade) - DECADES.index(there[1]))
        fits = {
            "soft": there == (umbrella, decade),
            "neighbour": there[0] != umbrella and not apart,
            "decade": there[0] == umbrella and apart == 1,
        }
        step = backfill["step"]
        if not fits[step]:
            message = f"{umbrella} / {decade} cannot help {' / '.join(there)} by {step}"
            yield at, "backfill", message
        if assumed and step != "soft":
            yield at, "backfill", f"playability is assumed for the step {step}"


def _original_faults(rows: Columns) -> Iterator[Fault]:
    """A song does not come out after its album, and what open data gave names its licence."""
    years = zip(rows.in_extra("original_release_year"), rows["album_release_year"], strict=True)
    for at, (original, year) in enumerate(years):
        if original is not None and year is not None and original > year:
            yield at, "original-year", f"{original} is after the album's {year}"
    for name in OPEN_FIELDS:
        values = rows.in_extra(name)
        for at, value in enumerate(values) if any(values) else ():
            if value and not (rows.in_extra("licences")[at] or {}).get(name):
                yield at, "licence", f"{name} has no licence"
    for at, imported in enumerate(rows.in_extra("features_imported")):
        if type(imported) not in (dict, type(None)):
            yield at, "imported-features", f"{show(imported)} names no sources"
            continue
        for name, source in (imported or {}).items():
            if name not in FEATURES or rows[name][at] is None:
                message = f"{show(name)} has no value from {show(source)}"
                yield at, "imported-features", message
            elif not (rows.in_extra("licences")[at] or {}).get(name):
                yield at, "licence", f"{name} has no licence"


def imported_by(rows: Columns) -> Iterator[tuple[str, set[str]]]:
    """Each source of imported features, row by row, with the licences that the row names."""
    imports = zip(rows.in_extra("features_imported"), rows.in_extra("licences"), strict=True)
    for imported, licences in imports:
        # Before form 3 it may be of any kind, and is a fault of its own.
        if not imported or type(imported) is not dict:
            continue
        found = defaultdict[str, set[str]](set)
        for name, source in imported.items():
            found[str(source)].update(filter(None, [(licences or {}).get(name)]))
        yield from found.items()


def _text_faults(rows: Columns) -> Iterator[Fault]:
    """A title and names that say something, and links that lead to the web."""
    every_name = chain(rows["name"], chain.from_iterable(rows["artist_names"]))
    for at, name, artists in (
        rows.of("name", "artist_names") if not all(map(str.strip, every_name)) else ()
    ):
        if not name or name.isspace():
            yield at, "blank-name", "name is blank"
        for artist in artists:
            if not artist or artist.isspace():
                yield at, "blank-name", f"artist_names has {show(artist)}"
    links = ("preview_url", "album_image_url", "artist_image_urls")
    pictures = set(chain.from_iterable(filter(None, rows["artist_image_urls"]))) - {""}
    urls = ({*rows["preview_url"], *rows["album_image_url"]} - {None}) | pictures
    for at, preview, album, images in rows.of(*links) if not _ARE_URLS(urls) else ():
        # An artist without a picture has an empty one, so that the lists stay in step.
        theirs = [url for url in images if url] if images else ()
        for url in (preview, album, *theirs):
            if url is not None and not _URL.fullmatch(url):
                yield at, "url", f"{show(url)} is no address of the web"


def _future_faults(rows: Columns, policies: Policies) -> Iterator[Fault]:
    latest = policies.latest_year
    if latest is None:
        return
    for name, years in (
        ("album_release_year", rows["album_release_year"]),
        ("original_release_year", rows.in_extra("original_release_year")),
    ):
        for at, year in enumerate(years):
            if year is not None and year > latest:
                yield at, "future", f"{name} {year} is later than {latest}"


#: The keys of a row of `cached_tracks.jsonl` in their order, each with the column of the wide row
#: that it copies, or None for what :func:`derived` tells.
_TRACK_KEYS: dict[str, str | None] = {
    "id": "spotify_track_id",
    "name": "name",
    "artistId": None,
    "artistName": None,
    "durationMs": "duration_ms",
    "albumName": "album_name",
    "albumReleaseYear": "album_release_year",
    "popularity": "popularity_snapshot",
    "explicit": "explicit",
    "addedAt": "created_at",
    "isPlayable": None,
    "_ingestSource": None,
    "_ingestQuery": None,
    "_ingestPlaylistId": None,
    "_ingestDiscoveredAt": "created_at",
    "_isrc": "isrc",
    "_originalReleaseYear": None,
    "_decade": "album_decade_label",
    "_umbrellas": None,
    "_album_decade_label": "album_decade_label",
    "_preview_url": "preview_url",
    "_album_image_url": "album_image_url",
    "_popularity_bucket": "popularity_bucket",
    "_available_primary_markets": "available_primary_markets",
    "_source_playlist_id": "source_playlist_id",
    "_source_playlist_name": "source_playlist_name",
    "_source_playlist_owner": "source_playlist_owner",
    "_recco_features_version": "recco_features_version",
    "_recco_features_at": "recco_features_at",
}
#: The same of `audio_features.jsonl`.
FEATURE_KEYS = {
    "trackId": "spotify_track_id",
    "tempo": "tempo",
    "energy": "energy",
    "danceability": "danceability",
    "valence": "valence",
    "loudness": "loudness",
    "key": "key",
    "mode": "mode",
    "timeSignature": "time_signature",
}


def track_keys(form: int) -> Mapping[str, str | None]:
    """The keys of a row of `cached_tracks.jsonl`, each with the column it copies, if it does."""
    return {**_TRACK_KEYS, "_contentLabels": None} if form >= 3 else _TRACK_KEYS


def derived(
    rows: Columns, policies: Policies, queries: Mapping[str, str | None]
) -> dict[str, Sequence[Any]]:
    """The values of `cached_tracks.jsonl` that follow from wide rows and are no copies.

    Args:
        rows: The wide rows.
        policies: Of the release; without a market, that a track can be played is taken as given.
        queries: What was searched for to find a playlist, by its id: the wide row does not tell.
    """
    market = policies.market
    first = [sources[0] for sources in rows["sources"]]
    playlists = [source.get("playlist_id") for source in first]
    return {
        "artistId": [ids[0] for ids in rows["artist_ids"]],
        "artistName": [names[0] for names in rows["artist_names"]],
        "isPlayable": [True for _ in first] if market is None else playable(rows, market),
        "_ingestSource": [source["type"] for source in first],
        "_ingestQuery": [
            source["term"] if playlist is None else queries.get(playlist, _UNKNOWN)
            for source, playlist in zip(first, playlists, strict=True)
        ],
        "_ingestPlaylistId": playlists,
        "_originalReleaseYear": rows.in_extra("original_release_year"),
        "_umbrellas": rows.in_extra("umbrellas"),
        "_contentLabels": rows.in_extra("content_labels"),
    }


def expected_tracks(
    rows: Columns, policies: Policies, queries: Mapping[str, str | None]
) -> list[Data]:
    """The rows of `cached_tracks.jsonl` that follow from wide rows; see :func:`derived`."""
    found = derived(rows, policies, queries)
    keys = track_keys(policies.form)
    return _rows_of({key: found[key] if name is None else rows[name] for key, name in keys.items()})


def expected_features(rows: Columns) -> list[Data]:
    """The rows of `audio_features.jsonl` that follow from wide rows, those without any included."""
    return _rows_of({key: rows[name] for key, name in FEATURE_KEYS.items()})


def _rows_of(columns: Mapping[str, Iterable[Any]]) -> list[Data]:
    keys = list(columns)
    return list(map(dict, map(zip, repeat(keys), zip(*columns.values(), strict=True))))
