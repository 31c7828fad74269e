"""Builds a small release by hand, so that a fault can be put exactly where a test wants it.

Nothing here comes from the project: a fault of the writer must not hide in its own tests.
"""

import csv
import hashlib
import io
import json
import random
import string
import struct
import uuid
import zlib
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Data = dict[str, Any]

WIDE, TRACKS, FEATURES, ARTISTS = DATA_FILES = (
    "catalog_wide.jsonl",
    "cached_tracks.jsonl",
    "audio_features.jsonl",
    "cached_artists.jsonl",
)
#: What a release has from form 3 on, beside its sums.
PACKAGE, SUMS = "datapackage.json", "SHA256SUMS"
PAGES = ("explore.html", "README.md", PACKAGE)
SCHEMAS = Path(__file__).parents[1] / "runclub_spider" / "publish" / "schemas"
MOMENT = "2025-10-15T14:26:05Z"
FEATURE_FIELDS = {
    "tempo": 167.2,
    "energy": 0.71,
    "danceability": 0.62,
    "valence": 0.43,
    "loudness": -6.1,
    "acousticness": 0.1,
    "instrumentalness": 0.0,
    "liveness": 0.2,
    "speechiness": 0.04,
    "key": 9,
    "mode": 1,
    "time_signature": 4,
}
DECADES = {1977: "70s", 1984: "80s", 1999: "90s", 2005: "00s", 2013: "10s", 2021: "20s"}
#: Rows of a row group of `catalog.parquet`: few, so that there are several.
ROWS_OF_GROUP = 16
#: Of the columns of `catalog.parquet` that are no text; what holds objects is JSON text.
COLUMN_TYPES = {
    **dict.fromkeys(("duration_ms", "album_release_year", "popularity_snapshot"), pa.int64()),
    **dict.fromkeys(("popularity_bucket", "key", "mode", "time_signature"), pa.int64()),
    **dict.fromkeys(("explicit", "available_us"), pa.bool_()),
    **dict.fromkeys([*FEATURE_FIELDS][:9], pa.float64()),
    **dict.fromkeys(("available_primary_markets", "artist_ids"), pa.list_(pa.string())),
    **dict.fromkeys(("artist_names", "artist_image_urls"), pa.list_(pa.string())),
    "artist_genres": pa.list_(pa.list_(pa.string())),
}
BUCKETS = {"Rock": {"70s": {"165-169": 7}}}
TEMPOS = ("measured", "folded")
UMBRELLAS = [["Country & Americana"], ["Rock", "Metal"], []]
CONTENT_LABELS = (
    *("karaoke", "tribute", "rendition", "noise", "spoken", "altered", "dj_mix"),
    *("workout_cover", "instrumental", "live", "medley", "holiday", "children"),
)
# By the last digit of a row's number.
CONTENT = {4: ["live"], 7: ["altered", "live"]}
IMPORTED = {
    "features_imported": {"valence": "acousticbrainz", "key": "analysis"},
    "licences": {"valence": "CC0-1.0", "key": "CC-BY-4.0"},
}
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def spotify_id(kind: str, number: int) -> str:
    rng = random.Random(f"{kind}{number}")
    return "".join(rng.choices(BASE62, k=22))


def row_id(track_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://open.spotify.com/track/{track_id}"))


def backfill(number: int) -> Data | None:
    """A Rock track that helps Metal in its own decade."""
    year = [*DECADES][number % len(DECADES)]
    helps = number == 7
    return {"umbrella": "Metal", "decade": DECADES[year], "step": "neighbour"} if helps else None


def wide_row(number: int) -> Data:
    track_id = spotify_id("track", number)
    year = [*DECADES][number % len(DECADES)]
    artists = [number % 7, number % 7 + 1] if number % 4 == 0 else [number % 7]
    playlist = None if number % 3 == 0 else spotify_id("playlist", number % 5)
    sources: list[Data] = [{"type": "search", "term": "rock running"}]
    if playlist:
        sources.insert(
            0, {"type": "playlist", "playlist_id": playlist, "owner": "spotify", "name": "Läufe"}
        )
    return {
        "id": row_id(track_id),
        "spotify_track_id": track_id,
        "isrc": None if number % 9 == 0 else f"USUM7{number:07d}",
        "name": f"Söng “{number}” – Titel",
        "duration_ms": 120_000 + number * 1000,
        "explicit": number % 5 == 0,
        "album_name": f"Album {number % 11}",
        "album_release_date": str(year) if number % 2 else f"{year}-03-09",
        "album_release_year": year,
        "album_decade_label": DECADES[year],
        "album_image_url": None,
        "popularity_snapshot": number % 101,
        "popularity_bucket": number % 101 // 10,
        "available_us": number % 6 != 0,
        "available_primary_markets": ["US", "CA"],
        "preview_url": None,
        "artist_ids": [spotify_id("artist", a) for a in artists],
        "artist_names": [f"Artist {a}" for a in artists],
        "artist_genres": [["alt country", f"genre {a}"] for a in artists],
        "artist_image_urls": None,
        "source_playlist_id": playlist,
        "source_playlist_name": "Läufe" if playlist else None,
        "source_playlist_owner": "spotify" if playlist else None,
        "sources": sources,
        "recco_track_id": "f0b1",
        "recco_features_version": "1",
        "recco_features_at": MOMENT,
        **FEATURE_FIELDS,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "_extra": {
            "umbrellas": UMBRELLAS[number % 3],
            "content_labels": CONTENT.get(number % 10, []),
            **(IMPORTED if number % 10 == 8 else {"features_imported": {}}),
            "merged_track_ids": [spotify_id("merged", number)] if number % 20 == 5 else [],
            "soft_merged_track_ids": [spotify_id("soft", number)] if number % 20 == 6 else [],
            "isrc_shared_with": [],
            "backfill_for": backfill(number),
            "note": {"any": 1},
        },
    }


def without_features(row: Data) -> None:
    for name in (*FEATURE_FIELDS, "recco_track_id", "recco_features_version", "recco_features_at"):
        row[name] = None


def imported_features(wide: list[Data]) -> Data:
    """What the manifest says of the sources of imported features."""
    tracks: Counter[str] = Counter()
    licences: dict[str, set[str]] = {}
    for extra in (row["_extra"] for row in wide):
        sources = extra.get("features_imported")
        if isinstance(sources, dict):
            tracks.update(set(sources.values()))
            for name, source in sources.items():
                if found := extra.get("licences", {}).get(name):
                    licences.setdefault(source, set()).add(found)
    return {
        source: {"tracks": number, "licences": sorted(licences.get(source, ()))}
        for source, number in sorted(tracks.items())
    }


def figures(wide: list[Data]) -> Data:
    """The counts behind the report; of a row that is at fault whatever it says."""

    def bins(values: list[Any], width: int) -> Data:
        known = (one for one in values if isinstance(one, int | float))
        found = Counter(str(int(one // width * width)) for one in known)
        nulls = values.count(None)
        return {**found, **({"unknown": nulls} if nulls else {})}

    years: Data = {}
    for row in wide:
        one = years.setdefault(
            str(row.get("album_release_year") or "unknown"), {"tracks": 0, "withFeatures": 0}
        )
        one["tracks"] += 1
        one["withFeatures"] += any(row.get(name) is not None for name in FEATURE_FIELDS)
    beats = bins([row["tempo"] for row in wide if row.get("tempo") is not None], 5)
    seed = {"searchType": "track", "family": "editorial", "term": 'rock "live", run'}
    return {
        "byReleaseYear": years,
        "tempo": {name: {at: {"kept": n} for at, n in beats.items()} for name in TEMPOS},
        "durationSeconds": bins([row.get("duration_ms", 0) / 1000 for row in wide], 15),
        "popularity": bins([row.get("popularity_snapshot") for row in wide], 10),
        "suitability": {"unknown": len(wide)} if wide else {},
        "seeds": {"best": [{**seed, "requests": 3, "eligible": 8}], "worst": []},
        "calls": [{"day": MOMENT, "api": "spotify", "family": "search", "calls": 3}],
    }


def track_row(wide: Data) -> Data:
    playlist = wide["source_playlist_id"]
    first = wide["sources"][0] if wide["sources"] else {"type": None}
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
        "isPlayable": wide["available_us"] or "US" in wide["available_primary_markets"],
        "_ingestSource": first["type"],
        "_ingestQuery": "rock running",
        "_ingestPlaylistId": first.get("playlist_id"),
        "_ingestDiscoveredAt": wide["created_at"],
        "_isrc": wide["isrc"],
        "_originalReleaseYear": wide["_extra"].get("original_release_year"),
        "_decade": wide["album_decade_label"],
        "_umbrellas": wide["_extra"].get("umbrellas"),
        "_album_decade_label": wide["album_decade_label"],
        "_preview_url": wide["preview_url"],
        "_album_image_url": wide["album_image_url"],
        "_popularity_bucket": wide["popularity_bucket"],
        "_available_primary_markets": wide["available_primary_markets"],
        "_source_playlist_id": playlist,
        "_source_playlist_name": wide["source_playlist_name"],
        "_source_playlist_owner": wide["source_playlist_owner"],
        "_recco_features_version": wide["recco_features_version"],
        "_recco_features_at": wide["recco_features_at"],
        "_contentLabels": wide["_extra"].get("content_labels"),
    }


def features_row(wide: Data) -> Data:
    names = ("tempo", "energy", "danceability", "valence", "loudness", "key", "mode")
    return {
        "trackId": wide["spotify_track_id"],
        **{name: wide[name] for name in names},
        "timeSignature": wide["time_signature"],
    }


def column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Values of a table's column; null for one that does not fit, as a fault may have it."""
    if kind == pa.string():
        values = [dump(one).decode() if isinstance(one, list | dict) else one for one in values]
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return pa.concat_arrays([_one(value, kind) for value in values])


def _one(value: Any, kind: pa.DataType) -> pa.Array:
    try:
        return pa.array([value], kind)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return pa.nulls(1, kind)


def cell(value: Any) -> str:
    """A value as the CSV file has it."""
    if value is None or isinstance(value, str):
        return value or ""
    return dump(value).decode()


def dump(row: Any) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def pack(data: bytes, *, flags: int = 0, mtime: int = 0, name: bytes = b"") -> bytes:
    """Gzip by hand: header, raw deflate, CRC and length."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    header = b"\x1f\x8b\x08" + struct.pack("<BIBB", flags, mtime, 0, 255) + name
    return header + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def gate(name: str, **changes: Any) -> Data:
    """An entry of the manifest's `gates`."""
    return {
        "name": name,
        "passed": True,
        "value": 1,
        "threshold": 95,
        "wanted": "at least",
        "level": "fail",
        "accepted": None,
        **changes,
    }


# One seed, and what became of the ten tracks it showed.
DISCOVERY = """\
search_type,family,term,umbrella,decade,bpm,state,requests,rows,new_tracks,eligible_new,tracks,\
exported,merged_isrc,merged_soft,balance,pending,rejected,rejected_too_short,rejected_too_long
track,editorial,"rock ""live"", run",Rock,70s,,exhausted,3,30,10,8,10,4,1,1,1,1,2,1,1
"""
SUMMARY = {
    "seeds": 1,
    "asked": 1,
    "requests": 3,
    "rows": 30,
    "newTracks": 10,
    "eligibleNew": 8,
    "tracks": 10,
    "exported": 4,
    "rejected": 2,
    "rejectedByRule": {"too_short": 1, "too_long": 1},
}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Release:
    """A release being made: change rows, lines or the manifest, then `write`.

    `rows` change what the release says of its tracks; `lines` (set by `serialise`) are the
    bytes of the four files; `manifest` is made from both, and may then be changed as well.
    """

    def __init__(self, tracks: int = 40, *, sandbox: bool = True) -> None:
        self.sandbox = sandbox
        self.wide = sorted(map(wide_row, range(tracks)), key=lambda row: row["spotify_track_id"])
        if tracks >= 40:
            without_features(self.wide[3])  # 2.5 %: within the gate
        self.rows: dict[str, list[Data]] = {}
        self.lines: dict[str, list[bytes]] = {}
        self.files: dict[str, bytes] = {}
        self.described = b""
        self.manifest: Data = {}

    def derive(self) -> "Release":
        """Make the app's three files from the wide rows as they stand."""
        artists: dict[str, Data] = {}
        for row in self.wide:
            for one, name, genres in zip(
                row["artist_ids"], row["artist_names"], row["artist_genres"], strict=False
            ):
                artists.setdefault(
                    one, {"id": one, "name": name, "genres": genres, "popularity": 67}
                )
        self.rows = {
            WIDE: self.wide,
            TRACKS: [track_row(row) for row in self.wide],
            FEATURES: [
                features_row(row)
                for row in self.wide
                if any(row[name] is not None for name in FEATURE_FIELDS)
            ],
            ARTISTS: sorted(artists.values(), key=lambda row: row["id"]),
        }
        self.rows = deepcopy(self.rows)
        return self

    def serialise(self) -> "Release":
        """Make the lines of the four files from the rows as they stand."""
        self.lines = {name: [dump(row) for row in rows] for name, rows in self.rows.items()}
        return self

    def assemble(self) -> "Release":
        """Make every file's bytes and the manifest from the lines as they stand."""
        for name in DATA_FILES:
            data = b"".join(line + b"\n" for line in self.lines[name])
            self.files[name] = data
            self.files[f"{name}.gz"] = pack(data)
        for path in sorted(SCHEMAS.iterdir()):
            self.files[f"schemas/{path.name}"] = path.read_bytes()
        for name in PAGES:
            self.files[name] = b"<!doctype html><title>Release</title>\n"
        self.files[PACKAGE] = self.described = b""
        self.files["report.html"] = b"<!doctype html><html><title>Release </title></html>\n"
        self.files["tempo_buckets.json"] = dump(BUCKETS)
        self.files["discovery.csv"] = DISCOVERY.encode()
        self.tables(self.rows[WIDE])
        self.describe()
        return self

    def tables(self, rows: list[Data]) -> None:
        """Make both tables of rows that hold no formula."""
        columns = {
            name: column([row.get(name) for row in rows], COLUMN_TYPES.get(name, pa.string()))
            for name in wide_row(0)
        }
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns), sink, row_group_size=ROWS_OF_GROUP)
        self.files["catalog.parquet"] = sink.getvalue().to_pybytes()
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(
            [[*columns], *([cell(row.get(name)) for name in columns] for row in rows)]
        )
        self.files["catalog.csv"] = text.getvalue().encode("utf-8", "backslashreplace")

    def describe(self) -> None:
        """Write the manifest from the rows and files."""
        wide, lines = self.rows[WIDE], self.lines
        cells: dict[str, dict[str, int]] = {}
        for row in wide:
            umbrella = (row["_extra"].get("umbrellas") or ["Unassigned"])[0]
            cell = cells.setdefault(umbrella, {})
            decade = row["album_decade_label"] or "Undated"
            cell[decade] = cell.get(decade, 0) + 1
        by_year = Counter(row["album_decade_label"] or "Undated" for row in wide)
        tracks, features = len(lines[WIDE]), len(lines[FEATURES])
        covered = sum(any(row[name] is not None for name in FEATURE_FIELDS) for row in self.wide)
        beats = sum(row["tempo"] is not None for row in self.wide)
        self.manifest = {
            "version": "",
            "createdAt": MOMENT,
            "spotify": {
                "source": "sandbox" if self.sandbox else "api.spotify.com",
                "market": "US",
                "profile": "extended",
                "seedsSummary": {"track/editorial": dict(SUMMARY)},
                "searchCounts": {"requests": 3},
                "playlistCounts": {"playlists": 5},
            },
            "reccobeats": {
                "source": "sandbox" if self.sandbox else "api.reccobeats.com",
                "featureCoveragePct": round(100 * covered / max(tracks, 1), 2),
                "tempoCoveragePct": round(100 * beats / max(tracks, 1), 2),
                "errors": 0,
                "retries": 2,
            },
            "totals": {
                "tracks": tracks,
                "artists": len(lines[ARTISTS]),
                "audioFeatures": features,
                "byUmbrellaAndDecade": cells,
                "byContentLabel": dict(
                    Counter(
                        label for row in wide for label in row["_extra"].get("content_labels") or ()
                    )
                ),
            },
            "filtersApplied": {
                "minDurationMs": 120_000,
                "maxDurationMs": 360_000,
                "explicitPolicy": "retain",
                "playabilityPolicy": "playable in the market",
                "dedupePolicy": "Spotify id, then ISRC",
                "decadeFrom": "album",
                "contentPolicy": {
                    **dict.fromkeys(CONTENT_LABELS, "last"),
                    "karaoke": "reject",
                    "live": "keep",
                },
            },
            "fileHashes": {},
            "schemaVersion": 3,
            "accounting": {
                "rowsSeen": tracks + 38,
                "nullRows": 1,
                "localRows": 2,
                "episodeRows": 3,
                "repeatedRows": 4,
                "distinctTracks": tracks + 28,
                "exported": tracks,
                "rejected": 7,
                "rejectedByRule": {"duration": 4, "playability": 3},
                "mergedIsrc": 5,
                "mergedSoft": 6,
                "balanceRejects": 8,
                "pending": 2,
            },
            "unsound": {"tracks": 0, "listed": []},
            "balance": self.balance(cells),
            "exhaustion": {
                "minimum": 4,
                "states": {"filled": 0, "exhausted": 1, "open": 0, "unasked": 0},
                "cells": {
                    "Rock": {
                        "70s": {
                            "found": 2,
                            "searches": 3,
                            "asked": 3,
                            "left": 0,
                            "requests": 4,
                            "newOnLastPages": [2, 0],
                            "state": "exhausted",
                        }
                    }
                },
            },
            "canonical": {
                "isrcs": 50,
                "divided": {
                    "isrcs": 3,
                    "tracks": 7,
                    "rows": sum(bool(row["_extra"].get("isrc_shared_with")) for row in wide),
                },
                "changed": 2,
                "changes": [
                    {
                        "isrc": "USUM70000001",
                        "before": spotify_id("gone", 1),
                        "after": spotify_id("track", 1),
                        "cause": "refused: too_long",
                        "reason": "most popular edition",
                    }
                ],
            },
            "importedFeatures": imported_features(wide),
            "figures": figures(wide),
            "changes": self.changes(tracks),
            "decades": {
                "cellsFrom": "album",
                "withOriginalYear": sum(
                    row["_extra"].get("original_release_year") is not None for row in wide
                ),
                "byAlbumYear": dict(by_year),
                "byOriginalYear": dict(by_year),
            },
            "gates": [
                gate("features", value=97.5),
                gate("year", value=100, threshold=90),
            ],
            "notes": ["Decades from the album year."],
            "tempoBuckets": BUCKETS,
        }
        if self.sandbox:
            self.manifest["notes"].append("Made from the sandbox: no real music.")
        self.seal()

    def balance(self, cells: dict[str, dict[str, int]]) -> Data:
        """A certificate for a target of 8 in all cells of three umbrellas."""
        target = 8
        found: Data = {}
        for umbrella in ("Country & Americana", "Rock", "Metal"):
            row = found[umbrella] = {}
            for decade in DECADES.values():
                tracks = cells.get(umbrella, {}).get(decade, 0)
                row[decade] = {
                    "tracks": tracks,
                    "shortfall": max(0, target - tracks),
                    "backfill": {},
                }
        for row in self.wide:
            if mark := row["_extra"].get("backfill_for"):
                helped = found[mark["umbrella"]][mark["decade"]]["backfill"]
                step = mark.get("step", "soft")
                helped[step] = helped.get(step, 0) + 1
        names = [
            [umbrella, decade]
            for umbrella, row in found.items()
            for decade, cell in row.items()
            if cell["shortfall"]
        ]
        short = sum(cell["shortfall"] for row in found.values() for cell in row.values())
        return {
            "target": target,
            "minimum": 4,
            "backfillOrder": ["neighbour"],
            "wanted": target * len(found) * len(DECADES),
            "totalShortfall": short,
            "proof": {
                "cells": names,
                "wanted": target * len(names),
                "tracks": target * len(names) - short,
            },
            "cells": found,
        }

    def changes(self, tracks: int) -> Data:
        """Against a release that had all but two of the tracks, and one more."""
        ids = [row["spotify_track_id"] for row in self.rows[WIDE]]
        added = [
            {"trackId": one, "reason": "found since the last release", "other": None}
            for one in ids[:2]
        ]
        removed = {"trackId": spotify_id("gone", 2), "reason": "refused: too_long", "other": None}
        moved = [
            {"trackId": one, "before": ["Rock", "70s"], "after": [None, "80s"]} for one in ids[2:3]
        ]
        kept = max(0, tracks - 2)
        return {
            "against": "2025-10-01-0123abcd",
            "previousTracks": kept + 1,
            "kept": kept,
            "added": len(added),
            "removed": 1,
            "moved": len(moved),
            "changed": 0,
            "addedByReason": {"found since the last release": len(added)},
            "removedByReason": {"refused: too_long": 1},
            "listed": {"added": added, "removed": [removed], "moved": moved},
        }

    def older(self, form: int) -> "Release":
        """Turn it into one of a form that had no pages and other schemas."""
        for name in PAGES:
            del self.files[name]
        for path in (SCHEMAS.parent / "verify" / "schemas" / str(form)).iterdir():
            self.files[f"schemas/{path.name}"] = path.read_bytes()
        return self

    def package(self, version: str) -> bytes:
        """The description of the tables as they stand."""
        resources = [
            {
                "path": name,
                "hash": f"sha256:{hashlib.sha256(self.files[name]).hexdigest()}",
                "bytes": len(self.files[name]),
            }
            for name in (*DATA_FILES, "catalog.csv")
            if name in self.files
        ]
        return json.dumps({"version": version, "resources": resources}).encode()

    def seal(self) -> None:
        """Hash the files as they stand and name the version after them; the report tells it."""
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        lines = "".join(f"{hashes[name]}  {name}\n" for name in DATA_FILES if name in hashes)
        digest = hashlib.sha256(lines.encode()).hexdigest()[:8]
        suffix = "-sandbox" if self.sandbox else ""
        before, version = self.manifest["version"], f"2025-10-15-{digest}{suffix}"
        if report := self.files.get("report.html"):
            told, tells = f"Release {before}<".encode(), f"Release {version}<".encode()
            self.files["report.html"] = report = report.replace(told, tells)
            hashes["report.html"] = hashlib.sha256(report).hexdigest()
        # One that a test has put its own in stays.
        if self.files.get(PACKAGE) == self.described:
            self.described = self.files[PACKAGE] = self.package(version)
            hashes[PACKAGE] = hashlib.sha256(self.described).hexdigest()
        self.manifest |= {"fileHashes": hashes, "version": version}

    def build(self) -> "Release":
        """All steps at once, for a release without a fault."""
        return self.derive().serialise().assemble()

    def write(self, parent: Path, folder: str | None = None) -> Path:
        """Write the release under the parent and return its folder."""
        root = parent / (folder or self.manifest["version"])
        for name, data in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False) + "\n"
        (root / "manifest.json").write_text(text, encoding="utf-8")
        hashes = self.manifest.get("fileHashes")
        if self.files.keys() & set(PAGES) and isinstance(hashes, dict):
            told = {**hashes, "manifest.json": sha256(text)}
            lines = (f"{told[name]}  {name}\n" for name in sorted(told))
            (root / SUMS).write_text("".join(lines), encoding="utf-8")
        return root
