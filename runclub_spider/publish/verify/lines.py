"""Reads a JSON Lines file row by row and checks all that one line alone can show."""

from __future__ import annotations

import json
import re
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
# How far into a line that cannot be parsed its id is looked for.
_HEAD = 1000


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

    def __init__(
        self,
        path: Path,
        id_key: str,
        check: RowCheck,
        problems: Problems,
        *,
        of_artists: bool = False,
        plain_text: bool = False,
    ) -> None:
        """Read a file.

        Args:
            path: The file, which need not be there.
            id_key: The key of a row's id.
            check: Of the shape of a row.
            problems: Where faults go.
            of_artists: The ids are artists' and not tracks'.
            plain_text: No text may hold a control character.
        """
        self.file = path.name
        self.count = 0
        self.intact = True
        self.valid = True
        self.present = path.is_file()
        self._path = path
        self._id_key = id_key
        self._check = check
        self._problems = problems
        self._of_artists = of_artists
        self._plain_text = plain_text
        self._id = re.compile(rb'"%b":"([^"\\]*)"' % id_key.encode())

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
                self.fault(row.id, number, rule, f"{self._id_key} {row.id} after {previous}")
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
                        message = "the line is longer than 16 MiB"
                        self.fault(self._id_in(line), number, "json", message)
                        while (more := stream.readline(_LONGEST_LINE)) and more[-1:] != b"\n":
                            pass
                        continue
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
            self.fault(self._id_in(text), number, error.rule, str(error))
            return None
        if type(data) is not dict:
            self._add(number, "json", f"not an object but {show(data)}")
            return None
        row_id = data.get(self._id_key)
        if type(row_id) is not str:
            row_id = None
        valid = self._check.accepts(data)
        if not valid:
            for rule, message in self._check.explain(data):
                self.fault(row_id, number, rule, message)
        elif not keys_in_order(data, self._check.keys):
            message = "the keys do not stand in the specification's order"
            self.fault(row_id, number, "key-order", message)
        if self._plain_text and may_hold_control(text):
            for place, char in control_characters(data):
                self.fault(row_id, number, "text-control", f"{place} holds U+{ord(char):04X}")
        self.valid = self.valid and valid
        return None if row_id is None else Row(number, row_id, data, valid)

    def fault(self, row_id: str | None, line: int | None, rule: str, message: str) -> None:
        """Note a fault of the row of an id; None where it has none."""
        name: dict[str, Any] = {"artist" if self._of_artists else "track": row_id}
        self._problems.add(self.file, line, rule, message, **name)

    def _id_in(self, text: bytes) -> str | None:
        """The id of a line that cannot be parsed, where it can be seen."""
        found = self._id.search(text, 0, _HEAD)
        return found[1].decode("utf-8", "backslashreplace") if found else None

    def _add(self, line: int, rule: str, message: str) -> None:
        self._problems.add(self.file, line, rule, message)


# Control characters, and what some readers take for the end of a line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BYTES = re.compile(rb"\\[bfnrtu]|\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]")


def may_hold_control(text: bytes) -> bool:
    """Whether a line of JSON may hold a control character; quick, and never wrong about "no"."""
    if b"\\" not in text and b"\x7f" not in text and text.isascii():
        return False
    return _CONTROL_BYTES.search(text) is not None


def control_in(text: str) -> str | None:
    """The first control character or line separator of a text."""
    found = _CONTROL.search(text)
    return found[0] if found else None


def control_characters(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield (place, first control character) of each text of a JSON value that has one."""
    if type(value) is str:
        if char := control_in(value):
            yield place, char
    elif type(value) is dict:
        for key, one in value.items():
            if char := control_in(key):
                yield f"a key of {place or 'the row'}", char
            yield from control_characters(one, f"{place}.{key}" if place else key)
    elif type(value) is list:
        for at, one in enumerate(value):
            yield from control_characters(one, f"{place}.{at}")


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
    try:
        same = orjson.dumps(data) == text
    except TypeError:
        # It reads deeper than it writes; no row or manifest comes near either.
        raise StrictJsonError("json", "nested too deep") from None
    if not same:
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
    except RecursionError:
        raise StrictJsonError("json", "nested too deep") from None
    except ValueError as error:
        raise StrictJsonError("json", str(error)) from None


def _object_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise StrictJsonError("duplicate-key", f"the key {show(twice)} stands twice")
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise StrictJsonError("not-a-number", f"{name} is no JSON number")
