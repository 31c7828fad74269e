"""Pages read in one go against the same pages read row by row."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.reccobeats import parser as reccobeats
from runclub_spider.apis.spotify import models
from runclub_spider.apis.spotify import parser as spotify
from runclub_spider.apis.spotify.parser import TrackPage
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

ARTISTS = [
    {
        "id": an_id(1, "artist"),
        "name": "A",
        "genres": ["rock"],
        "images": wire.track()["album"]["images"],
    },
    {"id": an_id(2, "artist"), "name": "B", "genres": [], "popularity": 40, "href": "https://a/2"},
    None,
]
NUMBERS = ("tempo", "energy", "valence", "loudness", "key", "mode")
FEATURES = [
    {"id": f"0f43f1a4-5c1b-4e9b-8f0a-00000000000{n}", "href": f"https://a/track/{an_id(n)}?x"}
    | dict.fromkeys(NUMBERS[: n + 3], 1)
    for n in range(4)
]

Parse = Callable[[bytes], Any]
#: By what is asked: whose parser, how it is read, by which model in one go, and a usual answer.
ANSWERS: dict[str, tuple[ModuleType, Parse, type[Record], Any]] = {
    "search": (
        spotify,
        lambda body: spotify.parse_track_search(body, offset=50),
        models.WireTrackSearch,
        {"tracks": wire.paging(*ROWS)},
    ),
    "items": (
        spotify,
        lambda body: spotify.parse_playlist_items(body, offset=50),
        models.WireEntryPage,
        wire.paging(*ENTRIES),
    ),
    "artists": (spotify, spotify.parse_artist_batch, models.WireArtists, {"artists": ARTISTS}),
    "features": (
        reccobeats,
        lambda body: reccobeats.parse_features(body, [an_id(n) for n in range(5)]),
        reccobeats.WireFeaturesAnswer,
        {"content": [*FEATURES, None]},
    ),
}
PAGES = ("search", "items")


def read(parse: Parse, body: bytes) -> Any:
    try:
        return parse(body)
    except AnswerError as error:
        return str(error)


def agreed(name: str, body: bytes) -> Any:
    """What both ways make of a body."""
    module, parse, *_ = ANSWERS[name]
    found = read(parse, body)
    with mock.patch.object(module, "read_exact", return_value=None):
        assert found == read(parse, body)
    return found


@pytest.mark.parametrize("name", ANSWERS)
def test_a_usual_answer_is_read_in_one_go_and_alike(name: str) -> None:
    _, _, model, answer = ANSWERS[name]
    body = encoded(answer)
    assert read_exact(model, body) is not None
    found = agreed(name, body)
    if isinstance(found, TrackPage):
        assert {row.kind for row in found.rows} == set(RowKind)


@pytest.mark.parametrize("name", ANSWERS)
@given(rng=st.randoms(use_true_random=True))
@settings(max_examples=150, deadline=2_000)
def test_a_damaged_answer_is_read_alike(name: str, rng: random.Random) -> None:
    agreed(name, encoded(spoilt(rng, ANSWERS[name][3])))


@pytest.mark.parametrize(
    "row", [{}, dict.fromkeys(NUMBERS), {"tempo": None}, {"energy": 0.5}, {"bpm": 120}]
)
def test_features_without_a_number_are_told_from_those_without_its_key(row: Any) -> None:
    row = {"href": f"https://a/track/{an_id(4)}", **row}
    found = agreed("features", encoded({"content": [*FEATURES, row]}))
    assert bool(found.unreadable) == set(row).isdisjoint(NUMBERS)


@pytest.mark.parametrize("name", ANSWERS)
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
    text = json.dumps(ANSWERS[name][3])
    # One more key at the beginning or at the end of some object of the answer.
    places = [at for at, sign in enumerate(text) if sign == "{}"[not first]]
    at = places[len(places) * number // 10]
    more = f'"{key}":{value}'
    empty = text[at - 1 : at + 2] in ("{}]", "{},") or text[at : at + 2] == "{}"
    joined = more if empty else f"{more}," if first else f",{more}"
    text = text[: at + first] + joined + text[at + first :]
    agreed(name, text.encode())


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("spoiling", [b"\xff", b"\\ud800", b"\\u0000", b"\x01", b"[" * 2_000])
@pytest.mark.parametrize("key", [b"name", b"href", b"odd", b"uri"])
def test_text_that_is_none_is_read_alike(name: str, spoiling: bytes, key: bytes) -> None:
    body = encoded(ANSWERS[name][3])
    agreed(name, body.replace(b"{", b'{"' + key + b'": "' + spoiling + b'", ', 3))
    agreed(name, body.replace(b'"type": "', b'"type": "' + spoiling))


@pytest.mark.realdata
def test_recorded_answers_are_read_alike() -> None:
    exact = 0
    with gzip.open(real_file("spotify-responses/recorded.jsonl.gz"), "rt") as lines:
        for row in map(json.loads, lines):
            body = json.dumps(row["body"]).encode()
            for name in PAGES:
                agreed(name, body)
                exact += read_exact(ANSWERS[name][2], body) is not None
    assert exact
