"""Dedupe: an id once a page; known tracks only gain provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runclub_spider.catalog.models import FoundTrack
from runclub_spider.items import DiscoveredPage

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class DedupePipeline:
    """Keeps the first row of each track id on a page.

    Across pages the store's keys do it: a track that is known gains the edge to this page's
    source and nothing is asked for it again.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._stats = crawler.stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> DedupePipeline:
        """Scrapy's constructor."""
        return cls(crawler)

    def process_item(self, item: DiscoveredPage) -> DiscoveredPage:
        """Drop repeats from `judged`, in row order."""
        unique: dict[str, FoundTrack] = {}
        for judged in item.judged:
            unique.setdefault(judged.track.track_id, judged)
        self._stats.inc_value("runclub/repeats_on_page", len(item.judged) - len(unique))
        item.judged = list(unique.values())
        return item
