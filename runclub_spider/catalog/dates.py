"""Release dates, years and decades."""

from __future__ import annotations

import re
from datetime import date

DECADES = ("70s", "80s", "90s", "00s", "10s", "20s")

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


def normalise_release_date(text: str | None) -> str | None:
    """`YYYY` or `YYYY-MM-DD`, else None.

    Spotify gives a year, a month or a day (`release_date_precision`), and for unknown dates
    `0000`, null or an empty string. A month keeps its year only (the contract), and so does a
    day that no calendar has.
    """
    match = _DATE.fullmatch((text or "").strip())
    if not match or match[1] == "0000":
        return None
    year, month, day = match.groups()
    if day is None:
        return year
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return year


def release_year(release_date: str | None) -> int | None:
    """The year of a normalised release date."""
    return int(release_date[:4]) if release_date else None


def decade_of(year: int | None) -> str | None:
    """`70s` … `20s` of the specification; None before 1970 or without a year."""
    if year is None or year < 1970:
        return None
    return DECADES[min((year - 1970) // 10, len(DECADES) - 1)]


def years_of(decade: str) -> tuple[int, int]:
    """First and last year of a decade label."""
    first = 1970 + 10 * DECADES.index(decade)
    return first, first + 9
