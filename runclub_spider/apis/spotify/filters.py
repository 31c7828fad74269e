"""How a term's field filters are written when it is sent. Pure.

Seeds are stored with values in double quotes (`genre:"hip hop" year:1980-1989`). Which form of
quoting gives rows differs between keys, and over time.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


class Form(StrEnum):
    """What stands around the value of a field filter; the ones before are preferred."""

    DOUBLE = "double"
    SINGLE = "single"
    BARE = "bare"


_FILTER = re.compile(r'\b(album|artist|genre|track):\s*"([^"]*)"', re.IGNORECASE)
# Signs that stand for the apostrophe; in a filter Spotify finds the plain one alone.
_TYPOGRAPHIC = str.maketrans(dict.fromkeys("\u2018\u2019\u201b\u02bc\u02b9\u2032\u00b4`", "'"))


@lru_cache(maxsize=4096)
def has_quotes(term: str) -> bool:
    """Whether the term has a filter whose value is quoted, so that its form matters."""
    return _FILTER.search(term) is not None


def has_apostrophe(term: str) -> bool:
    """Whether a quoted value has an apostrophe, which not every form writes, or finds, alike."""
    return any("'" in value.translate(_TYPOGRAPHIC) for _, value in _FILTER.findall(term))


def is_plain(term: str) -> bool:
    """Whether every quoted value is one word: without quotes the term asks the same."""
    words = all(len(value.split()) == 1 for _, value in _FILTER.findall(term))
    return words and not has_apostrophe(term)


def written(term: str, form: Form) -> str:
    """The term with the quoted values of its filters in a form, their apostrophes plain.

    In single quotes apostrophes are left out. Without quotes a value ends where the next filter
    begins, so other words come first.

    Examples: `running genre:'hip hop'`, `running genre:hip hop year:1980-1989`.
    """
    if not has_quotes(term):
        return term
    if form is not Form.BARE:
        return _FILTER.sub(lambda match: f"{match[1]}:{_quoted(match[2], form)}", term)
    filters = [f"{name}:{_bare(value)}" for name, value in _FILTER.findall(term)]
    words = _FILTER.sub(" ", term).split()
    # A filter of one word, such as `year:`, ends the value before it.
    others = [word for word in words if ":" in word]
    free = [word for word in words if ":" not in word]
    return " ".join([*free, *filters, *others])


def _quoted(value: str, form: Form) -> str:
    plain = value.translate(_TYPOGRAPHIC)
    return f'"{plain}"' if form is Form.DOUBLE else f"'{plain.replace(chr(39), '')}'"


def _bare(value: str) -> str:
    # An apostrophe at the end of a word would be a quote.
    words = (word.strip("'") for word in value.translate(_TYPOGRAPHIC).replace(":", " ").split())
    return " ".join(filter(None, words))
