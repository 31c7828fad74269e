"""What follows from how a command ended: its exit code decides."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from runclub_spider.store.fleet.plans import Job, State
from runclub_spider.store.queue.quota import Block

#: Seconds before a command is run again that named no moment; each further gap doubles.
FIRST_GAP, LONGEST_GAP = 30, 3600
#: How often a command is run again that failed for no reason of its own.
MOST_RETRIES = 5
# Wrong use and a gate: nothing changes by itself.
_FOR_GOOD = frozenset({2, 3})
_PAUSED = 75
_MOMENT = re.compile(r"(?:after|until) (\d{4}-\d\d-\d\d \d\d:\d\d) UTC")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a job becomes: its state, when it is to be resumed, failures alike in a row."""

    state: State
    resume_at: int | None = None
    failures: int = 0


def verdict(
    job: Job,
    code: int,
    now: int,
    *,
    resume_at: int | None = None,
    ended: bool = False,
    shaken: bool = False,
) -> Verdict:
    """Judge an exit code.

    Args:
        job: as it was before this attempt.
        code: of the command; minus the signal's number if one ended it.
        now: epoch seconds.
        resume_at: the moment that the command named, if it did.
        ended: whether its worker told it to end.
        shaken: whether the store's server was away meanwhile: who begins then takes it for wrong
            configuration.
    """
    if code == 0:
        return Verdict(State.DONE)
    if code in _FOR_GOOD and not shaken:
        return Verdict(State.FAILED)
    if code == _PAUSED and resume_at is not None and resume_at > now:
        return Verdict(State.PAUSED, resume_at)
    if ended:
        return Verdict(State.WAITING, failures=job.failures)
    failures = job.failures + 1 if job.exit_code == code else 1
    if code != _PAUSED and failures > MOST_RETRIES:
        return Verdict(State.FAILED, failures=failures)
    gap = min(FIRST_GAP << min(failures - 1, 20), LONGEST_GAP)
    return Verdict(State.PAUSED, now + gap, failures)


def moment_named(lines: Iterable[str], blocks: Iterable[Block] = ()) -> int | None:
    """When a command may be resumed, of the last line of its output that says so.

    It tells the minute; a refusal in the ledger that ends in that minute has the second.
    """
    minute = None
    for line in lines:
        if found := _MOMENT.findall(line):
            moment = datetime.strptime(found[-1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
            minute = int(moment.timestamp())
    if minute is None:
        return None
    seconds = [one.blocked_until for one in blocks if minute <= one.blocked_until < minute + 60]
    return max(seconds, default=minute + 60)
