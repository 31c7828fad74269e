"""The balance: optimum against other solvers, help for thin cells, stability."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from runclub_spider.catalog import rules
from runclub_spider.publish.choose.balance import STEPS, Backfill, Targets
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.pool import Previous
from runclub_spider.publish.choose.select import Selection, select
from testkit.candidates import Candidate, pool_of
from tests.publish.choose.pools import (
    CELLS,
    COVERAGE,
    LABELS,
    as_previous,
    candidate,
    chosen,
    ids,
    random_pool,
    targets,
)


def takes_part(selection: Selection) -> list[int]:
    """Positions of what may be chosen: eligible survivors, and the reserve that was used."""
    return [i for i, fate in enumerate(selection.fate) if fate in {Fate.EXPORTED, Fate.BALANCE}]


def budget(selection: Selection) -> int:
    """Most tracks without features, by trying all numbers."""
    pool, aims = selection.pool, selection.targets
    part = takes_part(selection)
    having = sum(bool(pool.features[i]) for i in part)
    most = 0
    for number in range(len(part) - having + 1):
        whole = min(aims.cap, having + number)
        if number <= whole and whole - number >= aims.coverage * whole:
            most = number
    return most


def least_shortfall(selection: Selection) -> int:
    """The optimum as a linear program over single tracks, by HiGHS.

    One variable for each track and cell it may serve; a track serves one, a cell takes its
    target, all tracks without features together take their budget.
    """
    pool, aims = selection.pool, selection.targets
    columns = [
        (i, aims.cells.index((label, pool.decade_of(i))), bool(pool.features[i]))
        for i in takes_part(selection)
        for label in pool.umbrellas_of(i)
        if (label, pool.decade_of(i)) in aims.cells
    ]
    wanted = aims.target * len(aims.cells)
    if not columns:
        return wanted
    tracks = sorted({i for i, _, _ in columns})
    rows = np.zeros((len(tracks) + len(aims.cells) + 1, len(columns)))
    for column, (track, cell, has_features) in enumerate(columns):
        rows[tracks.index(track), column] = 1
        rows[len(tracks) + cell, column] = 1
        rows[-1, column] = not has_features
    limits = [*[1] * len(tracks), *[aims.target] * len(aims.cells), budget(selection)]
    found = linprog(-np.ones(len(columns)), A_ub=rows, b_ub=limits, method="highs")
    assert found.success
    return int(wanted + round(found.fun))


def aims_for(rng: random.Random, size: int) -> Targets:
    return targets(
        cap=rng.choice((size // 4, size // 2, size * 2)),
        cell_target=rng.choice((1, 3, 8, 30)),
        cell_minimum=rng.choice((0, 2, 8, 30)),
        coverage=rng.choice((Fraction(0), Fraction(1, 2), COVERAGE, Fraction(1))),
        cells=tuple(rng.sample(CELLS, rng.choice((3, 8, 24)))),
        backfill=tuple(rng.sample(STEPS, rng.randint(0, 3))),
    )


@pytest.mark.parametrize("seed", range(200))
def test_the_shortfall_is_the_optimum(seed: int) -> None:
    """200 random pools, with and without a last release; the release itself shows the figure."""
    rng = random.Random(seed)
    size = rng.choice((12, 40, 100))
    world = random_pool(rng, size)
    aims = aims_for(rng, size)
    previous = None
    if seed % 2:
        previous = as_previous(select(pool_of(rng.sample(world, size // 2), LABELS), aims))
    selection = select(pool_of(world, LABELS, previous), aims)
    certificate = selection.choice.certificate
    best = least_shortfall(selection)
    assert certificate.shortfall == best
    counted = Counter(cell for _, cell in selection.cells())
    assert best == sum(max(0, aims.target - counted[cell]) for cell in aims.cells)
    assert {cell: count.tracks for cell, count in certificate.cells.items()} == {
        cell: counted[cell] for cell in aims.cells
    }
    helped = Counter((mark.cell, mark.step) for mark in marks(selection).values())
    assert helped == Counter(
        {
            (cell, step): number
            for cell, count in certificate.cells.items()
            for step, number in count.backfill.items()
        }
    )
    own = dict(selection.cells())
    for track_id, mark in marks(selection).items():
        assert mark.step in aims.backfill
        assert (own[track_id] == mark.cell) == (mark.step == "soft")


@pytest.mark.parametrize("seed", range(60))
def test_the_proof_holds(seed: int) -> None:
    rng = random.Random(seed)
    selection = select(pool_of(random_pool(rng, 80), LABELS), aims_for(rng, 80))
    pool, found = selection.pool, selection.choice.certificate
    named = set(found.proof)
    serving = [
        bool(pool.features[i])
        for i in takes_part(selection)
        if any((label, pool.decade_of(i)) in named for label in pool.umbrellas_of(i))
    ]
    having = sum(serving)
    assert found.wanted == found.target * len(named)
    assert found.tracks == having + min(budget(selection), len(serving) - having)
    assert found.shortfall == found.wanted - found.tracks


def most_kept(selection: Selection, best: int) -> int:
    """Most tracks of the last release in any release of the least shortfall, by HiGHS' MILP.

    Variables: each track is chosen or not, then each track and cell as above.
    """
    pool, aims = selection.pool, selection.targets
    part = takes_part(selection)
    pairs = [
        (at, aims.cells.index((label, pool.decade_of(i))))
        for at, i in enumerate(part)
        for label in pool.umbrellas_of(i)
        if (label, pool.decade_of(i)) in aims.cells
    ]
    width = len(part) + len(pairs)
    rows = np.zeros((len(part) + len(aims.cells) + 2, width))
    low = np.full(len(rows), -np.inf)
    high = np.concatenate(
        (np.zeros(len(part)), np.full(len(aims.cells), aims.target), [aims.cap, 0])
    )
    rows[-2, : len(part)] = 1
    for at in range(len(part)):
        rows[at, at] = -1
    for column, (at, cell) in enumerate(pairs, len(part)):
        rows[at, column] = rows[len(part) + cell, column] = rows[-1, column] = 1
    served = aims.target * len(aims.cells) - best
    low[-1], high[-1] = served, served
    kept = [float(pool.kept[i]) for i in part]
    found = milp(
        np.array([-k for k in kept] + [0.0] * len(pairs)),
        constraints=LinearConstraint(rows, low, high),
        bounds=Bounds(0, 1),
        integrality=np.ones(width),
    )
    assert found.success
    return -round(found.fun)


@pytest.mark.parametrize("seed", range(40))
def test_no_optimum_keeps_more_of_the_last_release(seed: int) -> None:
    rng = random.Random(seed)
    world = random_pool(rng, 60)
    for one in world:
        one.has_features, one.rule = True, None
    cells = tuple(rng.sample(CELLS, 8))
    aims = targets(cap=25, cell_target=3, cells=cells, backfill=(), dedupe="id+isrc")
    before = select(pool_of(world[:45], LABELS), aims)
    after = select(pool_of(world, LABELS, as_previous(before)), aims)
    kept = set(ids(before)) & set(ids(after))
    assert len(kept) == most_kept(after, after.choice.certificate.shortfall)


# Cells and umbrellas


def test_a_track_serves_the_cell_that_lacks_it() -> None:
    world = [candidate(f"a{n}", umbrellas=["Rock", "Pop"]) for n in range(4)]
    found = chosen(world, cell_target=2, cells=(("Rock", "70s"), ("Pop", "70s")))
    assert Counter(dict(found.cells()).values()) == {("Rock", "70s"): 2, ("Pop", "70s"): 2}


def test_its_heaviest_umbrella_unless_another_lacks_it() -> None:
    world = [candidate(f"a{n}", umbrellas=["Rock", "Pop"]) for n in range(4)]
    cells = (("Rock", "70s"), ("Pop", "70s"))
    found = chosen(world, cell_target=5, cell_minimum=0, cells=cells)
    assert set(dict(found.cells()).values()) == {("Rock", "70s")}


@pytest.mark.parametrize("seed", range(20))
def test_where_every_cell_lacks_tracks_each_counts_under_its_heaviest(seed: int) -> None:
    """Whatever the others are: one track more or less must not change another's row."""
    world = random_pool(random.Random(seed), 100)
    found = chosen(world, cell_target=1000, cell_minimum=1000, cap=100_000, coverage=Fraction(1, 2))
    pool = found.pool
    heaviest = {pool.id_of(i): pool.umbrellas_of(i) for i in range(len(pool))}
    counted = {one: cell[0] for one, cell in found.cells() if cell[0] is not None}
    assert {one: label for one, label in counted.items() if label != heaviest[one][0]} == {}


def test_a_chain_of_tracks_makes_room() -> None:
    # Metal lacks one; only Pop could give it, and only Rock could fill Pop.
    world = [candidate(f"r{n}", umbrellas=["Rock", "Pop"]) for n in range(3)]
    world += [candidate(f"p{n}", umbrellas=["Pop", "Metal"]) for n in range(2)]
    cells = (("Rock", "70s"), ("Pop", "70s"), ("Metal", "70s"))
    found = chosen(world, cell_target=1, cell_minimum=1, cells=cells, cap=3)
    assert found.choice.certificate.shortfall == 0
    assert len(ids(found)) == 3


def test_the_minimum_comes_before_the_target() -> None:
    # One umbrella could take all shared tracks to its target and leave the other with none.
    world = [candidate(f"r{n}", umbrellas=["Rock", "Pop"]) for n in range(6)]
    cells = (("Rock", "70s"), ("Pop", "70s"))
    found = chosen(world, cell_target=5, cell_minimum=3, cells=cells)
    counted = Counter(cell for _, cell in found.cells())
    assert counted == {("Rock", "70s"): 3, ("Pop", "70s"): 3}


def test_a_cell_that_cannot_exist_wants_nothing() -> None:
    world = [candidate("a", umbrellas=["Soul"]), candidate("b", umbrellas=["Soul", "Rock"])]
    found = chosen(world, cells=(("Rock", "70s"),), cell_target=1)
    assert dict(found.cells()) == {"a": ("Soul", "70s"), "b": ("Rock", "70s")}


def test_an_umbrella_stays_while_it_can() -> None:
    world = [candidate(f"a{n}", umbrellas=["Rock", "Pop"]) for n in range(6)]
    cells = (("Rock", "70s"), ("Pop", "70s"))
    kept = Previous([("a0", "Pop"), ("a3", "Pop"), ("a5", "Rock")])
    found = dict(chosen(world, kept, cells=cells, cell_target=4, cell_minimum=0).cells())
    assert [i for i, cell in found.items() if cell[0] == "Pop"] == ["a0", "a3"]


# Thin cells

GRID = {
    "cell_target": 2,
    "cell_minimum": 2,
    "cells": (("Rock", "70s"), ("Pop", "70s"), ("Pop", "80s")),
}


def marks(selection: Selection) -> dict[str, Backfill]:
    return {selection.pool.id_of(i): mark for i, mark in selection.choice.backfill.items()}


def unknown(track_id: str, **changes: Any) -> Candidate:
    return candidate(track_id, rule=rules.PLAYABILITY_UNKNOWN, **changes)


def test_unknown_playability_helps_a_thin_cell_only() -> None:
    world = [candidate(f"r{n}") for n in range(2)]
    world += [unknown("u0"), *(unknown(f"u{n}", umbrellas=["Pop"]) for n in range(1, 5))]
    found = chosen(world, **GRID)
    assert ids(found) == ["r0", "r1", "u1", "u2"]
    assert marks(found) == dict.fromkeys(("u1", "u2"), Backfill(("Pop", "70s"), "soft"))
    assert found.rejected() == {"playability_unknown": 3}
    assert found.count(Fate.REJECTED) == 3
    assert ids(chosen(world, **GRID, backfill=("neighbour", "decade"))) == ["r0", "r1"]


@pytest.mark.parametrize(
    "rule", [rule for rule in rules.RULES if rule is not rules.PLAYABILITY_UNKNOWN], ids=str
)
def test_no_other_refusal_is_lifted(rule: rules.Rule) -> None:
    assert ids(chosen([candidate("a", rule=rule)], **GRID)) == []


def test_unknown_playability_without_features_is_no_help() -> None:
    assert ids(chosen([unknown("a", has_features=False)], **GRID, coverage=Fraction(0))) == []


def test_an_eligible_edition_leaves_no_place_to_an_unknown_one() -> None:
    world = [candidate("a", isrc="I1"), unknown("b", isrc="I1", popularity=99)]
    found = chosen(world, **GRID)
    assert ids(found) == ["a"]
    assert found.count(Fate.REJECTED) == 1
    soft = [candidate("a", soft_key="x"), unknown("b", soft_key="x", popularity=99)]
    assert ids(chosen(soft, **GRID)) == ["a"]
    # Of two unknown editions the better one helps.
    two = [unknown("a", isrc="I1"), unknown("b", isrc="I1", popularity=99)]
    assert ids(chosen(two, **GRID)) == ["b"]


def test_a_neighbour_lends_what_it_has_too_many_of() -> None:
    world = [candidate(f"r{n}", popularity=n) for n in range(8)]
    found = chosen(world, **GRID, cap=6)
    # Pop lacks two in the 70s and names Soul, then Rock as neighbours.
    assert ids(found) == ["r2", "r3", "r4", "r5", "r6", "r7"]
    assert marks(found) == dict.fromkeys(("r4", "r5"), Backfill(("Pop", "70s"), "neighbour"))
    counted = found.choice.certificate.cells
    assert counted[("Pop", "70s")].tracks == 0
    assert counted[("Pop", "70s")].backfill == {"neighbour": 2}
    assert counted[("Rock", "70s")].tracks == 6


def test_lent_tracks_are_chosen_before_better_ones() -> None:
    world = [candidate(f"r{n}", popularity=1) for n in range(4)]
    world += [candidate(f"m{n}", year=None, popularity=99) for n in range(6)]
    cells = (("Rock", "70s"), ("Pop", "70s"))
    aims = {"cell_target": 2, "cell_minimum": 2, "cells": cells, "cap": 5}
    assert ids(chosen(world, **aims)) == ["m0", "r0", "r1", "r2", "r3"]
    assert ids(chosen(world, **aims, backfill=())) == ["m0", "m1", "m2", "r0", "r1"]


def test_the_closest_neighbour_lends_first() -> None:
    world = [candidate(f"s{n}", umbrellas=["Soul"]) for n in range(4)]
    world += [candidate(f"r{n}") for n in range(4)]
    cells = (("Rock", "70s"), ("Pop", "70s"), ("Soul", "70s"))
    found = chosen(world, cell_target=2, cell_minimum=2, cells=cells)
    assert sorted(marks(found)) == ["s2", "s3"]


def test_an_adjacent_decade_lends() -> None:
    world = [candidate(f"p{n}", umbrellas=["Pop"], year=1985) for n in range(5)]
    found = chosen(world, **GRID)
    assert marks(found) == dict.fromkeys(("p2", "p3"), Backfill(("Pop", "70s"), "decade"))
    far = [candidate(f"p{n}", umbrellas=["Pop"], year=1995) for n in range(5)]
    wanted = {"p0", "p1"}  # the nineties want none here, so all can help the eighties
    assert set(marks(chosen(far, **GRID))) == wanted


@pytest.mark.parametrize(
    ("order", "by"),
    [
        (("soft", "neighbour", "decade"), {"u0": "soft", "u1": "soft"}),
        (("neighbour", "soft", "decade"), {"r2": "neighbour", "r3": "neighbour"}),
        (("decade", "soft"), {"p2": "decade", "p3": "decade"}),
        (("neighbour",), {"r2": "neighbour", "r3": "neighbour"}),
        ((), {}),
    ],
)
def test_the_steps_go_in_the_configured_order(order: Any, by: dict[str, str]) -> None:
    world = [candidate(f"r{n}") for n in range(6)]
    world += [candidate(f"p{n}", umbrellas=["Pop"], year=1985) for n in range(6)]
    world += [unknown(f"u{n}", umbrellas=["Pop"]) for n in range(3)]
    found = chosen(world, **GRID, backfill=order)
    assert {i: mark.step for i, mark in marks(found).items()} == by


def test_help_goes_on_with_the_next_step() -> None:
    world = [candidate(f"r{n}") for n in range(3)]
    world += [candidate(f"p{n}", umbrellas=["Pop"], year=1985) for n in range(6)]
    world += [unknown("u0", umbrellas=["Pop"])]
    found = chosen(world, cell_target=4, cell_minimum=4, cells=GRID["cells"], backfill=STEPS)
    assert Counter(mark.step for mark in marks(found).values()) == {"soft": 1, "decade": 2}


def test_five_minutes_and_more_serve_what_shorter_ones_cannot() -> None:
    world = [candidate(f"a{n}", popularity=n) for n in range(3)]
    world += [candidate(f"z{n}", duration_ms=330_000, popularity=99) for n in range(3)]
    aims = {"cells": (("Rock", "70s"),), "cell_minimum": 0, "backfill": ()}
    assert ids(chosen(world, **aims, cap=3, cell_target=3)) == ["a0", "a1", "a2"]
    assert ids(chosen(world, **aims, cap=4, cell_target=4)) == ["a0", "a1", "a2", "z0"]
