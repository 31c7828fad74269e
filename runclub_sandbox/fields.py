"""The ``fields`` mask of the playlist endpoints: dots, parentheses and ``!``.

``items(added_at,track(!album))`` keeps of every item its ``added_at`` and its ``track`` without
``album``. A name that does not exist is silently nothing, which is why a mask written for
``track`` gives empty rows where the key is ``item`` (reference 1.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(r"\s*([(),.!]|[^(),.!\s]+)")


class MaskError(ValueError):
    """A mask that cannot be read."""


@dataclass(slots=True)
class Mask:
    """Names to keep (each with its own mask, None for whole) and names to leave out."""

    keep: dict[str, Mask | None] = field(default_factory=dict)
    drop: dict[str, Mask | None] = field(default_factory=dict)

    def apply(self, value: Any) -> Any:
        """The value with only what the mask lets through; lists are masked row by row."""
        if isinstance(value, list):
            return [self.apply(row) for row in value]
        if not isinstance(value, dict):
            return value
        names = self.keep if self.keep else dict.fromkeys(value)
        result: dict[str, Any] = {}
        for name, inner in names.items():
            if name not in value or (name in self.drop and self.drop[name] is None):
                continue
            result[name] = inner.apply(value[name]) if inner else value[name]
        for name, inner in self.drop.items():
            if inner is not None and name in result:
                result[name] = inner.apply(result[name])
        return result


@lru_cache(maxsize=512)
def parse_mask(text: str) -> Mask:
    """Reads a mask.

    Raises:
        MaskError: unbalanced parentheses or a missing name.
    """
    tokens = _TOKEN.findall(text)
    mask, rest = _parse_list(tokens, 0)
    if rest != len(tokens):
        raise MaskError("unexpected ')'")
    return mask


def _parse_list(tokens: list[str], at: int) -> tuple[Mask, int]:
    mask = Mask()
    while True:
        at = _parse_one(tokens, at, mask)
        if at < len(tokens) and tokens[at] == ",":
            at += 1
            continue
        return mask, at


def _parse_one(tokens: list[str], at: int, into: Mask) -> int:
    excluded = at < len(tokens) and tokens[at] == "!"
    at += excluded
    if at >= len(tokens) or tokens[at] in "(),.!":
        raise MaskError("a name is missing")
    name, at = tokens[at], at + 1
    inner: Mask | None = None
    if at < len(tokens) and tokens[at] == ".":
        inner = Mask()
        # "!a.b" leaves b out of a, so the exclusion travels down to the last name
        if excluded:
            tokens = [*tokens[: at + 1], "!", *tokens[at + 1 :]]
            at = _parse_one(tokens, at + 1, inner) - 1
        else:
            at = _parse_one(tokens, at + 1, inner)
    elif at < len(tokens) and tokens[at] == "(":
        inner, at = _parse_list(tokens, at + 1)
        if at >= len(tokens) or tokens[at] != ")":
            raise MaskError("a ')' is missing")
        at += 1
        if excluded:
            inner = Mask(drop=inner.keep)
    _merge(into.drop if excluded else into.keep, name, inner)
    return at


def _merge(into: dict[str, Mask | None], name: str, mask: Mask | None) -> None:
    known = into.get(name)
    if name in into and known is not None and mask is not None:
        known.keep.update(mask.keep)
        known.drop.update(mask.drop)
    elif name not in into or mask is None:
        into[name] = mask
