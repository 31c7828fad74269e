"""The token middleware: one renewal for all, and a credential for nobody else."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http import TextResponse

from runclub_spider.apis.spotify.tokens import AccessToken
from runclub_spider.errors import ConfigurationError, RunPaused
from runclub_spider.middlewares.token import SpotifyTokenMiddleware
from runclub_spider.runtime import Runtime
from runclub_spider.spiders.spotify_search import SpotifySearchSpider
from tests.conftest import MakeCrawler

BASE = "https://api.spotify.com/v1"


class Tokens:
    """Gives `t1`, `t2` …, slowly; or fails."""

    def __init__(self, lifetime: float = 3600, error: Exception | None = None) -> None:
        self.lifetime, self.error, self.given = lifetime, error, 0

    def fetch(self) -> AccessToken:
        self.given += 1
        time.sleep(0.02)
        if self.error is not None:
            raise self.error
        return AccessToken(f"t{self.given}", time.time() + self.lifetime)


def made(make_crawler: MakeCrawler, tokens: Tokens) -> tuple[SpotifyTokenMiddleware, Runtime]:
    crawler = make_crawler(SpotifySearchSpider)
    runtime = Runtime.of(crawler)
    runtime.tokens = tokens  # type: ignore[assignment]
    return SpotifyTokenMiddleware.from_crawler(crawler), runtime


def request(url: str = f"{BASE}/search", api: str = "spotify", **meta: Any) -> Request:
    return Request(url, meta={"api": api, **meta})


def test_one_renewal_however_many_wait(make_crawler: MakeCrawler) -> None:
    tokens = Tokens()
    middleware, _ = made(make_crawler, tokens)
    asked = [request() for _ in range(8)]

    async def all_at_once() -> None:
        await asyncio.gather(*(middleware.process_request(one) for one in asked))

    asyncio.run(all_at_once())
    assert tokens.given == 1
    assert {one.headers["Authorization"] for one in asked} == {b"Bearer t1"}


def test_a_token_near_its_end_is_renewed_before_it_is_used(make_crawler: MakeCrawler) -> None:
    tokens = Tokens(lifetime=-1)
    middleware, _ = made(make_crawler, tokens)
    one, two = request(), request()
    asyncio.run(middleware.process_request(one))
    asyncio.run(middleware.process_request(two))
    assert (one.headers["Authorization"], two.headers["Authorization"]) == (
        b"Bearer t1",
        b"Bearer t2",
    )


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://api.reccobeats.com/v1/audio-features", "reccobeats"),
        ("https://api.spotify.com.example.com/v1/search", "spotify"),
        ("https://api.spotify.com/v10/search", "spotify"),
        ("http://api.spotify.com/v1/search", "spotify"),
        (f"{BASE}/search", "reccobeats"),
    ],
)
def test_no_other_address_gets_a_token(url: str, api: str, make_crawler: MakeCrawler) -> None:
    tokens = Tokens()
    middleware, _ = made(make_crawler, tokens)
    asked = request(url, api)
    asyncio.run(middleware.process_request(asked))
    assert "Authorization" not in asked.headers
    assert tokens.given == 0


def test_a_401_is_answered_once_with_a_fresh_token(make_crawler: MakeCrawler) -> None:
    tokens = Tokens()
    middleware, runtime = made(make_crawler, tokens)
    asked = request()

    async def refused_twice() -> None:
        await middleware.process_request(asked)
        again = await middleware.process_response(asked, TextResponse(asked.url, status=401))
        assert isinstance(again, Request)
        await middleware.process_request(again)
        assert again.headers["Authorization"] == b"Bearer t2"
        with pytest.raises(IgnoreRequest):
            await middleware.process_response(again, TextResponse(asked.url, status=401))

    asyncio.run(refused_twice())
    assert runtime.outcome.code == 1
    assert "401" in runtime.outcome.reasons[0]


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigurationError("wrong secret"), 2), (RunPaused("no network"), 75)]
)
def test_without_a_token_the_run_says_why(
    error: Exception, code: int, make_crawler: MakeCrawler
) -> None:
    tokens = Tokens(error=error)
    middleware, runtime = made(make_crawler, tokens)

    async def several() -> list[Any]:
        asked = (middleware.process_request(request()) for _ in range(4))
        return await asyncio.gather(*asked, return_exceptions=True)

    assert all(isinstance(one, IgnoreRequest) for one in asyncio.run(several()))
    # The others do not try their luck with the same wrong key.
    assert tokens.given == 1
    assert (runtime.outcome.code, runtime.outcome.reasons) == (code, [str(error)])
