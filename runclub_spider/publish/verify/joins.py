"""Walks the four data files side by side: row rules, joins, and the counts they lead to."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runclub_spider.publish.verify.files import DATA_FILES
from runclub_spider.publish.verify.lines import Row, Rows
from runclub_spider.publish.verify.problems import Problems, show
from runclub_spider.publish.verify.rows import (
    Policies,
    cell_decade,
    decades_of,
    expected_features,
    expected_track,
    has_features,
    ingest_faults,
    merged_ids,
    row_faults,
)
from runclub_spider.publish.verify.schema import row_check
from runclub_spider.publish.verify.tables import ID_COLUMN, ID_LENGTH

UNASSIGNED, UNDATED = "Unassigned", "Undated"


@dataclass
class Counts:
    """What the data files really hold.

    Attributes:
        sound: Every wide row could be read, so figures derived from the rows mean something.
        ids: The Spotify ids of the wide rows, joined without a separator.
        lines: Lines of each file that is there.
        cells: Tracks by (umbrella, decade).
        may_serve: Tracks by (all their umbrellas, decade).
        backfill: Tracks by (umbrella, decade, step) of the cell they stand in for.
        merged: Ids that rows stand for.
        decades: Tracks by (`byAlbumYear` or `byOriginalYear`, decade).
    """

    sound: bool = True
    with_features: int = 0
    with_tempo: int = 0
    with_year: int = 0
    ids: bytearray = field(default_factory=bytearray)
    lines: dict[str, int] = field(default_factory=dict)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    may_serve: Counter[tuple[tuple[str, ...], str]] = field(default_factory=Counter)
    backfill: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    merged: int = 0
    decades: Counter[tuple[str, str]] = field(default_factory=Counter)

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

    def __init__(self, rows: Rows, problems: Problems) -> None:
        self.rows = rows
        self.problems = problems
        self._waiting: Iterator[Row] = iter(rows)
        self._next = next(self._waiting, None)

    def match(self, row_id: str) -> Row | None:
        """The row of this id, after reporting the rows before it as superfluous."""
        while self._next is not None and self._next.id < row_id:
            self._pass_over()
        found = self._next
        if found is None or found.id != row_id:
            return None
        self._next = next(self._waiting, None)
        return found

    def finish(self) -> None:
        """Report what is left once the wide rows have ended."""
        while self._next is not None:
            self._pass_over()

    def fault(self, row_id: str, line: int | None, rule: str, message: str) -> None:
        """Note a fault of the track of an id, to be told only if both files are in order."""
        self.problems.add(self.rows.file, line, rule, message, track=row_id)

    def _pass_over(self) -> None:
        assert self._next is not None
        message = f"{self._next.id} has no row of this kind in catalog_wide.jsonl"
        self.fault(self._next.id, self._next.line, "split-extra", message)
        self._next = next(self._waiting, None)


class _Walk:
    def __init__(self, root: Path, policies: Policies, problems: Problems) -> None:
        self._policies = policies
        self._problems = problems
        wide, tracks, features, artists = DATA_FILES
        self._wide = _rows(root / wide, ID_COLUMN, problems, policies)
        # Missing and superfluous rows wait here: beside a file out of order they mean nothing.
        self._tracks = _Follower(_rows(root / tracks, "id", problems, policies), Problems())
        self._features = _Follower(
            _rows(root / features, "trackId", problems, policies), Problems()
        )
        self._artists = _rows(root / artists, "id", problems, policies, of_artists=True)
        self._known_artists: dict[str, tuple[str, list[str]]] = {}
        self._isrcs: set[str] = set()
        # Line and id of the row that stands for an id.
        self._merged: dict[str, tuple[int, str]] = {}
        self._counts = Counts()

    def run(self) -> Counts:
        for row in self._wide:
            self._join_track(row)
            self._join_features(row)
            if row.valid:
                self._take(row)
        for follower in (self._tracks, self._features):
            follower.finish()
            if self._wide.intact and follower.rows.intact:
                self._problems.absorb(follower.problems)
        self._check_artists()
        self._check_merged()
        counts = self._counts
        counts.sound = self._wide.intact and self._wide.valid
        every = (self._wide, self._tracks.rows, self._features.rows, self._artists)
        counts.lines = {rows.file: rows.count for rows in every if rows.present}
        return counts

    def _take(self, row: Row) -> None:
        """Check a wide row by itself and count it."""
        data = row.data
        for rule, message in row_faults(data, self._policies):
            self._wide.fault(row.id, row.line, rule, message)
        isrc = data["isrc"]
        if self._policies.unique_isrc and isrc is not None:
            if isrc in self._isrcs:
                message = f"{isrc} stands in an earlier row already"
                self._wide.fault(row.id, row.line, "isrc-duplicate", message)
            self._isrcs.add(isrc)
        for artist_id, name, genres in zip(
            data["artist_ids"], data["artist_names"], data["artist_genres"], strict=False
        ):
            if self._known_artists.setdefault(artist_id, (name, genres)) != (name, genres):
                message = f"artist {artist_id} has another name or genres in an earlier row"
                self._wide.fault(row.id, row.line, "artist-differs", message)
        counts = self._counts
        counts.ids += data[ID_COLUMN].encode("ascii")
        counts.with_features += has_features(data)
        counts.with_tempo += data["tempo"] is not None
        label = data["album_decade_label"]
        counts.with_year += data["album_release_year"] is not None and label is not None
        decade = cell_decade(data, self._policies)
        for name, one in decades_of(data).items():
            counts.decades[name, one or UNDATED] += 1
        umbrellas = data["_extra"]["umbrellas"]
        counts.cells[umbrellas[0] if umbrellas else UNASSIGNED, decade or UNDATED] += 1
        counts.may_serve[tuple(sorted(umbrellas)), decade or UNDATED] += 1
        if backfill := data["_extra"]["backfill_for"]:
            counts.backfill[backfill["umbrella"], backfill["decade"], backfill["step"]] += 1
        for merged in merged_ids(data):
            counts.merged += 1
            if self._merged.setdefault(merged, (row.line, row.id))[0] != row.line:
                message = f"{merged} is merged into an earlier row already"
                self._wide.fault(row.id, row.line, "merged-ids", message)

    def _join_track(self, row: Row) -> None:
        track = self._tracks.match(row.id)
        if track is None:
            self._tracks.fault(row.id, None, "split-missing", f"no row for track {row.id}")
        elif row.valid and track.valid:
            self._compare(track, expected_track(row.data, self._policies.market), self._tracks)
            for rule, message in ingest_faults(track.data, row.data):
                self._tracks.rows.fault(row.id, track.line, rule, message)

    def _join_features(self, row: Row) -> None:
        features = self._features.match(row.id)
        if not row.valid:
            return
        if features is None:
            if has_features(row.data):
                self._features.fault(row.id, None, "split-missing", f"no row for track {row.id}")
        elif not has_features(row.data):
            message = f"track {row.id} has no features in catalog_wide.jsonl"
            self._features.fault(row.id, features.line, "split-extra", message)
        elif features.valid:
            self._compare(features, expected_features(row.data), self._features)

    def _compare(self, row: Row, expected: dict[str, Any], follower: _Follower) -> None:
        for key, value in expected.items():
            found = row.data[key]
            if found != value:
                message = f"{key} is {show(found)}, catalog_wide.jsonl leads to {show(value)}"
                follower.rows.fault(row.id, row.line, "split-value", message)

    def _check_artists(self) -> None:
        joins = Problems()
        file = self._artists.file
        known = self._known_artists
        for row in self._artists:
            expected = known.pop(row.id, None)
            if expected is None:
                message = f"artist {row.id} is in no row of catalog_wide.jsonl"
                joins.add(file, row.line, "split-extra", message, artist=row.id)
            elif row.valid:
                name, genres = expected
                if (row.data["name"], row.data["genres"]) != (name, genres):
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
        ids = memoryview(self._counts.ids)
        wanted = len(ids) // ID_LENGTH
        found = sorted(self._merged)
        at = 0
        for place in range(wanted):
            one = str(ids[place * ID_LENGTH : (place + 1) * ID_LENGTH], "ascii")
            while at < len(found) and found[at] < one:
                at += 1
            if at < len(found) and found[at] == one:
                message = f"{one} is merged into this row and has a row of its own"
                line, holder = self._merged[one]
                # The later of the two rows is the one too many.
                self._problems.add(
                    self._wide.file, line, "merged-ids", message, track=max(one, holder)
                )


def check_rows(root: Path, policies: Policies, problems: Problems) -> Counts:
    """Check every row of the four data files and how they derive from one another."""
    return _Walk(root, policies, problems).run()


def tables_comparable(counts: Counts) -> bool:
    """Whether the collected ids are whole, so that the tables can be held against them."""
    wide_rows = counts.lines.get(DATA_FILES[0], 0)
    return counts.sound and len(counts.ids) == wide_rows * ID_LENGTH


def _rows(
    path: Path, id_key: str, problems: Problems, policies: Policies, *, of_artists: bool = False
) -> Rows:
    check = row_check(path.stem, policies.form)
    return Rows(
        path, id_key, check, problems, of_artists=of_artists, plain_text=policies.plain_text
    )
