"""In a fleet: what pages find is noted for the plan's enrichment, and not asked here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.crawl.run import Run
from runclub_spider.enrich.stages import Enricher
from runclub_spider.store.fleet import costs

if TYPE_CHECKING:
    import sqlalchemy as sa

    from runclub_spider.items import DiscoveredPage


class Reckoning:
    """In the place of the stages of a run that crawls for a fleet.

    A budget has to reckon with what enrichment will ask, in whichever run: so the ids stand in the
    store, each once, from the transaction on that stores the page that showed them.
    """

    def __init__(self, run: Run, stages: Sequence[Sequence[type[Enricher]]]) -> None:
        assert run.member is not None
        self._run, self._member, self._plan_id = run, run.member, run.member.plan_id
        self._stages = [kind(run) for row in stages for kind in row if kind.after_discovery]

    def look(
        self,
        connection: sa.Connection,
        page: DiscoveredPage,  # noqa: ARG002 - the shape of `Enrichment`
        eligible: Sequence[str],
        curable: Sequence[str],
    ) -> None:
        """Note what each stage will ask of a page's tracks."""
        self._note_left(connection)
        for stage in self._stages:
            if stage.call_size is not None:
                found = stage.look(connection, eligible, curable)
                costs.need(connection, self._plan_id, stage.name, found)

    async def take(self, page: DiscoveredPage) -> None:
        """Nothing: the plan's enrichment will."""

    async def finish(self) -> None:
        """Nothing."""

    def reckon(self, connection: sa.Connection) -> None:
        """Read what the plan has spent, and what it will need."""
        self._note_left(connection)
        found = costs.needs(connection, self._plan_id)
        sizes = {stage.name: stage.call_size for stage in self._stages}
        needed = sum(-(-found.get(name, 0) // size) for name, size in sizes.items() if size)
        self._member.reckon(connection, self._run, needed)

    def _note_left(self, connection: sa.Connection) -> None:
        """Once a plan, when it is known what its keys may do: what earlier runs left to ask."""
        if self._run.key.regime is None:
            return
        if costs.first_time(connection, self._plan_id, "left"):
            for stage in self._stages:
                if stage.call_size is not None:
                    costs.need(connection, self._plan_id, stage.name, stage.left(connection))
