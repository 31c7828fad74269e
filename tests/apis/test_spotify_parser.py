"""Spotify's awkward shapes (reference, 1.7) and a page's closed list of categories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.spotify.parser import (
    TrackPage,
    parse_artist_batch,
    parse_playlist,
    parse_playlist_items,
    parse_playlist_search,
    parse_track_search,
)
from runclub_spider.catalog.models import Album, ArtistRef, RowKind, Track
from runclub_spider.catalog.normalize import MOST_NAME, normalise_track
from testkit.making import an_id

from . import wire
from .damage import encoded

NULL, LOCAL, EPISODE, TRACK = RowKind.NULL, RowKind.LOCAL, RowKind.EPISODE, RowKind.TRACK
UNKNOWN = RowKind.UNKNOWN
LOCAL_FILE = {
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
EPISODE_ASKED_FOR = {
    "type": "episode",
    "id": "e1",
    "name": "Ep. 12",
    "uri": "spotify:episode:e1",
    "release_date": "2024-05-01",
    "release_date_precision": "day",
    "show": {"id": "s1", "name": "A Show"},
}
EPISODE_IN_DISGUISE = {
    "type": "episode",
    "track": True,
    "episode": False,
    "id": an_id(7),
    "uri": "spotify:episode:e1",
    "track_number": 0,
    "disc_number": 0,
    "is_playable": False,
    "popularity": 0,
    "external_ids": {"spotify": "https://open.spotify.com/episode/e1"},
    "album": {"album_type": "compilation", "name": "A Show"},
    "artists": [{"name": "A Show"}],
}


def only(page: TrackPage) -> Track:
    """The page's one row, which is a track."""
    (row,) = page.rows
    assert row.kind is TRACK
    assert row.track is not None
    return row.track


def searched(**changes: Any) -> Track:
    return only(parse_track_search(wire.search_page(wire.track(1, **changes)), offset=0))


def test_a_whole_track() -> None:
    assert searched() == Track(
        track_id=an_id(1),
        name="Song 1",
        artists=(ArtistRef(an_id(1, "artist"), "Artist 1"),),
        album=Album(an_id(1, "album"), "Album 1", "album", "1977-05-04", "https://i/64"),
        duration_ms=210_000,
        explicit=False,
        isrc="USUM70000001",
        popularity=42,
        preview_url=None,
        linked_from=None,
        is_playable=True,
        restriction=None,
        available_markets=None,
    )


def test_positions_count_from_the_pages_first_row() -> None:
    body = wire.search_page(wire.track(1), None, wire.track(2))
    assert [row.position for row in parse_track_search(body, offset=150).rows] == [150, 151, 152]


@pytest.mark.parametrize("key", ["item", "track"])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (None, NULL),
        (LOCAL_FILE, LOCAL),
        (EPISODE_ASKED_FOR, EPISODE),
        (EPISODE_IN_DISGUISE, EPISODE),
        (wire.track(1), TRACK),
        (wire.track(1, id=None), NULL),
        (wire.track(1, id="spotify:track:1"), NULL),
    ],
    ids=["null", "local", "episode", "disguised", "track", "no id", "no base62 id"],
)
def test_playlist_entries(key: str, content: Any, kind: RowKind) -> None:
    page = parse_playlist_items(wire.items_page(wire.entry(content, key)), offset=0)
    assert [row.kind for row in page.rows] == [kind]
    assert not page.odd.unknown


def test_an_entry_may_say_local_for_its_content() -> None:
    local = wire.entry(wire.track(1, is_local=...), is_local=True)
    assert parse_playlist_items(wire.items_page(local), offset=0).rows[0].kind is LOCAL


def test_an_entry_under_both_keys() -> None:
    both = {**wire.entry(wire.track(1)), "track": wire.track(1)}
    assert only(parse_playlist_items(wire.items_page(both), offset=0)).track_id == an_id(1)


@pytest.mark.parametrize(
    ("album", "date"),
    [
        ({"release_date": "1977", "release_date_precision": "year"}, "1977"),
        ({"release_date": "1981-12", "release_date_precision": "month"}, "1981"),
        ({"release_date": "0000", "release_date_precision": "year"}, None),
        ({"release_date": None}, None),
        ({}, None),
    ],
)
def test_release_dates(album: dict[str, Any], date: str | None) -> None:
    assert normalise_track(searched(album={"name": "A", **album})).album.release_date == date


def test_restricted() -> None:
    track = searched(is_playable=False, restrictions={"reason": "market"})
    assert (track.is_playable, track.restriction) == (False, "market")


def test_relinked_in_extended() -> None:
    link = {"id": an_id(2), "type": "track", "uri": "spotify:track:tA"}
    track = searched(linked_from=link)
    assert (track.track_id, track.linked_from) == (an_id(1), an_id(2))


def test_relinked_in_development() -> None:
    assert searched(linked_from=...).linked_from is None


def test_development_leaves_fields_out() -> None:
    track = searched(popularity=..., available_markets=..., linked_from=..., preview_url=...)
    assert (track.popularity, track.available_markets, track.preview_url) == (None, None, None)


def test_available_markets() -> None:
    assert searched(available_markets=["US", "CA"]).available_markets == ("CA", "US")
    assert searched(available_markets=[]).available_markets == ()


def test_no_isrc() -> None:
    assert searched(external_ids={}).isrc is None
    assert searched(external_ids=None).isrc is None


def test_duration_as_a_float() -> None:
    assert searched(duration_ms=210_000.0).duration_ms == 210_000


def test_an_artist_without_id_is_left_out() -> None:
    artists = [{"id": None, "name": "Nobody"}, {"id": an_id(3, "artist"), "name": None}]
    assert searched(artists=artists).artists == (ArtistRef(an_id(3, "artist"), ""),)


def test_the_largest_image_wins_and_null_sizes_do_not_matter() -> None:
    images = [
        {"url": "https://i/none", "width": None, "height": None},
        {"url": "https://i/300", "width": 300, "height": 300},
        {"url": "https://i/640", "width": 640, "height": 640},
    ]
    assert searched(album={"name": "A", "images": images}).album.image_url == "https://i/640"
    assert searched(album={"name": "A", "images": None}).album.image_url is None


ALBUM = wire.track(1)["album"]


@pytest.mark.parametrize(
    ("changes", "kept", "dropped"),
    [
        (
            {"available_markets": ["US", None, "CA"]},
            {"available_markets": ("CA", "US")},
            "track.available_markets",
        ),
        (
            {"available_markets": {"US": True}},
            {"available_markets": None},
            "track.available_markets",
        ),
        ({"available_markets": [None, 7]}, {"available_markets": None}, "track.available_markets"),
        ({"external_ids": ["USUM70000001"]}, {"isrc": None}, "track.external_ids"),
        ({"external_ids": {"isrc": 7}}, {"isrc": None}, "track.isrc"),
        ({"external_ids": {"isrc": "no code"}}, {"isrc": None}, "track.isrc"),
        ({"album": [ALBUM]}, {"album": Album(None, "", None, None, None)}, "track.album"),
        ({"artists": {"0": 1}}, {"artists": ()}, "track.artists"),
        ({"artists": "someone"}, {"artists": ()}, "track.artists"),
        ({"duration_ms": "long"}, {"duration_ms": 0}, "track.duration_ms"),
        ({"duration_ms": -1}, {"duration_ms": 0}, "track.duration_ms"),
        ({"duration_ms": 2**31}, {"duration_ms": 0}, "track.duration_ms"),
        ({"duration_ms": True}, {"duration_ms": 0}, "track.duration_ms"),
        ({"popularity": 101}, {"popularity": None}, "track.popularity"),
        ({"popularity": "42"}, {"popularity": None}, "track.popularity"),
        ({"explicit": "no"}, {"explicit": False}, "track.explicit"),
        ({"is_playable": 1}, {"is_playable": None}, "track.is_playable"),
        ({"preview_url": "javascript:alert(1)"}, {"preview_url": None}, "track.preview_url"),
        ({"preview_url": "https://x/\x1b[2J"}, {"preview_url": None}, "track.preview_url"),
        ({"linked_from": {"id": "abc"}}, {"linked_from": None}, "linked_from.id"),
        ({"linked_from": []}, {"linked_from": None}, "track.linked_from"),
        ({"restrictions": "market"}, {"restriction": None}, "track.restrictions"),
        ({"restrictions": {"reason": "x" * 999}}, {"restriction": None}, "restrictions.reason"),
        ({"name": 7}, {"name": ""}, "track.name"),
    ],
)
def test_a_wrong_value_is_lost_and_counted_and_the_track_is_kept(
    changes: dict[str, Any], kept: dict[str, Any], dropped: str
) -> None:
    page = parse_track_search(wire.search_page(wire.track(1, **changes)), offset=0)
    whole = only(parse_track_search(wire.search_page(wire.track(1)), offset=0))
    assert only(page) == replace(whole, **kept)
    assert set(page.odd.dropped) == {dropped}


@pytest.mark.parametrize(
    ("changes", "kept", "dropped"),
    [
        (
            {"images": [{"url": None, "width": 1}]},
            {"image_url": None},
            {"image.url", "album.images"},
        ),
        (
            {"images": [{"url": "https://i/1", "width": 0.5}]},
            {"image_url": "https://i/1"},
            {"image.width"},
        ),
        (
            {"images": [None, {"url": "https://i/1"}]},
            {"image_url": "https://i/1"},
            {"album.images"},
        ),
        ({"images": [{"url": "data:x"}]}, {"image_url": None}, {"image.url", "album.images"}),
        ({"images": "https://i/1"}, {"image_url": None}, {"album.images"}),
        ({"id": "abc"}, {"album_id": None}, {"album.id"}),
        ({"album_type": "x" * 300}, {"album_type": None}, {"album.album_type"}),
        ({"release_date": "2999-01-01"}, {"release_date": None}, {"album.release_date"}),
        ({"release_date": 1977}, {"release_date": None}, {"album.release_date"}),
        ({"release_date": "0000"}, {"release_date": None}, set()),
        ({"release_date": ""}, {"release_date": None}, set()),
    ],
)
def test_a_wrong_value_of_an_album(
    changes: dict[str, Any], kept: dict[str, Any], dropped: set[str]
) -> None:
    page = parse_track_search(wire.search_page(wire.track(1, album=ALBUM | changes)), offset=0)
    whole = only(parse_track_search(wire.search_page(wire.track(1)), offset=0))
    assert only(page).album == replace(whole.album, **kept)
    assert set(page.odd.dropped) == dropped


def test_an_artist_stands_once_where_it_stood_first() -> None:
    ids = [an_id(number, "artist") for number in range(3)]
    artists = [
        {"id": ids[0], "name": None},
        {"id": ids[1], "name": "B"},
        {"id": ids[0], "name": "A\x07"},
        {"id": "abc", "name": "C"},
        {"id": ids[2], "name": ""},
    ]
    page = parse_track_search(wire.search_page(wire.track(1, artists=artists)), offset=0)
    assert only(page).artists == (
        ArtistRef(ids[0], "A"),
        ArtistRef(ids[1], "B"),
        ArtistRef(ids[2], ""),
    )
    assert page.odd.dropped == {"track.artists": 1, "artist.id": 1}


NASTY = "a\x1b]0;t\x07\u2028b\u0085\x00\ud800 \u202ec"
CLEAN = "a]0;t b c"


def test_no_text_keeps_what_a_terminal_or_a_file_would_obey() -> None:
    album = ALBUM | {"name": NASTY, "album_type": NASTY}
    artists = [{"id": an_id(1), "name": NASTY}]
    restrictions = {"reason": NASTY}
    row = wire.track(1, name=NASTY, album=album, artists=artists, restrictions=restrictions)
    track = only(parse_track_search(encoded({"tracks": wire.paging(row)}), offset=0))
    found = (track.name, track.album.name, track.album.album_type, track.restriction)
    assert found == (CLEAN,) * 4
    assert track.artists[0].name == CLEAN
    owner = {"id": NASTY, "display_name": NASTY}
    row = wire.playlist_row(name=NASTY, owner=owner, snapshot_id=NASTY)
    (playlist,) = parse_playlist_search(encoded({"playlists": wire.paging(row)})).playlists
    said = (playlist.name, playlist.owner_id, playlist.owner_name, playlist.snapshot_id)
    assert said == (CLEAN,) * 4
    record = {"id": an_id(1), "name": NASTY, "genres": [NASTY, "\x1b", 7, "x" * 500]}
    batch = parse_artist_batch(encoded({"artists": [record]}))
    assert batch.artists[0].name == CLEAN
    assert batch.artists[0].genres == (CLEAN,)
    assert batch.odd.dropped == {"artist.genres": 2}


def test_a_text_of_megabytes_is_cut() -> None:
    assert len(searched(name="x" * 17_000_000).name) == MOST_NAME


@pytest.mark.parametrize("bad", [None, 7, "abc", "a b", "../me/player?x=", "é" * 22, "a" * 23, ...])
def test_a_playlist_without_an_id_of_spotifys_is_none(bad: Any) -> None:
    row = wire.playlist_row(2, id=bad)
    row = {key: value for key, value in row.items() if value is not ...}
    page = parse_playlist_search(wire.playlists_page(wire.playlist_row(1), row))
    assert [one.playlist_id for one in page.playlists] == [an_id(1, "playlist")]
    assert (page.nulls, page.unreadable) == (1, {"playlist.id": 1})
    body = encoded(row | {"tracks": wire.paging(wire.entry(wire.track(1)))})
    assert parse_playlist(body, an_id(3)).playlist.playlist_id == an_id(3)


@pytest.mark.parametrize("total", [2**31, 2**63, -1, "many", 2.5, True])
def test_a_total_beyond_belief_is_not_told(total: Any) -> None:
    row = wire.playlist_row(1, tracks={"total": total})
    assert parse_playlist_search(wire.playlists_page(row)).playlists[0].total is None
    body = encoded(
        wire.playlist_row(1, followers={"total": total}, tracks=wire.paging(total=total))
    )
    record = parse_playlist(body)
    assert (record.playlist.total, record.playlist.followers) == (None, None)


@pytest.mark.parametrize("bad", ["not an object", 7, [], True, [wire.track(2)]])
def test_a_malformed_row_keeps_the_rest(bad: Any) -> None:
    page = parse_track_search(wire.search_page(wire.track(1), bad, wire.track(3)), offset=0)
    assert [row.kind for row in page.rows] == [TRACK, UNKNOWN, TRACK]
    assert page.odd.unknown == {"malformed": 1}
    assert page.unreadable == {"track": 1}


@pytest.mark.parametrize("bad", ["text", 7, {"item": 7}, {"track": "gone"}, {"item": [1]}])
def test_a_malformed_entry_keeps_the_rest(bad: Any) -> None:
    good = wire.entry(wire.track(1))
    page = parse_playlist_items(wire.items_page(good, bad, good), offset=0)
    assert [row.kind for row in page.rows] == [TRACK, UNKNOWN, TRACK]
    assert page.odd.unknown == {"malformed": 1}


def test_unexpected_fields_are_counted_and_harmless() -> None:
    rows = [wire.track(1, mood="happy"), wire.track(2, mood="sad", tempo=1), wire.track(3)]
    page = parse_track_search(wire.search_page(*rows), offset=0)
    assert page.odd.unexpected == {"track.mood": 2, "track.tempo": 1}
    assert [row.kind for row in page.rows] == [TRACK] * 3


def test_known_fields_are_not_unexpected() -> None:
    assert not parse_track_search(wire.search_page(wire.track(1)), offset=0).odd.unexpected


@pytest.mark.parametrize(
    ("items", "following", "more"),
    [
        ([wire.track(1)], "https://next", True),
        ([wire.track(1)], None, False),
        # an empty page ends the query whatever `next` says
        ([], "https://next", False),
        # a page of nulls does not
        ([None], "https://next", True),
    ],
)
def test_more(items: list[Any], following: str | None, more: bool) -> None:
    page = parse_track_search(wire.search_page(*items, next=following, total=999), offset=0)
    assert page.more is more


PARSERS: list[Callable[[bytes], object]] = [
    lambda body: parse_track_search(body, offset=0),
    lambda body: parse_playlist_items(body, offset=0),
    parse_playlist_search,
    parse_playlist,
    parse_artist_batch,
]
WHOLE = [
    wire.search_page(wire.track(1), None),
    wire.items_page(wire.entry(wire.track(1))),
    wire.playlists_page(wire.playlist_row()),
    orjson.dumps(wire.playlist_row(tracks=wire.paging(wire.entry(wire.track(1))))),
    orjson.dumps({"artists": [{"id": an_id(1), "name": "A"}]}),
]


@pytest.mark.parametrize(("parse", "body"), [*zip(PARSERS, WHOLE, strict=True)])
def test_a_cut_answer_is_an_answer_error_at_every_byte(
    parse: Callable[[bytes], object], body: bytes
) -> None:
    parse(body)
    for end in range(len(body)):
        with pytest.raises(AnswerError):
            parse(body[:end])


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"<html>1010</html>",
        b"{}",
        b'{"error":{"status":500}}',
        b"\xff{}",
    ],
)
def test_another_answer_is_an_answer_error(parse: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(AnswerError):
        parse(body)


@pytest.mark.parametrize("part", [None, [], {}, {"items": None}, {"items": {}}])
def test_a_page_without_its_list_is_an_answer_error(part: Any) -> None:
    with pytest.raises(AnswerError):
        parse_track_search(orjson.dumps({"tracks": part}), offset=0)
    with pytest.raises(AnswerError):
        parse_playlist_search(orjson.dumps({"playlists": part}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**7) | st.floats(0, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted(wire.track(1))), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_every_row_has_a_category_whatever_it_is(rows: list[Any]) -> None:
    page = parse_track_search(wire.search_page(*rows), offset=0)
    assert len(page.rows) == len(rows)
    page = parse_playlist_items(wire.items_page(*rows), offset=0)
    assert len(page.rows) == len(rows)


def test_playlist_search_with_holes_and_both_summaries() -> None:
    rows = [
        None,
        wire.playlist_row(1, items={"href": "…/playlists/p1/items", "total": 120}),
        wire.playlist_row(2, tracks={"href": "…", "total": 26}, owner=None),
        wire.playlist_row(3, tracks={"total": None}),
        {"name": "no id"},
    ]
    page = parse_playlist_search(wire.playlists_page(*rows, next="…offset=10…", total=26))
    found = [(row.playlist_id, row.total, row.owner_id) for row in page.playlists]
    ids = [an_id(number, "playlist") for number in (1, 2, 3)]
    assert found == [(ids[0], 120, "u1"), (ids[1], 26, None), (ids[2], None, "u1")]
    assert page.nulls == 2
    assert page.more


@pytest.mark.parametrize("key", ["tracks", "items"])
def test_a_playlist_with_its_first_entries(key: str) -> None:
    contents = wire.paging(wire.entry(wire.track(1)), wire.entry(None), next="x", total=240)
    followers = {"href": None, "total": 1234}
    record = parse_playlist(orjson.dumps(wire.playlist_row(followers=followers, **{key: contents})))
    assert (record.playlist.total, record.playlist.followers) == (240, 1234)
    assert record.playlist.snapshot_id == "s"
    assert record.page is not None
    assert [row.kind for row in record.page.rows] == [TRACK, NULL]
    assert record.page.more


def test_a_playlist_whose_contents_are_withheld() -> None:
    record = parse_playlist(orjson.dumps(wire.playlist_row()))
    assert record.page is None
    assert record.playlist.playlist_id == an_id(1, "playlist")


def test_a_batch_of_artists() -> None:
    rows = [
        {"id": an_id(1), "name": "A", "genres": ["R&B", "Alt-Country", "r&b"], "popularity": 7},
        None,
        {"id": an_id(2), "name": "B"},
    ]
    first, second = parse_artist_batch(orjson.dumps({"artists": rows})).artists
    assert (first.artist_id, first.popularity) == (an_id(1), 7)
    assert first.genres == ("randb", "alt country")
    assert (second.artist_id, second.genres, second.popularity) == (an_id(2), None, None)


@pytest.mark.parametrize("link", [0, False, [], {"href": "x"}])
@pytest.mark.parametrize(
    ("total", "more"), [(1, False), (2, True), (None, True), ("many", True), (0, False)]
)
def test_a_next_that_is_no_address_costs_no_row(link: Any, total: Any, *, more: bool) -> None:
    row = wire.track(1)
    found = parse_track_search(
        orjson.dumps({"tracks": {"items": [row], "next": link, "total": total, "offset": 0}}),
        offset=0,
    )
    assert [one.kind for one in found.rows] == [RowKind.TRACK]
    assert found.more is more
    assert found.odd.dropped["page.next"] == 1
