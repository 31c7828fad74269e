"""What of a page is stored, and what may be claimed with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.coverage import Interval, Order, Reading
from runclub_spider.catalog.plays import Play, PlayKind, PlayRow
from runclub_spider.errors import RunclubError
from runclub_spider.spiders.portions import Portion, Progress, portion

NOW = 10_000
WINDOW = Reading(100, 200, Order.UP)


def a_row(number: int, airdate: int | None) -> PlayRow:
    if airdate is None:
        return PlayRow(PlayKind.TRACKPLAY, None, problem="airdate: none", row_id=str(number))
    play = Play(str(number), "Slow Tide", "Mara Quill", None, airdate, None, None)
    return PlayRow(PlayKind.TRACKPLAY, airdate, play, row_id=str(number))


def a_page(*airdates: int | None) -> list[PlayRow]:
    return [a_row(number, airdate) for number, airdate in enumerate(airdates)]


def taken(rows: list[PlayRow], left: int | None = None, reading: Reading = WINDOW) -> Portion:
    return portion(reading, rows, left=left, margin=1, now=NOW)


def test_the_margin_is_left_out_and_what_was_not_asked_for_is_an_error() -> None:
    found = taken(a_page(98, 99, 100, 199, 200, 201, None))
    assert [row.airdate for row in found.rows] == [None, 100, 199, None, None]
    problems = [row.problem for row in found.rows]
    outside = "outside the window asked for"
    assert problems == [outside, None, None, outside, "airdate: none"]
    assert found.seconds == [100, 199]
    assert (found.cut, found.foreign) == (False, False)


def test_a_page_of_another_time() -> None:
    assert taken(a_page(5, 6, None)).foreign
    # What cannot be dated says nothing of the time.
    assert not taken(a_page(None, None)).foreign
    assert not taken([]).foreign


def test_what_lies_ahead_was_not_on_the_air() -> None:
    rows = a_page(NOW, NOW + 86_400)
    found = taken(rows, reading=Reading(100, None, Order.UP))
    assert [row.problem for row in found.rows] == [None, "airdate: lies ahead"]


def test_a_limit_counts_track_plays() -> None:
    rows = [PlayRow(PlayKind.AIRBREAK, 101), *a_page(102, 103, 104)]
    found = taken(rows, left=2)
    assert [row.airdate for row in found.rows] == [101, 102, 103]
    assert found.cut
    assert not taken(rows, left=3).cut


@given(st.lists(st.none() | st.integers(90, 210) | st.just(10**9), max_size=12))
def test_a_parsers_rows_stay_as_they_are(airdates: list[int | None]) -> None:
    rows = a_page(*airdates)
    found = taken(rows)
    assert rows == a_page(*airdates)
    # Nothing but the margin is lost on the way, and what is stored is of the window.
    assert len(found.rows) == len(rows) - sum(one in {99, 200} for one in airdates)
    assert all(row.play is None or 100 <= row.play.airdate < 200 for row in found.rows)


def test_an_order_of_the_servers_own_claims_nothing_before_the_end() -> None:
    progress = Progress(WINDOW, "Wave")
    assert progress.claim(taken(a_page(120, 110)), finished=False) is None
    assert progress.claim(taken(a_page(130, 140)), finished=False) is None
    assert progress.claim(taken([]), finished=True) == Interval(100, 200)


def test_a_foreign_page_claims_nothing() -> None:
    assert Progress(WINDOW, "Wave").claim(taken(a_page(5)), finished=True) is None


@pytest.mark.parametrize(
    ("pages", "says"),
    [
        ([a_page(110, 120)] * 2, "Wave serves the same rows"),
        ([[a_row(n, 110)] for n in range(30)], r"Wave serves page after page of the same time"),
    ],
)
def test_a_server_without_an_end(pages: list[list[PlayRow]], says: str) -> None:
    progress = Progress(WINDOW, "Wave")

    def look_at_all() -> None:
        for rows in pages:
            progress.look(rows)

    with pytest.raises(RunclubError, match=says):
        look_at_all()


def test_empty_pages_are_no_standstill() -> None:
    progress = Progress(WINDOW, "Wave")
    for _ in range(50):
        progress.look([])
