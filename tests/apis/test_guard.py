"""The guard of one API, on a clock that only moves when somebody sleeps."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.apis.decoding import TooLarge, Unreadable
from runclub_spider.apis.guard import (
    ALL,
    LONGEST_BLOCK_SECONDS,
    TIMED_OUT,
    UNNAMED_BLOCK_SECONDS,
    ApiPaused,
    ApiUnavailable,
    Guard,
    GuardLimits,
    NoAnswer,
    Stopping,
    retry_after,
)
from runclub_spider.apis.pacer import WINDOW_SECONDS, Pacer
from runclub_spider.apis.service import Hooks
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.config import Config

NOW = 1_800_000_000.0
QUOTA = b'{"error":{"status":429,"message":"Too many requests","reason":"QUOTA_EXCEEDED"}}'


@dataclass
class Answered:
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


Step = Answered | Exception


def refused(after: object = None, body: bytes = b"Too many requests") -> Answered:
    return Answered(429, body, {} if after is None else {"retry-after": str(after)})


class World:
    """A clock, a script of answers, and notes of what the guard did."""

    def __init__(self, script: Iterable[Step] = (), **limits: float) -> None:
        self.now = NOW
        # By how much the time of day was set wrong.
        self.wound = 0.0
        self.script = list(script)
        self.sent: list[float] = []
        self.events: list[str] = []
        self.blocks: list[tuple[str, float, str]] = []
        self.stopping = self.stop_when_asleep = False
        values = {"concurrency": 4, "retries": 4, "backoff": 0.5, "max_wait": 60.0, **limits}
        self.guard = Guard(
            "spotify",
            GuardLimits(**values),  # type: ignore[arg-type]
            count=self.events.append,
            pacer=Pacer(math.inf, clock=lambda: self.now, sleep=self.sleep),
            on_block=lambda family, until, reason: self.blocks.append((family, until, reason)),
            stopping=lambda: self.stopping,
            clock=lambda: self.now,
            wall=lambda: self.now + self.wound,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self.stopping |= self.stop_when_asleep
        await asyncio.sleep(0)

    async def once(self) -> Answered:
        self.sent.append(self.now)
        step = self.script.pop(0) if self.script else Answered()
        await asyncio.sleep(0)
        if isinstance(step, Exception):
            raise step
        return step

    def send(
        self, once: Callable[[], Awaitable[Answered]] | None = None, family: str = "search"
    ) -> Awaitable[Answered]:
        return self.guard.send(
            once or self.once,
            lambda answer: answer.headers,
            family=family,
        )

    def run(self, family: str = "search") -> Answered:
        async def go() -> Answered:
            return await self.send(family=family)

        return asyncio.run(go())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("5", 5.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("1.5", 1.5),
        (format_datetime(datetime.fromtimestamp(NOW + 7, UTC), usegmt=True), 7.0),
        (format_datetime(datetime.fromtimestamp(NOW - 7, UTC), usegmt=True), 0.0),
        ("soon", None),
        ("5 seconds", None),
        ("Fri, 99 Foo 2026 25:00:00 GMT", None),
        ("nan", None),
        ("inf", None),
        ("5, 70", 70.0),
        ("5, soon", 5.0),
        ("1000000000000", LONGEST_BLOCK_SECONDS),
        ("1e300", LONGEST_BLOCK_SECONDS),
        ("9" * 400, LONGEST_BLOCK_SECONDS),
        ("-1e300", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_BLOCK_SECONDS),
        ("Sat, 01 Jan 10000 00:00:00 GMT", LONGEST_BLOCK_SECONDS),
        ("Sat, 01 Jan 99999 00:00:00 +9999", LONGEST_BLOCK_SECONDS),
        ("Thu, 01 Jan 0000 00:00:00 GMT", 0.0),
        ("[5]", None),
        ("{}", None),
        (",", None),
        (" \x00", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text() | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ .*") | st.floats().map(repr))
def test_any_retry_after_is_a_wait_or_none(value: str) -> None:
    wait = retry_after(value, NOW)
    assert wait is None or 0 <= wait <= LONGEST_BLOCK_SECONDS


def test_a_date_without_zone_is_read_as_gmt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        text = datetime.fromtimestamp(NOW + 7, UTC).strftime("%a, %d %b %Y %H:%M:%S -0000")
        assert retry_after(text, NOW) == 7.0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 401, 403, 404, 501])
def test_an_answer_that_retrying_would_not_better_comes_at_once(status: int) -> None:
    world = World([Answered(status)])
    assert world.run().status == status
    assert world.sent == [NOW]
    assert world.events == ["requests"]


@pytest.mark.parametrize("wait", [1, 7, 60])
def test_nothing_is_sent_inside_a_short_window(wait: int) -> None:
    world = World([refused(wait)])
    assert world.run().status == 200
    assert world.sent[0] == NOW
    assert world.sent[1] >= NOW + wait
    assert len(world.sent) == 2
    assert world.blocks == []
    assert world.events.count("refused") == 1


def test_the_window_holds_for_every_caller() -> None:
    world = World([refused(10)], concurrency=3)

    async def go() -> None:
        first = asyncio.ensure_future(world.send())
        await asyncio.sleep(0)
        await asyncio.gather(first, *(world.send() for _ in range(5)))

    asyncio.run(go())
    assert world.sent[0] == NOW
    assert len(world.sent) == 7
    assert min(world.sent[1:]) >= NOW + 10


def test_a_later_shorter_window_does_not_open_an_earlier_one() -> None:
    world = World([refused(30), refused(1)], concurrency=2)

    async def go() -> None:
        await asyncio.gather(world.send(), world.send())

    asyncio.run(go())
    assert world.sent[:2] == [NOW, NOW]
    assert min(world.sent[2:]) >= NOW + 30


@pytest.mark.parametrize(
    ("answer", "scope", "seconds", "reason"),
    [
        (refused(61), ALL, 61, "rate limit"),
        (refused(79_892), ALL, 79_892, "rate limit"),
        (refused(), ALL, UNNAMED_BLOCK_SECONDS, "rate limit, no Retry-After"),
        (refused("soon"), ALL, UNNAMED_BLOCK_SECONDS, "rate limit, no Retry-After"),
        (refused("inf"), ALL, UNNAMED_BLOCK_SECONDS, "rate limit, no Retry-After"),
        (refused(1, QUOTA), "search", 1, "quota exceeded"),
        (refused(50_000, QUOTA), "search", 50_000, "quota exceeded"),
        (refused(None, QUOTA), "search", UNNAMED_BLOCK_SECONDS, "quota exceeded, no Retry-After"),
    ],
)
def test_a_long_or_final_refusal_pauses(
    answer: Answered, scope: str, seconds: float, reason: str
) -> None:
    world = World([answer])
    with pytest.raises(ApiPaused) as caught:
        world.run()
    error = caught.value
    assert (error.api, error.family) == ("spotify", scope)
    assert (error.until, error.reason) == (NOW + seconds, reason)
    assert world.blocks == [(scope, NOW + seconds, reason)]
    assert world.sent == [NOW]
    assert world.now == NOW


@pytest.mark.parametrize(("answer", "sent"), [(refused(600, QUOTA), 2), (refused(600), 1)])
def test_a_quota_is_its_familys_and_a_ban_is_everybodys(answer: Answered, sent: int) -> None:
    world = World([answer])
    for family in ("search", "search", "artist"):
        with contextlib.suppress(ApiPaused):
            world.run(family)
    assert len(world.sent) == sent


def test_nothing_is_sent_while_blocked_and_again_after() -> None:
    world = World([refused(600)])
    for _ in range(3):
        with pytest.raises(ApiPaused):
            world.run()
    assert len(world.sent) == 1
    assert len(world.blocks) == 1
    world.now = NOW + 600
    assert world.run().status == 200


@pytest.mark.parametrize("family", ["search", ALL])
def test_a_block_of_an_earlier_run(family: str) -> None:
    world = World()
    world.guard.block(family, NOW + 100, "quota exceeded")
    with pytest.raises(ApiPaused, match="quota exceeded"):
        world.run()
    assert world.sent == []


@pytest.mark.parametrize("until", [NOW + 10**12, 1e300, math.inf])
def test_no_block_lasts_longer_than_thirty_days(until: float) -> None:
    world = World()
    world.guard.block(ALL, until, "rate limit")
    with pytest.raises(ApiPaused) as caught:
        world.run()
    assert caught.value.until == NOW + LONGEST_BLOCK_SECONDS
    world.now += LONGEST_BLOCK_SECONDS
    assert world.run().status == 200


@pytest.mark.parametrize("wound", [-3600.0, 3600.0])
@pytest.mark.parametrize("answer", [refused(2), Answered(503, b"", {"retry-after": "2"})])
def test_a_clock_that_is_set_changes_no_wait(answer: Answered, wound: float) -> None:
    world = World([answer])
    sleep = world.sleep

    async def set_while_asleep(seconds: float) -> None:
        world.wound = wound
        await sleep(seconds)

    world.guard._sleep = set_while_asleep
    assert world.run().status == 200
    assert 2 <= world.sent[1] - world.sent[0] <= 3


@pytest.mark.parametrize("wound", [-3600.0, 3600.0])
def test_a_clock_that_is_set_changes_no_block(wound: float) -> None:
    world = World()
    world.guard.block(ALL, NOW + 600, "rate limit")
    world.wound = wound
    world.now += 599
    with pytest.raises(ApiPaused):
        world.run()
    world.now += 2
    assert world.run().status == 200


def test_a_block_reaches_those_who_wait_for_a_slot_or_a_retry() -> None:
    world = World([Answered(503), refused(600)], concurrency=2)

    async def go() -> list[object]:
        calls = (world.send() for _ in range(6))
        return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = asyncio.run(go())
    assert [type(one) for one in outcomes] == [ApiPaused] * 6
    assert len(world.sent) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        Answered(500, b"oops"),
        Answered(502),
        Answered(503),
        Answered(504),
        Answered(408),
        Answered(522),
        Answered(200, b'{"tracks":{"items":[{"id'),
        Answered(200, b""),
        NoAnswer("the connection broke"),
        NoAnswer(TIMED_OUT),
    ],
    ids=["500", "502", "503", "504", "408", "522", "cut", "empty", "reset", "time-out"],
)
@pytest.mark.parametrize("times", [1, 4])
def test_trouble_is_retried_with_growing_waits(trouble: Step, times: int) -> None:
    world = World([trouble] * times)
    assert world.run().status == 200
    assert len(world.sent) == times + 1
    assert world.now - NOW <= sum(0.5 * 2**number for number in range(times))
    assert world.events.count("retries") == times
    assert world.events.count("requests") == times + 1
    assert world.events.count("errors") == times


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (Answered(503), "status 503"),
        (Answered(200, b'{"a":'), "cut short"),
        (NoAnswer("the connection broke"), "the connection broke"),
        (refused(1), "429"),
    ],
)
@pytest.mark.parametrize("retries", [0, 3])
def test_trouble_without_end(trouble: Step, said: str, retries: int) -> None:
    world = World([trouble] * 9, retries=retries)
    with pytest.raises(ApiUnavailable) as caught:
        world.run()
    assert said in str(caught.value)
    assert f"after {retries + 1} tries" in str(caught.value)
    assert len(world.sent) == retries + 1
    assert world.blocks == []


def test_backoff_is_capped_by_the_longest_wait() -> None:
    world = World([Answered(500)] * 12, retries=12, backoff=50, max_wait=2)
    world.run()
    assert world.now - NOW <= 12 * 2


def test_another_error_is_not_swallowed() -> None:
    world = World([KeyError("bug")])
    with pytest.raises(KeyError):
        world.run()
    assert len(world.sent) == 1


@pytest.mark.parametrize("cap", [1, 3])
def test_the_cap_holds_and_is_used(cap: int) -> None:
    world = World(concurrency=cap)
    running = most = 0

    async def slow() -> Answered:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        return Answered()

    async def go() -> None:
        await asyncio.gather(*(world.send(slow) for _ in range(20)))

    asyncio.run(go())
    assert most == cap


def test_the_cap_grows_while_nothing_is_refused_and_falls_at_once() -> None:
    world = World(concurrency=2, most=4)

    async def ask(number: int) -> None:
        for _ in range(number):
            await world.send()

    asyncio.run(ask(9))
    assert world.guard.slots.size == 2
    asyncio.run(ask(1))
    assert world.guard.slots.size == 3
    asyncio.run(ask(100))
    assert world.guard.slots.size == 4
    world.script = [refused(1)]
    asyncio.run(ask(1))
    assert world.guard.slots.size == 1
    asyncio.run(ask(10))
    assert world.guard.slots.size == 2


def test_a_fixed_cap_stays() -> None:
    world = World([refused(1)], concurrency=3)
    for _ in range(30):
        world.run()
    assert world.guard.slots.size == 3


def test_a_failed_call_gives_its_slot_back() -> None:
    world = World([Answered(500), KeyError("bug"), Answered()], concurrency=1, retries=0)
    for error in (ApiUnavailable, KeyError):
        with pytest.raises(error):
            world.run()
    assert world.run().status == 200


def test_stopping_sends_nothing_new() -> None:
    world = World()
    world.stopping = True
    with pytest.raises(Stopping):
        world.run()
    assert world.sent == []


@pytest.mark.parametrize("script", [[refused(60)], [Answered(503)]], ids=["window", "back-off"])
def test_stopping_ends_a_wait_promptly(script: list[Step]) -> None:
    world = World(script, backoff=60)
    world.stop_when_asleep = True
    with pytest.raises(Stopping):
        world.run()
    assert len(world.sent) == 1
    assert world.now - NOW <= 1


def test_every_send_is_spent_before_it_leaves() -> None:
    world = World([Answered(500), refused(1)])
    spent: list[int] = []

    async def go() -> None:
        await world.guard.send(
            world.once,
            lambda answer: answer.headers,
            family="search",
            spend=lambda: spent.append(len(world.sent)),
        )

    asyncio.run(go())
    assert spent == [0, 1, 2]


# --- the pacer


def paced(calls: int, allowed: int, start: float) -> tuple[Pacer, list[float], int]:
    """Ask an API that takes `allowed` calls a window; the pacer, the times, the refusals."""
    now, sent, taken, refusals = [0.0], [], [], 0

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def go() -> Pacer:
        nonlocal refusals
        pacer = Pacer(start, clock=lambda: now[0], sleep=sleep)
        for _ in range(calls):
            number = await pacer.pace(lambda: False)
            sent.append(now[0])
            if sum(now[0] - WINDOW_SECONDS < one for one in taken) < allowed:
                taken.append(now[0])
                pacer.answered(number)
            else:
                refusals += 1
                pacer.refused(number)
                now[0] += WINDOW_SECONDS
        return pacer

    return asyncio.run(go()), sent, refusals


def test_a_single_refusal_is_waited_out_and_teaches_nothing() -> None:
    async def go() -> Pacer:
        pacer = Pacer(math.inf, clock=lambda: 100.0)
        numbers = [await pacer.pace(lambda: False) for _ in range(40)]
        for number in numbers[:-1]:
            pacer.answered(number)
        pacer.refused(numbers[-1])
        return pacer

    pacer = asyncio.run(go())
    assert (pacer.ceiling, pacer.limit) == (None, math.inf)


@pytest.mark.parametrize("allowed", [5, 20, 90, 180])
def test_the_pacer_finds_the_limit_from_below(allowed: int) -> None:
    pacer, _, refusals = paced(600, allowed, start=10)
    assert pacer.ceiling is not None
    assert abs(pacer.ceiling - allowed) <= 2 + refusals
    assert refusals <= 8


@pytest.mark.parametrize("ceiling", [1, 2, 50, 100])
def test_no_window_holds_more_than_a_known_ceiling(ceiling: int) -> None:
    now, sent = [0.0], []

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def go() -> None:
        pacer = Pacer(10, ceiling, clock=lambda: now[0], sleep=sleep)
        for _ in range(200):
            await pacer.pace(lambda: False)
            sent.append(now[0])

    asyncio.run(go())
    for start in sent:
        assert sum(start <= one < start + WINDOW_SECONDS for one in sent) <= ceiling


@pytest.mark.parametrize(
    ("ceiling", "sent", "most"),
    [
        (None, 500, 4),
        (100, 0, 4),
        # A margin of 3 % below the ceiling, and room for all four.
        (100, 93, 4),
        (100, 94, 1),
        (100, 97, 1),
        (3, 0, 1),
    ],
)
def test_near_a_known_limit_calls_go_one_at_a_time(
    ceiling: int | None, sent: int, most: int
) -> None:
    world = World(concurrency=4)
    world.guard.pacer = Pacer(math.inf, ceiling, clock=lambda: world.now, sleep=world.sleep)
    under_way = found = 0

    async def slow() -> Answered:
        nonlocal under_way, found
        under_way += 1
        found = max(found, under_way)
        for _ in range(9):
            await asyncio.sleep(0)
        under_way -= 1
        return Answered()

    async def go() -> None:
        # All of them still stand in the window when the four below are sent.
        for _ in range(sent):
            await world.guard.pacer.pace(lambda: False)
        await asyncio.gather(*(world.send(slow) for _ in range(4)))

    asyncio.run(go())
    assert found == most


@pytest.mark.parametrize(("configured", "first"), [(1, 1), (2, 2), (6, 2), (32, 2)])
def test_spotify_is_asked_two_at_a_time_and_at_most_as_configured(
    configured: int, first: int
) -> None:
    config = Config(spotify_concurrency=configured)
    slots = Spotify(config, Hooks()).guard.slots
    assert (slots.size, slots.most) == (first, configured)


def test_an_unpaced_api_never_waits() -> None:
    _, sent, refusals = paced(500, 10_000, start=math.inf)
    assert set(sent) == {0.0}
    assert refusals == 0


def test_a_stop_ends_the_pacers_wait() -> None:
    async def sleep(_seconds: float) -> None:
        raise AssertionError("waits although the run stops")

    async def go() -> None:
        pacer = Pacer(1, 1, clock=lambda: 0.0, sleep=sleep)
        for _ in range(3):
            await pacer.pace(lambda: True)

    asyncio.run(go())


def busy(after: object) -> Answered:
    return Answered(503, b"<html>", {"retry-after": str(after)})


def test_a_503_that_names_its_length_is_waited_out() -> None:
    world = World([busy(20)])
    assert world.run().status == 200
    assert world.sent[1] - world.sent[0] >= 20


def test_a_503_for_long_pauses_like_a_refusal() -> None:
    world = World([busy(7200)])
    with pytest.raises(ApiPaused) as caught:
        world.run()
    assert (caught.value.family, caught.value.until) == (ALL, NOW + 7200)
    assert world.blocks == [(ALL, NOW + 7200, "out of service")]
    assert len(world.sent) == 1


def test_seconds_in_the_header_of_another_service() -> None:
    world = World([Answered(429, b"{}", {"x-ratelimit-reset-in": "9"})])
    assert world.run().status == 200
    assert world.sent[1] - world.sent[0] >= 9


CUT = Answered(200, b'{"recordings": [{"id": {"a": 1}}')


def test_an_answer_that_only_ends_like_a_whole_one() -> None:
    world = World([CUT, Answered(200, b'{"recordings": []}')])
    assert world.run().body == b'{"recordings": []}'
    assert "errors" in world.events


def test_an_answer_of_no_use_is_trouble_without_a_name_of_an_exception() -> None:
    world = World([Unreadable("an answer that cannot be unpacked")] * 5)
    with pytest.raises(ApiUnavailable, match=r"^spotify: an answer that cannot be unpa"):
        world.run()
    assert world.events.count("errors") == 5


@pytest.mark.parametrize(("retries", "sent"), [(0, 1), (1, 2), (4, 2)])
def test_an_answer_too_large_is_hardly_asked_again(retries: int, sent: int) -> None:
    world = World([TooLarge()] * 5, retries=retries)
    with pytest.raises(ApiUnavailable, match=f"64 MiB after {sent} tries"):
        world.run()
    assert len(world.sent) == sent
