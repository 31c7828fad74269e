"""The rules of the catalogue: their limits and their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog import rules
from runclub_spider.catalog.models import Playable
from runclub_spider.catalog.rules import Policy, Rule, failing_rules

POLICY = Policy("US", 120_000, 360_000)


def fails(
    name: str = "Song", artists: int = 1, duration_ms: int = 200_000, playable: str = "yes"
) -> tuple[Rule, ...]:
    return failing_rules(
        name=name,
        artists=artists,
        duration_ms=duration_ms,
        playable=Playable(playable),
        policy=POLICY,
    )


@pytest.mark.parametrize(
    ("duration_ms", "rules"),
    [
        (-1, (Rule.NO_DURATION,)),
        (0, (Rule.NO_DURATION,)),
        (1, (Rule.TOO_SHORT,)),
        (119_999, (Rule.TOO_SHORT,)),
        (120_000, ()),
        (300_001, ()),
        (360_000, ()),
        (360_001, (Rule.TOO_LONG,)),
    ],
)
def test_both_limits_are_inclusive(duration_ms: int, rules: tuple[Rule, ...]) -> None:
    assert fails(duration_ms=duration_ms) == rules


@pytest.mark.parametrize(("name", "artists"), [("", 1), (" \t", 1), ("Song", 0)])
def test_incomplete(name: str, artists: int) -> None:
    assert fails(name=name, artists=artists) == (Rule.INCOMPLETE,)


@pytest.mark.parametrize(
    ("playable", "rules"),
    [("yes", ()), ("no", (Rule.UNPLAYABLE,)), ("unknown", (Rule.PLAYABILITY_UNKNOWN,))],
)
def test_playable(playable: str, rules: tuple[Rule, ...]) -> None:
    assert fails(playable=playable) == rules


def test_all_failures_in_counting_order() -> None:
    failed = fails(name="", duration_ms=1, playable="no")
    assert failed == (Rule.INCOMPLETE, Rule.TOO_SHORT, Rule.UNPLAYABLE)
    order = list(Rule)
    assert [order.index(rule) for rule in failed] == sorted(order.index(rule) for rule in failed)
    assert fails(duration_ms=400_000, playable="unknown") == (
        Rule.TOO_LONG,
        Rule.PLAYABILITY_UNKNOWN,
    )


@given(
    name=st.sampled_from(["", " ", "Song"]),
    artists=st.integers(0, 2),
    duration_ms=st.integers(-1, 400_000),
    playable=st.sampled_from(list(Playable)),
)
def test_one_rule_speaks_for_each_property(
    name: str, artists: int, duration_ms: int, playable: Playable
) -> None:
    failed = fails(name, artists, duration_ms, playable)
    order = list(Rule)
    assert list(failed) == sorted(set(failed), key=order.index)
    lengths = {Rule.NO_DURATION, Rule.TOO_SHORT, Rule.TOO_LONG}
    assert len(lengths & set(failed)) == (not 120_000 <= duration_ms <= 360_000)
    assert (Rule.NO_DURATION in failed) == (duration_ms <= 0)
    assert (Rule.INCOMPLETE in failed) == (not name.strip() or not artists)
    assert bool({Rule.UNPLAYABLE, Rule.PLAYABILITY_UNKNOWN} & set(failed)) == (playable != "yes")


def test_the_policys_key_tells_rules_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    before = POLICY.key
    monkeypatch.setattr(rules, "RULES_VERSION", rules.RULES_VERSION + 1)
    assert POLICY.key != before


def test_the_policys_key_tells_policies_apart() -> None:
    policies = [POLICY, Policy("SE", 120_000, 360_000), Policy("US", 1, 360_000)]
    policies += [Policy("US", 120_000, 300_000)]
    assert len({policy.key for policy in policies}) == 4
    assert Policy("US", 120_000, 360_000).key == POLICY.key
