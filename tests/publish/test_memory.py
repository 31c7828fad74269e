"""What was freed is the system's again."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from runclub_spider.publish.memory import give_back


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_freed_memory_between_what_is_in_use_is_given_back() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        give_back()
        return
    # Below the size from which each piece is the system's own; one in a hundred stays.
    pieces = [bytearray(40_000) for _ in range(3_000)]
    kept = pieces[::100]
    del pieces
    held = resident_mb()
    give_back()
    assert held - resident_mb() > 60
    assert len(kept) == 30
