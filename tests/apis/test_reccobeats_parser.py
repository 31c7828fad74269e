"""ReccoBeats' answers (the reference's examples): joined by `href`, never by position."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.reccobeats.parser import parse_features, parse_tracks
from runclub_spider.catalog.models import TrackDetail
from testkit.making import an_id

A, B, Z = "A" * 22, "B" * 22, "Z" * 22
TRACK = "https://open.spotify.com/track/"
UUID = "11111111-2222-4333-8444-555555555555"
NORMAL: dict[str, Any] = {
    "id": UUID,
    "href": TRACK + A,
    "isrc": "USABC2400001",
    "acousticness": 0.0123,
    "danceability": 0.61,
    "energy": 0.72,
    "instrumentalness": 6.3e-5,
    "key": -1,
    "liveness": 0.11,
    "loudness": -7.42,
    "mode": 1,
    "speechiness": 0.04,
    "tempo": 121.98,
    "valence": 0.5,
}


def answer(*rows: Any) -> bytes:
    return orjson.dumps({"content": list(rows)})


def test_one_row_for_two_ids() -> None:
    read = parse_features(answer(NORMAL), [A, B])
    (row,) = read.found
    assert (row.track_id, row.recco_track_id) == (A, UUID)
    numbers = {name: value for name, value in NORMAL.items() if name not in {"id", "href", "isrc"}}
    assert {name: getattr(row, name) for name in numbers} == numbers
    assert row.time_signature is None
    assert (read.missed, read.stray) == ([B], 0)


def test_all_unknown() -> None:
    read = parse_features(answer(), [A, B])
    assert (read.found, read.missed, read.stray) == ([], [A, B], 0)


def test_the_references_awkward_rows() -> None:
    rows = [
        {"id": "a", "href": f"{TRACK}{B}?si=x", "tempo": None, "energy": None, "valence": 0.4},
        {"id": "b", "href": TRACK + Z, "tempo": 0.0, "energy": 0.3, "key": 5, "mode": 0},
        {"id": "c", "isrc": "GBXYZ0100009", "tempo": 90.1},
    ]
    read = parse_features(answer(*rows), [A, B])
    assert (read.found, read.missed, read.stray) == ([], [A, B], 2)


@pytest.mark.parametrize("tail", ["", "?si=x", "#t=1", "/"])
def test_what_follows_the_id_in_href_does_not_matter(tail: str) -> None:
    assert len(parse_features(answer({**NORMAL, "href": TRACK + A + tail}), [A]).found) == 1


@pytest.mark.parametrize(
    "href",
    [None, "", TRACK, TRACK + A[:-1], TRACK + A + "A", f"https://open.spotify.com/artist/{A}", A],
)
def test_a_row_without_a_track_href_is_stray(href: str | None) -> None:
    read = parse_features(answer({**NORMAL, "href": href}), [A])
    assert (read.found, read.missed, read.stray) == ([], [A], 1)


@pytest.mark.parametrize(
    ("field", "served", "kept"),
    [
        ("key", 5.0, 5),
        ("key", 5.5, None),
        ("key", 12, None),
        ("key", -2, None),
        ("key", None, None),
        ("key", "C#", None),
        ("mode", 0.0, 0),
        ("mode", 2, None),
        ("energy", 0, 0.0),
        ("energy", 1, 1.0),
        ("valence", 1.01, None),
        ("valence", -0.01, None),
        ("instrumentalness", 6.34e-5, 6.34e-5),
        ("loudness", -59.9, -59.9),
        ("time_signature", 4, None),
    ],
)
def test_a_number_out_of_its_range_is_none(field: str, served: Any, kept: Any) -> None:
    (row,) = parse_features(answer({**NORMAL, field: served}), [A]).found
    value = getattr(row, field)
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    "changes", [{"tempo": 0.0}, {"tempo": None}, {"energy": None}, {"energy": 7}]
)
def test_a_row_without_tempo_or_energy_is_partial_and_missed(changes: dict[str, Any]) -> None:
    read = parse_features(answer({**NORMAL, **changes}), [A])
    assert (read.found, read.missed, read.stray) == ([], [A], 0)
    (row,) = read.partial
    assert (row.track_id, row.usable, row.has_any) == (A, False, True)
    assert row.valence == NORMAL["valence"]


def test_a_row_without_any_number_is_a_miss() -> None:
    read = parse_features(answer({"href": TRACK + A, "id": UUID}), [A])
    assert (read.found, read.missed, read.partial) == ([], [A], [])


@pytest.mark.parametrize("bad", [None, 7, "text", [], {**NORMAL, "href": 7}])
def test_a_bad_row_keeps_the_rest(bad: Any) -> None:
    good = {**NORMAL, "href": TRACK + B}
    read = parse_features(answer(bad, good), [A, B])
    assert ([row.track_id for row in read.found], read.missed, read.stray) == ([B], [A], 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"content":null}',
        b'{"content":{}}',
        b'{"status":4004,"errors":[{"path":"getAudioFeatures.ids","message":"size"}]}',
        b"<html>error code: 1010</html>",
        answer(NORMAL)[:-1],
    ],
)
def test_another_answer_is_an_error_and_never_a_miss(body: bytes) -> None:
    with pytest.raises(AnswerError):
        parse_features(body, [A])


@given(st.data())
def test_order_and_strays_never_shift_a_row_to_another_track(data: st.DataObject) -> None:
    asked = [an_id(number) for number in range(6)]
    served = data.draw(st.lists(st.integers(0, 11), unique=True))
    rows = [{**NORMAL, "href": TRACK + an_id(number), "tempo": 60.0 + number} for number in served]
    read = parse_features(answer(*rows), asked)
    tempo_of = {an_id(number): 60.0 + number for number in range(12)}
    assert all(row.tempo == tempo_of[row.track_id] for row in read.found)
    assert [row.track_id for row in read.found] == [
        one for number, one in enumerate(asked) if number in served
    ]
    assert read.missed == [one for number, one in enumerate(asked) if number not in served]
    assert read.stray == sum(number >= 6 for number in served)


def test_tracks_by_isrc_in_their_awkward_forms() -> None:
    rows = [
        {
            "id": UUID,
            "isrc": "gb-xyz-01-00009",
            "href": TRACK + A + "?si=x",
            "popularity": 41,
            "durationMs": 200_100,
            "availableCountries": "US,CA, GB,CA",
            "trackTitle": " Song\x00 - Remastered",
            "artists": [{"name": "Artist"}, {"name": None}, 5, {"name": "Guest"}],
        },
        {"id": UUID, "isrc": None, "href": None, "popularity": 101, "durationMs": 0},
        {"id": UUID, "availableCountries": "", "popularity": None},
        {"href": TRACK + B},
        None,
        "a text",
    ]
    read = parse_tracks(answer(*rows))
    first, second = read.found
    named = ("Song - Remastered", ("Artist", "Guest"))
    assert first == TrackDetail(UUID, A, "GBXYZ0100009", 41, ("CA", "GB", "US"), 200_100, *named)
    assert second == TrackDetail(None, B, None, None, (), None)
    # Two that name neither a track nor a recording, and a text; a literal null is nothing.
    assert read.unreadable == {"track_detail.href": 2, "track_detail": 1}
    assert read.odd.dropped == {"track_detail.popularity": 1, "track_detail.artists": 1}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"content": {}}'])
def test_an_answer_without_track_rows_is_an_error(body: bytes) -> None:
    with pytest.raises(AnswerError):
        parse_tracks(body)
