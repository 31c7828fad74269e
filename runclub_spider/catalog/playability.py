"""May the track be played in the market? Yes, no, or nobody said; and who said so."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import NamedTuple

from runclub_spider.catalog.models import Playable, Track


class Basis(StrEnum):
    """What playability in a market rests on, the most reliable first.

    `RESTRICTIONS`: the row names the market as what restricts it. `SEARCH_MARKET`: a search
    under that market served the track, in an answer that said nothing of any track.
    """

    IS_PLAYABLE = "is_playable"
    AVAILABLE_MARKETS = "available_markets"
    RESTRICTIONS = "restrictions"
    SEARCH_MARKET = "search_market"
    NONE = "none"


_ORDER = {str(basis): at for at, basis in enumerate(Basis)}


class Finding(NamedTuple):
    """Playability of a track in one market, and its basis."""

    playable: Playable
    basis: str


def rank(basis: str) -> int:
    """How far down the list of bases a word stands; those of no list come last."""
    return _ORDER.get(basis, len(_ORDER))


def says_nothing(tracks: Iterable[Track]) -> bool:
    """Whether no track of an answer carries `is_playable` or a list of markets.

    An empty list says nothing: staff call "empty list, yet playable" intended (reference, 1.5).
    """
    return not any(t.is_playable is not None or t.available_markets for t in tracks)


def playability(
    is_playable: bool | None,
    available_markets: Collection[str] | None,
    market: str,
    *,
    restriction: str | None = None,
    served_by_search: bool = False,
) -> Finding:
    """Judge one track in one market.

    `is_playable` (given when the request named a market) decides; without it the list of
    markets does. Where a whole answer says neither, `served_by_search` tells that it was a
    search under the market, which serves that market only. A playlist's page lists what cannot
    be played as well (reference, 1.5), so the same silence leaves its tracks unknown.
    """
    if is_playable is not None:
        return Finding(Playable.YES if is_playable else Playable.NO, Basis.IS_PLAYABLE)
    if available_markets:
        return _listed(available_markets, market)
    if restriction == "market":
        return Finding(Playable.NO, Basis.RESTRICTIONS)
    if served_by_search and restriction is None:
        return Finding(Playable.YES, Basis.SEARCH_MARKET)
    return Finding(Playable.UNKNOWN, Basis.NONE)


def listed(available_markets: str | None) -> frozenset[str]:
    """The markets of a stored list, a text with commas; none where there is no list."""
    return frozenset(available_markets.split(",")) if available_markets else frozenset()


def stored_playability(
    playable: str | None, basis: str | None, markets: Collection[str], market: str
) -> Finding:
    """The same from what is stored: the market's own row, and the list of markets.

    The row decides, unless it rests on less than a list.
    """
    known = playable is not None and playable != Playable.UNKNOWN
    weak = rank(basis or Basis.NONE) > rank(Basis.AVAILABLE_MARKETS)
    if markets and (weak or not known):
        return _listed(markets, market)
    if playable is not None and known:
        return Finding(Playable(playable), basis or Basis.NONE)
    return Finding(Playable.UNKNOWN, Basis.NONE)


def _listed(markets: Collection[str], market: str) -> Finding:
    return Finding(Playable.YES if market in markets else Playable.NO, Basis.AVAILABLE_MARKETS)
