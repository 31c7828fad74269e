"""Pages read in one go against the same pages read row by row."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.spotify import models, parser
from runclub_spider.apis.spotify.parser import (
    TrackPage,
    parse_playlist_items,
    parse_track_search,
)
from runclub_spider.apis.wire import Record, read_exact
from runclub_spider.catalog.models import RowKind
from testkit.making import an_id
from testkit.realdata import real_file

from . import wire
from .damage import encoded, spoilt

RESTRICTED = {"restrictions": {"reason": "market"}, "linked_from": {"id": an_id(9)}}
LOCAL = {
    "id": None,
    "uri": "spotify:local:a:b:c:1",
    "is_local": True,
    "artists": [{"id": None, "name": "Some Band"}],
    "album": {"id": None, "name": "", "images": []},
}
EPISODE = wire.track(5, type="episode", uri="spotify:episode:e1")
TWICE = [{"id": an_id(1, "artist"), "name": ""}, {"id": an_id(1, "artist"), "name": "B"}]
ROWS: list[Any] = [
    *(wire.track(1), wire.track(2, **RESTRICTED), wire.track(3, popularity=...), None),
    *(wire.track(4, **LOCAL), EPISODE, wire.track(6, artists=TWICE, name="e\u0301 \u202e")),
    wire.track(7, available_markets=["US", "DE"], external_ids={"isrc": "us-um7-00-00007"}),
    *(wire.track(8, uri="spotify:track:null", id=None), wire.track(9, type="opera")),
]
ENTRIES: list[Any] = [
    *(wire.entry(row, key) for row in ROWS for key in ("item", "track")),
    *(wire.entry(wire.track(1), track={}), wire.entry({}, track=wire.track(1))),
    *({"added_at": None}, None, wire.entry(wire.track(2), is_local=True)),
]

KEYS = (
    *("id", "name", "popularity", "duration_ms", "explicit", "artists", "href", "images", "odd"),
    *("track", "item", "items", "next", "total", "offset", "tracks", "type", "uri"),
)
VALUES = (
    *("null", "-0", "-0.0", "1e2", "210000.0", "1E400", "100.0000000000000001", "NaN", "true"),
    *('"\\ud83c\\udfa7"', '"\\ud83c"', '"\\u0000"', '"a\tb"', '"\\u00e9"', '"US"'),
    *("[]", "{}", "[{}]", f'{{"id":null,"id":"{an_id(3)}"}}', "9" * 30, "[" * 300 + "]" * 300),
)

Parse = Callable[..., TrackPage]
PAGES: dict[str, tuple[Parse, type[Record], Any]] = {
    "search": (parse_track_search, models.WireTrackSearch, {"tracks": wire.paging(*ROWS)}),
    "items": (parse_playlist_items, models.WireEntryPage, wire.paging(*ENTRIES)),
}


def read(parse: Parse, body: bytes) -> TrackPage | str:
    try:
        return parse(body, offset=50)
    except AnswerError as error:
        return str(error)


def agreed(parse: Parse, body: bytes) -> TrackPage | str:
    """What both ways make of a body."""
    found = read(parse, body)
    with mock.patch.object(parser, "read_exact", return_value=None):
        assert found == read(parse, body)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_usual_page_is_read_in_one_go_and_alike(name: str) -> None:
    parse, model, page = PAGES[name]
    body = encoded(page)
    assert read_exact(model, body) is not None
    found = agreed(parse, body)
    assert isinstance(found, TrackPage)
    assert {row.kind for row in found.rows} == set(RowKind)


@pytest.mark.parametrize("name", PAGES)
@given(rng=st.randoms(use_true_random=True))
@settings(max_examples=150, deadline=2_000)
def test_a_damaged_page_is_read_alike(name: str, rng: random.Random) -> None:
    parse, _, page = PAGES[name]
    agreed(parse, encoded(spoilt(rng, page)))


@pytest.mark.parametrize("name", PAGES)
@given(
    key=st.sampled_from(KEYS),
    value=st.sampled_from(VALUES),
    first=st.booleans(),
    number=st.integers(0, 9),
)
@settings(max_examples=150, deadline=2_000)
def test_odd_spellings_and_keys_said_twice_are_read_alike(
    name: str, key: str, value: str, first: bool, number: int
) -> None:
    parse, _, page = PAGES[name]
    text = json.dumps(page)
    # One more key at the beginning or at the end of some object of the page.
    places = [at for at, sign in enumerate(text) if sign == "{}"[not first]]
    at = places[len(places) * number // 10]
    more = f'"{key}":{value}'
    empty = text[at - 1 : at + 2] in ("{}]", "{},") or text[at : at + 2] == "{}"
    joined = more if empty else f"{more}," if first else f",{more}"
    text = text[: at + first] + joined + text[at + first :]
    agreed(parse, text.encode())


@pytest.mark.realdata
def test_recorded_answers_are_read_alike() -> None:
    exact = 0
    with gzip.open(real_file("spotify-responses/recorded.jsonl.gz"), "rt") as lines:
        for row in map(json.loads, lines):
            body = json.dumps(row["body"]).encode()
            for parse, model, _ in PAGES.values():
                agreed(parse, body)
                exact += read_exact(model, body) is not None
    assert exact
