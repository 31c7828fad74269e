"""Searches that follow from others."""

from __future__ import annotations

from runclub_spider.catalog.dates import DECADES
from runclub_spider.frontier.queries import parse
from runclub_spider.frontier.split import (
    ARTIST_FAMILY,
    SPLIT_FAMILY,
    artist_seed,
    by_years,
    common_words,
    subject,
    umbrella_words,
    undated,
    wider_queries,
)
from runclub_spider.frontier.templates import Seed

FUNK_70S = Seed('genre:"funk" year:1970-1979', "track", "long_tail", "Funk & Disco", "70s")
FUNK_80S = Seed('genre:"funk" year:1980-1989', "track", "long_tail", "Funk & Disco", "80s")


def test_dated_searches_have_one_without_years() -> None:
    (wide, parent), *more = undated([FUNK_70S, FUNK_80S]).items()
    assert more == []
    assert wide == Seed('genre:"funk"', "track", SPLIT_FAMILY, "Funk & Disco", None)
    assert parent == FUNK_70S.term


def test_a_search_that_is_in_the_plan_is_not_added() -> None:
    assert undated([Seed('Genre:"Funk"', "track", "custom"), FUNK_70S]) == {}
    assert undated([Seed("70s funk", "track", "custom")]) == {}


def test_known_artists_are_not_asked_without_their_years() -> None:
    term = 'artist:"Can" year:1970-1979'
    assert undated([Seed(term, "track", "artists", "Rock", "70s")]) == {}
    assert len(undated([Seed(term, "track", "custom")])) == 1


def test_undated_searches_are_cut_by_decade() -> None:
    terms = [seed.term for seed in by_years(Seed("fast funk", "track", "custom"), DECADES)]
    assert terms[0] == "fast funk year:1970-1979"
    assert len(terms) == len(DECADES)


def test_a_decade_is_cut_by_year_and_a_year_not_at_all() -> None:
    parts = by_years(FUNK_70S, DECADES)
    assert [parse(seed.term).years for seed in parts] == [(y, y) for y in range(1970, 1980)]
    assert {(seed.family, seed.umbrella, seed.decade) for seed in parts} == {
        (SPLIT_FAMILY, "Funk & Disco", "70s")
    }
    assert by_years(parts[0], DECADES) == []


def test_an_artist_is_searched_for_the_cell_it_was_found_in() -> None:
    assert artist_seed("Can", "Rock", "70s") == Seed(
        'artist:"Can"', "track", ARTIST_FAMILY, "Rock", "70s"
    )
    assert artist_seed("!!!", "Rock", "00s") is None


def _plan() -> list[Seed]:
    umbrellas = {"Rock": "rock", "Pop": "pop", "Metal": "metal", "Techno": "techno", "World": "raï"}
    return [Seed(f"{word} running", "track", "x", label) for label, word in umbrellas.items()]


def test_words_of_every_umbrella_say_nothing_of_one() -> None:
    common = common_words(_plan())
    assert common == {"running"}
    assert subject(parse("90s techno running"), common) == {"techno"}
    assert umbrella_words(_plan(), common)["raï"] == "World"
    assert "running" not in umbrella_words(_plan(), common)


def test_wider_and_equal_queries_of_each() -> None:
    terms = ["techno", 'genre:"detroit techno"', "90s techno", 'genre:"techno" year:1990-1999',
             "90s techno running", "running"]  # fmt: skip
    queries = [parse(term) for term in terms]
    found = list(wider_queries(queries, frozenset({"running"})))
    assert found[0] == ((), ())
    assert found[1] == ((0,), ())
    # alike in words and years, whatever the filter; queries with common words cover none
    assert found[2] == ((0,), (3,))
    assert found[3] == ((0,), (2,))
    assert found[4] == ((0,), (2, 3))
    assert found[5] == ((), ())
