"""ListenBrainz: one body for a thousand recordings, and answers that leave things out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runclub_spider.apis.call import AnswerError, Api
from runclub_spider.apis.listenbrainz.calls import RECORDINGS_BATCH, ListenBrainzCalls
from runclub_spider.apis.listenbrainz.parser import parse_metadata
from runclub_spider.catalog.recordings import Person, Tag

NIGHT = "11111111-1111-4111-8111-111111111111"
LANTERNS = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
GENRE = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
KNOWN: dict[str, Any] = {
    "recording": {"name": "Night Bus", "rels": [], "isrcs": None, "length": 214_000},
    "artist": {
        "name": "The Lanterns",
        "artists": [{"artist_mbid": LANTERNS, "name": "The Lanterns", "begin_year": 1979}],
    },
    "tag": {
        "recording": [],
        "release_group": [{"tag": "new wave", "count": 1, "genre_mbid": GENRE}],
        "artist": [
            {"tag": "synth-pop", "count": 4, "genre_mbid": GENRE, "artist_mbid": LANTERNS},
            {"tag": "british", "count": 2, "artist_mbid": LANTERNS},
        ],
    },
    "release": {},
}


def test_all_mbids_go_into_one_body() -> None:
    mbids = [f"{number:08x}-1111-4111-8111-111111111111" for number in range(RECORDINGS_BATCH)]
    call = ListenBrainzCalls("https://api.listenbrainz.org/1", "me").recordings(mbids)
    assert (call.api, call.method) == (Api.LISTENBRAINZ, "POST")
    assert call.url == "https://api.listenbrainz.org/1/metadata/recording/"
    assert json.loads(call.body or b"") == {"recording_mbids": mbids, "inc": "artist tag"}
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["User-Agent"] == "me"


def test_genres_are_the_tags_with_a_genre() -> None:
    (found,) = parse_metadata(json.dumps({NIGHT: KNOWN}).encode()).found
    assert found.artists == (Person(LANTERNS, "The Lanterns", None, 1979),)
    assert found.tags == (
        Tag("release_group", NIGHT, "new wave", 1),
        Tag("artist", LANTERNS, "synth-pop", 4),
    )
    # Only a whole date is told.
    assert found.year is None
    dated = KNOWN | {"recording": {"first_release_date": "1983-05-02"}}
    assert parse_metadata(json.dumps({NIGHT: dated}).encode()).found[0].year == 1983


def test_what_is_missing_is_missing() -> None:
    assert parse_metadata(b"{}").found == []
    (found,) = parse_metadata(json.dumps({NIGHT: {}, LANTERNS: []}).encode()).found
    assert (found.mbid, found.artists, found.tags, found.year) == (NIGHT, (), (), None)


@pytest.mark.parametrize("text", [b"", b"[]", b"<html>", b'"x"'])
def test_what_is_no_answer_is_an_error(text: bytes) -> None:
    with pytest.raises(AnswerError):
        parse_metadata(text)
