"""What becomes of a page when it is answered, and when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from scrapy import Request

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.guard import ApiPaused, ApiUnavailable, Stopping
from runclub_spider.apis.pacer import GivenBack
from runclub_spider.apis.spotify.answers import PAGE, WHOLE, Problem, explain, problem_of
from runclub_spider.apis.spotify.filters import Form
from runclub_spider.apis.wire import Reading
from runclub_spider.crawl.budget import BudgetSpent
from runclub_spider.crawl.faults import is_ours, told
from runclub_spider.crawl.middlewares.in_flight import AlreadyAsked
from runclub_spider.crawl.outcome import FAILED
from runclub_spider.crawl.run import Run
from runclub_spider.crawl.unsent import NoToken, NotSent
from runclub_spider.errors import RunclubError
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.refusals import ALIKE, SEARCHES, Refusals
from runclub_spider.store.queue.pages import PageKind, PageTask

if TYPE_CHECKING:
    from scrapy.http import Response


#: What a request's meta calls the form of its filters.
FORM = "filter_form"


class Answers:
    """Judges the answers of one run: a page to store, to ask again, or the end of the run.

    `read` fills an item from a good answer; returns how its rows could be read, or raises
    `AnswerError`. `ask` makes the request that asks a page once more, its filters in a form.
    """

    def __init__(
        self,
        run: Run,
        read: Callable[[DiscoveredPage, bytes], Reading],
        ask: Callable[[PageTask, Form], Request],
    ) -> None:
        self._run, self._read, self._ask = run, read, ask
        self._refusals = Refusals()
        # The first error of each kind that lost a page.
        self._told: dict[type[BaseException], str] = {}
        # Set when a page was answered or lost.
        self.heard = asyncio.Event()

    def items(self, task: PageTask, response: Response) -> Iterator[DiscoveredPage | Request]:
        """The page as an item, after refused ones that waited for a good answer; or asked anew."""
        for one in self._items(task, response):
            yield one
            if isinstance(one, Request):
                return
        self._over(task)

    def _over(self, task: PageTask) -> None:
        """No answer of this page is awaited any more."""
        self._run.filters.forms.lost(task.key)
        self.heard.set()

    def _items(self, task: PageTask, response: Response) -> Iterator[DiscoveredPage | Request]:
        item = DiscoveredPage(task)
        problem = problem_of(response.status, response.body)
        if self._tells_the_key(task, response):
            return
        if problem is None:
            try:
                blamed = self._run.reading.blamed(self._read(item, response.body))
            except AnswerError as error:
                self._defer(task, f"an answer could not be read ({error})")
                return
            if blamed is not None:
                self._put_aside(item, blamed)
                return
            form = self._form_instead(item, response)
            if form is not None:
                self._run.count("runclub/filters/asked_again")
                self._run.queue.ask_again(task.key)
                yield self._ask(task, form)
                return
        elif problem is Problem.PAGE_SIZE:
            self._wrong_regime(task)
            return
        elif problem in WHOLE:
            market = self._run.config.market
            self._shut_out(task, explain(problem, response.status, response.body, market=market))
            return
        elif problem in PAGE:
            item.refused = str(response.status)
            if response.status == 403:
                # One list, or all of them now: the next run finds out what the key may do.
                self._run.key.doubt()
            if self._refused_like_all(item, problem, response):
                return
        else:
            if not self._refused_like_all(item, problem, response):
                self._defer(task, f"Spotify answered {response.status}")
            return
        if item.refused:
            self._close_refused(item)
        elif task.kind in SEARCHES:
            # The key is answered: what was refused before was each page's own affair.
            yield from self._released()
        self._run.reading.count(item.odd)
        yield item

    def _form_instead(self, item: DiscoveredPage, response: Response) -> Form | None:
        """The form in which a page's filters may give rows, if they gave none in that one."""
        task, sent = item.task, None
        if task.kind is not PageKind.TRACK_SEARCH:
            return None
        if response.request is not None:
            sent = response.request.meta.get(FORM)
        return self._run.filters.forms.heard(
            task.key,
            task.source_key,
            len(item.rows),
            later=task.first_row > 0,
            form=None if sent is None else Form(sent),
        )

    def _tells_the_key(self, task: PageTask, response: Response) -> bool:
        """Whether a page has told what the key may do, or that nobody can, and nothing else."""
        run = self._run
        page = run.key.asked_by
        if page is None or page.key != task.key or page.heard:
            return False
        refused = page.probe.take(response.status, response.body, market=run.config.market)
        if refused is not None and refused[0] in PAGE:
            # Of its own, so that something else has to be asked.
            page.heard = True
        elif refused is not None:
            run.outcome.report(FAILED, refused[1])
            self._defer(task, None)
            return True
        elif response.status != 200:
            page.heard = True
            run.queue.take_back(task.key)
            return True
        else:
            page.heard = True
            assert page.probe.found is not None
            run.key.may(page.probe.found)
        return False

    def _refused_like_all(self, item: DiscoveredPage, problem: Problem, response: Response) -> bool:
        """Whether a refusal is not the page's own, or it is not known yet; then the page waits."""
        if self._run.outcome.ended:
            self._defer(item.task, None)
            return True
        if item.task.kind not in SEARCHES or self._refusals.settled or response.status >= 500:
            return False
        number = self._refusals.add(item, f"{response.status} {problem}")
        if number >= ALIKE:
            said = explain(problem, response.status, response.body)
            self._shut_out(
                item.task,
                f"every search is refused, {number} of {number} since the start; {said}; "
                "no page was marked",
            )
        elif item.refused is None:
            return False
        else:
            self._run.queue.hold_back(item.task.key)
        return True

    def _released(self) -> Iterator[DiscoveredPage]:
        for item in self._refusals.release():
            self._close_refused(item)
            yield item

    def _close_refused(self, item: DiscoveredPage) -> None:
        self._run.count(f"runclub/refused/{item.task.kind}/{item.refused}")

    def lost(self, task: PageTask, error: BaseException) -> None:
        """A page that was not answered stays in the queue for the next run."""
        self._over(task)
        if isinstance(error, AlreadyAsked):
            return
        cause = error.cause if isinstance(error, NotSent) else error
        assert cause is not None
        if isinstance(cause, GivenBack):
            self._run.queue.give_back(task.key)
        elif isinstance(cause, ApiPaused):
            self._run.paused(cause)
            self._defer(task, None)
        elif isinstance(cause, BudgetSpent | Stopping | NoToken):
            # Told where it came from.
            self._defer(task, None)
        elif isinstance(cause, ApiUnavailable):
            self._defer(task, f"a page was put off ({cause})")
        elif is_ours(cause):
            self._defer(task, None)
            self._run.outcome.broke(cause)
        else:
            # Once a kind: such an error may name the address, another for each page.
            said = self._told.setdefault(type(cause), told(cause))
            self._defer(task, f"a page was put off ({said})")

    def left(self) -> list[DiscoveredPage]:
        """Refused searches when all is asked: too few to speak of all, so they are closed.

        They wait for the next run when this one came to its end before.
        """
        if self._run.queue.ran_dry and not self._run.outcome.ended:
            return list(self._released())
        for item in self._refusals.release():
            why = f"a search was put off (refused with {item.refused}, and none was answered)"
            self._defer(item.task, why)
        return []

    def _shut_out(self, task: PageTask, reason: str) -> None:
        """Nothing this key asks is answered any more: the page waits until somebody mends that."""
        self._defer(task, None)
        self._run.outcome.failed(RunclubError(reason))

    def _wrong_regime(self, task: PageTask) -> None:
        """The key may do less than was found out before: the next run finds out anew."""
        self._defer(task, "the key's page size changed; the next run probes it again")
        self._run.key.doubt()
        self._run.queue.stop()

    def _defer(self, task: PageTask, reason: str | None) -> None:
        self._run.queue.put_off(task.key, reason)

    def _put_aside(self, item: DiscoveredPage, blamed: str) -> None:
        """An answer that is not what the API used to give: the page waits for a longer time."""
        self._run.reading.count(item.odd)
        self._run.queue.put_aside(item.task.key, blamed)
