"""KEXP's answers, real ones and broken ones, and the calls that ask for them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.kexp.calls import KexpCalls, served_rows
from runclub_spider.apis.kexp.parser import parse_plays
from runclub_spider.apis.plays import PlaysPage
from runclub_spider.catalog.coverage import Order, Reading
from runclub_spider.catalog.plays import PlayKind, PlayRow
from testkit.realdata import real_file

ROW: dict[str, Any] = {
    "id": 3600001,
    "airdate": "2026-01-02T01:33:41-08:00",
    "song": "Example Song",
    "artist": "Band A feat. Singer B",
    "album": "Example Album",
    "recording_id": "00000000-0000-4000-8000-00000000000A",
    "release_date": "2026-03-27",
    "comment": "line one\n--\nhttps://example.org/x",
    "play_type": "trackplay",
}
CALLS = KexpCalls("https://api.kexp.org/v2")


def one(**changes: Any) -> PlayRow:
    (row,) = parse_plays(orjson.dumps({"next": None, "results": [ROW | changes]}))
    return row


def test_a_track_play() -> None:
    play = one().play
    assert play is not None
    assert (play.source_play_id, play.title, play.artist) == (
        "3600001",
        "Example Song",
        "Band A feat. Singer B",
    )
    assert (play.album, play.year) == ("Example Album", 2026)
    assert play.mbid == "00000000-0000-4000-8000-00000000000a"
    assert play.airdate == datetime.fromisoformat("2026-01-02T09:33:41+00:00").timestamp()


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2001-05-11T04:33:20.028000-07:00", "2001-05-11T11:33:20+00:00"),
        ("2026-03-08T01:59:59-08:00", "2026-03-08T09:59:59+00:00"),
        ("2026-03-08T03:00:00-07:00", "2026-03-08T10:00:00+00:00"),
        # The hour that comes twice.
        ("2025-11-02T01:30:00-07:00", "2025-11-02T08:30:00+00:00"),
        ("2025-11-02T01:30:00-08:00", "2025-11-02T09:30:00+00:00"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00"),
    ],
)
def test_airdates(text: str, utc: str) -> None:
    assert one(airdate=text).airdate == datetime.fromisoformat(utc).timestamp()


@pytest.mark.parametrize(
    ("said", "year"),
    [
        ("1999", 1999),
        (1999, 1999),
        ("1999-01-01", 1999),
        ("1999-06", 1999),
        ("1950-01-01", None),
        ("1950", 1950),
        ("0000", None),
        ("", None),
        ("soon", None),
        ("2999-01-01", None),
        (2**63, None),
        (None, None),
    ],
)
def test_years(said: Any, year: int | None) -> None:
    play = one(release_date=said).play
    assert play is not None
    assert play.year == year


@pytest.mark.parametrize("name", ["song", "artist"])
@pytest.mark.parametrize("blank", [None, "", "   ", "\u200b\t", "absent"])
def test_blank_is_skipped(name: str, blank: str | None) -> None:
    row = {key: value for key, value in ROW.items() if key != name or blank != "absent"}
    if blank != "absent":
        row[name] = blank
    (found,) = parse_plays(orjson.dumps({"results": [row]}))
    assert (found.skipped, found.play, found.problem) == (True, None, None)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("airbreak", PlayKind.AIRBREAK),
        ("nontrackplay", PlayKind.NONTRACKPLAY),
        ("psa", PlayKind.UNKNOWN),
        ("TRACKPLAY", PlayKind.UNKNOWN),
    ],
)
def test_other_types(said: str, kind: PlayKind) -> None:
    row = one(play_type=said)
    assert (row.kind, row.play, row.problem, row.is_track_play) == (kind, None, None, False)
    assert row.airdate is not None


@pytest.mark.parametrize("mbid", [None, "", "no uuid", "0000"])
def test_a_recording_that_is_none(mbid: str | None) -> None:
    play = one(recording_id=mbid).play
    assert play is not None
    assert play.mbid is None


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.sampled_from(["\0", "x" * 200_000, "\ud800", "2026-01-01T00:00:00Z", "trackplay"]),
)


@given(st.dictionaries(st.sampled_from(sorted(ROW)), VALUES, max_size=9))
def test_no_row_spoils_its_page(changes: dict[str, Any]) -> None:
    """Python's own writer: it also writes what no parser should have to read."""
    body = json.dumps({"next": None, "results": [ROW, ROW | changes, ROW]}).encode()
    rows = list(parse_plays(body))
    assert len(rows) == 3
    assert rows[0].play is not None
    assert rows[0].play == rows[2].play
    row = rows[1]
    said = [row.play is not None, row.skipped, row.problem is not None]
    assert sum(said) == (1 if row.is_track_play else 0)
    if row.play is not None:
        f"{row.play.title}{row.play.artist}{row.play.album}".encode()


@pytest.mark.parametrize(
    ("row_id", "told"),
    [(7, "7"), ("x\x1b]0;t\x07y", "x]0;ty"), ("z" * 500, "z" * 40), ([[[]]], ""), (True, "")],
)
def test_what_a_bad_row_calls_itself_is_fit_to_be_shown(row_id: Any, told: str) -> None:
    row = one(id=row_id, song=5)
    assert (row.row_id, row.problem) == (told, row.problem)
    assert one(id=row_id, play_type="\x1b[2Jpsa").play_type == "[2Jpsa"
    assert one(id=row_id, play_type="\x1b[2Jpsa").row_id == told


@pytest.mark.parametrize("name", ["album", "recording_id", "release_date"])
@pytest.mark.parametrize("value", [True, 1.5, [], {"a": 1}, "x" * 5_000, "a\0b", "a\ud800b"])
def test_a_wrong_ornament_is_lost_and_the_play_is_not(name: str, value: Any) -> None:
    body = json.dumps({"next": None, "results": [ROW | {name: value}]}).encode()
    page = parse_plays(body)
    (row,) = page
    assert row.play is not None
    assert (row.play.title, row.play.artist) == (ROW["song"], ROW["artist"])
    assert page.odd.dropped == {f"play.{name}": 1}


def test_a_row_as_deep_as_json_goes_is_one_bad_row() -> None:
    deep = b"[" * 990 + b"]" * 990
    good = orjson.dumps(ROW)
    page = parse_plays(b'{"results": [' + good + b',{"play_type":"trackplay","id":' + deep + b"}]}")
    first, second = page
    assert first.play is not None
    assert second.problem is not None


def test_a_page_of_which_no_row_can_be_read_names_the_field() -> None:
    def drift(*rows: Any) -> str | None:
        page = parse_plays(orjson.dumps({"results": rows}))
        list(page)
        return page.drift

    moved = {"aired_at" if name == "airdate" else name: value for name, value in ROW.items()}
    assert drift(moved, moved) == "play.airdate"
    assert drift(ROW | {"play_type": "song"}) == "play.play_type"
    assert drift(7) == "play"
    assert drift(moved, ROW | {"play_type": "airbreak"}) is None
    assert drift() is None


#: Values as an answer may spell them: usual ones, odd ones, and some that are no JSON.
SPELT = st.sampled_from(
    (
        *("null", "true", "7", "0", "-1", "1.0", "1e3", "NaN", "9223372036854775807"),
        *("9223372036854775808", "12345678901234567890123", "[]", "{}", '[{"id":7}]', '""', '" "'),
        *('"trackplay"', '"airbreak"', '"nontrackplay"', '"psa"', '"2026"', '"1950-01-01"'),
        *('"2026-03-27"', '"20260327"', '"2026-01-02T01:33:41-08:00"', '"2026-01-02T01:33:41"'),
        *('"2026-01-02 01:33:41.5+00:00"', '"0001-01-01T00:00:00+14:00"', '"Band\\u0000"'),
        *('"\\ud800"', '"\\ud83d\\ude00"', '"a\\u200bb"', '"e\u0301 "', '"\t"'),
        *(f'"{"x" * 2_000}"', f'"{"x" * 2_001}"', f'"{"A" * 8}-1111-1111-1111-{"b" * 12}"'),
    )
)
FIELDS = st.sampled_from((*ROW, "location"))


@st.composite
def spelt_rows(draw: st.DrawFn) -> str:
    """A row with some fields said otherwise, not at all, or a second time."""
    said = {name: json.dumps(value) for name, value in ROW.items()}
    said |= draw(st.dictionaries(FIELDS, SPELT, max_size=2))
    for name in draw(st.sets(FIELDS, max_size=1)):
        said.pop(name, None)
    pairs = [*said.items(), *draw(st.dictionaries(FIELDS, SPELT, max_size=1)).items()]
    inside = ",".join(f'"{name}":{value}' for name, value in pairs)
    return f"{{{inside}}}"


@given(rows=st.lists(spelt_rows(), min_size=1, max_size=3))
def test_a_page_is_read_alike_in_one_go_and_row_by_row(rows: list[str]) -> None:
    def read(*served: str) -> tuple[list[PlayRow], PlaysPage, tuple[int, ...]]:
        page = parse_plays(f'{{"next":null,"results":[{",".join(served)}]}}'.encode())
        return list(page), page, page.ends()

    found, page, _ = read(*rows)
    # A number is no play: with one among them no page is read in one go.
    singly, other, _ = read(*rows, "7")
    assert found == singly[:-1]
    assert (page.read, page.odd.dropped) == (other.read, other.odd.dropped)
    assert page.unreadable + Counter({"play": 1}) == other.unreadable
    assert read(rows[0])[2][-1:] == read("7", rows[0])[2]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"results": 5}', b'{"results": [], "next": 5}', b"{"]
)
def test_no_page_at_all(body: bytes) -> None:
    with pytest.raises(AnswerError):
        parse_plays(body)


def test_bytes_that_are_no_text_cost_their_row() -> None:
    good = orjson.dumps(ROW)
    bad = good.replace(b"Example Song", b"Example \xff\xfe Song")
    rows = list(parse_plays(b'{"next": null, "results": [' + good + b"," + bad + b"]}"))
    assert rows[0].play is not None
    assert rows[1].problem is not None


# Calls


def test_a_closed_window_in_one_order() -> None:
    call = CALLS.plays(Reading(1_700_000_000, 1_700_086_400, Order.UP), 200)
    # A second more on both sides: whether the edges are included is not known.
    assert call.url == (
        "https://api.kexp.org/v2/plays/?airdate_after=2023-11-14T22%3A13%3A19Z"
        "&airdate_before=2023-11-15T22%3A13%3A20Z&limit=200&ordering=airdate"
    )
    assert "ordering=-airdate" in CALLS.plays(Reading(0, 5, Order.DOWN), 200).url
    assert "airdate_before" not in CALLS.plays(Reading(0, None, Order.UP), 200).url


def test_a_next_link_is_followed_as_it_is_on_the_same_host() -> None:
    link = "https://api.kexp.org/v2/plays/?airdate_after=2026-01-02T00%3A00%3A00Z&limit=2&offset=2"
    assert CALLS.following(link, 200).url == link
    assert CALLS.following(link, 1).params["limit"] == 1
    assert CALLS.following(link, 1).params["offset"] == "2"
    assert served_rows(link) == 2
    assert served_rows("https://api.kexp.org/v2/plays/?cursor=abc") is None
    assert served_rows(None) is None


@pytest.mark.parametrize(
    "link",
    [
        "https://api.kexp.org.example.com/v2/plays/?offset=2",
        "http://api.kexp.org/v2/plays/?offset=2",
        "https://api.kexp.org:444/v2/plays/?offset=2",
        "https://user@api.kexp.org/v2/plays/?offset=2",
        "https://api.kexp.org/v2/shows/?offset=2",
        "//example.com/v2/plays/",
        "/v2/plays/?offset=2",
        "",
        "http://[::1",
        "https://api.kexp.org/v2/plays/?x=" + "y" * 5_000_000,
        "https://api.kexp.org/v2/plays/?x=\ud800",
        "https://example.org/\x1b]0;title\x07\n" + "z" * 500,
        "https://example.org/" + "%1b" * 500,
    ],
    ids=lambda link: link[:40],
)
def test_any_other_link_is_not_followed(link: str) -> None:
    with pytest.raises(AnswerError, match="not followed") as told:
        CALLS.following(link, 200)
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 200
    assert served_rows(link) is None


@pytest.mark.parametrize("number", ["%C2%B2", "9" * 30, "-5", "", "x"])
def test_a_number_of_a_link_that_is_none_is_left_alone(number: str) -> None:
    link = f"https://api.kexp.org/v2/plays/?limit={number}&offset={number}"
    assert CALLS.following(link, 25).params["limit"] != 25
    assert served_rows(link) is None


# Recorded answers


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("kexppower_PlaySample.json", {"trackplay": 15, "airbreak": 5}),
        ("plays_page_2021-09-29_limit10.json", {"trackplay": 8, "airbreak": 2}),
        ("plays_page_2021-10-03_airdate_before.json", {"trackplay": 1}),
        ("unlicensed/csolallo_twelve_hours/pg10.json", {}),
        ("unlicensed/csolallo_song_and_airbreak.json", {"trackplay": 1, "airbreak": 1}),
    ],
)
def test_recorded_pages(name: str, kinds: dict[str, int]) -> None:
    page = parse_plays(real_file(f"kexp/{name}").read_bytes())
    found: dict[str, int] = {}
    for row in list(page):
        assert row.problem is None
        assert row.airdate is not None
        found[str(row.kind)] = found.get(str(row.kind), 0) + 1
        assert (row.play is not None) == (row.kind is PlayKind.TRACKPLAY)
    assert found == kinds
    # Also past the end there is a link; only the empty page says that it is the end.
    assert page.next is not None
