"""The data files, and the batches of the tables, of one part of a release's tracks.

Parts are written by any number of processes, each into files of its own; put one after the other
in the order of ids they are the release's.
"""

from __future__ import annotations

import errno
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

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
from runclub_spider.publish.write.lines import lines_of
from runclub_spider.publish.write.rows import (
    ArtistRow,
    Block,
    Columns,
    Probed,
    SourceRow,
    artist_of,
    features_rows,
    rows_of,
    track_rows,
    wide_block,
)
from runclub_spider.publish.write.tables import BATCH, TablesPart
from runclub_spider.store.read import catalogue, released

#: The files that a part writes a share of.
WIDE, TRACKS, FEATURE_LINES = (
    "catalog_wide.jsonl",
    "cached_tracks.jsonl",
    "audio_features.jsonl",
)
_FILES = (WIDE, TRACKS, FEATURE_LINES)
#: Chosen tracks of a part: a whole number of the tables' batches.
TRACKS_OF_PART = 5 * BATCH
_MOMENTS = ("first_seen_at", "updated_at", "f_fetched_at")

Cell = tuple[str | None, str | None]


class Chosen(NamedTuple):
    """Tracks of the release, and what choosing said of them: a value a track in each column.

    Attributes:
        track_id: their ids, ascending.
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

    track_id: Sequence[str]
    cell: Sequence[Cell]
    umbrellas: Sequence[tuple[str, ...]]
    origin: Sequence[str]
    confidence: Sequence[int]
    suitability: Sequence[int]
    backfill: Sequence[tuple[str, str, str] | None]
    merged: Sequence[Sequence[str]]
    soft_merged: Sequence[Sequence[str]]
    labels: Sequence[Sequence[str]]
    sharers: Sequence[Sequence[str]]

    def cut(self, some: slice) -> Chosen:
        """Some of the tracks."""
        return Chosen._make(values[some] for values in self)


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
    tracks: Chosen


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

    def count(
        self, shared: Shared, block: Block, cells: Iterable[Cell], updated_at: Iterable[int]
    ) -> None:
        """Take up rows that were written, counted in cells."""
        wide, extra, featured = block
        self.features += sum(featured)
        shortest, longest = shared.durations
        self.measures.add(wide, extra, featured, shortest=shortest, longest=longest)
        self.figures.add(wide, extra, featured)
        self.buckets.update(
            (umbrella or UNASSIGNED, decade or UNDATED, bucket)
            for (umbrella, decade), bucket in zip(cells, extra["tempo_bucket"], strict=True)
            if bucket is not None
        )
        self._count_decades(block)
        self._count_imported(block)
        self.by_label.update(chain.from_iterable(extra["content_labels"]))
        self.newest = max(self.newest, *updated_at)
        self.artists.update(chain.from_iterable(wide["artist_ids"]))

    def _count_imported(self, block: Block) -> None:
        """Take up the sources of imported features."""
        signatures = block.wide["time_signature"]
        self.with_time_signature += len(signatures) - signatures.count(None)
        columns = block.extra["features_imported"], block.extra["licences"]
        for sources, licences in zip(*columns, strict=True):
            if sources:
                self.imported.update(set(sources.values()))
                for name, source in sources.items():
                    self.licences.setdefault(source, set()).add(licences[name])

    def _count_decades(self, block: Block) -> None:
        """Take up rows' two decades; without an original year the album's stands for it."""
        albums, originals = block.wide["album_release_year"], block.extra["original_release_year"]
        self.by_album.update(decade or UNDATED for decade in block.wide["album_decade_label"])
        years = zip(originals, albums, strict=True)
        self.by_original.update(decade_of(first or album) or UNDATED for first, album in years)
        self.with_original += len(originals) - originals.count(None)

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


def _written(connection: sa.Connection, folder: Path, tracks: Chosen, shared: Shared) -> Written:
    written, writer = Written(), _Writer(shared)
    with ExitStack() as stack:
        files = [stack.enter_context((folder / name).open("wb")) for name in _FILES]
        tables = stack.enter_context(TablesPart(folder, shared.document))
        explore = ExplorePart(folder)
        for start in range(0, len(tracks.track_id), BATCH):
            stored = _read(connection, tracks.cut(slice(start, start + BATCH)))
            for made in writer.sound(stored, written.faults):
                for file, text in zip(files, made.lines, strict=True):
                    file.write(text)
                tables.add(made.block.wide)
                explore.add(made.block)
                written.add(made.counted)
        written.table_fault = tables.fault
        explore.finish()
    return written


class _Stored(NamedTuple):
    """Tracks with what is stored of them: a value a track in each."""

    tracks: Chosen
    columns: Columns
    people: Sequence[Sequence[tuple[Any, ...]]]
    sources: Sequence[Sequence[tuple[Any, ...]]]
    markets: Sequence[Probed]

    def cut(self, some: slice) -> _Stored:
        """Some of the tracks."""
        columns = {name: values[some] for name, values in self.columns.items()}
        beside = self.people, self.sources, self.markets
        return _Stored(self.tracks.cut(some), columns, *(values[some] for values in beside))


class _Made(NamedTuple):
    """Rows of the release: as columns, as the lines of each file, and counted."""

    block: Block
    lines: Sequence[bytes]
    counted: Written


class _Writer:
    """Makes the rows of tracks."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        # What many rows share, looked at once.
        self._artists: dict[str, ArtistRow] = {}
        self._sources: dict[tuple[Any, ...], SourceRow] = {}

    def sound(self, stored: _Stored, faults: dict[str, str]) -> Iterator[_Made]:
        """The rows of all tracks but those at fault, which are noted.

        Where one is at fault the halves are tried, until it is alone.
        """
        try:
            made = self._made(stored)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 -- any value may be of any type
            ids = stored.tracks.track_id
            half = len(ids) // 2
            if not half:
                faults[ids[0]] = unsound.words_of(error)
                return
            yield from self.sound(stored.cut(slice(half)), faults)
            yield from self.sound(stored.cut(slice(half, None)), faults)
        else:
            yield made

    def _made(self, stored: _Stored) -> _Made:
        """Raises anything where a row is unsound."""
        shared = self._shared
        columns = stored.columns
        for name in _MOMENTS:
            # No clock of a crawl says another time.
            unsound.check_wholes(name, columns[name], 0, catalogue.LAST_MOMENT)
        block = wide_block(
            columns,
            [list(map(self._artist, people)) for people in stored.people],
            [list(map(self._source, sources)) for sources in stored.sources],
            markets=list(map(self._probed, stored.tracks.backfill, stored.markets)),
            primary_markets=shared.primary,
            extra=_extra(stored.tracks, columns),
            tags=shared.tags,
        )
        for name in FEATURES:
            unsound.check_numbers(name, block.wide[name])
        queries = [self._query(sources) for sources in block.wide["sources"]]
        counted = Written()
        made = _Made(
            block,
            (
                lines_of(rows_of(block.wide)),
                lines_of(track_rows(block, market=shared.market, queries=queries)),
                lines_of(features_rows(block)),
            ),
            counted,
        )
        counted.count(shared, block, stored.tracks.cell, columns["updated_at"])
        return made

    def _artist(self, person: tuple[Any, ...]) -> ArtistRow:
        known = self._artists.get(person[0])
        if known is None:
            known = self._artists[person[0]] = artist_of(*person)
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

    def _probed(self, backfill: tuple[str, str, str] | None, markets: Probed) -> Probed:
        """What is known of markets; what a thin cell takes for playable is."""
        if backfill is None or backfill[2] != "soft":
            return markets
        market = self._shared.market
        others = [told for told in markets if told[0] != market]
        # Nobody said so; the policy for thin cells does.
        return [*others, (market, str(Playable.YES), "thin_cell_policy")]

    def _query(self, sources: Sequence[Mapping[str, str | None]]) -> str | None:
        """What was searched for to find the first of a track's sources."""
        if not sources:
            return None
        first = sources[0]
        if first["type"] != "playlist":
            return first["term"]
        return unsound.tidy(self._shared.terms.get(first["playlist_id"] or ""))


def _read(connection: sa.Connection, tracks: Chosen) -> _Stored:
    """Read what is stored of tracks."""
    ids = tracks.track_id
    people, sources, markets = (
        [found.get(one, ()) for one in ids]
        for found in (
            read(connection, ids) for read in (released.credits, released.sources, released.markets)
        )
    )
    stored = released.wide(connection, ids)
    return _Stored(tracks, stored, list(map(distinct, people)), sources, markets)


def distinct(people: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """The artists of a track, each once: some answers name one twice."""
    if len(people) < 2:
        return people
    first: dict[Any, tuple[Any, ...]] = {}
    for one in people:
        first.setdefault(one[0], one)
    return list(first.values())


def _extra(chosen: Chosen, stored: Columns) -> Columns:
    """The columns of `_extra` that choosing and the store alone decide."""
    imported = [
        {name: found[name].source for name in FEATURES if name in found} if found else {}
        for found in stored["imported"]
    ]
    tempos, energies, of_recco = (stored[name] for name in ("f_tempo", "f_energy", "features_of"))
    rated = zip(tempos, energies, chosen.suitability, strict=True)
    return {
        "umbrellas": [
            _first(names, umbrella)
            for names, (umbrella, _) in zip(chosen.umbrellas, chosen.cell, strict=True)
        ],
        "umbrella_source": chosen.origin,
        "umbrella_confidence": [one / PARTS for one in chosen.confidence],
        "album_id": stored["album_id"],
        "album_type": stored["album_type"],
        "linked_from": stored["linked_from"],
        "merged_track_ids": chosen.merged,
        "soft_merged_track_ids": chosen.soft_merged,
        "isrc_shared_with": chosen.sharers,
        "backfill_for": [
            one and dict(zip(("umbrella", "decade", "step"), one, strict=True))
            for one in chosen.backfill
        ],
        "run_suitability": [
            None if tempo is None or energy is None else suits / 10
            for tempo, energy, suits in rated
        ],
        "tempo_bucket": list(map(tempo_bucket, tempos)),
        # Of several imports all are named.
        "features_source": [
            "reccobeats" if one is not None else ", ".join(sorted(set(got.values()))) or None
            for one, got in zip(of_recco, imported, strict=True)
        ],
        "features_borrowed_from": [
            whose if one else None
            for one, whose in zip(of_recco, stored["f_borrowed_from"], strict=True)
        ],
        "content_labels": chosen.labels,
        "features_imported": imported,
    }


@lru_cache(maxsize=1 << 12)
def _first(names: tuple[str, ...], one: str | None) -> Sequence[str]:
    """Umbrellas in their order, but the one that a track is counted under first."""
    return sorted(names, key=lambda name: name != one)
