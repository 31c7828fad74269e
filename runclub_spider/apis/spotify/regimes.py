"""What a Spotify key may do. One table; the rest of the project asks it and nothing else.

Source: reference, 1.1 and 1.4 (state of autumn 2026). `extended` is the surface of approved
organisations, `development` the one of keys made since 2026-02-11.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

SEARCH_DEPTH = 1000


@dataclass(frozen=True, slots=True)
class Regime:
    """Page sizes (rows), batch sizes (ids; 0 = no such endpoint) and what answers carry.

    `artist_genres`: artist records are promised to carry genres; `track_popularity`: so are
    tracks their popularity.
    """

    name: str
    search_rows: int
    playlist_rows: int
    artist_batch: int
    reads_foreign_playlists: bool
    artist_genres: bool
    track_popularity: bool

    def search_page(self, page_size: int) -> int:
        """Rows a search page: the configured size, as far as the key allows."""
        return min(page_size or self.search_rows, self.search_rows)

    def playlist_page(self, page_size: int) -> int:
        """Rows a page of playlist items."""
        return min(page_size or self.playlist_rows, self.playlist_rows)


EXTENDED = Regime(
    name="extended",
    search_rows=50,
    playlist_rows=100,
    artist_batch=50,
    reads_foreign_playlists=True,
    artist_genres=True,
    track_popularity=True,
)
DEVELOPMENT = Regime(
    name="development",
    search_rows=10,
    playlist_rows=50,
    artist_batch=0,
    reads_foreign_playlists=False,
    artist_genres=False,
    track_popularity=False,
)
REGIMES = {regime.name: regime for regime in (EXTENDED, DEVELOPMENT)}

# One row above what a development key may ask: the cheapest question that tells them apart.
PROBE_LIMIT = DEVELOPMENT.search_rows + 1


def regime_of_probe(status: int, body: str) -> Regime | None:
    """Read the answer to a search with `PROBE_LIMIT` rows; None when it tells nothing."""
    if status == 200:
        return EXTENDED
    if status == 400 and contradicts_limit(body.encode()):
        return DEVELOPMENT
    return None


def contradicts_limit(body: bytes) -> bool:
    """Whether a 400 says that the page was too large for this key (`Invalid limit`)."""
    return b"limit" in body.lower()


def refusal(status: int, body: bytes) -> str:
    """Why Spotify refuses everything, with the cure where the reference knows one."""
    text = body.decode("utf-8", "replace").strip()
    if status == 403 and "premium" in text.lower():
        return "Spotify refuses (403): the owner of this app needs an active Premium subscription"
    if status == 403 and "register" in text.lower():
        return "Spotify refuses (403): add this user to the app's allow-list in the dashboard"
    try:
        message = orjson.loads(body)["error"]["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        message = text[:120]
    return f"Spotify answered {status} to a plain search: {message}"
