"""The markets there are, and what is meant by codes that are none."""

from __future__ import annotations

import string
from itertools import product

import pytest

from runclub_sandbox.world import KNOWN_MARKETS
from runclub_spider.catalog.markets import MARKETS, cure


def test_the_list_is_the_one_that_the_twin_serves() -> None:
    assert MARKETS == KNOWN_MARKETS
    assert {"US", "GB", "XK"} <= MARKETS
    assert not MARKETS & {"UK", "EU", "RU", "XX"}


@pytest.mark.parametrize(
    ("code", "use"), [("UK", "GB"), ("uk", "GB"), ("EN", "GB"), ("EL", "GR"), ("JA", "JP")]
)
def test_what_people_write_for_a_country(code: str, use: str) -> None:
    assert cure(code) == f"use {use}"


def test_the_nearest_of_the_list() -> None:
    assert "US" in cure("SU")
    assert "DE" in cure("DX")


def test_every_code_has_a_cure_of_the_list() -> None:
    for code in map("".join, product(string.ascii_uppercase, repeat=2)):
        told = cure(code).removeprefix("use a market of Spotify, such as ").removeprefix("use ")
        assert set(told.split(", ")) <= MARKETS, code
        assert code not in told or code in MARKETS
