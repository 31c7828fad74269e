"""Finding the rate an API allows, from below, and staying under it.

Spotify counts calls in a rolling window of 30 seconds and publishes no number (reference, 4).
The pacer starts low, grows while nothing is refused, and takes the number of calls that stood in
the window for the ceiling once two refusals agree on it. From then on it keeps a margin below it,
and feels its way up only slowly.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

WINDOW_SECONDS = 30.0
# Below a known ceiling: room for clocks that differ and requests on their way.
_MARGIN = 0.97
_DECREASE = 0.9
# Counts that agree to this share are one limit; below so many calls a window none is learnt.
_AGREE = 0.85
_LEAST_CEILING = 5
# Good answers in a row after which the ceiling is tried: one refusal in 500 calls at most.
_PATIENCE, _LEAST_PATIENCE = 500, 20


class GivenBack(Exception):
    """A call would have to wait for longer than its caller wants; it was not sent."""


def _patient(_seconds: float) -> bool:
    return False


class Pacer:
    """Lets calls through so that no window of 30 seconds holds more than `limit`.

    `start` is the first limit in calls a window; `math.inf` paces nothing until a refusal.
    `ceiling` is what an earlier run learnt. Not `clean`: calls of another run may still stand
    in the API's window, so that a refusal within the first one teaches nothing.
    """

    def __init__(
        self,
        start: float,
        ceiling: int | None = None,
        *,
        clean: bool = True,
        window: float = WINDOW_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.ceiling = ceiling
        self.limit = start if ceiling is None else _below(ceiling)
        self._window, self._clock, self._sleep = window, clock, sleep
        # Calls of the last window by number: when they were sent, and whether they were taken.
        self._sent: dict[int, float] = {}
        self._taken: set[int] = set()
        self._number = 0
        self._clean_from = clock() + (0.0 if clean else window)
        # Good answers until the ceiling is tried, and how far above.
        self._patience, self._step = _PATIENCE, 1
        self._good = 0
        self._refused_at: float | None = None
        self._held = 0
        self._confirmed = False
        # When a call that waits gets its place.
        self.free_at = -math.inf
        self._lock = asyncio.Lock()

    async def pace(
        self, stopping: Callable[[], bool], too_long: Callable[[float], bool] = _patient
    ) -> int:
        """Wait for a place in the window and take it; returns its number.

        Returns early when the run stops.

        Raises:
            GivenBack: it would take so many seconds that `too_long` says so.
        """
        async with self._lock:
            while (wait := self._wait_needed()) > 0 and not stopping():
                if too_long(wait):
                    raise GivenBack
                self.free_at = self._clock() + wait
                await self._sleep(min(wait, 0.25))
            self._number += 1
            self._sent[self._number] = self._clock()
            return self._number

    def room(self) -> float:
        """Calls that the window takes now; infinite while nothing is paced."""
        self._forget(self._clock())
        return max(0.0, self.limit - len(self._sent))

    def nearly_full(self, calls: int) -> bool:
        """Whether the window has no room for so many more calls under a limit that was found."""
        if self.ceiling is None:
            return False
        self._forget(self._clock())
        return len(self._sent) + calls > self.limit

    def answered(self, number: int) -> None:
        """The call was taken.

        Until the first refusal the limit doubles a window. Later the ceiling is tried, rarely
        and by one; when that holds, sooner and further, so that a ceiling found too low (or
        raised by the API) does not stay.
        """
        if number in self._sent:
            self._taken.add(number)
        if self.ceiling is None:
            self.limit += 1
            return
        self._good += 1
        if self._good >= self._patience:
            self.ceiling += self._step
            self.limit = _below(self.ceiling)
            self._good, self._step = 0, self._step * 2
            self._patience = max(_LEAST_PATIENCE, self._patience // 2)

    def troubled(self, number: int) -> None:
        """The call met an error of the server, which says nothing about rates."""
        self.answered(number)

    def refused(self, number: int) -> None:
        """The call was refused: those taken within the window may be as many as it allows.

        Two refusals in a row at about the same count show a limit; a single one, or one far
        below a known limit, may be chance and is only waited out. Several calls that were on
        their way together are one refusal; each may correct the count upwards, for more
        answers are in by then.
        """
        now = self._clock()
        self._sent.pop(number, None)
        self._forget(now)
        held = len(self._taken)
        again = self._refused_at is not None and now - self._refused_at < self._window / 2
        if not again:
            self._refused_at = now
        self._good, self._patience, self._step = 0, _PATIENCE, 1
        if now < self._clean_from:
            return
        if again:
            self._held = max(self._held, held)
            if self._confirmed and self.ceiling is not None:
                self.ceiling = max(self.ceiling, held)
        else:
            before, self._held = self._held, held
            self._confirmed = self._confirms(before, held)
        if self.ceiling is not None:
            self.limit = _below(self.ceiling)
        elif math.isfinite(self.limit):
            self.limit = float(max(1, self._held))

    def _confirms(self, before: int, held: int) -> bool:
        """Take a refusal for the ceiling if it agrees with what is known; says whether it did."""
        if self.ceiling is not None and held >= _AGREE * self.ceiling:
            self.ceiling = max(math.floor(self.ceiling * _DECREASE), min(held, self.ceiling - 1))
            return True
        high, low = max(before, held), min(before, held)
        if low >= _LEAST_CEILING and low >= _AGREE * high:
            self.ceiling = high
            return True
        return False

    def _wait_needed(self) -> float:
        now = self._clock()
        self._forget(now)
        if math.isinf(self.limit):
            return 0.0
        limit = math.floor(self.limit)
        times = list(self._sent.values())
        # Not all at once: half the even distance at least.
        spaced = times[-1] + self._window / limit / 2 - now if times else 0.0
        if len(times) < limit:
            return max(spaced, 0.0)
        return max(times[len(times) - limit] + self._window - now, spaced, 0.001)

    def _forget(self, now: float) -> None:
        while self._sent:
            number = next(iter(self._sent))
            if self._sent[number] > now - self._window:
                break
            del self._sent[number]
            self._taken.discard(number)


class Metronome(Pacer):
    """Lets one call through every `interval` seconds, for an API that publishes its rate.

    MusicBrainz answers a client that is too fast with 503s, and one that keeps to the rate with a
    few as well. Each doubles the distance, up to 32 seconds; each good answer halves it again.
    """

    _LONGEST = 32.0

    def __init__(
        self,
        interval: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(math.inf, clock=clock, sleep=sleep)
        self._interval = self._distance = interval
        self._last = -math.inf

    async def pace(
        self, stopping: Callable[[], bool], too_long: Callable[[float], bool] = _patient
    ) -> int:
        """Wait for the next beat; see :meth:`Pacer.pace`."""
        number = await super().pace(stopping, too_long)
        self._last = self._clock()
        return number

    def answered(self, number: int) -> None:  # noqa: ARG002 - every call counts alike
        """Back towards the interval."""
        self._distance = max(self._interval, self._distance / 2)

    def troubled(self, number: int) -> None:  # noqa: ARG002
        """Further apart."""
        self._distance = min(self._LONGEST, self._distance * 2)

    refused = troubled

    def _wait_needed(self) -> float:
        return max(0.0, self._last + self._distance - self._clock())


def _below(ceiling: int) -> float:
    return float(max(1, min(ceiling - 1, math.floor(ceiling * _MARGIN))))
