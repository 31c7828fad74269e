"""Columns are rounded as numbers are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.rounding import parts

# Halves of the last digit as well: their products lie on either side.
NUMBERS = st.floats(0, 1) | st.integers(0, 200_000).map(lambda each: each / 200_000)


@given(st.lists(NUMBERS))
def test_as_python_rounds(numbers: list[float]) -> None:
    found = parts(np.array(numbers, np.float64))
    assert found.tolist() == [round(round(each, 4) * 10_000) for each in numbers]
