"""What `-a start_date=…` and its like mean."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from runclub_spider.errors import ConfigurationError
from runclub_spider.spiders.arguments import StationArguments

ARGUMENTS = StationArguments.at(ZoneInfo("America/Los_Angeles"))


def read(**given: str) -> StationArguments:
    return ARGUMENTS.read("kexp", given)


def utc(seconds: int | None) -> str:
    assert seconds is not None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")[:19]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        # A day is the station's whole day; the end is the second behind it.
        ("2026-03-20", "2026-03-20T07:00:00", "2026-03-21T07:00:00"),
        ("2026-01-05", "2026-01-05T08:00:00", "2026-01-06T08:00:00"),
        # The days of 23 and of 25 hours.
        ("2026-03-08", "2026-03-08T08:00:00", "2026-03-09T07:00:00"),
        ("2025-11-02", "2025-11-02T07:00:00", "2025-11-03T08:00:00"),
        ("2026-03-20T10:00:00Z", "2026-03-20T10:00:00", "2026-03-20T10:00:01"),
        ("2026-03-20T10:00:00+02:00", "2026-03-20T08:00:00", "2026-03-20T08:00:01"),
        ("2026-03-20T10:00", "2026-03-20T17:00:00", "2026-03-20T17:00:01"),
        # An hour that comes twice is meant as wide as it can be.
        ("2025-11-02T01:30:00", "2025-11-02T08:30:00", "2025-11-02T09:30:01"),
    ],
)
def test_dates(text: str, start: str, end: str) -> None:
    args = read(start_date=text, end_date=text)
    assert (utc(args.start_date), utc(args.end_date)) == (start, end)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30", "2026", "20-03-2026", "9999-12-31"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ConfigurationError, match="end_date"):
        read(end_date=text)


@pytest.mark.parametrize("said", ["1", "true", "yes", "on"])
def test_flags(said: str) -> None:
    assert read(dry_run=said).dry_run
    assert read(incremental=said).incremental
    assert not read(dry_run="0", incremental="false").dry_run


def test_a_day_is_the_day_of_the_station() -> None:
    elsewhere, said = StationArguments.at(ZoneInfo("Pacific/Auckland")), "2026-03-20"
    found = elsewhere.read("elsewhere", {"start_date": said})
    assert utc(found.start_date) == "2026-03-19T11:00:00"
    assert utc(read(start_date=said).start_date) == "2026-03-20T07:00:00"
