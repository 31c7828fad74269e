"""Crawls in shuffled surroundings; all must end with the undisturbed run's release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.table import Table, verdict
from runclub_sandbox.testing import running_sandbox
from testkit.killer import Launcher
from testkit.shuffling import differing
from testkit.sweep import prepare

if TYPE_CHECKING:
    from bench.context import Context

WANTED = 20


def run(context: Context) -> Table:
    # A sandbox of its own: the crawls are compared with runs in the built-in world.
    sandbox = context.stack.enter_context(running_sandbox())
    scratch = context.scratch / "environments"
    with Launcher(scratch / "launched") as launcher:
        stages = prepare(sandbox, launcher, scratch)
    each = (2 if context.options.quick else WANTED) // 2
    found = [
        wrong
        for stage in stages
        if stage.name != "publish"
        for wrong in differing(stage, each, sandbox, scratch)
    ]
    equal = found.count("")
    table = Table("environments: one world, shuffled surroundings", "crawls")
    table.add("equal hashes", f"{equal}", f"{len(found)}", "", verdict("all", equal == len(found)))
    table.notes += [
        "Shuffled: time zone, locale, hash seed, requests in flight and pages in a round, and",
        "with them the order in which rows are stored. Timestamps are blanked.",
        *(wrong for wrong in found if wrong),
    ]
    return table
