"""The ``fields`` mask."""

from __future__ import annotations

import pytest

from runclub_sandbox.fields import MaskError, parse_mask

ROW = {"added_at": "x", "track": {"id": "1", "name": "n", "album": {"id": "a", "name": "b"}}}
PLAYLIST = {"name": "p", "snapshot_id": "s", "tracks": {"total": 2, "next": None, "items": [ROW]}}


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("snapshot_id", {"snapshot_id": "s"}),
        ("name, snapshot_id", {"name": "p", "snapshot_id": "s"}),
        ("tracks.total", {"tracks": {"total": 2}}),
        ("tracks.items.track.id", {"tracks": {"items": [{"track": {"id": "1"}}]}}),
        (
            "tracks.items(added_at,track(id,album.name))",
            {
                "tracks": {
                    "items": [{"added_at": "x", "track": {"id": "1", "album": {"name": "b"}}}]
                }
            },
        ),
        (
            "tracks.items(track(!album))",
            {"tracks": {"items": [{"track": {"id": "1", "name": "n"}}]}},
        ),
        ("!tracks", {"name": "p", "snapshot_id": "s"}),
        ("!tracks.items,!tracks.next", {"name": "p", "snapshot_id": "s", "tracks": {"total": 2}}),
        ("!tracks(items,next)", {"name": "p", "snapshot_id": "s", "tracks": {"total": 2}}),
        ("tracks.next,tracks.total", {"tracks": {"next": None, "total": 2}}),
        ("nothing", {}),
        ("tracks.items(item(id))", {"tracks": {"items": [{}]}}),
    ],
)
def test_mask(mask: str, expected: object) -> None:
    assert parse_mask(mask).apply(PLAYLIST) == expected


def test_null_entries_stay_null() -> None:
    assert parse_mask("items(track(id))").apply({"items": [{"track": None}, None]}) == {
        "items": [{"track": None}, None]
    }


@pytest.mark.parametrize("mask", ["items(", "items)", "items(track", ",", "a..b", "!"])
def test_broken_mask(mask: str) -> None:
    with pytest.raises(MaskError):
        parse_mask(mask)
