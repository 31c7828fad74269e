"""Makes catalogue records for tests: every field has a value unless a test says otherwise."""

from __future__ import annotations

import random
import string
from dataclasses import replace
from typing import Any

from runclub_spider.catalog.models import (
    Album,
    Artist,
    ArtistRef,
    AudioFeatures,
    FoundTrack,
    Playable,
    Playlist,
    Track,
)
from runclub_spider.catalog.rules import Policy
from runclub_spider.store.facts.tracks import Source

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
POLICY = Policy("US", 120_000, 360_000)
SEARCH = Source("search", "rock running")


def an_id(number: int, kind: str = "track") -> str:
    """A Spotify-shaped id, always the same for a number."""
    return "".join(random.Random(f"{kind}{number}").choices(BASE62, k=22))


def a_track(number: int, **changes: Any) -> Track:
    """A playable four-minute track."""
    track = Track(
        track_id=an_id(number),
        name=f"Song {number}",
        artists=(ArtistRef(an_id(number % 5, "artist"), f"Artist {number % 5}"),),
        album=Album(an_id(number, "album"), f"Album {number}", "album", "1977", "https://i/1"),
        duration_ms=240_000,
        explicit=False,
        isrc=f"USUM7{number:07d}",
        popularity=50,
        preview_url=None,
        linked_from=None,
        is_playable=True,
        restriction=None,
        available_markets=None,
    )
    return replace(track, **changes)


def found(
    track: Track, position: int = 0, playable: Playable = Playable.YES, basis: str = "is_playable"
) -> FoundTrack:
    """The track as the filter hands it to the store."""
    return FoundTrack(track, position, playable, basis)


def an_artist(number: int, **changes: Any) -> Artist:
    artist = Artist(an_id(number, "artist"), f"Artist {number}", ("rock",), 40, "https://i/a")
    return replace(artist, **changes)


def features(track_id: str, **changes: Any) -> AudioFeatures:
    row = AudioFeatures(
        track_id=track_id,
        recco_track_id="11111111-2222-4333-8444-555555555555",
        tempo=167.2,
        energy=0.71,
        danceability=0.62,
        valence=0.43,
        loudness=-6.1,
        acousticness=0.1,
        instrumentalness=0.0,
        liveness=0.2,
        speechiness=0.04,
        key=9,
        mode=1,
        time_signature=None,
    )
    return replace(row, **changes)


def a_playlist(number: int, **changes: Any) -> Playlist:
    playlist = Playlist(
        playlist_id=an_id(number, "playlist"),
        name=f"List {number}",
        owner_id="someone",
        owner_name="Someone",
        snapshot_id=f"snap{number}",
        total=80,
        followers=None,
    )
    return replace(playlist, **changes)
