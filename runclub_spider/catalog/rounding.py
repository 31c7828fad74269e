"""Rounding of columns to the same digits as Python's own `round`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A product may round onto a half where the number itself lies beside it.
_NEAR = 1e-6


def parts(values: NDArray[np.float64], digits: int = 4) -> NDArray[np.int64]:
    """`round(value, digits)` of each, in whole parts of ``10 ** -digits``.

    Values must be finite, and below 2**53 when scaled.
    """
    scale = 10**digits
    scaled = values * scale
    found = np.rint(scaled)
    close = np.abs(scaled - np.floor(scaled) - 0.5) < _NEAR
    for at in np.flatnonzero(close).tolist():
        found[at] = round(round(float(values[at]), digits) * scale)
    return np.asarray(found, np.int64)
