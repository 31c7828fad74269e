"""Links to the next page, as an answer gives them: followed within the same endpoint alone."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, urlsplit

from runclub_spider.apis.call import AnswerError
from runclub_spider.apis.wire import is_address
from runclub_spider.catalog.normalize import clean_text

#: Characters of a foreign address that are shown.
_SHOWN = 100


def followed(link: str, endpoint: str) -> dict[str, str]:
    """The parameters of a link to another page of `endpoint`, a full address.

    Raises:
        AnswerError: it is no address, or leads to another host or another endpoint.
    """
    ours, theirs = urlsplit(endpoint), _split(link)
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
    return dict(parse_qsl(theirs.query, keep_blank_values=True))


def parameters(link: str | None) -> dict[str, str]:
    """The parameters of a link, wherever it leads; none of what is no address."""
    parts = _split(link or "")
    return dict(parse_qsl(parts.query)) if parts else {}


def _split(link: str) -> SplitResult | None:
    try:
        return urlsplit(link) if is_address(link) else None
    except ValueError:
        return None
