"""What a Spotify key may do. One table; the rest of the project asks it and nothing else.

Source: reference, 1.1 and 1.4 (state of autumn 2026). `extended` is the surface of approved
organisations, `development` the one of keys made since 2026-02-11.
"""

from __future__ import annotations

from dataclasses import dataclass

from runclub_spider.apis.spotify.answers import Answer, Problem


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


def regime_of_probe(answer: Answer) -> Regime | None:
    """Read the answer to a search with `PROBE_LIMIT` rows; None when it tells nothing."""
    if answer.problem is None:
        return EXTENDED
    return DEVELOPMENT if answer.problem is Problem.PAGE_SIZE else None
