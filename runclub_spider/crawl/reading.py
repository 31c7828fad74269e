"""What the parsers could not read in one run: counted, told, and put aside when it is all."""

from __future__ import annotations

import logging
from collections.abc import Callable

import sqlalchemy as sa

from runclub_spider.apis.wire import FEW, PARSER_VERSION, Oddities, Reading
from runclub_spider.crawl.outcome import INCOMPLETE, Outcome
from runclub_spider.store.db.thread import StoreThread
from runclub_spider.store.queue import drift
from runclub_spider.text import moment

logger = logging.getLogger(__name__)


class Drifted(Exception):
    """No row of a batch could be read; `field` is the one to blame, as `model.field`."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Readability:
    """Whether answers still look as the APIs used to answer."""

    def __init__(
        self, outcome: Outcome, count: Callable[[str, int], None], started_at: int
    ) -> None:
        self._outcome, self._count, self._started_at = outcome, count, started_at
        self._waiting: dict[str, int] = {}
        self._read_any = self._told_unknown = False

    def load(self, connection: sa.Connection) -> None:
        """Take up which kinds of batches earlier runs could not read."""
        self._waiting = drift.waiting(connection, PARSER_VERSION)

    def count(self, odd: Oddities) -> None:
        """Make visible what a parser did not consume; a row of a new type is told once a run."""
        for name, number in odd.unexpected.items():
            self._count(f"runclub/unexpected/{name}", number)
        for name, number in odd.dropped.items():
            self._count(f"runclub/dropped/{name}", number)
        if odd.unknown and not self._told_unknown:
            self._told_unknown = True
            logger.warning(
                "rows of a type or shape this program does not know (%s): left out, and counted "
                "as runclub/rows/unknown",
                ", ".join(map(repr, sorted(odd.unknown))),
            )

    def blamed(self, page: Reading) -> str | None:
        """The field for which a page could not be read; None when it was.

        A page of few rows that are odd is chance, once others were read.
        """
        blamed = page.drift
        if blamed is None:
            self._read_any = self._read_any or page.read > 0
        elif self._read_any and page.read + page.unreadable.total() < FEW:
            return None
        return blamed

    def take(self, batch: Reading) -> None:
        """Count what was odd about a batch; raises `Drifted` when no row could be read.

        A few rows alone are chance, and count as not known to the API.
        """
        self.count(batch.odd)
        blamed = batch.drift
        if blamed is not None and batch.read + batch.unreadable.total() >= FEW:
            raise Drifted(blamed)

    async def put_aside(self, store: StoreThread, kind: str, blamed: str) -> None:
        """Have a kind of batches wait of which no row could be read."""
        until = await store.run(
            lambda c: drift.put_aside(c, kind, self._started_at, PARSER_VERSION)
        )
        self._report(kind, until, f" (no row could be read, for want of {blamed})")

    def waits(self, kind: str) -> bool:
        """Whether a kind of batches still waits from earlier runs; says so if it does."""
        until = self._waiting.get(kind, 0)
        if until <= self._started_at:
            return False
        self._report(kind, until)
        return True

    def _report(self, kind: str, until: int, why: str = "") -> None:
        self._outcome.report(
            INCOMPLETE,
            f"{kind}: not readable to this program{why}; asked again after {moment(until)}, or by "
            "a newer one",
            resume_at=until,
        )

    async def readable(self, store: StoreThread, kind: str) -> None:
        """A kind of batches was read: whatever it waited for is over."""
        if self._waiting.pop(kind, None) is not None:
            await store.run(lambda c: drift.forget(c, kind))
