"""Counts everything that was asked, so that a test can say what a crawler did."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class _Tally:
    calls: int = 0
    by_status: Counter[str] = field(default_factory=Counter)

    def shown(self) -> dict[str, Any]:
        return {"calls": self.calls, "by_status": dict(sorted(self.by_status.items()))}


@dataclass(slots=True)
class _Api(_Tally):
    parallel: int = 0
    max_parallel: int = 0
    inside_window: int = 0
    in_flight_at_429: int = 0
    shortest_gap: float | None = None
    first_request_at: float | None = None
    last_request_at: float | None = None
    families: dict[str, _Tally] = field(default_factory=dict)


class Stats:
    """Counters since start or the last reset; :meth:`shown` is the body of ``GET /__stats``."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets everything counted; requests under way still end cleanly."""
        self._apis: dict[str, _Api] = {}
        self._clients: dict[str, _Tally] = {}
        self._ids: dict[str, Counter[str]] = {}
        self._pages: Counter[str] = Counter()
        self._faults: dict[str, Counter[str]] = {}
        self._refused: Counter[str] = Counter()
        self._batches: dict[str, Counter[int]] = {}
        self._ways: dict[str, Counter[str]] = {}

    def begin(self, api: str) -> None:
        """A request came in."""
        one, now = self._api(api), time.time()
        one.parallel += 1
        one.max_parallel = max(one.max_parallel, one.parallel)
        if one.last_request_at is not None:
            gap = now - one.last_request_at
            one.shortest_gap = gap if one.shortest_gap is None else min(one.shortest_gap, gap)
        one.first_request_at = one.first_request_at or now
        one.last_request_at = now

    def penalty(self, api: str, verdict: str | None) -> None:
        """A request came while a Retry-After was running (``inside_window``) or just announced."""
        if verdict == "inside_window":
            self._api(api).inside_window += 1
        elif verdict == "in_flight":
            self._api(api).in_flight_at_429 += 1

    def end(self, api: str, family: str, status: str, client: str = "") -> None:
        """A request was answered; status is the number, or ``reset`` for a cut connection.

        ``client`` is whose token it carried, if that is known.
        """
        one = self._api(api)
        one.parallel = max(0, one.parallel - 1)
        tallies = [one, one.families.setdefault(family, _Tally())]
        if client:
            tallies.append(self._clients.setdefault(client, _Tally()))
        for counted in tallies:
            counted.calls += 1
            counted.by_status[status] += 1

    def delivered(self, page: str, kind: str | None, ids: Iterable[str], batch: bool) -> None:
        """A whole answer with status 200 went out.

        Args:
            page: method, path and sorted query.
            kind: what the ids are (artist, track, recco_features …), None for no ids.
            ids: the ids the request named.
            batch: whether it was a call that takes many ids.
        """
        self._pages[page] += 1
        if kind is None:
            return
        named = list(ids)
        self._ids.setdefault(kind, Counter()).update(named)
        if batch:
            self._batches.setdefault(kind, Counter())[len(named)] += 1

    def fault(self, api: str, kind: str) -> None:
        """A fault was injected."""
        self._faults.setdefault(api, Counter())[kind] += 1

    def way(self, api: str, coding: str | None, framing: str) -> None:
        """An answer is sent packed and framed so."""
        self._ways.setdefault(api, Counter()).update((coding or "identity", framing))

    def refused(self, family: str) -> None:
        """The regime has no such call, limit or content."""
        self._refused[family] += 1

    def shown(self) -> dict[str, Any]:
        """Everything as JSON-ready values."""
        return {
            "apis": {
                name: {
                    **api.shown(),
                    "max_parallel": api.max_parallel,
                    "inside_window": api.inside_window,
                    "in_flight_at_429": api.in_flight_at_429,
                    "shortest_gap": api.shortest_gap,
                    "first_request_at": api.first_request_at,
                    "last_request_at": api.last_request_at,
                    "families": {
                        family: tally.shown() for family, tally in sorted(api.families.items())
                    },
                }
                for name, api in sorted(self._apis.items())
            },
            "clients": {client: tally.shown() for client, tally in sorted(self._clients.items())},
            "repeats": {
                kind: {
                    "ids_asked": sum(asked.values()),
                    "ids_distinct": len(asked),
                    "more_than_once": {one: n for one, n in sorted(asked.items()) if n > 1},
                }
                for kind, asked in sorted(self._ids.items())
            },
            "pages_repeated": {page: n for page, n in sorted(self._pages.items()) if n > 1},
            "pages_distinct": len(self._pages),
            "batches": {
                kind: {
                    "calls": sum(sizes.values()),
                    "ids": sum(size * n for size, n in sizes.items()),
                    "sizes": {str(size): n for size, n in sorted(sizes.items())},
                }
                for kind, sizes in sorted(self._batches.items())
            },
            "ways": {api: dict(sorted(ways.items())) for api, ways in sorted(self._ways.items())},
            "refused_by_regime": dict(sorted(self._refused.items())),
            "faults": {api: dict(sorted(kinds.items())) for api, kinds in self._faults.items()},
        }

    def _api(self, name: str) -> _Api:
        return self._apis.setdefault(name, _Api())
