"""The worker behind an enricher: full batches of what is pending."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from runclub_spider.apis.call import AnswerError, Api, Call
from runclub_spider.apis.guard import ApiPaused, ApiUnavailable
from runclub_spider.apis.spotify.answers import WHOLE, explain, problem_of
from runclub_spider.crawl.faults import is_ours, told
from runclub_spider.crawl.outcome import INCOMPLETE, PAUSED
from runclub_spider.crawl.reading import Drifted
from runclub_spider.crawl.requests import to_request
from runclub_spider.crawl.run import Run
from runclub_spider.crawl.unsent import NoToken, NotSent
from runclub_spider.enrich.stages import Enricher
from runclub_spider.errors import RunclubError

if TYPE_CHECKING:
    import sqlalchemy as sa
    from scrapy.http import Response

T = TypeVar("T")

# Batches on their way at once; the guard's cap is below, so its slots are always filled.
_PARALLEL = 6
# A worker whose batches fail this often in a row stops asking: the API is down.
_GIVE_UP_AFTER = 3


class BatchWorker:
    """Sends ids in full batches as they come in, and the rest when it is drained.

    Ids it does not get through stay pending in the store; a later run takes them up by the
    same path. No id is sent twice in a run. `accept` reads answers with status 200, and those
    with a status of `read_anyway`; any other is a permanent refusal.
    """

    def __init__(
        self,
        run: Run,
        name: str,
        *,
        batch: int,
        call: Callable[[Sequence[str]], Call],
        accept: Callable[[Response, Sequence[str]], Awaitable[None]],
        read_anyway: Container[int] = (),
    ) -> None:
        self.run, self.name, self.batch = run, name, batch
        self.total = 0
        self._call, self._accept, self._read_anyway = call, accept, read_anyway
        self._queue: dict[str, None] = {}
        self._taken: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        # Batches whose answer waits for its commit.
        self._keeping = 0
        self._draining = False
        self._failures = 0
        self._off = False

    def add(self, ids: Iterable[str]) -> int:
        """Take up pending ids; returns how many were new to this run."""
        before = self.total
        ids = list(ids)
        if ids and not self._off:
            self._off = self.run.reading.waits(self.name)
        for one in ids:
            if one not in self._taken:
                self._taken.add(one)
                self._queue[one] = None
                self.total += 1
        self._send_full()
        return self.total - before

    async def drain(self, *, partial: bool = True) -> None:
        """Send everything left, the last batch partial if so wanted, and wait for the answers.

        When the run is paused the last batch stays pending: the next run fills it.
        """
        self._draining = True
        while True:
            self._send_full()
            if self._tasks:
                self._hurry()
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            elif self._queue and partial and not self._off and not self._held():
                self._start(list(self._queue))
            else:
                self._draining = False
                return

    async def keep(self, work: Callable[[sa.Connection], T]) -> T:
        """Store an answer, in a transaction that others may share."""
        stored = self.run.store.share(work)
        self._keeping += 1
        # It is no longer on its way: another may be.
        self._send_full()
        self._hurry()
        try:
            return await stored
        finally:
            self._keeping -= 1

    def _hurry(self) -> None:
        """Let nothing wait that only waits for the last answers."""
        if self._draining and self._keeping == len(self._tasks):
            self.run.store.hurry()

    def _held(self) -> bool:
        return self.run.outcome.ended or self.run.outcome.result == PAUSED

    @property
    def _sent(self) -> int:
        """Batches on their way."""
        return len(self._tasks) - self._keeping

    @property
    def calls_needed(self) -> int:
        """Calls for all ids taken up in this run, sent or not."""
        return -(-self.total // self.batch)

    def _send_full(self) -> None:
        self._off = self._off or self.run.outcome.ended
        while len(self._queue) >= self.batch and self._sent < _PARALLEL and not self._off:
            self._start([one for one, _ in zip(self._queue, range(self.batch), strict=False)])

    def _start(self, ids: list[str]) -> None:
        for one in ids:
            del self._queue[one]
        task = asyncio.ensure_future(self._send(ids))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._off = True
            self.run.outcome.broke(error)
        self._send_full()

    async def _send(self, ids: Sequence[str]) -> None:
        engine = self.run.crawler.engine
        assert engine is not None
        if not engine.running:
            self._off = True
            return
        try:
            call = self._call(ids)
            response = await engine.download_async(to_request(call))
            if response.status != 200 and response.status not in self._read_anyway:
                self._refuse(call.api, response)
                return
            await self._accept(response, ids)
            await self.run.reading.readable(self.run.store, self.name)
        except Drifted as error:
            self._off = True
            await self.run.reading.put_aside(self.run.store, self.name, error.field)
        except NotSent as error:
            self._give_up(error.cause)
        except NoToken:
            # The token middleware has told the outcome.
            self._off = True
        except AnswerError as error:
            self._failed(f"{self.name}: an answer could not be read ({error})")
        except Exception as error:
            if is_ours(error):
                raise
            self._failed(f"{self.name}: a batch was put off ({told(error)})")
        else:
            self._failures = 0

    def _refuse(self, api: str, response: Response) -> None:
        """A permanent refusal: no point in asking again this run; said once.

        One of the app or the account ends the run: nothing else would be answered.
        """
        self._off = True
        problem = problem_of(response.status, response.body)
        if api == Api.SPOTIFY and problem in WHOLE:
            why = explain(problem, response.status, response.body, market=self.run.config.market)
            self.run.outcome.failed(RunclubError(why))
            return
        if api == Api.SPOTIFY:
            # The key may do less than was found out before: the next run finds out anew.
            self.run.key.doubt()
        why = f"the API answered {response.status}"
        if api == Api.SPOTIFY and problem is not None:
            why = explain(problem, response.status, response.body)
        self.run.outcome.report(INCOMPLETE, f"{self.name}: {why}; switched off for this run")

    def _give_up(self, cause: Exception) -> None:
        if isinstance(cause, ApiPaused):
            self._off = True
            self.run.paused(cause)
        elif isinstance(cause, ApiUnavailable):
            self._failed(f"{self.name}: a batch was put off ({cause})")
        else:
            self._off = True

    def _failed(self, reason: str) -> None:
        self.run.outcome.report(INCOMPLETE, reason)
        self._failures += 1
        self._off = self._off or self._failures >= _GIVE_UP_AFTER


class BatchedStage(Enricher):
    """A stage of one worker: full batches while pages come in, and the rest at the end."""

    #: Made by the stage's constructor.
    worker: BatchWorker

    @abstractmethod
    def pending(
        self, connection: sa.Connection, track_ids: Sequence[str] | None = None
    ) -> list[str]:
        """What is to be asked, of all stored tracks or of these."""

    @property
    def call_size(self) -> int | None:
        """That of its batches."""
        return self.worker.batch if self.run.key.regime is not None else None

    def left(self, connection: sa.Connection) -> Sequence[str]:
        """What is pending of all stored tracks."""
        return self.pending(connection)

    async def begin(self) -> None:
        """What earlier runs left."""
        self.run.budget.enlist(self.worker)
        self.worker.add(await self.run.store.run(self.pending))

    def take(self, ids: Sequence[str]) -> None:
        """Send full batches."""
        self.worker.add(ids)

    async def finish(self) -> None:
        """The last batch."""
        await self.worker.drain()
