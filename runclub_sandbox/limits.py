"""Rate windows and daily quotas: how often an app may ask, and how it is told to wait."""

from __future__ import annotations

import math
import time
from collections import deque
from email.utils import formatdate

#: The last second that an HTTP date can name.
_LAST_DATE = 253_402_300_799


class Window:
    """Calls in a rolling window; one call too many closes it until its oldest call leaves."""

    def __init__(self) -> None:
        self._calls: deque[float] = deque()
        self.closed_until = 0.0

    def ask(self, now: float, limit: int | None, length: float) -> float:
        """Counts a call, or refuses it.

        Args:
            now: wall-clock seconds.
            limit: calls the window takes; None for no limit.
            length: seconds.

        Returns:
            0 when the call is let through, else the seconds to wait.
        """
        if now < self.closed_until:
            return self.closed_until - now
        while self._calls and self._calls[0] <= now - length:
            self._calls.popleft()
        if limit is not None and len(self._calls) >= limit:
            self.closed_until = self._calls[0] + length
            return max(self.closed_until - now, 0.001)
        self._calls.append(now)
        return 0.0


class Bucket:
    """Calls of one quota family; when full it stays shut for a day from its first call on."""

    def __init__(self) -> None:
        self.calls = 0
        self.opened_at = 0.0

    def ask(self, now: float, limit: int | None, day: float) -> float:
        """Counts a call, or answers with the seconds until the bucket is empty again."""
        if not self.calls or now >= self.opened_at + day:
            self.calls, self.opened_at = 0, now
        if limit is not None and self.calls >= limit:
            return max(self.opened_at + day - now, 0.001)
        self.calls += 1
        return 0.0


class Penalties:
    """The waits that were announced, to notice requests that come inside one.

    A request that was already on its way when the 429 went out is no offence; ``GRACE`` seconds
    after the announcement count as that.
    """

    GRACE = 0.05

    def __init__(self) -> None:
        self._waits: dict[str, tuple[float, float]] = {}

    def announce(self, scope: str, now: float, until: float) -> None:
        """Notes that a scope (an API or one of its families) was told to wait until then."""
        begun, known = self._waits.get(scope, (now, 0.0))
        self._waits[scope] = (begun if known > now else now, max(known, until))

    def check(self, scope: str, now: float) -> str | None:
        """``inside_window``, ``in_flight`` (just announced) or None."""
        begun, until = self._waits.get(scope, (0.0, 0.0))
        if now >= until:
            return None
        return "in_flight" if now < begun + self.GRACE else "inside_window"


def retry_after(form: str, wait: float) -> tuple[str | None, float]:
    """The header's value and the wall-clock moment it promises.

    Args:
        form: ``seconds``, ``date`` or ``none``.
        wait: seconds, rounded up to whole ones.

    Returns:
        Header value (None for no header) and the end of the announced wait (0 without one).
    """
    now = time.time()
    if form == "none":
        return None, 0.0
    if form == "date":
        until = min(math.ceil(now + wait), _LAST_DATE)
        return formatdate(until, usegmt=True), float(until)
    seconds = max(1, math.ceil(wait))
    return str(seconds), now + seconds
