"""The last selection, kept in `CACHE_DIR/selection`: one record a track, found by its id.

`scrapy explain` and `scrapy status` answer from it at once; to choose again for a store of a
million tracks takes a minute. A file stands for the settings that it was chosen under, and says
of which revision of the store; it is a copy of what can be chosen anew, so it may be deleted at
any time, and one that cannot be read is no more than one that is not there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import struct
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runclub_spider import __version__
from runclub_spider.catalog.content.digest import digest
from runclub_spider.catalog.content.labels import of_mask
from runclub_spider.catalog.dates import DECADES
from runclub_spider.config import Config, utc_now
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.files import fsync
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import database_url, file_of
from runclub_spider.store.read import catalogue

if TYPE_CHECKING:
    import sqlalchemy as sa
    from numpy.typing import NDArray

    from runclub_spider.publish.choose.select import Selection

Cell = tuple[str, str]

_FOLDER = "selection"
# Raised with any change of the tables below.
_FORM = 3
# They refuse a release or describe it, and choose nothing.
_GATES = frozenset(
    {
        *("min_tracks", "year_coverage_min", "feature_null_max", "drift_max", "drift_gates"),
        *("mean_duration_min_ms", "mean_duration_max_ms", "max_results_per_seed"),
        "primary_markets",
    }
)
# Selections that are kept, the newest: one for each set of settings.
_MOST = 3
# Tracks of a block: what is read to find one of them.
_BLOCK = 512
# How the name of a file ends that is not whole yet.
_PART_OF = ".part"
_TABLES = """
CREATE TABLE block (number INTEGER PRIMARY KEY, first TEXT NOT NULL UNIQUE, tracks BLOB NOT NULL);
CREATE TABLE merged (survivor INTEGER, track INTEGER, PRIMARY KEY (survivor, track)) WITHOUT ROWID;
CREATE TABLE backfill (track INTEGER PRIMARY KEY, step TEXT, umbrella TEXT, decade TEXT);
CREATE TABLE words (value TEXT NOT NULL);
CREATE TABLE summary (value TEXT NOT NULL);
"""
# The record of a track behind its id, as numpy writes it and as `struct` reads it: a row a track
# in a table took ten times as long as all of them as columns.
_FIELDS = {
    "fate": "i1",
    "rule": "i1",
    "names": "5u1",
    "origin": "u1",
    "confidence": "<u2",
    "suitability": "u1",
    "popularity": "i1",
    "survivor": "<i4",
    "recording": "<i4",
    "reason": "i1",
    "umbrella": "u1",
    "decade": "u1",
    "content": "<u2",
    "rank": "<i4",
}
_READ = "bb5sBHBbiibBBHi"
_NONE = 255


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one track.

    Attributes:
        track_id: its id.
        fate: its part of the accounting.
        rule: the name of the rule that refuses it.
        umbrellas: by its vote, the heaviest first.
        origin: who spoke for them.
        confidence: of the first, in ten-thousandths.
        suitability: for a run, in tenths.
        decade: that it is counted in.
        popularity: 0-100.
        survivor: the track that stands for its group, itself if it does; None where a rule
            refuses it.
        recording: equal for tracks of one recording.
        reason: of a survivor, why it is that one.
        labels: content labels.
        umbrella: that a released track is counted under.
        backfill: the thin cell that it stands in for, and the step.
        rank: from 1, among the eligible ones, where the cap refused some.
    """

    track_id: str
    fate: Fate
    rule: str | None
    umbrellas: tuple[str, ...]
    origin: str
    confidence: int
    suitability: int
    decade: str | None
    popularity: int | None
    survivor: str | None
    recording: int
    reason: str | None
    labels: tuple[str, ...]
    umbrella: str | None
    backfill: tuple[Cell, str] | None
    rank: int | None


@dataclass(frozen=True, slots=True)
class CellState:
    """A cell of a selection: tracks counted in it, how it was helped, and eligible ones found."""

    tracks: int
    backfill: dict[str, int]
    found: int


@dataclass(frozen=True, slots=True)
class _Words:
    """What the numbers of records stand for, and how many bytes an id has."""

    width: int
    rules: Sequence[str]
    labels: Sequence[str]
    origins: Sequence[str]
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Summary:
    """A selection as a whole.

    Attributes:
        revision: of the store that it was made of.
        newest: when a track of it had changed last.
        made_at: when it was made.
        seconds: that choosing took.
        tracks: of the pool.
        chosen: of the release.
        having: of these, with features.
        eligible: chosen or refused by the cap.
        cap: most tracks of a release.
        coverage: least share with features.
        target: tracks that a cell wants.
        minimum: below which it is thin.
        dedupe: what counts as a duplicate.
        labels: umbrellas in the order of the map.
        cells: those that want tracks.
        unsound: by id, what is wrong with rows that cannot be released.
    """

    revision: int
    newest: int
    made_at: int
    seconds: float
    tracks: int
    chosen: int
    having: int
    eligible: int
    cap: int
    coverage: float
    target: int
    minimum: int
    dedupe: str
    labels: tuple[str, ...]
    cells: dict[Cell, CellState]
    unsound: dict[str, str]


class Kept:
    """A kept selection, open for questions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (text,) = connection.execute("SELECT value FROM summary").fetchone()
        self.summary = _summary(json.loads(text))
        (words,) = connection.execute("SELECT value FROM words").fetchone()
        self._words = _Words(**json.loads(words))
        self._record = struct.Struct(f"<{self._words.width}s{_READ}")

    @classmethod
    def find(cls, config: Config) -> Self | None:
        """The selection that was made under these settings last, if one is kept."""
        path = _path(config)
        if not path.is_file():
            return None
        with suppress(sqlite3.Error, ValueError, TypeError, KeyError):
            connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
            try:
                return cls(connection)
            except BaseException:
                connection.close()
                raise
        return None

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def account(self, track_id: str) -> Account | None:
        """What became of a track; None for one that the store did not hold then.

        Raises `sqlite3.DatabaseError`, as :meth:`group` does, where the file is damaged.
        """
        with _whole():
            at = self._find(track_id)
            return None if at is None else self._account(at)

    def group(self, survivor: str) -> list[Account]:
        """The tracks that one stands for, itself among them, by id."""
        query = "SELECT track FROM merged WHERE survivor = ?"
        with _whole():
            at = self._find(survivor)
            if at is None:
                return []
            others = [one for (one,) in self._connection.execute(query, (at,))]
            return [self._account(one) for one in sorted([at, *others])]

    def _find(self, track_id: str) -> int | None:
        """The position of a track."""
        query = "SELECT number, tracks FROM block WHERE first <= ? ORDER BY first DESC LIMIT 1"
        found = self._connection.execute(query, (track_id,)).fetchone()
        if found is None:
            return None
        number, tracks = found
        size, wanted = self._record.size, track_id.encode()
        places = range(0, len(tracks), size)

        def id_at(place: int) -> bytes:
            return bytes(tracks[place : place + self._words.width]).rstrip(b"\0")

        at = bisect_left(places, wanted, key=id_at)
        if at == len(places) or id_at(places[at]) != wanted:
            return None
        return int(number) * _BLOCK + at

    def _values(self, at: int) -> tuple[Any, ...]:
        """The record at a position."""
        number, place = divmod(at, _BLOCK)
        size = self._record.size
        query = "SELECT substr(tracks, ?, ?) FROM block WHERE number = ?"
        asked = (place * size + 1, size, number)
        (record,) = self._connection.execute(query, asked).fetchone()
        return self._record.unpack(record)

    def _account(self, at: int) -> Account:
        words = self._words
        track_id, fate, rule, names, origin, sure, suits, popular, kept, song, why, *last = (
            self._values(at)
        )
        under, decade, content, rank = last
        query = "SELECT step, umbrella, decade FROM backfill WHERE track = ?"
        helped = self._connection.execute(query, (at,)).fetchone()
        survivor = track_id if kept == at else self._values(kept)[0] if kept >= 0 else None
        return Account(
            track_id=_text(track_id),
            fate=Fate(fate),
            rule=words.rules[rule] if fate == Fate.REJECTED else None,
            umbrellas=tuple(words.labels[one] for one in names if one != _NONE),
            origin=words.origins[origin],
            confidence=sure,
            suitability=suits,
            decade=None if decade == _NONE else DECADES[decade],
            popularity=popular if popular >= 0 else None,
            survivor=None if survivor is None else _text(survivor),
            recording=song,
            reason=words.reasons[why] if kept == at else None,
            labels=of_mask(content),
            umbrella=None if fate != Fate.EXPORTED or under == _NONE else words.labels[under],
            backfill=None if helped is None else (_cell(helped[1:]), helped[0]),
            rank=rank or None,
        )

    def is_current(self, connection: sa.Connection) -> bool:
        """Whether the store is what it was chosen from."""
        known = self.summary
        return (known.revision, known.newest) == (
            meta.revision(connection),
            catalogue.newest_change(connection),
        )


def keep(config: Config, connection: sa.Connection, selection: Selection, seconds: float) -> Kept:
    """Keep a selection, and open what is kept; in memory alone where no file can be made.

    Args:
        config: that it was chosen under.
        connection: to the store that it was made of.
        selection: what is kept.
        seconds: that choosing took.
    """
    path = _path(config)
    summary = _summary_of(connection, selection, seconds)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(path.parent):
            part = path.with_suffix(_PART_OF)
            # Its owner's alone, as the store is.
            part.touch(0o600)
            with closing(sqlite3.connect(part)) as made:
                _fill(made, selection, summary)
            fsync(part)
            part.replace(path)
        return Kept(sqlite3.connect(path))
    except (OSError, sqlite3.Error):
        made = sqlite3.connect(":memory:")
        _fill(made, selection, summary)
        return Kept(made)


def drop(config: Config) -> None:
    """Remove every kept selection: they name tracks that were forgotten."""
    with suppress(FileNotFoundError):
        shutil.rmtree(config.cache_dir / _FOLDER)


def expected_seconds(config: Config, tracks: int) -> float | None:
    """How long choosing among so many tracks should take; None before it was measured."""
    known = Kept.find(config)
    if known is None:
        return None
    known.close()
    found = known.summary
    return found.seconds * tracks / found.tracks if found.tracks else None


def _path(config: Config) -> Path:
    """The file of a configuration: settings, seeds, code and the store's place tell them apart."""
    policy = config.model_dump(mode="json", include=set(config.changing_release() - _GATES))
    parts = [_FORM, __version__, digest(), policy, _place_of_store(config)]
    told = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    with suppress(OSError):
        for path in sorted(config.seeds_dir.glob("*.yaml")):
            told.update(path.read_bytes())
    return config.cache_dir.absolute() / _FOLDER / f"{told.hexdigest()[:16]}.sqlite"


def _place_of_store(config: Config) -> str:
    """A file as seen from the cache folder, so that both can be moved or copied together."""
    url = database_url(config)
    path = file_of(url)
    return url.render_as_string() if path is None else os.path.relpath(path, config.cache_dir)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Only one process at a time writes here, so what is half made is a dead one's; it is removed.

    Raises:
        OSError: another one writes, or the folder cannot be locked.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _clear(folder)
        try:
            yield
        finally:
            _clear(folder)
    finally:
        os.close(descriptor)


def _clear(folder: Path) -> None:
    known = sorted(folder.glob("*.sqlite"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in (*known[_MOST:], *folder.glob(f"*{_PART_OF}")):
        path.unlink(missing_ok=True)


def _fill(made: sqlite3.Connection, selection: Selection, summary: Summary) -> None:
    # A copy of what can be made again needs no journal.
    made.execute("PRAGMA journal_mode=OFF")
    made.execute("PRAGMA synchronous=OFF")
    made.executescript(_TABLES)
    tracks = _tracks(selection)
    made.executemany("INSERT INTO block VALUES (?, ?, ?)", _blocks(tracks))
    survivor = tracks["survivor"]
    others = (survivor >= 0) & (survivor != range(len(tracks)))
    (merged,) = others.nonzero()
    pairs = sorted(zip(survivor[merged].tolist(), merged.tolist(), strict=True))
    made.executemany("INSERT INTO merged VALUES (?, ?)", pairs)
    made.executemany(
        "INSERT INTO backfill VALUES (?, ?, ?, ?)",
        ((at, str(one.step), *one.cell) for at, one in sorted(selection.choice.backfill.items())),
    )
    made.execute("INSERT INTO words VALUES (?)", (json.dumps(asdict(_words_of(selection))),))
    document = asdict(summary)
    document["cells"] = [[*cell, asdict(state)] for cell, state in summary.cells.items()]
    made.execute("INSERT INTO summary VALUES (?)", (json.dumps(document),))
    made.commit()


def _blocks(tracks: NDArray[Any]) -> Iterator[tuple[int, str, bytes]]:
    """(number, first id, records) of blocks of tracks."""
    for number, start in enumerate(range(0, len(tracks), _BLOCK)):
        block = tracks[start : start + _BLOCK]
        yield number, _text(bytes(block["id"][0])), block.tobytes()


def _tracks(selection: Selection) -> NDArray[Any]:
    """The records of all tracks in the order of ids."""
    # Only who chose has loaded numpy and the rest of choosing.
    import numpy as np

    from runclub_spider.publish.choose.balance import ranked

    pool, groups, fate = selection.pool, selection.duplicates, selection.fate
    rank = np.zeros(len(pool), np.int32)
    if selection.count(Fate.EXPORTED) >= selection.targets.cap:
        waiting = (fate == Fate.EXPORTED) | (fate == Fate.BALANCE)
        order = ranked(pool, waiting, keeping=True, mixed=True)
        rank[order] = np.arange(1, len(order) + 1)
    columns = {
        **{name: getattr(pool, name) for name in _FIELDS if hasattr(pool, name)},
        **{name: getattr(groups, name) for name in ("survivor", "recording", "reason")},
        "fate": fate,
        "umbrella": selection.choice.umbrella,
        "rank": rank,
    }
    made = np.empty(len(pool), [("id", pool.ids.dtype.str), *_FIELDS.items()])
    made["id"] = pool.ids
    for name in _FIELDS:
        made[name] = columns[name]
    return made


def _words_of(selection: Selection) -> _Words:
    # As above.
    from runclub_spider.catalog.rules import RULES
    from runclub_spider.publish.choose.collapse import Reason

    pool = selection.pool
    return _Words(
        width=pool.ids.dtype.itemsize,
        rules=[str(rule) for rule in RULES],
        labels=list(pool.labels),
        origins=list(pool.origins),
        reasons=[str(reason) for reason in Reason],
    )


def _text(track_id: bytes) -> str:
    return track_id.rstrip(b"\0").decode()


@contextmanager
def _whole() -> Iterator[None]:
    """Raise `sqlite3.DatabaseError` for records that say what none can."""
    try:
        yield
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise sqlite3.DatabaseError(f"a damaged selection: {error}") from None


def _cell(pair: Sequence[str]) -> Cell:
    umbrella, decade = pair
    return umbrella, decade


def _summary_of(connection: sa.Connection, selection: Selection, seconds: float) -> Summary:
    # As above.
    from runclub_spider.publish.account.exhaustion import found_in

    targets, certificate = selection.targets, selection.choice.certificate
    chosen, found = selection.chosen, found_in(selection)
    return Summary(
        revision=meta.revision(connection),
        newest=catalogue.newest_change(connection),
        made_at=utc_now(),
        seconds=seconds,
        tracks=len(selection.pool),
        chosen=len(chosen),
        having=int(selection.pool.features[chosen].sum()),
        eligible=len(chosen) + selection.count(Fate.BALANCE),
        cap=targets.cap,
        coverage=float(targets.coverage),
        target=certificate.target,
        minimum=certificate.minimum,
        dedupe=targets.dedupe,
        labels=tuple(selection.pool.labels),
        cells={
            cell: CellState(
                count.tracks, {str(step): n for step, n in count.backfill.items()}, found[cell]
            )
            for cell, count in certificate.cells.items()
        },
        unsound=dict(selection.pool.unsound),
    )


def _summary(document: Mapping[str, Any]) -> Summary:
    cells = {
        (umbrella, decade): CellState(**state) for umbrella, decade, state in document["cells"]
    }
    return Summary(**{**document, "labels": tuple(document["labels"]), "cells": cells})


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """So far."""
        return time.monotonic() - self._start
