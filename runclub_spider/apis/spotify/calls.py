"""Builders of the Web API calls that the crawl sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from runclub_spider.apis.call import Api, Call, Family
from runclub_spider.apis.guard import ALL

# Exactly the fields the parser consumes; the mask keeps a page of 100 rows near 60 kB.
_TRACK = (
    "track(id,name,type,is_local,duration_ms,explicit,popularity,is_playable,restrictions,"
    "available_markets,linked_from(id),external_ids,preview_url,artists(id,name),"
    "album(id,name,album_type,release_date,release_date_precision,images))"
)
ITEM_FIELDS = f"items(is_local,{_TRACK}),next,total,offset"
PLAYLIST_FIELDS = (
    f"id,name,owner(id,display_name),snapshot_id,followers(total),tracks({ITEM_FIELDS})"
)


# By the first piece of a path; what stands nowhere here is not asked by the crawl.
_FAMILIES = {
    "search": Family.SEARCH,
    "playlists": Family.PLAYLIST,
    "artists": Family.ARTIST,
    "tracks": Family.TRACK,
}


def family_of(path: str) -> str:
    """The family that a path below the base URL counts for; `*` for one that the crawl never asks.

    Examples: `search?q=x` is a search, `playlists/37i9/tracks` a playlist.
    """
    return _FAMILIES.get(path.partition("?")[0].partition("/")[0], ALL)


@dataclass(frozen=True, slots=True)
class SpotifyCalls:
    """Calls against one base URL, all for one market."""

    base_url: str
    market: str

    def _call(self, family: Family, path: str, **params: str | int) -> Call:
        return Call(Api.SPOTIFY, family, self.base_url, path, params)

    def search(self, kind: str, q: str, *, limit: int, offset: int) -> Call:
        """A search page; `kind` is `track` or `playlist`."""
        return self._call(
            Family.SEARCH,
            "search",
            q=q,
            type=kind,
            market=self.market,
            limit=limit,
            offset=offset,
        )

    def playlist(self, playlist_id: str) -> Call:
        """A playlist's record with its first 100 entries embedded: one call for both."""
        return self._call(
            Family.PLAYLIST,
            f"playlists/{_piece(playlist_id)}",
            market=self.market,
            additional_types="track,episode",
            fields=PLAYLIST_FIELDS,
        )

    def playlist_items(self, playlist_id: str, *, limit: int, offset: int) -> Call:
        """A later page of a playlist's entries."""
        return self._call(
            Family.PLAYLIST,
            f"playlists/{_piece(playlist_id)}/tracks",
            market=self.market,
            additional_types="track,episode",
            limit=limit,
            offset=offset,
            fields=ITEM_FIELDS,
        )

    def artists(self, ids: Sequence[str]) -> Call:
        """Several artists, at most the regime's batch."""
        return self._call(Family.ARTIST, "artists", ids=",".join(ids))

    def artist(self, ids: Sequence[str]) -> Call:
        """The one artist named, for keys without the batch."""
        return self._call(Family.ARTIST, f"artists/{_piece(''.join(ids))}")


def _piece(text: str) -> str:
    """One piece of a path; whatever an id holds, it leads to no other endpoint."""
    return quote(text, safe="")
