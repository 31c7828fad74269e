"""Rows of the four files against the specification's field lists, copied by hand."""

from __future__ import annotations

from typing import Any

import pytest

from runclub_spider.catalog.imported import Filled
from runclub_spider.publish.write.rows import (
    ArtistRow,
    SourceRow,
    artist_row,
    features_rows,
    in_market,
    order_sources,
    rows_of,
    track_rows,
    wide_block,
)
from testkit.blocks import block_of, columns_of


def fields(text: str) -> list[str]:
    """Names of fields, separated by white space."""
    return text.split()


WIDE = fields(
    """id spotify_track_id isrc name duration_ms explicit album_name album_release_date
album_release_year album_decade_label album_image_url popularity_snapshot popularity_bucket
available_us available_primary_markets preview_url artist_ids artist_names artist_genres
artist_image_urls source_playlist_id source_playlist_name source_playlist_owner sources
recco_track_id recco_features_version recco_features_at tempo energy danceability valence loudness
acousticness instrumentalness liveness speechiness key mode time_signature created_at updated_at
_extra"""
)
TRACK = fields(
    """id name artistId artistName durationMs albumName albumReleaseYear popularity explicit
addedAt isPlayable"""
)
FEATURES = fields("trackId tempo energy danceability valence loudness key mode timeSignature")
ARTIST = fields("id name genres popularity")
ID = "2xLMifQCjDGFmkHkpNLD9h"
NUMBERS = {
    "tempo": 167.2,
    "energy": 0.71,
    "danceability": 0.62,
    "valence": 0.43,
    "loudness": -6.1,
    "acousticness": 0.1,
    "instrumentalness": 0.0,
    "liveness": 0.2,
    "speechiness": 0.04,
    "key": 9,
    "mode": 1,
    "time_signature": None,
}
STORED: dict[str, Any] = {
    "track_id": ID,
    "isrc": "USUM71703861",
    "name": "Song Title",
    "duration_ms": 212_000,
    "explicit": 0,
    "album_name": "Album Name",
    "release_date": "1977-05-04",
    "image_url": "https://i/1",
    "popularity": 58,
    "preview_url": None,
    "available_markets": "CA,SE,US",
    "first_seen_at": 1_760_538_365,
    "updated_at": 1_760_624_765,
    "features_of": ID,
    "f_recco_track_id": "uuid",
    "f_version": "1",
    "f_fetched_at": 1_760_538_400,
    "imported": None,
    **{f"f_{name}": value for name, value in NUMBERS.items()},
    **dict.fromkeys(("d_isrc", "d_popularity", "d_countries", "d_duration_ms")),
    **dict.fromkeys(
        (
            "o_recording_mbid",
            "o_artist_mbids",
            "o_original_year",
            "o_year_source",
            "o_year_confidence",
            "o_genres",
        )
    ),
}
ARTISTS = [
    ArtistRow("a1", "First", ("country", "alt country"), 67, None),
    ArtistRow("a2", "Second", (), None, "https://i/a2"),
]
SEARCH = SourceRow("search", "70s country running")
PLAYLIST = SourceRow("playlist", "p2", "Läufe", "someone")
EDITORIAL = SourceRow("playlist", "p9", "Country Run", "spotify")


def wide(
    sources: list[SourceRow] | None = None,
    markets: dict[str, tuple[str, str]] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    probed = {"US": ("yes", "is_playable")} if markets is None else markets
    block = wide_block(
        columns_of([{**STORED, **changes}]),
        [ARTISTS],
        [[SEARCH] if sources is None else sources],
        markets=[[(market, *said) for market, said in probed.items()]],
        primary_markets=("US", "CA", "GB"),
        extra={"umbrellas": [["Country & Americana"]], "content_labels": [["live"]]},
    )
    (row,) = rows_of(block.wide)
    return row


def track_row(wide: dict[str, Any], *, market: str, query: str | None) -> dict[str, Any]:
    (row,) = track_rows(block_of([wide]), market=market, queries=[query])
    return row


def features_row(wide: dict[str, Any]) -> dict[str, Any] | None:
    return next(features_rows(block_of([wide])), None)


def test_wide_fields_in_the_specifications_order() -> None:
    assert list(wide()) == WIDE


def test_wide_values() -> None:
    row = wide()
    assert row | {"id": None, "_extra": None} == {
        "id": None,
        "spotify_track_id": ID,
        "isrc": "USUM71703861",
        "name": "Song Title",
        "duration_ms": 212_000,
        "explicit": False,
        "album_name": "Album Name",
        "album_release_date": "1977-05-04",
        "album_release_year": 1977,
        "album_decade_label": "70s",
        "album_image_url": "https://i/1",
        "popularity_snapshot": 58,
        "popularity_bucket": 5,
        "available_us": True,
        "available_primary_markets": ["US", "CA"],
        "preview_url": None,
        "artist_ids": ["a1", "a2"],
        "artist_names": ["First", "Second"],
        "artist_genres": [["country", "alt country"], []],
        "artist_image_urls": ["", "https://i/a2"],
        "source_playlist_id": None,
        "source_playlist_name": None,
        "source_playlist_owner": None,
        "sources": [{"type": "search", "term": "70s country running"}],
        "recco_track_id": "uuid",
        "recco_features_version": "1",
        "recco_features_at": "2025-10-15T14:26:40Z",
        **NUMBERS,
        "created_at": "2025-10-15T14:26:05Z",
        "updated_at": "2025-10-16T14:26:05Z",
        "_extra": None,
    }
    assert row["explicit"] is False
    assert row["_extra"] == {
        "umbrellas": ["Country & Americana"],
        "content_labels": ["live"],
        "original_release_year": None,
        "recording_mbid": None,
        "artist_mbids": [],
        "open_genres": [],
        "original_year_source": None,
        "original_year_confidence": None,
        "licences": {},
        "duration_source": "spotify",
        "isrc_source": "spotify",
        "popularity_source": "spotify",
        "available_primary_markets_source": "available_markets",
        "available_us_source": "is_playable",
    }


@pytest.mark.parametrize(
    ("popularity", "bucket"), [(None, None), (0, 0), (9, 0), (10, 1), (99, 9), (100, 10)]
)
def test_popularity_bucket(popularity: int | None, bucket: int | None) -> None:
    assert wide(popularity=popularity)["popularity_bucket"] == bucket


def test_nothing_is_null_and_never_missing() -> None:
    row = wide(
        isrc=None,
        release_date=None,
        image_url=None,
        popularity=None,
        available_markets=None,
        features_of=None,
        f_recco_track_id=None,
        f_version=None,
        f_fetched_at=None,
        **{f"f_{name}": None for name in NUMBERS},
    )
    assert list(row) == WIDE
    empty = ["isrc", "album_release_date", "album_release_year", "album_decade_label"]
    empty += ["popularity_snapshot", "recco_track_id", "recco_features_at", *NUMBERS]
    assert [row[name] for name in empty] == [None] * len(empty)


def test_the_primary_source_is_an_editorial_list_if_there_is_one() -> None:
    assert order_sources([SEARCH, PLAYLIST, EDITORIAL]) == [EDITORIAL, PLAYLIST, SEARCH]
    row = wide([SEARCH, PLAYLIST, EDITORIAL])
    assert row["source_playlist_id"] == "p9"
    assert row["source_playlist_name"] == "Country Run"
    assert row["source_playlist_owner"] == "spotify"
    assert row["sources"] == [
        {"type": "playlist", "playlist_id": "p9", "owner": "spotify", "name": "Country Run"},
        {"type": "playlist", "playlist_id": "p2", "owner": "someone", "name": "Läufe"},
        {"type": "search", "term": "70s country running"},
    ]


@pytest.mark.parametrize(
    ("probed", "listed", "verdict"),
    [
        ({"US": ("yes", "is_playable")}, set(), (True, "is_playable")),
        ({"US": ("no", "is_playable")}, {"US"}, (False, "is_playable")),
        ({"US": ("unknown", "none")}, {"US"}, (True, "available_markets")),
        ({"US": ("unknown", "none")}, {"CA"}, (False, "available_markets")),
        ({"CA": ("yes", "is_playable")}, set(), (False, "none")),
        ({}, {"US"}, (True, "available_markets")),
        ({}, set(), (False, "none")),
    ],
)
def test_in_market(
    probed: dict[str, tuple[str, str]], listed: set[str], verdict: tuple[bool, str]
) -> None:
    assert in_market("US", probed, listed) == verdict


def test_track_fields_in_the_specifications_order() -> None:
    row = track_row(wide([EDITORIAL]), market="US", query="country running")
    assert list(row)[: len(TRACK)] == TRACK
    assert all(name.startswith("_") for name in list(row)[len(TRACK) :])
    assert row | {} == {
        "id": ID,
        "name": "Song Title",
        "artistId": "a1",
        "artistName": "First",
        "durationMs": 212_000,
        "albumName": "Album Name",
        "albumReleaseYear": 1977,
        "popularity": 58,
        "explicit": False,
        "addedAt": "2025-10-15T14:26:05Z",
        "isPlayable": True,
        "_ingestSource": "playlist",
        "_ingestQuery": "country running",
        "_ingestPlaylistId": "p9",
        "_ingestDiscoveredAt": "2025-10-15T14:26:05Z",
        "_isrc": "USUM71703861",
        "_originalReleaseYear": None,
        "_decade": "70s",
        "_umbrellas": ["Country & Americana"],
        "_album_decade_label": "70s",
        "_preview_url": None,
        "_album_image_url": "https://i/1",
        "_popularity_bucket": 5,
        "_available_primary_markets": ["US", "CA"],
        "_source_playlist_id": "p9",
        "_source_playlist_name": "Country Run",
        "_source_playlist_owner": "spotify",
        "_recco_features_version": "1",
        "_recco_features_at": "2025-10-15T14:26:40Z",
        "_contentLabels": ["live"],
    }


@pytest.mark.parametrize(
    ("markets", "market", "playable"),
    [
        ({"US": ("yes", "is_playable")}, "US", True),
        ({"US": ("no", "is_playable")}, "US", False),
        ({"US": ("no", "is_playable"), "CA": ("yes", "is_playable")}, "CA", True),
    ],
)
def test_playable(markets: dict[str, tuple[str, str]], market: str, playable: bool) -> None:
    row = track_row(wide(markets=markets, available_markets=None), market=market, query=None)
    assert row["isPlayable"] is playable


def test_a_search_as_source() -> None:
    row = track_row(wide(), market="US", query="70s country running")
    assert (row["_ingestSource"], row["_ingestPlaylistId"]) == ("search", None)


def test_feature_fields_in_the_specifications_order() -> None:
    row = features_row(wide())
    assert row is not None
    assert list(row) == FEATURES
    assert row["trackId"] == ID
    assert row["tempo"] == 167.2
    assert row["timeSignature"] is None


def test_a_track_without_features_has_no_feature_row() -> None:
    assert features_row(wide(features_of=None)) is None
    only_tempo = {f"f_{name}": None for name in NUMBERS} | {"f_tempo": 0.0}
    assert features_row(wide(**only_tempo)) is not None


def test_artist_fields_in_the_specifications_order() -> None:
    row = artist_row(ARTISTS[0])
    assert list(row) == ARTIST
    assert row == {
        "id": "a1",
        "name": "First",
        "genres": ["country", "alt country"],
        "popularity": 67,
    }
    assert artist_row(ARTISTS[1])["popularity"] is None


def test_what_spotify_withheld_comes_from_reccobeats_and_says_so() -> None:
    row = wide(
        isrc=None,
        popularity=None,
        available_markets=None,
        d_isrc="GBXYZ0100009",
        d_popularity=41,
        d_countries="CA,US",
    )
    assert (row["isrc"], row["popularity_snapshot"], row["popularity_bucket"]) == (
        "GBXYZ0100009",
        41,
        4,
    )
    assert row["available_primary_markets"] == ["US", "CA"]
    sources = {name: row["_extra"][f"{name}_source"] for name in ("isrc", "popularity")}
    assert sources == {"isrc": "reccobeats", "popularity": "reccobeats"}
    # The probe of the market comes before either list.
    assert row["_extra"]["available_us_source"] == "is_playable"
    assert row["_extra"]["available_primary_markets_source"] == "reccobeats"


def test_a_length_that_spotify_does_not_tell_is_reccobeats() -> None:
    row = wide(duration_ms=0, d_duration_ms=215_000)
    assert (row["duration_ms"], row["_extra"]["duration_source"]) == (215_000, "reccobeats")
    row = wide(d_duration_ms=215_000)
    assert (row["duration_ms"], row["_extra"]["duration_source"]) == (212_000, "spotify")


def test_spotifys_own_values_come_first() -> None:
    row = wide(d_isrc="GBXYZ0100009", d_popularity=41, d_countries="JP")
    assert (row["isrc"], row["popularity_snapshot"]) == ("USUM71703861", 58)
    assert row["available_primary_markets"] == ["US", "CA"]
    assert row["_extra"]["isrc_source"] == row["_extra"]["popularity_source"] == "spotify"
    assert row["_extra"]["available_primary_markets_source"] == "available_markets"


def test_nobody_said_anything_but_the_probed_market() -> None:
    row = wide(isrc=None, popularity=None, available_markets=None)
    assert row["available_primary_markets"] == ["US"]
    assert row["_extra"]["available_primary_markets_source"] == "is_playable"
    assert row["_extra"]["isrc_source"] is row["_extra"]["popularity_source"] is None


def test_a_search_under_the_market_is_the_last_that_spotify_says() -> None:
    silent: dict[str, Any] = {"isrc": None, "available_markets": None}
    served = {"US": ("yes", "search_market"), "CA": ("no", "is_playable")}
    row = wide(markets=served, **silent, d_countries="JP")
    assert (row["available_us"], row["available_primary_markets"]) == (True, ["US"])
    assert row["_extra"]["available_us_source"] == "search_market"
    row = wide(markets=served, **silent)
    assert row["_extra"]["available_primary_markets_source"] == "search_market"
    # Spotify's list is more than that its search served the track.
    row = wide(markets=served, available_markets="CA")
    assert (row["available_us"], row["_extra"]["available_us_source"]) == (
        False,
        "available_markets",
    )


OPEN: dict[str, Any] = {
    "o_recording_mbid": "11111111-1111-4111-8111-111111111111",
    "o_artist_mbids": '["aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"]',
    "o_original_year": 1975,
    "o_year_source": "isrc+title",
    "o_year_confidence": 0.95,
    "o_genres": '[["outlaw country",700],["rock",300]]',
}


def test_open_metadata_stands_beside_its_licences() -> None:
    row = wide(**OPEN)
    extra = row["_extra"]
    assert extra["original_release_year"] == 1975
    assert extra["original_year_source"] == "isrc+title"
    assert extra["open_genres"] == ["outlaw country", "rock"]
    assert extra["licences"] == {
        "original_release_year": "CC0-1.0",
        "recording_mbid": "CC0-1.0",
        "artist_mbids": "CC0-1.0",
        "open_genres": "CC-BY-NC-SA-3.0",
    }
    # The album's year and decade stay what the specification says.
    assert (row["album_release_year"], row["album_decade_label"]) == (1977, "70s")
    assert track_row(row, market="US", query=None)["_originalReleaseYear"] == 1975


def test_imported_features_stand_beside_their_licences() -> None:
    got = {"tempo": Filled(171.5, "acousticbrainz", "CC0-1.0")}
    nothing = {f"f_{name}": None for name in (*NUMBERS, "recco_track_id", "version", "fetched_at")}
    row = wide(**{**OPEN, **nothing, "features_of": None, "f_tempo": 171.5, "imported": got})
    assert list(row) == WIDE
    assert {name: row[name] for name in NUMBERS if row[name] is not None} == {"tempo": 171.5}
    assert row["recco_features_version"] is row["recco_features_at"] is None
    assert row["_extra"]["licences"] == {**wide(**OPEN)["_extra"]["licences"], "tempo": "CC0-1.0"}
    assert features_row(row) == {**dict.fromkeys(FEATURES), "trackId": ID, "tempo": 171.5}


def test_tags_can_be_left_out() -> None:
    extra = wide_block(
        columns_of([{**STORED, **OPEN}]),
        [ARTISTS],
        [[SEARCH]],
        markets=[()],
        primary_markets=(),
        extra={},
        tags=False,
    ).extra
    assert extra["open_genres"] == [[]]
    assert "open_genres" not in extra["licences"][0]


def test_without_open_metadata_there_is_nothing_to_license() -> None:
    extra = wide()["_extra"]
    assert extra["licences"] == {}
    assert extra["artist_mbids"] == []
    assert extra["original_release_year"] is None
