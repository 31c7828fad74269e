"""Taking search terms apart, and which terms take in which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.frontier.queries import Query, artist_term, narrowed, parse, widened
from runclub_spider.frontier.templates import MAX_TERM_LENGTH


@pytest.mark.parametrize(
    ("term", "query"),
    [
        ("fast techno", Query(words=("fast", "techno"))),
        ("1970s outlaw country", Query(words=("outlaw", "country"), years=(1970, 1979))),
        ("Seventies Disco", Query(words=("disco",), years=(1970, 1979))),
        ('genre:"R&B" year:1980-1989', Query(genre=("r", "and", "b"), years=(1980, 1989))),
        ("genre:techno year:2026", Query(genre=("techno",), years=(2026, 2026))),
        ('artist:"AC/DC" rock', Query(words=("rock",), artist=("ac", "dc"))),
        ("90s pop year:1999", Query(words=("90s", "pop"), years=(1999, 1999))),
        ("year:soon pop", Query(words=("pop",))),
    ],
)
def test_parse(term: str, query: Query) -> None:
    assert parse(term) == query


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("techno", "detroit techno"),
        ("techno", "90s techno"),
        ("techno", 'genre:"minimal techno" year:1990-1999'),
        ('genre:"techno"', 'genre:"detroit techno"'),
        ('genre:"techno" year:1990-1999', 'genre:"techno" year:1994'),
        ('artist:"Can"', 'artist:"Can" year:1970-1979'),
    ],
)
def test_a_wider_query_takes_in_a_narrower_one_and_not_the_reverse(wide: str, narrow: str) -> None:
    assert parse(wide).takes_in(parse(narrow))
    assert not parse(narrow).takes_in(parse(wide))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('genre:"techno"', "techno"),  # the word may stand in a title
        ('genre:"techno detroit"', 'genre:"detroit techno"'),
        ("90s pop", "80s pop"),
        ('artist:"Can"', 'artist:"Neu"'),
        ("year:1990", "90s pop"),
    ],
)
def test_queries_that_do_not_take_each_other_in(one: str, other: str) -> None:
    assert not parse(one).takes_in(parse(other))


def test_years_go_and_come() -> None:
    assert widened('genre:"drum & bass" year:1990-1999') == 'genre:"drum & bass"'
    assert narrowed('genre:"funk" year:1970-1979', (1975, 1975)) == 'genre:"funk" year:1975'
    assert narrowed("fast metal", (1980, 1989)) == "fast metal year:1980-1989"


def test_artists_that_can_be_searched() -> None:
    assert artist_term('"Weird Al"  Yankovic') == 'artist:"Weird Al Yankovic"'
    assert artist_term("東京事変") == 'artist:"東京事変"'
    assert artist_term("!!!") is None
    assert artist_term("") is None
    assert artist_term("a" * MAX_TERM_LENGTH) is None


WORDS = st.text(st.characters(categories=("L", "Nd", "Zs")), max_size=20)


@given(WORDS, st.integers(1950, 2029), st.integers(0, 9))
def test_a_narrowed_term_has_the_years_and_is_widened_again(
    term: str, first: int, more: int
) -> None:
    narrow = narrowed(term, (first, first + more))
    assert parse(narrow).years == (first, first + more)
    assert widened(narrow) == widened(term)


@given(WORDS)
def test_a_query_is_taken_in_by_itself_unless_it_asks_for_nothing(term: str) -> None:
    query = parse(term)
    assert query.takes_in(query) == bool(query.words or query.genre or query.artist)
