"""Reads a JSON Lines file row by row and checks all that one line alone can show."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import lt
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import orjson

from runclub_spider.publish.verify.problems import Problems, show
from runclub_spider.publish.verify.schema import RowCheck

# A row is a few kilobytes; a file without line ends must not be read whole.
LONGEST_LINE = 16 * 1024 * 1024
BOM = b"\xef\xbb\xbf"
# A hundred wide rows: more at once leave the processor's cache, and take twice the time.
_BLOCK = 100_000
# How far into a line that cannot be parsed its id is looked for.
_HEAD = 1000


class StrictJsonError(ValueError):
    """Text that is not JSON as this project writes it; `rule` names the fault."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class Row(NamedTuple):
    """One row of a file: where it stands, its id, and whether its shape is right."""

    line: int
    id: str
    data: dict[str, Any]
    valid: bool


class Block(NamedTuple):
    """Some rows of a file, one after the other.

    Attributes:
        rows: Those that can be read.
        sound: Nothing at all is wrong with their lines, and each is written as this project
            writes it: the row's JSON without a blank.
    """

    rows: list[Row]
    sound: bool


class Rows:
    """The rows of one JSON Lines file, in file order, each line checked as it passes.

    A block of lines that are all sound costs a fraction of its lines one by one; only a block
    with a fault, or that is written unlike this project does, is looked at line by line.

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
        self.present = path.is_file()
        self.intact = self.present  # one that is not there is reported with the folder's files
        self.valid = True
        self.keys = check.keys
        self._id_key = id_key
        self._check = check
        self._problems = problems
        self._of_artists = of_artists
        self._plain_text = plain_text
        self._id = re.compile(rb'"%b":"([^"\\]*)"' % id_key.encode())
        self._previous = ""
        self._number = 0
        # Whole lines that were read, and how far into them has been passed.
        self._text = b""
        self._at = 0
        self._chunks = chunks(path, _BLOCK) if self.present else iter(())

    def blocks(self) -> Iterator[Block]:
        """All rows from here on."""
        while self._ahead():
            text = self._text[self._at :]
            data = self._sound(text)
            if data is None:
                yield Block(self._one_by_one(len(self._text)), sound=False)
                continue
            ids = [row[self._id_key] for row in data]
            numbers = range(self._number + 1, self._number + 1 + len(data))
            self._pass(len(data), len(text), ids[-1])
            rows = zip(numbers, ids, data, repeat(True))
            yield Block(list(map(Row._make, rows)), sound=True)

    def next(self) -> Row | None:
        """The next row that can be read; None at the end."""
        while self._ahead():
            if rows := self._one_by_one(self._at + 1):
                return rows[0]
        return None

    def take(self, ids: Sequence[str], text: bytes) -> bool:
        """Pass over the next lines if they are exactly these, of these ids, which are rising.

        The lines are known to be sound, and so is then what stands here.
        """
        if not ids:
            return True
        if ids[0] <= self._previous or not self._ahead(len(text)):
            return False
        if not self._text.startswith(text, self._at):
            return False
        self._pass(len(ids), len(text), ids[-1])
        return True

    def fault(self, row_id: str | None, line: int | None, rule: str, message: str) -> None:
        """Note a fault of the row of an id; None where it has none."""
        name: dict[str, Any] = {"artist" if self._of_artists else "track": row_id}
        self._problems.add(self.file, line, rule, message, **name)

    def _ahead(self, least: int = 1) -> bool:
        """Whether there are so many bytes to come; of whole lines, read as far as they reach."""
        while len(self._text) - self._at < least:
            rest = self._text[self._at :]
            # What follows a line that was cut off is no part of it.
            more = next(self._chunks, None) if not rest or rest.endswith(b"\n") else None
            if more is None:
                return False
            self._text, self._at = rest + more, 0
        return True

    def _pass(self, rows: int, size: int, last_id: str) -> None:
        self._at += size
        self._number += rows
        self.count += rows
        self._previous = last_id

    def _sound(self, text: bytes) -> list[dict[str, Any]] | None:
        """The rows of lines that are all sound; None where they must be asked one by one."""
        if self._plain_text and may_hold_control(text):
            return None
        try:
            data = orjson.loads(b"[%b]" % text.removesuffix(b"\n").replace(b"\n", b","))
            # Lines that orjson writes back byte for byte hold one row each and no key twice.
            if lines_of(data) != text:
                return None
        except (orjson.JSONDecodeError, TypeError):  # no JSON, or nested deeper than it writes
            return None
        # Also that the keys are in their order.
        if not self._check.accepts_all(data):
            return None
        ids = [self._previous, *(row[self._id_key] for row in data)]
        return data if all(map(lt, ids, ids[1:])) else None

    def _one_by_one(self, until: int) -> list[Row]:
        """The rows of the lines that begin before a place; what is wrong with each is noted."""
        rows = []
        while self._at < until:
            end = self._text.find(b"\n", self._at) + 1 or len(self._text)
            line = self._text[self._at : end]
            self._at = end
            self._number += 1
            row = self._read(line)
            if row is None:
                continue
            if row.id <= self._previous:
                self.intact = False
                rule = "duplicate" if row.id == self._previous else "order"
                message = f"{self._id_key} {row.id} after {self._previous}"
                self.fault(row.id, row.line, rule, message)
            self._previous = row.id
            rows.append(row)
        return rows

    def _read(self, line: bytes) -> Row | None:
        """The row of a line; None, and the file not intact, where there is none."""
        number = self._number
        if number == 1 and line.startswith(BOM):
            self._add(1, "bom", "the file begins with a byte order mark")
            line = line.removeprefix(BOM)
        if not line.endswith(b"\n"):
            if len(line) >= LONGEST_LINE:
                self.intact = False
                self.fault(self._id_in(line), number, "json", "the line is longer than 16 MiB")
                return None
            self._add(number, "line-end", "the last line does not end with a line feed")
        if b"\r" in line:
            self._add(number, "line-end", "a carriage return; lines end with \\n alone")
        text = line.strip(b" \t\r\n")
        if not text:
            self._add(number, "blank-line", "an empty line")
            return None
        self.count += 1
        row = self._row(number, text)
        self.intact = self.intact and row is not None
        return row

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

    def _id_in(self, text: bytes) -> str | None:
        """The id of a line that cannot be parsed, where it can be seen."""
        found = self._id.search(text, 0, _HEAD)
        return found[1].decode("utf-8", "backslashreplace") if found else None

    def _add(self, line: int, rule: str, message: str) -> None:
        self._problems.add(self.file, line, rule, message)


def lines_of(rows: Iterable[Any]) -> bytes:
    """The lines of rows as this project writes them."""
    return b"".join(map(orjson.dumps, rows, repeat(None), repeat(orjson.OPT_APPEND_NEWLINE)))


def chunks(path: Path, size: int) -> Iterator[bytes]:
    """The lines of a file, about `size` bytes at a time.

    A line that is too long is cut off, without its end, and comes alone.
    """
    with path.open("rb") as stream:
        begun = b""
        while data := stream.read(size):
            first = data.find(b"\n") + 1
            if not first:
                begun = (begun + data)[:LONGEST_LINE]
                continue
            if len(begun) + first > LONGEST_LINE:
                yield (begun + data[: first - 1])[:LONGEST_LINE]
                begun, data = b"", data[first:]
            last = data.rfind(b"\n") + 1
            if last:
                yield begun + data[:last]
                begun = b""
            begun += data[last:]
        if begun:
            yield begun


# Control characters, and what some readers take for the end of a line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Looked for only where their first byte is, which a search for it alone finds ten times as fast.
_ESCAPED = re.compile(rb"\\[bfnrtu]")
_C1 = re.compile(rb"\xc2[\x80-\x9f]")
_SEPARATOR = re.compile(rb"\xe2\x80[\xa8\xa9]")


def may_hold_control(text: bytes) -> bool:
    """Whether lines of JSON may hold a control character; quick, and never wrong about "no".

    What ends a line is none.
    """
    return (
        (b"\\" in text and _ESCAPED.search(text) is not None)
        or b"\x7f" in text
        or (not text.isascii() and (b"\xc2" in text and _C1.search(text) is not None))
        or (b"\xe2" in text and _SEPARATOR.search(text) is not None)
    )


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
