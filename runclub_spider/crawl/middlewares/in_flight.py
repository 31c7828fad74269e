"""A page is sent once a run, and not at all when it is stored.

Matters with JOBDIR: its queue brings back requests that `start()` yields as well, and after a
kill it may bring back pages that are done. Requests of a queue pass no duplicate filter, so this is
the only one; JOBDIR's own cannot be believed after a kill, for it names requests that were lost
with the queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from runclub_spider.crawl.run import Run

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler


class AlreadyAsked(IgnoreRequest):
    """The other copy of this request settles the page."""


class InFlightFilter:
    """Drops requests whose `deltafetch_key` is done, or on its way already."""

    def __init__(self, crawler: Crawler) -> None:
        self._queue = Run.of(crawler).queue

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> InFlightFilter:
        """Scrapy's constructor."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Let the first copy of a page through; a replay with a fresh token is no copy."""
        key = request.meta.get("deltafetch_key")
        if key is None or request.meta.get("token_renewed"):
            return
        if key in self._queue.sent or key.encode() in self._queue.stored:
            raise AlreadyAsked(key)
        self._queue.sent.add(key)
