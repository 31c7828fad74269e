"""The access token on every Spotify request: renewed early, once, however many wait."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from runclub_spider.apis.call import CREDENTIAL, Api
from runclub_spider.apis.guard import ALL
from runclub_spider.apis.spotify.calls import family_of
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.crawl import faults, requests
from runclub_spider.crawl.outcome import FAILED, PAUSED
from runclub_spider.crawl.preflight import check_spotify_credentials
from runclub_spider.crawl.run import Run
from runclub_spider.crawl.unsent import NoToken
from runclub_spider.errors import RunclubError, RunPaused

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from runclub_spider.apis.spotify.tokens import AccessToken

logger = logging.getLogger(__name__)

#: Marks a request that a person made, and no spider.
BY_HAND = "by_hand"
# After a fresh token was refused none is fetched for so long, then for twice as long.
_FUTILE_SECONDS, _MOST_FUTILE_SECONDS = 60.0, 3600.0
# How long a stop waits for a token on its way: a rotated refresh token may come with it.
_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.1

T = TypeVar("T")


class SpotifyTokenMiddleware:
    """Gives the credential to requests to the configured Spotify address, and to no other.

    A 401 drops the token and sends the request once more: tokens can be revoked in mid-hour. When
    the fresh one is refused as well, the answer goes on to the spider. Were every request refused
    like that, a token would be fetched for each; so for a while none is.
    """

    def __init__(self, crawler: Crawler, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._crawler = crawler
        self._run = Run.of(crawler)
        self._prefix = self._run.config.spotify_api_base_url + "/"
        self._token: AccessToken | None = None
        self._lock = asyncio.Lock()
        self._given_up = False
        self._clock = clock
        # Until when a 401 renews nothing, and for how long the next futile renewal says so.
        self._futile_until, self._futile_for = clock(), _FUTILE_SECONDS

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SpotifyTokenMiddleware:
        """Scrapy's constructor."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Attach a live token."""
        if "api" not in request.meta and request.url.startswith(self._prefix):
            self._take_up(request)
        if self._is_ours(request):
            token = await self._live_token()
            request.meta[CREDENTIAL] = f"Bearer {token.value}"

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Answer a 401 with a fresh token, once a request."""
        if not self._is_ours(request):
            return response
        sent = request.meta.pop(CREDENTIAL, None)
        if response.status != 401:
            if request.meta.get("token_renewed"):
                self._futile_for = _FUTILE_SECONDS
            return response
        current = self._token is not None and sent == f"Bearer {self._token.value}"
        if request.meta.get("token_renewed"):
            if current and self._futile_until <= self._clock():
                self._futile_until = self._clock() + self._futile_for
                self._futile_for = min(2 * self._futile_for, _MOST_FUTILE_SECONDS)
            return response
        if current:
            if self._clock() < self._futile_until:
                return response
            self._token = None
        return request.replace(meta={**request.meta, "token_renewed": True}, dont_filter=True)

    def process_exception(self, request: Request, exception: Exception) -> None:
        """Say what became of a request of `shell` or `fetch`; of others the run's outcome does."""
        if request.meta.get(BY_HAND):
            logger.error("%s", exception)

    def _take_up(self, request: Request) -> None:
        """Have a request that no spider made, as of `shell` or `fetch`, go the way of all others.

        Raises:
            NoToken: there is no key to ask with.
        """
        family = family_of(request.url.removeprefix(self._prefix))
        request.meta.update(requests.meta_of(Api.SPOTIFY, family, request.url) | {BY_HAND: True})
        request.headers["Accept"] = requests.ACCEPT
        try:
            check_spotify_credentials(self._run.config)
        except RunclubError as error:
            raise NoToken(str(error)) from None

    async def _live_token(self) -> AccessToken:
        async with self._lock:
            if self._given_up:
                raise NoToken
            if self._token is None or self._token.renew_at <= self._clock():
                self._token = await self._fetched()
                self._crawler.stats.inc_value("runclub/tokens")
            return self._token

    async def _fetched(self) -> AccessToken:
        try:
            return await _left_behind(self._run.apis[Spotify].tokens.fetch, self._run.stopping)
        except RunclubError as error:
            raise self._failed(error) from None
        except _Stopped:
            raise NoToken from None
        except Exception as error:  # noqa: BLE001 - its text could hold what was sent
            what = f"{type(error).__name__} in {faults.place(error)}"
            problem = RunclubError(f"no token: a fault of this program ({what}); please report it")
        raise self._failed(problem)

    def _failed(self, error: RunclubError) -> NoToken:
        self._given_up = True
        paused, until = isinstance(error, RunPaused), getattr(error, "until", None)
        if until is not None:
            self._run.refused(Api.ACCOUNTS, ALL, until, "rate limit")
        self._run.outcome.report(
            PAUSED if paused else FAILED,
            str(error),
            resume_at=until,
            exit_code=error.exit_code,
        )
        self._run.queue.stop()
        return NoToken(str(error))

    def _is_ours(self, request: Request) -> bool:
        return request.meta.get("api") == Api.SPOTIFY and request.url.startswith(self._prefix)


class _Stopped(Exception):
    """The run stops, and what was awaited did not come in time."""


async def _left_behind(work: Callable[[], T], stopping: Callable[[], bool]) -> T:
    """What `work` returns or raises; it blocks, and the end of the process does not wait for it.

    Raises:
        _Stopped: soon after the run was stopped.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def tell(found: list[T], error: Exception | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(found[0])

    def run() -> None:
        found, problem = list[T](), None
        try:
            found.append(work())
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            problem = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, found, problem)

    threading.Thread(target=run, daemon=True, name="token").start()
    grace = _GRACE_SECONDS
    while not result.done():
        if stopping():
            grace -= _POLL_SECONDS
            if grace <= 0:
                result.cancel()
                raise _Stopped
        await asyncio.wait([result], timeout=_POLL_SECONDS)
    return result.result()
