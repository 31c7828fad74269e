"""Builders of the KEXP calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from runclub_spider.apis.call import AnswerError, Api, Call, Family
from runclub_spider.catalog.coverage import Order, Reading

#: Rows a page at first, and the fewest it comes down to when a page is too much for the server.
PAGE_ROWS, FEWEST_ROWS = 200, 25
#: Seconds asked for on both sides of a stretch: whether its edges are included is not documented.
MARGIN = 1
_HEADERS = {"Accept": "application/json"}


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
            AnswerError: the link leads to another host or another endpoint.
        """
        ours, theirs = urlsplit(f"{self.base_url}/plays/"), urlsplit(link)
        same = (ours.scheme, ours.netloc, ours.path.rstrip("/")) == (
            theirs.scheme,
            theirs.netloc,
            theirs.path.rstrip("/"),
        )
        if not same:
            raise AnswerError(
                f"the next page would be at {theirs.scheme}://{theirs.netloc}{theirs.path}, "
                "which is not followed"
            )
        params: dict[str, str | int] = dict(parse_qsl(theirs.query, keep_blank_values=True))
        limit = str(params.get("limit", ""))
        if limit.isdigit() and int(limit) > rows:
            params["limit"] = rows
        return Call(Api.KEXP, Family.PLAYS, self.base_url, "plays/", params, _HEADERS)


def served_rows(link: str | None) -> int | None:
    """Rows a page by the server's own account in its `next` link; None if it does not say."""
    found = dict(parse_qsl(urlsplit(link or "").query))
    limit, offset = found.get("limit", ""), found.get("offset", "")
    return int(limit) if limit.isdigit() and offset.isdigit() else None


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
