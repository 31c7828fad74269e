"""May the track be played in the market? Yes, no, or nobody said."""

from __future__ import annotations

from collections.abc import Collection

from runclub_spider.catalog.models import Playable


def playability(
    is_playable: bool | None, available_markets: Collection[str] | None, market: str
) -> Playable:
    """Judge one track in one market.

    `is_playable` (given when the request named a market) decides; without it the list of
    markets does. An empty list says nothing: staff call "empty list, yet playable" intended
    (reference, 1.5), so it stays unknown.
    """
    if is_playable is not None:
        return Playable.YES if is_playable else Playable.NO
    if available_markets:
        return Playable.YES if market in available_markets else Playable.NO
    return Playable.UNKNOWN
