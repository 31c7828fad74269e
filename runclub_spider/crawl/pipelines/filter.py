"""Filter: may each track be played, and which of them the rules refuse."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from runclub_spider.catalog.content.judge import rejected_by_names
from runclub_spider.catalog.content.labels import mask_of
from runclub_spider.catalog.models import FoundTrack
from runclub_spider.catalog.playability import playability, says_nothing
from runclub_spider.catalog.rules import facts_of, judge
from runclub_spider.crawl.run import Run
from runclub_spider.items import DiscoveredPage
from runclub_spider.store.queue.pages import PageKind

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class FilterPipeline:
    """Counts what the rules refuse and drops nothing: the store keeps a verdict on every track."""

    def __init__(self, crawler: Crawler) -> None:
        self._run = Run.of(crawler)
        self._stats = crawler.stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> FilterPipeline:
        """Scrapy's constructor."""
        return cls(crawler)

    def process_item(self, item: DiscoveredPage) -> DiscoveredPage:
        """Fill `judged` from the rows that hold a track."""
        policy = self._run.config.policy
        served = item.task.kind is PageKind.TRACK_SEARCH and says_nothing(
            row.track for row in item.rows if row.track is not None
        )
        categories = Counter(chain.from_iterable([row.categories for row in item.rows]))
        refused: Counter[str] = Counter()
        for row in item.rows:
            track = row.track
            if track is None:
                continue
            found = playability(
                track.is_playable,
                track.available_markets,
                item.task.market,
                restriction=track.restriction,
                served_by_search=served,
            )
            artists = tuple([one.name for one in track.artists if one.name.strip()])
            facts = facts_of(
                track.name,
                artists=len(artists),
                duration_ms=track.duration_ms,
                found=found,
                content=mask_of(
                    rejected_by_names(track.name, artists, track.album.name, policy.content)
                ),
            )
            refused_by = judge(facts, policy)
            item.judged.append(
                FoundTrack(track, row.position, found.playable, found.basis, refused_by)
            )
            if refused_by:
                refused[str(refused_by[0])] += 1
        for kind, counts in (("rows", categories), ("rejected", refused)):
            for name, number in counts.items():
                self._stats.inc_value(f"runclub/{kind}/{name}", number)
        return item
