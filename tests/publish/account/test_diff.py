"""Two release folders compared."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.errors import ConfigurationError
from runclub_spider.publish.account.diff import Difference, compare

Row = dict[str, Any]
IDS = [f"{number:022}" for number in range(12)]


def row(track_id: str, **changes: Any) -> Row:
    extra = {"umbrellas": ["Rock"], "merged_track_ids": [], "soft_merged_track_ids": []}
    return {
        "spotify_track_id": track_id,
        "name": f"Song {track_id[-2:]}",
        "popularity_snapshot": 10,
        "popularity_bucket": 1,
        "album_decade_label": "70s",
        "artist_names": ["Someone"],
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        **{name: value for name, value in changes.items() if name not in extra},
        "_extra": {name: changes.get(name, value) for name, value in extra.items()},
    }


def write(folder: Path, rows: list[Row], version: str = "A", **manifest: Any) -> Path:
    folder.mkdir(parents=True)
    text = "".join(json.dumps(one) + "\n" for one in rows)
    (folder / "catalog_wide.jsonl").write_text(text, encoding="utf-8")
    values = {"version": version, "createdAt": "2026-02-01T00:00:00Z", **manifest}
    (folder / "manifest.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


def compared(before: list[Row], after: list[Row], **manifest: Any) -> Difference:
    with tempfile.TemporaryDirectory() as name:
        return compare(
            write(Path(name) / "a", before), write(Path(name) / "b", after, "B", **manifest)
        )


def test_each_kind_of_difference() -> None:
    found = compared(
        [row(IDS[0]), row(IDS[1]), row(IDS[2]), row(IDS[3]), row(IDS[4])],
        [
            row(IDS[0]),
            row(IDS[2], umbrellas=["Pop", "Rock"]),
            row(IDS[3], album_decade_label=None),
            row(IDS[4], popularity_snapshot=25, popularity_bucket=2),
            row(IDS[5]),
        ],
    )
    assert found.counts() == {
        "added": 1,
        "removed": 1,
        "kept": 4,
        "moved": 2,
        "changed": 1,
        "same": 1,
    }
    assert [(m.track.track_id, m.before, m.after) for m in found.moved] == [
        (IDS[2], ("Rock", "70s"), ("Pop", "70s")),
        (IDS[3], ("Rock", "70s"), ("Rock", None)),
    ]
    assert [(c.track.track_id, c.fields) for c in found.changed] == [
        (IDS[4], ("popularity_snapshot",))
    ]
    assert (found.before, found.after) == ("A", "B")


def test_a_change_of_the_time_alone_is_named() -> None:
    found = compared([row(IDS[0])], [row(IDS[0], updated_at="2026-03-01T00:00:00Z")])
    assert found.changed[0].fields == ("updated_at",)


@pytest.mark.parametrize(
    ("field", "how"),
    [
        ("merged_track_ids", "same recording"),
        ("soft_merged_track_ids", "soft duplicate"),
    ],
)
def test_a_merge_is_a_reason_on_either_side(field: str, how: str) -> None:
    apart = [row(IDS[0]), row(IDS[1])]
    together = [row(IDS[1], **{field: [IDS[0]]})]
    (gone,) = compared(apart, together).removed
    assert (gone.track.track_id, gone.reason) == (IDS[0], f"merged into {IDS[1]} ({how})")
    (come,) = compared(together, apart).added
    assert (come.track.track_id, come.reason) == (IDS[0], f"was merged into {IDS[1]} ({how})")


def test_reasons_where_nothing_was_merged() -> None:
    found = compared([row(IDS[0])], [row(IDS[1]), row(IDS[2], created_at="2026-02-02T00:00:00Z")])
    assert [one.reason for one in found.removed] == ["refused, forgotten or no longer chosen"]
    assert [one.reason for one in found.added] == [
        "refused, waiting or not chosen before",
        "found since",
    ]


def test_the_second_releases_own_reasons_count_if_it_was_compared_with_the_first() -> None:
    listed = {
        "added": [{"trackId": IDS[1], "reason": "stands for", "other": IDS[0]}],
        "removed": [{"trackId": IDS[0], "reason": "refused: too_long", "other": None}],
    }
    rows = [row(IDS[0])], [row(IDS[1])]
    told = compared(*rows, changes={"against": "A", "listed": listed})
    assert told.removed[0].reason == "refused: too_long"
    assert told.added[0].reason == f"stands for {IDS[0]}"
    other = compared(*rows, changes={"against": "C", "listed": listed})
    assert other.removed[0].reason == "refused, forgotten or no longer chosen"


@st.composite
def releases(draw: st.DrawFn) -> list[Row]:
    return [
        row(
            one,
            popularity_snapshot=draw(st.integers(0, 2)),
            umbrellas=draw(st.sampled_from([[], ["Rock"], ["Pop", "Rock"]])),
            album_decade_label=draw(st.sampled_from([None, "70s", "80s"])),
        )
        for one in sorted(draw(st.lists(st.sampled_from(IDS), unique=True)))
    ]


def ids(found: list[Any]) -> list[str]:
    return [one.track.track_id for one in found]


@given(releases())
def test_nothing_differs_from_itself(rows: list[Row]) -> None:
    counts = compared(rows, rows).counts()
    assert (counts.pop("kept"), counts.pop("same")) == (len(rows), len(rows))
    assert not any(counts.values())


@settings(deadline=None)
@given(releases(), releases())
def test_both_ways_say_the_same(before: list[Row], after: list[Row]) -> None:
    there, back = compared(before, after), compared(after, before)
    assert ids(there.added) == ids(back.removed)
    assert ids(there.removed) == ids(back.added)
    assert [(m.track.track_id, m.before, m.after) for m in there.moved] == [
        (m.track.track_id, m.after, m.before) for m in back.moved
    ]
    assert [(c.track.track_id, c.fields) for c in there.changed] == [
        (c.track.track_id, c.fields) for c in back.changed
    ]
    assert there.same == back.same


@settings(deadline=None)
@given(releases(), releases())
def test_every_track_is_accounted_for(before: list[Row], after: list[Row]) -> None:
    found = compared(before, after)
    assert found.kept + len(found.removed) == len(before)
    assert found.kept + len(found.added) == len(after)
    old = {one["spotify_track_id"] for one in before}
    new = {one["spotify_track_id"] for one in after}
    assert (set(ids(found.added)), set(ids(found.removed))) == (new - old, old - new)
    assert json.loads(json.dumps(found.as_json()))["counts"] == found.counts()


def bad_folders(root: Path) -> Iterator[tuple[Path, str]]:
    yield root / "nowhere", "No such file"
    yield write(root / "unsorted", [row(IDS[1]), row(IDS[0])]), "not sorted"
    yield write(root / "twice", [row(IDS[1]), row(IDS[1])]), "not sorted"
    broken = write(root / "broken", [])
    (broken / "catalog_wide.jsonl").write_text("{", encoding="utf-8")
    yield broken, "catalog_wide.jsonl: "
    empty = write(root / "empty", [])
    (empty / "manifest.json").write_text("{}", encoding="utf-8")
    yield empty, "manifest.json: .*'version'"


def test_what_is_no_release_is_refused_in_one_line(tmp_path: Path) -> None:
    good = write(tmp_path / "good", [row(IDS[0])])
    for folder, words in bad_folders(tmp_path):
        for pair in ((folder, good), (good, folder)):
            with pytest.raises(ConfigurationError, match=words) as refused:
                compare(*pair)
            assert "\n" not in str(refused.value)
