"""Row ids: the same on every machine, for ever."""

from __future__ import annotations

import uuid

from runclub_spider.catalog.ids import row_id


def test_known_value() -> None:
    # Computed once by hand; releases out there hold it.
    assert row_id("2xLMifQCjDGFmkHkpNLD9h") == "bd40cfde-594d-5f0a-999a-737d6cf6708f"


def test_is_a_version_5_uuid_of_its_own() -> None:
    ids = ["2xLMifQCjDGFmkHkpNLD9h", "2xLMifQCjDGFmkHkpNLD9H", "1vCWHaC5f2uS3yhpwWbIA6"]
    made = [row_id(one) for one in ids]
    assert len(set(made)) == 3
    assert {uuid.UUID(one).version for one in made} == {5}
    assert made == [row_id(one) for one in ids]
