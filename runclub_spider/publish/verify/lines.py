"""Reads a JSON Lines file row by row and checks all that one line alone can show."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import orjson

from runclub_spider.publish.verify.problems import Problems, show
from runclub_spider.publish.verify.schema import RowCheck

# A row is a few kilobytes; a file without line ends must not be read whole.
_LONGEST_LINE = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class StrictJsonError(ValueError):
    """Text that is not JSON as this project writes it; `rule` names the fault."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: where it stands, its id, and whether its shape is right."""

    line: int
    id: str
    data: dict[str, Any]
    valid: bool


class Rows:
    """The rows of one JSON Lines file, in file order, each line checked as it passes.

    Attributes:
        file: Name of the file.
        count: Lines read so far that hold something.
        intact: No line had to be left out, and the ids rise: joins may rely on the order.
        valid: Every row read so far fits its schema.
        present: The file is there.
    """

    def __init__(self, path: Path, id_key: str, check: RowCheck, problems: Problems) -> None:
        self.file = path.name
        self.count = 0
        self.intact = True
        self.valid = True
        self.present = path.is_file()
        self._path = path
        self._id_key = id_key
        self._check = check
        self._problems = problems

    def __iter__(self) -> Iterator[Row]:
        if not self.present:  # reported with the folder's files
            self.intact = False
            return
        previous = ""
        for number, line in self._lines():
            row = self._row(number, line)
            if row is None:
                self.intact = False
                continue
            if row.id <= previous:
                self.intact = False
                rule = "duplicate" if row.id == previous else "order"
                self._add(number, rule, f"{self._id_key} {row.id} after {previous}")
            previous = row.id
            yield row

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        with self._path.open("rb") as stream:
            while line := stream.readline(_LONGEST_LINE):
                number += 1
                if number == 1 and line.startswith(_BOM):
                    self._add(1, "bom", "the file begins with a byte order mark")
                    line = line.removeprefix(_BOM)
                if not line.endswith(b"\n"):
                    if len(line) == _LONGEST_LINE:
                        self.intact = False
                        self._add(number, "json", "the line is longer than 16 MiB")
                        return
                    self._add(number, "line-end", "the last line does not end with a line feed")
                if b"\r" in line:
                    self._add(number, "line-end", "a carriage return; lines end with \\n alone")
                text = line.strip(b" \t\r\n")
                if text:
                    self.count += 1
                    yield number, text
                else:
                    self._add(number, "blank-line", "an empty line")

    def _row(self, number: int, text: bytes) -> Row | None:
        try:
            data = parse_strictly(text)
        except StrictJsonError as error:
            self._add(number, error.rule, str(error))
            return None
        if type(data) is not dict:
            self._add(number, "json", f"not an object but {show(data)}")
            return None
        valid = self._check.accepts(data)
        if not valid:
            for rule, message in self._check.explain(data):
                self._add(number, rule, message)
        elif not keys_in_order(data, self._check.keys):
            self._add(number, "key-order", "the keys do not stand in the specification's order")
        self.valid = self.valid and valid
        row_id = data.get(self._id_key)
        return Row(number, row_id, data, valid) if type(row_id) is str else None

    def _add(self, line: int, rule: str, message: str) -> None:
        self._problems.add(self.file, line, rule, message)


def keys_in_order(data: dict[str, Any], keys: list[str]) -> bool:
    """Whether the known keys come first and in order; further keys may follow."""
    return list(data)[: len(keys)] == keys


def parse_strictly(text: bytes) -> Any:
    """Parse JSON that has no duplicate keys, no NaN and no Infinity.

    Raises:
        StrictJsonError: The text breaks one of these rules, or is no JSON or UTF-8 at all.
    """
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        _parse_slowly(text)  # names the fault where it can
        raise StrictJsonError("json", str(error)) from None
    # orjson keeps the last of two equal keys, so a text it writes back byte for byte has none.
    if orjson.dumps(data) != text:
        _parse_slowly(text)
    return data


def _parse_slowly(text: bytes) -> None:
    try:
        json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object_of_unique_keys,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise StrictJsonError("encoding", f"not UTF-8 at byte {error.start}") from None
    except StrictJsonError:
        raise
    except (ValueError, RecursionError) as error:
        raise StrictJsonError("json", str(error)) from None


def _object_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise StrictJsonError("duplicate-key", f"the key {show(twice)} stands twice")
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise StrictJsonError("not-a-number", f"{name} is no JSON number")
