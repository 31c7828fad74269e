"""A sample of the kill sweep: SIGKILL at 20 points; `python -m bench.kill_sweep` takes all."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from runclub_spider.sandbox.testing import Sandbox

from .sweep import Stage, points, sweep, total

pytestmark = pytest.mark.e2e
SAMPLE = {"search": 9, "playlist": 7, "publish": 4}


def test_killed_anywhere_the_same_command_loses_nothing(
    stages: dict[str, Stage], sandbox: Sandbox, tmp_path: Path
) -> None:
    rng = random.Random(20)
    work = [(stages[name], one) for name, n in SAMPLE.items() for one in points(stages[name], n, rng)]
    outcomes = sweep(work, tmp_path, sandbox=sandbox)
    print(
        f"{sum(o.killed for o in outcomes)} killed of {len(work)}: lost {total(outcomes, 'lost')}, "
        f"doubled {total(outcomes, 'doubled')}, sent again {total(outcomes, 'resent')}, "
        f"at most {max(o.resent for o in outcomes)} at once"
    )
    assert [str(outcome) for outcome in outcomes if outcome.wrong] == []
    assert len(outcomes) == len(work)
    assert sum(outcome.killed for outcome in outcomes) >= len(work) - len(SAMPLE)
