"""When a song first came out: which recordings count, and which year follows from them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.original import (
    AGREED,
    BOTH,
    ONE,
    SAME_SONG_MS,
    Dated,
    YearSource,
    first_possible,
    original_edition_term,
    original_year,
    question,
    same_code,
    same_song,
    search_title,
    suspect,
    year_of,
)

LENGTH = 214_000


def is_same(name: str, title: str, **changes: Any) -> bool:
    values: dict[str, Any] = {
        "remark": "",
        "credited": ["The Lanterns"],
        "length_ms": LENGTH,
        **changes,
    }
    return same_song(name, ["The Lanterns", "A Guest"], LENGTH, title=title, **values)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Night Bus", "Night Bus"),
        ("Night Bus - Remastered 2009", "Night Bus"),
        ("Night Bus - 2009 Remaster", "Night Bus (2015 remaster)"),
        ("Night Bus (feat. A Guest)", "Night Bus"),
        ("Night Bus - Mono", "Night Bus"),
        ("Night Bus - Single Version", "Night Bus"),
        ("Night Bus - Radio Edit", "Night Bus"),
        ("Night Bus - Live", "Night Bus (live)"),
    ],
)
def test_the_same_song(name: str, title: str) -> None:
    assert is_same(name, title)


@pytest.mark.parametrize(
    ("name", "title", "changes"),
    [
        # another performance, by title or by remark
        ("Night Bus", "Night Bus (live)", {}),
        ("Night Bus", "Night Bus", {"remark": "live, 1985-07-13: Wembley Stadium"}),
        ("Night Bus - Live", "Night Bus", {}),
        ("Night Bus - Acoustic", "Night Bus", {}),
        ("Night Bus - Club Remix", "Night Bus", {}),
        ("Night Bus (Spanish Version)", "Night Bus", {}),
        # another song, another artist
        ("Night Bus", "Night Train", {}),
        ("Night Bus", "Night Bus", {"credited": ["The Covers"]}),
        ("Night Bus", "Night Bus", {"credited": []}),
        ("", "", {}),
        # a namesake by the same artist
        ("Night Bus", "Night Bus", {"length_ms": LENGTH + SAME_SONG_MS + 1}),
    ],
)
def test_another_song(name: str, title: str, changes: dict[str, Any]) -> None:
    assert not is_same(name, title, **changes)


def test_an_unknown_length_does_not_count_against_a_song() -> None:
    assert is_same("Night Bus", "Night Bus", length_ms=None)


@pytest.mark.parametrize(
    ("title", "credited", "length", "same"),
    [
        ("Night Bus", ["Someone"], LENGTH, True),
        # renamed, but by the same people
        ("Bus de Nuit", ["The Lanterns"], LENGTH, True),
        ("Bus de Nuit", ["A Guest"], None, True),
        # a code that stands on something else
        ("Bus de Nuit", ["Someone"], LENGTH, False),
        ("Night Bus", ["The Lanterns"], LENGTH * 2, False),
    ],
)
def test_a_code_alone_proves_nothing(
    title: str, credited: list[str], length: int | None, same: bool
) -> None:
    found = same_code(
        "Night Bus",
        ["The Lanterns", "A Guest"],
        LENGTH,
        title=title,
        credited=credited,
        length_ms=length,
    )
    assert found is same


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Hey You - Remastered 2011", "Hey You"),
        ("(Only) Words - Mono Version", "(Only) Words"),
        ("Runnin' feat. Somebody", "Runnin'"),
        ("나비 (바람)", "나비 (바람)"),
        (
            "One Two Three Four Five Six Seven Eight Nine Ten",
            "One Two Three Four Five Six Seven Eight",
        ),
    ],
)
def test_what_is_asked_of_a_title(name: str, title: str) -> None:
    assert search_title(name) == title


def test_editions_ask_one_question() -> None:
    first, second = question("Night Bus", "The Lanterns"), question("Night Bus - Live", "Lanterns")
    assert first is not None
    assert second is not None
    assert first.key == second.key
    assert "lanterns" not in first.key
    assert question("!!!", "") is None
    assert question("Night Bus", "Various Artists") is None


def dated(*years: int | None, length: int | None = LENGTH) -> list[Dated]:
    return [Dated(f"m{at}", year, length) for at, year in enumerate(years)]


@pytest.mark.parametrize(
    ("album", "isrc", "title", "year", "source", "confidence"),
    [
        (2009, [1983], [], 1983, YearSource.ISRC, ONE),
        (2009, [], [1983], 1983, YearSource.TITLE, ONE),
        (2009, [1995, 1990], [1983], 1983, YearSource.TITLE, BOTH),
        (2009, [1983], [1990], 1983, YearSource.ISRC, BOTH),
        (2009, [1983], [1983], 1983, YearSource.BOTH, AGREED),
        # the album says the same
        (1983, [1983], [], 1983, YearSource.ISRC, AGREED),
        # never younger than the album
        (1977, [1983], [1990], 1977, YearSource.ALBUM, 0.8),
        (None, [1983], [], 1983, YearSource.ISRC, ONE),
    ],
)
def test_the_older_answer_wins(
    album: int | None,
    isrc: list[int],
    title: list[int],
    year: int,
    source: YearSource,
    confidence: float,
) -> None:
    found = original_year(album, dated(*isrc), dated(*title), began=None, this_year=2026)
    assert found is not None
    assert (found.year, found.source, found.confidence) == (year, source, confidence)
    assert (found.mbid is None) is (source is YearSource.ALBUM)


def test_nothing_known_is_nothing_guessed() -> None:
    assert original_year(2009, [], [], began=None, this_year=2026) is None
    assert original_year(2009, dated(None), [], began=None, this_year=2026) is None


@pytest.mark.parametrize("year", [1899, 1969, 2027])
def test_implausible_years_are_refused(year: int) -> None:
    found = original_year(2009, dated(year, 2001), [], began=1970, this_year=2026)
    assert found is not None
    assert found.year == 2001


def test_a_year_without_a_length_is_less_sure() -> None:
    found = original_year(2009, dated(1983, length=None), [], began=None, this_year=2026)
    assert found is not None
    assert found.confidence == pytest.approx(ONE - 0.1)


YEARS = st.lists(st.none() | st.integers(1890, 2030), max_size=4)


@given(st.none() | st.integers(1950, 2026), YEARS, YEARS, st.none() | st.integers(1900, 2000))
def test_the_year_is_always_possible(
    album: int | None, isrc: list[int | None], title: list[int | None], began: int | None
) -> None:
    found = original_year(album, dated(*isrc), dated(*title), began=began, this_year=2026)
    again = original_year(
        album, dated(*isrc)[::-1], dated(*title)[::-1], began=began, this_year=2026
    )
    assert found == again
    if found is None:
        return
    assert album is None or found.year <= album
    assert found.year in {album, *isrc, *title}
    assert 0 < found.confidence <= 1
    if found.source is not YearSource.ALBUM:
        assert found.year >= max(1900, began or 0)
        assert found.year <= min(y for y in [*isrc, *title] if y and y >= max(1900, began or 0))


@pytest.mark.parametrize(
    ("name", "album", "isrc", "compilation", "found", "doubtful"),
    [
        ("Night Bus", 1983, "GBAYE8300011", False, 1983, False),
        ("Night Bus - Remastered 2009", 2009, "GBAYE0900420", False, 2009, True),
        ("Night Bus", 2009, "GBAYE0900420", True, 2009, True),
        # the code is older than the recording that bears it
        ("Night Bus", 2009, "GBAYE8300011", False, 2009, True),
        ("Night Bus", 2009, "GBAYE8300011", False, 1983, False),
        ("Night Bus", None, None, False, None, True),
    ],
)
def test_what_is_worth_a_second_question(
    name: str,
    album: int | None,
    isrc: str | None,
    compilation: bool,
    found: int | None,
    doubtful: bool,
) -> None:
    assert suspect(name, album, isrc, compilation=compilation, found=found) is doubtful


def test_people_are_born_before_they_record() -> None:
    assert first_possible(1950, "Person") == 1958
    assert first_possible(1979, "Group") == 1979
    assert first_possible(None, "Group") is None


def test_a_search_for_the_first_edition() -> None:
    term = original_edition_term('Say "Yes" - Remastered 2011', "Simon & The Lanterns", 1977)
    assert term == 'track:"Say Yes" artist:"Simon & The Lanterns" year:1976-1978'


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("1983", 1983),
        ("1983-05", 1983),
        ("1983-05-02", 1983),
        ("", None),
        (None, None),
        ("0000", None),
        ("83", None),
        ("19835", None),
    ],
)
def test_years_of_dates(date: str | None, year: int | None) -> None:
    assert year_of(date) == year
