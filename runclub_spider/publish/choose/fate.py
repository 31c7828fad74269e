"""What can become of a track; light, for whoever only reads of it."""

from __future__ import annotations

from enum import IntEnum


class Fate(IntEnum):
    """What became of a track: the parts of the accounting."""

    EXPORTED = 0
    REJECTED = 1
    MERGED_ISRC = 2
    MERGED_SOFT = 3
    BALANCE = 4
    PENDING = 5
