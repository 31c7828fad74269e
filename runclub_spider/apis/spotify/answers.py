"""What an answer of the Web API is when it is not what was asked for: one of a closed list.

The crawl, the probe and `scrapy doctor` decide by it. Source: reference, 4.3 (errors).
"""

from __future__ import annotations

import re
from enum import StrEnum

import orjson

from runclub_spider.apis.call import AnswerError
from runclub_spider.catalog.markets import cure


class Problem(StrEnum):
    """Why an answer is not what was asked for: the closed list."""

    # Asking again with a fresh token helps.
    TOKEN = "token refused"  # noqa: S105 - a name, not a token
    # The account's; nothing this key asks is answered until a person mends it.
    PREMIUM = "the app's owner has no Premium"
    USER = "the user is not on the app's allow-list"
    APP = "the app or the account is shut out"
    # The run's; every call of it would be refused.
    MARKET = "market refused"
    PARAMETER = "a parameter of every call refused"
    # The page's own; asking again gives the same.
    PAGE_SIZE = "page too large for this key"
    BAD_REQUEST = "bad request"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    # The moment's; asking again later helps.
    RATE_LIMIT = "rate limit"
    QUOTA = "quota exceeded"
    SERVER_ERROR = "server error"
    # Not the answer of this API, or cut short.
    UNREADABLE = "unreadable"
    UNEXPECTED = "unexpected status"


# Refusals that no other page would escape.
WHOLE = frozenset({Problem.PREMIUM, Problem.USER, Problem.APP, Problem.MARKET, Problem.PARAMETER})
PAGE = frozenset({Problem.BAD_REQUEST, Problem.FORBIDDEN, Problem.NOT_FOUND})
PASSING = frozenset({Problem.RATE_LIMIT, Problem.QUOTA, Problem.SERVER_ERROR})

_CURES = {
    Problem.TOKEN: "Spotify refuses fresh tokens (401); check the app's settings",
    Problem.PREMIUM: (
        "Spotify refuses (403): the owner of this app needs an active Premium subscription; "
        "a change takes some hours to arrive"
    ),
    Problem.USER: (
        "Spotify refuses (403): add this user to the app's allow-list in the dashboard, or unset "
        "SPOTIFY_REFRESH_TOKEN"
    ),
}
# What a 400 names. A page's size and place, its term and its id are its own.
_SIZE = re.compile(r"\blimit\b")
_OWN = re.compile(r"\b(?:offset|q|query|ids?|uris?)\b")
_MARKET = re.compile(r"\b(?:market|country)\b")
_PARAMETER = re.compile(r"\b(?:additional_types|types?|fields?)\b")
_OWNER = re.compile(r"\b(?:app|application|account|developer)\b")


def problem_of(status: int, body: bytes) -> Problem | None:
    """The problem that status and body tell of; None for a 200, whose body may still be odd."""
    if status == 200:
        return None
    text = body[:2000].lower()
    said = _message(body).lower()
    match status:
        case 400:
            return _of_bad_request(said)
        case 401:
            return Problem.APP if _OWNER.search(said) else Problem.TOKEN
        case 403 if b"premium" in text:
            return Problem.PREMIUM
        case 403 if b"register" in text:
            return Problem.USER
        case 403:
            return Problem.APP if _OWNER.search(said) else Problem.FORBIDDEN
        case 404:
            return Problem.NOT_FOUND
        case 429:
            return Problem.QUOTA if b"quota_exceeded" in text else Problem.RATE_LIMIT
        case _ if status >= 500:
            return Problem.SERVER_ERROR
    return Problem.UNEXPECTED


def _of_bad_request(said: str) -> Problem:
    if _SIZE.search(said):
        # `Invalid limit`: the page was too large, which tells the regimes apart.
        return Problem.PAGE_SIZE
    if _MARKET.search(said):
        return Problem.MARKET
    if _PARAMETER.search(said) and not _OWN.search(said):
        return Problem.PARAMETER
    return Problem.BAD_REQUEST


def explain(problem: Problem, status: int, body: bytes, *, market: str = "US") -> str:
    """One line with the cause, and the cure where the reference knows one.

    `market` is the one that was asked for.
    """
    if problem in _CURES:
        return _CURES[problem]
    said = _message(body)
    if problem is Problem.MARKET:
        return (
            f"Spotify refuses the market {market} ({status}: {said}): {cure(market)}, by "
            "-a market or MARKET"
        )
    told = f"Spotify answered {status} ({problem})" + (f": {said}" if said else "")
    if problem in PASSING:
        return f"{told}; try again later"
    return f"{told}; check SPOTIFY_API_BASE_URL and the app in the dashboard"


def unreadable(error: AnswerError) -> str:
    """The line that tells of a 200 that is no answer of this API."""
    return f"an answer could not be read ({error}); check SPOTIFY_API_BASE_URL"


def _message(body: bytes) -> str:
    """What the server says in its own words: JSON's `error.message`, else the text itself."""
    try:
        error = orjson.loads(body)["error"]
        said = error.get("message") or error.get("description") or ""
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        said = body.decode("utf-8", "replace")
    shown = "".join(c if c.isprintable() else " " for c in str(said))
    return " ".join(shown.split())[:120]
