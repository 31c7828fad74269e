"""Components of Scrapy as a user may add them, each of which loses what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem, IgnoreRequest
from scrapy.http import Response


class Ignores:
    """A downloader middleware that lets no search through."""

    def process_request(self, request: Request) -> None:
        if request.meta.get("family") == "search":
            raise IgnoreRequest("not today")


class IgnoresFeatures:
    """One that lets no batch of features through."""

    def process_request(self, request: Request) -> None:
        if request.meta.get("family") == "features":
            raise IgnoreRequest("not today")


class IgnoresAnswers:
    """One that lets no answer through."""

    def process_response(self, request: Request, response: Response) -> Response:
        if request.meta.get("family") == "search":
            raise IgnoreRequest("not today")
        return response


class Unschedules:
    """An extension that refuses requests before they are scheduled."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Unschedules:
        made = cls()
        crawler.signals.connect(made.scheduled, signal=signals.request_scheduled)
        return made

    def scheduled(self, request: Request, spider: Spider) -> None:
        raise IgnoreRequest("not today")


class SwallowsStart:
    """A spider middleware through which no start request comes."""

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for one in start:
            if not isinstance(one, Request):
                yield one


class SwallowsOutput:
    """One through which no item comes."""

    async def process_spider_output(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        async for one in result:
            if isinstance(one, Request):
                yield one


class Drops:
    """A pipeline that drops every page."""

    def process_item(self, item: Any) -> Any:
        raise DropItem("not today")


class SeenAll:
    """A filter that has seen every request."""

    def open(self) -> None:
        """Nothing."""

    def close(self, reason: str) -> None:
        """Nothing."""

    def request_seen(self, request: Request) -> bool:
        return True

    def log(self, request: Request, spider: Spider) -> None:
        """Nothing."""
