"""Which tracks make the release: properties of the choice, and its order of preference."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.rules import Rule
from runclub_spider.publish.manifest import accounting, imbalance
from runclub_spider.publish.select import Candidate, Selection, Targets, rank, select
from runclub_spider.store.pages import PageCounts

COVERAGE = Fraction(95, 100)
UMBRELLAS = ("Rock", "Pop", "Metal")


def candidate(track_id: str, **changes: Any) -> Candidate:
    values: dict[str, Any] = {
        "isrc": None,
        "linked_from": None,
        "duration_ms": 200_000,
        "year": 1977,
        "popularity": 50,
        "has_features": True,
        "asked_features": True,
        "umbrellas": ("Rock",),
        "rule": None,
    }
    return Candidate(track_id=track_id, **{**values, **changes})


def targets(**changes: Any) -> Targets:
    return Targets(**{"cap": 1000, "cell_target": 5, "coverage": COVERAGE, **changes})


def chosen(candidates: Sequence[Candidate], **changes: Any) -> list[str]:
    return list(select(candidates, targets(**changes)).cells)


IDS = [f"t{number:02d}" for number in range(24)]
ISRCS = [None, None, "I1", "I2", "I3"]


@st.composite
def worlds(draw: st.DrawFn) -> list[Candidate]:
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=20))
    return [
        candidate(
            track_id,
            isrc=draw(st.sampled_from(ISRCS)),
            linked_from=draw(st.none() | st.sampled_from(IDS)),
            duration_ms=draw(st.sampled_from([200_000, 300_000, 300_001])),
            year=draw(st.sampled_from([None, 1965, 1977, 1985])),
            popularity=draw(st.none() | st.integers(0, 3)),
            has_features=draw(st.sampled_from([True, True, True, False])),
            asked_features=draw(st.booleans()),
            umbrellas=tuple(draw(st.lists(st.sampled_from(UMBRELLAS), unique=True, max_size=2))),
            rule=draw(st.sampled_from([None, None, None, None, *Rule])),
        )
        for track_id in ids
    ]


TARGETS = st.builds(
    Targets,
    cap=st.integers(1, 25),
    cell_target=st.integers(0, 6),
    coverage=st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(3, 4), COVERAGE, Fraction(1)]),
    collapse_isrc=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(worlds(), TARGETS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    world: list[Candidate], aims: Targets, rng: random.Random
) -> None:
    first = select(world, aims)
    second = select(rng.sample(world, len(world)), aims)
    assert first == second
    assert list(first.cells) == list(second.cells) == sorted(first.cells)


@settings(max_examples=60, deadline=None)
@given(worlds(), TARGETS)
def test_every_candidate_is_accounted_for(world: list[Candidate], aims: Targets) -> None:
    selection = select(world, aims)
    account = accounting(selection, PageCounts(track_rows=len(world)), len(world))
    assert imbalance(account) is None
    assert account["rejected"] == sum(one.rule is not None for one in world)
    eligible = {one.track_id for one in world if one.rule is None}
    assert selection.cells.keys() <= eligible
    assert selection.merged.keys() <= eligible - selection.cells.keys()


@settings(max_examples=60, deadline=None)
@given(worlds(), TARGETS)
def test_the_cap_and_the_coverage_hold(world: list[Candidate], aims: Targets) -> None:
    selection = select(world, aims)
    assert len(selection.cells) <= aims.cap
    with_features = {one.track_id for one in world if one.has_features}
    share = len(selection.cells.keys() & with_features)
    assert share >= aims.coverage * len(selection.cells)


@settings(max_examples=60, deadline=None)
@given(worlds(), TARGETS)
def test_while_the_cap_has_room_nothing_with_features_is_left_out(
    world: list[Candidate], aims: Targets
) -> None:
    selection = select(world, aims)
    if len(selection.cells) == aims.cap:
        return
    left_out = {
        one.track_id
        for one in world
        if one.rule is None and one.has_features and one.track_id not in selection.merged
    } - selection.cells.keys()
    assert left_out == set()


@settings(max_examples=60, deadline=None)
@given(worlds(), TARGETS)
def test_duplicates_are_collapsed_to_one(world: list[Candidate], aims: Targets) -> None:
    selection = select(world, aims)
    by_id = {one.track_id: one for one in world}
    isrcs = [by_id[i].isrc for i in selection.cells if by_id[i].isrc]
    if aims.collapse_isrc:
        assert len(isrcs) == len(set(isrcs))
        for i in selection.cells:
            assert by_id[i].linked_from in {None, i} or by_id[i].linked_from not in selection.cells
        for isrc, (survivor, _) in selection.canonicals.items():
            assert survivor not in selection.merged
            assert isrc in {one.isrc for one in world}
    else:
        assert selection.merged == {}


@settings(max_examples=60, deadline=None)
@given(worlds(), TARGETS, st.randoms(use_true_random=False))
def test_a_survivor_stays_whatever_becomes_more_popular(
    world: list[Candidate], aims: Targets, rng: random.Random
) -> None:
    before = select(world, aims)
    previous = {isrc: track_id for isrc, (track_id, _) in before.canonicals.items()}
    for one in world:
        one.popularity = rng.choice([None, 0, 99])
    after = select(world, aims, previous)
    assert {i: t for i, (t, _) in after.canonicals.items()} == previous


def pair(**changes: Any) -> list[Candidate]:
    """Two editions of a recording; the changes are those of the second."""
    first = candidate("b", isrc="I1", popularity=50, year=1980)
    second = {"isrc": "I1", "popularity": 50, "year": 1980, **changes}
    return [first, candidate(second.pop("track_id", "c"), **second)]


@pytest.mark.parametrize(
    ("editions", "survivor"),
    [
        (pair(popularity=51), "c"),
        (pair(popularity=49), "b"),
        (pair(popularity=None), "b"),
        (pair(popularity=50, year=1979), "c"),
        (pair(popularity=50, year=None), "b"),
        (pair(track_id="a"), "a"),
        (pair(), "b"),
        # relinked, not the same ISRC
        (pair(isrc="I2", linked_from="b", popularity=51), "c"),
        # no tie at all
        (pair(isrc="I2", popularity=51), None),
        # a rule refuses it before it can win
        (pair(popularity=99, rule=Rule.UNPLAYABLE), "b"),
    ],
)
def test_the_survivor(editions: list[Candidate], survivor: str | None) -> None:
    selection = select(editions, targets())
    wanted = [one.track_id for one in editions] if survivor is None else [survivor]
    assert list(selection.cells) == sorted(wanted)


def test_the_last_releases_survivor_stays() -> None:
    editions = pair(popularity=99)
    assert list(select(editions, targets(), {"I1": "b"}).cells) == ["b"]
    # unless it is gone or refused
    assert list(select(editions, targets(), {"I1": "z"}).cells) == ["c"]
    editions[0].rule = Rule.TOO_LONG
    assert list(select(editions, targets(), {"I1": "b"}).cells) == ["c"]


def test_links_chain_through_isrc() -> None:
    world = [
        candidate("a", isrc="I1"),
        candidate("b", isrc="I2", linked_from="a", popularity=60),
        candidate("c", isrc="I2"),
        candidate("d", linked_from="unknown"),
    ]
    selection = select(world, targets())
    assert list(selection.cells) == ["b", "d"]
    assert selection.merged == {"a": "b", "c": "b"}
    assert {i: t for i, (t, _) in selection.canonicals.items()} == {"I1": "b", "I2": "b"}


@pytest.mark.parametrize(
    ("has", "asked", "where"),
    [(True, False, "cells"), (False, False, "pending"), (False, True, "balance")],
)
def test_features(has: bool, asked: bool, where: str) -> None:
    selection = select([candidate("a", has_features=has, asked_features=asked)], targets())
    found = (len(selection.cells), selection.pending, selection.balance_rejects)
    assert found == {"cells": (1, 0, 0), "pending": (0, 1, 0), "balance": (0, 0, 1)}[where]


@pytest.mark.parametrize(
    ("having", "coverage", "kept"),
    [
        (19, COVERAGE, 1),
        (18, COVERAGE, 0),
        (38, COVERAGE, 2),
        (5, Fraction(1), 0),
        (5, Fraction(1, 2), 5),
        (5, Fraction(0), 9),
    ],
)
def test_tracks_without_features_up_to_the_gate(having: int, coverage: Fraction, kept: int) -> None:
    world = [candidate(f"w{number:02d}") for number in range(having)]
    world += [candidate(f"x{number}", has_features=False, popularity=number) for number in range(9)]
    found = chosen(world, coverage=coverage)
    assert [i for i in found if i.startswith("x")] == sorted(
        f"x{number}" for number in range(9 - kept, 9)
    )


def test_above_the_cap_each_cell_is_served_first() -> None:
    world = [candidate(f"r{number}", popularity=90 + number) for number in range(8)]
    world += [candidate(f"p{number}", umbrellas=("Pop",), popularity=1) for number in range(3)]
    assert chosen(world, cap=5, cell_target=2) == ["p0", "p1", "r5", "r6", "r7"]


def test_a_track_without_features_does_not_displace_one_with() -> None:
    # Thin cells take all 50 without features that the gate allows for 950; the cap then leaves
    # far fewer with features, and what the gate takes back must go to those that wait.
    world = [candidate(f"r{number:03d}") for number in range(950)]
    world += [
        candidate(f"p{number:02d}", umbrellas=("Pop",), has_features=False) for number in range(50)
    ]
    selection = select(world, targets(cap=100, cell_target=60))
    assert len(selection.cells) == 100
    assert sum(i.startswith("r") for i in selection.cells) >= 95


def test_the_rank() -> None:
    order = [
        candidate("a", popularity=99),
        candidate("b", popularity=1),
        candidate("c", popularity=1),
        candidate("d", popularity=None),
        candidate("e", popularity=99, duration_ms=300_001),
        candidate("f", popularity=99, has_features=False),
    ]
    assert sorted(random.Random(1).sample(order, len(order)), key=rank) == order
    assert rank(candidate("a", duration_ms=300_000))[1] is False


@pytest.mark.parametrize(
    ("umbrellas", "year", "cell"),
    [
        (("Rock", "Pop"), 1977, ("Rock", "70s")),
        ((), 1977, (None, "70s")),
        (("Rock",), None, ("Rock", None)),
        (("Rock",), 1969, ("Rock", None)),
    ],
)
def test_the_cell(umbrellas: tuple[str, ...], year: int | None, cell: object) -> None:
    found = select([candidate("a", umbrellas=umbrellas, year=year)], targets())
    assert found.cells == {"a": cell}


def test_nothing() -> None:
    assert select([], targets()) == Selection()
