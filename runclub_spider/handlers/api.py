"""The download handler of this project: every request passes the guard of its API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)

from runclub_spider.apis.guard import ApiPaused, ApiUnavailable, Stopping
from runclub_spider.runtime import BudgetSpent, Runtime

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

TRANSIENT = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)


class NotSent(IgnoreRequest):
    """A request that was given up; `cause` says why. Quiet: errbacks and workers handle it."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class ApiDownloadHandler(HTTP11DownloadHandler):
    """Sends through the guard named in `request.meta["api"]`.

    A handler and not a middleware, so that it also covers `download_async` and holds the cap
    that Scrapy's slots do not hold at zero delay.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._runtime = Runtime.of(crawler)

    async def download_request(self, request: Request) -> Response:
        """Fetch one answer, waiting and retrying as the API asks."""
        fetch = super().download_request
        api = request.meta.get("api")
        if api is None:
            return await fetch(request)
        family = request.meta["family"]
        try:
            return await self._runtime.guards[api].send(
                lambda: fetch(request),
                _lower_headers,
                family=family,
                transient=TRANSIENT,
                spend=lambda: self._runtime.spend(api, family),
            )
        except (ApiPaused, ApiUnavailable, BudgetSpent, Stopping) as error:
            raise NotSent(error) from error


def _lower_headers(response: Response) -> dict[str, str]:
    return {str(name).lower(): value for name, value in response.headers.to_unicode_dict().items()}
