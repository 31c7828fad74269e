"""Who completes the tracks of a run, and in which order."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import sqlalchemy as sa

from runclub_spider.apis.service import Service
from runclub_spider.crawl.run import Run
from runclub_spider.items import DiscoveredPage


class Enricher(ABC):
    """One stage: takes up tracks page by page, and finishes when discovery is through."""

    #: Under this name a page carries what the stage is to ask.
    name: ClassVar[str]
    #: The services it asks.
    services: ClassVar[tuple[type[Service], ...]]
    #: Whether it follows every discovery; if not, only the spider `enrich` has it.
    after_discovery: ClassVar[bool] = True

    def __init__(self, run: Run) -> None:
        self.run = run

    def look(
        self,
        connection: sa.Connection,  # noqa: ARG002 - the shape of all
        eligible: Sequence[str],  # noqa: ARG002
        curable: Sequence[str],  # noqa: ARG002
    ) -> list[str]:
        """Ids to ask for of a page's tracks, read in the page's own transaction.

        `curable` are tracks that an answer may yet make eligible.
        """
        return []

    @property
    def call_size(self) -> int | None:
        """How many ids a call takes; None when it asks nothing of what pages find, or not yet."""
        return None

    def left(self, connection: sa.Connection) -> Sequence[str]:  # noqa: ARG002
        """Ids that earlier runs left for it."""
        return ()

    async def begin(self) -> None:  # noqa: B027 - most have nothing to take up
        """Take up what earlier runs left, before the first page."""

    def take(self, ids: Sequence[str]) -> None:  # noqa: B027
        """Take up what `look` found, once it is committed."""

    @abstractmethod
    async def finish(self) -> None:
        """Everything there is to discover was found: ask what is left, and wait for answers."""


class Enrichment:
    """The stages of one run, as the spider and the page's transaction know them."""

    def __init__(self, run: Run, stages: Iterable[Sequence[type[Enricher]]]) -> None:
        self._run = run
        self._rows = [[kind(run) for kind in row] for row in stages]
        self._begun: asyncio.Future[None] | None = None

    def _all(self) -> Iterator[Enricher]:
        for row in self._rows:
            yield from row

    def look(
        self,
        connection: sa.Connection,
        page: DiscoveredPage,
        eligible: Sequence[str],
        curable: Sequence[str],
    ) -> None:
        """Note on the page what each stage is to ask of its tracks."""
        page.pending = {one.name: one.look(connection, eligible, curable) for one in self._all()}

    async def take(self, page: DiscoveredPage) -> None:
        """Hand each stage what was noted for it; what earlier runs left comes first."""
        await self._begin()
        for stage in self._all():
            if ids := page.pending.get(stage.name):
                stage.take(ids)

    async def _begin(self) -> None:
        if self._begun is None:
            self._begun = asyncio.ensure_future(self._begin_all())
        await self._begun

    async def _begin_all(self) -> None:
        for stage in self._all():
            if stage.after_discovery:
                await stage.begin()

    async def finish(self) -> None:
        """Let row after row run dry; the stages of one row work side by side.

        What a stage raises ends the run. Without a regime only those are left that ask
        neither Spotify nor for what its tracks lack.
        """
        known = self._run.key.regime is not None
        if known:
            await self._begin()
        for row in self._rows:
            stages = [one for one in row if known or not one.after_discovery]
            if self._run.outcome.ended:
                return
            found = await asyncio.gather(*(one.finish() for one in stages), return_exceptions=True)
            for error in found:
                if isinstance(error, Exception):
                    self._run.outcome.broke(error)
                elif error is not None:
                    raise error
