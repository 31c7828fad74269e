"""What each column of a release means, and whose it is. The types are those of its JSON Schema."""

from __future__ import annotations

from typing import NamedTuple

SPOTIFY, RECCOBEATS, OWN = "Spotify", "ReccoBeats", "RunClub Spider"
MUSICBRAINZ, SEVERAL = "MusicBrainz", "several"

#: Under what each source's fields stand.
LICENCES = {
    SPOTIFY: "Spotify Content, under the Spotify Developer Terms; no licence to pass on",
    RECCOBEATS: "no terms published; as served by its API",
    MUSICBRAINZ: "CC0-1.0 (core data)",
    OWN: "made by this project from the others",
    SEVERAL: "see each value: _extra.licences names what has a licence",
}


class Column(NamedTuple):
    """A column: its meaning in a sentence, and its source."""

    meaning: str
    source: str


_FEATURES = {
    "tempo": Column("Beats a minute; null where no beat was found.", RECCOBEATS),
    "energy": Column("From 0, calm, to 1, intense.", RECCOBEATS),
    "danceability": Column("From 0 to 1, how well it can be danced to.", RECCOBEATS),
    "valence": Column("From 0, sad or angry, to 1, cheerful.", RECCOBEATS),
    "loudness": Column("Mean loudness in decibels, mostly -60 to 0.", RECCOBEATS),
    "acousticness": Column("From 0 to 1, how likely it is acoustic.", RECCOBEATS),
    "instrumentalness": Column("From 0 to 1, how likely it has no vocals.", RECCOBEATS),
    "liveness": Column("From 0 to 1, how likely an audience is heard.", RECCOBEATS),
    "speechiness": Column("From 0 to 1, how much is spoken.", RECCOBEATS),
    "key": Column("Pitch class, 0 is C, 11 is B; -1 where none was found.", RECCOBEATS),
    "mode": Column("1 major, 0 minor.", RECCOBEATS),
    "time_signature": Column("Beats a bar; only from imported features.", SEVERAL),
    "timeSignature": Column("Beats a bar; only from imported features.", SEVERAL),
}

# Those that the app reads.
_OF_THE_APP = (
    *("tempo", "energy", "danceability", "valence", "loudness", "key", "mode", "timeSignature"),
)

_WIDE = {
    "id": Column("UUIDv5 of the track's address at Spotify.", OWN),
    "spotify_track_id": Column("Spotify's id of the track.", SPOTIFY),
    "isrc": Column("International Standard Recording Code.", SPOTIFY),
    "name": Column("Title.", SPOTIFY),
    "duration_ms": Column("Length in milliseconds.", SPOTIFY),
    "explicit": Column("Whether Spotify marks it as explicit.", SPOTIFY),
    "album_name": Column("Title of the album.", SPOTIFY),
    "album_release_date": Column("The album's date: YYYY, or YYYY-MM-DD.", SPOTIFY),
    "album_release_year": Column("The year of that date.", SPOTIFY),
    "album_decade_label": Column("The decade of that year, from the 70s on.", OWN),
    "album_image_url": Column("The album's picture, at Spotify.", SPOTIFY),
    "popularity_snapshot": Column("Popularity from 0 to 100, as last seen.", SPOTIFY),
    "popularity_bucket": Column("The popularity divided by 10, rounded down.", OWN),
    "available_us": Column("Whether it plays in the US; _extra says how that is known.", SEVERAL),
    "available_primary_markets": Column("Markets of PRIMARY_MARKETS it plays in.", SEVERAL),
    "preview_url": Column("A preview, at Spotify, where it is served.", SPOTIFY),
    "artist_ids": Column("Spotify's ids of the artists, the first one first.", SPOTIFY),
    "artist_names": Column("Their names, in the same order.", SPOTIFY),
    "artist_genres": Column("Their genres, in the same order.", SPOTIFY),
    "artist_image_urls": Column("Their pictures, in the same order; '' for none.", SPOTIFY),
    "source_playlist_id": Column("The first of the playlists that hold it.", SPOTIFY),
    "source_playlist_name": Column("The name of that playlist.", SPOTIFY),
    "source_playlist_owner": Column("The owner of that playlist.", SPOTIFY),
    "sources": Column("All searches, playlists and stations that showed it.", OWN),
    "recco_track_id": Column("ReccoBeats' id of the track.", RECCOBEATS),
    "recco_features_version": Column("The version of the features.", RECCOBEATS),
    "recco_features_at": Column("When the features were fetched.", OWN),
    **{name: one for name, one in _FEATURES.items() if name != "timeSignature"},
    "created_at": Column("When this store first saw the track.", OWN),
    "updated_at": Column("When an exported value last changed.", OWN),
    "_extra": Column("Fields for ingestion alone: umbrellas, labels, sources, licences.", SEVERAL),
}

_TRACKS = {
    "id": Column("Spotify's id of the track.", SPOTIFY),
    "name": Column("Title.", SPOTIFY),
    "artistId": Column("Spotify's id of the first artist.", SPOTIFY),
    "artistName": Column("The first artist's name.", SPOTIFY),
    "durationMs": Column("Length in milliseconds.", SPOTIFY),
    "albumName": Column("Title of the album.", SPOTIFY),
    "albumReleaseYear": Column("The album's year.", SPOTIFY),
    "popularity": Column("Popularity from 0 to 100, as last seen.", SPOTIFY),
    "explicit": Column("Whether Spotify marks it as explicit.", SPOTIFY),
    "addedAt": Column("When this store first saw the track.", OWN),
    "isPlayable": Column("Whether it plays in the release's market.", SEVERAL),
    "_ingestSource": Column("What kind of source showed it first.", OWN),
    "_ingestQuery": Column("What was searched for to find that source.", OWN),
    "_ingestPlaylistId": Column("The playlist, if it was one.", SPOTIFY),
    "_ingestDiscoveredAt": Column("When this store first saw the track.", OWN),
    "_isrc": Column("International Standard Recording Code.", SPOTIFY),
    "_originalReleaseYear": Column("The year in which the song first came out.", MUSICBRAINZ),
    "_decade": Column("The decade of the album's year.", OWN),
    "_umbrellas": Column("Kinds of music, the one it is counted under first.", OWN),
    "_contentLabels": Column("What it is beside a song by its artist.", OWN),
    "_album_decade_label": Column("The decade of the album's year.", OWN),
    "_preview_url": Column("A preview, at Spotify, where it is served.", SPOTIFY),
    "_album_image_url": Column("The album's picture, at Spotify.", SPOTIFY),
    "_popularity_bucket": Column("The popularity divided by 10, rounded down.", OWN),
    "_available_primary_markets": Column("Markets of PRIMARY_MARKETS it plays in.", SEVERAL),
    "_source_playlist_id": Column("The first of the playlists that hold it.", SPOTIFY),
    "_source_playlist_name": Column("The name of that playlist.", SPOTIFY),
    "_source_playlist_owner": Column("The owner of that playlist.", SPOTIFY),
    "_recco_features_version": Column("The version of the features.", RECCOBEATS),
    "_recco_features_at": Column("When the features were fetched.", OWN),
}

_ARTISTS = {
    "id": Column("Spotify's id of the artist.", SPOTIFY),
    "name": Column("Name.", SPOTIFY),
    "genres": Column("Genres, as Spotify gives them.", SPOTIFY),
    "popularity": Column("Popularity from 0 to 100, as last seen.", SPOTIFY),
}

#: By the name of a schema its columns.
COLUMNS = {
    "catalog_wide": _WIDE,
    "cached_tracks": _TRACKS,
    "audio_features": {
        "trackId": Column("Spotify's id of the track.", SPOTIFY),
        **{name: _FEATURES[name] for name in _OF_THE_APP},
    },
    "cached_artists": _ARTISTS,
}
