"""Damages JSON: any field of a record removed, nulled, retyped, huge, deep, long, or no text."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

Data = dict[str, Any]
Path = tuple[str | int, ...]

DEEP = object()


#: What may stand in the place of any value.
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 0.5, -0.5, 12, 101, 2**31, 2**63, 2**70, -(2**63), 10**400),
    *(float("nan"), float("inf"), float("-inf"), 1e300, 1e-300, 120.0, 41.5),
    *("", " ", "120.5", "inf", "nan", "0", "2999-01-01", "0000", "1977-13-77", "x" * 3_000),
    *("a\0b", "\ud800", "x\udcffy", "\x1b]0;t\x07", "\u202eltr", "a\u2028b\x85c", "\u200d"),
    *("javascript:alert(1)", "https://x/\n", "../me/player?x=", "a" * 22, "é" * 22, "=1+1"),
    *("a" + "\u0301\u0323" * 2_000, "(a) a" + "-" * 5_000 + "x", "\ufffe", "\ue000"),
    *([], {}, [None], [[]], [{}], {"": None}, {"id": None}, ["US", None, 7, "us"], DEEP),
    *([{"url": None}], [{"id": "a" * 22, "name": None}] * 3, [7] * 300),
]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all values below one."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


def fresh(value: Any) -> Any:
    """A value that nobody else holds."""
    if value is not DEEP:
        return copy.deepcopy(value)
    deep: Any = None
    for _ in range(300):
        deep = [deep]
    return deep


def spoilt(rng: random.Random, record: Any, most: int = 3) -> Any:
    """A copy of a record with up to `most` values changed or gone."""
    paths = list(places(record))
    record = copy.deepcopy(record)
    for path in rng.sample(paths, min(len(paths), rng.randint(1, most))):
        value, gone = rng.choice([None, *VALUES]), rng.random() < 0.3
        try:
            holder = record
            for key in path[:-1]:
                holder = holder[key]
            if gone:
                del holder[path[-1]]
            else:
                holder[path[-1]] = fresh(value)
        except (KeyError, IndexError, TypeError):
            # What held it went before.
            continue
    return record


def encoded(page: Any) -> bytes:
    """As a careless server writes it: with NaN, lone surrogates, and numbers of any length."""
    return json.dumps(page).encode()
