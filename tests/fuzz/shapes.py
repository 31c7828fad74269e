"""One whole answer row of each kind, with every field that servers are known to send."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def track_id(number: int) -> str:
    return f"T{number:021d}"


def artist_id(number: int) -> str:
    return f"A{number:021d}"


def playlist_id(number: int) -> str:
    return f"P{number:021d}"


def isrc(number: int) -> str:
    return f"QZFZZ{number:07d}"


def mbid(kind: int, number: int) -> str:
    return f"{kind:08x}-0000-4000-8000-{number:012x}"


def _links(kind: str, one: str) -> Json:
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{one}"},
        "href": f"https://api.spotify.com/v1/{kind}s/{one}",
        "type": kind,
        "uri": f"spotify:{kind}:{one}",
    }


def image(number: int) -> Json:
    return {"url": f"https://i.scdn.co/image/{number:040x}", "width": 640, "height": 640}


def artist_ref(number: int) -> Json:
    one = artist_id(number)
    return {"id": one, "name": f"Artist {number}", **_links("artist", one)}


def track(number: int) -> Json:
    """A track object as a search serves it."""
    one, album = track_id(number), f"B{number:021d}"
    return {
        "album": {
            "album_type": "album",
            "artists": [artist_ref(number)],
            "id": album,
            "images": [image(number)],
            "name": f"Album {number}",
            "release_date": "1987-05-02",
            "release_date_precision": "day",
            "total_tracks": 10,
            **_links("album", album),
        },
        "artists": [artist_ref(number)],
        "available_markets": ["CA", "US"],
        "disc_number": 1,
        "duration_ms": 200_000 + number % 50_000,
        "explicit": False,
        "external_ids": {"isrc": isrc(number)},
        "id": one,
        "is_local": False,
        "is_playable": True,
        "linked_from": {"id": f"L{number:021d}", **_links("track", one)},
        "name": f"Song {number}",
        "popularity": 40,
        "preview_url": f"https://p.scdn.co/mp3-preview/{number}",
        "restrictions": {"reason": "market"},
        "track_number": 1,
        **_links("track", one),
    }


def entry(number: int) -> Json:
    """An entry of a playlist."""
    return {
        "added_at": "2024-01-01T00:00:00Z",
        "added_by": {"id": "owner", **_links("user", "owner")},
        "is_local": False,
        "primary_color": None,
        "track": track(number),
        "video_thumbnail": {"url": None},
    }


def playlist_row(number: int) -> Json:
    """A playlist as a search serves it."""
    one = playlist_id(number)
    return {
        "collaborative": False,
        "description": "a list",
        "id": one,
        "images": [image(number)],
        "name": f"List {number}",
        "owner": {"display_name": "Owner", "id": "owner", **_links("user", "owner")},
        "primary_color": None,
        "public": True,
        "snapshot_id": f"snapshot{number}",
        "tracks": {"href": f"https://api.spotify.com/v1/playlists/{one}/tracks", "total": 2},
        **_links("playlist", one),
    }


def page(items: list[Any], *, total: int | None = None) -> Json:
    """A paging object whose rows are all there are."""
    return {
        "href": "https://api.spotify.com/v1/search",
        "items": items,
        "limit": 50,
        "next": None,
        "offset": 0,
        "previous": None,
        "total": len(items) if total is None else total,
    }


def playlist(number: int, tracks: int) -> Json:
    """A playlist's own record with `tracks` entries from `1000 * number` on."""
    row = playlist_row(number)
    row["followers"] = {"href": None, "total": 12}
    row["tracks"] = page([entry(1000 * number + at) for at in range(tracks)])
    return row


def artist(number: int) -> Json:
    """An artist record."""
    one = artist_id(number)
    return {
        "followers": {"href": None, "total": 1234},
        "genres": ["synth-pop", "new wave"],
        "id": one,
        "images": [image(number)],
        "name": f"Artist {number}",
        "popularity": 50,
        **_links("artist", one),
    }


def features(number: int) -> Json:
    """A row of ReccoBeats' audio features."""
    return {
        "id": mbid(1, number),
        "href": f"https://open.spotify.com/track/{track_id(number)}",
        "acousticness": 0.1,
        "danceability": 0.6,
        "energy": 0.8,
        "instrumentalness": 0.0,
        "key": 5,
        "liveness": 0.2,
        "loudness": -7.5,
        "mode": 1,
        "speechiness": 0.05,
        "tempo": 160.5,
        "valence": 0.7,
    }


def detail(number: int) -> Json:
    """A track record of ReccoBeats."""
    return {
        "id": mbid(1, number),
        "trackTitle": f"Song {number}",
        "artists": [{"id": mbid(2, number), "name": f"Artist {number}", "href": None}],
        "durationMs": 200_000,
        "isrc": isrc(number),
        "ean": None,
        "upc": None,
        "href": f"https://open.spotify.com/track/{track_id(number)}",
        "availableCountries": "CA,US",
        "popularity": 44,
    }


def play(number: int) -> Json:
    """A track play of KEXP, a minute after the one before."""
    hour, minute = divmod(number, 60)
    return {
        "id": 3_000_000 + number,
        "uri": f"https://api.kexp.org/v2/plays/{3_000_000 + number}/",
        "airdate": f"2026-03-{1 + hour // 24:02d}T{hour % 24:02d}:{minute:02d}:00-08:00",
        "show": 60_000,
        "show_uri": "https://api.kexp.org/v2/shows/60000/",
        "image_uri": "",
        "thumbnail_uri": "",
        "song": f"Song {number}",
        "track_id": None,
        "recording_id": mbid(3, number),
        "artist": f"Artist {number}",
        "artist_ids": [mbid(2, number)],
        "album": f"Album {number}",
        "release_id": None,
        "release_group_id": None,
        "labels": ["Label"],
        "label_ids": [],
        "release_date": "1987-05-02",
        "rotation_status": "Heavy",
        "is_local": False,
        "is_request": False,
        "is_live": False,
        "comment": "hello",
        "location": 1,
        "location_name": "Default",
        "play_type": "trackplay",
    }


def recording(number: int) -> Json:
    """A recording in a search of MusicBrainz."""
    return {
        "id": mbid(3, number),
        "score": 100,
        "title": f"Song {number}",
        "length": 200_000,
        "video": None,
        "disambiguation": "",
        "artist-credit": [
            {
                "name": f"Artist {number}",
                "artist": {
                    "id": mbid(2, number),
                    "name": f"Artist {number}",
                    "sort-name": f"Artist {number}",
                },
            }
        ],
        "first-release-date": "1985-01-01",
        "isrcs": [isrc(number)],
        "tags": [{"count": 3, "name": "synth-pop"}],
        "releases": [],
    }


def person(number: int) -> Json:
    """An artist in a search of MusicBrainz."""
    return {
        "id": mbid(2, number),
        "type": "Group",
        "score": 100,
        "name": f"Artist {number}",
        "life-span": {"begin": "1979", "ended": None},
        "tags": [{"count": 3, "name": "new wave"}],
    }


def address(number: int) -> Json:
    """Where a Spotify artist's address leads to, at MusicBrainz."""
    return {
        "id": mbid(4, number),
        "resource": f"https://open.spotify.com/artist/{artist_id(number)}",
        "relations": [
            {"type": "free streaming", "artist": {"id": mbid(2, number), "name": "Artist"}}
        ],
    }


def metadata(number: int) -> Json:
    """What ListenBrainz says of a recording."""
    return {
        "recording": {"name": f"Song {number}", "length": 200_000, "first_release_date": None},
        "artist": {
            "name": f"Artist {number}",
            "artists": [
                {
                    "artist_mbid": mbid(2, number),
                    "name": f"Artist {number}",
                    "begin_year": 1979,
                    "type": "Group",
                }
            ],
        },
        "tag": {
            "recording": [{"tag": "synth-pop", "count": 2, "genre_mbid": mbid(5, 1)}],
            "release_group": [{"tag": "new wave", "count": 1, "genre_mbid": mbid(5, 2)}],
            "artist": [
                {
                    "tag": "synth-pop",
                    "count": 4,
                    "genre_mbid": mbid(5, 1),
                    "artist_mbid": mbid(2, number),
                }
            ],
        },
    }
