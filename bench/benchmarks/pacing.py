"""Finding an unknown rate limit: ours beside a fixed delay and AutoThrottle, in virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.table import Table, verdict
from runclub_spider.apis.guard import Guard, GuardLimits
from runclub_spider.apis.pacer import WINDOW_SECONDS, Pacer

if TYPE_CHECKING:
    from bench.context import Context

LIMITS = (30, 100, 300)
#: Seconds of virtual time: to learn, and to be measured by.
LEARNING, MEASURED = 1200.0, 3600.0
LATENCY, START = 0.05, 30
FIXED_DELAYS = (0.2, 0.5)
#: Scrapy's defaults: the delay it begins with, and how many downloads it wants in parallel.
AUTOTHROTTLE_START, AUTOTHROTTLE_TARGET, RETRIES = 5.0, 1.0, 2


@dataclass(slots=True)
class Server:
    """Takes `limit` calls in a rolling window; one more closes it until its oldest call leaves."""

    limit: int
    now: float = 0.0
    closed_until: float = 0.0
    taken: deque[float] = field(default_factory=deque)
    accepted: int = 0
    refused: int = 0

    def ask(self) -> float:
        """Answer a call: 0 when it is taken, else the seconds to wait."""
        self.now += LATENCY
        while self.taken and self.taken[0] <= self.now - WINDOW_SECONDS:
            self.taken.popleft()
        if self.now >= self.closed_until and len(self.taken) < self.limit:
            self.taken.append(self.now)
            self.accepted += 1
            return 0.0
        self.refused += 1
        if self.now >= self.closed_until:
            self.closed_until = self.taken[0] + WINDOW_SECONDS
        return float(int(self.closed_until - self.now) + 1)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What the guard sees of an answer."""

    status: int
    body: bytes
    headers: dict[str, str]


def ours(server: Server) -> Callable[[], None]:
    """One call through the guard and its pacer."""

    def clock() -> float:
        return server.now

    guard = Guard(
        "virtual",
        GuardLimits(concurrency=1, retries=4, backoff=0.5, max_wait=60),
        pacer=Pacer(START, clock=clock, sleep=server.sleep),
        clock=clock,
        sleep=server.sleep,
    )

    async def once() -> Answer:
        wait = server.ask()
        headers = {"retry-after": f"{wait:.0f}"} if wait else {}
        return Answer(429 if wait else 200, b"{}", headers)

    loop = asyncio.new_event_loop()

    def call() -> None:
        loop.run_until_complete(guard.send(once, lambda answer: answer.headers, family="search"))

    return call


def fixed(delay: float) -> Callable[[Server], Callable[[], None]]:
    """A pause after each call, and after a refusal the wait it names."""

    def client(server: Server) -> Callable[[], None]:
        def call() -> None:
            while wait := server.ask():
                server.now += wait
            server.now += delay

        return call

    return client


def autothrottle(server: Server) -> Callable[[], None]:
    """Scrapy's rule: half way to latency ÷ target; a refusal only never makes it faster."""
    delay = AUTOTHROTTLE_START

    def call() -> None:
        nonlocal delay
        for _ in range(RETRIES + 1):
            wait = server.ask()
            wanted = LATENCY / AUTOTHROTTLE_TARGET
            faster = max(wanted, (delay + wanted) / 2)
            delay = max(delay, faster) if wait else faster
            server.now += delay
            if not wait:
                return

    return call


def measured(make: Callable[[Server], Callable[[], None]], limit: int) -> tuple[float, float]:
    """Share of the limit that is used after learning, and share of the calls that are refused."""
    server = Server(limit)
    call = make(server)
    while server.now < LEARNING:
        call()
    server.accepted = server.refused = 0
    begun = server.now
    while server.now < begun + MEASURED:
        call()
    room = limit * (server.now - begun) / WINDOW_SECONDS
    return server.accepted / room, server.refused / (server.accepted + server.refused)


def run(context: Context) -> Table:
    table = Table("pacing: hidden limits of N calls in 30 s", "AutoThrottle")
    for limit in LIMITS:
        context.say(f"N = {limit}")
        table.heading(f"N = {limit}")
        used, refused = measured(ours, limit)
        auto_used, auto_refused = measured(autothrottle, limit)
        table.add(
            "of N used", f"{used:.1%}", f"{auto_used:.1%}", "", verdict("≥ 90 %", used >= 0.9)
        )
        table.add(
            "of calls refused",
            f"{refused:.2%}",
            f"{auto_refused:.2%}",
            "",
            verdict("≤ 0.5 %", refused <= 0.005),
        )
        for delay in FIXED_DELAYS:
            fixed_used, fixed_refused = measured(fixed(delay), limit)
            table.add(
                f"a fixed delay of {delay} s", f"{fixed_used:.1%} used", f"{fixed_refused:.2%}"
            )
    table.notes += [
        "Virtual time: one client, answers after 50 ms, 20 minutes to learn, an hour",
        "measured. Ours is the product's guard and pacer. AutoThrottle by its rule, with",
        "two retries at once as Scrapy does. Fixed delays: last column is what is refused.",
    ]
    return table
