"""Spotify over HTTP: shapes, errors and what the two regimes give."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from runclub_sandbox.testing import Sandbox

from .asking import Client, ask

UNKNOWN = "0" * 22


def some_playlist(client: Client, q: str = "70s Rock Hits") -> dict[str, Any]:
    rows = client.search(q, "playlist")["items"]
    found: dict[str, Any] = next(row for row in rows if row)
    return found


def all_tracks(client: Client, q: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for offset in range(0, 1000, 50):
        rows = client.search(q, limit=50, offset=offset, **query)["items"]
        found += rows
        if len(rows) < 50:
            break
    return found


# --- shapes -----------------------------------------------------------------------------------


def test_answers_are_marked(client: Client) -> None:
    assert client.get("search", q="rock", type="track").headers["X-RunClub-Sandbox"] == "builtin-1"
    assert ask(client.sandbox.root + "/__health").headers["X-RunClub-Sandbox"] == "builtin-1"


def test_search_gives_full_tracks(client: Client) -> None:
    page = client.search("rock", limit=3)
    track = page["items"][0]
    assert set(track) == {
        "album", "artists", "available_markets", "disc_number", "duration_ms", "explicit",
        "external_ids", "external_urls", "href", "id", "is_local", "name", "popularity",
        "preview_url", "track_number", "type", "uri",
    }  # fmt: skip
    assert set(track["album"]) >= {"release_date", "release_date_precision", "images", "name"}
    popularity = [row["popularity"] for row in client.search("genre:techno", limit=50)["items"]]
    assert popularity == sorted(popularity, reverse=True)


def test_search_pages_join_up(client: Client) -> None:
    first = client.search("rock", limit=20)
    answer = ask(first["next"], headers={"Authorization": f"Bearer {client.bearer('app')}"})
    second = answer.json["tracks"]
    assert second["offset"] == 20
    assert urlsplit(first["next"]).netloc == urlsplit(client.sandbox.root).netloc
    assert not {row["id"] for row in first["items"]} & {row["id"] for row in second["items"]}
    last = client.search("rock", limit=50, offset=950)
    assert last["next"] is None
    assert last["total"] > 1000


def test_two_types_have_a_limit_each(client: Client) -> None:
    found = client.get("search", q="rock", type="track,artist,playlist,album", limit=4).json
    assert set(found) == {"tracks", "artists", "playlists", "albums"}
    assert len(found["tracks"]["items"]) == len(found["artists"]["items"]) == 4


@pytest.mark.parametrize(
    ("q", "first", "last"),
    [("70s rock", 1970, 1979), ("1970s rock", 1970, 1979), ("2000s pop", 2000, 2009),
     ("year:1977", 1977, 1977), ('genre:"outlaw country" year:1970-1999', 1970, 1999)],
)  # fmt: skip
def test_search_by_year(client: Client, q: str, first: int, last: int) -> None:
    rows = client.search(q, limit=50)["items"]
    assert rows
    assert all(first <= int(row["album"]["release_date"][:4]) <= last for row in rows)


def test_search_filters(client: Client) -> None:
    some = client.search("genre:techno", limit=1)["items"][0]
    artist, album = some["artists"][0], some["album"]
    rows = client.search(f'artist:"{artist["name"]}"', limit=50)["items"]
    assert some["id"] in {row["id"] for row in rows}
    rows = client.search(f'track:"{some["name"]}" album:"{album["name"]}"', limit=50)["items"]
    assert some["id"] in {row["id"] for row in rows}
    rows = client.search(f"isrc:{some['external_ids']['isrc']}")["items"]
    assert some["id"] in {row["id"] for row in rows}
    assert client.search("isrc:USRC10000000")["total"] == 0
    genres = client.get(f"artists/{client.search('genre:dub', 'artist')['items'][0]['id']}").json
    assert any("dub" in genre for genre in genres["genres"])


def test_runners_words_are_dropped_only_when_needed(client: Client) -> None:
    assert client.search("zydeco running")["total"] == 0
    bare = client.search('"neo-classical"')["total"]
    assert client.search("neo-classical treadmill sprint")["total"] == bare > 0
    assert 0 < client.search("metal workout")["total"] < client.search("metal")["total"]


def test_playlist_search_has_holes(client: Client) -> None:
    rows = client.search("running", "playlist", limit=50)["items"]
    assert None in rows
    row = next(row for row in rows if row)
    assert set(row["tracks"]) == {"href", "total"}
    assert {"owner", "snapshot_id", "name", "description", "public"} <= set(row)


def test_batches_keep_order_and_holes(client: Client) -> None:
    ids = [row["id"] for row in client.search("rock", limit=3)["items"]]
    asked = [ids[0], UNKNOWN, ids[1]]
    found = client.get("tracks", ids=",".join(asked)).json["tracks"]
    assert [row and row["id"] for row in found] == [ids[0], None, ids[1]]
    artists = [row["id"] for row in client.search("rock", "artist", limit=2)["items"]]
    found = client.get("artists", ids=",".join([UNKNOWN, *artists])).json["artists"]
    assert [row and row["id"] for row in found] == [None, *artists]
    assert {"genres", "popularity", "followers", "images"} <= set(found[1])


def test_albums(client: Client) -> None:
    track = client.search("rock", limit=1)["items"][0]
    album = client.get(f"albums/{track['album']['id']}").json
    assert album["genres"] == []
    assert {"label", "external_ids", "popularity", "copyrights"} <= set(album)
    rows = client.get(f"albums/{album['id']}/tracks").json["items"]
    assert track["id"] in {row["id"] for row in rows}
    assert not {"external_ids", "popularity", "album"} & set(rows[0])
    albums = client.get(f"artists/{track['artists'][0]['id']}/albums", limit=50).json
    assert album["id"] in {row["id"] for row in albums["items"]}
    assert all("album_group" in row for row in albums["items"])


# --- markets ----------------------------------------------------------------------------------


def test_market_swaps_available_markets_for_is_playable(client: Client) -> None:
    one = client.search("rock", limit=1)["items"][0]["id"]
    without = client.get(f"tracks/{one}").json
    asked = client.get(f"tracks/{one}", market="US").json
    assert "available_markets" in without
    assert "is_playable" not in without
    assert "available_markets" not in asked
    assert "available_markets" not in asked["album"]
    assert asked["is_playable"] is True


def test_users_country_applies(client: Client) -> None:
    one = client.search("rock", limit=1)["items"][0]["id"]
    found = client.get(f"tracks/{one}", who="user").json
    assert {"is_playable", "available_markets"} <= set(found)
    assert client.get(f"tracks/{one}", who="user", market="from_token").status == 200
    assert client.get(f"tracks/{one}", market="from_token").status == 400


def test_relinking_and_restrictions(client: Client) -> None:
    tracks = [t for year in range(1990, 2006) for t in all_tracks(client, f"year:{year}")]
    foreign = [
        t["id"] for t in tracks if t["available_markets"] and "US" not in t["available_markets"]
    ]
    found = [
        row
        for at in range(0, min(len(foreign), 400), 50)
        for row in client.get("tracks", ids=",".join(foreign[at : at + 50]), market="US").json[
            "tracks"
        ]
    ]
    relinked = [(a, row) for a, row in zip(foreign, found, strict=False) if row["id"] != a]
    assert relinked
    for asked, row in relinked:
        assert row["linked_from"]["id"] == asked
        assert row["is_playable"] is True
    restricted = [row for row in found if not row["is_playable"]]
    assert {row["restrictions"]["reason"] for row in restricted} >= {"market"}
    client.sandbox.configure(regime="development")
    asked, row = relinked[0]
    bare = client.get(f"tracks/{asked}", market="US").json
    assert bare["id"] == row["id"] != asked
    assert "linked_from" not in bare


# --- playlists --------------------------------------------------------------------------------


def test_playlist_embeds_its_first_hundred(client: Client) -> None:
    big = client.search("Great Big Running Archive", "playlist")["items"][0]
    found = client.get(f"playlists/{big['id']}").json
    assert len(found["tracks"]["items"]) == 100
    assert found["tracks"]["total"] > 1000
    assert found["snapshot_id"] == big["snapshot_id"]
    seen = list(found["tracks"]["items"])
    link = found["tracks"]["next"]
    while link:
        page = ask(link, headers={"Authorization": f"Bearer {client.bearer('app')}"}).json
        seen += page["items"]
        link = page["next"]
    assert len(seen) == found["tracks"]["total"]
    assert all("item" not in row for row in seen)


def test_awkward_rows(client: Client) -> None:
    rows: list[dict[str, Any]] = []
    disguised: list[dict[str, Any]] = []
    for q in ("running", "hits"):
        for one in client.search(q, "playlist", limit=40)["items"]:
            if one:
                path = f"playlists/{one['id']}/tracks"
                rows += client.get(path, additional_types="track,episode").json["items"]
                disguised += client.get(path).json["items"]
    null = next(row for row in rows if row["track"] is None)
    assert null["added_by"]["id"] == ""
    local = next(row["track"] for row in rows if row["is_local"])
    assert local["id"] is None
    assert local["external_ids"] == local["external_urls"] == {}
    assert local["uri"].startswith("spotify:local:")
    assert local["album"]["release_date"] is None
    episode = next(row["track"] for row in rows if row["track"] and "show" in row["track"])
    assert episode["type"] == "episode"
    mask = next(
        row["track"] for row in disguised if row["track"] and row["track"]["id"] == episode["id"]
    )
    assert (mask["type"], mask["track"], mask["track_number"]) == ("episode", True, 0)
    assert "show" not in mask


def test_fields_mask_over_http(client: Client) -> None:
    one = some_playlist(client)
    assert client.get(f"playlists/{one['id']}", fields="snapshot_id").json == {
        "snapshot_id": one["snapshot_id"]
    }
    page = client.get(f"playlists/{one['id']}/tracks", fields="items(track(id)),next", limit=5).json
    assert set(page) == {"items", "next"}
    assert all(set(row["track"]) == {"id"} for row in page["items"] if row["track"])
    assert client.get(f"playlists/{one['id']}", fields="a(").status == 400


def test_items_path_in_extended(client: Client) -> None:
    one = some_playlist(client)
    rows = client.get(f"playlists/{one['id']}/items").json
    assert rows["limit"] == 20
    assert rows["items"][0]["item"] == rows["items"][0]["track"]


# --- development ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["tracks?ids={}", "artists?ids={}", "albums?ids={}", "artists/{}/top-tracks", "markets",
     "users/someone", "users/someone/playlists", "playlists/{}/tracks"],
)  # fmt: skip
def test_removed_endpoints(development: Client, path: str) -> None:
    answer = development.get(path.format(UNKNOWN))
    assert answer.status == 403
    assert answer.json == {"error": {"status": 403, "message": "Forbidden"}}
    assert sum(development.sandbox.stats()["refused_by_regime"].values()) == 1


def test_development_search(development: Client) -> None:
    assert development.search("rock")["limit"] == 5
    assert len(development.search("rock", limit=10)["items"]) == 10
    refused = development.get("search", q="rock", type="track", limit=11)
    assert (refused.status, refused.json["error"]["message"]) == (400, "Invalid limit")
    assert development.sandbox.stats()["refused_by_regime"] == {"search_track": 1}
    rows = development.search("hits", "playlist", limit=10)["items"]
    row = next(row for row in rows if row)
    assert "tracks" not in row
    assert set(row["items"]) == {"href", "total"}


def test_development_fields_are_gone(development: Client) -> None:
    track = development.search("rock", limit=1)["items"][0]
    assert not {"popularity", "available_markets", "linked_from"} & set(track)
    assert "available_markets" not in track["album"]
    assert track["external_ids"]
    artist = development.get(f"artists/{track['artists'][0]['id']}").json
    assert set(artist) == {"external_urls", "href", "id", "images", "name", "type", "uri"}
    album = development.get(f"albums/{track['album']['id']}").json
    assert not {"label", "popularity", "available_markets", "album_group"} & set(album)
    assert "external_ids" in album
    path = f"artists/{artist['id']}/albums"
    assert development.get(path, limit=11).status == 400
    assert development.get(path, limit=10).status == 200


def test_development_playlists(development: Client) -> None:
    rows = development.search("rock", "playlist", limit=10)["items"]
    foreign = next(row for row in rows if row)
    assert foreign["items"]["total"] == 0
    found = development.get(f"playlists/{foreign['id']}", who="user").json
    assert not {"items", "tracks"} & set(found)
    assert {"snapshot_id", "owner", "name"} <= set(found)
    assert development.get(f"playlists/{foreign['id']}/items", who="user").status == 403
    own = development.get("me/playlists", who="user").json["items"]
    assert len(own) >= 3
    assert own[0]["items"]["total"] > 0
    found = development.get(f"playlists/{own[0]['id']}", who="user").json
    assert all("track" not in row and "item" in row for row in found["items"]["items"])
    page = development.get(f"playlists/{own[0]['id']}/items", who="user", limit=50).json
    assert len(page["items"]) == min(50, page["total"])
    assert development.get(f"playlists/{own[0]['id']}/items", who="user", limit=51).status == 400
    assert development.get(f"playlists/{own[0]['id']}/items").status == 403
    masked = development.get(
        f"playlists/{own[0]['id']}/items", who="user", fields="items(track(id))"
    )
    assert all(row == {} for row in masked.json["items"])


def test_spotify_owned_lists_are_not_found(client: Client) -> None:
    rows = client.search("hits", "playlist", limit=50)["items"]
    owned = next(row for row in rows if row and row["owner"]["id"] == "spotify")
    assert client.get(f"playlists/{owned['id']}").status == 200
    client.sandbox.configure(regime="development")
    answer = client.get(f"playlists/{owned['id']}")
    assert answer.status == 404
    assert answer.json["error"]["message"] == "Resource not found"


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("search?type=track", 400, "No search query"),
        ("search?q=&type=track", 400, "No search query"),
        ("search?q=x&type=song", 400, "Bad search type field song"),
        ("search?q=x&type=track&limit=51", 400, "Invalid limit"),
        ("search?q=x&type=track&limit=0", 400, "Invalid limit"),
        ("search?q=x&type=track&limit=ten", 400, "Invalid limit"),
        ("search?q=x&type=track&offset=1000", 400, "Invalid offset"),
        ("search?q=x&type=track&offset=-1", 400, "Invalid offset"),
        ("search?q=x&type=track&market=XX", 400, "Invalid market code"),
        ("tracks/short", 400, "Invalid base62 id"),
        ("tracks?ids=short", 400, "Invalid base62 id"),
        ("artists/" + "!" * 22, 400, "Invalid base62 id"),
        ("artists/" + UNKNOWN, 404, "Resource not found"),
        ("playlists/" + UNKNOWN, 404, "Resource not found"),
        ("nowhere", 404, "Service not found"),
        ("audio-features/" + UNKNOWN, 403, "Forbidden"),
        ("me", 401, "Valid user authentication required"),
        ("playlists/x/tracks?limit=101", 400, "Invalid limit"),
        ("tracks?ids=" + ",".join([UNKNOWN] * 51), 400, "Too many ids requested"),
    ],
)
def test_refusals(client: Client, path: str, status: int, message: str) -> None:
    answer = client.get(path)
    assert answer.status == status
    assert answer.json == {"error": {"status": status, "message": message}}


def test_unknown_parameters_are_ignored(client: Client) -> None:
    assert client.get("search", q="rock", type="track", colour="blue").status == 200


def test_tokens_are_needed(shared_sandbox: Sandbox, client: Client) -> None:
    url = f"{shared_sandbox.spotify}/search?q=rock&type=track"
    missing = ask(url)
    assert missing.status == 401
    assert missing.json == {"error": {"status": 401, "message": "No token provided"}}
    wrong = ask(url, headers={"Authorization": "Bearer nonsense"})
    assert wrong.json == {"error": {"status": 401, "message": "Invalid access token"}}
    assert "invalid_token" in wrong.headers["WWW-Authenticate"]
    client.bearer("app")
    shared_sandbox.configure(expire_tokens=True)
    expired = client.get("search", q="rock", type="track")
    assert expired.json == {"error": {"status": 401, "message": "The access token expired"}}


def test_token_lifetime(client: Client) -> None:
    client.sandbox.configure(token_lifetime=0.05)
    client.bearer("app")
    time.sleep(0.1)
    assert client.get("search", q="rock", type="track").status == 401


def test_account_states(client: Client) -> None:
    client.sandbox.configure(account_state="not-premium")
    answer = client.get("search", q="rock", type="track")
    assert answer.status == 403
    assert b"remium" in answer.body
    assert answer.headers["Content-Type"].startswith("text/plain")
    client.sandbox.configure(account_state="not-allowlisted")
    assert client.get("me", who="user").status == 403
    assert client.get("search", q="rock", type="track").status == 200
