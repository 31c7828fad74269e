"""The data files, and the batches of the tables, of one part of a release's tracks.

Parts are written by any number of processes, each into files of its own; put one after the other
in the order of ids they are the release's.
"""

from __future__ import annotations

import errno
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.ballots import PARTS
from runclub_spider.catalog.dates import decade_of
from runclub_spider.catalog.models import FEATURES, Playable
from runclub_spider.publish.account import gates
from runclub_spider.publish.account.figures import Figures
from runclub_spider.publish.account.grid import UNASSIGNED, UNDATED
from runclub_spider.publish.choose import unsound
from runclub_spider.publish.choose.run_suitability import tempo_bucket
from runclub_spider.publish.write.explore import ExplorePart
from runclub_spider.publish.write.lines import lines
from runclub_spider.publish.write.rows import (
    ArtistRow,
    SourceRow,
    artist_of,
    features_row,
    track_row,
    wide_row,
)
from runclub_spider.publish.write.tables import BATCH, TablesPart
from runclub_spider.store.read import catalogue, released

#: The files that a part writes a share of.
WIDE, TRACKS, FEATURE_LINES = (
    "catalog_wide.jsonl",
    "cached_tracks.jsonl",
    "audio_features.jsonl",
)
#: Chosen tracks of a part: a whole number of the tables' batches.
TRACKS_OF_PART = 5 * BATCH
# Tracks read at once.
_READ = 500

Cell = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A track of the release, and what choosing said of it.

    Attributes:
        track_id: its id.
        cell: umbrella and decade that it is counted under.
        umbrellas: of its vote.
        origin: who spoke for them.
        confidence: of the first, in ten-thousandths.
        suitability: for a run, in tenths.
        backfill: (umbrella, decade, step) of the thin cell that it helps.
        merged: ids of the same recording that it stands for.
        soft_merged: ids of soft duplicates that it stands for.
        labels: content labels.
        sharers: ids of the other tracks of the release that bear its ISRC.
    """

    track_id: str
    cell: Cell
    umbrellas: tuple[str, ...]
    origin: str
    confidence: int
    suitability: int
    backfill: tuple[str, str, str] | None = None
    merged: Sequence[str] = ()
    soft_merged: Sequence[str] = ()
    labels: tuple[str, ...] = ()
    sharers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    """What all parts are written by.

    Attributes:
        market: of the release.
        primary: markets that `available_primary_markets` may name.
        tags: whether genres of open metadata are told.
        durations: least and most milliseconds.
        lists: name and owner of each playlist.
        terms: the search that served each playlist best.
        document: the JSON Schema of a wide row.
    """

    market: str
    primary: tuple[str, ...]
    tags: bool
    durations: tuple[int, int]
    lists: Mapping[str, tuple[str | None, str | None]]
    terms: Mapping[str, str]
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """A part to write: its tracks by id, and the folder for its files."""

    folder: Path
    tracks: Sequence[Chosen]


@dataclass(slots=True)
class Written:
    """What writing data files showed."""

    features: int = 0
    newest: int = 0
    measures: gates.Measures = field(default_factory=gates.Measures)
    figures: Figures = field(default_factory=Figures)
    # Tracks by umbrella, decade and cadence band, as they stand in the rows.
    buckets: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    # Tracks by decade, of the album and of the song's first release.
    by_album: Counter[str] = field(default_factory=Counter)
    by_original: Counter[str] = field(default_factory=Counter)
    with_original: int = 0
    by_label: Counter[str] = field(default_factory=Counter)
    # Tracks with features of each import, and the licences of these.
    imported: Counter[str] = field(default_factory=Counter)
    licences: dict[str, set[str]] = field(default_factory=dict)
    with_time_signature: int = 0
    # Artists that rows name, what is wrong with rows that cannot be written, and with a table.
    artists: set[str] = field(default_factory=set)
    faults: dict[str, str] = field(default_factory=dict)
    table_fault: Exception | None = None

    @property
    def tracks(self) -> int:
        """Rows of `catalog_wide`."""
        return self.measures.tracks

    def count(self, shared: Shared, wide: Mapping[str, Any], cell: Cell, updated_at: int) -> None:
        """Take up a row that was written, counted in a cell."""
        self.features += wide["tempo"] is not None or any(wide[n] is not None for n in FEATURES)
        shortest, longest = shared.durations
        self.measures.add(wide, shortest=shortest, longest=longest)
        self.figures.add(wide)
        if (bucket := wide["_extra"]["tempo_bucket"]) is not None:
            umbrella, decade = cell
            self.buckets[umbrella or UNASSIGNED, decade or UNDATED, bucket] += 1
        self._count_decades(wide)
        self._count_imported(wide)
        # Counters take their time over nothing, too.
        if labels := wide["_extra"]["content_labels"]:
            self.by_label.update(labels)
        self.newest = max(self.newest, updated_at)
        self.artists.update(wide["artist_ids"])

    def _count_imported(self, wide: Mapping[str, Any]) -> None:
        """Take up the sources of a row's imported features."""
        self.with_time_signature += wide["time_signature"] is not None
        extra = wide["_extra"]
        sources: Mapping[str, str] = extra["features_imported"]
        if not sources:
            return
        self.imported.update(set(sources.values()))
        for name, source in sources.items():
            self.licences.setdefault(source, set()).add(extra["licences"][name])

    def _count_decades(self, wide: Mapping[str, Any]) -> None:
        """Take up a row's two decades; without an original year the album's stands for it."""
        album, original = wide["album_release_year"], wide["_extra"]["original_release_year"]
        self.by_album[decade_of(album) or UNDATED] += 1
        self.by_original[decade_of(original or album) or UNDATED] += 1
        self.with_original += original is not None

    def add(self, other: Written) -> None:
        """Take up what another part showed; the order of parts does not matter."""
        self.features += other.features
        self.newest = max(self.newest, other.newest)
        self.measures.take(other.measures)
        self.figures.take(other.figures)
        self.buckets.update(other.buckets)
        self.by_album.update(other.by_album)
        self.by_original.update(other.by_original)
        self.with_original += other.with_original
        self.by_label.update(other.by_label)
        self.imported.update(other.imported)
        for source, found in other.licences.items():
            self.licences.setdefault(source, set()).update(found)
        self.with_time_signature += other.with_time_signature
        self.artists |= other.artists
        self.faults.update(other.faults)
        self.table_fault = self.table_fault or other.table_fault


def write_part(connection: sa.Connection, share: Share, shared: Shared) -> Written:
    """Write the files of a part.

    Aside, until they are whole: where another was given up it may still be at work, on the same.
    """
    aside = Path(mkdtemp(prefix=f"{share.folder.name}-", dir=share.folder.parent))
    written = _written(connection, aside, share.tracks, shared)
    try:
        aside.rename(share.folder)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        shutil.rmtree(aside)
    return written


def _written(
    connection: sa.Connection, folder: Path, tracks_of_part: Sequence[Chosen], shared: Shared
) -> Written:
    written = Written()
    with ExitStack() as stack:
        writer = _Writer(
            shared,
            *(stack.enter_context(lines(folder / name)) for name in (WIDE, TRACKS, FEATURE_LINES)),
        )
        tables = stack.enter_context(TablesPart(folder, shared.document))
        explore = ExplorePart(folder)
        for one, row, people, sources, markets in _rows(connection, tracks_of_part):
            try:
                wide = writer.write(one, row, people, sources, markets)
                written.count(shared, wide, one.cell, row["updated_at"])
            except (OSError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001 -- any value may be of any type
                written.faults[row["track_id"]] = unsound.words_of(error)
            else:
                tables.add(wide)
                explore.add(wide)
        written.table_fault = tables.finish()
        explore.finish()
    return written


class _Writer:
    """Writes the rows of one track at a time."""

    def __init__(
        self,
        shared: Shared,
        wide: Callable[[dict[str, Any]], None],
        tracks: Callable[[dict[str, Any]], None],
        features: Callable[[dict[str, Any]], None],
    ) -> None:
        self._shared = shared
        self._wide, self._tracks, self._features = wide, tracks, features
        # What many rows share, looked at once.
        self._artists: dict[tuple[Any, ...], ArtistRow] = {}
        self._sources: dict[tuple[Any, ...], SourceRow] = {}

    def write(
        self,
        one: Chosen,
        row: Mapping[str, Any],
        people: Sequence[tuple[Any, ...]],
        sources: Sequence[tuple[Any, ...]],
        markets: Sequence[tuple[Any, ...]],
    ) -> dict[str, Any]:
        """Write a track's rows; returns the wide one. Raises anything for a row that is unsound."""
        shared = self._shared
        _check_moments(row)
        probed = {market: (playable, basis) for market, playable, basis in markets}
        if one.backfill is not None and one.backfill[2] == "soft":
            # Nobody said so; the policy for thin cells takes it for playable.
            probed[shared.market] = (str(Playable.YES), "thin_cell_policy")
        wide = wide_row(
            row,
            [self._artist(person) for person in people],
            [self._source(one) for one in sources],
            markets=probed,
            primary_markets=shared.primary,
            extra=_extra(one, row),
            tags=shared.tags,
        )
        unsound.check_numbers(wide, FEATURES)
        source = wide["sources"][0] if wide["sources"] else {"type": None, "term": None}
        query = (
            unsound.tidy(shared.terms.get(source["playlist_id"] or ""))
            if source["type"] == "playlist"
            else source["term"]
        )
        self._wide(wide)
        self._tracks(track_row(wide, market=shared.market, query=query))
        if (features := features_row(wide)) is not None:
            self._features(features)
        return wide

    def _artist(self, person: tuple[Any, ...]) -> ArtistRow:
        known = self._artists.get(person)
        if known is None:
            known = self._artists[person] = artist_of(*person)
        return known

    def _source(self, source: tuple[Any, ...]) -> SourceRow:
        known = self._sources.get(source)
        if known is None:
            kind, key, station = source
            known = self._sources[source] = (
                SourceRow(kind, key, *self._shared.lists.get(key, (None, None)))
                if kind == "playlist"
                else SourceRow(station or kind, unsound.tidy(key) or key)
            )
        return known


def _check_moments(row: Mapping[str, Any]) -> None:
    """Raise `ValueError` for a time that no clock of a crawl says."""
    for name in ("first_seen_at", "updated_at", "f_fetched_at"):
        unsound.check_whole(name, row[name], 0, catalogue.LAST_MOMENT)


def _rows(connection: sa.Connection, tracks: Sequence[Chosen]) -> Iterator[tuple[Any, ...]]:
    """Each track with its row, and those of artists, sources and markets."""
    for start in range(0, len(tracks), _READ):
        part = tracks[start : start + _READ]
        ids = [one.track_id for one in part]
        artists, sources, markets = (
            read(connection, ids) for read in (released.credits, released.sources, released.markets)
        )
        for one, row in zip(part, released.wide(connection, ids), strict=True):
            name = row["track_id"]
            yield (
                one,
                row,
                distinct(artists.get(name, ())),
                *(beside.get(name, ()) for beside in (sources, markets)),
            )


def distinct(people: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """The artists of a track, each once: some answers name one twice."""
    if len(people) < 2:
        return people
    first: dict[Any, tuple[Any, ...]] = {}
    for one in people:
        first.setdefault(one[0], one)
    return list(first.values())


def _extra(one: Chosen, row: Mapping[str, Any]) -> dict[str, Any]:
    """The ingestion-only fields of a wide row."""
    umbrella = one.cell[0]
    backfill = one.backfill and dict(zip(("umbrella", "decade", "step"), one.backfill, strict=True))
    return {
        "umbrellas": sorted(one.umbrellas, key=lambda name: name != umbrella),
        "umbrella_source": one.origin,
        "umbrella_confidence": one.confidence / PARTS,
        "album_id": row["album_id"],
        "album_type": row["album_type"],
        "linked_from": row["linked_from"],
        "merged_track_ids": list(one.merged),
        "soft_merged_track_ids": list(one.soft_merged),
        "isrc_shared_with": list(one.sharers),
        "backfill_for": backfill,
        "run_suitability": (
            None if row["f_tempo"] is None or row["f_energy"] is None else one.suitability / 10
        ),
        "tempo_bucket": tempo_bucket(row["f_tempo"]),
        "features_source": _features_source(row),
        "features_borrowed_from": row["f_borrowed_from"] if row["features_of"] else None,
        "content_labels": list(one.labels),
        "features_imported": _imported(row),
    }


def _features_source(row: Mapping[str, Any]) -> str | None:
    """Who gave a track's features; of several imports all."""
    if row["features_of"] is not None:
        return "reccobeats"
    return ", ".join(sorted(set(_imported(row).values()))) or None


def _imported(row: Mapping[str, Any]) -> dict[str, str]:
    """By feature the source of what was imported, in the order of the features."""
    found = row["imported"]
    return {name: found[name].source for name in FEATURES if name in found} if found else {}
