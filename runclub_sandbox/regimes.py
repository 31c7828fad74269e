"""What the access regimes of the Spotify API give and refuse (reference 1.1, 1.4 and 3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Regime:
    """One regime as a table of limits and missing things.

    Attributes:
        name: the key in `REGIMES`.
        search_limit: largest ``limit`` of ``/search``, per type.
        search_default: ``limit`` when none is sent.
        artist_albums_limit: largest ``limit`` of ``/artists/{id}/albums``.
        batch_reads: whether ``?ids=`` and the other removed reads still answer.
        foreign_playlists: whether the rows of other people's playlists can be read.
        contents_key: where a playlist keeps its rows: ``tracks`` or ``items``.
        removed: keys that are absent, by object.
    """

    name: str
    search_limit: int
    search_default: int
    artist_albums_limit: int
    batch_reads: bool
    foreign_playlists: bool
    contents_key: str
    removed: dict[str, frozenset[str]]

    def gone(self, kind: str) -> frozenset[str]:
        """Keys absent from an object of that kind."""
        return self.removed.get(kind, frozenset())


REGIMES = {
    "extended": Regime(
        name="extended",
        search_limit=50,
        search_default=20,
        artist_albums_limit=50,
        batch_reads=True,
        foreign_playlists=True,
        contents_key="tracks",
        removed={},
    ),
    "development": Regime(
        name="development",
        search_limit=10,
        search_default=5,
        artist_albums_limit=10,
        batch_reads=False,
        foreign_playlists=False,
        contents_key="items",
        removed={
            "track": frozenset({"popularity", "available_markets", "linked_from", "preview_url"}),
            "album": frozenset({"label", "popularity", "available_markets", "album_group"}),
            "artist": frozenset({"genres", "popularity", "followers"}),
            "playlist": frozenset({"followers"}),
            "user": frozenset({"country", "email", "explicit_content", "followers", "product"}),
        },
    ),
}
