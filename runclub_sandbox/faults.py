"""Injected faults, drawn from the seed and a counter of requests since the rates were set."""

from __future__ import annotations

from collections.abc import Mapping

from .odd import ODD
from .world import hashed

#: Faults that make no sense for an API: only Spotify's calls carry a token that can be ended.
_ONLY_SPOTIFY = frozenset({"expired"})


class FaultDraw:
    """Decides for every request of an API whether it goes wrong, and how.

    The same rates, set anew, make the same requests go wrong.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._count: dict[str, int] = {}

    def draw(self, api: str, rates: Mapping[str, float]) -> str | None:
        """The fault of the next request of an API, or None.

        Args:
            api: ``accounts``, ``spotify``, ``reccobeats`` …
            rates: rate per ``KIND`` (every API but accounts) or ``API:KIND``; ``odd`` is a share
                of rows, not of requests, and is drawn elsewhere.
        """
        number = self._count[api] = self._count.get(api, 0) + 1
        if not rates:
            return None
        point = hashed("fault", self.seed, api, number) / 2**64
        for name, rate in sorted(rates.items()):
            only, _, kind = name.rpartition(":")
            if (only or api) != api or (not only and api == "accounts"):
                continue
            if kind == ODD or (kind in _ONLY_SPOTIFY and api != "spotify"):
                continue
            if point < rate:
                return kind
            point -= rate
        return None
