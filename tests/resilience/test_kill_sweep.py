"""The kill sweep: SIGKILL at 16 points, and in `make test-full` at every one."""

from __future__ import annotations

import random

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Action
from testkit.sandboxes import Sandboxes
from testkit.sweep import Outcome, Stage, points, sweep, total

pytestmark = pytest.mark.e2e
SAMPLE = {"search": 6, "playlist": 4, "open": 4, "publish": 2}


@pytest.fixture(scope="module")
def outcomes(
    stages: dict[str, Stage],
    sandbox: Sandbox,
    sandboxes: Sandboxes,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Outcome]:
    rng = random.Random(20)
    sample = [
        (stages[name], one) for name, n in SAMPLE.items() for one in points(stages[name], n, rng)
    ]
    # The last rename of all: the swap of `latest`.
    sample[0] = (stages["search"], Action("file", stages["search"].events["file"] - 1))
    scratch = tmp_path_factory.mktemp("sweep")
    return sweep(sample, scratch, sandbox=sandbox, running=sandboxes.running)


def test_killed_anywhere_the_same_command_loses_nothing(outcomes: list[Outcome]) -> None:
    print(
        f"{sum(o.killed for o in outcomes)} killed of {len(outcomes)}: "
        f"lost {total(outcomes, 'lost')}, doubled {total(outcomes, 'doubled')}, "
        f"sent again {total(outcomes, 'resent')}, at most {max(o.resent for o in outcomes)} at once"
    )
    assert [str(outcome) for outcome in outcomes if outcome.wrong] == []
    assert len(outcomes) == sum(SAMPLE.values())
    assert sum(outcome.killed for outcome in outcomes) >= len(outcomes) - len(SAMPLE)


def test_the_same_command_clears_what_a_kill_left(outcomes: list[Outcome]) -> None:
    """No half-made link, staging folder or snapshot stays behind."""
    assert {f"{o.stage} {o.action}": o.litter for o in outcomes if o.litter} == {}


@pytest.mark.full
def test_killed_at_every_point(
    stages: dict[str, Stage], sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each unit before and after its commit, each rename, link, removal; a tenth more by time."""
    rng = random.Random(21)
    work = [(stage, one) for stage in stages.values() for one in points(stage, None, rng)]
    every = sweep(work, tmp_path_factory.mktemp("whole-sweep"), sandbox=sandbox)
    print(
        f"{sum(o.killed for o in every)} killed of {len(every)}: lost {total(every, 'lost')}, "
        f"doubled {total(every, 'doubled')}, sent again {total(every, 'resent')}"
    )
    assert [str(outcome) for outcome in every if outcome.wrong] == []
    assert {f"{o.stage} {o.action}": o.litter for o in every if o.litter} == {}
    assert sum(outcome.killed for outcome in every) >= 200
