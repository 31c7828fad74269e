"""What the fault ``odd`` damages at its present rates, and which tracks that touches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .odd import KINDS
from .open_truth import words
from .service import State


def odd_ones(state: State) -> dict[str, Any]:
    """The body of ``GET /__odd``.

    Returns:
        ``rates`` by API; by API and kind of object the damaged ids with the name of what befalls
        them (tracks, artists, albums and playlists by Spotify id, also ReccoBeats' rows; plays by
        id; recordings and artists by MBID); ``tracks_touched``, the tracks of which something
        they depend on is damaged, themselves included, in id order.
    """
    found: dict[str, dict[str, dict[str, str]]] = {}
    for api, kind in KINDS:
        if api in state.odd.rates:
            ids = iter(_ids(state, api, kind))
            found.setdefault(api, {})[kind] = state.odd.drawn(api, kind, ids)
    return {"rates": state.odd.rates, **found, "tracks_touched": sorted(_touched(state, found))}


def _ids(state: State, api: str, kind: str) -> Iterable[str]:
    world, truth = state.world, state.open_truth
    match api, kind:
        case "spotify", "artist":
            return world.artists
        case "spotify", "album":
            return world.albums
        case "spotify", "playlist":
            return world.playlists
        case "reccobeats", "features":
            return world.features
        case "reccobeats", "track":
            return world.features.keys() | world.recco_only
        case "kexp", _:
            return [str(row.id) for row in state.airings.rows]
        case _, "recording":
            return truth.recordings
        case "musicbrainz", _:
            return truth.artist_of
    return world.tracks


def _touched(state: State, found: dict[str, dict[str, dict[str, str]]]) -> set[str]:
    """Tracks with a damaged row, album, artist, edition, recording or list.

    Editions with one ISRC share what is known of it, and one may be served for another.
    """
    world, truth = state.world, state.open_truth
    spotify = found.get("spotify", {})
    recco = found.get("reccobeats", {})
    rows = {*spotify.get("track", ()), *recco.get("features", ()), *recco.get("track", ())}
    artists = set(spotify.get("artist", ()))
    albums = set(spotify.get("album", ()))
    brainz = found.get("musicbrainz", {})
    for mbid in {*brainz.get("artist", ()), *brainz.get("url", ())}:
        artists.add(truth.artist_of[mbid])
    recordings = {*brainz.get("recording", ()), *found.get("listenbrainz", {}).get("recording", ())}
    isrcs = {isrc for one in recordings for isrc in truth.recordings[one].isrcs}
    # a search by title finds every recording of the artist whose title holds the words
    titles: dict[str, list[str]] = {}
    for one in recordings:
        recording = truth.recordings[one]
        for artist in recording.artists:
            name = words(truth.artists[artist].name)
            titles.setdefault(name, []).append(f" {words(recording.title)} ")
    touched = {
        entry.ref
        for one in spotify.get("playlist", ())
        for entry in world.playlists[one].entries
        if entry.kind == "track"
    }
    for track in world.tracks.values():
        album = world.albums[track.album_id]
        if (
            track.id in rows
            or track.album_id in albums
            or not artists.isdisjoint((*track.artist_ids, *album.artist_ids))
            or track.isrc in isrcs
            or _named(state, track.artist_ids, track.name, titles)
        ):
            touched.add(track.id)
    touched &= world.tracks.keys()
    codes = {world.tracks[one].isrc for one in touched} - {None}
    served = {world.tracks[one].substitute for one in touched} - {None}
    return touched | {
        track.id
        for track in world.tracks.values()
        if track.isrc in codes or track.substitute in touched or track.id in served
    }


def _named(
    state: State, artists: tuple[str, ...], title: str, titles: dict[str, list[str]]
) -> bool:
    """Whether the first words of a title stand in one of the damaged titles of its artists."""
    if not titles:
        return False
    plain = words(title.partition(" - ")[0].partition("(")[0])
    names = (words(state.world.artists[one].name) for one in artists if one in state.world.artists)
    return any(f" {plain} " in one for name in names for one in titles.get(name, ()))
