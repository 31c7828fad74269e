"""The download handler of this project: every request passes the guard of its API."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler, TunnelError
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.responsetypes import responsetypes
from twisted.internet.error import ConnectError

from runclub_spider.apis.call import CREDENTIAL
from runclub_spider.apis.decoding import (
    ACCEPTED,
    MOST_BYTES,
    TooLarge,
    Unreadable,
    as_utf8,
    unpacked,
)
from runclub_spider.apis.guard import (
    RETRIED,
    TIMED_OUT,
    ApiPaused,
    ApiUnavailable,
    NoAnswer,
    Stopping,
)
from runclub_spider.apis.pacer import GivenBack
from runclub_spider.crawl.budget import BudgetSpent
from runclub_spider.crawl.faults import told
from runclub_spider.crawl.run import Run
from runclub_spider.crawl.unsent import NotSent

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

# Why there was no answer, in words that are the same for every address.
_NO_ANSWER: dict[type[Exception], str] = {
    CannotResolveHostError: "the host's name is not known",
    DownloadConnectionRefusedError: "the connection is refused",
    DownloadFailedError: "the connection broke",
    DownloadTimeoutError: TIMED_OUT,
    ResponseDataLossError: "an answer cut short",
    # What Scrapy hands on as Twisted has it.
    ConnectError: "no connection",
    TunnelError: "the proxy opens no tunnel",
}
# How long what is on its way when a run is stopped may still take.
_GRACE_SECONDS, _POLL_SECONDS = 5.0, 0.25
# Statuses that say enough, whatever became of their bodies.
_TELLING = RETRIED | {401, 429}


class ApiDownloadHandler(HTTP11DownloadHandler):
    """Sends through the guard named in `request.meta["api"]`.

    A handler and not a middleware, so that it also covers `download_async` and holds the cap
    that Scrapy's slots do not hold at zero delay. For the same reasons answers are unpacked
    here: the guard judges what they say, and nothing above can leave that out.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._run = Run.of(crawler)
        self._under_way: set[asyncio.Future[Response]] = set()
        self._watch: asyncio.Future[None] | None = None

    async def download_request(self, request: Request) -> Response:
        """Fetch one answer, waiting and retrying as the API asks."""
        api = request.meta.get("api")
        if api is None:
            return await super().download_request(request)
        family = request.meta["family"]
        try:
            return await self._run.apis.guard(api).send(
                lambda: self._fetch(request),
                _lower_headers,
                family=family,
                spend=lambda: self._run.spend(api, family),
            )
        except (ApiPaused, ApiUnavailable, BudgetSpent, GivenBack, Stopping) as error:
            raise NotSent(error) from error

    async def _fetch(self, request: Request) -> Response:
        request.headers["Accept-Encoding"] = ACCEPTED
        most = request.meta.get("download_maxsize") or MOST_BYTES
        request.meta["download_maxsize"] = min(most, MOST_BYTES)
        credential = request.meta.get(CREDENTIAL)
        if credential is not None:
            request.headers["Authorization"] = credential
        task = asyncio.ensure_future(super().download_request(request))
        self._under_way.add(task)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.ensure_future(self._cut_off())
        try:
            response = await task
        except asyncio.CancelledError:
            if self._run.stopping():
                raise Stopping(request.meta["api"]) from None
            raise
        except DownloadCancelledError:
            # The only thing that Scrapy breaks off: an answer beyond that size.
            raise TooLarge from None
        except tuple(_NO_ANSWER) as error:
            raise NoAnswer(_why(error)) from error
        finally:
            self._under_way.discard(task)
            if credential is not None:
                del request.headers["Authorization"]
        return _readable(response)

    async def _cut_off(self) -> None:
        """When the run is stopped, let no slow server hold it up until its time is over."""
        grace = _GRACE_SECONDS
        while self._under_way:
            await asyncio.sleep(_POLL_SECONDS)
            if self._run.stopping():
                grace -= _POLL_SECONDS
                if grace <= 0:
                    for task in self._under_way:
                        task.cancel()

    async def close(self) -> None:
        """Scrapy's end of a handler."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await super().close()


def _why(error: Exception) -> str:
    said = next(words for kind, words in _NO_ANSWER.items() if isinstance(error, kind))
    # A certificate may be the cause, or a header; a time-out's own text names the address.
    return f"{said} ({told(error)})" if isinstance(error, DownloadFailedError) else said


def _readable(response: Response) -> Response:
    """The same answer, unpacked and in UTF-8, without the headers that described its packing.

    Raises:
        Unreadable: the body is broken, and the status alone does not say what matters.
    """
    headers = response.headers
    encodings = [value.decode("latin-1") for value in headers.getlist("Content-Encoding")]
    content_type = (headers.get("Content-Type") or b"").decode("latin-1")
    try:
        body = as_utf8(unpacked(response.body, encodings), content_type)
    except Unreadable:
        if response.status not in _TELLING:
            raise
        body = b""
    if not encodings and body is response.body:
        return response
    for name in ("Content-Encoding", "Content-Length"):
        headers.pop(name, None)
    kind = responsetypes.from_args(headers=headers, url=response.url, body=body)
    readable = response.replace(headers=None, body=body, cls=kind)
    # Not handed in with the others: each would be spelt anew.
    readable.headers = headers
    return readable


def _lower_headers(response: Response) -> dict[str, str]:
    # Latin-1 takes any byte.
    return {
        name.decode("latin-1").lower(): b",".join(values).decode("latin-1")
        for name, values in response.headers.items()
    }
