"""Damage to JSON: where it may be, what it may be, and how to write what `json` would not."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

#: Stands for a key that is not there.
MISSING = object()
# Text that is no JSON value of its own; put into the written text in place of a marker.
_RAW = {
    "@1e999@": "1e999",
    "@-1e999@": "-1e999",
    "@deep@": "[" * 2_000 + "]" * 2_000,
    "@deep object@": '{"a":' * 2_000 + "1" + "}" * 2_000,
}
_MARK = re.compile("|".join(f'"{re.escape(mark)}"' for mark in _RAW))

#: Values by name; each takes the place of the value at a path.
VALUES: Mapping[str, Any] = {
    "missing": MISSING,
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "minus one": -1,
    "fraction": 1.5,
    "minus fraction": -0.25,
    "beyond 31 bits": 2**31,
    "beyond 63 bits": 2**63,
    "beyond 70 bits": 2**70,
    "minus beyond 63 bits": -(2**63) - 1,
    "NaN": float("nan"),
    "infinite": "@1e999@",
    "minus infinite": "@-1e999@",
    "empty text": "",
    "blank": " \t ",
    "word": "word",
    "number as text": "120",
    "infinite as text": "inf",
    "NaN as text": "nan",
    "long text": "long " * 4_000,
    "marks": "e" + "\u0301" * 5_000,
    "dashes": "(a) a" + "-" * 5_000 + "x",
    "controls": "a\x00b\x07c\x1bd\x7fe\x9bf",
    "escapes": "\x1b]0;title\x07\x1b[2J",
    "lines": "a\u2028b\u2029c\x85d\r\ne",
    "bidi": "\u202eabc\u2066\u200f\ufeff",
    "surrogate": "a\ud800b",
    "formula": "=cmd|' /C calc'!A0",
    "script": "javascript:alert(1)",
    "path": "../me/player?x=#f",
    "future": "2999-01-01",
    "no day": "2001-02-30",
    "empty list": [],
    "nulls": [None, None],
    "mixed list": [1, "a", None, {}, []],
    "empty object": {},
    "object": {"a": {"b": [1]}},
    "deep list": "@deep@",
    "deep object": "@deep object@",
}


@dataclass(frozen=True, slots=True)
class Damage:
    """One value put in one place."""

    path: Path
    name: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path)) or 'the row'}: {self.name}"

    def to(self, row: Any) -> Any:
        """A damaged copy."""
        value = VALUES[self.name]
        if not self.path:
            return None if value is MISSING else copy.deepcopy(value)
        damaged = copy.deepcopy(row)
        holder = damaged
        for key in self.path[:-1]:
            holder = holder[key]
        if value is MISSING:
            del holder[self.path[-1]]
        else:
            holder[self.path[-1]] = copy.deepcopy(value)
        return damaged


def paths(row: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a JSON value, the whole first; of a list its first entry."""
    yield path
    if isinstance(row, dict):
        for key, value in row.items():
            yield from paths(value, (*path, key))
    elif isinstance(row, list) and row:
        yield from paths(row[0], (*path, 0))


def damages(row: Any) -> list[Damage]:
    """Every value in every place."""
    return [Damage(path, name) for path in paths(row) for name in VALUES]


def written(content: Any) -> bytes:
    """JSON text with NaN, endless numbers, lone surrogates and depths that no writer makes."""
    return _MARK.sub(lambda found: _RAW[found[0][1:-1]], json.dumps(content)).encode()
