"""ISRCs in one form, or none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.isrc import normalise_isrc

CODES = st.from_regex(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", fullmatch=True)


@pytest.mark.parametrize(
    ("served", "kept"),
    [
        ("USUM71703861", "USUM71703861"),
        ("usum71703861", "USUM71703861"),
        ("US-UM7-17-03861", "USUM71703861"),
        (" US UM7 17 03861\n", "USUM71703861"),
        (None, None),
        ("", None),
        ("USUM7170386", None),
        ("USUM717038611", None),
        ("U1UM71703861", None),
        ("USUM7170386A", None),
        ("US_UM71703861", None),
    ],
)
def test_isrc(served: str | None, kept: str | None) -> None:
    assert normalise_isrc(served) == kept


@given(st.text(max_size=20) | CODES)
def test_valid_shape_or_none_and_idempotent(text: str) -> None:
    kept = normalise_isrc(text)
    assert normalise_isrc(kept) == kept
    assert kept is None or re.fullmatch(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", kept)


@given(CODES, st.lists(st.integers(0, 12), max_size=5), st.sampled_from(["-", " ", "\t"]))
def test_spelling_does_not_matter(code: str, cuts: list[int], joint: str) -> None:
    spelt = code
    for cut in cuts:
        spelt = spelt[:cut] + joint + spelt[cut:]
    assert normalise_isrc(spelt.lower()) == code
