"""MusicBrainz: addresses as its reference gives them, and its answers with all their gaps."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.apis.call import AnswerError, Api, Call, Family
from runclub_spider.apis.musicbrainz.calls import (
    ISRCS_BATCH,
    ROWS,
    TITLES_BATCH,
    URLS_BATCH,
    MusicBrainzCalls,
    agent,
    phrase,
)
from runclub_spider.apis.musicbrainz.parser import (
    parse_artists,
    parse_genres,
    parse_recordings,
    parse_urls,
)
from runclub_spider.catalog.original import Question, question
from runclub_spider.catalog.recordings import Tag

CALLS = MusicBrainzCalls("https://musicbrainz.org/ws/2", agent("runclub-spider/1", "me@x.org"))
NIGHT = "11111111-1111-4111-8111-111111111111"
REMASTER = "22222222-2222-4222-8222-222222222222"
LANTERNS = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
SPOTIFY = "2xLMifQCjDGFmkHkpNLD9h"
#: Two rows of a batch search: one with everything, one with almost nothing.
ROWS_OF_TWO: list[dict[str, Any]] = [
    {
        "id": NIGHT,
        "score": 100,
        "title": "Night Bus",
        "length": 214_000,
        "video": None,
        "artist-credit": [{"name": "The Lanterns", "artist": {"id": LANTERNS, "name": "Lanterns"}}],
        "first-release-date": "1983-05-02",
        "isrcs": ["GBAAA8300011", "gbaaa0900420"],
        "tags": [{"count": 3, "name": "synth-pop"}, {"count": 0, "name": "seen live"}],
    },
    {
        "id": REMASTER,
        "score": 97,
        "title": "Night Bus",
        "disambiguation": "2009 remaster",
        "length": None,
        "artist-credit": [{"artist": {"id": LANTERNS, "name": "The Lanterns"}}],
        "first-release-date": "",
    },
]


def query_of(call: Call) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(call.url).query, strict_parsing=True))


def body(rows: list[Any], *, count: int | None = None, offset: int = 0) -> bytes:
    found = {"count": len(rows) if count is None else count, "offset": offset, "recordings": rows}
    return json.dumps(found).encode()


def test_a_batch_of_isrcs_is_one_query() -> None:
    call = CALLS.by_isrc(["GBAAA8300011", "USUM71703861"], 100)
    assert (call.api, call.family, call.method) == (Api.MUSICBRAINZ, Family.RECORDING, "GET")
    assert call.url.startswith("https://musicbrainz.org/ws/2/recording?")
    assert query_of(call) == {
        "query": "isrc:(GBAAA8300011 OR USUM71703861)",
        "limit": "100",
        "fmt": "json",
        "offset": "100",
    }
    assert call.headers["User-Agent"] == "runclub-spider/1 ( me@x.org )"


def test_songs_ask_by_title_and_artist_and_their_codes_once_more() -> None:
    call = CALLS.by_title(
        [
            Question("k1", 'Say "Yes"', "AC/DC", ("GBAAA8300011",)),
            Question("k2", "Night Bus", "The Lanterns"),
        ]
    )
    assert query_of(call)["query"] == (
        r'(recording:"Say \"Yes\"" AND artist:"AC/DC") OR '
        '(recording:"Night Bus" AND artist:"The Lanterns") OR isrc:(GBAAA8300011)'
    )
    assert "offset" not in query_of(call)


def test_artists_and_addresses() -> None:
    assert query_of(CALLS.artists([LANTERNS]))["query"] == f"arid:({LANTERNS})"
    pairs = parse_qsl(urlsplit(CALLS.artist_urls([SPOTIFY, "x" * 22]).url).query)
    assert [value for name, value in pairs if name == "resource"] == [
        f"https://open.spotify.com/artist/{SPOTIFY}",
        f"https://open.spotify.com/artist/{'x' * 22}",
    ]
    assert ("inc", "artist-rels") in pairs
    assert query_of(CALLS.genres(200)) == {"limit": "100", "offset": "200", "fmt": "json"}


@pytest.mark.parametrize("word", ["Wonderful", "Вечерняя", "지금이순간", "夜に駆ける" * 6, "%&+#"])
def test_no_address_is_longer_than_servers_take(word: str) -> None:
    text = " ".join([word] * 20)
    song = question(text, text, ("GBAAA8300011",))
    assert song is not None
    assert len(CALLS.by_title([song] * TITLES_BATCH).url) < 8_000
    codes = [f"GBAYE83{number:05d}" for number in range(ISRCS_BATCH)]
    assert len(CALLS.by_isrc(codes).url) < 8_000
    assert len(CALLS.artist_urls([SPOTIFY] * URLS_BATCH).url) < 8_000


@given(st.text())
def test_a_phrase_ends_where_it_should(text: str) -> None:
    inside = phrase(text)[1:-1]
    # Outside of an escape there is neither a quotation mark nor a lone backslash.
    assert '"' not in inside.replace("\\\\", "").replace('\\"', "")


def test_rows_with_everything_and_with_nothing() -> None:
    page = parse_recordings(body(ROWS_OF_TWO))
    first, second = page.recordings
    assert first.credit == ((LANTERNS, "Lanterns"),)
    assert first.credited == ((LANTERNS, "The Lanterns"),)
    assert first.names == ("Lanterns", "The Lanterns")
    assert second.credited == ()
    assert (first.year, first.length_ms) == (1983, 214_000)
    assert first.isrcs == ("GBAAA0900420", "GBAAA8300011")
    assert first.tags == (Tag("recording", NIGHT, "synth-pop", 3),)
    assert (second.year, second.length_ms, second.isrcs, second.tags) == (None, None, (), ())
    assert second.remark == "2009 remaster"
    assert not page.partial
    assert page.next_offset is None


def test_videos_and_rows_of_no_known_shape_are_left_out() -> None:
    rows = [ROWS_OF_TWO[0] | {"video": True}, {"id": 7}, None, ROWS_OF_TWO[1]]
    page = parse_recordings(body(rows))
    assert [one.mbid for one in page.recordings] == [REMASTER]
    assert page.rows == 4
    assert page.unreadable == {"mb_recording.id": 1}
    assert page.odd.dropped["mb_recording.id"] == 1


@pytest.mark.parametrize(
    ("rows", "count", "offset", "partial", "following"),
    [
        (2, 2, 0, False, None),
        # fewer than the answer itself counts and had room for
        (2, 5, 0, True, 2),
        (ROWS, 130, 0, False, ROWS),
        (30, 130, 100, False, None),
        (0, 3, 0, True, None),
    ],
)
def test_partial_answers_are_recognised(
    rows: int, count: int, offset: int, partial: bool, following: int | None
) -> None:
    page = parse_recordings(body([ROWS_OF_TWO[0]] * rows, count=count, offset=offset))
    assert (page.partial, page.next_offset) == (partial, following)


def test_artists_by_life_span_and_tags() -> None:
    rows = [
        {
            "id": LANTERNS,
            "name": "The Lanterns",
            "type": "Group",
            "life-span": {"begin": "1979-04", "ended": None},
            "tags": [{"name": "synth-pop", "count": 4}],
        },
        {"id": NIGHT, "name": "Nobody", "life-span": {"ended": None}},
        {"name": "without an id"},
    ]
    first, second = parse_artists(json.dumps({"artists": rows}).encode()).found
    assert (first.begin_year, first.kind) == (1979, "Group")
    assert first.tags == (Tag("artist", LANTERNS, "synth-pop", 4),)
    assert (second.begin_year, second.kind, second.tags) == (None, None, ())


def address(artist: str, *mbids: str) -> dict[str, Any]:
    relations = [{"target-type": "artist", "artist": {"id": mbid}} for mbid in mbids]
    return {"resource": f"https://open.spotify.com/artist/{artist}", "relations": relations}


def test_addresses_of_a_list_and_of_a_single_answer() -> None:
    listed = {"urls": [address(SPOTIFY, LANTERNS), address("y" * 22, LANTERNS, NIGHT)]}
    # Two artists behind one address: it names neither.
    assert parse_urls(json.dumps(listed).encode()).found == {SPOTIFY: LANTERNS}
    assert parse_urls(json.dumps(address(SPOTIFY, LANTERNS)).encode()).found == {SPOTIFY: LANTERNS}
    assert parse_urls(b'{"urls": []}').found == {}


def test_the_list_of_genres_says_how_long_it_is() -> None:
    found = {"genre-count": 2083, "genre-offset": 0, "genres": [{"name": "2 tone"}, {}]}
    page = parse_genres(json.dumps(found).encode())
    assert (page.names, page.rows, page.count) == (("2 tone",), 2, 2083)


@pytest.mark.parametrize("text", [b"", b"[]", b"<html>", b'{"count": 1}', b'{"recordings": []}'])
def test_what_is_no_answer_is_an_error(text: bytes) -> None:
    with pytest.raises(AnswerError):
        parse_recordings(text)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(text: bytes) -> None:
    for parse in (parse_recordings, parse_artists, parse_urls, parse_genres):
        try:
            parse(text)
        except AnswerError:
            continue
