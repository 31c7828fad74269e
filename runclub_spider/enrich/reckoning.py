"""In a fleet: what pages find is noted for the plan's enrichment, and not asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        # How many ids a call of a stage takes; empty until the key is known.
        self._batches: Mapping[str, int] = {}

    def look(
        self,
        connection: sa.Connection,
        page: DiscoveredPage,  # noqa: ARG002 - the shape of `Enrichment`
        eligible: Sequence[str],
        curable: Sequence[str],
    ) -> None:
        """Note what each stage will ask of a page's tracks."""
        for stage in self._stages:
            if stage.name in self._known(connection):
                found = stage.look(connection, eligible, curable)
                costs.need(connection, self._plan_id, stage.name, found)

    async def take(self, page: DiscoveredPage) -> None:
        """Nothing: the plan's enrichment will."""

    async def finish(self) -> None:
        """Nothing."""

    def reckon(self, connection: sa.Connection) -> None:
        """Read what the plan has spent, and what it will need."""
        batches = self._known(connection)
        found = costs.needs(connection, self._plan_id)
        needed = sum(-(-found.get(name, 0) // size) for name, size in batches.items())
        self._member.reckon(connection, self._run, needed)

    def _known(self, connection: sa.Connection) -> Mapping[str, int]:
        """The stages that pages feed; of each what earlier runs left is noted first."""
        if not self._batches and self._run.key.regime is not None:
            needs = {stage.name: stage.needs(connection) for stage in self._stages}
            for name, found in needs.items():
                if found is not None:
                    costs.need(connection, self._plan_id, name, found[1])
            self._batches = {name: found[0] for name, found in needs.items() if found is not None}
        return self._batches
