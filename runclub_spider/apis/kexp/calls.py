"""Builders of the KEXP calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from runclub_spider.apis.call import AnswerError, Api, Call, Family
from runclub_spider.apis.wire import is_address
from runclub_spider.catalog.coverage import Order, Reading
from runclub_spider.catalog.normalize import clean_text

#: Rows a page at first, and the fewest it comes down to when a page is too much for the server.
PAGE_ROWS, FEWEST_ROWS = 200, 25
#: Seconds asked for on both sides of a stretch: whether its edges are included is not documented.
MARGIN = 1
_HEADERS = {"Accept": "application/json"}
#: Characters of a foreign address that are shown.
_SHOWN = 100
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
        return Call(
            Api.KEXP, Family.PLAYS, self.base_url, "plays/", dict(sorted(params.items())), _HEADERS
        )

    def following(self, link: str, rows: int) -> Call:
        """The page a `next` link names, at most `rows` rows of it.

        Raises:
            AnswerError: it is no address, or leads to another host or another endpoint.
        """
        ours, theirs = urlsplit(f"{self.base_url}/plays/"), _split(link)
        if theirs is None:
            raise AnswerError("the next page has no address that could be, and is not followed")
        same = (ours.scheme, ours.netloc, ours.path.rstrip("/")) == (
            theirs.scheme,
            theirs.netloc,
            theirs.path.rstrip("/"),
        )
        if not same:
            place = f"{theirs.scheme}://{theirs.netloc}{theirs.path}"
            raise AnswerError(
                f"the next page would be at {clean_text(place, _SHOWN)}, which is not followed"
            )
        params: dict[str, str | int] = dict(parse_qsl(theirs.query, keep_blank_values=True))
        if (_number(params.get("limit")) or 0) > rows:
            params["limit"] = rows
        return Call(Api.KEXP, Family.PLAYS, self.base_url, "plays/", params, _HEADERS)


def served_rows(link: str | None) -> int | None:
    """Rows a page by the server's own account in its `next` link; None if it does not say."""
    parts = _split(link or "")
    found = dict(parse_qsl(parts.query)) if parts else {}
    return _number(found.get("limit")) if _number(found.get("offset")) is not None else None


def _split(link: str) -> SplitResult | None:
    try:
        return urlsplit(link) if is_address(link) else None
    except ValueError:
        return None


def _number(text: object) -> int | None:
    """A whole number in nine digits at most, written in ASCII."""
    return int(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None


def with_rows(call: Call, rows: int) -> Call:
    """The same page with fewer rows; the offset stays."""
    return Call(
        call.api,
        call.family,
        call.base_url,
        call.path,
        {**call.params, "limit": rows},
        call.headers,
    )


def query_of(call: Call) -> str:
    """What tells the pages of one reading apart."""
    return urlencode(sorted((name, str(value)) for name, value in call.params.items()))


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
