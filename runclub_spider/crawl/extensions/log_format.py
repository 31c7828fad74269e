"""Log lines that cost nothing when nobody reads them."""

from __future__ import annotations

from typing import Any

from scrapy.logformatter import LogFormatter


class QuietLogFormatter(LogFormatter):
    """Says nothing of items: a page of 100 rows in a log line helps nobody."""

    def scraped(self, item: Any, response: Any, spider: Any) -> None:  # type: ignore[override]
        """No line."""

    def dropped(  # type: ignore[override]
        self, item: Any, exception: Any, response: Any, spider: Any
    ) -> None:
        """No line: the run's outcome says why, once."""
