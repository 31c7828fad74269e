"""Log lines that cost nothing when nobody reads them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy.logformatter import LogFormatter

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class QuietLogFormatter(LogFormatter):
    """Says nothing of items: a page of 100 rows in a log line helps nobody."""

    def __init__(self, *, shows_answers: bool = True) -> None:
        self._shows_answers = shows_answers

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> QuietLogFormatter:
        """Scrapy's constructor."""
        level = crawler.settings.get("LOG_LEVEL")
        # By its name, or as a number.
        number = logging.getLevelName(level) if isinstance(level, str) else level
        return cls(shows_answers=not isinstance(number, int) or number <= logging.DEBUG)

    def crawled(self, request: Any, response: Any, spider: Any) -> Any:
        """A line for each answer, where somebody reads it: Scrapy would make a record anyway."""
        return super().crawled(request, response, spider) if self._shows_answers else None

    def scraped(self, item: Any, response: Any, spider: Any) -> None:  # type: ignore[override]
        """No line."""

    def dropped(  # type: ignore[override]
        self, item: Any, exception: Any, response: Any, spider: Any
    ) -> None:
        """No line: the run's outcome says why, once."""
