"""The check of many rows says what the closures say of each, whatever stands anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider import resources
from runclub_spider.publish.verify.rows import _WEB
from runclub_spider.publish.verify.schema import compile_check, packaged_schema, row_check

from .test_verify import sound_rows

NAMES = ("catalog_wide", "cached_tracks", "audio_features", "cached_artists", "manifest")
SOUND = sound_rows()

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.sampled_from(
        ["70s", "a" * 22, "a" * 22 + "\n", "2025-10-15T14:26:05Z", "2025-02-30T00:00:00Z", "0000"]
    ),
    st.sampled_from([[], {}, [[]], [{}], "playlist", "kexp", 1.0, -0.0, 0]),
)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each part of a JSON value, but the whole."""
    if isinstance(value, dict):
        parts: Any = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    else:
        return
    for key, one in parts:
        yield (*way, key)
        yield from places(one, (*way, key))


def fuller(name: str) -> dict[str, Any]:
    """A sound row in which both kinds of sources and a backfill stand."""
    row = deepcopy(SOUND[name])
    if name == "catalog_wide":
        row["sources"] = [
            {"type": "playlist", "playlist_id": "a" * 22, "owner": None, "name": "x"},
            {"type": "search", "term": "techno"},
        ]
    return row


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_columns_and_closures_agree(name: str, data: st.DataObject) -> None:
    schema, row = packaged_schema(name), fuller(name)
    accepts_all, slow = row_check(name).accepts_all, compile_check(schema, schema)
    assert accepts_all([row, fuller(name)])
    assert slow(row)
    *way, last = data.draw(st.sampled_from(list(places(row))))
    part: Any = row
    for step in way:
        part = part[step]
    change = data.draw(st.sampled_from(["other", "gone", "more"]))
    if change == "other":
        part[last] = data.draw(VALUES)
    elif change == "gone":
        del part[last]
    elif isinstance(part, dict):
        part[data.draw(st.sampled_from(["_new", "new", "term", "owner"]))] = data.draw(VALUES)
    else:
        part.append(data.draw(VALUES))
    rows = data.draw(st.permutations([row, fuller(name), fuller(name)]))
    assert accepts_all(rows) == all(map(slow, rows))


def test_no_rows_are_right() -> None:
    assert row_check("catalog_wide").accepts_all([])


#: What may take a line feed: a class that names what it refuses and not white space, a shorthand
#: for what is none, and a point that takes all.
_TAKES_ANY_LINE = re.compile(r"\[\^(?![^\]]*\\s)|\\[DWN]|\(\?[a-z]*s")


def test_no_pattern_of_a_schema_takes_a_line_feed() -> None:
    """Many texts are asked of it as lines of one: it must not take two of them for one."""
    assert _TAKES_ANY_LINE.search("^[^a]$")
    assert not _TAKES_ANY_LINE.search(_WEB)
    folder = resources.folder("publish/verify/schemas")
    files = sorted(folder.rglob("*.schema.json"))
    assert len(files) > len(NAMES)
    for file in files:
        for pattern in re.findall(r'"pattern": ?("(?:[^"\\]|\\.)*")', file.read_text("utf-8")):
            assert re.fullmatch(r"\^.*\$", json.loads(pattern)), (file, pattern)
            assert not _TAKES_ANY_LINE.search(json.loads(pattern)), (file, pattern)
