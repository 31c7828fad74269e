"""What a search term asks: its words, genre, artist and years, and which terms it takes in.

Pure. Spotify's field filters (`genre:`, `artist:`, `year:`) are understood, decades in any
spelling are years.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from runclub_spider.frontier.templates import YEARS, normalise_term, searchable_name

Years = tuple[int, int]

_FILTER = re.compile(r'\b(artist|genre|year):\s*("[^"]*"|\S+)', re.IGNORECASE)
_YEARS = re.compile(r"(\d{4})(?:-(\d{4}))?")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Query:
    """A term taken apart; `years` are inclusive, None means all of them."""

    words: tuple[str, ...] = ()
    genre: tuple[str, ...] = ()
    artist: tuple[str, ...] = ()
    years: Years | None = None

    def takes_in(self, other: Query) -> bool:
        """Whether every row of `other` should also be one of this query's.

        Fewer words, a shorter genre phrase or a wider span of years ask for more. A genre counts
        as plain words too, because search looks for words in genres.
        """
        if self.artist != other.artist or not (self.words or self.genre or self.artist):
            return False
        if self.genre and not _holds_phrase(other.genre, self.genre):
            return False
        if not {*self.words} <= {*other.words, *other.genre}:
            return False
        return self.years is None or (
            other.years is not None
            and self.years[0] <= other.years[0]
            and other.years[1] <= self.years[1]
        )


@lru_cache(maxsize=65_536)
def parse(term: str) -> Query:
    """Read a term; a `year:` that is none counts as a word."""
    found: dict[str, str] = {}

    def take(match: re.Match[str]) -> str:
        found[match[1].lower()] = match[2].strip('"')
        return " "

    rest = normalise_term(_FILTER.sub(take, term))
    years = None
    if match := _YEARS.fullmatch(found.get("year", "").strip()):
        years = (int(match[1]), int(match[2] or match[1]))
    words = []
    for word in _words(rest):
        if years is None and word in YEARS:
            first, last = YEARS[word].split("-")  # type: ignore[index]
            years = (int(first), int(last))
        elif word not in words:
            words.append(word)
    return Query(
        words=tuple(words),
        genre=_words(normalise_term(found.get("genre", ""))),
        artist=_words(normalise_term(found.get("artist", ""))),
        years=years,
    )


def widened(term: str) -> str:
    """The term without its `year:`."""
    return " ".join(_FILTER.sub(lambda m: "" if m[1].lower() == "year" else m[0], term).split())


def narrowed(term: str, years: Years) -> str:
    """The term for a span of years, in place of its own."""
    first, last = years
    span = f"{first}-{last}" if last > first else f"{first}"
    return f"{widened(term)} year:{span}"


def artist_term(name: str) -> str | None:
    """The search for an artist's songs; None when the name cannot be searched."""
    plain = searchable_name(name)
    return None if plain is None else f'artist:"{plain}"'


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text))


def _holds_phrase(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(words[at : at + size] == phrase for at in range(len(words) - size + 1))
