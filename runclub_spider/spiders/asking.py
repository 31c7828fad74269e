"""One page of a station, tried a few times, and smaller each time that it is too much."""

from __future__ import annotations

from collections.abc import Callable

from runclub_spider.apis.call import AnswerError, Call
from runclub_spider.apis.guard import TIMED_OUT, ApiPaused, ApiUnavailable, Stopping
from runclub_spider.apis.plays import PlaysPage
from runclub_spider.apis.station import Station, service_of
from runclub_spider.config import SANDBOX
from runclub_spider.crawl.faults import is_ours, told
from runclub_spider.crawl.outcome import INCOMPLETE
from runclub_spider.crawl.requests import to_request
from runclub_spider.crawl.run import Run
from runclub_spider.crawl.unsent import NotSent
from runclub_spider.errors import RunclubError

#: Tries after the first of a page that is refused or fails.
RETRIES = 3
#: What a server says when a page is too much for it.
_TOO_MUCH = ("status 502", "status 504", TIMED_OUT)

#: Builds the call of a page, of at most so many rows.
Asking = Callable[[int], Call]


class _Failed(Exception):
    """A page was not to be had this time; the text says why."""


class PageAsker:
    """Asks a station's pages in one run; `page_rows` is how many rows they may have by now."""

    def __init__(self, run: Run, station: Station) -> None:
        self._run, self._station = run, station
        self.page_rows = station.page_rows

    async def ask(self, asking: Asking, *, first: bool) -> PlaysPage | None:
        """One page, tried up to four times, smaller each time that it is too much.

        None when there is none to be had; the run's outcome then says why. The guard does not
        retry for a station: it cannot ask for another page than it was given, and it does not
        read the answer.
        """
        station, config, problem = self._station, self._run.config, ""
        guard = self._run.apis[service_of(station)].guard
        try:
            if not first and config.source_of(station.base_url) != SANDBOX:
                await guard.wait(station.pause(config))
            for attempt in range(RETRIES + 1):
                if attempt:
                    await guard.wait(station.backoff(config) * 2 ** (attempt - 1))
                try:
                    return await self._try(asking(self.page_rows))
                except _Failed as error:
                    problem = str(error)
                if any(word in problem for word in _TOO_MUCH):
                    self.page_rows = max(station.fewest_rows, self.page_rows // 2)
        except Stopping:
            return None
        self._run.outcome.report(
            INCOMPLETE,
            f"{station.title}: {problem} after {RETRIES + 1} tries; the checkpoint is intact",
        )
        return None

    async def _try(self, call: Call) -> PlaysPage:
        """Ask once.

        Raises:
            _Failed: it may be had when it is asked again.
            Stopping: nothing more can be asked in this run.
        """
        engine = self._run.crawler.engine
        assert engine is not None
        try:
            response = await engine.download_async(to_request(call))
        except NotSent as error:
            if isinstance(error.cause, ApiUnavailable):
                raise _Failed(error.cause.problem.removesuffix(" after 1 tries")) from error
            if isinstance(error.cause, ApiPaused):
                self._run.paused(error.cause)
            # Otherwise the budget is spent, or the run is being stopped.
            raise Stopping(call.api) from error
        except Exception as error:
            if is_ours(error):
                raise
            raise _Failed(told(error)) from error
        if response.status != 200:
            raise RunclubError(
                f"{self._station.title} answered {response.status} to {call.path}; what was read "
                "is stored"
            )
        try:
            return self._station.parse(response.body)
        except AnswerError as error:
            raise _Failed(f"an answer could not be read ({error})") from error
