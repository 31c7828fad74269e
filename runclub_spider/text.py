"""Numbers and times as a person reads them, whatever the number."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

#: In seconds.
DAY = 86_400
# Beyond this many seconds, a thousand years, nobody waits.
_LONGEST = 1000 * 365.25 * DAY


def printable(text: str) -> str:
    """A text on one line; what a terminal would obey or no file can hold is escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def moment(epoch: float) -> str:
    """`2026-11-21 04:00 UTC`; in words what no calendar holds."""
    found = _utc(epoch)
    return found if isinstance(found, str) else f"{found.isoformat(' ')[:16]} UTC"


# Many rows share their moments.
@lru_cache(maxsize=1 << 12)
def timestamp(epoch: float) -> str:
    """`2026-11-21T04:00:00Z`, the release's form; the calendar's ends for what lies beyond."""
    found = _utc(epoch)
    if isinstance(found, str):
        return "9999-12-31T23:59:59Z" if epoch > 0 else "0001-01-01T00:00:00Z"
    return f"{found.isoformat()[:19]}Z"


def duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s`, `2 h 5 min`; nothing below 0 s, and in words what nobody awaits."""
    if _no_number(seconds):
        return "an unknown time"
    if seconds > _LONGEST:
        return "more than 1,000 years"
    seconds = round(max(seconds, 0))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def _utc(epoch: float) -> datetime | str:
    try:
        return datetime.fromtimestamp(epoch, UTC)
    except (OverflowError, ValueError, OSError):
        if _no_number(epoch):
            return "an unknown time"
        return "a time beyond the year 9999" if epoch > 0 else "a time before the year 1"


def _no_number(value: float) -> bool:
    """NaN; `math.isnan` knows no integers beyond a float's range."""
    return value != value
