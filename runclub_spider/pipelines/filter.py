"""Filter: the verdict of the rules on each track."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runclub_spider.catalog.playability import playability
from runclub_spider.catalog.rules import failing_rules
from runclub_spider.items import DiscoveredPage, JudgedTrack
from runclub_spider.runtime import Runtime

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class FilterPipeline:
    """Judges; drops nothing from the store: a rejected track is stored with its reasons."""

    def __init__(self, crawler: Crawler) -> None:
        self._runtime = Runtime.of(crawler)
        self._stats = crawler.stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> FilterPipeline:
        """Scrapy's constructor."""
        return cls(crawler)

    def process_item(self, item: DiscoveredPage) -> DiscoveredPage:
        """Fill `judged` from the rows that hold a track."""
        policy = self._runtime.policy
        for row in item.rows:
            for category in row.categories:
                self._stats.inc_value(f"runclub/rows/{category}")
            track = row.track
            if track is None:
                continue
            playable = playability(track.is_playable, track.available_markets, policy.market)
            rules = failing_rules(
                name=track.name,
                artists=len(track.artists),
                duration_ms=track.duration_ms,
                playable=playable,
                policy=policy,
            )
            basis = "is_playable" if track.is_playable is not None else "available_markets"
            item.judged.append(JudgedTrack(track, row.position, playable, basis, rules))
            if rules:
                self._stats.inc_value(f"runclub/rejected/{rules[0]}")
        return item
