"""Duplicate groups: who is one song, who stands for it, and why."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog import rules
from runclub_spider.catalog.editions import plausible
from runclub_spider.publish.choose.collapse import (
    SOFT_WINDOW_MS,
    Duplicates,
    Merge,
    Reason,
    collapse,
)
from runclub_spider.publish.choose.pool import Pool, Previous
from testkit.candidates import Candidate, pool_of
from tests.publish.choose.pools import IDS, LABELS, candidate, worlds

SOFT = "id+isrc+soft"


def grouped(
    world: Sequence[Candidate], policy: str = SOFT, previous: Previous | None = None
) -> tuple[Pool, Duplicates]:
    pool = pool_of(world, LABELS, previous)
    return pool, collapse(pool, policy)


def survivors(
    world: Sequence[Candidate], policy: str = SOFT, previous: Previous | None = None
) -> dict[str, str]:
    """Merged id -> the one that stands for it."""
    pool, found = grouped(world, policy, previous)
    return {
        pool.id_of(i): pool.id_of(int(other))
        for i, other in enumerate(found.survivor)
        if other not in {i, -1}
    }


def reasons(world: Sequence[Candidate], **more: Any) -> dict[str, Reason]:
    pool, found = grouped(world, **more)
    alone = np.arange(len(pool)) == found.survivor
    return {pool.id_of(i): Reason(int(found.reason[i])) for i in np.flatnonzero(alone).tolist()}


def pair(**changes: Any) -> list[Candidate]:
    """Two editions of a recording, b and c; the changes are those of the second."""
    second = {"isrc": "I1", "popularity": 50, "year": 1980, **changes}
    first = candidate("b", isrc="I1", popularity=50, year=1980)
    return [first, candidate(second.pop("track_id", "c"), **second)]


@pytest.mark.parametrize(
    ("editions", "survivor", "reason"),
    [
        (pair(popularity=51), "c", Reason.POPULAR),
        (pair(popularity=49), "b", Reason.POPULAR),
        (pair(popularity=None), "b", Reason.POPULAR),
        (pair(year=1979), "c", Reason.EARLIEST),
        (pair(year=None), "b", Reason.EARLIEST),
        (pair(track_id="a"), "a", Reason.SMALLEST),
        (pair(), "b", Reason.SMALLEST),
        # the year in which the song came out, by what either edition knows
        (pair(popularity=99, year=2010, original_year=1980), "b", Reason.FIRST_YEAR),
        (pair(popularity=10, year=1970, original_year=1969), "c", Reason.FIRST_YEAR),
        # both, or neither: it decides nothing
        (pair(popularity=99, year=1981, original_year=1980), "c", Reason.POPULAR),
        (pair(popularity=99, year=2010, original_year=1971), "c", Reason.POPULAR),
        # an edition without features does not win by its year
        (
            pair(popularity=10, year=1970, original_year=1969, has_features=False),
            "b",
            Reason.POPULAR,
        ),
        # relinked, not the same ISRC
        (pair(isrc="I2", linked_from="b", popularity=51), "c", Reason.POPULAR),
        # a rule refuses it before it can win
        (pair(popularity=99, rule=rules.UNPLAYABLE), "b", Reason.ONLY),
        (pair(popularity=99, rule=rules.PLAYABILITY_UNKNOWN), "b", Reason.ONLY),
    ],
)
def test_the_survivor_and_why(editions: list[Candidate], survivor: str, reason: Reason) -> None:
    assert reasons(editions) == {survivor: reason}
    assert reasons(editions[::-1]) == {survivor: reason}


def test_editions_without_a_tie_are_two_songs() -> None:
    assert reasons(pair(isrc="I2")) == {"b": Reason.ONLY, "c": Reason.ONLY}
    assert survivors([candidate("a"), candidate("b")]) == {}


def test_every_reason_has_words() -> None:
    assert len({str(reason) for reason in Reason}) == len(Reason)


def test_the_last_releases_survivor_stays() -> None:
    editions = pair(popularity=99)
    kept = Previous(canonicals=["b"])
    assert reasons(editions, previous=Previous(canonicals=["b"])) == {"b": Reason.KEPT}
    assert reasons(editions, previous=Previous([("b", "Rock")])) == {"b": Reason.KEPT}
    # unless it is gone or refused
    assert reasons(editions, previous=Previous(canonicals=["z"])) == {"c": Reason.POPULAR}
    editions[0].rule = rules.TOO_LONG
    assert reasons(editions, previous=kept) == {"c": Reason.ONLY}


OLD = {"popularity": 40, "year": 2004, "compilation": True}
NEW = {"popularity": 60, "year": 1977}


@pytest.mark.parametrize(
    ("old", "new", "displaced"),
    [
        (OLD, NEW, True),
        # later decade, though no compilation
        (OLD | {"compilation": False}, NEW, True),
        # same decade, no compilation: which of the two came first is of no importance
        (OLD | {"compilation": False, "year": 1979}, NEW, False),
        (OLD | {"year": 1979}, NEW, True),
        # not earlier, or not known to be
        (OLD, NEW | {"year": 2004}, False),
        (OLD, NEW | {"year": None}, False),
        (OLD | {"year": None}, NEW, False),
        # itself a compilation
        (OLD, NEW | {"compilation": True}, False),
        # without the features that the old one has
        (OLD, NEW | {"has_features": False}, False),
        (OLD | {"has_features": False}, NEW | {"has_features": False}, True),
        # it ranked below the old one when that was chosen, so it is not new
        (OLD, NEW | {"popularity": 39}, False),
        (OLD | {"popularity": None}, NEW | {"popularity": None}, True),
    ],
)
def test_an_original_edition(old: dict[str, Any], new: dict[str, Any], displaced: bool) -> None:
    world = [candidate("old", isrc="I1", **old), candidate("new", isrc="I1", **new)]
    found = reasons(world, previous=Previous(canonicals=["old"]))
    assert found == ({"new": Reason.ORIGINAL} if displaced else {"old": Reason.KEPT})


def test_links_chain_through_isrc() -> None:
    world = [
        candidate("a", isrc="I1"),
        candidate("b", isrc="I2", linked_from="a", popularity=60),
        candidate("c", isrc="I2"),
        candidate("d", linked_from="unknown"),
    ]
    assert survivors(world) == {"a": "b", "c": "b"}
    assert survivors(world, "id") == {}


def test_two_that_stand_for_the_same_id_are_one() -> None:
    world = [candidate("a", linked_from="gone"), candidate("b", linked_from="gone", popularity=60)]
    assert survivors(world) == {"a": "b"}
    # also when the store holds that id but a rule refuses it
    world.append(candidate("gone", rule=rules.UNPLAYABLE, popularity=99))
    assert survivors(world) == {"a": "b"}


def test_a_refused_track_ties_nothing() -> None:
    world = [
        candidate("a", isrc="I1"),
        candidate("b", isrc="I1", linked_from="c", rule=rules.UNPLAYABLE),
        candidate("c", isrc="I2"),
    ]
    assert survivors(world) == {}


def test_an_id_that_is_longer_than_spotifys_is_not_cut() -> None:
    long = "x" * 30
    world = [candidate(long + "a", isrc="I" * 20), candidate(long + "b", isrc="I" * 19 + "J")]
    assert survivors(world) == {}


# Soft duplicates


def rendering(track_id: str, seconds: float, **changes: Any) -> Candidate:
    return candidate(track_id, soft_key="song", duration_ms=int(seconds * 1000), **changes)


@pytest.mark.parametrize(
    ("apart", "one"), [(0, True), (1_999, True), (2_000, True), (2_001, False)]
)
def test_two_seconds_apart_are_one(apart: int, one: bool) -> None:
    assert SOFT_WINDOW_MS == 2_000
    world = [
        candidate("a", soft_key="s"),
        candidate("b", soft_key="s", duration_ms=200_000 + apart),
    ]
    assert survivors(world) == ({"b": "a"} if one else {})
    assert survivors(world, "id+isrc") == {}


def test_another_key_or_none_is_another_song() -> None:
    assert survivors([candidate("a", soft_key="s"), candidate("b", soft_key="t")]) == {}
    assert survivors([candidate("a"), candidate("b")]) == {}


def test_the_best_absorbs_and_then_the_best_of_the_rest() -> None:
    # A chain 1.5 s apart: not one group, for its ends are 6 s apart.
    world = [
        rendering("a", 200.0, popularity=10),
        rendering("b", 201.5, popularity=20),
        rendering("c", 203.0, popularity=90),
        rendering("d", 204.5, popularity=30),
        rendering("e", 206.0, popularity=40),
    ]
    assert survivors(world) == {"b": "c", "d": "c"}
    assert reasons(world) == {"a": Reason.ONLY, "c": Reason.POPULAR, "e": Reason.ONLY}


def test_between_two_it_goes_to_the_better() -> None:
    world = [
        rendering("a", 200, popularity=80),
        rendering("b", 202, popularity=1),
        rendering("c", 204, popularity=90),
    ]
    assert survivors(world) == {"b": "c"}


def test_the_last_releases_rendering_stays() -> None:
    world = [rendering("a", 200, popularity=10), rendering("b", 201, popularity=90)]
    assert survivors(world) == {"a": "b"}
    assert survivors(world, previous=Previous([("a", None)])) == {"b": "a"}
    assert reasons(world, previous=Previous([("a", None)])) == {"a": Reason.KEPT}


def test_editions_of_a_rendering_follow_it() -> None:
    world = [
        rendering("a", 200, isrc="I1", popularity=90),
        rendering("b", 201, isrc="I2", popularity=50),
        candidate("c", isrc="I2", duration_ms=207_000, popularity=40),
    ]
    assert survivors(world) == {"b": "a", "c": "a"}
    pool, found = grouped(world)
    how = {pool.id_of(i): Merge(int(kind)) for i, kind in enumerate(found.merge)}
    assert how == {"a": Merge.NOT, "b": Merge.SOFT, "c": Merge.ISRC}
    recording = {pool.id_of(i): int(one) for i, one in enumerate(found.recording)}
    assert recording["b"] == recording["c"] != recording["a"]


def ties(world: Sequence[Candidate]) -> set[frozenset[str]]:
    """Groups of one recording, by walking from tie to tie: another hand than the code's."""
    left = list(world)
    groups = set()
    while left:
        group = [left.pop()]
        for one in group:
            near = [other for other in left if _tied(one, other)]
            group += near
            left = [other for other in left if other not in near]
        groups.add(frozenset(one.track_id for one in group))
    return groups


def _tied(one: Candidate, other: Candidate) -> bool:
    return (
        (one.isrc is not None and one.isrc == other.isrc and plausible(one.edition, other.edition))
        or other.track_id == one.linked_from
        or one.track_id == other.linked_from
        or (one.linked_from is not None and one.linked_from == other.linked_from)
    )


@settings(max_examples=40, deadline=None)
@given(worlds(most=14))
def test_groups_are_the_closure_of_their_ties(world: list[Candidate]) -> None:
    pool, found = grouped(world, "id+isrc")
    eligible = [one for one in world if one.rule is None]
    made: dict[int, set[str]] = {}
    for i, other in enumerate(found.survivor.tolist()):
        if other >= 0:
            made.setdefault(other, set()).add(pool.id_of(i))
    assert {frozenset(group) for group in made.values()} == ties(eligible)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 3)), max_size=12),
    st.sets(st.sampled_from(IDS[:12])),
    st.randoms(use_true_random=False),
)
def test_soft_groups_stay_within_the_window(
    songs: list[tuple[int, int]], kept: set[str], rng: random.Random
) -> None:
    world = [
        candidate(IDS[n], duration_ms=200_000 + more, popularity=popularity, soft_key="s")
        for n, (more, popularity) in enumerate(songs)
    ]
    previous = [(i, None) for i in kept]
    merged = survivors(world, previous=Previous(previous))
    length = {one.track_id: one.duration_ms for one in world}
    for lost, stays in merged.items():
        assert stays not in merged
        assert abs(length[lost] - length[stays]) <= SOFT_WINDOW_MS
    standing = [i for i in length if i not in merged]
    for a in standing:
        assert all(abs(length[a] - length[b]) > SOFT_WINDOW_MS for b in standing if b != a)
    assert merged == survivors(rng.sample(world, len(world)), previous=Previous(previous))
