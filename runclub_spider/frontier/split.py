"""Searches that follow from others: without years, for fewer years, for an artist. Pure.

Also what a term is about apart from words that every umbrella has, and which terms take in
which, as far as their words tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import combinations

from runclub_spider.catalog.dates import decade_of, years_of
from runclub_spider.catalog.families import ARTIST, SPLIT, knows_artists
from runclub_spider.frontier.queries import Query, artist_term, narrowed, parse, widened
from runclub_spider.frontier.templates import Seed, normalise_term

SPLIT_FAMILY, ARTIST_FAMILY = SPLIT.name, ARTIST.name

#: A word that goes with so many umbrellas says nothing of the music: "running", "fast".
_COMMON = 5
#: Longer subjects are not searched for shorter ones in them.
_LONGEST = 5


def undated(seeds: Sequence[Seed]) -> dict[Seed, str]:
    """For searches with a `year:` the same without, once each, and the first term it is from.

    But for known artists: other years of theirs may be of another umbrella, and what is found
    there leads to a search for them anyway.
    """
    known = {normalise_term(seed.term) for seed in seeds}
    found = {}
    for seed in seeds:
        if names_known_artist(seed):
            continue
        term = widened(seed.term)
        if normalise_term(term) not in known:
            known.add(normalise_term(term))
            found[replace(seed, term=term, decade=None, family=SPLIT_FAMILY)] = seed.term
    return found


def by_years(seed: Seed, decades: Sequence[str]) -> list[Seed]:
    """The search cut by decade; one of a decade or less cut by year; one of a year not at all."""
    years = parse(seed.term).years
    if years is None:
        spans = [years_of(decade) for decade in decades]
    elif years[0] == years[1]:
        spans = []
    else:
        spans = [(year, year) for year in range(years[0], years[1] + 1)]
    return [
        replace(
            seed, term=narrowed(seed.term, span), decade=decade_of(span[0]), family=SPLIT_FAMILY
        )
        for span in spans
    ]


def artist_seed(name: str, umbrella: str | None, decade: str | None) -> Seed | None:
    """The search for an artist, found in a cell; None when the name cannot be searched."""
    term = artist_term(name)
    return Seed(term, "track", ARTIST_FAMILY, umbrella, decade) if term else None


def names_known_artist(seed: Seed) -> bool:
    """Whether a search asks for an artist of whom the seeds say what they play."""
    return bool(parse(seed.term).artist) and knows_artists(seed.family)


def common_words(seeds: Sequence[Seed]) -> frozenset[str]:
    """Words of the plan that go with nearly any umbrella."""
    umbrellas: defaultdict[str, set[str | None]] = defaultdict(set)
    for seed in seeds:
        for word in parse(seed.term).words:
            umbrellas[word].add(seed.umbrella)
    return frozenset(word for word, found in umbrellas.items() if len(found) >= _COMMON)


def umbrella_words(seeds: Sequence[Seed], common: AbstractSet[str]) -> Mapping[str, str]:
    """Words of the plan that stand for one umbrella."""
    umbrellas: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for seed in seeds:
        if seed.umbrella is not None:
            for word in subject(parse(seed.term), common):
                umbrellas[word][seed.umbrella] += 1
    return {word: next(iter(found)) for word, found in umbrellas.items() if len(found) == 1}


def subject(query: Query, common: AbstractSet[str]) -> frozenset[str]:
    """What a query is about: its words and genre without what is common."""
    return frozenset({*query.words, *query.genre} - common)


def wider_queries(
    queries: Sequence[Query], common: AbstractSet[str]
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """For each query the numbers of those that take it in, and of those that ask the same.

    Queries with common words take in none: such a word may narrow them to almost nothing.
    """
    subjects = [subject(query, common) for query in queries]
    plain: defaultdict[frozenset[str], list[int]] = defaultdict(list)
    for number, (query, about) in enumerate(zip(queries, subjects, strict=True)):
        if about and common.isdisjoint(query.words):
            plain[about].append(number)
    for number, (query, about) in enumerate(zip(queries, subjects, strict=True)):
        wider, equal = [], []
        for part in _parts(about):
            for other in plain.get(part, ()):
                if other == number:
                    continue
                if part == about and queries[other].years == query.years:
                    equal.append(other)
                elif queries[other].takes_in(query):
                    wider.append(other)
        yield tuple(wider), tuple(equal)


def _parts(about: frozenset[str]) -> Iterator[frozenset[str]]:
    if len(about) > _LONGEST:
        yield about
        return
    words = sorted(about)
    for size in range(1, len(words) + 1):
        for part in combinations(words, size):
            yield frozenset(part)
