"""Field filters of a search: how their values may be quoted, and which forms give rows."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: How the value of a filter for a text may stand: in double or single quotes, or as it is.
FILTER_FORMS = ("double", "single", "bare")
#: A filter's name and its value as it stands.
FILTER = re.compile(
    r"\b(artist|album|track|genre|year|isrc|upc|tag):\s*(\"[^\"]*\"?|'[^']*'|\S+)", re.IGNORECASE
)
_OF_TEXT = frozenset({"artist", "album", "track", "genre"})
_TYPOGRAPHIC = frozenset("\u2018\u2019\u02bc")


def unquoted(value: str) -> str:
    """A filter's value without the quotes around it."""
    if value[0] == value[-1] == "'" and len(value) > 1:
        return value[1:-1]
    return value.strip('"')


def understood(text: str, forms: Iterable[str], *, plain_apostrophes: bool) -> bool:
    """Whether all filters for a text stand in one of the forms that give rows.

    Args:
        text: the ``q`` parameter.
        forms: of :data:`FILTER_FORMS`.
        plain_apostrophes: a typographic apostrophe in a filter gives no rows.
    """
    for match in FILTER.finditer(text):
        if match.group(1).lower() not in _OF_TEXT:
            continue
        value = match.group(2)
        form = "double" if value[0] == '"' else "single" if unquoted(value) != value else "bare"
        if form not in forms or (plain_apostrophes and not _TYPOGRAPHIC.isdisjoint(value)):
            return False
    return True
