"""Rows that cannot be released: how they are told from others, and what the store remembers.

SQLite is loosely typed and an older program may have let anything in, so any value may be of any
type. A row that cannot be read or written, or that `verify` names, costs itself and no more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from math import isfinite
from typing import Any, TypeGuard

from runclub_spider.catalog.normalize import clean_text
from runclub_spider.text import printable

#: Rows that a manifest lists; it counts them all.
MOST_LISTED = 100
#: Bytes of a Spotify id. Longer ones would widen the column of all.
ID_BYTES = 22
_ISRC_BYTES = 12
_LINK_BYTES = 64
#: The largest number of the columns that hold whole ones.
LARGEST = 2**31 - 1
_MOST_WORDS = 300
_TEXT, _WHOLE = frozenset({str}), frozenset({int})
# The last four are the wide forms, which some spreadsheets read alike.
_FORMULA = re.compile(r"'*[\t\r\n]|[\s\"'`]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def words_of(error: Exception) -> str:
    """What went wrong with a row, on one line."""
    return plain(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def plain(text: str) -> str:
    """A text cut and on one line; what a terminal would obey or a file cannot hold is escaped."""
    return printable(text if len(text) <= _MOST_WORDS else f"{text[:_MOST_WORDS]}…")


def stand_in(track_id: object) -> str:
    """An id of the usual length for one that is none: never equal to a Spotify id."""
    return "?" + sha256(repr(track_id).encode("utf-8", "backslashreplace")).hexdigest()[:21]


def holds_id(track_id: object) -> bool:
    """Whether a column of ids holds an id as it is."""
    return (
        type(track_id) is str
        and 0 < len(track_id) <= ID_BYTES
        and track_id.isascii()
        and track_id.isprintable()
    )


def check_text(name: str, value: object, most: int | None = None) -> None:
    """Raise `ValueError` unless it is a text of at most `most` bytes of UTF-8."""
    if type(value) is not str:
        raise ValueError(f"{name} is {_shown(value)}, not a text")
    size = len(value) if value.isascii() else len(value.encode())
    if most is not None and size > most:
        raise ValueError(f"{name} is {_shown(value)}, longer than {most} bytes")


def check_link(name: str, value: object, *, isrc: bool = False) -> None:
    """Raise `ValueError` unless it is null, or a code or id that a column holds."""
    if value is not None:
        check_text(name, value, _ISRC_BYTES if isrc else _LINK_BYTES)


def check_whole(name: str, value: object, least: int, most: int = LARGEST) -> None:
    """Raise `ValueError` unless it is null or a whole number from `least` to `most`."""
    if value is not None and (type(value) is not int or not least <= value <= most):
        raise ValueError(f"{name} is {_shown(value)}, not a whole number of {least} to {most}")


def check_ids(values: Sequence[object]) -> None:
    """Raise `ValueError` unless a column holds each of many ids as it is."""
    if _texts(values) and (all_of_them := "".join(values)).isascii() and all_of_them.isprintable():
        sizes = [*map(len, values)]
        if min(sizes) > 0 and max(sizes) <= ID_BYTES:
            return
    if not all(map(holds_id, values)):
        raise ValueError("track_id is none of Spotify's")


def check_texts(name: str, values: Sequence[object]) -> None:
    """As :func:`check_text`, of many values: of all at once, and one by one where any is odd."""
    if not _texts(values) or not "".join(values).isascii():
        for value in values:
            check_text(name, value)


def check_links(name: str, values: Sequence[object], *, isrc: bool = False) -> None:
    """As :func:`check_link`, of many values."""
    some = [value for value in values if value is not None]
    most = _ISRC_BYTES if isrc else _LINK_BYTES
    if not _texts(some) or max(map(len, some), default=0) > most or not "".join(some).isascii():
        for value in some:
            check_link(name, value, isrc=isrc)


def check_wholes(name: str, values: Sequence[object], least: int, most: int = LARGEST) -> None:
    """As :func:`check_whole`, of many values."""
    some = [value for value in values if value is not None]
    if some and not (_wholes(some) and least <= min(some) and max(some) <= most):
        for value in some:
            check_whole(name, value, least, most)


def _wholes(values: Sequence[object]) -> TypeGuard[Sequence[int]]:
    return _WHOLE.issuperset(map(type, values))


def _texts(values: Sequence[object]) -> TypeGuard[Sequence[str]]:
    return _TEXT.issuperset(map(type, values))


def check_numbers(name: str, values: Iterable[Any]) -> None:
    """Raise `ValueError` unless each is null or a finite number; JSON would turn others to null."""
    for value in values:
        if value is not None and not (type(value) in (int, float) and isfinite(value)):
            raise ValueError(f"{name} is {_shown(value)}, not a number")


def texts_of(name: str, values: Any) -> tuple[str, ...]:
    """A list of texts; raises `ValueError` for anything else."""
    if type(values) is not list or not all(type(value) is str for value in values):
        raise ValueError(f"{name} is {_shown(values)}, not a list of texts")
    return tuple(values)


def tidy(value: object) -> str | None:
    """A name that many rows share, cleaned; None for what is no text, or nothing when cleaned.

    A playlist's name or a search's words are an ornament of hundreds of tracks: it loses what no
    file may hold, and the tracks stay.
    """
    if type(value) is not str:
        return None
    return value if value.isprintable() else clean_text(value) or None


def unformula(cell: str | None) -> str | None:
    """A cell of a CSV file that no spreadsheet takes for a formula.

    One that it would run, also behind the blanks and quotes that some strip, begins with an
    apostrophe, and so does one that an apostrophe already keeps from running: take one away from
    such a cell to have the text back.
    """
    if cell is None or cell[:1].isalnum() or not _FORMULA.match(cell):
        return cell
    return f"'{cell}"


def as_json(found: Mapping[str, str]) -> dict[str, Any]:
    """The manifest's account of rows that were left out, by id."""
    listed = [{"trackId": one, "problem": found[one]} for one in sorted(found)[:MOST_LISTED]]
    return {"tracks": len(found), "listed": listed}


def to_remember(found: Mapping[str, str]) -> str:
    """All of them in the form that `remembered` reads."""
    rows = [{"trackId": one, "problem": found[one]} for one in sorted(found)]
    return json.dumps(rows, ensure_ascii=False)


def remembered(text: str | None) -> dict[str, str]:
    """What the last publish left out, and why."""
    rows: Sequence[Mapping[str, str]] = json.loads(text) if text else ()
    return {row["trackId"]: row["problem"] for row in rows}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
