"""Whose turn it is while nobody knows how field filters are written, and what is asked over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from runclub_spider.apis.spotify.filters import has_quotes
from runclub_spider.crawl.run import Run
from runclub_spider.store.queue import pages, seeds
from runclub_spider.store.queue.pages import PageKind, PageTask

if TYPE_CHECKING:
    import sqlalchemy as sa


# Seconds between two looks whether another run has found it out.
_LOOK = 0.3


class Turns:
    """Of the searches of one run; `heard` is set when a page was answered or lost.

    `idle` says that Scrapy has nothing in hand.
    """

    def __init__(self, run: Run, heard: asyncio.Event, idle: Callable[[], bool]) -> None:
        self._run, self._heard, self._idle = run, heard, idle

    async def wait(self, task: PageTask) -> None:
        """Wait while the answer of another page decides how this one's filters are written."""
        if task.kind is not PageKind.TRACK_SEARCH:
            return
        await self._others(task)
        forms, looks = self._run.filters.forms, 0
        while forms.must_wait(task.source_key):
            self._heard.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), 1.0)
                continue
            # As the frontier does: some component of Scrapy lost it without a word.
            looks = looks + 1 if self._idle() else 0
            if looks > 1:
                forms.forget_sent()

    async def _others(self, task: PageTask) -> None:
        """Wait while another run of the fleet finds out how filters are written."""
        run, filters = self._run, self._run.filters
        member = run.member
        if member is None or not has_quotes(task.source_key):
            return
        while not filters.forms.known and not run.stopping():
            mine = partial(filters.claim, plan_id=member.plan_id, owner=member.owner)
            if await run.store.run(mine):
                return
            await asyncio.sleep(_LOOK)

    async def reopen(self) -> None:
        """Put back on the queue what was stored as empty for the form of its filters alone."""
        run, keys = self._run, self._run.filters.take_again()
        if not keys:
            return
        noted = run.filters.noted()

        def reopen(connection: sa.Connection) -> int:
            found = pages.reopen(connection, keys)
            for task in found:
                key = (task.source_key, "track", task.market)
                seeds.reopen(connection, key, task.version, task.first_row)
            if noted is not None:
                run.filters.keep(connection, noted)
            return len(found)

        run.queue.ask_again(*keys)
        run.count("runclub/filters/asked_again", await run.store.run(reopen))
