"""The page's transaction: where each kind of row stands in the accounting."""

from __future__ import annotations

import asyncio

from runclub_spider.catalog.models import Row, RowKind
from runclub_spider.crawl.pipelines.store import StorePipeline
from runclub_spider.crawl.run import Runtime
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.search import SpotifySearchSpider
from runclub_spider.store.queue import pages
from runclub_spider.store.queue.pages import PageKind, PageTask
from tests.conftest import MakeCrawler


def test_an_unknown_row_counts_with_the_null_ones(make_crawler: MakeCrawler) -> None:
    crawler = make_crawler(SpotifySearchSpider)
    store = Runtime.of(crawler).store
    task = PageTask("spotify_search", PageKind.TRACK_SEARCH, "rock", "US", 0, 50, "g0")
    kinds = [RowKind.UNKNOWN, RowKind.NULL, RowKind.EPISODE, RowKind.LOCAL, RowKind.UNKNOWN]
    item = DiscoveredPage(task, rows=[Row(place, kind) for place, kind in enumerate(kinds)])

    async def stored() -> pages.PageCounts:
        await store.run(lambda c: pages.plan(c, [task]))
        await StorePipeline.from_crawler(crawler).process_item(item)
        return await store.run(lambda c: pages.row_totals(c, PageKind))

    counts = asyncio.run(stored())
    assert (counts.null_rows, counts.episode_rows, counts.local_rows) == (3, 1, 1)
    assert counts.rows == len(kinds)
