"""Seed families: those that no file of seeds holds, and what each family asks of its finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runclub_spider.catalog.plays import KEXP


@dataclass(frozen=True, slots=True)
class Family:
    """A family whose seeds do not come from a family file.

    Attributes:
        name: as the ledger and `discovery.csv` have it.
        source: where its seeds come from.
        station: whether they look for single songs of the radio station of that name.
    """

    name: str
    source: str
    station: bool = False


#: The user's own terms.
CUSTOM = Family("custom", "search_terms.txt, playlist_terms.txt and -a seeds=FILE")
#: What a search that overflows is split into, and searches for artists of thin cells.
SPLIT = Family("split", "the frontier")
ARTIST = Family("artist", "the frontier")
#: Searches for the first editions of songs of which a late one is stored.
ORIGINAL = Family("original", "open metadata")

BUILT_IN: Mapping[str, Family] = {
    family.name: family
    for family in (
        CUSTOM,
        SPLIT,
        ARTIST,
        ORIGINAL,
        Family(KEXP, "songs of the station", station=True),
    )
}


def station_of(family: str | None) -> str | None:
    """Return the radio station of whose songs a family's searches each look for one, or None."""
    found = BUILT_IN.get(family or "")
    return found.name if found is not None and found.station else None
