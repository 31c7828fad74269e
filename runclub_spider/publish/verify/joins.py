"""Walks the four data files side by side: row rules, joins, and the counts they lead to."""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from operator import eq
from pathlib import Path
from typing import Any

from runclub_spider.publish.verify.files import DATA_FILES
from runclub_spider.publish.verify.lines import Block, Row, Rows, control_in, lines_of
from runclub_spider.publish.verify.problems import Problems, show
from runclub_spider.publish.verify.rows import (
    ID_COLUMN,
    ID_LENGTH,
    Columns,
    Data,
    Policies,
    cell_decades,
    columns_of,
    decades_of,
    expected_features,
    expected_tracks,
    faults,
    imported_by,
    lists_in_step,
    merged_ids,
    with_features,
)
from runclub_spider.publish.verify.schema import row_check

# Editions of one recording differ in length by at most this.
_EDITIONS_MS = 20_000
UNASSIGNED, UNDATED = "Unassigned", "Undated"
#: A cached track's own account of where it came from breaks a rule of its own.
_INGEST_RULES = dict.fromkeys(
    ("_ingestSource", "_ingestQuery", "_ingestPlaylistId", "_ingestDiscoveredAt"), "ingest-source"
)


@dataclass
class Counts:
    """What the data files really hold.

    Attributes:
        sound: Every wide row could be read, so figures derived from the rows mean something.
        ids: The Spotify ids of the wide rows, joined without a separator.
        lines: Lines of each file that is there.
        labels: Tracks by (their umbrellas, decade of their cell).
        backfill: Tracks by (umbrella, decade, step) of the cell they stand in for.
        merged: Ids that rows stand for.
        originals: Tracks with the year of the song.
        content: Tracks by content label.
        sharing: Tracks that name others under their ISRC.
        imported: Tracks by the source of imported features.
        licences: Licences of each source.
        years: Tracks by (year of the album, whether they have features).
        decades: Tracks by (`byAlbumYear` or `byOriginalYear`, decade).
    """

    sound: bool = True
    with_features: int = 0
    with_tempo: int = 0
    with_year: int = 0
    ids: bytearray = field(default_factory=bytearray)
    lines: dict[str, int] = field(default_factory=dict)
    labels: Counter[tuple[tuple[str, ...], str | None]] = field(default_factory=Counter)
    backfill: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    merged: int = 0
    originals: int = 0
    years: Counter[tuple[int | None, bool]] = field(default_factory=Counter)
    decades: Counter[tuple[str, str]] = field(default_factory=Counter)
    content: Counter[str] = field(default_factory=Counter)
    sharing: int = 0
    imported: Counter[str] = field(default_factory=Counter)
    licences: dict[str, set[str]] = field(default_factory=dict)

    def add(self, more: Counts) -> None:
        """Count the rows of another span as well; of the ids takes care who adds."""
        self.with_features += more.with_features
        self.with_tempo += more.with_tempo
        self.with_year += more.with_year
        self.merged += more.merged
        self.originals += more.originals
        self.years += more.years
        self.labels += more.labels
        self.content += more.content
        self.sharing += more.sharing
        self.imported += more.imported
        for source, found in more.licences.items():
            self.licences.setdefault(source, set()).update(found)
        self.backfill += more.backfill
        self.decades += more.decades
        for file, lines in more.lines.items():
            self.lines[file] = self.lines.get(file, 0) + lines

    def cells(self) -> Counter[tuple[str, str]]:
        """Tracks by (umbrella, decade)."""
        found = Counter[tuple[str, str]]()
        for (labels, decade), number in self.labels.items():
            found[labels[0] if labels else UNASSIGNED, decade or UNDATED] += number
        return found

    def holds(self, track_id: str) -> bool:
        """Whether a wide row has this Spotify id; only of a file in order."""
        places = range(0, len(self.ids), ID_LENGTH)
        wanted = track_id.encode("utf-8", "surrogatepass")
        at = bisect_left(places, wanted, key=self._id_at)
        return self._id_at(at * ID_LENGTH) == wanted

    def _id_at(self, place: int) -> bytes:
        return bytes(self.ids[place : place + ID_LENGTH])


class _Follower:
    """Keeps step with the wide rows in a file of the same order."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        # Missing and superfluous rows wait here: beside a file out of order they mean nothing.
        self.problems = Problems()
        self._next: Row | None = None

    def take(self, ids: Sequence[str], text: bytes) -> bool:
        """Pass over the rows of these ids if their lines are exactly these, known to be sound."""
        return self._next is None and self.rows.take(ids, text)

    def match(self, row_id: str) -> Row | None:
        """The row of this id, after reporting the rows before it as superfluous."""
        while (found := self._peek()) is not None and found.id < row_id:
            self._pass_over(found)
        if found is None or found.id != row_id:
            return None
        self._next = None
        return found

    def finish(self) -> None:
        """Report what is left once the wide rows have ended."""
        while (found := self._peek()) is not None:
            self._pass_over(found)

    def fault(self, row_id: str, line: int | None, rule: str, message: str) -> None:
        """Note a fault of the track of an id, to be told only if both files are in order."""
        self.problems.add(self.rows.file, line, rule, message, track=row_id)

    def compare(self, row: Row, expected: Data, rules: Mapping[str, str]) -> None:
        """Tell the fields that are not as the wide row has them; `rules` names other rules."""
        for key, value in expected.items():
            found = row.data[key]
            if found != value:
                message = f"{key} is {show(found)}, catalog_wide.jsonl leads to {show(value)}"
                self.rows.fault(row.id, row.line, rules.get(key, "split-value"), message)

    def _peek(self) -> Row | None:
        if self._next is None:
            self._next = self.rows.next()
        return self._next

    def _pass_over(self, row: Row) -> None:
        message = f"{row.id} has no row of this kind in catalog_wide.jsonl"
        self.fault(row.id, row.line, "split-extra", message)
        self._next = None


@dataclass(frozen=True, slots=True)
class Sharer:
    """A row that names other ids under its ISRC; its title and artists, and its length."""

    track_id: str
    line: int
    others: list[str]
    words: tuple[str, ...]
    duration_ms: int | None

    def is_again(self, other: Sharer) -> bool:
        """Whether this can only be the recording of another row of equal words."""
        lengths = self.duration_ms, other.duration_ms
        return None not in lengths and abs((lengths[0] or 0) - (lengths[1] or 0)) <= _EDITIONS_MS


@dataclass
class Told:
    """What the wide rows tell that all of them must agree about.

    Attributes:
        isrcs: Of the tracks that name no others under theirs.
        sharing: By ISRC the tracks that name others under it.
        artists: Name and genres by id.
        queries: What was searched for to find a playlist, by its id; no wide row tells, but the
            first track of it.
        merged: Line and id of the row that stands for an id.
    """

    isrcs: set[str] = field(default_factory=set)
    sharing: dict[str, list[Sharer]] = field(default_factory=dict)
    artists: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    queries: dict[str, str | None] = field(default_factory=dict)
    merged: dict[str, tuple[int, str]] = field(default_factory=dict)


def unlike(told: Told, policies: Policies) -> Iterator[tuple[Sharer, str, str]]:
    """(row, rule, message): who shares an ISRC names all others, and none is the same again."""
    for isrc, group in told.sharing.items():
        ids = sorted(one.track_id for one in group)
        seen: dict[tuple[str, ...], list[Sharer]] = {}
        for one in group:
            others = [other for other in ids if other != one.track_id]
            if isrc in told.isrcs:
                yield one, "isrc-shared", f"another row of {isrc} names none"
            elif one.others != others:
                message = f"isrc_shared_with is {show(one.others)}"
                yield one, "isrc-shared", f"{message}, the other rows of {isrc} are {show(others)}"
            same = seen.setdefault(one.words, [])
            if policies.unique_isrc and any(map(one.is_again, same)):
                message = f"{isrc} stands in an earlier row of this title and artist already"
                yield one, "isrc-duplicate", message
            same.append(one)


class Tally:
    """Holds wide rows against the rules and one another, and counts them.

    Attributes:
        counts: What the rows so far hold; of lines take care others.
        told: What they tell.
    """

    def __init__(self, policies: Policies, fault: Callable[[Row, str, str], None]) -> None:
        """Begin with no row; `fault` is told the row, the rule and what is wrong."""
        self.counts = Counts()
        self.told = Told()
        self._policies = policies
        self._fault = fault

    def take(self, rows: Sequence[Row], columns: Columns) -> None:
        """Check wide rows by themselves and count them."""
        for at, rule, message in faults(columns, self._policies):
            self._fault(rows[at], rule, message)
        self._take_isrcs(rows, columns)
        self._take_artists(rows, columns)
        counts = self.counts
        counts.ids += "".join(columns[ID_COLUMN]).encode("ascii")
        have = with_features(columns)
        counts.with_features += sum(have)
        counts.years.update(zip(columns["album_release_year"], have, strict=True))
        counts.with_tempo += len(rows) - columns["tempo"].count(None)
        years = zip(columns["album_release_year"], columns["album_decade_label"], strict=True)
        counts.with_year += sum(None not in both for both in years)
        counts.originals += len(rows) - columns.in_extra("original_release_year").count(None)
        for name, labels in decades_of(columns).items():
            for label, number in Counter(labels).items():
                counts.decades[name, label or UNDATED] += number
        umbrellas = map(tuple, columns.in_extra("umbrellas"))
        counts.labels.update(zip(umbrellas, cell_decades(columns, self._policies), strict=True))
        for names in filter(None, columns.in_extra("content_labels")):
            counts.content.update(names)
        for source, licences in imported_by(columns):
            counts.imported[source] += 1
            counts.licences.setdefault(source, set()).update(licences)
        for mark in filter(None, columns.in_extra("backfill_for")):
            counts.backfill[mark["umbrella"], mark["decade"], mark["step"]] += 1
        for at, ids in merged_ids(columns):
            for merged in ids:
                counts.merged += 1
                row = rows[at]
                if self.told.merged.setdefault(merged, (row.line, row.id))[0] != row.line:
                    message = f"{merged} is merged into an earlier row already"
                    self._fault(row, "merged-ids", message)

    def _take_isrcs(self, rows: Sequence[Row], columns: Columns) -> None:
        named = columns.in_extra("isrc_shared_with")
        if not (self._policies.unique_isrc or any(named)):
            return
        known, found = self.told.isrcs, columns["isrc"]
        new = set(found) - {None}
        if not any(named) and len(new) == len(rows) - found.count(None) and known.isdisjoint(new):
            known |= new
            return
        for at, isrc in columns.of("isrc"):
            row, others = rows[at], named[at]
            if others:
                self.counts.sharing += 1
                if isrc is None:
                    message = f"isrc_shared_with is {show(others)}, and isrc is null"
                    self._fault(row, "isrc-shared", message)
                    continue
                words = (columns["name"][at], *columns["artist_names"][at])
                sharer = Sharer(row.id, row.line, others, words, columns["duration_ms"][at])
                self.told.sharing.setdefault(isrc, []).append(sharer)
            elif isrc is not None and self._policies.unique_isrc:
                if isrc in known:
                    message = f"{isrc} stands in an earlier row already"
                    self._fault(row, "isrc-duplicate", message)
                known.add(isrc)

    def _take_artists(self, rows: Sequence[Row], columns: Columns) -> None:
        known = self.told.artists
        lists = ("artist_ids", "artist_names", "artist_genres")
        if lists_in_step(columns):
            ids, *told = (chain.from_iterable(columns[name]) for name in lists)
            pairs = list(zip(*told, strict=True))
            if all(map(eq, map(known.setdefault, ids, pairs), pairs)):
                return
        for at, *artists in columns.of(*lists):
            for artist_id, *one in zip(*artists, strict=False):
                if known.setdefault(artist_id, (*one,)) != (*one,):
                    row = rows[at]
                    message = f"artist {artist_id} has another name or genres in an earlier row"
                    self._fault(row, "artist-differs", message)


class _Walk:
    def __init__(self, root: Path, policies: Policies, problems: Problems) -> None:
        self._policies = policies
        self._problems = problems
        made = partial(_rows, problems=problems, policies=policies)
        keys = (ID_COLUMN, "id", "trackId")
        self._wide, tracks, features = (
            made(root / name, key) for name, key in zip(DATA_FILES, keys, strict=False)
        )
        self._tracks, self._features = _Follower(tracks), _Follower(features)
        self._artists = made(root / DATA_FILES[3], "id", of_artists=True)
        tally = Tally(policies, self._fault)
        self._tally, self._told, self._counts = tally, tally.told, tally.counts

    def run(self) -> Counts:
        for block in self._wide.blocks():
            self._take_block(block)
        self._finish()
        self._check_artists()
        self._check_merged()
        for row, rule, message in unlike(self._told, self._policies):
            self._wide.fault(row.track_id, row.line, rule, message)
        self._counts.sound = self._wide.intact and self._wide.valid
        every = (self._wide, self._tracks.rows, self._features.rows, self._artists)
        self._counts.lines = {rows.file: rows.count for rows in every if rows.present}
        return self._counts

    def _fault(self, row: Row, rule: str, message: str) -> None:
        self._wide.fault(row.id, row.line, rule, message)

    def _take_block(self, block: Block) -> None:
        valid = [row for row in block.rows if row.valid]
        columns = columns_of([row.data for row in valid], self._wide.keys)
        self._join_tracks(block, columns)
        self._join_features(block, columns)
        self._tally.take(valid, columns)

    def _finish(self) -> None:
        for follower in (self._tracks, self._features):
            follower.finish()
            if self._wide.intact and follower.rows.intact:
                self._problems.absorb(follower.problems)

    def _join_tracks(self, block: Block, columns: Columns) -> None:
        expected = expected_tracks(columns, self._policies, self._told.queries)
        for row, data in self._untaken(self._tracks, block, expected):
            track = self._tracks.match(row.id)
            if track is None:
                self._tracks.fault(row.id, None, "split-missing", f"no row for track {row.id}")
            elif data is not None and track.valid:
                self._compare_track(track, data)

    def _compare_track(self, track: Row, expected: Data) -> None:
        if self._policies.market is None:
            expected["isPlayable"] = track.data["isPlayable"]
        playlist, query = expected["_ingestPlaylistId"], track.data["_ingestQuery"]
        if playlist is not None:
            expected["_ingestQuery"] = self._told.queries.get(playlist, query)
            # A line with it is taken for sound from now on, so it must be.
            if query is None or control_in(query) is None:
                self._told.queries.setdefault(playlist, query)
        self._tracks.compare(track, expected, _INGEST_RULES)

    def _join_features(self, block: Block, columns: Columns) -> None:
        has = with_features(columns)
        every = expected_features(columns)
        expected = [data if some else None for data, some in zip(every, has, strict=True)]
        for row, data in self._untaken(self._features, block, expected):
            features = self._features.match(row.id)
            if not row.valid:
                continue
            if features is None:
                if data is not None:
                    message = f"no row for track {row.id}"
                    self._features.fault(row.id, None, "split-missing", message)
            elif data is None:
                message = f"track {row.id} has no features in catalog_wide.jsonl"
                self._features.fault(row.id, features.line, "split-extra", message)
            elif features.valid:
                self._features.compare(features, data, {})

    def _untaken(
        self, follower: _Follower, block: Block, expected: Sequence[Data | None]
    ) -> Iterator[tuple[Row, Data | None]]:
        """The rows whose lines in another file are not, byte for byte, what the wide rows lead to.

        `expected` has a row for each valid row of the block, None where there is to be none.
        """
        if block.sound:
            ids = [row.id for row, data in zip(block.rows, expected, strict=True) if data]
            if follower.take(ids, lines_of(filter(None, expected))):
                return
        waiting = iter(expected)
        for row in block.rows:
            data = next(waiting) if row.valid else None
            if data is None or not (block.sound and follower.take([row.id], lines_of([data]))):
                yield row, data

    def _check_artists(self) -> None:
        joins = Problems()
        file = self._artists.file
        known = self._told.artists
        for row in chain.from_iterable(block.rows for block in self._artists.blocks()):
            expected = known.pop(row.id, None)
            if expected is None:
                message = f"artist {row.id} is in no row of catalog_wide.jsonl"
                joins.add(file, row.line, "split-extra", message, artist=row.id)
            elif row.valid:
                name, genres = expected
                if row.data["name"] != name or row.data["genres"] != genres:
                    message = (
                        f"name or genres of {row.id} differ from catalog_wide.jsonl: "
                        f"{show(name)}, {show(genres)}"
                    )
                    self._artists.fault(row.id, row.line, "split-value", message)
        for artist_id in known:
            message = f"no row for artist {artist_id}"
            joins.add(file, None, "split-missing", message, artist=artist_id)
        if self._wide.intact and self._wide.valid and self._artists.intact:
            self._problems.absorb(joins)

    def _check_merged(self) -> None:
        """An id that is merged into a row has none of its own."""
        for merged, (line, holder) in sorted(self._told.merged.items()):
            if self._counts.holds(merged):
                message = f"{merged} is merged into this row and has a row of its own"
                # The later of the two rows is the one too many.
                self._problems.add(
                    self._wide.file, line, "merged-ids", message, track=max(merged, holder)
                )


def check_rows(root: Path, policies: Policies, problems: Problems) -> Counts:
    """Check every row of the four data files and how they derive from one another."""
    with no_cycles():
        return _Walk(root, policies, problems).run()


def sound_artists(root: Path, policies: Policies) -> dict[str, tuple[Any, ...]] | None:
    """Name and genres of each row of `cached_artists.jsonl`; None if anything is wrong with it."""
    problems = Problems()
    rows = _rows(root / DATA_FILES[3], "id", problems, policies, of_artists=True)
    found: dict[str, tuple[Any, ...]] = {}
    with no_cycles():
        for block in rows.blocks():
            if not block.sound:
                return None
            found.update((row.id, (row.data["name"], row.data["genres"])) for row in block.rows)
    return found


@contextmanager
def no_cycles() -> Iterator[None]:
    """Rows are trees and go with their block: to look for cycles among them costs a tenth more."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def tables_comparable(counts: Counts) -> bool:
    """Whether the collected ids are whole, so that the tables can be held against them."""
    wide_rows = counts.lines.get(DATA_FILES[0], 0)
    return counts.sound and len(counts.ids) == wide_rows * ID_LENGTH


def _rows(
    path: Path,
    id_key: str,
    problems: Problems,
    policies: Policies,
    *,
    of_artists: bool = False,
) -> Rows:
    check = row_check(path.stem, policies.form)
    plain = policies.plain_text
    return Rows(path, id_key, check, problems, of_artists=of_artists, plain_text=plain)
