"""The access token on every Spotify request: renewed early, once, however many wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from runclub_spider.apis.call import Api
from runclub_spider.errors import RunclubError, RunPaused
from runclub_spider.runtime import FAILED, PAUSED, Runtime

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from runclub_spider.apis.spotify.tokens import AccessToken


class NoToken(IgnoreRequest):
    """There is no token to be had; the run's outcome says why."""


class SpotifyTokenMiddleware:
    """Sets `Authorization` on requests to the configured Spotify address, and on no other.

    A 401 drops the token and sends the request once more: tokens can be revoked in mid-hour.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._runtime = Runtime.of(crawler)
        self._prefix = self._runtime.config.spotify_api_base_url + "/"
        self._token: AccessToken | None = None
        self._lock = asyncio.Lock()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SpotifyTokenMiddleware:
        """Scrapy's constructor."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Attach a live token."""
        if self._is_ours(request):
            token = await self._live_token()
            request.headers["Authorization"] = f"Bearer {token.value}"

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Answer a 401 with a fresh token, once a request."""
        if response.status != 401 or not self._is_ours(request):
            return response
        sent = (request.headers.get("Authorization") or b"").decode()
        if self._token is not None and sent == f"Bearer {self._token.value}":
            self._token = None
        if request.meta.get("token_renewed"):
            self._fail("Spotify refuses fresh tokens (401); check the app's settings")
        return request.replace(meta={**request.meta, "token_renewed": True}, dont_filter=True)

    async def _live_token(self) -> AccessToken:
        async with self._lock:
            if self._runtime.outcome.result in {FAILED, PAUSED} and self._token is None:
                raise NoToken
            if self._token is None or self._token.renew_at <= self._runtime.now():
                try:
                    self._token = await asyncio.to_thread(self._runtime.tokens.fetch)
                except RunclubError as error:
                    self._fail(str(error), error)
                self._crawler.stats.inc_value("runclub/tokens")
            assert self._token is not None
            return self._token

    def _fail(self, reason: str, error: RunclubError | None = None) -> None:
        paused, until = isinstance(error, RunPaused), getattr(error, "until", None)
        if until is not None:
            self._runtime.accounts_refuse(until, "rate limit")
        self._runtime.outcome.report(
            PAUSED if paused else FAILED,
            reason,
            resume_at=until,
            exit_code=error.exit_code if error else None,
        )
        if self._runtime.frontier is not None:
            self._runtime.frontier.stop()
        raise NoToken(reason)

    def _is_ours(self, request: Request) -> bool:
        return request.meta.get("api") == Api.SPOTIFY and request.url.startswith(self._prefix)
