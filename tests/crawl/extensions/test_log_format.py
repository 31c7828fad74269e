"""Log lines for those who read them."""

from __future__ import annotations

import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.test import get_crawler

from runclub_spider.crawl.extensions.log_format import QuietLogFormatter


@pytest.mark.parametrize(
    ("level", "shown"), [("DEBUG", True), (10, True), ("INFO", False), ("WARNING", False)]
)
def test_answers_are_told_to_who_debugs(level: object, shown: bool) -> None:
    crawler = get_crawler(settings_dict={"LOG_LEVEL": level})
    formatter = QuietLogFormatter.from_crawler(crawler)
    request = Request("http://127.0.0.1/a")
    told = formatter.crawled(request, Response(request.url, request=request), None)
    assert (told is not None) is shown
