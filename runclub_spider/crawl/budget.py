"""The requests a run may send, and what the tracks it finds will cost of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from runclub_spider.apis.call import Family
from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH, TRACKS_BATCH
from runclub_spider.apis.spotify.regimes import Regime


class BudgetSpent(Exception):
    """The requests granted with `-a budget=N` are used up."""


class Worker(Protocol):
    """An enrichment worker, as far as the budget needs it."""

    @property
    def calls_needed(self) -> int:
        """Calls for all ids taken up in this run, sent or not."""
        ...


@dataclass(frozen=True, slots=True)
class PlanCosts:
    """What a fleet's plan has cost by now.

    Attributes:
        elsewhere: requests of its other runs, by family.
        needed: calls for all that its pages found and enrichment will ask; None: not reckoned.
    """

    elsewhere: Counter[str]
    needed: int | None


class Budget:
    """Requests granted (`limit`, None: as many as it takes) and requests spent, by family."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.spent: Counter[str] = Counter()
        self.workers: list[Worker] = []
        # Of a fleet, what all runs of its plan have spent and need, as last read.
        self._plan: PlanCosts | None = None

    def take_up(self, plan: PlanCosts) -> None:
        """What all runs of the fleet's plan have spent and will need, read from the store."""
        self._plan = plan

    def check(self) -> None:
        """Raise `BudgetSpent` when no further request is granted."""
        if self.limit is not None and self._all_spent >= self.limit:
            raise BudgetSpent(f"the budget of {self.limit} requests is spent")

    @property
    def _all_spent(self) -> int:
        """Requests that were sent, by this run and the others of its plan."""
        elsewhere = 0 if self._plan is None else self._plan.elsewhere.total()
        return elsewhere + self.spent.total()

    def spend(self, family: str) -> None:
        """Take one request."""
        self.spent[family] += 1

    def enlist(self, worker: Worker) -> None:
        """Have a worker's calls reckoned with."""
        self.workers.append(worker)

    @property
    def calls_waiting(self) -> int:
        """Calls for all ids that enrichment took up in this run, or will for its plan."""
        if self._plan is not None and self._plan.needed is not None:
            return self._plan.needed
        return sum(worker.calls_needed for worker in self.workers)

    @property
    def left(self) -> int:
        """Requests for new pages, after those sent and those that enrichment will need."""
        assert self.limit is not None
        return max(self.limit - self._all_spent - self.calls_waiting, 0)

    def affordable_pages(self, regime: Regime, page_size: int, *, begun: bool) -> int | None:
        """How many more pages are granted with the enrichment they will need.

        Counted from ids found, not from calls sent, so that it is the same at the same point
        of the ledger however fast the workers are. None without a budget. Before a page is
        asked (not `begun`) whatever is left buys one.
        """
        if self.limit is None:
            return None
        asked = self.spent[Family.SEARCH] + self.spent[Family.PLAYLIST]
        if self._plan is not None:
            elsewhere = self._plan.elsewhere
            asked += elsewhere[Family.SEARCH] + elsewhere[Family.PLAYLIST]
            begun = asked > 0
        left = self.limit - asked - self.calls_waiting
        rows = regime.search_page(page_size)
        a_page = 1 + rows / FEATURES_BATCH + rows / max(regime.artist_batch, rows)
        if not regime.track_popularity:
            a_page += rows / TRACKS_BATCH
        pages = int(left / a_page)
        return pages if pages or begun else min(1, left)
