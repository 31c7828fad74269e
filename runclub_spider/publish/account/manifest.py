"""The manifest: what is in a release, where it came from, and why it may be trusted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from runclub_spider.apis.spotify.regimes import REGIMES
from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.suitability import BANDS
from runclub_spider.config import Config
from runclub_spider.publish.account.gates import Gate
from runclub_spider.publish.account.grid import UNASSIGNED, UNDATED, Grid, table
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.select import Selection
from runclub_spider.store.queue.pages import PageCounts


def version_of(date: str, digest: str, source: str) -> str:
    """The release's name: date of the newest data, 8 hex digits, and `-sandbox` if it is that."""
    return f"{date}-{digest[:8]}" + ("" if source == "spotify" else f"-{source}")


def accounting(selection: Selection, rows: PageCounts, distinct: int) -> dict[str, Any]:
    """Where every row and track went, in the contract's words."""
    return {
        "rowsSeen": rows.rows,
        "nullRows": rows.null_rows,
        "localRows": rows.local_rows,
        "episodeRows": rows.episode_rows,
        "repeatedRows": rows.track_rows - distinct,
        "distinctTracks": distinct,
        "exported": selection.count(Fate.EXPORTED),
        "rejected": selection.count(Fate.REJECTED),
        "rejectedByRule": dict(sorted(selection.rejected().items())),
        "mergedIsrc": selection.count(Fate.MERGED_ISRC),
        "mergedSoft": selection.count(Fate.MERGED_SOFT),
        "balanceRejects": selection.count(Fate.BALANCE),
        "pending": selection.count(Fate.PENDING),
    }


def imbalance(account: Mapping[str, Any]) -> str | None:
    """What does not add up in an accounting, or None."""
    rows = ("nullRows", "localRows", "episodeRows", "repeatedRows", "distinctTracks")
    tracks = ("exported", "rejected", "mergedIsrc", "mergedSoft", "balanceRejects", "pending")
    for whole, parts in (("rowsSeen", rows), ("distinctTracks", tracks)):
        found = sum(account[part] for part in parts)
        if account[whole] != found:
            return f"{whole} is {account[whole]}, its parts are {found}"
    if account["repeatedRows"] < 0:
        return f"repeatedRows is {account['repeatedRows']}"
    return None


def grid(selection: Selection) -> Grid:
    """Tracks by umbrella and decade, each once, in the order of the map and of time."""
    counts = Counter(selection.cell(index) for index in selection.chosen.tolist())
    return table(((*cell, number) for cell, number in counts.items()), selection.pool.labels)


def tempo_buckets(
    found: Mapping[tuple[str, str, str], int], labels: Sequence[str]
) -> dict[str, dict[str, dict[str, int]]]:
    """Tracks by umbrella, decade and cadence band, each in its order; empty ones left out."""
    table: dict[str, dict[str, dict[str, int]]] = {}
    for label in [*labels, UNASSIGNED]:
        for decade in [*DECADES, UNDATED]:
            row = {b: n for b in BANDS if (n := found.get((label, decade, b), 0))}
            if row:
                table.setdefault(label, {})[decade] = row
    return table


def decades(
    config: Config, by_album: Mapping[str, int], by_original: Mapping[str, int], known: int
) -> dict[str, Any]:
    """Both distributions of the tracks: by album year, and by the song's first year.

    `known` tracks have an original year; of the others the album's counts in both.
    """
    names = [*DECADES, UNDATED]
    return {
        "cellsFrom": config.decade_from,
        "withOriginalYear": known,
        "byAlbumYear": {name: by_album[name] for name in names if by_album.get(name)},
        "byOriginalYear": {name: by_original[name] for name in names if by_original.get(name)},
    }


def balance(selection: Selection) -> dict[str, Any]:
    """The certificate of the balance: what each cell wants and has, and why it is the optimum."""
    found = selection.choice.certificate
    cells: dict[str, dict[str, Any]] = {}
    for (umbrella, decade), count in found.cells.items():
        cells.setdefault(umbrella, {})[decade] = {
            "tracks": count.tracks,
            "shortfall": count.shortfall,
            "backfill": dict(count.backfill),
        }
    return {
        "target": found.target,
        "minimum": found.minimum,
        "backfillOrder": list(selection.targets.backfill),
        "wanted": found.target * len(found.cells),
        "totalShortfall": found.shortfall,
        "proof": {
            "cells": [list(cell) for cell in found.proof],
            "wanted": found.wanted,
            "tracks": found.tracks,
        },
        "cells": cells,
    }


def imports(
    tracks: Mapping[str, int], licences: Mapping[str, Collection[str]]
) -> dict[str, dict[str, Any]]:
    """By source of imported features the tracks that have some, and under which licences."""
    return {
        source: {"tracks": tracks[source], "licences": sorted(licences[source])}
        for source in sorted(tracks)
    }


def import_notes(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What was imported; nothing where nothing was."""
    if not found:
        return []
    told = "; ".join(
        f"{source} ({', '.join(one['licences'])}): {one['tracks']:,} tracks"
        for source, one in found.items()
    )
    return [
        (
            f"Features that ReccoBeats does not give were imported from {told}. They count as "
            "features; _extra.features_imported names the source of each, _extra.licences its "
            "licence."
        )
    ]


def notes(
    config: Config, source: str, profile: str | None, *, time_signatures: int = 0
) -> list[str]:
    """Decisions taken where the specification leaves them open.

    `time_signatures` are the tracks that have one, all of them imported.
    """
    found = []
    if source != "spotify":
        found.append(
            f"SOURCE: {source}. This release was made from a sandbox or stand-in server, not "
            "from Spotify. It must not be shipped."
        )
    found += [
        "id is the UUIDv5 of https://open.spotify.com/track/<spotify_track_id>.",
        (
            "Umbrellas come from artist genres through seeds/umbrellas.yaml; where a track's "
            "artists have none, from the seeds and playlists that found it "
            "(_extra.umbrella_source)."
        ),
        (
            "Decade is that of the album's year as served; remasters keep their own year. Tracks "
            "from before 1970 and without a year have none and are kept."
        ),
        (
            f"Playable means is_playable under market {config.market}, else its "
            "available_markets; where an answer says neither of any track, that it answers a "
            "search under that market (_extra.available_us_source search_market), but not that a "
            "playlist lists it. Unknown is excluded but where a cell is thin (thin_cell_policy)."
        ),
        (
            f"time_signature is imported for {time_signatures:,} tracks: ReccoBeats has none."
            if time_signatures
            else "time_signature is null throughout: ReccoBeats does not give it."
        ),
        (
            "A ReccoBeats row with some numbers is exported for what it has and asked again until "
            "tempo and energy are there. featureCoveragePct counts rows with any number, "
            "tempoCoveragePct those with a tempo."
        ),
        (
            "Duplicates share an ISRC or are relinked, or are renderings of one recording "
            "(dedupePolicy); the last release's choice survives unless an original edition "
            "appears, else an edition of the song's first year where that is known, then the most "
            "popular, then the earliest album year, then the smallest id."
        ),
        (
            "A track counts under one of its umbrellas and its own decade. balance.proof names "
            "cells that want more tracks than the pool has for them: the shortfall has no "
            "smaller value. _extra.backfill_for names the thin cell a track stands in for."
        ),
        (
            "_extra.content_labels says what a track is beside a song by its artist "
            "(filtersApplied.contentPolicy: rejected, after all others, or kept). A track that "
            "comes last stands for no other edition and counts for no cell that is searched for."
        ),
        "The year gate counts tracks that have a year and a decade.",
        (
            "Texts in catalog.csv and discovery.csv that a spreadsheet would run as a formula "
            "begin with an apostrophe there; it is no part of them."
        ),
    ]
    regime = REGIMES.get(profile or "")
    if regime is not None and regime.note is not None:
        found.append(regime.note)
    return found


def open_notes(config: Config, counts: Mapping[str, int]) -> list[str]:
    """What open metadata gave, under which licences, and what is missing without a source."""
    if not counts["tracks"]:
        return ["No open metadata: no original years, MBIDs or tagged genres (_extra)."]
    found = [
        (
            "Original years, recording and artist MBIDs are from MusicBrainz' core data, CC0 "
            "(_extra.licences names the licence of each field). The original year is the older "
            "of what ISRC and title name, never later than the album's; among editions of one "
            "recording the one of that year is preferred."
        ),
    ]
    if config.open_metadata_tags:
        found.append(
            "_extra.open_genres are tags of MusicBrainz' editors, CC BY-NC-SA 3.0, and umbrellas "
            "whose umbrella_source is not artist_genres may rest on them: name MusicBrainz, no "
            "commercial use, share alike. OPEN_METADATA_TAGS=0 leaves them out."
        )
    else:
        found.append("Tagged genres (CC BY-NC-SA) were left out: OPEN_METADATA_TAGS is off.")
    found += [
        f"Open metadata was not asked of {source}: OPEN_METADATA_SOURCES."
        for source in ("musicbrainz", "listenbrainz")
        if source not in config.open_metadata_sources
    ]
    if config.decade_from == "original":
        found.append("Cells go by the song's first year where it is known: DECADE_FROM.")
    return found


def build(
    *,
    version: str,
    created_at: str,
    spotify: Mapping[str, Any],
    reccobeats: Mapping[str, Any],
    totals: Mapping[str, Any],
    config: Config,
    hashes: Mapping[str, str],
    schema_version: int,
    account: Mapping[str, Any],
    left_out: Mapping[str, Any],
    balance: Mapping[str, Any],
    exhaustion: Mapping[str, Any],
    canonical: Mapping[str, Any],
    imported: Mapping[str, Any],
    tempo_buckets: Mapping[str, Any],
    figures: Mapping[str, Any],
    changes: Mapping[str, Any],
    decades: Mapping[str, Any],
    gates: Sequence[Gate],
    note_lines: Sequence[str],
) -> dict[str, Any]:
    """The manifest's JSON, keys in the specification's order."""
    unless = " but for thin cells" if "soft" in config.backfill_order else ""
    return {
        "version": version,
        "createdAt": created_at,
        "spotify": dict(spotify),
        "reccobeats": dict(reccobeats),
        "totals": dict(totals),
        "filtersApplied": {
            "minDurationMs": config.min_duration_ms,
            "maxDurationMs": config.max_duration_ms,
            "explicitPolicy": "retained, flagged",
            "playabilityPolicy": f"playable in {config.market}; unknown excluded{unless}",
            "dedupePolicy": config.dedupe_policy,
            "decadeFrom": config.decade_from,
            "contentPolicy": {
                str(one): str(said) for one, said in config.content_policy.treatments
            },
        },
        "fileHashes": dict(sorted(hashes.items())),
        "schemaVersion": schema_version,
        "accounting": dict(account),
        "unsound": dict(left_out),
        "balance": dict(balance),
        "exhaustion": dict(exhaustion),
        "canonical": dict(canonical),
        "importedFeatures": dict(imported),
        "tempoBuckets": dict(tempo_buckets),
        "figures": dict(figures),
        "changes": dict(changes),
        "decades": dict(decades),
        "gates": [gate.as_json() for gate in gates],
        "notes": list(note_lines),
    }
