"""The door of the download handler: what sends is loaded when there is something to send.

Scrapy's HTTP handler brings TLS and Twisted's client, a tenth of what a run costs that finds
nothing to ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.core.downloader.handlers.base import BaseDownloadHandler

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from runclub_spider.crawl.handler import ApiDownloadHandler


class ApiDownloads(BaseDownloadHandler):
    """Makes the handler at the first request, and hands it every one."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._handler: ApiDownloadHandler | None = None

    async def download_request(self, request: Request) -> Response:
        """Fetch one answer."""
        if self._handler is None:
            from runclub_spider.crawl.handler import ApiDownloadHandler

            self._handler = ApiDownloadHandler(self.crawler)
        return await self._handler.download_request(request)

    async def close(self) -> None:
        """Scrapy's end of a handler."""
        if self._handler is not None:
            await self._handler.close()
