"""Refused searches, until it is known whether the refusal is theirs or the whole run's."""

from __future__ import annotations

from collections import defaultdict

from runclub_spider.items import DiscoveredPage
from runclub_spider.store.queue.pages import PageKind

#: Seeds whose searches are refused alike, and not one answered, before the run is held to be.
ALIKE = 5
SEARCHES = frozenset({PageKind.TRACK_SEARCH, PageKind.PLAYLIST_SEARCH})


class Refusals:
    """Keeps refused searches back, unmarked, until the first search of the run is answered.

    A key, an address or a parameter that is wrong has each search refused the same way; to mark
    these pages as done would retire their seeds for nothing.
    """

    def __init__(self) -> None:
        self.settled = False
        self._held: list[DiscoveredPage] = []
        self._seeds: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, item: DiscoveredPage, refusal: str) -> int:
        """One more; returns how many seeds were refused like it."""
        if item.refused is not None:
            self._held.append(item)
        self._seeds[refusal].add(item.task.source_key)
        return len(self._seeds[refusal])

    def release(self) -> list[DiscoveredPage]:
        """The refusals were the pages' own: those kept back, in order, and from now on none."""
        self.settled = True
        held, self._held = self._held, []
        return held
