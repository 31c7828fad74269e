"""After a finished crawl: the release."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runclub_spider.crawl.outcome import FAILED, FINISHED
from runclub_spider.crawl.run import Run
from runclub_spider.errors import RunclubError
from runclub_spider.publish.write import up_to_date
from runclub_spider.terminal import on_stderr

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from runclub_spider.config import Config


class Publisher:
    """Publishes once the engine has stopped; never after a pause or an error.

    The result goes into the run's outcome, from which the command takes its exit code.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._run = Run.of(crawler)
        self._spider = crawler.spidercls.name
        self._run.when_over(self._publish)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Publisher:
        """Scrapy's constructor."""
        return cls(crawler)

    async def _publish(self) -> None:
        outcome = self._run.outcome
        if outcome.result != FINISHED or self._run.member is not None:
            # Of a fleet the plan's last job publishes.
            return
        try:
            what = f"scrapy crawl {self._spider}"
            outcome.release = await asyncio.to_thread(_publish, self._run.config, what)
        except RunclubError as error:
            outcome.report(FAILED, str(error), exit_code=error.exit_code)


def _publish(config: Config, what: str) -> str:
    if (said := up_to_date.unchanged(config, what)) is not None:
        return said
    # A tenth of the time of an unchanged run goes into loading this.
    from runclub_spider.publish.write.release import publish

    with on_stderr(what) as progress:
        return publish(config, what=what, progress=progress)
