"""What asking a plan costs at most: calls by kind, and days under daily limits. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runclub_spider.apis.call import Family
from runclub_spider.apis.reccobeats.calls import FEATURES_BATCH, TRACKS_BATCH
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.frontier.templates import Kind

# New tracks that share an artist, roughly.
_TRACKS_AN_ARTIST = 2


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a run reads: rows a track search, lists a playlist search, rows a list.

    `page_size` is the configured size of a page in rows; 0 is the most the regime allows.
    """

    max_results: int
    top_playlists: int
    max_items: int
    page_size: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls by what they ask, and the rows that the searches and lists serve."""

    track_searches: int
    playlist_searches: int
    playlists: int
    artists: int
    features: int
    details: int
    rows: int

    @property
    def by_family(self) -> dict[Family, int]:
        """The Spotify calls by the families that daily limits are counted by."""
        return {
            Family.SEARCH: self.track_searches + self.playlist_searches,
            Family.PLAYLIST: self.playlists,
            Family.ARTIST: self.artists,
        }

    def days(self, limits: Mapping[Family, int], calls_a_day: float = math.inf) -> float:
        """Days this takes when families have daily limits and all of them a common pace.

        Families without a limit are not held up by one; infinite where a limit is 0.
        """
        calls = self.by_family
        spans = [_days(number, limits.get(family, math.inf)) for family, number in calls.items()]
        return max(*spans, _days(sum(calls.values()), calls_a_day))


def track_cost(regime: Regime) -> float:
    """Calls that completing one new track takes, in full batches."""
    cost = 1 / FEATURES_BATCH
    if not regime.track_popularity:
        cost += 1 / TRACKS_BATCH
    if regime.artist_batch:
        cost += 1 / regime.artist_batch / _TRACKS_AN_ARTIST
    return cost


def cost_of(
    rows_left: Iterable[int],
    playlist_searches: int,
    regime: Regime,
    reach: Reach,
    *,
    new: Mapping[Kind, float],
    first_pages: bool = False,
) -> Cost:
    """The most that seeds cost: all their pages, or only the first of each.

    Args:
        rows_left: rows that each track seed may still serve; 0 costs nothing.
        playlist_searches: number of playlist seeds.
        regime: what the key may do.
        reach: how far a run reads.
        new: by kind, the share of rows that are new eligible tracks: those are enriched.
        first_pages: a playlist seed's first pages are its search and one page a list.
    """
    page = regime.search_page(reach.page_size)
    left = [min(rows, page) if first_pages else rows for rows in rows_left]
    searched = sum(left)

    searches = playlist_searches if regime.reads_foreign_playlists else 0
    lists = searches * min(reach.top_playlists, regime.search_rows)
    embedded = regime.embedded_rows
    items = min(reach.max_items, embedded) if first_pages else reach.max_items
    further = math.ceil(max(0, items - embedded) / regime.playlist_page(reach.page_size))

    tracks = math.ceil(searched * new["track"] + lists * items * new["playlist"])
    return Cost(
        track_searches=sum(math.ceil(rows / page) for rows in left),
        playlist_searches=searches,
        playlists=lists * (1 + further),
        artists=math.ceil(tracks / regime.artist_batch) if regime.artist_batch else 0,
        features=math.ceil(tracks / FEATURES_BATCH),
        details=0 if regime.track_popularity else math.ceil(tracks / TRACKS_BATCH),
        rows=searched + lists * items,
    )


def _days(calls: float, a_day: float) -> float:
    if not calls:
        return 0.0
    return calls / a_day if a_day else math.inf
