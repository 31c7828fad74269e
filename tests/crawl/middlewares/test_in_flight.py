"""A page is sent once a run, whoever hands its request in again."""

from __future__ import annotations

import asyncio

import pytest
from scrapy import Request
from scrapy.exceptions import IgnoreRequest

from runclub_spider.crawl.middlewares.in_flight import InFlightFilter
from runclub_spider.crawl.run import Run
from runclub_spider.spiders.search import SpotifySearchSpider
from tests.conftest import MakeCrawler


def passes(middleware: InFlightFilter, key: str | None, **meta: object) -> bool:
    """Whether a request for a page is let through."""
    keyed = {} if key is None else {"deltafetch_key": key}
    request = Request("http://127.0.0.1/search", meta={**keyed, **meta})
    try:
        asyncio.run(middleware.process_request(request))
    except IgnoreRequest:
        return False
    return True


@pytest.fixture
def crawl(make_crawler: MakeCrawler) -> tuple[InFlightFilter, Run]:
    crawler = make_crawler(SpotifySearchSpider)
    return InFlightFilter.from_crawler(crawler), Run.of(crawler)


def test_the_first_copy_of_a_page_goes(crawl: tuple[InFlightFilter, Run]) -> None:
    middleware, _ = crawl
    # It is the page that counts, not the address.
    assert [passes(middleware, key) for key in ("a", "b", "a")] == [True, True, False]


def test_a_stored_page_does_not_go(crawl: tuple[InFlightFilter, Run]) -> None:
    middleware, run = crawl
    run.queue.stored.add(b"a")
    assert not passes(middleware, "a")


def test_no_copy_is_what_goes_again_with_a_fresh_token(crawl: tuple[InFlightFilter, Run]) -> None:
    middleware, _ = crawl
    assert passes(middleware, "a")
    assert passes(middleware, "a", token_renewed=True)


def test_what_is_no_page_always_goes(crawl: tuple[InFlightFilter, Run]) -> None:
    middleware, _ = crawl
    assert [passes(middleware, None) for _ in range(2)] == [True, True]
