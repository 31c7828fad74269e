"""The last selection, kept in `CACHE_DIR/selection`: one row a track, found by its id.

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
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
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

    from runclub_spider.publish.choose.select import Selection

Cell = tuple[str, str]

_FOLDER = "selection"
# Raised with any change of the tables below.
_FORM = 2
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
_PART = 8192
# How the name of a file ends that is not whole yet.
_PART_OF = ".part"
_TABLES = """
CREATE TABLE account (
    track_id TEXT PRIMARY KEY,
    fate INTEGER NOT NULL,
    rule TEXT,
    umbrellas TEXT NOT NULL,
    origin TEXT NOT NULL,
    confidence INTEGER NOT NULL,
    suitability INTEGER NOT NULL,
    decade TEXT,
    popularity INTEGER,
    survivor TEXT,
    recording INTEGER NOT NULL,
    reason TEXT,
    labels TEXT NOT NULL,
    umbrella TEXT,
    step TEXT,
    stands_for TEXT,
    rank INTEGER
) WITHOUT ROWID;
CREATE TABLE summary (value TEXT NOT NULL);
"""
# Most tracks survive alone; those of a group are looked for by who stands for it.
_INDEX = "CREATE INDEX account_group ON account (survivor) WHERE survivor <> track_id"
_INSERT = f"INSERT INTO account VALUES ({', '.join('?' * 17)})"  # noqa: S608 - no text of others


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
        connection.row_factory = sqlite3.Row
        (text,) = connection.execute("SELECT value FROM summary").fetchone()
        self.summary = _summary(json.loads(text))

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
        query = "SELECT * FROM account WHERE track_id = ?"
        row = self._connection.execute(query, (track_id,)).fetchone()
        return None if row is None else _account(row)

    def group(self, survivor: str) -> list[Account]:
        """The tracks that one stands for, itself among them, by id."""
        # Two questions, for each has its index.
        one = "SELECT * FROM account WHERE track_id = ?"
        others = "SELECT * FROM account WHERE survivor = ? AND survivor <> track_id"
        query = f"{one} UNION ALL {others} ORDER BY 1"
        return [_account(row) for row in self._connection.execute(query, (survivor, survivor))]

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
    made.executemany(_INSERT, _rows(selection))
    made.execute(_INDEX)
    document = asdict(summary)
    document["cells"] = [[*cell, asdict(state)] for cell, state in summary.cells.items()]
    made.execute("INSERT INTO summary VALUES (?)", (json.dumps(document),))
    made.commit()


def _rows(selection: Selection) -> Iterator[tuple[Any, ...]]:
    """The values of `account`, track by track in the order of ids."""
    # Only who chose has loaded numpy and the rest of choosing.
    from runclub_spider.catalog.rules import RULES
    from runclub_spider.publish.choose.balance import ranked
    from runclub_spider.publish.choose.collapse import Reason
    from runclub_spider.publish.choose.pool import NONE

    pool, groups, backfill = selection.pool, selection.duplicates, selection.choice.backfill
    reasons = [str(one) for one in Reason]

    @cache
    def labels(mask: int) -> str:
        return json.dumps(of_mask(mask))

    @cache
    def named(names: tuple[int, ...]) -> str:
        return json.dumps([pool.labels[one] for one in names if one != NONE])

    ids = [one.decode() for one in pool.ids.tolist()]
    ranks: dict[int, int] = {}
    if selection.count(Fate.EXPORTED) >= selection.targets.cap:
        waiting = (selection.fate == Fate.EXPORTED) | (selection.fate == Fate.BALANCE)
        order = ranked(pool, waiting, keeping=True, mixed=True).tolist()
        ranks = {index: place for place, index in enumerate(order, start=1)}
    for start in range(0, len(ids), _PART):
        part = slice(start, start + _PART)
        columns = (
            *(selection.fate[part], pool.rule[part], pool.names[part], pool.origin[part]),
            *(pool.confidence[part], pool.suitability[part], pool.popularity[part]),
            *(groups.survivor[part], groups.recording[part], groups.reason[part]),
            *(selection.choice.umbrella[part], pool.decade[part], pool.content[part]),
        )
        values = zip(*(column.tolist() for column in columns), strict=True)
        for at, row in enumerate(values, start=start):
            fate, rule, names, origin, sure, suits, popular, kept, song, why, *last = row
            under, decade, content = last
            stands = backfill.get(at)
            yield (
                ids[at],
                fate,
                str(RULES[rule]) if fate == Fate.REJECTED else None,
                named(tuple(names)),
                pool.origins[origin],
                sure,
                suits,
                None if decade == NONE else DECADES[decade],
                popular if popular >= 0 else None,
                ids[kept] if kept >= 0 else None,
                song,
                reasons[why] if kept == at else None,
                labels(content),
                None if fate != Fate.EXPORTED or under == NONE else pool.labels[under],
                None if stands is None else stands.step,
                None if stands is None else json.dumps(stands.cell),
                ranks.get(at),
            )


def _account(row: sqlite3.Row) -> Account:
    step, stands_for = row["step"], row["stands_for"]
    return Account(
        track_id=row["track_id"],
        fate=Fate(row["fate"]),
        rule=row["rule"],
        umbrellas=tuple(json.loads(row["umbrellas"])),
        origin=row["origin"],
        confidence=row["confidence"],
        suitability=row["suitability"],
        decade=row["decade"],
        popularity=row["popularity"],
        survivor=row["survivor"],
        recording=row["recording"],
        reason=row["reason"],
        labels=tuple(json.loads(row["labels"])),
        umbrella=row["umbrella"],
        backfill=None if step is None else (_cell(json.loads(stands_for)), step),
        rank=row["rank"],
    )


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
