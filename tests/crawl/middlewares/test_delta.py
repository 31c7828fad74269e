"""The delta middleware: scrapy-deltafetch's own, on the store, for start requests too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from scrapy import Request
from scrapy.exceptions import NotConfigured

from runclub_spider.crawl.middlewares.delta import StoreDeltaFetch
from runclub_spider.crawl.run import Run
from runclub_spider.spiders.search import SpotifySearchSpider
from runclub_spider.store.queue import pages
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from tests.conftest import MakeCrawler


def task(term: str) -> PageTask:
    return PageTask("spotify_search", PageKind.TRACK_SEARCH, term, "US", 0, 50, "g1")


def request(term: str, **meta: object) -> Request:
    return Request(f"http://127.0.0.1/{term}", meta={"deltafetch_key": task(term).key, **meta})


async def _each(*found: Any) -> AsyncIterator[Any]:
    for one in found:
        yield one


async def _listed(found: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in found]


def opened(make_crawler: MakeCrawler, **arguments: str) -> StoreDeltaFetch:
    """The middleware of a spider whose store holds the page of `old`."""
    crawler = make_crawler(SpotifySearchSpider)
    with Run.of(crawler).store.store.begin() as connection:
        pages.plan(connection, [task("old"), task("planned")])
        pages.mark_done(connection, task("old"), counts=PageCounts(), run_id=1, now=1)
    middleware = StoreDeltaFetch.from_crawler(crawler)
    spider = SpotifySearchSpider.from_crawler(crawler, **arguments)
    asyncio.run(middleware.run_begun(spider))
    return middleware


def test_start_requests_of_stored_pages_are_skipped(make_crawler: MakeCrawler) -> None:
    middleware = opened(make_crawler)
    found = asyncio.run(
        _listed(middleware.process_start(_each(request("old"), request("planned"))))
    )
    assert [one.url for one in found] == ["http://127.0.0.1/planned"]
    assert middleware.stats.get_value("deltafetch/skipped") == 1


def test_requests_of_callbacks_are_looked_up_and_items_pass(make_crawler: MakeCrawler) -> None:
    middleware = opened(make_crawler)
    given = ({"an": "item"}, request("old"), request("new"))
    found = asyncio.run(_listed(middleware.process_spider_output(None, _each(*given))))
    assert found == [given[0], given[2]]


def test_a_request_can_opt_out(make_crawler: MakeCrawler) -> None:
    middleware = opened(make_crawler)
    given = request("old", deltafetch_enabled=False)
    assert asyncio.run(_listed(middleware.process_start(_each(given)))) == [given]


def test_a_reset_forgets(make_crawler: MakeCrawler) -> None:
    middleware = opened(make_crawler, deltafetch_reset="1")
    assert len(asyncio.run(_listed(middleware.process_start(_each(request("old")))))) == 1


def test_it_can_be_turned_off(make_crawler: MakeCrawler) -> None:
    crawler = make_crawler(SpotifySearchSpider, DELTAFETCH_ENABLED=False)
    with pytest.raises(NotConfigured):
        StoreDeltaFetch.from_crawler(crawler)
