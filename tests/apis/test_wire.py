"""The gate: how answers are decoded, records admitted, and what is said of the rest."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from math import isfinite
from typing import Annotated, Any, ClassVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.apis import wire as gate
from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.kexp.parser import parse_plays
from runclub_spider.apis.listenbrainz.parser import parse_metadata
from runclub_spider.apis.musicbrainz.parser import (
    parse_artists,
    parse_genres,
    parse_recordings,
    parse_urls,
)
from runclub_spider.apis.reccobeats.parser import parse_features, parse_tracks
from runclub_spider.apis.spotify.parser import (
    parse_artist,
    parse_artist_batch,
    parse_playlist,
    parse_playlist_items,
    parse_playlist_search,
    parse_track_search,
)
from runclub_spider.apis.wire import (
    MOST_LISTED,
    Address,
    Listed,
    Oddities,
    Reading,
    Record,
    Unreadable,
    Whole,
    admit,
    countries,
    decode,
)
from testkit.making import an_id

from . import wire
from .damage import encoded, spoilt

# --- decoding


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b'{"a": "\\ud800x", "b": 1}', {"a": "\ud800x", "b": 1}),
        (b'{"a": "Caf\xe9", "b": 1}', {"a": "Caf\udce9", "b": 1}),
        (b'{"a": "one\ntwo", "b": 1}', {"a": "one\ntwo", "b": 1}),
        (b'{"a": 1e999, "b": 1}', {"a": float("inf"), "b": 1}),
        (b'{"a": 1180591620717411303424, "b": 1}', {"a": 2.0**70, "b": 1}),
        (b'\xef\xbb\xbf{"b": 1}', {"b": 1}),
        (b'{"b": 0, "b": 1, "c": -1e999}', {"b": 1, "c": float("-inf")}),
        (b'{"b": 1, "\\ud800": 1}', {"b": 1, "": 1}),
    ],
)
def test_a_value_that_is_none_spoils_no_other(text: bytes, read: Any) -> None:
    assert decode(text) == read


@pytest.mark.parametrize("value", [b"NaN", b"9" * 5_000, b"-" + b"9" * 5_000])
def test_a_number_that_is_none_spoils_no_other(value: bytes) -> None:
    read = decode(b'{"a": ' + value + b', "b": 1}')
    assert not isfinite(read["a"])
    assert read["b"] == 1


@pytest.mark.parametrize(
    "number", [0, -1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30]
)
def test_both_decoders_read_the_same_number(number: int) -> None:
    fast, slow = decode(b'{"a": %d}' % number), decode(b'{"a": %d, "b": NaN}' % number)
    assert (fast["a"], type(fast["a"])) == (slow["a"], type(slow["a"]))


@pytest.mark.parametrize("depth", [100, 1_100, 50_000])
@pytest.mark.parametrize("kind", ["list", "object"])
def test_what_is_deep_costs_itself(depth: int, kind: str) -> None:
    start, end = ("[", "]") if kind == "list" else ('{"a":', "}")
    deep = start * depth + '"]}\\"["' + end * depth
    read = decode(f'{{"before": [1], "deep": {deep}, "after": "\\\\[{{"}}'.encode())
    assert (read["before"], read["after"]) == ([1], "\\[{")


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"null", b"[]", b"7", b'"x"', b"NaN", b'{"a": NaN', b"[" * 100_000, b"\xff{}"],
)
def test_what_is_no_object_is_an_answer_error(text: bytes) -> None:
    with pytest.raises(AnswerError):
        decode(text)


def test_a_long_deep_answer_takes_no_square_of_its_length() -> None:
    started = time.process_time()
    with pytest.raises(AnswerError):
        decode(b'{"a": ' + b"[" * 1_000_000)
    with pytest.raises(AnswerError):
        decode(b'{"a": ' + b"[" * 2_000 + b'"\\' * 500_000)
    assert time.process_time() - started < 5


# --- admitting


class Leaf(Record):
    called: ClassVar[str] = "leaf"

    url: Address
    width: Whole | None = None


class Branch(Record):
    called: ClassVar[str] = "branch"

    name: str
    leaf: Leaf | None = None
    leaves: Annotated[list[Leaf], Listed] | None = None
    size: Whole | None = None
    flag: bool | None = None


LEAF = {"url": "https://i/1", "width": 1}
BRANCH = {"name": "B", "leaf": LEAF, "leaves": [LEAF, LEAF], "size": 3, "flag": True}


@pytest.mark.parametrize(
    ("changes", "kept", "dropped"),
    [
        ({}, {}, {}),
        ({"size": 3.0}, {"size": 3}, {}),
        ({"size": 3.5}, {"size": None}, {"branch.size": 1}),
        ({"size": True}, {"size": None}, {"branch.size": 1}),
        ({"size": "3"}, {"size": None}, {"branch.size": 1}),
        ({"size": -1}, {"size": None}, {"branch.size": 1}),
        ({"size": 2**31}, {"size": None}, {"branch.size": 1}),
        ({"size": float("nan")}, {"size": None}, {"branch.size": 1}),
        (
            {"flag": 1, "size": []},
            {"flag": None, "size": None},
            {"branch.flag": 1, "branch.size": 1},
        ),
        ({"leaf": []}, {"leaf": None}, {"branch.leaf": 1}),
        ({"leaf": {"url": None}}, {"leaf": None}, {"leaf.url": 1, "branch.leaf": 1}),
        ({"leaf": LEAF | {"width": 0.5}}, {"leaf": Leaf(url="https://i/1")}, {"leaf.width": 1}),
        (
            {"leaves": [7, LEAF, None, {"url": None}, LEAF | {"width": "x"}]},
            {"leaves": [Leaf(**LEAF), Leaf(url="https://i/1")]},
            {"branch.leaves": 3, "leaf.url": 1, "leaf.width": 1},
        ),
        ({"leaves": {}}, {"leaves": None}, {"branch.leaves": 1}),
    ],
)
def test_a_wrong_value_is_dropped_and_counted(
    changes: Any, kept: dict[str, Any], dropped: dict[str, int]
) -> None:
    odd = Oddities()
    whole = Branch.model_validate(BRANCH).model_dump(mode="python")
    read = admit(Branch, json.loads(json.dumps(BRANCH | changes)), odd)
    for name in whole:
        wanted = kept.get(name, getattr(Branch.model_validate(BRANCH), name))
        assert getattr(read, name) == wanted
    assert odd.dropped == dropped


def test_a_list_is_cut_to_what_is_believed() -> None:
    odd = Oddities()
    read = admit(Branch, BRANCH | {"leaves": [dict(LEAF) for _ in range(1_000)]}, odd)
    assert read.leaves is not None
    assert len(read.leaves) == MOST_LISTED
    assert odd.dropped == {"branch.leaves": 1_000 - MOST_LISTED}


@pytest.mark.parametrize(
    ("raw", "blamed"),
    [
        ({}, "branch.name"),
        ({"name": 7}, "branch.name"),
        (None, "branch"),
        ([], "branch"),
        ("B", "branch"),
    ],
)
def test_a_record_without_what_must_be_there_names_it(raw: Any, blamed: str) -> None:
    with pytest.raises(Unreadable) as told:
        admit(Branch, raw, Oddities())
    assert told.value.field == blamed


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("https://i.scdn.co/image/ab67", True),
        ("HTTP://p.scdn.co/mp3-preview/1?cid=x&y=%20#a", True),
        ("https://[::1]/x", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//i.scdn.co/x", False),
        ("https://", False),
        ("https:///x", False),
        ("https://i/a b", False),
        ("https://i/\n", False),
        ("https://i/\x1b[2J", False),
        ('https://i/"onload=', False),
        ("https://i/ü", False),
        ("https://i/" + "x" * 2_000, False),
        ("", False),
    ],
)
def test_addresses(address: str, taken: bool) -> None:
    odd = Oddities()
    read = admit(Branch, {"name": "B", "leaves": [{"url": address}]}, odd)
    assert read.leaves == ([Leaf(url=address)] if taken else [])


def test_countries() -> None:
    odd = Oddities()
    assert countries(["US", "CA", "US"], odd, "x") == ("CA", "US")
    assert countries([], odd, "x") == ()
    assert not odd.dropped
    assert countries(["US", None, [], {}, 7, "us", "USA", "U\u0000"], odd, "x") == ("US",)
    # Of a list that holds nothing else, nothing is known; it is no empty list.
    assert countries([None, "Mars"], odd, "x") is None
    assert odd.dropped == {"x": 9}


# --- drift


@pytest.mark.parametrize(
    ("reading", "field"),
    [
        (Reading(), None),
        (Reading(read=1), None),
        (Reading(read=1, unreadable=gate.Counter({"a.b": 49})), None),
        (Reading(unreadable=gate.Counter({"a.b": 1, "a": 3})), "a"),
        (Reading(read=4, wanting=gate.Counter({"a.b": 4})), None),
        (Reading(read=5, wanting=gate.Counter({"a.b": 5})), "a.b"),
        (Reading(read=5, wanting=gate.Counter({"a.b": 4})), None),
    ],
)
def test_drift(reading: Reading, field: str | None) -> None:
    assert reading.drift == field


def rows(*, without: str, number: int = 6) -> list[Any]:
    return [wire.track(at, **{without: ...}) for at in range(number)]


TRACK = "https://open.spotify.com/track/"
NUMBERS = {"tempo": 120.5, "energy": 0.5}


@pytest.mark.parametrize(
    ("parse", "body", "field"),
    [
        ("tracks", wire.search_page(*rows(without="id"), None), "track.id"),
        ("tracks", wire.search_page(*rows(without="name")), "track.name"),
        ("tracks", wire.search_page(*rows(without="artists")), "track.artists"),
        (
            "tracks",
            wire.search_page(*(wire.track(n, type="hologram") for n in range(3))),
            "track.type",
        ),
        ("tracks", wire.search_page(7, "x", []), "track"),
        ("tracks", wire.search_page(None, None), None),
        ("tracks", wire.search_page(), None),
        # What a takedown leaves is no drift, nor is a length that nobody tells.
        ("tracks", wire.search_page(*(wire.track(n, name="", artists=[]) for n in range(9))), None),
        ("tracks", wire.search_page(*rows(without="duration_ms")), None),
        ("items", wire.items_page(*(wire.entry(row) for row in rows(without="id"))), "track.id"),
        ("items", wire.items_page({"added_at": "x", "content": wire.track(1)}), "entry.item"),
        ("items", wire.items_page(wire.entry(None), wire.entry({"is_local": True})), None),
        ("items", wire.items_page(wire.entry({"id": None, "uri": "spotify:track:null"})), None),
        ("playlists", wire.playlists_page({"name": "a"}, None, {"id": "p1"}), "playlist.id"),
        ("playlists", wire.playlists_page({"name": "starred"}, wire.playlist_row()), None),
        ("artists", orjson.dumps({"artists": [{"name": "A"}, None]}), "artist.id"),
        ("artists", orjson.dumps({"artists": [None]}), None),
        ("features", orjson.dumps({"content": [{"id": "x", **NUMBERS}]}), "audio_features.href"),
        (
            "features",
            orjson.dumps({"content": [{"href": TRACK + an_id(1), "bpm": 9}]}),
            "audio_features.tempo",
        ),
        ("features", orjson.dumps({"content": [{"href": TRACK + an_id(9), **NUMBERS}]}), None),
        ("features", orjson.dumps({"content": [{"href": TRACK + an_id(1), "tempo": None}]}), None),
        ("details", orjson.dumps({"content": [{"isrc": None}]}), "track_detail.href"),
        ("recordings", orjson.dumps({"count": 1, "recordings": [{"id": "x"}]}), "mb_recording.id"),
        ("people", orjson.dumps({"artists": [{"name": "A"}]}), "mb_artist.id"),
        ("urls", orjson.dumps({"urls": [7]}), "mb_url"),
        ("genres", orjson.dumps({"genre-count": 1, "genres": [{}]}), "mb_genre.name"),
        ("metadata", orjson.dumps({"x": {}}), "lb_metadata.mbid"),
    ],
)
def test_a_page_of_which_no_row_can_be_used_names_the_field(
    parse: str, body: bytes, field: str | None
) -> None:
    assert PARSERS[parse](body).drift == field


# --- any answer

ASKED = [an_id(number) for number in range(3)]
PARSERS: dict[str, Callable[[bytes], Any]] = {
    "tracks": lambda body: parse_track_search(body, offset=0),
    "items": lambda body: parse_playlist_items(body, offset=0),
    "playlists": parse_playlist_search,
    "playlist": parse_playlist,
    "artists": parse_artist_batch,
    "artist": parse_artist,
    "features": lambda body: parse_features(body, ASKED),
    "details": parse_tracks,
    "recordings": parse_recordings,
    "people": parse_artists,
    "urls": parse_urls,
    "genres": parse_genres,
    "metadata": parse_metadata,
    "plays": lambda body: list(parse_plays(body)),
}
MBID = "11111111-1111-4111-8111-111111111111"
ARTIST = {
    "id": an_id(1, "artist"),
    "name": "A",
    "genres": ["R&B"],
    "popularity": 4,
    "images": [{"url": "https://i/1", "width": 1}],
}
FEATURES = {
    "id": MBID,
    "href": TRACK + an_id(1),
    "acousticness": 0.1,
    "danceability": 0.1,
    "energy": 0.2,
    "instrumentalness": 0.2,
    "key": 1,
    "liveness": 0.1,
    "loudness": -7.4,
    "mode": 1,
    "speechiness": 0.1,
    "tempo": 121.9,
    "valence": 0.5,
}
DETAIL = {
    "id": MBID,
    "href": TRACK + an_id(1),
    "isrc": "GBXYZ0100009",
    "popularity": 41,
    "durationMs": 200_100,
    "availableCountries": "US,CA",
}
TAGS = [{"name": "rock", "count": 3}]
RECORDING = {
    "id": MBID,
    "title": "T",
    "disambiguation": "live",
    "length": 200_000,
    "video": None,
    "artist-credit": [{"name": "A", "artist": {"id": MBID, "name": "A"}}],
    "first-release-date": "1983-05-02",
    "isrcs": ["GBAAA8300011"],
    "tags": TAGS,
}
PERSON = {"id": MBID, "name": "A", "type": "Group", "life-span": {"begin": "1979"}, "tags": TAGS}
METADATA = {
    "recording": {"first_release_date": "1983-05-02"},
    "artist": {
        "artists": [{"artist_mbid": MBID, "name": "A", "type": "Group", "begin_year": 1979}]
    },
    "tag": {"recording": [{"tag": "rock", "count": 1, "genre_mbid": MBID, "artist_mbid": MBID}]},
}
PLAY = {
    "id": 17,
    "airdate": "2026-01-02T01:33:41-08:00",
    "song": "S",
    "artist": "A",
    "album": "B",
    "recording_id": MBID,
    "release_date": "2026-03-27",
    "comment": "",
    "play_type": "trackplay",
}
WHOLE_PLAYLIST = wire.playlist_row(
    tracks=wire.paging(wire.entry(wire.track(1))), followers={"total": 1}
)
PAGES: dict[str, Any] = {
    "tracks": {"tracks": wire.paging(wire.track(1, linked_from={"id": an_id(2)}), wire.track(2))},
    "items": wire.paging(wire.entry(wire.track(1)), wire.entry(wire.track(2), "track")),
    "playlists": {"playlists": wire.paging(wire.playlist_row(tracks={"total": 3}), None)},
    "playlist": WHOLE_PLAYLIST,
    "artists": {"artists": [ARTIST, None, ARTIST]},
    "artist": ARTIST,
    "features": {"content": [FEATURES, FEATURES]},
    "details": {"content": [DETAIL, DETAIL]},
    "recordings": {"count": 2, "offset": 0, "recordings": [RECORDING, RECORDING]},
    "people": {"artists": [PERSON, PERSON]},
    "urls": {
        "urls": [
            {
                "resource": f"https://open.spotify.com/artist/{an_id(1)}",
                "relations": [{"artist": {"id": MBID}}],
            }
        ]
    },
    "genres": {"genre-count": 2, "genres": [{"name": "rock"}, {"name": "pop"}]},
    "metadata": {MBID: METADATA},
    "plays": {"next": None, "results": [PLAY, PLAY]},
}


def read_or_told(name: str, body: bytes) -> Any:
    """What a parser returns, or the one line it says."""
    try:
        return PARSERS[name](body)
    except AnswerError as error:
        told = str(error)
    assert told.isprintable()
    assert len(told) < 200
    return told


@pytest.mark.parametrize("name", PARSERS)
def test_whole_pages_are_read_without_loss(name: str) -> None:
    read = PARSERS[name](orjson.dumps(PAGES[name]))
    if isinstance(read, Reading):
        assert read.drift is None
        assert (read.unreadable, read.odd.dropped, read.odd.unknown) == ({}, {}, {})


@pytest.mark.parametrize("name", PARSERS)
@given(rng=st.randoms(use_true_random=True))
@settings(max_examples=150, deadline=2_000)
def test_a_damaged_page_is_read_or_is_an_answer_error_and_both_decoders_agree(
    name: str, rng: random.Random
) -> None:
    body = encoded(spoilt(rng, PAGES[name]))
    results = []
    # The fast decoder refuses a byte order mark, and so the whole page.
    for text in (body, b"\xef\xbb\xbf" + body):
        read = read_or_told(name, text)
        if isinstance(read, Reading):
            read.odd.unexpected.clear()
        results.append(read)
    assert results[0] == results[1]


@pytest.mark.parametrize("name", PARSERS)
@given(
    st.binary(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["tracks", "items", "playlists", "artists", "content", "results", "urls", "id"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    ).map(encoded)
)
@settings(max_examples=50)
def test_any_answer_is_read_or_is_an_answer_error(name: str, body: bytes) -> None:
    read_or_told(name, body)


def test_one_bad_value_among_fifty_rows_costs_nothing_else() -> None:
    good = [wire.track(number) for number in range(50)]
    calm = parse_track_search(wire.search_page(*good), offset=0)
    spoilt = [dict(row) for row in good]
    spoilt[7]["name"] = "Song 7\ud800"
    spoilt[8]["popularity"] = float("nan")
    spoilt[9]["duration_ms"] = 2**70
    page = {"tracks": wire.paging(*spoilt, total=2**70)}
    read = parse_track_search(encoded(page), offset=0)
    assert (read.total, len(read.rows)) == (None, 50)
    for at, row in enumerate(read.rows):
        if at not in {8, 9}:
            assert row == calm.rows[at]
    assert read.odd.dropped == {"track.popularity": 1, "track.duration_ms": 1, "page.total": 1}


def test_a_total_in_words_is_no_total() -> None:
    assert parse_track_search(wire.search_page(wire.track(1), total="many"), offset=0).total is None
