"""What one row of `catalog_wide.jsonl` must fulfil beyond its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from runclub_spider.publish.verify.problems import show
from runclub_spider.publish.verify.schema import NEWEST_FORM

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

_URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)

#: Fields of `_extra` that come from open data, each under a licence of its own.
OPEN_FIELDS = ("original_release_year", "recording_mbid", "artist_mbids", "open_genres")

Data = dict[str, Any]
Fault = tuple[str, str]


@dataclass(frozen=True)
class Policies:
    """What the rows are held against, by the manifest; None where it does not say.

    Attributes:
        form: The release's `schemaVersion`; later ones are stricter.
        latest_year: No song or album may be of a later one: next year's, by the version's date.
    """

    market: str | None = None
    min_duration_ms: int | None = None
    max_duration_ms: int | None = None
    unique_isrc: bool = False
    decade_from_original: bool = False
    form: int = NEWEST_FORM
    latest_year: int | None = None

    @property
    def plain_text(self) -> bool:
        """Whether control characters are a fault: since form 2."""
        return self.form >= 2


def is_playable(row: Data, market: str | None) -> bool:
    """Playability as the specification's splitter computes it."""
    return row["available_us"] is True or market in row["available_primary_markets"]


def has_features(row: Data) -> bool:
    """Whether any audio feature of the row has a value."""
    return any(row[name] is not None for name in FEATURES)


def decade_of(year: int | None) -> str | None:
    """The decade label of a year; none before 1970."""
    if year is None or year < 1970:
        return None
    return "20s" if year >= 2020 else f"{year // 10 % 10}0s"


def row_faults(row: Data, policies: Policies) -> Iterator[Fault]:
    """Yield (rule, message) for each fault of a row whose shape is right."""
    track_id = row["spotify_track_id"]
    if row["id"] != str(uuid5(NAMESPACE_URL, TRACK_URL + track_id)):
        yield "row-id", f"id {row['id']} is not the UUIDv5 of {track_id}"
    yield from _artist_faults(row)
    yield from _date_faults(row)
    popularity = row["popularity_snapshot"]
    bucket = None if popularity is None else popularity // 10
    if row["popularity_bucket"] != bucket:
        yield "popularity-bucket", f"{row['popularity_bucket']} for popularity {popularity}"
    yield from _policy_faults(row, policies)
    yield from _source_faults(row)
    yield from _market_faults(row)
    yield from _merge_faults(row)
    yield from _backfill_faults(row, policies)
    yield from _original_faults(row)
    if policies.form >= 2:
        yield from _text_faults(row)
        yield from _future_faults(row, policies)


def decades_of(row: Data) -> dict[str, str | None]:
    """The decades that the manifest counts by; the album's where no other is known."""
    album = row["album_decade_label"]
    original = row["_extra"].get("original_release_year")
    return {
        "byAlbumYear": album,
        "byOriginalYear": album if original is None else decade_of(original),
    }


def cell_decade(row: Data, policies: Policies) -> str | None:
    """The decade of the cell that a row counts in."""
    return decades_of(row)["byOriginalYear" if policies.decade_from_original else "byAlbumYear"]


def _original_faults(row: Data) -> Iterator[Fault]:
    """A song does not come out after its album, and what open data gave names its licence."""
    extra = row["_extra"]
    original, year = extra.get("original_release_year"), row["album_release_year"]
    if original is not None and year is not None and original > year:
        yield "original-year", f"{original} is after the album's {year}"
    for name in OPEN_FIELDS:
        if extra.get(name) and not extra.get("licences", {}).get(name):
            yield "licence", f"{name} has no licence"
    for name, source in extra.get("features_imported", {}).items():
        if name not in FEATURES or row[name] is None:
            yield "imported-features", f"{show(name)} has no value from {show(source)}"
        elif not extra.get("licences", {}).get(name):
            yield "licence", f"{name} has no licence"


def _text_faults(row: Data) -> Iterator[Fault]:
    """A title and names that say something, and links that lead to the web."""
    if not row["name"].strip():
        yield "blank-name", "name is blank"
    for name in row["artist_names"]:
        if not name.strip():
            yield "blank-name", f"artist_names has {show(name)}"
    # An artist without a picture has an empty one, so that the lists stay in step.
    images = [url for url in row["artist_image_urls"] or () if url]
    for url in (row["preview_url"], row["album_image_url"], *images):
        if url is not None and not _URL.fullmatch(url):
            yield "url", f"{show(url)} is no address of the web"


def _future_faults(row: Data, policies: Policies) -> Iterator[Fault]:
    if policies.latest_year is None:
        return
    for name, year in (
        ("album_release_year", row["album_release_year"]),
        ("original_release_year", row["_extra"].get("original_release_year")),
    ):
        if year is not None and year > policies.latest_year:
            yield "future", f"{name} {year} is later than {policies.latest_year}"


def _artist_faults(row: Data) -> Iterator[Fault]:
    count = len(row["artist_ids"])
    for name in ("artist_names", "artist_genres", "artist_image_urls"):
        values = row[name]
        if values is not None and len(values) != count:
            yield "artist-arrays", f"{name} has {len(values)} entries for {count} artists"
    if len(set(row["artist_ids"])) != count:
        yield "artist-arrays", "artist_ids names an artist twice"
    for genres in row["artist_genres"]:
        for genre in genres:
            if genre != genre.lower() or "-" in genre or "&" in genre:
                yield "genre-form", f"{show(genre)} is not normalised"


def _date_faults(row: Data) -> Iterator[Fault]:
    date, year, decade = (
        row["album_release_date"],
        row["album_release_year"],
        row["album_decade_label"],
    )
    if year != (None if date is None else int(date[:4])):
        yield "year", f"album_release_year {year} for the date {date}"
    elif decade != decade_of(year):
        yield "decade", f"album_decade_label {decade} for the year {year}"


def _policy_faults(row: Data, policies: Policies) -> Iterator[Fault]:
    duration = row["duration_ms"]
    shortest = policies.min_duration_ms or 0
    longest = policies.max_duration_ms or HARD_CAP_MS
    if not shortest <= duration <= longest:
        yield "duration-policy", f"{duration} ms is outside {shortest}–{longest} ms"
    if policies.market is not None and not is_playable(row, policies.market):
        yield "playability-policy", f"not playable in {policies.market}"


def _source_faults(row: Data) -> Iterator[Fault]:
    named = tuple(row[f"source_playlist_{part}"] for part in ("id", "owner", "name"))
    playlists = [
        (source["playlist_id"], source["owner"], source["name"])
        for source in row["sources"]
        if source["type"] == "playlist"
    ]
    if named[0] is None:
        if named != (None, None, None) or playlists:
            yield "source-playlist", "source_playlist_id is null, but a playlist is named"
    elif named not in playlists:
        yield "source-playlist", f"playlist {named[0]} does not stand so in sources"


def _market_faults(row: Data) -> Iterator[Fault]:
    """Only a search can have served a track for its market, and it serves what can be played."""
    if row["_extra"].get("available_us_source") != SERVED:
        return
    if not row["available_us"]:
        yield "playability-source", f"not available, and the source is {SERVED}"
    if all(source["type"] == "playlist" for source in row["sources"]):
        yield "playability-source", f"{SERVED}, but no search is among the sources"


def merged_ids(row: Data) -> list[str]:
    """The ids that a row stands for."""
    extra = row["_extra"]
    return [*extra["merged_track_ids"], *extra["soft_merged_track_ids"]]


def _merge_faults(row: Data) -> Iterator[Fault]:
    for name in ("merged_track_ids", "soft_merged_track_ids"):
        ids = row["_extra"][name]
        if ids != sorted(set(ids)):
            yield "merged-ids", f"{name} is not in order, or names an id twice"
    together = merged_ids(row)
    if row["spotify_track_id"] in together:
        yield "merged-ids", "the track is said to be merged into itself"
    if len(set(together)) < len(together):
        yield "merged-ids", "an id is merged both as the same recording and softly"


def _backfill_faults(row: Data, policies: Policies) -> Iterator[Fault]:
    """A step must lead from the cell that the track is counted in to the one it stands in for."""
    extra = row["_extra"]
    backfill = extra["backfill_for"]
    assumed = extra.get("available_us_source") == ASSUMED
    if backfill is None:
        if assumed:
            yield "backfill", "playability is assumed, but no thin cell asked for it"
        return
    own = ((extra["umbrellas"] or [None])[0], cell_decade(row, policies))
    there = (backfill["umbrella"], backfill["decade"])
    if own[0] is None or own[1] is None:
        yield "backfill", "a track without a cell stands in for one"
        return
    apart = abs(DECADES.index(own[1]) - DECADES.index(there[1]))
    fits = {
        "soft": there == own,
        "neighbour": there[0] != own[0] and not apart,
        "decade": there[0] == own[0] and apart == 1,
    }
    step = backfill["step"]
    if not fits[step]:
        yield "backfill", f"{own[0]} / {own[1]} cannot help {' / '.join(there)} by {step}"
    if assumed and step != "soft":
        yield "backfill", f"playability is assumed for the step {step}"


def expected_track(row: Data, market: str | None) -> Data:
    """The fields of `cached_tracks.jsonl` that follow from a wide row."""
    expected = {
        "id": row["spotify_track_id"],
        "name": row["name"],
        "artistId": row["artist_ids"][0],
        "artistName": row["artist_names"][0],
        "durationMs": row["duration_ms"],
        "albumName": row["album_name"],
        "albumReleaseYear": row["album_release_year"],
        "popularity": row["popularity_snapshot"],
        "explicit": row["explicit"],
        "addedAt": row["created_at"],
        "_isrc": row["isrc"],
        "_originalReleaseYear": row["_extra"].get("original_release_year"),
        "_decade": row["album_decade_label"],
        "_umbrellas": row["_extra"]["umbrellas"],
        "_album_decade_label": row["album_decade_label"],
        "_preview_url": row["preview_url"],
        "_album_image_url": row["album_image_url"],
        "_popularity_bucket": row["popularity_bucket"],
        "_available_primary_markets": row["available_primary_markets"],
        "_source_playlist_id": row["source_playlist_id"],
        "_source_playlist_name": row["source_playlist_name"],
        "_source_playlist_owner": row["source_playlist_owner"],
        "_recco_features_version": row["recco_features_version"],
        "_recco_features_at": row["recco_features_at"],
    }
    if market is not None:
        expected["isPlayable"] = is_playable(row, market)
    return expected


def expected_features(row: Data) -> Data:
    """The row of `audio_features.jsonl` that follows from a wide row."""
    return {
        "trackId": row["spotify_track_id"],
        "tempo": row["tempo"],
        "energy": row["energy"],
        "danceability": row["danceability"],
        "valence": row["valence"],
        "loudness": row["loudness"],
        "key": row["key"],
        "mode": row["mode"],
        "timeSignature": row["time_signature"],
    }


def ingest_faults(track: Data, row: Data) -> Iterator[Fault]:
    """Yield the faults of a cached track's own account of where it came from."""
    sources = row["sources"]
    kind, playlist = track["_ingestSource"], track["_ingestPlaylistId"]
    if kind is not None and all(source["type"] != kind for source in sources):
        yield "ingest-source", f"_ingestSource {kind} is not among the sources"
    if playlist is not None and all(source.get("playlist_id") != playlist for source in sources):
        yield "ingest-source", f"_ingestPlaylistId {playlist} is not among the sources"
