"""Kills both crawls and publishing everywhere; the same command must lose nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.table import Table, verdict
from runclub_sandbox.testing import Sandbox, running_sandbox
from testkit.killer import Launcher
from testkit.sweep import Outcome, points, prepare, sweep, total

if TYPE_CHECKING:
    from bench.context import Context

#: Fewest points that count as a sweep, and seconds that one takes with two at a time.
FEWEST, SECONDS_A_POINT = 200, 3.0
_SEED = 20


def run(context: Context) -> Table:
    """All points, or a sample where there is no time for them."""
    room = int(context.left / SECONDS_A_POINT)
    most = 20 if context.options.quick else room
    # A sandbox of its own: the sweep compares with runs in the built-in world.
    sandbox = context.stack.enter_context(running_sandbox())
    return _sweep(sandbox, context.scratch / "kill-sweep", context.say, most)


def _sweep(sandbox: Sandbox, scratch: Path, say: Callable[[str], None], most: int) -> Table:
    rng = random.Random(_SEED)
    with Launcher(scratch / "undisturbed") as launcher:
        stages = prepare(sandbox, launcher, scratch)
    work = [(stage, action) for stage in stages for action in points(stage, None, rng)]
    every = len(work)
    if every > most:
        work = rng.sample(work, most)
    done: list[Outcome] = []

    def progress(outcome: Outcome) -> None:
        done.append(outcome)
        say(f"killed {len(done)} of {len(work)}")

    outcomes = sweep(work, scratch, sandbox=sandbox, done=progress)
    return _table(outcomes, every)


def _table(outcomes: list[Outcome], every: int) -> Table:
    table = Table(f"kill_sweep: SIGKILL at {len(outcomes)} of {every} points", "allowed")
    for stage in dict.fromkeys(o.stage for o in sorted(outcomes, key=lambda o: o.stage)):
        table.heading(stage)
        _rows(table, [o for o in outcomes if o.stage == stage])
    table.heading("all")
    _rows(table, outcomes)
    killed = sum(o.killed for o in outcomes)
    table.add("enough points", f"{killed}", f"{FEWEST}", "", verdict("≥", killed >= FEWEST))
    table.notes.append(
        "A point is an instant before or after the commit of a unit of work, before a"
    )
    table.notes.append(
        "rename, link or removal, or a random time. Sent again: allowed is the most that was in"
    )
    table.notes.append("flight or in hand at one kill. Left behind: files that nobody clears.")
    table.notes += [f"WRONG: {outcome}" for outcome in outcomes if outcome.wrong]
    litter = sorted({name for outcome in outcomes for name in outcome.litter})
    table.notes += [f"left behind: {', '.join(litter)}"] if litter else []
    return table


def _rows(table: Table, outcomes: list[Outcome]) -> None:
    killed = [outcome for outcome in outcomes if outcome.killed]
    wrong = sum(bool(outcome.wrong) for outcome in outcomes)
    table.add("points killed", f"{len(killed)}")
    for name, label in (("lost", "rows lost"), ("doubled", "rows doubled")):
        number = total(outcomes, name)
        table.add(label, f"{number}", "0", "", verdict("0", number == 0))
    allowed = max((outcome.allowed for outcome in killed), default=0)
    most = max((outcome.resent for outcome in killed), default=0)
    within = all(outcome.resent <= outcome.allowed for outcome in killed)
    table.add("most sent again at once", f"{most}", f"{allowed}", "", verdict("≤", within))
    table.add("sent again in all", f"{total(outcomes, 'resent')}")
    table.add("wrong results", f"{wrong}", "0", "", verdict("0", wrong == 0))
    table.add("left something behind", f"{sum(bool(o.litter) for o in outcomes)}")
