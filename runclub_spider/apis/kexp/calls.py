"""Builders of the KEXP calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from runclub_spider.apis.call import Call, Family
from runclub_spider.apis.links import followed, parameters
from runclub_spider.catalog.coverage import Order, Reading

#: Rows a page at first, and the fewest it comes down to when a page is too much for the server.
PAGE_ROWS, FEWEST_ROWS = 200, 25
#: Seconds asked for on both sides of a stretch: whether its edges are included is not documented.
MARGIN = 1
_HEADERS = {"Accept": "application/json"}
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KexpCalls:
    """Calls against one base URL."""

    base_url: str

    def plays(self, reading: Reading, rows: int) -> Call:
        """The first page of a reading: a closed window in one order (reference, parameters)."""
        params: dict[str, str | int] = {
            "airdate_after": _moment(reading.start - MARGIN),
            "limit": rows,
            "ordering": "airdate" if reading.order is Order.UP else "-airdate",
        }
        if reading.end is not None:
            params["airdate_before"] = _moment(reading.end - 1 + MARGIN)
        return self._call(dict(sorted(params.items())))

    def following(self, link: str, rows: int) -> Call:
        """The page a `next` link names, at most `rows` rows of it.

        Raises:
            AnswerError: it is no address, or leads to another host or another endpoint.
        """
        params: dict[str, str | int] = {**followed(link, f"{self.base_url}/plays/")}
        if (_number(params.get("limit")) or 0) > rows:
            params["limit"] = rows
        return self._call(params)

    def _call(self, params: Mapping[str, str | int]) -> Call:
        return Call("kexp", Family.PLAYS, self.base_url, "plays/", params, _HEADERS)


def served_rows(link: str | None) -> int | None:
    """Rows a page by the server's own account in its `next` link; None if it does not say."""
    found = parameters(link)
    return _number(found.get("limit")) if _number(found.get("offset")) is not None else None


def _number(text: object) -> int | None:
    """A whole number in nine digits at most, written in ASCII."""
    return int(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
