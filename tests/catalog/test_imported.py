"""What a row of imported features may hold, and what of it a track gets."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.imported import Imported, KeyKind, feature_of, fill, key_of
from runclub_spider.catalog.models import FEATURES

ID = "2xLMifQCjDGFmkHkpNLD9h"
MBID = "11111111-2222-4333-8444-55555555abcd"


@pytest.mark.parametrize(
    ("kind", "given", "key"),
    [
        ("id", ID, ID),
        ("id", f" {ID}\t", ID),
        ("isrc", "us-um7-17-03861", "USUM71703861"),
        ("mbid", MBID.upper(), MBID),
    ],
)
def test_a_key_is_spelled_as_in_the_store(kind: str, given: str, key: str) -> None:
    assert key_of(KeyKind(kind), given) == key


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("id", ID[1:]),
        ("id", f"spotify:track:{ID}"),
        ("id", f"{ID[:-1]}é"),
        ("id", 17),
        ("id", None),
        ("isrc", ID),
        ("isrc", "USUM7170386"),
        ("mbid", MBID.replace("-", "")),
        ("mbid", "USUM71703861"),
        ("mbid", ""),
    ],
)
def test_a_key_of_another_kind_is_none(kind: str, given: Any) -> None:
    with pytest.raises(ValueError, match="is no "):
        key_of(KeyKind(kind), given)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("tempo", "171.5", 171.5),
        ("tempo", 171, 171.0),
        ("tempo", " 1.7e2 ", 170.0),
        # An analysis that found no beat.
        ("tempo", 0, None),
        ("tempo", "0.0", None),
        ("energy", "", None),
        ("energy", None, None),
        ("energy", 0, 0.0),
        ("energy", "1", 1.0),
        ("loudness", "-6.1", -6.1),
        ("key", -1, -1),
        # As pandas writes a column of whole numbers with gaps.
        ("key", "9.0", 9),
        ("mode", 1.0, 1),
        ("time_signature", 4, 4),
    ],
)
def test_a_value_as_it_is_stored(name: str, given: Any, value: Any) -> None:
    found = feature_of(name, given)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("tempo", "fast", "tempo 'fast' is no number"),
        ("tempo", "1_000", "is no number"),
        ("tempo", "٣", "is no number"),
        ("tempo", "1001", "tempo '1001' is not from 0 to 1000"),
        ("tempo", -1, "not from 0 to 1000"),
        ("energy", math.nan, "energy nan is not from 0 to 1"),
        ("energy", "NaN", "is no number"),
        ("energy", math.inf, "not from"),
        ("energy", 10**400, "not from"),
        ("energy", "9e9999", "not from"),
        ("energy", True, "energy True is no number"),
        ("energy", [0.5], "is no number"),
        ("danceability", 1.2, "danceability 1.2 is not from 0 to 1"),
        ("key", 3.5, "key 3.5 is no whole number"),
        ("key", 12, "not from -1 to 11"),
        ("mode", 2, "not from 0 to 1"),
        ("time_signature", "x" * 1000, "is no number"),
    ],
)
def test_a_value_that_is_none_is_told(name: str, given: Any, words: str) -> None:
    with pytest.raises(ValueError, match="time_signature|" + words) as told:
        feature_of(name, given)
    assert words in str(told.value)
    assert len(str(told.value)) < 120


VALUES = st.dictionaries(st.sampled_from(FEATURES), st.integers(0, 9))


@given(own=VALUES, told=st.lists(VALUES, max_size=4))
def test_the_first_that_knows_fills_what_is_not_known(
    own: dict[str, int], told: list[dict[str, int]]
) -> None:
    imports = [Imported(f"s{at}", f"l{at}", values) for at, values in enumerate(told)]
    got = fill(own, imports)
    assert own.keys().isdisjoint(got)
    for name in set(FEATURES) - {"key", "mode"} - own.keys():
        first = next((at for at, values in enumerate(told) if name in values), None)
        if first is None:
            assert name not in got
        else:
            one = got[name]
            assert (one.value, one.source, one.licence) == (
                told[first][name],
                f"s{first}",
                f"l{first}",
            )
    # Key and mode are one statement of one analysis.
    pair = {"key", "mode"}
    first = next((at for at, values in enumerate(told) if pair & values.keys()), None)
    if first is None or pair & own.keys():
        assert pair.isdisjoint(got)
    else:
        assert {n: one.value for n, one in got.items() if n in pair} == {
            n: v for n, v in told[first].items() if n in pair
        }
        assert {one.source for n, one in got.items() if n in pair} == {f"s{first}"}


def test_a_value_of_nothing_is_no_value() -> None:
    imports = [Imported("a", "CC0", {"tempo": 171.5, "energy": 0.5})]
    assert fill({"tempo": None, "energy": 0.0}, imports).keys() == {"tempo"}
