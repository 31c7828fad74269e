"""The rules of the catalogue: their limits and their order, and that columns say what rows say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog import rules
from runclub_spider.catalog.content import ContentPolicy, Label, mask_of, of_mask
from runclub_spider.catalog.models import Playable
from runclub_spider.catalog.rules import Facts, Policy, Rule, facts_of_stored, judge, policy

POLICY = Policy("US", 120_000, 360_000)
GATE = Policy("US", 120_000, 360_000, "gate")


def fails(
    name: str = "Song", artists: int = 1, duration_ms: int = 200_000, playable: str = "yes"
) -> tuple[Rule, ...]:
    facts = facts_of_stored(
        name,
        artists=artists,
        duration_ms=duration_ms,
        playable=playable,
        basis="is_playable",
        available_markets=None,
        market="US",
    )
    return judge(facts, POLICY)


@pytest.mark.parametrize(
    ("duration_ms", "refused_by"),
    [
        (-1, (rules.NO_DURATION,)),
        (0, (rules.NO_DURATION,)),
        (1, (rules.TOO_SHORT,)),
        (119_999, (rules.TOO_SHORT,)),
        (120_000, ()),
        (300_001, ()),
        (360_000, ()),
        (360_001, (rules.TOO_LONG,)),
    ],
)
def test_both_limits_are_inclusive(duration_ms: int, refused_by: tuple[Rule, ...]) -> None:
    assert fails(duration_ms=duration_ms) == refused_by


@pytest.mark.parametrize(("name", "artists"), [("", 1), (" \t", 1), ("Song", 0)])
def test_incomplete(name: str, artists: int) -> None:
    assert fails(name=name, artists=artists) == (rules.INCOMPLETE,)


@pytest.mark.parametrize(
    ("playable", "refused_by"),
    [("yes", ()), ("no", (rules.UNPLAYABLE,)), ("unknown", (rules.PLAYABILITY_UNKNOWN,))],
)
def test_playable(playable: str, refused_by: tuple[Rule, ...]) -> None:
    assert fails(playable=playable) == refused_by


def test_the_order_is_that_of_counting() -> None:
    assert [rule.name for rule in rules.RULES] == [
        *("incomplete", "no_duration", "too_short", "too_long", "unplayable"),
        *("playability_unknown", "unsuitable", "unsound"),
        *(f"content_{label}" for label in Label),
    ]
    failed = fails(name="", duration_ms=1, playable="no")
    assert failed == (rules.INCOMPLETE, rules.TOO_SHORT, rules.UNPLAYABLE)
    failed = fails(duration_ms=400_000, playable="unknown")
    assert failed == (rules.TOO_LONG, rules.PLAYABILITY_UNKNOWN)


def test_a_module_of_the_folder_is_a_rule_in_use() -> None:
    (folder,) = map(Path, rules.__path__)
    modules = {path.stem for path in folder.glob("*.py")}
    shared = {"__init__", "facts", "policy", "rule"}
    # One for all labels.
    assert "content" in modules
    assert modules - shared - {"content"} == {rule.name for rule in rules.RULES} - {
        rule.name for rule in rules.CONTENT
    }


FACTS = st.builds(
    Facts,
    untitled=st.booleans(),
    artists=st.integers(0, 2),
    duration_ms=st.integers(-1, 400_000) | st.sampled_from([0, 120_000, 360_000]),
    playable=st.sampled_from(list(Playable)),
    unsuited=st.booleans(),
    unsound=st.booleans(),
    content=st.sampled_from([0, 0, mask_of([Label.KARAOKE]), mask_of([Label.CHILDREN])])
    | st.sets(st.sampled_from(Label)).map(mask_of),
)


def plainly(facts: Facts, by: Policy) -> list[str]:
    """What is expected of tracks, told without the rules."""
    if facts.unsound:
        return ["unsound"]
    length = facts.duration_ms
    found = {
        "incomplete": facts.untitled or not facts.artists,
        "no_duration": length <= 0,
        "too_short": 0 < length < by.min_duration_ms,
        "too_long": length > by.max_duration_ms,
        "unplayable": facts.playable == "no",
        "playability_unknown": facts.playable == "unknown",
        "unsuitable": by.suitability == "gate" and facts.unsuited,
    }
    named = [f"content_{label}" for label in of_mask(facts.content)]
    return [name for name, refused in found.items() if refused] + named


@given(facts=FACTS, by=st.sampled_from([POLICY, GATE]))
def test_one_track(facts: Facts, by: Policy) -> None:
    wanted = plainly(facts, by)
    assert [rule.name for rule in judge(facts, by, rules.RULES)] == wanted
    crawling = plainly(facts._replace(unsuited=False, unsound=False), by)
    assert [rule.name for rule in judge(facts, by)] == crawling


@given(tracks=st.lists(FACTS, max_size=20), by=st.sampled_from([POLICY, GATE]))
def test_columns_say_what_rows_say(tracks: list[Facts], by: Policy) -> None:
    columns = Facts(
        untitled=np.array([one.untitled for one in tracks], bool),
        artists=np.array([one.artists for one in tracks], np.int32),
        duration_ms=np.array([one.duration_ms for one in tracks], np.int64),
        playable=np.array([str(one.playable) for one in tracks], "U7"),
        unsuited=np.array([one.unsuited for one in tracks], bool),
        unsound=np.array([one.unsound for one in tracks], bool),
        content=np.array([one.content for one in tracks], np.uint16),
    )
    found = rules.first_refusals(columns, by)
    assert found.dtype == np.int8
    first = [next(iter(judge(one, by, rules.RULES)), None) for one in tracks]
    assert found.tolist() == [
        rules.ELIGIBLE if rule is None else rules.RULES.index(rule) for rule in first
    ]
    # While crawling nothing is known of what suits and of what is unsound.
    crawling = rules.first_refusals(columns._replace(unsuited=False, unsound=False), by)
    first = [next(iter(judge(one, by)), None) for one in tracks]
    assert crawling.tolist() == [
        rules.ELIGIBLE if rule is None else rules.RULES.index(rule) for rule in first
    ]


TABLE = sa.Table(
    "facts",
    sa.MetaData(),
    sa.Column("at", sa.Integer, primary_key=True),
    *(sa.Column(name, sa.Boolean) for name in ("untitled", "unsuited", "unsound")),
    *(sa.Column(name, sa.Integer) for name in ("artists", "duration_ms", "content")),
    sa.Column("playable", sa.Text),
)


@given(tracks=st.lists(FACTS, min_size=1, max_size=5), by=st.sampled_from([POLICY, GATE]))
def test_conditions_of_sql_say_what_rows_say(tracks: list[Facts], by: Policy) -> None:
    rows = [{"at": at, **one._asdict()} for at, one in enumerate(tracks)]
    told = [column.name for column in TABLE.c if column.name != "at"]
    facts = Facts(**{name: TABLE.c[name] for name in told})
    with sa.create_engine("sqlite://").connect() as connection:
        TABLE.create(connection)
        connection.execute(
            sa.insert(TABLE), [{name: row[name] for name in ("at", *told)} for row in rows]
        )
        for rule in rules.RULES:
            query = sa.select(TABLE.c.at).where(rule.refuses(facts, by)).order_by(TABLE.c.at)
            wanted = [at for at, one in enumerate(tracks) if rule.refuses(one, by)]
            assert list(connection.scalars(query)) == wanted


@given(facts=FACTS, by=st.sampled_from([POLICY, GATE]))
def test_every_rule_says_what_it_looked_at(facts: Facts, by: Policy) -> None:
    facts = facts._replace(basis="is_playable", fault="its name is None" if facts.unsound else None)
    for rule in rules.RULES:
        assert rule.sentence(facts, by).strip()
    below = "below" if rules.TOO_SHORT.refuses(facts, by) else "not below"
    length = f"{facts.duration_ms:,} ms"
    assert rules.TOO_SHORT.sentence(facts, by) == f"{length} is {below} MIN_DURATION_MS 120,000"


def test_the_policys_key_tells_rules_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    before = POLICY.key
    monkeypatch.setattr(policy, "RULES_VERSION", policy.RULES_VERSION + 1)
    assert POLICY.key != before


def test_the_policys_key_tells_policies_apart() -> None:
    policies = [POLICY, Policy("SE", 120_000, 360_000), Policy("US", 1, 360_000)]
    policies += [Policy("US", 120_000, 300_000)]
    policies += [replace(POLICY, content=ContentPolicy.parse("live=reject"))]
    assert len({policy.key for policy in policies}) == 5
    assert Policy("US", 120_000, 360_000).key == POLICY.key
    # What is judged when publishing alone makes no stored verdict stale.
    assert GATE.key == POLICY.key
    assert replace(POLICY, content=ContentPolicy.parse("live=last")).key == POLICY.key


def test_the_policys_key_follows_the_table_of_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    before = POLICY.key
    monkeypatch.setattr(policy, "digest", lambda: "another")
    assert POLICY.key != before
