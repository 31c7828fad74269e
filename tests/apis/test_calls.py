"""Addresses and parameters exactly as the references give them, and what a key may do."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from runclub_spider import resources
from runclub_spider.apis.call import Call, Family
from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH, ReccoBeatsCalls
from runclub_spider.apis.spotify.calls import SpotifyCalls
from runclub_spider.apis.spotify.probe import Probe
from runclub_spider.apis.spotify.regimes import REGIMES, Regime
from runclub_spider.apis.spotify.regimes.development import REGIME as DEVELOPMENT
from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED
from runclub_spider.config import Config

SPOTIFY = SpotifyCalls("https://api.spotify.com/v1", "US")
RECCO = ReccoBeatsCalls("https://api.reccobeats.com/v1")


def asked(call: Call) -> tuple[str, dict[str, str]]:
    """Address without query, and the query as a server reads it."""
    parts = urlsplit(call.url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}", dict(
        parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    )


@pytest.mark.parametrize("kind", ["track", "playlist"])
@pytest.mark.parametrize(
    "q", ['genre:"r&b" year:1970-1979', "70's c+w", "drum & bass", "dembow ñ 日本", "a=b#c?d"]
)
def test_search(kind: str, q: str) -> None:
    call = SPOTIFY.search(kind, q, limit=50, offset=150)
    assert asked(call) == (
        "https://api.spotify.com/v1/search",
        {"q": q, "type": kind, "market": "US", "limit": "50", "offset": "150"},
    )
    assert call.family is Family.SEARCH
    assert not call.headers


def fields_of(mask: str) -> set[str]:
    """Top level of a `fields` mask; brackets must match."""
    level, names, word = 0, set(), ""
    for c in mask + ",":
        if c == "," and level == 0:
            names.add(word.partition("(")[0])
            word = ""
            continue
        level += (c == "(") - (c == ")")
        word += c
    assert level == 0
    return names


def test_playlist() -> None:
    call = SPOTIFY.playlist("37i9dQZF1DX76Wlfdnj7AP")
    address, query = asked(call)
    assert address == "https://api.spotify.com/v1/playlists/37i9dQZF1DX76Wlfdnj7AP"
    assert fields_of(query.pop("fields")) == {
        "id",
        "name",
        "owner",
        "snapshot_id",
        "followers",
        "tracks",
    }
    assert query == {"market": "US", "additional_types": "track,episode"}
    assert call.family is Family.PLAYLIST


def test_playlist_items() -> None:
    call = SPOTIFY.playlist_items("p1", limit=100, offset=200)
    address, query = asked(call)
    assert address == "https://api.spotify.com/v1/playlists/p1/tracks"
    mask = query.pop("fields")
    assert {"items", "next", "total"} <= fields_of(mask)
    for name in ("id", "is_playable", "external_ids", "duration_ms", "release_date", "is_local"):
        assert name in mask
    assert query == {
        "market": "US",
        "additional_types": "track,episode",
        "limit": "100",
        "offset": "200",
    }


def test_artists() -> None:
    call = SPOTIFY.artists(["a1", "a2"])
    assert asked(call) == ("https://api.spotify.com/v1/artists", {"ids": "a1,a2"})
    assert call.family is Family.ARTIST


def test_features() -> None:
    call = RECCO.features(["A" * 22, "B" * 22])
    assert asked(call) == (
        "https://api.reccobeats.com/v1/audio-features",
        {"ids": "A" * 22 + "," + "B" * 22},
    )
    assert call.headers == {"Accept": "application/json"}
    assert FEATURES_BATCH == 40


def test_the_key_travels_only_when_set_and_only_in_the_header() -> None:
    call = ReccoBeatsCalls("https://api.reccobeats.com/v1", "k3y").features(["A" * 22])
    assert call.headers["Authorization"] == "Bearer k3y"
    assert "k3y" not in call.url


@pytest.mark.parametrize(
    ("regime", "search", "playlist", "artists"),
    [(EXTENDED, 50, 100, 50), (DEVELOPMENT, 10, 50, 0)],
    ids=["extended", "development"],
)
def test_limits_of_a_regime(regime: Regime, search: int, playlist: int, artists: int) -> None:
    assert (regime.search_page(0), regime.playlist_page(0)) == (search, playlist)
    assert regime.artist_batch == artists
    assert (regime.search_page(5), regime.playlist_page(5)) == (5, 5)
    assert (regime.search_page(100), regime.playlist_page(100)) == (search, playlist)


def test_only_extended_reads_other_peoples_playlists() -> None:
    assert (EXTENDED.reads_foreign_playlists, DEVELOPMENT.reads_foreign_playlists) == (True, False)


@pytest.mark.parametrize(
    ("status", "body", "regime"),
    [
        (200, '{"tracks":{"items":[]}}', EXTENDED),
        (200, '{"tracks":{}}', None),
        (200, "<html>Log in to this network</html>", None),
        (400, '{"error":{"status":400,"message":"Invalid limit"}}', DEVELOPMENT),
        (400, '{"error":{"status":400,"message":"Invalid market code"}}', None),
        (401, '{"error":{"status":401,"message":"Invalid access token"}}', None),
        (403, "Active premium subscription required for the owner of the app.", None),
        (404, "", None),
        (429, "Too many requests: rate limit", None),
        (503, "", None),
    ],
)
def test_reading_the_probe(status: int, body: str, regime: Regime | None) -> None:
    probe = Probe()
    refused = probe.take(status, body.encode(), market="US")
    assert probe.found is regime
    assert (refused is None) == (regime is not None)
    assert refused is None or "\n" not in refused[1]


def test_the_probe_asks_more_than_development_and_less_than_extended_may() -> None:
    assert DEVELOPMENT.search_rows < Probe().rows <= EXTENDED.search_rows


@pytest.mark.parametrize(
    ("rows", "asked"), [(50, [31]), (30, [31, 21]), (20, [31, 21, 11]), (10, [31, 21, 11])]
)
def test_among_more_regimes_the_widest_that_may_is_found(rows: int, asked: list[int]) -> None:
    """The widest is tried first; of two with equal pages the first stands for both."""
    wide = [EXTENDED, replace(EXTENDED, name="also", search_rows=20), DEVELOPMENT]
    wide += [replace(EXTENDED, name=f"r{n}", search_rows=n) for n in (30, 20)]
    probe, sent = Probe(wide), []
    while probe.found is None:
        sent.append(probe.rows)
        refused = probe.rows > rows
        body = b'{"error":{"message":"Invalid limit"}}' if refused else b'{"tracks":{"items":[]}}'
        assert probe.take(400 if refused else 200, body, market="US") is None
    assert (probe.found.search_rows, sent) == (rows, asked)
    assert rows != 20 or probe.found.name == "also"


def test_every_file_is_a_regime() -> None:
    names = resources.modules("apis/spotify/regimes")
    assert list(REGIMES) == ["development", "extended"]
    assert sorted(REGIMES) == sorted(names)
    assert all(Config(spotify_profile=name).spotify_profile == name for name in ("auto", *names))
    with pytest.raises(ValidationError, match="use one of auto, development, extended"):
        Config(spotify_profile="gold")


@pytest.mark.parametrize("text", ["../me/player?x=", "a b", "a/b", "?#frag", "%2e%2e", "ü"])
def test_an_id_is_one_piece_of_a_path(text: str) -> None:
    for call in (
        SPOTIFY.playlist(text),
        SPOTIFY.playlist_items(text, limit=1, offset=0),
        SPOTIFY.artist([text]),
    ):
        piece = call.path.split("/")[1]
        assert unquote(piece) == text
        assert "/" not in piece.replace("%2F", "")
        assert not {"?", "#", " "} & set(call.path)


texts = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.from_regex("[0-9A-Za-z]{0,22}", fullmatch=True)
).map(",".join)


@given(st.dictionaries(texts, texts | st.integers() | st.lists(texts), max_size=4))
def test_parameters_are_written_as_forms_write_them(
    params: dict[str, str | int | list[str]],
) -> None:
    query = urlencode(params, doseq=True)
    call = Call("x", Family.SEARCH, "https://a/v1", "b", params)
    assert call.url == "https://a/v1/b" + (f"?{query}" if query else "")
