"""Release dates, years and decades."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache

#: The first year of the first decade.
FIRST_YEAR = 1970
DECADES = ("70s", "80s", "90s", "00s", "10s", "20s")

#: No sound was recorded before; an earlier year is a slip of the pen, or the composer's.
EARLIEST_YEAR = 1860
#: The year after that in which this program began: announced at most.
LATEST_YEAR = datetime.now(UTC).year + 1

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_MOST_DATE = len("YYYY-MM-DD")


def possible_year(year: int | None, latest: int = LATEST_YEAR) -> int | None:
    """The year, if something may have come out in it."""
    return year if year is not None and EARLIEST_YEAR <= year <= latest else None


def normalise_release_date(text: str | None, latest: int = LATEST_YEAR) -> str | None:
    """`YYYY` or `YYYY-MM-DD`, else None.

    Spotify gives a year, a month or a day (`release_date_precision`), and for unknown dates
    `0000`, null or an empty string. A month keeps its year only (the contract), and so does a
    day that no calendar has. Years before recorded sound, or after `latest`, are none.
    """
    text = (text or "").strip()
    return _normalised(text, latest) if len(text) <= _MOST_DATE else None


# Tracks share their dates: most of a crawl's are known.
@lru_cache(maxsize=1 << 14)
def _normalised(text: str, latest: int) -> str | None:
    match = _DATE.fullmatch(text)
    if not match or possible_year(int(match[1]), latest) is None:
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
    if year is None or year < FIRST_YEAR:
        return None
    return DECADES[min((year - FIRST_YEAR) // 10, len(DECADES) - 1)]


def years_of(decade: str) -> tuple[int, int]:
    """First and last year of a decade label."""
    first = FIRST_YEAR + 10 * DECADES.index(decade)
    return first, first + 9
