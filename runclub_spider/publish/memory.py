"""Memory of this process."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return to the system what was freed here, where the C library can (glibc).

    It keeps freed memory that lies between what is in use. After the choice of a million tracks
    that is two fifths of what the process holds.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
