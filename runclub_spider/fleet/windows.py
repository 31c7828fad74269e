"""A station's time in stretches: jobs that workers take one after the other."""

from __future__ import annotations

from runclub_spider.text import timestamp

#: The most stretches of a plan; what a worker that dies has read of one is stored anyway.
MOST = 4
_HOUR = 3600


def windows(start: int, end: int) -> list[tuple[str, str]]:
    """First and last second (ISO) of at most four disjoint stretches that are all of the time.

    Args:
        start: epoch seconds.
        end: epoch seconds, not included, later than `start`.
    """
    hours = max(1, (end - start) // _HOUR)
    number = min(MOST, hours)
    edges = [start + hours * at // number * _HOUR for at in range(number)]
    return [
        (timestamp(first), timestamp(last - 1))
        for first, last in zip(edges, [*edges[1:], end], strict=True)
    ]
