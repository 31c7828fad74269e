"""Every answer on record lands in a closed category, and every awkward shape of the reference."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from runclub_spider.apis.spotify import models
from runclub_spider.apis.spotify.answers import (
    PAGE,
    PASSING,
    WHOLE,
    Problem,
    explain,
    problem_of,
)
from runclub_spider.catalog.models import RELINKED, RESTRICTED, RowKind
from testkit.making import an_id
from testkit.realdata import real_file
from testkit.spotify_answers import Answer, Thing, classify

from . import wire

ROWS = {*map(str, RowKind), RESTRICTED, RELINKED, *map(str, Thing)}
PREMIUM = (
    b"Active premium subscription required for the owner of the app. "
    b"Changes of the subscription can take a few hours to arrive."
)


ARTIST = {"id": an_id(1, "artist"), "name": "A"}


def error(status: int, message: str, **more: str) -> bytes:
    return orjson.dumps({"error": {"status": status, "message": message, **more}})


# --- problems (reference, 4.3)

PROBLEMS = [
    (400, error(400, "Invalid limit"), Problem.PAGE_SIZE),
    (400, error(400, "Invalid base62 id"), Problem.BAD_REQUEST),
    (400, error(400, "invalid id"), Problem.BAD_REQUEST),
    (400, error(400, "Invalid offset"), Problem.BAD_REQUEST),
    (401, error(401, "The access token expired"), Problem.TOKEN),
    (401, error(401, "Invalid access token"), Problem.TOKEN),
    (401, b"", Problem.TOKEN),
    (403, error(403, "Forbidden"), Problem.FORBIDDEN),
    (403, b"", Problem.FORBIDDEN),
    (403, b"<html><h1>403 Forbidden</h1></html>", Problem.FORBIDDEN),
    (403, PREMIUM, Problem.PREMIUM),
    (403, error(403, "User not registered in the Developer Dashboard"), Problem.USER),
    (403, b"User not registered in the Developer Dashboard", Problem.USER),
    (404, error(404, "Resource not found"), Problem.NOT_FOUND),
    (404, b'{"error":{"type":"not_found","description":"non existing id"}}', Problem.NOT_FOUND),
    (404, b"", Problem.NOT_FOUND),
    (429, error(429, "API rate limit exceeded"), Problem.RATE_LIMIT),
    (429, b"Too many requests", Problem.RATE_LIMIT),
    (429, error(429, "Too many requests", reason="QUOTA_EXCEEDED"), Problem.QUOTA),
    (500, error(500, "Server error."), Problem.SERVER_ERROR),
    (502, b"<html>Bad gateway</html>", Problem.SERVER_ERROR),
    (503, b"upstream connect error", Problem.SERVER_ERROR),
    (504, b"", Problem.SERVER_ERROR),
    (400, error(400, "Invalid market code"), Problem.MARKET),
    (400, b"Invalid country", Problem.MARKET),
    (400, error(400, "Bad search type field trck"), Problem.PARAMETER),
    (400, error(400, "Invalid additional_types"), Problem.PARAMETER),
    (400, error(400, "Unsupported parameter: fields"), Problem.PARAMETER),
    (400, error(400, "Invalid offset"), Problem.BAD_REQUEST),
    (400, error(400, "Unsupported type of id"), Problem.BAD_REQUEST),
    (400, error(400, "Marketing is no term"), Problem.BAD_REQUEST),
    (401, error(401, "This application is disabled"), Problem.APP),
    (403, error(403, "Your developer account was suspended"), Problem.APP),
    (403, error(403, "Insufficient client scope"), Problem.FORBIDDEN),
    (302, b"", Problem.UNEXPECTED),
    (204, b"", Problem.UNEXPECTED),
    (410, b"", Problem.UNEXPECTED),
]


@pytest.mark.parametrize(("status", "body", "problem"), PROBLEMS)
def test_problems(status: int, body: bytes, problem: Problem) -> None:
    assert problem_of(status, body) is problem
    answer = classify("search", status, body)
    assert (answer.problem, answer.contents.rows) == (problem, {})
    assert answer.said == explain(problem, status, body)
    assert "\n" not in answer.said
    assert str(status) in answer.said


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>Log in to this network</title>",
        b"Too many requests",
        b"null",
        b"[]",
        b'{"tracks":{"items":[',
        b'{"tracks":{"items":"many"}}',
        b'{"tracks":{"items":[],"next":7}}',
        b"{}",
        b'{"content":[]}',
        b"\xff\xfe",
    ],
)
def test_a_200_that_is_no_answer_is_unreadable(body: bytes) -> None:
    answer = classify("search", 200, body)
    assert answer.problem is Problem.UNREADABLE
    assert "SPOTIFY_API_BASE_URL" in answer.said
    assert not answer.contents.rows


@pytest.mark.parametrize("path", ["", "nothing", "tracks/a/b", "searches", "me/player"])
def test_an_address_that_is_not_on_record_is_unreadable(path: str) -> None:
    assert classify(path, 200, b"{}").problem is Problem.UNREADABLE


@pytest.mark.parametrize(
    ("status", "body", "cause", "cure"),
    [
        (403, PREMIUM, "Premium", "owner"),
        (403, error(403, "User not registered"), "allow-list", "dashboard"),
        (401, b"", "401", "settings"),
        (302, b"", "302", "SPOTIFY_API_BASE_URL"),
        (403, error(403, "Your account was suspended"), "suspended", "dashboard"),
        (400, error(400, "Invalid market code"), "Invalid market code", "MARKET"),
        (503, error(503, "Service\nunavailable"), "503", "Service unavailable"),
    ],
)
def test_a_person_is_told_cause_and_cure(status: int, body: bytes, cause: str, cure: str) -> None:
    said = classify("search", status, body).said
    assert cause in said
    assert cure in said


def test_a_refused_market_is_told_with_the_one_that_was_meant() -> None:
    body = error(400, "Invalid market code")
    said = explain(Problem.MARKET, 400, body, market="UK")
    assert said == (
        "Spotify refuses the market UK (400: Invalid market code): use GB, by -a market or MARKET"
    )


def test_a_servers_text_cannot_steer_the_terminal() -> None:
    said = classify("search", 500, b"\x1b[31mred\x1b]0;title\x07 \xff\r\nnext").said
    assert said.isprintable()


def test_a_long_text_is_cut_and_one_line() -> None:
    assert len(classify("search", 500, b"<p>\n" * 4000).said) < 200


def test_every_problem_has_one_way_to_go_on() -> None:
    """The crawl renews, splits, stops, closes the page, or asks again: no problem in two sets."""
    apart = {Problem.TOKEN, Problem.PAGE_SIZE, Problem.UNREADABLE, Problem.UNEXPECTED}
    assert Counter([*WHOLE, *PAGE, *PASSING, *apart]) == Counter(Problem)


# --- rows (reference, 1.7): one test a shape


def searched(*rows: Any) -> Answer:
    answer = classify("search", 200, wire.search_page(*rows))
    assert answer.problem is None
    return answer


def listed(*entries: Any) -> Answer:
    answer = classify("playlists/p1/tracks", 200, wire.items_page(*entries))
    assert answer.problem is None
    return answer


def rows(answer: Answer) -> dict[str, int]:
    assert set(answer.contents.rows) <= ROWS
    return dict(+answer.contents.rows)


LOCAL = {
    "type": "track",
    "id": None,
    "name": "Kitchen Demo",
    "is_local": True,
    "duration_ms": 183_000,
    "uri": "spotify:local:Some+Band:Garage+Tapes:Kitchen+Demo:183",
    "external_ids": {},
    "external_urls": {},
    "artists": [{"id": None, "name": "Some Band"}],
    "album": {"id": None, "name": "Garage Tapes", "release_date": None, "images": []},
}
EPISODE = {"type": "episode", "id": an_id(7), "name": "Ep. 12", "show": {"id": "s1"}}
DISGUISED = {
    "type": "episode",
    "track": True,
    "episode": False,
    "id": an_id(7),
    "track_number": 0,
    "external_ids": {"spotify": "https://open.spotify.com/episode/e1"},
    "album": {"album_type": "compilation", "name": "A Show"},
    "artists": [{"name": "A Show"}],
}
SHAPES: list[tuple[str, Any, dict[str, int]]] = [
    ("a track", wire.track(1), {"track": 1}),
    ("null", None, {"null": 1}),
    ("a local file", LOCAL, {"local": 1}),
    ("a local file without the flag", {**LOCAL, "is_local": None}, {"local": 1}),
    ("an episode", EPISODE, {"episode": 1}),
    ("an episode in disguise", DISGUISED, {"episode": 1}),
    ("an episode by its flag", wire.track(1, episode=True), {"episode": 1}),
    (
        "an episode by its address",
        wire.track(1, type=..., uri="spotify:episode:e1"),
        {"episode": 1},
    ),
    (
        "restricted",
        wire.track(1, is_playable=False, restrictions={"reason": "market"}),
        {"track": 1, "restricted": 1},
    ),
    (
        "restricted for a reason of the future",
        wire.track(1, restrictions={"reason": "lunar"}),
        {"track": 1, "restricted": 1},
    ),
    ("unplayable and not restricted", wire.track(1, is_playable=False), {"track": 1}),
    ("relinked", wire.track(1, linked_from={"id": an_id(2)}), {"track": 1, "relinked": 1}),
    ("linked from nothing", wire.track(1, linked_from={}), {"track": 1}),
    (
        "both",
        wire.track(1, linked_from={"id": an_id(2)}, restrictions={"reason": "product"}),
        {"track": 1, "restricted": 1, "relinked": 1},
    ),
    ("float duration", wire.track(1, duration_ms=210_000.4), {"track": 1}),
    ("popularity out of range", wire.track(1, popularity=101), {"track": 1}),
    ("popularity as a float", wire.track(1, popularity=41.0), {"track": 1}),
    ("popularity null", wire.track(1, popularity=None), {"track": 1}),
    ("no markets left", wire.track(1, available_markets=[]), {"track": 1}),
    ("markets null", wire.track(1, available_markets=None), {"track": 1}),
    ("no album", wire.track(1, album=None), {"track": 1}),
    ("album after a takedown", wire.track(1, album={"id": None, "name": ""}), {"track": 1}),
    ("images null", wire.track(1, album={"name": "A", "images": None}), {"track": 1}),
    ("null among the images", wire.track(1, album={"name": "A", "images": [None]}), {"track": 1}),
    ("artist without id", wire.track(1, artists=[{"id": None, "name": "B"}]), {"track": 1}),
    ("null among the artists", wire.track(1, artists=[None]), {"track": 1}),
    ("no artists", wire.track(1, artists=[]), {"track": 1}),
    ("no external ids", wire.track(1, external_ids=...), {"track": 1}),
    ("ISRC of another type", wire.track(1, external_ids={"isrc": 7}), {"track": 1}),
    (
        "release date as an object",
        wire.track(1, album={"name": "A", "release_date": {"year": 1977}}),
        {"track": 1},
    ),
    ("type in capitals", wire.track(1, type="Track"), {"track": 1}),
    ("type missing", wire.track(1, type=...), {"track": 1}),
    ("flags null", wire.track(1, is_local=None, explicit=None, episode=None), {"track": 1}),
    ("name null", wire.track(1, name=None), {"track": 1}),
    ("only what every regime gives", {"id": an_id(1)}, {"track": 1}),
    ("no id", wire.track(1, id=None), {"null": 1}),
    ("an id that is none", wire.track(1, id="hi"), {"null": 1}),
    ("another type", wire.track(1, type="audiobook"), {"unknown": 1}),
    ("a number", 7, {"unknown": 1}),
    ("a list", [wire.track(1)], {"unknown": 1}),
    ("duration as a word", wire.track(1, duration_ms="long"), {"track": 1}),
    ("duration below zero", wire.track(1, duration_ms=-1), {"track": 1}),
    ("duration beyond belief", wire.track(1, duration_ms=1e300), {"track": 1}),
]
NAMES = [name for name, _, _ in SHAPES]
CASES = [(row, found) for _, row, found in SHAPES]


@pytest.mark.parametrize(("row", "found"), CASES, ids=NAMES)
def test_a_row_of_a_search(row: Any, found: dict[str, int]) -> None:
    assert rows(searched(row)) == found


@pytest.mark.parametrize("key", ["item", "track"])
@pytest.mark.parametrize(("row", "found"), CASES, ids=NAMES)
def test_the_same_row_in_a_playlist(row: Any, found: dict[str, int], key: str) -> None:
    assert rows(listed(wire.entry(row, key))) == found


@pytest.mark.parametrize(("row", "found"), CASES, ids=NAMES)
def test_the_same_row_beside_a_good_one(row: Any, found: dict[str, int]) -> None:
    assert rows(searched(row, wire.track(9))) == Counter(found) + Counter(track=1)


@pytest.mark.parametrize(("entry", "kind"), [(None, "null"), ({}, "null"), ("text", "unknown")])
def test_a_playlist_entry_that_is_none(entry: Any, kind: str) -> None:
    assert rows(listed(entry, wire.entry(wire.track(1)))) == {kind: 1, "track": 1}


def test_a_batch_holds_null_in_the_place_of_an_unknown_id() -> None:
    body = orjson.dumps({"tracks": [wire.track(1), None]})
    assert rows(classify("tracks", 200, body)) == {"track": 1, "null": 1}
    body = orjson.dumps({"artists": [ARTIST, None, {"name": "no id"}]})
    assert rows(classify("artists", 200, body)) == {"artist": 1, "null": 1, "unknown": 1}


def test_a_search_may_ask_for_several_types() -> None:
    body = orjson.dumps(
        {
            "tracks": wire.paging(wire.track(1), None),
            "playlists": wire.paging(wire.playlist_row(), None, {"name": "starred", "id": None}),
            "artists": wire.paging(ARTIST),
        }
    )
    assert rows(classify("search", 200, body)) == {
        "track": 1,
        "playlist": 1,
        "artist": 1,
        "null": 3,
    }


@pytest.mark.parametrize("contents", [{}, {"tracks": None}, {"items": None}])
def test_a_playlist_whose_contents_the_key_may_not_see(contents: dict[str, Any]) -> None:
    body = orjson.dumps(wire.playlist_row(**contents))
    assert rows(classify("playlists/p1", 200, body)) == {"playlist": 1}


@pytest.mark.parametrize("key", ["tracks", "items"])
def test_a_playlist_under_either_key(key: str) -> None:
    contents = wire.paging(wire.entry(wire.track(1)), wire.entry(None))
    body = orjson.dumps(wire.playlist_row(**{key: contents}))
    assert rows(classify("playlists/p1", 200, body)) == {"playlist": 1, "track": 1, "null": 1}


def test_an_album_brings_its_tracks() -> None:
    simple = wire.track(1, album=..., external_ids=..., popularity=...)
    body = orjson.dumps({"id": "b1", "name": "", "tracks": wire.paging(simple, None)})
    assert rows(classify("albums/b1", 200, body)) == {"album": 1, "track": 1, "null": 1}


# --- what the parser does not read


def odd_fields(answer: Answer) -> dict[str, int]:
    return dict(answer.contents.odd.unexpected)


ALBUM = {"id": "b1", "name": "B", "images": [{"url": "https://i/1"}]}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("search", {"tracks": wire.paging(wire.track(1, mood=1))}, "track.mood"),
        (
            "search",
            {"tracks": wire.paging(wire.track(1, album={**ALBUM, "mood": 1}))},
            "album.mood",
        ),
        (
            "search",
            {"tracks": wire.paging(wire.track(1, artists=[{**ARTIST, "mood": 1}]))},
            "artist.mood",
        ),
        (
            "search",
            {
                "tracks": wire.paging(
                    wire.track(1, album={"images": [{"url": "https://i", "mood": 1}]})
                )
            },
            "image.mood",
        ),
        (
            "search",
            {"tracks": wire.paging(wire.track(1, linked_from={"id": an_id(2), "mood": 1}))},
            "linked_from.mood",
        ),
        ("search", {"tracks": wire.paging(wire.track(1), mood=1)}, "page.mood"),
        ("search", {"playlists": wire.paging(wire.playlist_row(mood=1))}, "playlist.mood"),
        ("search", {"playlists": wire.paging(wire.playlist_row(), mood=1)}, "page.mood"),
        (
            "search",
            {"playlists": wire.paging(wire.playlist_row(owner={"id": "u", "mood": 1}))},
            "owner.mood",
        ),
        ("playlists/p1", wire.playlist_row(mood=1), "playlist.mood"),
        ("playlists/p1", wire.playlist_row(tracks=wire.paging(mood=1)), "page.mood"),
        (
            "playlists/p1",
            wire.playlist_row(tracks=wire.paging(wire.entry(wire.track(1, mood=1)))),
            "track.mood",
        ),
        ("playlists/p1/items", wire.paging(wire.entry(wire.track(1), mood=1)), "entry.mood"),
        ("playlists/p1/items", wire.paging(wire.entry(wire.track(1)), mood=1), "page.mood"),
        ("artists", {"artists": [{**ARTIST, "mood": 1}]}, "artist.mood"),
        ("artists/a1", {**ARTIST, "mood": 1}, "artist.mood"),
        ("albums/b1", {**ALBUM, "mood": 1}, "album.mood"),
        ("albums/b1/tracks", wire.paging(wire.track(1, mood=1)), "track.mood"),
    ],
)
def test_a_new_field_is_counted_once(path: str, body: Any, field: str) -> None:
    assert odd_fields(classify(path, 200, orjson.dumps(body))) == {field: 1}


def test_a_new_field_does_not_change_the_row() -> None:
    plain, odd = searched(wire.track(1)), searched(wire.track(1, mood={"deep": [1, None]}))
    assert plain.contents.rows == odd.contents.rows
    assert odd_fields(plain) == {}


WIRES = [one for one in models.Wire.__subclasses__() if one.unread or one.called]


@pytest.mark.parametrize("model", WIRES, ids=lambda model: model.__name__)
def test_no_field_is_both_read_and_unread(model: type[models.Wire]) -> None:
    assert not model.unread & model.model_fields.keys()


# --- the recorded answers

# Where an answer was recorded without its address: the one its kind belongs to.
PATHS = {
    "albums": "albums",
    "albums_page": "browse/new-releases",
    "artists": "artists",
    "error": "search",
    "genres": "recommendations/available-genre-seeds",
    "playlists_page": "browse/featured-playlists",
    "recommendations": "recommendations",
    "search": "search",
    "track": "tracks/x",
    "tracks": "tracks",
    "album": "albums/x",
    "album_page": "artists/x/albums",
    "artist": "artists/x",
    "episode": "episodes/x",
    "episodes": "episodes",
    "playlist": "playlists/x",
    "playlist_items": "playlists/x/tracks",
    "playlist_page": "users/x/playlists",
    "track_page": "albums/x/tracks",
    "tracks_page": "playlists/x",
}
# What the collectors' kinds are called here.
ENDPOINTS = {
    "album": {"album"},
    "album_page": {"albums of an artist"},
    "albums": {"albums"},
    "albums_page": {"albums"},
    "artist": {"artist"},
    "artists": {"artists"},
    "audio_features": {"audio features", "features of a track"},
    "episode": {"episode"},
    "episodes": {"episodes"},
    "genres": {"genres"},
    "playlist": {"playlist"},
    "playlist_items": {"playlist items"},
    "playlist_page": {"playlists of a user"},
    "playlists_page": {"playlists to browse"},
    "recommendations": {"tracks"},
    "search": {"search"},
    "track": {"track"},
    "track_page": {"tracks of an album"},
    "tracks": {"tracks"},
    # a playlist that was asked for with a mask
    "tracks_page": {"playlist"},
}


@dataclass(frozen=True)
class Recorded:
    """A line of the record with its line of the index, and what our code makes of it."""

    index: dict[str, str]
    body: Any
    answer: Answer

    @property
    def flags(self) -> set[str]:
        return set(self.index["flags"].split())


def status_of(index: dict[str, str], body: Any) -> int:
    """Fixtures keep only the body: an error tells its status there, or is a plain not-found."""
    if index["status"]:
        return int(index["status"])
    return int(body["error"].get("status", 404)) if index["kind"] == "error" else 200


def path_of(index: dict[str, str], body: Any) -> str:
    if index["url"]:
        return urlsplit(index["url"]).path.removeprefix("/v1/")
    if index["kind"] == "audio_features":
        return "audio-features" if "audio_features" in body else "audio-features/x"
    return PATHS[index["kind"]]


@pytest.fixture(scope="module")
def recorded() -> list[Recorded]:
    with real_file("spotify-responses/INDEX.csv").open(encoding="utf-8", newline="") as file:
        index = list(csv.DictReader(file))
    with gzip.open(
        real_file("spotify-responses/recorded.jsonl.gz"), "rt", encoding="utf-8"
    ) as file:
        bodies = [json.loads(line)["body"] for line in file]
    return [
        Recorded(
            line,
            body,
            classify(path_of(line, body), status_of(line, body), orjson.dumps(body)),
        )
        for line, body in zip(index, bodies, strict=True)
    ]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a body, by a walk that knows nothing of endpoints.

    The answers of 2026 (flag key_item_2026) tell everything twice, under the old and the new key.
    """
    if isinstance(value, dict):
        yield value
        twice = {new for old, new in (("track", "item"), ("tracks", "items")) if old in value}
        value = [one for key, one in value.items() if key not in twice]
    if isinstance(value, list):
        for one in value:
            yield from objects(one)


def a_type(one: dict[str, Any], name: str) -> bool:
    return str(one.get("type", "")).lower() == name


def counted(body: Any) -> Counter[str]:
    """Rows by a plain count over all objects, to hold the parsers against."""
    found = list(objects(body))
    # A link to the track that was asked for is no row.
    tracks = [one for one in found if a_type(one, "track") and "duration_ms" in one]
    local = [one for one in tracks if one.get("is_local")]
    return +Counter(
        {
            # One track of an old starred list was lost: `spotify:track:null`.
            "track": sum(one["id"] is not None for one in tracks),
            "local": len(local),
            "episode": sum(a_type(one, "episode") for one in found),
            "restricted": sum(
                bool((one.get("restrictions") or {}).get("reason")) for one in tracks
            ),
            "relinked": sum(bool((one.get("linked_from") or {}).get("id")) for one in tracks),
        }
    )


LISTS = ("track", "local", "episode", "restricted", "relinked")


@pytest.mark.realdata
def test_all_recorded_answers_have_a_category(recorded: list[Recorded]) -> None:
    assert len(recorded) == 781
    for one in recorded:
        where = f"line {one.index['line']}: {one.index['kind']} {one.index['file']}"
        if one.index["kind"] == "error":
            assert one.answer.problem is not None, where
            continue
        assert one.answer.problem is None, f"{where}: {one.answer.said}"
        assert one.answer.endpoint in ENDPOINTS[one.index["kind"]], where
        assert set(one.answer.contents.rows) <= ROWS, where
        # Nothing in them is new to us: neither a row nor a field.
        assert not one.answer.contents.odd.unknown, where
        assert not one.answer.contents.odd.unexpected, where
        assert sum(one.answer.contents.rows.values()) or _empty(one.body), where


def _empty(body: Any) -> bool:
    """Whether every list of rows in a body is empty."""
    return all(not one["items"] for one in objects(body) if "items" in one)


@pytest.mark.realdata
def test_recorded_errors_are_in_the_right_class(recorded: list[Recorded]) -> None:
    errors = Counter(one.answer.problem for one in recorded if one.index["kind"] == "error")
    assert errors == {
        Problem.TOKEN: 5,
        Problem.BAD_REQUEST: 2,
        Problem.NOT_FOUND: 2,
        Problem.RATE_LIMIT: 1,
    }
    in_index = Counter(one.index["kind"] == "error" for one in recorded)
    assert errors.total() == in_index[True]


@pytest.mark.realdata
def test_recorded_rows_are_those_of_a_plain_count(recorded: list[Recorded]) -> None:
    for one in recorded:
        found = +Counter({name: one.answer.contents.rows[name] for name in LISTS})
        assert found == counted(one.body), f"line {one.index['line']}: {one.index['file']}"


# flag of the index -> category of ours; an answer has the one if and only if it has the other
FLAGS = {"episode": "episode", "local": "local", "restrictions": "restricted"} | {
    "linked_from": "relinked"
}
# Flagged for a null in a list of images, which is no row.
NULL_IMAGES = {"__test__/fixtures/playlist.json", "__test__/fixtures/user_new_playlist.json"}


@pytest.mark.realdata
@pytest.mark.parametrize(("flag", "category"), sorted(FLAGS.items()))
def test_the_index_flags_the_same_answers(
    flag: str, category: str, recorded: list[Recorded]
) -> None:
    flagged = {one.index["line"] for one in recorded if flag in one.flags}
    found = {one.index["line"] for one in recorded if one.answer.contents.rows[category]}
    assert found == flagged
    assert flagged


@pytest.mark.realdata
def test_the_index_flags_the_nulls(recorded: list[Recorded]) -> None:
    flagged = {one.index["file"] for one in recorded if "null_in_list" in one.flags}
    nulls = {
        one.index["file"]
        for one in recorded
        if one.answer.contents.rows["null"]
        and any(None in _rows(part) for part in objects(one.body))
    }
    assert nulls == flagged - NULL_IMAGES
    # The other nulls are objects without an id: a list cut by a mask, an old starred list, and
    # an entry that lost its track.
    others = Counter(
        {
            one.index["kind"]: one.answer.contents.rows["null"]
            for one in recorded
            if one.answer.contents.rows["null"] and one.index["file"] not in nulls
        }
    )
    assert others == {"tracks_page": 40, "playlist": 1, "playlist_items": 1, "playlist_page": 1}


def _rows(part: dict[str, Any]) -> list[Any]:
    """The list of rows that an object holds."""
    return next((part[k] for k in ("items", "tracks") if isinstance(part.get(k), list)), [])


@pytest.mark.realdata
def test_the_table_of_categories(
    recorded: list[Recorded], capsys: pytest.CaptureFixture[str]
) -> None:
    table: dict[str, Counter[str]] = {}
    for one in recorded:
        line = table.setdefault(one.index["kind"], Counter())
        line["answers"] += 1
        line.update(+one.answer.contents.rows)
        if one.answer.problem is not None:
            line[one.answer.problem] += 1
    wanted = Counter(one.index["kind"] for one in recorded)
    assert {kind: line["answers"] for kind, line in table.items()} == wanted
    total = sum(table.values(), Counter[str]())
    assert (total["answers"], total["unknown"]) == (781, 0)
    with capsys.disabled():
        print(f"\n{total['answers']} recorded answers by kind:")
        for kind, line in sorted(table.items()):
            shown = ", ".join(
                f"{name} {n}" for name, n in sorted(line.items()) if name != "answers"
            )
            print(f"  {kind:16}{line['answers']:4}  {shown}")
        print(
            f"  {'all':16}{total['answers']:4}  "
            + ", ".join(f"{name} {n}" for name, n in sorted(total.items()) if name != "answers")
        )
