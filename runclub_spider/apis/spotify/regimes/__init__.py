"""What a Spotify key may do: one file a regime, and what everybody may ask of it.

Source: reference, 1.1 and 1.4 (state of autumn 2026). A file beside this one that defines `REGIME`
is a regime: its name is a value of `SPOTIFY_PROFILE`, and the probe knows it by `search_rows`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True, slots=True)
class Regime:
    """Page sizes (rows), batch sizes (ids; 0 = no such endpoint) and what answers carry.

    Attributes:
        name: of the file, in `SPOTIFY_PROFILE`, the store, the manifest and what is printed.
        search_rows: the largest page of a search; what tells the key from others.
        playlist_rows: the largest page of a playlist's items.
        embedded_rows: items that come with a playlist itself.
        artist_batch: the most artists a call.
        reads_foreign_playlists: whether the items of other people's playlists are served.
        artist_genres: whether artist records are promised to carry genres.
        track_popularity: whether tracks are promised to carry their popularity.
        assumed_daily_calls: calls a day of an endpoint family that are reckoned with while no
            limit is known; None where there is none.
        note: what a release says of a crawl with such a key, if anything.
    """

    name: str
    search_rows: int
    playlist_rows: int
    embedded_rows: int
    artist_batch: int
    reads_foreign_playlists: bool
    artist_genres: bool
    track_popularity: bool
    assumed_daily_calls: int | None = None
    note: str | None = None

    def search_page(self, page_size: int) -> int:
        """Rows a search page: the configured size, as far as the key allows."""
        return min(page_size or self.search_rows, self.search_rows)

    def playlist_page(self, page_size: int) -> int:
        """Rows a page of playlist items."""
        return min(page_size or self.playlist_rows, self.playlist_rows)


def _found() -> Mapping[str, Regime]:
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    found: list[Regime] = [import_module(f"{__name__}.{name}").REGIME for name in names]
    for name, regime in zip(names, found, strict=True):
        assert regime.name == name, f"{name}.py calls its regime {regime.name}"
    return {one.name: one for one in sorted(found, key=lambda one: (one.search_rows, one.name))}


#: Every regime by name, the narrowest first.
REGIMES = _found()
