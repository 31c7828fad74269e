"""The token middleware: one renewal for all, and a credential for nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response, TextResponse

from runclub_spider.apis.call import CREDENTIAL
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.apis.spotify.tokens import AccessToken
from runclub_spider.crawl.middlewares.token import SpotifyTokenMiddleware
from runclub_spider.crawl.outcome import PAUSED
from runclub_spider.crawl.run import Run
from runclub_spider.errors import ConfigurationError, RunPaused
from runclub_spider.spiders.search import SpotifySearchSpider
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
        return AccessToken(f"t{self.given}", time.monotonic() + self.lifetime)


def made(
    make_crawler: MakeCrawler,
    tokens: Tokens,
    clock: Callable[[], float] = time.monotonic,
    *,
    stopping: bool = False,
    **settings: str,
) -> tuple[SpotifyTokenMiddleware, Run]:
    crawler = make_crawler(SpotifySearchSpider, **settings)
    run = Run.of(crawler)
    run.apis[Spotify].tokens = tokens  # type: ignore[assignment]
    # It was never started.
    run.stopping = lambda: stopping  # type: ignore[method-assign]
    return SpotifyTokenMiddleware(crawler, clock=clock), run


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
    assert {one.meta[CREDENTIAL] for one in asked} == {"Bearer t1"}


def test_a_token_near_its_end_is_renewed_before_it_is_used(make_crawler: MakeCrawler) -> None:
    tokens = Tokens(lifetime=-1)
    middleware, _ = made(make_crawler, tokens)
    one, two = request(), request()
    asyncio.run(middleware.process_request(one))
    asyncio.run(middleware.process_request(two))
    assert (one.meta[CREDENTIAL], two.meta[CREDENTIAL]) == ("Bearer t1", "Bearer t2")


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://api.reccobeats.com/v1/audio-features", "reccobeats"),
        ("https://api.spotify.com.example.com/v1/search", "spotify"),
        ("https://api.spotify.com/v10/search", "spotify"),
        ("http://api.spotify.com/v1/search", "spotify"),
        (f"{BASE}/search", "reccobeats"),
        # Asked by a person, as with `scrapy fetch`.
        ("https://api.spotify.com.example.com/v1/search", None),
        ("https://api.spotify.com/v10/search", None),
        ("http://api.spotify.com/v1/search", None),
    ],
)
def test_no_other_address_gets_a_token(
    url: str, api: str | None, make_crawler: MakeCrawler
) -> None:
    tokens = Tokens()
    middleware, _ = made(make_crawler, tokens)
    asked = request(url, api) if api else Request(url)
    asyncio.run(middleware.process_request(asked))
    assert CREDENTIAL not in asked.meta
    assert asked.meta.get("api") == api
    assert tokens.given == 0


KEY = {"SPOTIFY_CLIENT_ID": "id", "SPOTIFY_CLIENT_SECRET": "secret"}


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("search?q=x", "search"),
        ("playlists/37i9dQZF1DX/tracks", "playlist"),
        ("artists/4Z8W4fKeB5YxbusRsdQVPb", "artist"),
        ("me", "*"),
    ],
)
def test_what_a_person_asks_goes_the_way_of_all_others(
    path: str, family: str, make_crawler: MakeCrawler
) -> None:
    middleware, _ = made(make_crawler, Tokens(), **KEY)
    asked = Request(f"{BASE}/{path}", headers={"Accept": "text/html"})
    asyncio.run(middleware.process_request(asked))
    assert asked.meta[CREDENTIAL] == "Bearer t1"
    # Through the guard, and nowhere else.
    assert (asked.meta["api"], asked.meta["family"]) == ("spotify", family)
    assert asked.meta["dont_redirect"]
    assert asked.headers["Accept"] == b"application/json"


def test_without_a_key_a_person_is_told_so(
    make_crawler: MakeCrawler, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = Tokens()
    middleware, _ = made(make_crawler, tokens)
    asked = Request(f"{BASE}/search?q=x")
    with pytest.raises(IgnoreRequest) as refused:
        asyncio.run(middleware.process_request(asked))
    middleware.process_exception(asked, refused.value)
    assert "SPOTIFY_CLIENT_ID is not set" in caplog.text
    assert tokens.given == 0
    # A spider's request is told of by the run's outcome.
    caplog.clear()
    middleware.process_exception(request(), refused.value)
    assert caplog.text == ""


async def answered(
    middleware: SpotifyTokenMiddleware, status: int, asked: Request | None = None
) -> Request | Response:
    """What becomes of a request that a server answers like that."""
    asked = asked or request()
    await middleware.process_request(asked)
    return await middleware.process_response(asked, TextResponse(asked.url, status=status))


def test_a_401_is_answered_once_with_a_fresh_token(make_crawler: MakeCrawler) -> None:
    tokens = Tokens()
    middleware, run = made(make_crawler, tokens)

    async def refused_twice() -> None:
        again = await answered(middleware, 401)
        assert isinstance(again, Request)
        # Nothing that a queue on the disk could keep.
        assert CREDENTIAL not in again.meta
        await middleware.process_request(again)
        assert again.meta[CREDENTIAL] == "Bearer t2"
        refused = await middleware.process_response(again, TextResponse(again.url, status=401))
        # The spider puts the page off.
        assert isinstance(refused, Response)

    asyncio.run(refused_twice())
    assert run.outcome.code == 0


def test_tokens_are_not_renewed_for_every_page_that_is_refused(make_crawler: MakeCrawler) -> None:
    tokens, now = Tokens(), [0.0]
    middleware, _ = made(make_crawler, tokens, clock=lambda: now[0])

    async def refused(pages: int) -> None:
        for _ in range(pages):
            found = await answered(middleware, 401)
            if isinstance(found, Request):
                found = await answered(middleware, 401, found)
            assert isinstance(found, Response)
            now[0] += 1

    asyncio.run(refused(50))
    assert tokens.given == 2
    asyncio.run(refused(3600))
    assert tokens.given < 10


def test_a_page_of_its_own_refused_for_ever_renews_little(make_crawler: MakeCrawler) -> None:
    tokens, now = Tokens(), [0.0]
    middleware, _ = made(make_crawler, tokens, clock=lambda: now[0])

    async def mixed() -> None:
        for _ in range(300):
            assert isinstance(await answered(middleware, 200), Response)
            found = await answered(middleware, 401)
            if isinstance(found, Request):
                await answered(middleware, 401, found)
            now[0] += 1

    asyncio.run(mixed())
    assert tokens.given <= 6


def test_a_token_revoked_again_later_is_renewed_again(make_crawler: MakeCrawler) -> None:
    tokens, now = Tokens(), [0.0]
    middleware, _ = made(make_crawler, tokens, clock=lambda: now[0])

    async def revoked() -> None:
        for number in range(2, 9):
            again = await answered(middleware, 401)
            assert isinstance(again, Request)
            assert isinstance(await answered(middleware, 200, again), Response)
            assert tokens.given == number

    asyncio.run(revoked())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("wrong secret"), 2),
        (RunPaused("no network"), 75),
        (TypeError("s3cr3t"), 1),
        (RecursionError(), 1),
    ],
)
def test_without_a_token_the_run_says_why(
    error: Exception, code: int, make_crawler: MakeCrawler
) -> None:
    tokens = Tokens(error=error)
    middleware, run = made(make_crawler, tokens)

    async def several() -> list[Any]:
        asked = (middleware.process_request(request()) for _ in range(4))
        return await asyncio.gather(*asked, return_exceptions=True)

    assert all(isinstance(one, IgnoreRequest) for one in asyncio.run(several()))
    # The others do not try their luck with the same wrong key.
    assert tokens.given == 1
    assert run.outcome.code == code
    (reason,) = run.outcome.reasons
    if code == 1:
        # What the exception says could hold what was sent.
        assert type(error).__name__ in reason
        assert "s3cr3t" not in reason
    else:
        assert reason == str(error)


def test_another_services_pause_does_not_keep_a_token_away(make_crawler: MakeCrawler) -> None:
    tokens = Tokens()
    middleware, run = made(make_crawler, tokens)
    run.outcome.report(PAUSED, "reccobeats refuses requests")
    asked = request()
    asyncio.run(middleware.process_request(asked))
    assert asked.meta[CREDENTIAL] == "Bearer t1"


def test_a_stop_waits_a_moment_for_a_token_and_no_longer(make_crawler: MakeCrawler) -> None:
    class Slow(Tokens):
        def fetch(self) -> AccessToken:
            time.sleep(self.lifetime)
            return super().fetch()

    middleware, run = made(make_crawler, Slow(lifetime=0.3), stopping=True)
    asked = request()
    asyncio.run(middleware.process_request(asked))
    assert asked.meta[CREDENTIAL] == "Bearer t1"
    middleware, run = made(make_crawler, Slow(lifetime=30), stopping=True)
    before = time.monotonic()
    with pytest.raises(IgnoreRequest):
        asyncio.run(middleware.process_request(request()))
    assert time.monotonic() - before < 10
    assert run.outcome.reasons == []
