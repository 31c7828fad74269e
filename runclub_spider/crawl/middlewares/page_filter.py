"""Scrapy's duplicate filter, on page keys and in memory.

JOBDIR's own file of fingerprints cannot be believed after a kill: it names requests that were
lost with the queue. What is done stands in the store; this filter only keeps a page from being
sent twice at once.
"""

from __future__ import annotations

from scrapy import Request
from scrapy.dupefilters import BaseDupeFilter


class PageFilter(BaseDupeFilter):
    """Drops a second request for a page of this process; requests without a key pass."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def request_seen(self, request: Request) -> bool:
        """Whether the page was already handed in."""
        key = request.meta.get("deltafetch_key")
        if key is None:
            return False
        if key in self._seen:
            # The first copy settles the page.
            request.meta["repeated"] = True
            return True
        self._seen.add(key)
        return False
