"""The guard of one API: how many at once, how long to wait, when to stop asking.

No Scrapy in here: it is handed a coroutine function that sends once, and decides whether and
when that may happen. What it learns of a long refusal it tells `on_block`, which stores it.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Protocol, TypeVar

from runclub_spider.apis.decoding import TooLarge, Unreadable, is_whole
from runclub_spider.apis.pacer import GivenBack, Pacer

ALL = "*"
# Errors of a moment; those from 520 are of Cloudflare, which stands before several APIs.
RETRIED = frozenset({408, 425, 500, 502, 503, 504, *range(520, 525)})
TIMED_OUT = "no whole answer in time"
# Waited out when a refusal names no time: nobody knows the length of such a ban, and
# asking once an hour cannot prolong it much.
UNNAMED_BLOCK_SECONDS = 3600.0
# No refusal is believed for longer: one odd answer must not shut an API for years.
LONGEST_BLOCK_SECONDS = 30 * 86_400.0
# An answer beyond the limit costs as much each time it is fetched.
_LARGE_TRIES = 2
# Shorter waits are over before they are read of; and keeping a pace is a wait for each call.
_TOLD_SECONDS, _TOLD_USUAL_SECONDS = 0.5, 5.0
# Good answers in a row after which one more call may be on its way.
_STEP = 10


class ApiPaused(Exception):
    """The API refuses requests until a moment too far away to wait for.

    `family` is the endpoint family it refuses, `*` when it refuses all.
    """

    def __init__(self, api: str, family: str, until: float, reason: str) -> None:
        what = api if family == ALL else f"{api} {family}"
        super().__init__(f"{what} refuses requests ({reason})")
        self.api, self.family, self.until, self.reason = api, family, until, reason


class ApiUnavailable(Exception):
    """The API kept failing through all tries; the work stays pending."""

    def __init__(self, api: str, problem: str) -> None:
        super().__init__(f"{api}: {problem}")
        self.api, self.problem = api, problem


class NoAnswer(Exception):
    """Nothing came back of a call that was sent; the text says why, in a few words."""


class Stopping(Exception):
    """The run is being stopped; nothing new is sent."""


class Answer(Protocol):
    """What the guard needs to see of an answer; the body unpacked."""

    @property
    def status(self) -> int: ...  # noqa: D102

    @property
    def body(self) -> bytes: ...  # noqa: D102


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """Limits of one API; times in seconds.

    `concurrency` requests may be on their way at first; `most`, if larger, is reached step by
    step while nothing is refused. A refusal brings such an API down to one. `unnamed_block` says
    that a refusal without a time is taken for a ban, and not merely retried.
    """

    concurrency: int
    retries: int
    backoff: float
    max_wait: float
    most: int = 0
    unnamed_block: bool = True


class AdaptiveSemaphore:
    """A semaphore whose size follows the API's mood."""

    def __init__(self, limits: GuardLimits) -> None:
        self.size = limits.concurrency
        self.most = max(limits.most, limits.concurrency)
        self._adaptive = limits.most > limits.concurrency
        self._used = self._answers = 0
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._used < self.size)
            self._used += 1

    async def __aexit__(self, *_error: object) -> None:
        async with self._changed:
            self._used -= 1
            self._changed.notify_all()

    def answered(self) -> None:
        """A good answer; after ten in a row one more may be on its way."""
        self._answers += 1
        if self._adaptive and self._answers >= _STEP and self.size < self.most:
            self.size, self._answers = self.size + 1, 0

    def refused(self) -> None:
        """A refusal."""
        self._answers = 0
        if self._adaptive:
            self.size = 1


class Guard:
    """Lets requests of one API through, one window and one cap for all of its callers.

    `too_long` says of so many seconds that a call is to be given back rather than to wait for them.
    While `careful` says so of a family, or the window holds nearly as many calls as the API is
    known to take, calls go one at a time: a refusal is then met by one call and not by all that
    are on their way.

    `clock` measures waits and only ever goes forward; `wall` tells the time of day, in which
    refusals are kept from run to run.
    """

    def __init__(
        self,
        api: str,
        limits: GuardLimits,
        *,
        pacer: Pacer | None = None,
        count: Callable[[str], None] = lambda _event: None,
        on_block: Callable[[str, float, str], None] = lambda _family, _until, _reason: None,
        stopping: Callable[[], bool] = lambda: False,
        careful: Callable[[str], bool] = lambda _family: False,
        too_long: Callable[[float], bool] = lambda _seconds: False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.api = api
        self.limits = limits
        self.pacer = pacer or Pacer(math.inf)
        self.slots = AdaptiveSemaphore(limits)
        # By family: end by the clock, end by the time of day, reason.
        self._blocks: dict[str, tuple[float, float, str]] = {}
        # Calls sent and not yet answered, by family.
        self.in_flight: Counter[str] = Counter()
        self._window_until = self._retry_at = -math.inf
        self._count, self._on_block, self._stopping = count, on_block, stopping
        self._careful, self._alone = careful, asyncio.Lock()
        self._too_long = too_long
        self._clock, self._wall, self._sleep = clock, wall, sleep

    def block(self, family: str, until: float, reason: str) -> None:
        """Refuse a family of endpoints (`*`: all) until a moment (epoch seconds).

        At most for 30 days from now.
        """
        left = min(until - self._wall(), LONGEST_BLOCK_SECONDS)
        self._blocks[family] = (self._clock() + left, self._wall() + left, reason)

    def room(self) -> float:
        """Calls that may be sent without a wait that is worth speaking of; 0 within one."""
        if self._window_until - self._clock() >= _TOLD_SECONDS:
            return 0.0
        return self.pacer.room()

    def waits(self) -> list[tuple[str, float]]:
        """What its callers wait for, in words, and how many seconds more; long waits alone."""
        now = self._clock()
        known = [
            ("asks to wait", self._window_until - now, _TOLD_SECONDS),
            ("is tried again in", self._retry_at - now, _TOLD_USUAL_SECONDS),
            ("may be asked again in", self.pacer.free_at - now, _TOLD_USUAL_SECONDS),
        ]
        return [(what, left) for what, left, least in known if left >= least]

    async def send(
        self,
        once: Callable[[], Awaitable[A]],
        headers: Callable[[A], Mapping[str, str]],
        *,
        family: str,
        spend: Callable[[], None] = lambda: None,
    ) -> A:
        """Send until there is an answer that retrying would not better.

        `once` raises `Unreadable` for an answer that is of no use, `NoAnswer` when none came.

        Raises:
            ApiPaused: refused for longer than `max_wait`, now or before.
            ApiUnavailable: failed on every try.
            Stopping: the run ended while waiting.
            GivenBack: it would have to wait for longer than `too_long` wants.
        """
        async with self.slots:
            if not (self._careful(family) or self.pacer.nearly_full(self.slots.most)):
                return await self._send(once, headers, family, spend)
            async with self._alone:
                return await self._send(once, headers, family, spend)

    async def _send(
        self,
        once: Callable[[], Awaitable[A]],
        headers: Callable[[A], Mapping[str, str]],
        family: str,
        spend: Callable[[], None],
    ) -> A:
        problem, tries, large = "", 0, 0
        while tries <= self.limits.retries and large < _LARGE_TRIES:
            if tries:
                self._count("retries")
                ceiling = self.limits.backoff * 2 ** (tries - 1)
                pause = random.uniform(0, min(ceiling, self.limits.max_wait))
                self._retry_at = max(self._retry_at, self._clock() + pause)
                await self.wait(pause)
            tries += 1
            await self._pass_window(family)
            number = await self.pacer.pace(self._stopping, self._too_long)
            # Waiting for its turn took time: the window may have closed meanwhile.
            await self._pass_window(family)
            spend()
            self._count("requests")
            self.in_flight[family] += 1
            try:
                answer = await once()
                if answer.status == 200 and not is_whole(answer.body):
                    raise Unreadable("an answer cut short")
            except Unreadable as error:
                problem = str(error)
                large += isinstance(error, TooLarge)
                # However it looked, the API took the call.
                self.pacer.answered(number)
                self._count("errors")
                continue
            except NoAnswer as error:
                problem = str(error)
                self._count("errors")
                continue
            finally:
                self.in_flight[family] -= 1
            if answer.status == 429:
                problem = "429"
                self._count("refused")
                self._read_refusal(family, number, answer.body, headers(answer))
                continue
            if answer.status in RETRIED:
                self.pacer.troubled(number)
                problem = f"status {answer.status}"
                self._count("errors")
                self._read_busy(headers(answer))
                continue
            self.pacer.answered(number)
            self.slots.answered()
            return answer
        raise ApiUnavailable(self.api, f"{problem} after {tries} tries")

    def _read_refusal(
        self, family: str, number: int, body: bytes, headers: Mapping[str, str]
    ) -> None:
        # ListenBrainz names the seconds in a header of its own.
        named = headers.get("retry-after") or headers.get("x-ratelimit-reset-in")
        wait = retry_after(named, self._wall())
        quota = b"QUOTA_EXCEEDED" in body
        self.slots.refused()
        if not quota and wait is not None and wait <= self.limits.max_wait:
            # A ban of hours says nothing about the calls a window takes.
            self.pacer.refused(number)
        if wait is None and not quota and not self.limits.unnamed_block:
            return
        if wait is not None and wait <= self.limits.max_wait and not quota:
            self._window_until = max(self._window_until, self._clock() + wait)
            return
        reason = "quota exceeded" if quota else "rate limit"
        if wait is None:
            reason += ", no Retry-After"
        # A quota is one family's; a long rate limit is a ban of the app (reference, 4.2).
        scope = family if quota else ALL
        self._refuse(scope, UNNAMED_BLOCK_SECONDS if wait is None else wait, reason)

    def _read_busy(self, headers: Mapping[str, str]) -> None:
        """An error of the server may name its length: a short one is waited out."""
        wait = retry_after(headers.get("retry-after"), self._wall())
        if wait is None:
            return
        if wait <= self.limits.max_wait:
            self._window_until = max(self._window_until, self._clock() + wait)
            return
        self._refuse(ALL, wait, "out of service")

    def _refuse(self, scope: str, wait: float, reason: str) -> None:
        until = self._wall() + wait
        self.block(scope, until, reason)
        self._on_block(scope, until, reason)
        raise ApiPaused(self.api, scope, until, reason)

    async def _pass_window(self, family: str) -> None:
        while True:
            now = self._clock()
            for scope in (ALL, family):
                end, until, reason = self._blocks.get(scope, (-math.inf, 0.0, ""))
                if now < end:
                    raise ApiPaused(self.api, scope, until, reason)
            if now >= self._window_until:
                if self._stopping():
                    raise Stopping(self.api)
                return
            if self._too_long(self._window_until - now):
                raise GivenBack
            await self.wait(self._window_until - now)

    async def wait(self, seconds: float) -> None:
        """Wait in small steps, so that a stop need not wait for the end; raises `Stopping`."""
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0:
            if self._stopping():
                raise Stopping(self.api)
            await self._sleep(min(left, 0.25))


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` header, which is a number or an HTTP date.

    Of several, as proxies join them, the longest; never beyond 30 days. None for what is neither.
    """
    waits = [_seconds(part) for part in (value or "").split(",")]
    known = [wait for wait in waits if wait is not None]
    if not known:
        known = [until - now for until in [_date(value or "")] if until is not None]
    return min(max(0.0, *known), LONGEST_BLOCK_SECONDS) if known else None


def _seconds(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    # A number beyond a float's range is one all the same; "inf" and "nan" are none.
    known = math.isfinite(found) or text.strip().isdigit()
    return found if known else None


def _date(text: str) -> float | None:
    """Epoch seconds of an HTTP date; dates are GMT, also where they do not say so."""
    try:
        parts = parsedate_tz(text)
        if parts is None:
            return None
        return math.inf if parts[0] > 9999 else float(mktime_tz((*parts[:9], parts[9] or 0)))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
