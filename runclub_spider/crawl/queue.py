"""The pages of one run, as far as memory must know them: sent, stored, put off."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from runclub_spider.crawl.outcome import INCOMPLETE, Outcome

if TYPE_CHECKING:
    from runclub_spider.frontier.driver import Frontier
    from runclub_spider.frontier.planners import Planner


class PageQueue:
    """Between Scrapy's components, which hold requests, and the frontier, which waits for them."""

    def __init__(self, outcome: Outcome, count: Callable[[str], None]) -> None:
        self._outcome, self._count = outcome, count
        self._frontier: Frontier | None = None
        # Pages handed out, those that were sent, and those the store holds (as deltafetch has
        # their keys).
        self.handed_out = 0
        self.sent: set[str] = set()
        self.stored: set[bytes] = set()
        # With which number pages were given out, where others have some too.
        self.leases: dict[str, int] = {}
        # Answered pages of which no row could be read, and the field to blame.
        self.unreadable: dict[str, str] = {}
        outcome.when_ended.append(self.stop)

    def follow(self, frontier: Frontier) -> None:
        """From now on the frontier hears what becomes of its pages."""
        self._frontier = frontier

    def hand_out(self, key: str) -> None:
        """A page is about to be asked, even one that was stored before."""
        self.handed_out += 1
        # Planned once more, for example when a list went back to an older snapshot.
        self.stored.discard(key.encode())

    def lease(self, key: str, token: int) -> None:
        """A page was given to this run under a number; only with the last one it can be stored."""
        self.leases[key] = token
        # Another run may have put it off since it was sent here.
        self.sent.discard(key)
        self.stored.discard(key.encode())

    def ask_again(self, *keys: str) -> None:
        """Pages may be sent once more in this run."""
        self.sent.difference_update(keys)

    def take_back(self, key: str) -> None:
        """A page is too large for the key: it will be planned anew."""
        self.handed_out -= 1
        self.sent.discard(key)
        self.settle(key)

    def give_back(self, key: str) -> None:
        """A page was not sent, for another run of the fleet may ask it sooner."""
        self.handed_out -= 1
        self.sent.discard(key)
        if self._frontier is not None:
            self._frontier.give_back(key)

    def settle(self, key: str) -> None:
        """A page is stored."""
        if self._frontier is not None:
            self._frontier.settle(key)

    def hold_back(self, key: str) -> None:
        """A page waits for the next run, for a reason that is told elsewhere or not yet known."""
        if self._frontier is not None:
            self._frontier.settle(key, deferred=True)

    def put_off(self, key: str, reason: str | None) -> None:
        """A page was lost to this run; without a reason that is told elsewhere."""
        if reason and not self._outcome.ended:
            self._outcome.report(INCOMPLETE, reason)
        self._count("runclub/pages_put_off")
        self.hold_back(key)

    def put_aside(self, key: str, blamed: str) -> None:
        """A page was answered and no row could be read, for want of the field `blamed`."""
        self.unreadable[key] = blamed
        self._count("runclub/pages_unreadable")
        if self._frontier is not None:
            self._frontier.put_aside(key)

    def stop(self) -> None:
        """Ask no further pages."""
        if self._frontier is not None:
            self._frontier.stop()

    @property
    def begun(self) -> bool:
        """Whether there is a frontier."""
        return self._frontier is not None

    @property
    def planner(self) -> Planner | None:
        """Who plans the pages, once there is a frontier."""
        return self._frontier.planner if self._frontier is not None else None

    @property
    def deferred(self) -> list[str]:
        """Keys of pages that wait for the next run."""
        return sorted(self._frontier.deferred) if self._frontier is not None else []

    @property
    def outstanding(self) -> int:
        """Pages of the round that are neither stored nor put off."""
        return self._frontier.outstanding if self._frontier is not None else 0

    @property
    def ran_dry(self) -> bool:
        """Whether there was nothing more to ask."""
        return self._frontier is not None and self._frontier.ran_dry

    @property
    def exhausted(self) -> bool:
        """Whether everything there was to ask was answered."""
        return self._frontier is not None and self._frontier.exhausted
