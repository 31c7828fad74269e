"""The gates, on their edges."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runclub_spider.catalog.models import FEATURES as ALL_FEATURES
from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError
from runclub_spider.publish.account.gates import (
    FEATURES,
    NAMES,
    Before,
    Gate,
    Measures,
    accept,
    check,
    read_acceptances,
)
from testkit.blocks import block_of

LENGTH = 240_000


def measures(tracks: int, features: int, decade: int, **changes: Any) -> Measures:
    values = {"total_duration": LENGTH * tracks, **changes}
    return Measures(tracks, features, decade, **values)


def gate(name: str, found: Measures, before: Before | None = None, **settings: Any) -> Gate:
    gates = check(found, Config(**settings), before)
    assert [one.name for one in gates] == list(NAMES)
    return gates[NAMES.index(name)]


@pytest.mark.parametrize(
    ("counts", "wanted"),
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
def test_limits_are_inclusive(counts: tuple[int, int, int], wanted: list[bool]) -> None:
    assert [one.passed for one in check(measures(*counts), Config())[:3]] == wanted


def test_fewest_tracks() -> None:
    assert not gate("min_tracks", measures(99, 99, 99), min_tracks=100).passed
    assert gate("min_tracks", measures(100, 99, 99), min_tracks=100).passed
    assert gate("min_tracks", measures(0, 0, 0), min_tracks=0).passed


@example(100, 55, 0)
@example(100, 7, 0)
@given(st.integers(1, 40_000), st.integers(0, 100), st.integers(-1, 1))
def test_a_share_is_compared_exactly(total: int, percent: int, off: int) -> None:
    # The selection fills up to the gate by exact fractions: the gate must agree with it.
    part = -(-total * percent // 100) + off
    if not 0 <= part <= total:
        return
    share = percent / 100
    config = Config(feature_coverage_min=share, year_coverage_min=share)
    wanted = Fraction(part, total) >= Fraction(percent, 100)
    gates = check(measures(total, part, part), config)
    assert [one.passed for one in gates[1:3]] == [wanted, wanted]


def test_durations() -> None:
    assert gate("durations", measures(9, 9, 9)).passed
    found = gate("durations", measures(9, 9, 9, outside_durations=1))
    assert (found.passed, found.value, found.wanted) == (False, 1, "at most")


def test_the_worst_field_counts() -> None:
    found = measures(200, 100, 200, nulls=Counter(key=5, mode=2))
    assert gate("feature_nulls", found).passed
    found.nulls["mode"] = 6
    assert gate("feature_nulls", found).value == 0.06
    assert not gate("feature_nulls", found).passed


def test_incomplete_rows_warn_and_never_refuse() -> None:
    found = measures(200, 100, 200, partial=5, nulls=Counter(key=4))
    assert gate("partial_features", found).passed
    assert gate("feature_nulls", found).passed
    # Nulls are held against the rows that are complete.
    found.nulls["key"] = 5
    assert not gate("feature_nulls", found).passed
    found.partial = 6
    one = gate("partial_features", found)
    assert (one.passed, one.value, one.level, one.refuses) == (False, 0.06, "warn", False)
    # Nothing but incomplete rows: told, not refused.
    every = measures(200, 200, 200, partial=200)
    assert [one.name for one in check(every, Config()) if not one.passed] == ["partial_features"]
    assert not any(one.refuses for one in check(every, Config()))


@pytest.mark.parametrize(
    ("tracks", "mean", "passed", "wanted"),
    [
        (100, 150_000, True, "at least"),
        (100, 149_999, False, "at least"),
        (100, 330_001, False, "at most"),
        (99, 120_000, True, "at least"),
    ],
)
def test_mean_duration(tracks: int, mean: int, passed: bool, wanted: str) -> None:
    found = gate("mean_duration", measures(tracks, 1, 1, total_duration=mean * tracks))
    assert (found.passed, found.value, found.wanted) == (passed, mean, wanted)


def shares(**counts: int) -> Measures:
    return measures(sum(counts.values()), 0, 0, decades=Counter(counts), umbrellas=Counter(counts))


@pytest.mark.parametrize("name", ["decade_drift", "umbrella_drift"])
def test_drift_warns_and_fails_only_when_asked(name: str) -> None:
    before = Before({"70s": 500, "80s": 500}, {"70s": 500, "80s": 500})
    apart = shares(**{"70s": 400, "80s": 400, "90s": 200})
    found = gate(name, apart, before)
    assert (found.value, found.passed, found.level, found.refuses) == (0.2, False, "warn", False)
    assert gate(name, apart, before, drift_gates="fail").refuses
    assert gate(name, apart, before, drift_max=0.2).passed
    # The first release, and one that is too small to have shares, drift nowhere.
    assert gate(name, apart).value == 0
    assert gate(name, shares(**{"20s": 99}), before).value == 0


SIDES = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 900), min_size=1)


def drift(before: dict[str, int], now: dict[str, int]) -> float:
    return gate("decade_drift", shares(**now), Before(before, before)).value


@given(SIDES, SIDES)
def test_drift_is_a_share_and_growth_is_none(one: dict[str, int], other: dict[str, int]) -> None:
    assert 0 <= drift(one, other) <= 1
    assert drift(one, one) == 0
    grown = Counter(one) + Counter(other)
    assert drift(one, grown) == 0
    # As many again of each side, and all as before: nothing moved.
    assert drift({name: 2 * number for name, number in one.items()}, one) == 0


@given(SIDES, st.integers(1, 400))
def test_what_leaves_its_side_drifts(one: dict[str, int], moved: int) -> None:
    before = {**one, "moving": 500}
    after = {**one, "moving": 500 - moved, "elsewhere": moved}
    share = moved / sum(before.values())
    assert drift(before, after) == pytest.approx(share, abs=1e-6)
    # Growth elsewhere does not hide it.
    assert drift(before, {**after, "new": 700}) == pytest.approx(share, abs=1e-6)


def test_a_side_that_is_lost_drifts_although_the_rest_is_whole() -> None:
    assert drift({"70s": 500, "80s": 500}, {"80s": 500}) == 0.5
    assert drift({"70s": 500, "80s": 500}, {"80s": 500, "90s": 500}) == 0.5


def test_rows_are_counted() -> None:
    row: dict[str, Any] = {
        "album_decade_label": "80s",
        "duration_ms": LENGTH,
        "_extra": {"umbrellas": ["Rock", "Pop"], "features_imported": {}},
        **dict.fromkeys(ALL_FEATURES),
        **dict.fromkeys(FEATURES, 0.5),
    }
    found = Measures()
    for changes in (
        {},
        {"key": None},
        dict.fromkeys(FEATURES),
        {"tempo": None, "key": None},
        {**dict.fromkeys(FEATURES), "liveness": 0.1},
        {
            "album_decade_label": None,
            "duration_ms": 119_999,
            "_extra": {"umbrellas": [], "features_imported": {}},
        },
    ):
        found.add(*block_of([{**row, **changes}]), shortest=120_000, longest=360_000)
    assert (found.tracks, found.with_features, found.with_decade) == (6, 5, 5)
    assert (found.partial, found.with_tempo) == (2, 3)
    capped = Measures()
    longer = block_of([{**row, "duration_ms": 360_001}])
    capped.add(*longer, shortest=120_000, longest=400_000)
    assert capped.outside_durations == 1
    assert (found.outside_durations, found.total_duration) == (1, 5 * LENGTH + 119_999)
    assert found.nulls == {"key": 1}
    assert found.decades == {"80s": 5, "": 1}
    assert found.umbrellas == {"Rock": 5, "": 1}
    # What is imported knows less than ReccoBeats: its nulls only warn.
    source = {**row["_extra"], "features_imported": {"tempo": "a", "energy": "a"}}
    for changes in ({"key": None}, {}):
        some = block_of([{**row, **changes, "_extra": source}])
        found.add(*some, shortest=120_000, longest=360_000)
    assert (found.with_features, found.partial, found.nulls) == (7, 3, {"key": 1})


def test_a_gate_says_what_it_measured_and_by_how_much() -> None:
    found = gate("feature_coverage", measures(3, 2, 3))
    assert found == Gate("feature_coverage", False, 0.666667, 0.95)
    assert str(found) == ("feature_coverage is 0.666667, wanted at least 0.95 (off by 0.283333)")
    assert found.as_json() == {
        "name": "feature_coverage",
        "passed": False,
        "value": 0.666667,
        "threshold": 0.95,
        "wanted": "at least",
        "level": "fail",
        "accepted": None,
    }


def test_an_override_is_recorded_and_only_where_it_is_needed() -> None:
    gates = check(measures(3, 2, 3), Config())
    reasons = read_acceptances(["feature_coverage= new  year ", "min_tracks=why not"])
    found = {one.name: one for one in accept(gates, reasons)}
    assert found["feature_coverage"].accepted == "new year"
    assert not found["feature_coverage"].refuses
    assert found["min_tracks"].accepted is None


@pytest.mark.parametrize("text", ["feature=why", "feature_coverage", "feature_coverage= ", "=why"])
def test_an_override_names_a_gate_and_a_reason(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--accept"):
        read_acceptances([text])
