"""The requests a run may send, and what the tracks it finds will cost of them."""

from __future__ import annotations

from collections import Counter
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


class Budget:
    """Requests granted (`limit`, None: as many as it takes) and requests spent, by family."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.spent: Counter[str] = Counter()
        self.workers: list[Worker] = []

    def check(self) -> None:
        """Raise `BudgetSpent` when no further request is granted."""
        if self.limit is not None and self.spent.total() >= self.limit:
            raise BudgetSpent(f"the budget of {self.limit} requests is spent")

    def spend(self, family: str) -> None:
        """Take one request."""
        self.spent[family] += 1

    def enlist(self, worker: Worker) -> None:
        """Have a worker's calls reckoned with."""
        self.workers.append(worker)

    @property
    def calls_waiting(self) -> int:
        """Calls for all ids that enrichment took up in this run."""
        return sum(worker.calls_needed for worker in self.workers)

    @property
    def left(self) -> int:
        """Requests for new pages, after those sent and those that enrichment will need."""
        assert self.limit is not None
        return max(self.limit - self.spent.total() - self.calls_waiting, 0)

    def affordable_pages(self, regime: Regime, page_size: int, *, begun: bool) -> int | None:
        """How many more pages are granted with the enrichment they will need.

        Counted from ids found, not from calls sent, so that it is the same at the same point
        of the ledger however fast the workers are. None without a budget. Before a page is
        asked (not `begun`) whatever is left buys one.
        """
        if self.limit is None:
            return None
        asked = self.spent[Family.SEARCH] + self.spent[Family.PLAYLIST]
        left = self.limit - asked - self.calls_waiting
        rows = regime.search_page(page_size)
        a_page = 1 + rows / FEATURES_BATCH + rows / max(regime.artist_batch, rows)
        if not regime.track_popularity:
            a_page += rows / TRACKS_BATCH
        pages = int(left / a_page)
        return pages if pages or begun else min(1, left)
