"""What `scrapy import features` does: files of audio features into the store, batch by batch."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson

from runclub_spider.catalog.imported import KEY_COLUMNS, KeyKind, Number, feature_of, key_of
from runclub_spider.catalog.models import FEATURES
from runclub_spider.config import Config, utc_now
from runclub_spider.console.feature_files import FeatureFile, Row, opened
from runclub_spider.errors import ConfigurationError, RunPaused
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive
from runclub_spider.store.facts import imported
from runclub_spider.store.facts.imported import Origin, Saved
from runclub_spider.terminal import Progress, on_stderr
from runclub_spider.text import printable

# Rows that are one transaction, and all that is in memory at once.
_BATCH = 5000
# Bad rows that are named; the others are counted.
_MOST_TOLD = 20
_LONGEST_NAME = 200
# Whose own values imports stand behind.
_TAKEN = frozenset({"reccobeats", "spotify"})
_BITS = {name: 1 << at for at, name in enumerate(FEATURES)}


def origin_of(kind: str | None, source: str | None, licence: str | None) -> Origin:
    """What rows are keyed by and where they come from.

    Raises:
        ConfigurationError: something is not told, or cannot be.
    """
    kinds = [str(one) for one in KeyKind]
    if kind not in kinds:
        raise ConfigurationError(f"--key says what tracks are named by: {', '.join(kinds)}")
    named = _name("--source", source, "such as acousticbrainz")
    if named.casefold() in _TAKEN:
        raise ConfigurationError(f"--source {named}: imports do not pass for {named}'s own values")
    return Origin(KeyKind(kind), named, _name("--licence", licence, "such as CC0-1.0"))


def _name(option: str, text: str | None, example: str) -> str:
    words = " ".join((text or "").split())
    if not words:
        raise ConfigurationError(f"{option} is missing: a release tells it, {example}")
    if len(words) > _LONGEST_NAME or not words.isprintable():
        raise ConfigurationError(
            f"{option} {printable(words[:40])!r} is no name of at most {_LONGEST_NAME} characters"
        )
    return words


def import_features(config: Config, paths: Sequence[Path], origin: Origin) -> str:
    """Import the features of some files; returns one line saying what came of it.

    Bad rows are named on stderr. What is stored is stored in whole batches, whatever ends it.

    Raises:
        ConfigurationError: a file cannot be read, or no row of any can; nothing has changed then,
            unless a file was damaged in its middle.
        RunPaused: it was interrupted, or another run holds the store.
    """
    files = [opened(path, origin.kind) for path in paths]
    with exclusive(config, "scrapy import features"):
        store = Store.open(config)
        work = _Import(store, origin, utc_now(), _Seen())
        try:
            with on_stderr("scrapy import features") as progress:
                for number, file in enumerate(files):
                    work.take(number, file, progress)
        except KeyboardInterrupt:
            raise RunPaused(
                f"interrupted; {work.usable:,} rows are in: the same command brings the rest"
            ) from None
        finally:
            work.close()
            store.close()
            work.tell(files)
    if work.bad and not work.usable:
        raise ConfigurationError(
            f"none of {work.bad:,} rows can be used, nothing was imported: "
            f"are they by {origin.kind}, in {KEY_COLUMNS[origin.kind][0]}?"
        )
    return work.summary()


@dataclass(slots=True)
class _Import:
    """One run over some files."""

    store: Store
    origin: Origin
    now: int
    seen: _Seen
    saved: Saved = field(default_factory=Saved)
    repeated: int = 0
    bad: int = 0
    told: list[str] = field(default_factory=list)

    @property
    def usable(self) -> int:
        """Rows that said something."""
        return self.saved.new + self.saved.changed + self.saved.same + self.repeated

    def take(self, number: int, file: FeatureFile, progress: Progress) -> None:
        """Import a file, the how manieth of this run."""
        rows, done = file.rows(), 0
        while batch := list(islice(rows, _BATCH)):
            self._store(number, file.name, batch)
            done += len(batch)
            progress.step(f"{file.name}, {done:,} rows")

    def _store(self, number: int, name: str, batch: Sequence[Row]) -> None:
        kind = self.origin.kind
        read = list(self._read(name, batch))
        keys = list({key for _, key, _ in read})
        known = self.seen.among(keys)
        wanted: dict[str, Mapping[str, Number]] = {}
        with self.store.begin() as connection:
            forgotten = imported.forgotten(connection, kind, keys)
            for line, key, values in read:
                if key in forgotten:
                    self._refuse(name, line, f"{key} was forgotten, and is not taken up again")
                    continue
                before = known.get(key)
                if before is not None and before.file == number:
                    self._refuse(name, line, f"{key} stands in row {before.line} already")
                    continue
                fields = before.fields if before else 0
                left = {n: value for n, value in values.items() if not fields & _BITS[n]}
                known[key] = _Place(number, line, fields | sum(_BITS[n] for n in left))
                if left:
                    wanted[key] = left
                else:
                    self.repeated += 1
            found = imported.save(connection, self.origin, wanted, self.now)
        self.seen.keep(known)
        self.saved.add(found)

    def _read(
        self, name: str, batch: Sequence[Row]
    ) -> Iterator[tuple[int, str, dict[str, Number]]]:
        """Line, key and features of the rows that can be read."""
        for row in batch:
            try:
                if row.fault:
                    raise ValueError(row.fault)
                if row.key is None or row.key == "":
                    raise ValueError(f"has no {KEY_COLUMNS[self.origin.kind][0]}")
                key = key_of(self.origin.kind, row.key)
                values = {
                    n: found
                    for n, value in row.cells.items()
                    if (found := feature_of(n, value)) is not None
                }
                if not values:
                    raise ValueError("has no feature with a value")
            except ValueError as error:
                self._refuse(name, row.line, str(error))
                continue
            yield row.line, key, values

    def _refuse(self, name: str, line: int, why: str) -> None:
        self.bad += 1
        if self.bad <= _MOST_TOLD:
            self.told.append(f"{name}:{line}: {why}")

    def close(self) -> None:
        """Let go of what is kept beside the store."""
        self.seen.close()

    def tell(self, files: Sequence[FeatureFile]) -> None:
        """Name bad rows and unknown columns on stderr."""
        lines = list(self.told)
        if self.bad > _MOST_TOLD:
            lines.append(f"and {self.bad - _MOST_TOLD:,} more bad rows")
        for file in files:
            if names := list(file.unknown.items()):
                some = ", ".join(
                    printable(column[:60]) + (f" (first in row {line})" if line > 1 else "")
                    for column, line in names[:_MOST_TOLD]
                )
                more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
                lines.append(f"{file.name}: unknown columns, left out: {some}{more}")
        for line in lines:
            print(f"scrapy import: {printable(line)}", file=sys.stderr)

    def summary(self) -> str:
        """One line."""
        found, whose = self.saved, f"{self.origin.source} ({self.origin.licence})"
        counts = [(found.same, "as they were"), (self.repeated, "repeated"), (self.bad, "bad")]
        rest = "".join(f", {number:,} {what}" for number, what in counts if number)
        if not found.new and not found.changed:
            return f"Nothing new from {whose}{rest}."
        return (
            f"Imported from {whose}, rows: {found.new:,} new, {found.changed:,} changed{rest}; "
            f"features of {found.tracks:,} stored track{'s' * (found.tracks != 1)} changed."
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a key stood last, and which features were told of it, a bit each."""

    file: int
    line: int
    fields: int


class _Seen:
    """The keys that a run has met, on disk: the first row that tells a feature is the one taken.

    Dumps name a recording many times. Were the last row taken, a second run of the same files would
    change the values back and forth.
    """

    def __init__(self) -> None:
        # Without a name it is a file of SQLite's own, which is gone when it is closed.
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute(
            "CREATE TABLE seen (key TEXT PRIMARY KEY, file INTEGER, line INTEGER, fields INTEGER) "
            "WITHOUT ROWID"
        )

    def among(self, keys: Sequence[str]) -> dict[str, _Place]:
        """Those of the keys that were met."""
        query = "SELECT * FROM seen WHERE key IN (SELECT value FROM json_each(?))"
        rows = self._connection.execute(query, (orjson.dumps(keys).decode(),))
        return {key: _Place(file, line, fields) for key, file, line, fields in rows}

    def keep(self, places: Mapping[str, _Place]) -> None:
        """Remember where keys stood last."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN")
            cursor.executemany(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)",
                ((key, one.file, one.line, one.fields) for key, one in places.items()),
            )
            cursor.execute("COMMIT")

    def close(self) -> None:
        """Delete it."""
        self._connection.close()
