"""Spotify's JSON by hand: the objects of the reference, each with one thing changed."""

from __future__ import annotations

from typing import Any

import orjson

from testkit.making import an_id

Data = dict[str, Any]


def track(number: int = 1, /, **changes: Any) -> Data:
    """A full track object of a search row; a change to `...` takes the key away."""
    row: Data = {
        "id": an_id(number),
        "type": "track",
        "name": f"Song {number}",
        "is_local": False,
        "duration_ms": 210_000,
        "explicit": False,
        "popularity": 42,
        "is_playable": True,
        "external_ids": {"isrc": f"USUM7{number:07d}"},
        "external_urls": {"spotify": "https://open.spotify.com/track/x"},
        "href": "https://api.spotify.com/v1/tracks/x",
        "uri": "spotify:track:x",
        "preview_url": None,
        "disc_number": 1,
        "track_number": 2,
        "artists": [{"id": an_id(number, "artist"), "name": f"Artist {number}"}],
        "album": {
            "id": an_id(number, "album"),
            "name": f"Album {number}",
            "album_type": "album",
            "release_date": "1977-05-04",
            "release_date_precision": "day",
            "images": [{"url": "https://i/64", "width": 64, "height": 64}],
        },
    }
    row |= changes
    return {key: value for key, value in row.items() if value is not ...}


def paging(*items: Any, **changes: Any) -> Data:
    return {"items": list(items), "next": None, "total": len(items), "offset": 0, **changes}


def search_page(*items: Any, **changes: Any) -> bytes:
    return orjson.dumps({"tracks": paging(*items, **changes)})


def items_page(*entries: Any, **changes: Any) -> bytes:
    return orjson.dumps(paging(*entries, **changes))


def entry(content: Any, key: str = "item", **changes: Any) -> Data:
    row = {"added_at": "2018-07-19T22:00:00Z", "is_local": False, key: content}
    return {**row, **changes}


def playlist_row(number: int = 1, /, **changes: Any) -> Data:
    row: Data = {
        "id": an_id(number, "playlist"),
        "name": "70s Country",
        "owner": {"id": "u1", "display_name": "You"},
        "snapshot_id": "s",
    }
    return {**row, **changes}


def whole_playlist(*entries: Any, **changes: Any) -> bytes:
    return orjson.dumps(playlist_row(tracks=paging(*entries), **changes))


def playlists_page(*rows: Any, **changes: Any) -> bytes:
    return orjson.dumps({"playlists": paging(*rows, **changes)})
