"""The ISRC canonicaliser: entries, changes with their causes, and the log that is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runclub_spider.catalog import rules
from runclub_spider.catalog.editions import Edition
from runclub_spider.publish.choose.canonical import (
    MOST_LISTED,
    Canonicals,
    Change,
    Log,
    canonicals,
    remembered,
    to_remember,
)
from runclub_spider.publish.choose.pool import Previous
from testkit.candidates import Candidate
from tests.publish.choose.pools import candidate, chosen


def against(world: list[Candidate], stored: dict[str, str], **aims: Any) -> Canonicals:
    return canonicals(
        chosen(world, Previous(canonicals=stored.values()), **aims), sorted(stored.items())
    )


def test_every_eligible_isrc_has_an_entry() -> None:
    world = [
        candidate("a", isrc="I2"),
        candidate("b", isrc="I1", popularity=60),
        candidate("c", isrc="I1"),
        candidate("d", isrc="I3", rule=rules.TOO_LONG),
        candidate("e"),
        # not exported, and yet an edition of it must not take its place later
        candidate("f", isrc="I4", has_features=False, asked_features=False),
    ]
    found = against(world, {})
    assert list(found.rows()) == [
        ("I1", "b", "most popular edition"),
        ("I2", "a", "only edition"),
        ("I4", "f", "only edition"),
    ]
    assert found.log == Log()
    assert list(against(world, {}, dedupe="id").rows()) == []


def test_what_is_stored_already_is_not_stored_again() -> None:
    world = [candidate("a", isrc="I1"), candidate("b", isrc="I2")]
    found = against(world, {"I1": "a"})
    assert [row[0] for row in found.rows()] == ["I2"]
    assert not found.log


GROUP = [candidate("a", isrc="I1", popularity=60), candidate("b", isrc="I1", popularity=50)]
OLDER = [
    candidate("a", isrc="I1", popularity=60, year=1971),
    candidate("b", isrc="I1", popularity=50, year=1999, compilation=True),
]


@pytest.mark.parametrize(
    ("world", "cause", "reason"),
    [
        (GROUP[:1], "no longer in the store", "only edition"),
        (
            [GROUP[0], candidate("b", isrc="I1", rule=rules.UNPLAYABLE)],
            "refused: unplayable",
            "only edition",
        ),
        ([GROUP[0], candidate("b", isrc="I2")], "no longer shares the ISRC", "only edition"),
        (OLDER, "an original edition appeared", "original edition"),
        (
            [GROUP[0], candidate("b", isrc="I1", soft_key="s", popularity=1)],
            "its group joined that of the other",
            "kept from the last release",
        ),
    ],
)
def test_a_change_says_what_became_of_the_former(
    world: list[Candidate], cause: str, reason: str
) -> None:
    stored = {"I1": "b", **({"X1": "a"} if "joined" in cause else {})}
    found = against(world, stored)
    assert found.log == Log(1, (Change("I1", "b", "a", cause, reason),))
    assert ("I1", "a", reason) in list(found.rows())


def test_a_code_of_several_recordings_has_no_entry() -> None:
    world = [
        candidate("a", isrc="I1", edition=Edition("Song", ("Artist",), 0)),
        candidate("b", isrc="I1", edition=Edition("Song (Sped Up)", ("Artist",), 0)),
        candidate("c", isrc="I1", edition=Edition("Song - Remastered", ("Artist",), 0)),
        candidate("d", isrc="I2"),
    ]
    found = against(world, {"I1": "b", "I2": "d"})
    assert [code for code, *_ in found.rows()] == []
    assert (len(found), found.log, found.divided) == (1, Log(), {b"I1": 3})
    # What no rule lets through does not take part, and a relinked track is the same recording.
    for change in ({"rule": rules.UNPLAYABLE}, {"linked_from": "a"}):
        again = against([*world[:1], replace(world[1], **change), *world[2:]], {"I1": "a"})
        assert (len(again), again.divided) == (2, {})


def test_a_soft_duplicate_changes_the_entry_too() -> None:
    world = [
        candidate("a", isrc="I1", soft_key="s", popularity=60),
        candidate("b", isrc="I2", soft_key="s"),
    ]
    stored = {"I1": "a", "I2": "b"}
    (change,) = against(world, stored).log.listed
    assert change == Change(
        "I2", "b", "a", "soft duplicate of the other", "kept from the last release"
    )


def test_changes_are_counted_beyond_those_listed() -> None:
    number = MOST_LISTED + 5
    world = [candidate(f"t{n:03d}", isrc=f"I{n:03d}") for n in range(number)]
    log = against(world, {f"I{n:03d}": "gone" for n in range(number)}).log
    assert (log.number, len(log.listed)) == (number, MOST_LISTED)
    assert log.as_json()["changes"][0] == {
        "isrc": "I000",
        "before": "gone",
        "after": "t000",
        "cause": "no longer in the store",
        "reason": "only edition",
    }


def test_the_log_of_the_same_data_is_remembered() -> None:
    log = Log(7, (Change("I1", "b", "a", "cause", "reason"),))
    assert remembered(to_remember(log, "digest"), "digest") == log
    assert remembered(to_remember(log, "digest"), "another") == Log()
    assert remembered(None, "digest") == Log()
