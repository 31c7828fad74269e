"""The pool: columns that say what the candidates said, in the order of ids, however they come."""

from __future__ import annotations

import random
from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.dates import decade_of
from runclub_spider.catalog.editions import split
from runclub_spider.catalog.rules import ELIGIBLE, RULES
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.publish.choose.pool import NO_YEAR, NONE, Pool, Previous
from testkit.candidates import Candidate, pool_of
from testkit.killer import ROOT
from tests.publish.choose.pools import LABELS, candidate, random_pool, worlds

UMBRELLAS = UmbrellaMap.load(ROOT / "seeds" / "umbrellas.yaml")


def same(one: Pool, other: Pool) -> bool:
    found = []
    for field in fields(Pool):
        a, b = getattr(one, field.name), getattr(other, field.name)
        found.append(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b)
    return all(found)


@settings(max_examples=40, deadline=None)
@given(worlds(), st.integers(0, 40), st.randoms(use_true_random=False))
def test_columns_say_what_the_candidates_said(
    world: list[Candidate], expected: int, rng: random.Random
) -> None:
    pool = pool_of(rng.sample(world, len(world)), LABELS)
    assert same(pool, pool_of(sorted(world, key=lambda one: one.track_id), LABELS))
    assert len(pool) == len(world)
    by_id = {one.track_id: one for one in world}
    assert [pool.id_of(i) for i in range(len(pool))] == sorted(by_id)
    for i in range(len(pool)):
        one = by_id[pool.id_of(i)]
        assert bytes(pool.isrc[i]).decode() == (one.isrc or "")
        assert pool.duration[i] == one.duration_ms
        assert pool.year[i] == (one.year or NO_YEAR)
        assert pool.decade_of(i) == decade_of(one.year)
        assert pool.popularity[i] == (-1 if one.popularity is None else one.popularity)
        assert (pool.features[i], pool.asked[i]) == (one.has_features, one.asked_features)
        assert pool.compilation[i] == one.compilation
        assert pool.rule[i] == (ELIGIBLE if one.rule is None else RULES.index(one.rule))
        assert pool.umbrellas_of(i) == one.vote.names
        assert pool.origins[pool.origin[i]] == one.vote.origin
        assert pool.confidence[i] / 10_000 == one.vote.confidence
        assert (pool.link[i] >= 0) == (one.linked_from in by_id)
        if pool.link[i] >= 0:
            assert pool.id_of(int(pool.link[i])) == one.linked_from
        for j in range(len(pool)):
            other = by_id[pool.id_of(j)]
            equal = one.soft_key == other.soft_key
            assert bool((pool.soft[i] == pool.soft[j]).all()) == equal
            tied = one.linked_from is not None and one.linked_from == other.linked_from
            assert bool(pool.linked[i] == pool.linked[j] >= 0) == tied


def test_a_pool_of_many_parts_is_one_pool() -> None:
    world = random_pool(random.Random(1), 20_000)
    world[15_000].linked_from = world[3].track_id
    pool = pool_of(iter(world), LABELS, parts=3)
    assert same(pool, pool_of(world[::-1], LABELS))
    (at,) = pool.find([world[15_000].track_id])
    assert pool.id_of(int(pool.link[at])) == world[3].track_id


def test_a_track_takes_about_ninety_bytes() -> None:
    pool = pool_of(random_pool(random.Random(2), 5_000), LABELS)
    columns = [getattr(pool, field.name) for field in fields(Pool)]
    size = sum(column.nbytes for column in columns if isinstance(column, np.ndarray))
    assert size <= 90 * len(pool)


def test_finding_ids() -> None:
    pool = pool_of([candidate("b"), candidate("a"), candidate("dd")], LABELS)
    assert pool.find(["dd", "a", "c", "", "z", "d"]).tolist() == [2, 0, -1, -1, -1, -1]
    assert pool_of([], LABELS).find(["a"]).tolist() == [-1]


def test_no_more_than_five_umbrellas_are_kept() -> None:
    labels = [f"L{n}" for n in range(7)]
    pool = pool_of([candidate("a", umbrellas=labels)], labels)
    assert pool.umbrellas_of(0) == tuple(labels[:5])


def test_what_the_last_release_held() -> None:
    previous = Previous(
        [("a", "Pop"), ("b", None), ("gone", "Pop"), ("c", "an umbrella no more")], ["d", "gone"]
    )
    pool = pool_of([candidate(i) for i in "edcba"], LABELS, previous)
    assert pool.kept.tolist() == [True, True, True, False, False]
    assert pool.canonical.tolist() == [True, True, True, True, False]
    assert pool.kept_as.tolist() == [LABELS.index("Pop"), NONE, NONE, NONE, NONE]


def test_decades_by_the_year_the_owner_wants() -> None:
    world = [
        candidate("a", year=2009, original_year=1977),
        candidate("b", year=2009),
        candidate("c", year=None, original_year=1985),
    ]
    album = pool_of(world, LABELS)
    original = pool_of(world, LABELS, decade_from="original")
    assert [album.decade_of(at) for at in range(3)] == ["00s", "00s", None]
    assert [original.decade_of(at) for at in range(3)] == ["70s", "00s", "80s"]
    # Only the decade changes: the choice of an edition looks at the album's year.
    assert np.array_equal(album.year, original.year)
    assert np.array_equal(album.preferred, original.preferred)


def test_editions_of_the_first_year_by_what_any_of_them_knows() -> None:
    world = [
        candidate("a", isrc="I1", year=1977),
        candidate("b", isrc="I1", year=2009, original_year=1976),
        candidate("c", isrc="I1", year=1977, has_features=False),
        # by its title and artist
        candidate("d", isrc="I2", soft_key="k", year=1983),
        candidate("e", isrc="I3", soft_key="k", year=2001, original_year=1983),
        # of nobody is anything known
        candidate("f", year=1960),
        candidate("g", year=2011, original_year=2011),
    ]
    pool = pool_of(world, LABELS)
    assert [pool.id_of(at) for at in np.flatnonzero(pool.preferred)] == ["a", "d", "g"]


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_preferred_editions_follow_from_their_definition(world: list[Candidate]) -> None:
    pool = pool_of(world, LABELS)
    known = {one.track_id: one.original_year or NO_YEAR for one in world}
    recordings = [
        [group[at] for at in places]
        for code in {one.isrc for one in world} - {None}
        if (group := [one for one in world if one.isrc == code])
        for places in split([one.edition for one in group])
    ]
    keys = {one.soft_key for one in world} - {""}
    for groups in (recordings, [[one for one in world if one.soft_key == key] for key in keys]):
        for group in groups:
            least = min(known[one.track_id] for one in group)
            known.update((one.track_id, least) for one in group)
    for at, one in enumerate(sorted(world, key=lambda each: each.track_id)):
        first = known[one.track_id]
        expected = first < NO_YEAR and (one.year or NO_YEAR) <= first + 1 and one.has_features
        assert bool(pool.preferred[at]) is expected
