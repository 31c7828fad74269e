"""What a budget should fill, said before the first page, and what it did, after the last."""

from __future__ import annotations

from runclub_spider.crawl.run import Run
from runclub_spider.frontier.planners import Planner


class Promise:
    """One run's; `asks` is what its pages are called."""

    def __init__(self, run: Run, planner: Planner, asks: str) -> None:
        self._run, self._planner, self._asks = run, planner, asks
        # Tracks that the budget should add to cells that lack them.
        self._expected: float | None = None

    async def announce(self) -> None:
        """Before the first page: say what a budget should fill."""
        budget = self._run.budget
        if budget.limit is None:
            return
        left = budget.left
        found = await self._run.store.run(lambda c: self._planner.forecast(c, left))
        if found is not None:
            # The page that told what the key may do is stored by now.
            filled = await self._run.store.run(self._planner.run_yield)
            self._expected = found.tracks + (filled.tracks if filled is not None else 0)
            self._run.outcome.tell(
                f"Budget {budget.limit:,}: {found.pages:,} {self._asks} should add about "
                f"{found.tracks:,.0f} tracks\nto the {found.lacking} of {found.cells} cells below "
                f"{self._planner.cell_minimum}."
            )

    async def conclude(self) -> None:
        """After the last page: say what was filled, beside what had been expected."""
        found = await self._run.store.run(self._planner.run_yield)
        if found is None:
            return
        stats = self._run.crawler.stats
        stats.set_value("runclub/frontier/filled", found.tracks)
        stats.set_value("runclub/frontier/promised", round(found.promised))
        stats.set_value("runclub/frontier/idle_pages", found.idle)
        stats.set_value("runclub/frontier/cells_lacking", found.lacking)
        expected = ""
        if self._expected is not None:
            stats.set_value("runclub/frontier/expected", round(self._expected))
            expected = f" of about {self._expected:,.0f} expected"
        self._run.outcome.note(
            f"Filled: {found.tracks:,} tracks{expected} by {found.pages:,} {self._asks}, into "
            f"cells below {self._planner.cell_minimum}; {found.lacking} of {found.cells} cells "
            "still are.\n"
            f"Regret: {found.idle:,} {self._asks} filled nothing; together they had promised "
            f"{found.promised:,.0f}."
        )
