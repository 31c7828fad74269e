"""Release dates in every shape that Spotify serves, and the specification's decades."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.dates import (
    DECADES,
    EARLIEST_YEAR,
    LATEST_YEAR,
    decade_of,
    normalise_release_date,
    release_year,
    years_of,
)


@pytest.mark.parametrize(
    ("served", "kept"),
    [
        ("1977", "1977"),
        ("1981-12", "1981"),
        ("1999-02-28", "1999-02-28"),
        ("2000-02-29", "2000-02-29"),
        (" 2000-01-02 ", "2000-01-02"),
        # no calendar has these: the year is still known
        ("2001-02-29", "2001"),
        ("1999-13-01", "1999"),
        ("1999-00-00", "1999"),
        ("1999-00", "1999"),
        # nothing is known
        ("0000", None),
        ("0000-00-00", None),
        ("0000-05", None),
        (None, None),
        ("", None),
        ("  ", None),
        ("77", None),
        ("1977-1-2", None),
        ("1977-01-02T00:00:00Z", None),
        ("1977/01/02", None),
        ("unknown", None),
        # nobody can know, or could record
        ("2999-01-01", None),
        ("9999", None),
        ("1859-12-31", None),
        ("0001-01-01", None),
        ("1860", "1860"),
    ],
)
def test_release_date(served: str | None, kept: str | None) -> None:
    assert normalise_release_date(served) == kept


def test_only_ascii_digits_make_a_date() -> None:
    assert normalise_release_date("١٩٧٧") is None


@given(st.text(alphabet="0123456789- ", max_size=12) | st.text(max_size=8))
def test_release_date_is_idempotent_and_has_a_release_form(text: str) -> None:
    kept = normalise_release_date(text)
    assert normalise_release_date(kept) == kept
    if kept is not None:
        assert len(kept) in {4, 10}
        assert kept[:4] == text.strip()[:4]
        assert release_year(kept) == int(kept[:4])


@given(st.dates(date(EARLIEST_YEAR, 1, 1), date(LATEST_YEAR, 12, 31)))
def test_every_real_day_stays(day: date) -> None:
    assert normalise_release_date(day.isoformat()) == day.isoformat()
    assert release_year(day.isoformat()) == day.year


def test_next_year_is_announced_and_the_year_after_is_not() -> None:
    assert normalise_release_date("2031-05-01", 2031) == "2031-05-01"
    assert normalise_release_date("2032-05-01", 2031) is None
    assert datetime.now(UTC).year <= LATEST_YEAR <= datetime.now(UTC).year + 1


def test_year_of_nothing() -> None:
    assert release_year(None) is None


@pytest.mark.parametrize(
    ("year", "decade"),
    [
        (None, None),
        (1969, None),
        (1970, "70s"),
        (1979, "70s"),
        (1980, "80s"),
        (1989, "80s"),
        (1990, "90s"),
        (1999, "90s"),
        (2000, "00s"),
        (2009, "00s"),
        (2010, "10s"),
        (2019, "10s"),
        (2020, "20s"),
        (2029, "20s"),
        # "2020–present"
        (2030, "20s"),
    ],
)
def test_decade(year: int | None, decade: str | None) -> None:
    assert decade_of(year) == decade


@pytest.mark.parametrize("decade", DECADES)
def test_years_of_a_decade_are_its_own(decade: str) -> None:
    first, last = years_of(decade)
    assert last - first == 9
    assert {decade_of(year) for year in range(first, last + 1)} == {decade}
