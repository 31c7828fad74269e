"""When a play is a play of a song that is known: keys, tiers, and what forbids a match.

The tiers, each with the confidence it is accepted with:

- `mbid` (1.00): the MusicBrainz recording is the song's.
- `exact` (0.99): title and people are the same once case, accents, punctuation, articles, "&"
  and the place where a guest is named are levelled (`versions.soft_key`).
- `cleaned` (0.96): the same whichever master or mix it is, and where one side names only the first
  of the people. A remark that names another recording (remix, live, acoustic, …) is part of the
  song, and so is a bracket that is not known to say nothing: "(Solo)", "(UK Surf)", "(Epilogue)".
- `fuzzy` (its similarity, at least 0.92): the people agree likewise, and the titles differ by one
  slip of the keyboard in one longer word of a longer title. Whatever could be another title is
  refused: other numbers, parts or versions, another first letter, a plural, more than one word.

Two recordings that MusicBrainz tells apart are never the same by the last two.

Everything below is a new song. A plausible but refused match is for a person to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from runclub_spider.catalog.plays import Tier
from runclub_spider.catalog.versions import (
    artist_words,
    describe,
    names_an_ensemble,
    soft_key,
)

#: With what confidence a tier is accepted; a fuzzy match has its similarity.
CONFIDENCE = {Tier.OVERRIDE: 1.0, Tier.MBID: 1.0, Tier.EXACT: 0.99, Tier.CLEANED: 0.96}
#: Similarity from which a fuzzy match is accepted, and from which it is worth a person's look.
FUZZY_ACCEPT, FUZZY_REVIEW = 0.92, 0.85
#: Fuzzy matches need titles of this many letters, and slips happen in words of this many.
_TITLE_LETTERS, _WORD_LETTERS = 12, 5

_CATCH_ALL = re.compile(r"\s*\(([^()]*)\)\s*(?=\S)")
#: What stands between the first of the people and the others.
_OTHERS = re.compile(
    r"\s*[\s(\[](?:(?:feat|ft|featuring|with|con|avec|mit|com|and|x|vs|prod)\b|part\.|[wf]/)\.?.*$"
    r"|\s*[,;&+/].*$",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_NUMBER = re.compile(r"\d+")
#: Characters, of up to four bytes each, of a key that is kept as it is.
_MOST_KEY = 600
#: Tags that merely say which edition of a recording it is.
_EDITION = re.compile(
    r"(?:\d{4} )?(?:remaster|mono|stereo)(?: (?:version|mix))?"
    r"|(?:\d{4} )?(?:stereo|mono) remaster|clean|explicit|censored|\d{4}"
    # Who made the master.
    r"|(?:\d{4} )?(?!single|radio|club|naked)\w+ \w+ remaster"
)


@dataclass(frozen=True, slots=True)
class SongKeys:
    """What a title and an artist are compared by.

    `exact` is unique to a song. `artist` is the first of the people, the gate of all that is less
    than exact; `cleaned` adds the title with `version`, the remarks and numbers that must agree.
    `title` is what is measured, `bare` is it without any bracket, `people` are the words of
    everybody named. All but `exact` are empty where there is nothing to compare.
    """

    exact: str
    cleaned: str = ""
    artist: str = ""
    title: str = ""
    version: str = ""
    people: frozenset[str] = frozenset()
    bare: str = ""


@lru_cache(65_536)
def keys_of(title: str, artist: str) -> SongKeys:
    """The keys of a song by its title and its line of credit; pure, and remembered."""
    artist = without_catch_all(artist)
    exact = _short(soft_key(title, [artist]))
    if not exact:
        # "Intro", "Untitled", nobody in particular: the words as they stand are all there is.
        words = (" ".join(text.casefold().split()) for text in (title, artist))
        return SongKeys(_short("=" + "|".join(words)))
    people = artist_words(artist)
    lead = _short(" ".join(sorted(artist_words(_OTHERS.sub("", artist)) or people)))
    found = describe(title, people)
    base = found.base
    if not lead or not base:
        return SongKeys(exact)
    numbers = sorted(_NUMBER.findall(base))
    version = f"{_version(found.tags)}|{' '.join(numbers)}"
    for guests in found.featured:
        people |= artist_words(guests)
    cleaned = f"{lead}|{base.replace(' ', '')}|{version}"
    bare = describe(_BRACKETS.sub(" ", title), people).base or base
    return SongKeys(exact, cleaned, lead, base, version, people, bare.replace(" ", ""))


def without_catch_all(artist: str) -> str:
    """A line of credit without "(Various Artists)" before it, in whatever language."""
    found = _CATCH_ALL.match(artist)
    return artist[found.end() :] if found and not artist_words(found[1]) else artist


def _short(key: str) -> str:
    """A key as it is, or the start of a long one with what tells it from its like.

    An index of PostgreSQL takes 2,704 bytes; keys are the same on both databases.
    """
    if len(key) <= _MOST_KEY:
        return key
    digest = blake2b(key.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return f"{key[:_MOST_KEY]}#{digest}"


def _version(tags: Iterable[str]) -> str:
    """The remarks that name another recording, as one text."""
    kept = {word for tag in tags if not _EDITION.fullmatch(tag) for word in tag.split()}
    return " ".join(sorted(kept - {"the", "and", "version"} or kept))


def same_people(one: SongKeys, other: SongKeys) -> bool:
    """Whether one side names nobody that the other does not.

    A guest may go unsaid; who plays with an orchestra plays something else.
    """
    if not (one.people <= other.people or other.people <= one.people):
        return False
    return not names_an_ensemble(one.people ^ other.people)


def contradict(one: str | None, other: str | None) -> bool:
    """Whether MusicBrainz tells two recordings apart; None is a recording it was not told of."""
    return bool(one and other and one != other)


def match(
    one: SongKeys, other: SongKeys, *, contradicted: bool = False
) -> tuple[Tier, float] | None:
    """The tier in which two songs are the same by their words, with its confidence, or None.

    Args:
        one: a song.
        other: another, in either order.
        contradicted: MusicBrainz tells their recordings apart (:func:`contradict`). Equal title
            and people stay one song; nothing less does.
    """
    if one.exact == other.exact:
        return Tier.EXACT, CONFIDENCE[Tier.EXACT]
    if contradicted or not one.artist or one.artist != other.artist:
        return None
    if not same_people(one, other):
        return None
    if one.cleaned == other.cleaned:
        return Tier.CLEANED, CONFIDENCE[Tier.CLEANED]
    score = similarity(one, other)
    if score >= FUZZY_ACCEPT and is_slip(one.title, other.title):
        return Tier.FUZZY, score
    return None


def similarity(one: SongKeys, other: SongKeys) -> float:
    """How alike two titles of one artist are, 0-1; 0 where something forbids a match."""
    if not one.artist or one.artist != other.artist or one.version != other.version:
        return 0.0
    return fuzz.ratio(one.title, other.title) / 100


def nearness(one: SongKeys, other: SongKeys) -> float:
    """How like a match a refused pair is, 0-1; a person is to see it from `FUZZY_REVIEW` on.

    Titles that differ by brackets alone are near, whatever the brackets say.
    """
    score = similarity(one, other)
    return max(score, FUZZY_REVIEW) if score and one.bare == other.bare else score


def is_slip(one: str, other: str) -> bool:
    """Whether two normalised titles differ by one slip of the keyboard, and by nothing else.

    A slip is a letter too few, too many, wrong or in the wrong place, inside one word of at
    least five letters, in titles of at least twelve. The first letter and a plural count.
    """
    mine, theirs = one.split(), other.split()
    if len(mine) != len(theirs) or min(len(one), len(other)) < _TITLE_LETTERS:
        return False
    pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if a != b]
    if len(pairs) != 1:
        return False
    ((a, b),) = pairs
    if min(len(a), len(b)) < _WORD_LETTERS or a[0] != b[0] or not (a.isalpha() and b.isalpha()):
        return False
    if _stem(a) == _stem(b):
        return False
    return OSA.distance(a, b, score_cutoff=1) <= 1


def _stem(word: str) -> str:
    """Without the endings that make another word of it."""
    for ending in ("ing", "in", "ed", "er", "es", "s", "d", "y"):
        if word.endswith(ending):
            return word[: -len(ending)].rstrip("e")
    return word.rstrip("e")


def search_term(title: str, artist: str, isrc: str | None) -> str:
    """The words that find a song at Spotify: its ISRC, else the bare title and the first artist.

    "" where nothing but signs is left.
    """
    if isrc:
        return f"isrc:{isrc}"
    names = (
        _BRACKETS.sub(" ", title).strip() or title,
        _OTHERS.sub("", without_catch_all(artist)) or artist,
    )
    bare = [" ".join(name.replace('"', " ").split())[:100] for name in names]
    return f'track:"{bare[0]}" artist:"{bare[1]}"' if all(bare) else ""
