"""Builders of the MusicBrainz calls (web service 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runclub_spider.apis.call import Api, Call, Family
from runclub_spider.catalog.original import Question

Params = Mapping[str, str | int | Sequence[str]]

#: Most keys a call. A query must fit into the 8 kB that servers take for an address.
ISRCS_BATCH, ARTISTS_BATCH, URLS_BATCH = 80, 80, 50
TITLES_BATCH = 25
#: For keys whose answer may have been cut short.
ISRCS_AGAIN, TITLES_AGAIN = 20, 5
#: Rows of an answer; a greater number would silently become 25.
ROWS = 100
#: Pages of the list of genres that are read at most; in 2026 it has 21.
MOST_GENRE_PAGES = 100


def agent(name: str, contact: str) -> str:
    """The User-Agent that MusicBrainz asks for: who is asking, and whom to write to."""
    return f"{name} ( {contact} )"


def phrase(text: str) -> str:
    """Text as a phrase of a Lucene query."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class MusicBrainzCalls:
    """Calls against one base URL."""

    base_url: str
    user_agent: str

    def by_isrc(self, isrcs: Sequence[str], offset: int = 0) -> Call:
        """Recordings that bear one of up to 80 ISRCs; one ISRC may give several."""
        return self._search(Family.RECORDING, "recording", _any("isrc", isrcs), offset)

    def by_title(self, songs: Sequence[Question], offset: int = 0) -> Call:
        """Recordings of up to 25 songs, each by title and artist, or by its ISRCs."""
        parts = [
            f"(recording:{phrase(song.title)} AND artist:{phrase(song.artist)})" for song in songs
        ]
        isrcs = [isrc for song in songs for isrc in song.isrcs]
        if isrcs:
            parts.append(_any("isrc", isrcs))
        return self._search(Family.RECORDING, "recording", " OR ".join(parts), offset)

    def artists(self, mbids: Sequence[str]) -> Call:
        """Up to 80 artists by MBID, with life span and tags."""
        return self._search(Family.PERSON, "artist", _any("arid", mbids), 0)

    def artist_urls(self, artist_ids: Sequence[str]) -> Call:
        """What up to 50 Spotify artists' addresses lead to; unknown ones are left out."""
        addresses = [spotify_artist(one) for one in artist_ids]
        params: Params = {"resource": addresses, "inc": "artist-rels", "fmt": "json"}
        return self._call(Family.URL, "url", params)

    def genres(self, offset: int) -> Call:
        """A hundred names of the official list of genres."""
        params: Params = {"limit": ROWS, "offset": offset, "fmt": "json"}
        return self._call(Family.GENRE, "genre/all", params)

    def _search(self, family: Family, entity: str, query: str, offset: int) -> Call:
        params: dict[str, str | int] = {"query": query, "limit": ROWS, "fmt": "json"}
        if offset:
            params["offset"] = offset
        return self._call(family, entity, params)

    def _call(self, family: Family, path: str, params: Params) -> Call:
        headers = {"Accept": "application/json", "User-Agent": self.user_agent}
        return Call(Api.MUSICBRAINZ, family, self.base_url, path, params, headers)


def spotify_artist(artist_id: str) -> str:
    """The address under which MusicBrainz knows a Spotify artist."""
    return f"https://open.spotify.com/artist/{artist_id}"


def _any(field: str, values: Sequence[str]) -> str:
    return f"{field}:({' OR '.join(values)})"
