"""Tracks that a content label puts last: after all others, and never in the place of one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog import rules
from runclub_spider.catalog.content import ContentPolicy, Label
from runclub_spider.publish.account.exhaustion import found_in
from runclub_spider.publish.choose.balance import Targets
from runclub_spider.publish.choose.canonical import canonicals
from runclub_spider.publish.choose.collapse import Reason
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.pool import Pool, Previous
from runclub_spider.publish.choose.select import Selection, select
from testkit.candidates import Candidate, pool_of
from tests.publish.choose.pools import (
    AIMS,
    KEPT,
    LABELS,
    as_previous,
    candidate,
    chosen,
    facts,
    ids,
    run,
    worlds,
)

SHORT = settings(max_examples=60, deadline=None)
TRIBUTE, LIVE = (Label.TRIBUTE,), (Label.LIVE,)


def ready(selection: Selection) -> np.ndarray[Any, Any]:
    """The tracks that could have been chosen, but for those that only a thin cell lets in."""
    fates = np.isin(selection.fate, (Fate.EXPORTED, Fate.BALANCE))
    return fates & (selection.pool.rule == rules.ELIGIBLE)


def number(of: np.ndarray[Any, Any]) -> int:
    return int(np.count_nonzero(of))


@SHORT
@given(worlds(), AIMS, KEPT)
def test_as_long_as_the_others_fill_the_cap_none_is_exported(
    world: list[Candidate], aims: Targets, kept: dict[str, str | None]
) -> None:
    selection = run(world, aims, kept)
    others = number(ready(selection) & ~selection.pool.behind)
    selection = run(world, replace(aims, cap=max(1, others)), kept)
    if others:
        assert not selection.pool.behind[selection.chosen].any()


@SHORT
@given(worlds(), AIMS, KEPT)
def test_none_is_exported_before_another_with_features(
    world: list[Candidate], aims: Targets, kept: dict[str, str | None]
) -> None:
    selection = run(world, aims, kept)
    pool, could = selection.pool, ready(selection)
    out = selection.fate == Fate.BALANCE
    if pool.behind[selection.chosen].any():
        assert not (could & out & ~pool.behind & pool.features).any()
    # Nor is any refused that the cap has room for, once there is room for all.
    if aims.cap >= number(could) + number(
        pool.rule == rules.RULES.index(rules.PLAYABILITY_UNKNOWN)
    ):
        assert not (could & out & pool.features).any()


@SHORT
@given(worlds(), AIMS, KEPT)
def test_none_stands_for_another(
    world: list[Candidate], aims: Targets, kept: dict[str, str | None]
) -> None:
    selection = run(world, aims, kept)
    behind = selection.pool.behind
    assert all(behind[lost] or not behind[stays] for lost, stays, _ in selection.merged())


LABELLED = worlds().map(
    lambda world: [
        replace(one, labels=TRIBUTE if at % 2 else (), rule=None) for at, one in enumerate(world)
    ]
)


@settings(max_examples=150, deadline=None)
@given(LABELLED, AIMS, KEPT, st.integers(-3, 6))
def test_publishing_again_changes_nothing(
    world: list[Candidate], aims: Targets, kept: dict[str, str | None], beyond: int
) -> None:
    all_of_them = run(world, replace(aims, cap=1000), kept)
    others = number(ready(all_of_them) & ~all_of_them.pool.behind)
    aims = replace(aims, cap=max(1, others + beyond))
    first = run(world, aims, kept)
    again = select(pool_of(world, LABELS, as_previous(first)), aims)
    fate = {first.pool.id_of(i): found for i, found in enumerate(first.fate)}
    # A track of the last release stands for its song although this one has no room for it; when it
    # has fallen out of the release, another edition may stand, and that one may have features.
    fell_out = any(fate.get(one) in {Fate.PENDING, Fate.BALANCE} for one in kept)
    if not fell_out:
        assert facts(again) == facts(first)
    stored = {isrc: one for isrc, one, _ in canonicals(first, ()).rows()}
    assert not canonicals(again, sorted(stored.items())).log
    once_more = select(pool_of(world, LABELS, as_previous(again, stored)), aims)
    assert facts(once_more) == facts(again)


def test_a_cell_is_filled_by_it_when_the_cap_has_room() -> None:
    world = [candidate("a"), candidate("b", labels=TRIBUTE), candidate("c", umbrellas=("Pop",))]
    selection = chosen(world, cell_target=2, cell_minimum=2)
    assert ids(selection) == ["a", "b", "c"]
    assert selection.choice.certificate.cells["Rock", "70s"].tracks == 2
    # But the frontier goes on searching.
    assert found_in(selection)["Rock", "70s"] == 1


def test_what_cells_lack_comes_first_among_them() -> None:
    world = [candidate(one) for one in "abcde"]
    world += [candidate(f"r{n}", labels=TRIBUTE, popularity=90) for n in range(3)]
    world += [candidate("s", labels=TRIBUTE, popularity=1, umbrellas=("Soul",))]
    cells = (("Rock", "70s"), ("Soul", "70s"))
    selection = chosen(world, cap=6, cell_target=2, cell_minimum=1, cells=cells)
    assert ids(selection) == ["a", "b", "c", "d", "e", "s"]
    assert ids(chosen(world, cap=5, cells=cells)) == ["a", "b", "c", "d", "e"]


def test_the_last_release_keeps_none_of_them_before_others() -> None:
    world = [candidate("a", popularity=1), candidate("b", labels=TRIBUTE, popularity=99)]
    previous = Previous([("b", "Rock")], ["b"])
    assert ids(chosen(world, previous, cap=1)) == ["a"]


def test_it_ranks_after_others_without_features_too() -> None:
    world = [candidate("a"), candidate("b", has_features=False), candidate("c", labels=TRIBUTE)]
    assert ids(chosen(world, cap=2, coverage=Fraction(1, 2))) == ["a", "b"]
    # The gate keeps the second out; the room that it leaves is not theirs.
    assert ids(chosen(world, cap=2, coverage=Fraction(1))) == ["a"]
    assert ids(chosen(world, cap=3, coverage=Fraction(1))) == ["a", "c"]


def test_unknown_playability_and_a_label_help_no_cell() -> None:
    known = candidate("a", rule=rules.PLAYABILITY_UNKNOWN)
    assert ids(chosen([known])) == ["a"]
    assert ids(chosen([replace(known, labels=TRIBUTE)])) == []
    assert ids(chosen([replace(known, labels=(Label.KARAOKE,))])) == []
    assert ids(chosen([replace(known, labels=LIVE)])) == ["a"]


@pytest.mark.parametrize("tie", [{"isrc": "I1"}, {"soft_key": "x"}], ids=["isrc", "soft"])
def test_an_original_takes_its_place(tie: dict[str, Any]) -> None:
    sped_up = candidate("a", labels=(Label.ALTERED,), popularity=99, **tie)
    original = candidate("b", popularity=1, **tie)
    previous = Previous([("a", "Rock")], ["a"])
    selection = chosen([sped_up, original], previous)
    assert ids(selection) == ["b"]
    (b,) = selection.pool.find(["b"]).tolist()
    assert selection.reason(b) is Reason.UNLABELLED
    if "isrc" in tie:
        (change,) = canonicals(selection, [("I1", "a")]).log.listed
        assert change.cause == "a content label puts it last"
    # Where there is no other, it stands for its song.
    assert ids(chosen([sped_up, replace(original, labels=(Label.ALTERED,))], previous)) == ["a"]


def test_the_policy_says_which_labels_do() -> None:
    parts = [candidate("a", labels=LIVE), candidate("b", labels=TRIBUTE), candidate("c")]
    behind = {
        text: pool_of(parts, LABELS, content=ContentPolicy.parse(text)).behind.tolist()
        for text in ("", "live=last,tribute=keep", "tribute=reject")
    }
    assert behind == {
        "": [False, True, False],
        "live=last,tribute=keep": [True, False, False],
        "tribute=reject": [False, True, False],
    }
    assert isinstance(pool_of(parts, LABELS), Pool)
