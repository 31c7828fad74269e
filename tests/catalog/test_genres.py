from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.genres import normalise_genre


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hip-Hop", "hip hop"),
        ("R&B", "randb"),
        ("drum & bass", "drum and bass"),
        ("  Post-Punk\t Revival ", "post punk revival"),
        ("pov: indie", "pov: indie"),
        ("", ""),
    ],
)
def test_form_of_the_specification(text: str, expected: str) -> None:
    assert normalise_genre(text) == expected


@given(st.text())
def test_idempotent(text: str) -> None:
    once = normalise_genre(text)
    assert normalise_genre(once) == once
