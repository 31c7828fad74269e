"""What a manifest says of the changes against the release before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog import rules
from runclub_spider.publish.account.changes import (
    FORGOTTEN,
    GONE,
    MOST_LISTED,
    Last,
    changes,
    last_of,
    remembered,
    to_remember,
)
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.pool import Previous
from runclub_spider.publish.choose.select import Selection
from testkit.candidates import Candidate
from tests.publish.choose.pools import candidate, chosen, ids, worlds

Cells = list[tuple[str, str | None, str | None]]


def cells(selection: Selection) -> Cells:
    return [(track_id, *cell) for track_id, cell in selection.cells()]


def said(
    selection: Selection,
    before: Cells,
    *,
    tracks: int | None = None,
    recent: Iterable[tuple[str, bool]] = (),
) -> dict[str, Any]:
    last = Last("v1", len(before) if tracks is None else tracks, 100)
    return changes(selection, last, before, recent).as_json()


def test_the_first_release_adds_all_and_lists_nothing() -> None:
    selection = chosen([candidate("a"), candidate("b")])
    found = changes(selection, None, (), ()).as_json()
    assert found["against"] is None
    assert (found["added"], found["addedByReason"]) == (2, {"first release": 2})
    assert found["listed"] == {"added": [], "removed": [], "moved": []}


def test_every_reason() -> None:
    before: Cells = [(one, "Rock", "70s") for one in "abcdefg"]
    selection = chosen(
        [
            candidate("a"),
            candidate("b", rule=rules.TOO_LONG),
            candidate("c", isrc="I1", popularity=1),
            candidate("n", isrc="I1", popularity=9),
            candidate("d", soft_key="x", popularity=1),
            candidate("m", soft_key="x", popularity=9),
            candidate("e", has_features=False),
            candidate("f", has_features=False, asked_features=False),
            candidate("o"),
            candidate("p"),
        ],
    )
    found = said(selection, before, tracks=9, recent=[("a", False), ("o", True)])
    assert found["removedByReason"] == {
        "refused: too_long": 1,
        "merged, same recording": 1,
        "merged, soft duplicate": 1,
        "eligible, not chosen": 1,
        "waits for audio features": 1,
        GONE: 1,
        FORGOTTEN: 2,
    }
    assert {row["trackId"]: row["other"] for row in found["listed"]["removed"]} == {
        "b": None,
        "c": "n",
        "d": "m",
        "e": None,
        "f": None,
        "g": None,
    }
    assert [tuple(row.values()) for row in found["listed"]["added"]] == [
        ("m", "stands for a track of the last release", "d"),
        ("n", "stands for a track of the last release", "c"),
        ("o", "found since the last release", None),
        ("p", "known before, not released then", None),
    ]
    assert (found["kept"], found["changed"], found["moved"]) == (1, 1, 0)


def test_a_moved_track_is_not_changed_as_well() -> None:
    selection = chosen([candidate("a"), candidate("b")])
    before: Cells = [("a", "Pop", "70s"), ("b", "Rock", "70s")]
    found = said(selection, before, recent=[("a", False), ("b", False)])
    assert (found["moved"], found["changed"], found["kept"]) == (1, 1, 2)
    assert found["listed"]["moved"] == [
        {"trackId": "a", "before": ["Pop", "70s"], "after": ["Rock", "70s"]}
    ]


def test_a_manifest_counts_all_and_lists_some() -> None:
    names = [f"t{number:04}" for number in range(MOST_LISTED + 5)]
    found = said(chosen([candidate(name) for name in names]), [])
    assert found["added"] == len(names)
    assert [row["trackId"] for row in found["listed"]["added"]] == names[:MOST_LISTED]


@given(worlds(), worlds())
@settings(max_examples=60)
def test_the_sums_add_up(first: list[Candidate], second: list[Candidate]) -> None:
    old = chosen(first)
    before = cells(old)
    new = chosen(second, Previous([(one, label) for one, label, _ in before]))
    found = said(new, before)
    assert found["kept"] + found["added"] == new.count(Fate.EXPORTED)
    assert found["kept"] + found["removed"] == found["previousTracks"] == len(before)
    for kind in ("added", "removed"):
        assert sum(found[f"{kind}ByReason"].values()) == found[kind] == len(found["listed"][kind])
    was, now = set(ids(old)), set(ids(new))
    assert {row["trackId"] for row in found["listed"]["added"]} == now - was
    assert {row["trackId"] for row in found["listed"]["removed"]} == was - now


@given(worlds())
@settings(max_examples=40)
def test_nothing_changed_against_itself(world: list[Candidate]) -> None:
    selection = chosen(world)
    found = said(selection, cells(selection))
    assert found["kept"] == selection.count(Fate.EXPORTED)
    assert not any(found[name] for name in ("added", "removed", "moved", "changed"))


@given(st.text(min_size=1), st.integers(0), st.integers(0))
def test_what_is_remembered_is_told_for_the_same_data_only(
    version: str, tracks: int, moment: int
) -> None:
    last, account = Last(version, tracks, moment), {"kept": tracks, "listed": {"added": []}}
    text = to_remember(last, "d1", account)
    assert json.loads(text)
    assert last_of(text) == last
    assert remembered(text, "d1") == account
    assert remembered(text, "d2") is None
    assert (last_of(None), remembered(None, "d1")) == (None, None)
