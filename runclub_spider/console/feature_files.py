"""Files of audio features as they come: CSV, JSONL or Parquet, one row at a time.

A row that cannot be read costs itself; what is raised here concerns the whole file.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson

from runclub_spider.catalog.imported import (
    FEATURE_COLUMNS,
    KEY_COLUMNS,
    PASSED_OVER,
    KeyKind,
)
from runclub_spider.catalog.models import FEATURES
from runclub_spider.errors import ConfigurationError
from runclub_spider.text import printable

_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
# A row is some hundred bytes; what is no text of lines must not be read whole.
_LONGEST_LINE = 1 << 16
# Lines of JSONL of which one at least has to be an object, or the file is none.
_LOOKED_AT = 100
_ROWS = 5000


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands in a file: its line (in Parquet its number), key, and features.

    `fault` says why there is nothing to read; then the rest is empty.
    """

    line: int
    key: object = None
    cells: Mapping[str, object] = field(default_factory=dict)
    fault: str = ""


class FeatureFile(ABC):
    """A file that was looked at and can be read."""

    def __init__(self, path: Path, kind: KeyKind) -> None:
        self.name = printable(str(path))
        #: Columns that are none of a row of features, with the line that has them first.
        self.unknown: dict[str, int] = {}
        self._path, self._kind = path, kind

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """All rows in order.

        Raises:
            ConfigurationError: the file ends in the middle, or is damaged.
        """

    def _named(self, names: Sequence[str], line: int) -> tuple[str, dict[str, str]]:
        """The column of the key, and by column of the file the feature that it holds."""
        key = next((name for name in KEY_COLUMNS[self._kind] if name in names), None)
        if key is None:
            wanted = " or ".join(KEY_COLUMNS[self._kind])
            raise ConfigurationError(
                f"{self.name} has no column {wanted}, by which --key {self._kind} finds its tracks"
            )
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigurationError(f"{self.name} has the column {printable(twice[0])} twice")
        features = {name: FEATURE_COLUMNS[name] for name in names if name in FEATURE_COLUMNS}
        if not features:
            raise ConfigurationError(f"{self.name} has none of the columns {', '.join(FEATURES)}")
        for name in names:
            if name not in FEATURE_COLUMNS and name not in PASSED_OVER:
                self.unknown.setdefault(name, line)
        return key, features

    def _damaged(self, line: int, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"{self.name} is damaged behind row {line:,} ({printable(str(error))}); what whole "
            "batches hold up to there is imported: get the file anew and run the command again"
        )


def opened(path: Path, kind: KeyKind) -> FeatureFile:
    """Look at a file of features; its name says what it is.

    Raises:
        ConfigurationError: it cannot be read, or holds no features by such keys.
    """
    name = path.name.lower()
    form = name.removesuffix(".gz")
    found = next((made for suffix, made in _FORMS.items() if form.endswith(suffix)), None)
    if found is None or (found is _Parquet and form != name):
        raise ConfigurationError(
            f"{printable(str(path))}: the name of a file of features ends in .csv, .jsonl, "
            ".csv.gz, .jsonl.gz or .parquet"
        )
    if not path.is_file():
        what = "is no file" if path.exists() else "is not there"
        raise ConfigurationError(f"cannot read {printable(str(path))}: it {what}")
    try:
        return found(path, kind)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigurationError(
            f"cannot read {printable(str(path))}: {printable(str(error))}"
        ) from None


class _Text(FeatureFile):
    """A file of lines, maybe packed by gzip, whatever its name says of that."""

    def _lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Each line with its number; None for one that is too long."""
        number = 0
        try:
            with self._path.open("rb") as file:
                packed = file.peek(2)[:2] == _GZIP
                lines = _unpacked(file) if packed else file
                while line := lines.readline(_LONGEST_LINE):
                    number += 1
                    if number == 1:
                        line = line.removeprefix(_BOM)
                    if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                        while line and not line.endswith(b"\n"):
                            line = lines.readline(_LONGEST_LINE)
                        yield number, None
                    else:
                        yield number, line
        except (OSError, EOFError, zlib.error) as error:
            raise self._damaged(number, error) from None


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    return io.BufferedReader(gzip.GzipFile(fileobj=file), 1 << 16)


class _Csv(_Text):
    """Commas, and a header; a line is a row, so that no quote swallows the lines behind it."""

    def __init__(self, path: Path, kind: KeyKind) -> None:
        super().__init__(path, kind)
        _, line = next(self._lines(), (0, b""))
        try:
            self._header = [name.strip() for name in _split((line or b"").decode())]
        except (ValueError, csv.Error):
            self._header = []
        if not any(self._header):
            raise ConfigurationError(f"{self.name} does not begin with the names of its columns")
        key, features = self._named(self._header, 1)
        self._key = self._header.index(key)
        self._features = [(self._header.index(name), into) for name, into in features.items()]

    def rows(self) -> Iterator[Row]:
        size = len(self._header)
        for number, line in islice(self._lines(), 1, None):
            if line is None:
                yield Row(number, fault=_TOO_LONG)
                continue
            if line.isspace():
                continue
            try:
                cells = _split(line.decode())
            except (ValueError, csv.Error) as error:
                yield Row(number, fault=f"is no line of CSV: {error}")
                continue
            if len(cells) != size:
                yield Row(number, fault=f"has {len(cells)} cells where the header has {size}")
                continue
            yield Row(number, cells[self._key], {into: cells[at] for at, into in self._features})


def _split(line: str) -> list[str]:
    line = line.rstrip("\r\n")
    return line.split(",") if '"' not in line else next(csv.reader([line], strict=True))


class _JsonLines(_Text):
    """An object a line; each may have columns of its own."""

    def __init__(self, path: Path, kind: KeyKind) -> None:
        super().__init__(path, kind)
        looked = list(islice(self._objects(), _LOOKED_AT))
        if looked and not any(isinstance(found, dict) for _, found in looked):
            raise ConfigurationError(f"{self.name} holds no JSON objects, one a line")

    def _objects(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        """What each line holds, or why it is no object."""
        for number, line in self._lines():
            if line is None:
                yield number, _TOO_LONG
            elif not line.isspace():
                try:
                    found = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    yield number, f"is no JSON: {error}"
                    continue
                yield number, found if isinstance(found, dict) else "is no JSON object"

    def rows(self) -> Iterator[Row]:
        keys = KEY_COLUMNS[self._kind]
        for number, found in self._objects():
            if isinstance(found, str):
                yield Row(number, fault=found)
                continue
            cells = {}
            for name, value in found.items():
                if (into := FEATURE_COLUMNS.get(name)) is not None:
                    cells[into] = value
                elif name not in PASSED_OVER:
                    self._note(name, number)
            yield Row(number, next((found[name] for name in keys if name in found), None), cells)

    def _note(self, name: str, line: int) -> None:
        # Of names that are made up row by row some are enough.
        if len(self.unknown) < _LOOKED_AT:
            self.unknown.setdefault(name, line)


class _Parquet(FeatureFile):
    """A table; its lines are numbered from 1."""

    def __init__(self, path: Path, kind: KeyKind) -> None:
        # Not above: it takes a while to load, and text does without.
        import pyarrow as pa
        import pyarrow.parquet

        super().__init__(path, kind)
        self._error = pa.ArrowException
        try:
            self._file = pyarrow.parquet.ParquetFile(path)
        except pa.ArrowException as error:
            first = str(error).splitlines()[0]
            raise ConfigurationError(
                f"{self.name} is no Parquet file: {printable(first)}"
            ) from None
        self._key, self._features = self._named(self._file.schema_arrow.names, 0)

    def rows(self) -> Iterator[Row]:
        number = 0
        wanted = [self._key, *self._features]
        batches = self._file.iter_batches(batch_size=_ROWS, columns=wanted, use_threads=False)
        try:
            for batch in batches:
                columns = {name: batch.column(name).to_pylist() for name in wanted}
                features = [(columns[name], into) for name, into in self._features.items()]
                for at, key in enumerate(columns[self._key]):
                    number += 1
                    yield Row(number, key, {into: column[at] for column, into in features})
        except (OSError, self._error) as error:
            raise self._damaged(number, error) from None


_TOO_LONG = f"is longer than {_LONGEST_LINE:,} bytes"
_FORMS: dict[str, type[FeatureFile]] = {
    ".csv": _Csv,
    ".jsonl": _JsonLines,
    ".ndjson": _JsonLines,
    ".parquet": _Parquet,
}
