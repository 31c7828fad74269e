"""Numbers and times as a person reads them, the same in every time zone."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.text import duration, moment, timestamp


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_times_are_utc(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert timestamp(1_760_538_365) == "2025-10-15T14:26:05Z"
        assert timestamp(1_760_538_365.999) == "2025-10-15T14:26:05Z"
        assert timestamp(0) == "1970-01-01T00:00:00Z"
        assert moment(1_760_538_365) == "2025-10-15 14:26 UTC"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59, "59 s"),
        (59.6, "1 min 0 s"),
        (60, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(0, 1e7))
def test_a_duration_never_shows_sixty_of_anything(seconds: float) -> None:
    assert not re.search(r"\b60 (s|min)\b", duration(seconds))


ANY_NUMBER = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -(10**400), 1e300]))


@given(ANY_NUMBER)
def test_no_number_is_too_odd_to_be_told(number: float) -> None:
    for text in (moment(number), duration(number)):
        assert text
        assert len(text) < 40
        assert "\n" not in text
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", timestamp(number))


@pytest.mark.parametrize(
    ("number", "when", "stamp", "long"),
    [
        (
            1e12,
            "a time beyond the year 9999",
            "9999-12-31T23:59:59Z",
            "more than 1,000 years",
        ),
        (-1e12, "a time before the year 1", "0001-01-01T00:00:00Z", "0 s"),
        (float("nan"), "an unknown time", "0001-01-01T00:00:00Z", "an unknown time"),
        (-62_135_596_800, "0001-01-01 00:00 UTC", "0001-01-01T00:00:00Z", "0 s"),
    ],
)
def test_what_no_calendar_holds(number: float, when: str, stamp: str, long: str) -> None:
    assert (moment(number), timestamp(number), duration(number)) == (when, stamp, long)
