"""The cases of recordings that are told apart or put together, each by the rule that decides it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from runclub_spider.catalog.editions import Edition, plausible, split
from runclub_spider.catalog.matching import keys_of, match
from runclub_spider.catalog.original import same_song
from runclub_spider.catalog.versions import SOFT_DURATION_MS, soft_key
from testkit.realdata import real_case


def _soft(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two tracks are soft duplicates; a length that is not told agrees."""
    key = soft_key(one["title"], one["artists"])
    near = abs(one.get("ms", 0) - other.get("ms", 0)) <= SOFT_DURATION_MS
    return near and key != "" and key == soft_key(other["title"], other["artists"])


def _played(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether plays that are worded like two tracks are of one song."""
    keys = [keys_of(side["title"], ", ".join(side["artists"])) for side in (one, other)]
    return match(*keys) is not None


def _credited(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a track is a recording that MusicBrainz credits under another name."""
    return same_song(
        one["title"],
        one["artists"],
        one.get("ms", 0),
        title=other["title"],
        remark="",
        credited=[*other["artists"], *other["credited_as"]],
        length_ms=other.get("ms"),
    )


@pytest.mark.realdata
def test_recordings() -> None:
    cases = yaml.safe_load(real_case("recordings.yaml").read_text(encoding="utf-8"))
    assert len(cases) >= 20
    for case in cases:
        one, other, same = case["a"], case["b"], case["want"] == "same"
        if "isrc" in one and one["isrc"] == other.get("isrc"):
            sides = [Edition(s["title"], tuple(s["artists"]), s["ms"]) for s in (one, other)]
            assert plausible(*sides) == same, case
            assert split(sides) == ([[0, 1]] if same else [[0], [1]]), case
            assert same or not _soft(one, other), case
        elif "credited_as" in other:
            assert _credited(one, other), case
            assert not _soft(one, other)
        else:
            assert _soft(one, other) == same, case
            # Equal title and artist are one song by specification.
            alike = one["title"] == other["title"] and one["artists"] == other["artists"]
            assert _played(one, other) == (same or alike), case
