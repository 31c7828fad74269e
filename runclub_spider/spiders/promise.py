"""What a budget should fill, said after a pilot of few pages, and what it did, after the last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runclub_spider.crawl.run import Run
from runclub_spider.frontier.planners import LEAST_NEW, Planner

if TYPE_CHECKING:
    import sqlalchemy as sa

# The part of a budget that goes by before its forecast, in requests: a twentieth between these.
_PILOT_SHARE, _LEAST_PILOT, _MOST_PILOT = 1 / 20, 10, 50


def pilot_requests(budget: int) -> float:
    """Requests of a budget that go by before its forecast."""
    return min(_MOST_PILOT, max(_LEAST_PILOT, budget * _PILOT_SHARE), budget / 2)


class Promise:
    """One run's; `asks` is what its pages are called."""

    def __init__(self, run: Run, planner: Planner, asks: str) -> None:
        self._run, self._planner, self._asks = run, planner, asks
        self._loop = asyncio.get_running_loop()
        # Tracks that the budget should add to cells that lack them.
        self._expected: float | None = None

    def pilot(self, connection: sa.Connection) -> int:
        """Pages that are asked before the forecast, but for those that are known by now.

        A round ends with them, so a run that goes on where another stopped must not begin anew.
        """
        limit = self._run.budget.limit
        if limit is None or not self._planner.learns:
            return 0
        pages = max(1, int(pilot_requests(limit) / self._planner.page_requests))
        return pages - self._planner.known_pages(connection)

    def announce(self, connection: sa.Connection) -> None:
        """After the pilot: say what the budget should fill, with what the pilot did."""
        budget = self._run.budget
        if budget.limit is None:
            return
        found = self._planner.forecast(connection, budget.left)
        if found is None:
            return
        filled = self._planner.run_yield(connection)
        tracks, pages = (filled.tracks, filled.pages) if filled is not None else (0, 0)
        self._expected = found.tracks + tracks
        # This is the store's thread, and the terminal is the loop's.
        self._loop.call_soon_threadsafe(
            self._run.outcome.tell,
            f"Budget {budget.limit:,}: {found.pages + pages:,} {self._asks} should add about "
            f"{self._expected:,.0f} tracks\n"
            f"({found.low + tracks:,.0f} to {found.high + tracks:,.0f} in four of five runs) "
            f"to the {found.lacking} of {found.cells} cells below {self._planner.cell_minimum}; "
            f"{pages} {self._asks} of it are answered.",
        )

    async def conclude(self) -> None:
        """After the last page: say what was filled, beside what had been expected."""
        found = await self._run.store.run(self._planner.run_yield)
        if found is None:
            return
        budget = self._run.budget
        if budget.limit is not None and self._planner.left_out:
            self._run.outcome.note(
                f"Stopped with {budget.left:,} of {budget.limit:,} requests left: nothing that is "
                f"left to ask is expected to bring {LEAST_NEW} tracks."
            )
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
