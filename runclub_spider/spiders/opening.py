"""How a run comes to know its key, and with it to its frontier."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from runclub_spider.apis.spotify.probe import Probe
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.crawl.regime import ask_regime, keep_regime, known_regime
from runclub_spider.crawl.run import ProbePage, Run
from runclub_spider.frontier.driver import Frontier
from runclub_spider.store.queue.pages import PageTask


class Opening:
    """The regime of one run, and the frontier that follows from it.

    Where it is not known a search for tracks plans as for the widest regime and asks the first page
    of that alone. It is a page like any other: its rows are stored, and a run that is stopped
    meanwhile asks it again only if it was not answered. A narrower key refuses it; then what was
    planned is planned anew. What tells nothing is asked apart.

    Attributes:
        frontier: None when the key cannot yield anything, or is not known.
    """

    def __init__(
        self,
        run: Run,
        frontier_of: Callable[[Regime], Awaitable[Frontier | None]],
        *,
        by_plan: bool,
    ) -> None:
        self._run, self._frontier_of, self._by_plan = run, frontier_of, by_plan
        self.frontier: Frontier | None = None

    async def tasks(self) -> AsyncIterator[PageTask]:
        """The pages whose answers tell; then the key is known, or the outcome says why not."""
        run, probe, planned_for = self._run, Probe(), None
        regime = await known_regime(run)
        while regime is None and self._by_plan:
            planned_for = probe.widest
            self.frontier = await self._frontier_of(planned_for)
            page = await self._first_page(probe)
            if page is None:
                regime = await known_regime(run)
                break
            yield page
            assert self.frontier is not None
            await self.frontier.all_settled()
            told = run.key.asked_by
            if told is None or not told.heard or run.outcome.ended:
                return
            regime = probe.found
            if regime is not None:
                await keep_regime(run, regime)
            elif probe.widest is planned_for:
                break
        if regime is None:
            regime = await ask_regime(run, probe)
        if regime is not None:
            run.key.may(regime)
            if regime is not planned_for:
                self.frontier = await self._frontier_of(regime)

    async def _first_page(self, probe: Probe) -> PageTask | None:
        """The plan's first page, if it asks more than some regime may."""
        page = None if self.frontier is None else await self.frontier.first()
        if page is None or page.row_count < probe.rows:
            return None
        self._run.key.ask_by(ProbePage(probe, page.key))
        return page
