"""The gates, on their edges."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runclub_spider.publish.gates import Gate, Measures, check


def passed(tracks: int, features: int, decade: int, minimum: int = 1) -> list[bool]:
    gates = check(
        Measures(tracks, features, decade),
        feature_coverage=0.95,
        year_coverage=0.9,
        min_tracks=minimum,
    )
    assert [gate.name for gate in gates] == ["min_tracks", "feature_coverage", "year_coverage"]
    return [gate.passed for gate in gates]


@pytest.mark.parametrize(
    ("measures", "wanted"),
    [
        ((100, 95, 90), [True, True, True]),
        ((100, 94, 90), [True, False, True]),
        ((100, 95, 89), [True, True, False]),
        ((40_000, 38_000, 36_000), [True, True, True]),
        ((40_000, 37_999, 35_999), [True, False, False]),
        ((1, 1, 1), [True, True, True]),
        ((1, 0, 0), [True, False, False]),
        ((0, 0, 0), [False, True, True]),
    ],
)
def test_limits_are_inclusive(measures: tuple[int, int, int], wanted: list[bool]) -> None:
    assert passed(*measures) == wanted


def test_fewest_tracks() -> None:
    assert passed(99, 99, 99, minimum=100)[0] is False
    assert passed(100, 99, 99, minimum=100)[0] is True
    assert passed(0, 0, 0, minimum=0)[0] is True


@example(100, 55, 0)
@example(100, 7, 0)
@given(st.integers(1, 40_000), st.integers(0, 100), st.integers(-1, 1))
def test_a_share_is_compared_exactly(total: int, percent: int, off: int) -> None:
    # The selection fills up to the gate by exact fractions: the gate must agree with it.
    part = -(-total * percent // 100) + off
    if not 0 <= part <= total:
        return
    gates = check(
        Measures(total, part, part),
        feature_coverage=percent / 100,
        year_coverage=percent / 100,
        min_tracks=0,
    )
    wanted = Fraction(part, total) >= Fraction(percent, 100)
    assert [gate.passed for gate in gates[1:]] == [wanted, wanted]


def test_a_gate_says_what_it_measured() -> None:
    gate = check(Measures(3, 2, 3), feature_coverage=0.95, year_coverage=0.9, min_tracks=1)[1]
    assert gate == Gate("feature_coverage", False, 0.666667, 0.95)
    assert str(gate) == "feature_coverage is 0.666667, wanted at least 0.95"
    assert gate.as_json() == {
        "name": "feature_coverage",
        "passed": False,
        "value": 0.666667,
        "threshold": 0.95,
    }
