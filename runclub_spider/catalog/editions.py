"""Whether tracks that share an ISRC are editions of one recording. Pure.

A code is to name one recording, but some are placeholders or wrong: two songs by two artists, all
movements of a symphony, a sped-up version under its original's code. So title or artist has to
agree, and the length. Both are taken leniently, for the code is evidence itself: true editions of
the tables differ by up to 16.6 s.

Equal words (`versions.soft_key`) leave only the length to ask for, so that whoever has compared
keys and lengths needs no titles.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence, Set
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from runclub_spider.catalog.versions import (
    SOFT_DURATION_MS,
    artist_words,
    describe,
    soft_key,
)

#: How far the lengths of two editions are apart at most: by title and artist, by title alone.
WHOLE_MS, TITLE_MS = 20_000, 8_000
#: By artist alone, or where a remark on one of them names another performance.
REMARK_MS = SOFT_DURATION_MS
#: A code of more tracks names nothing, and pairs grow with the square: equal words alone count.
MOST_COMPARED = 500
#: Titles from this similarity on are spellings of one.
_SPELLING = 80

#: Another sound, even at the same length.
_ALTERED = frozenset(
    {
        *("spedup", "sped", "slowed", "nightcore", "reverb", "8d", "chopped", "screwed"),
        *("instrumental", "instrumentals", "karaoke", "backing", "acapella"),
    }
)
#: Another performance, unless the length is the same: an album says "live", its reissue does not.
_PERFORMED = frozenset(
    {
        *("live", "session", "sessions", "unplugged", "acoustic", "demo", "demos", "rehearsal"),
        *("remix", "dub", "mashup", "rerecorded", "cover", "tribute", "orchestral", "medley"),
        *("reprise", "commentary", "interlude", "intro", "outro", "skit", "introduction"),
        *("prologue", "epilogue", "take"),
    }
)
_DIGITS = re.compile(r"\d+")
#: Numbers of movements; a single "I" is a word unless a dot follows.
_ROMAN = re.compile(r"\b(?:I(?=[.:])|II|III|IV|V|VI|VII|VIII|IX|X|XI|XII)\b")


class Edition(NamedTuple):
    """A track as far as it is compared; 0 ms is an unknown length."""

    title: str
    artists: tuple[str, ...]
    duration_ms: int


class _Read(NamedTuple):
    """What a title says."""

    base: str
    head: str
    numbers: frozenset[str]
    altered: frozenset[str]
    performed: frozenset[str]


def plausible(one: Edition, other: Edition) -> bool:
    """Whether two tracks of one ISRC may be one recording; in either order."""
    return objection(one, other) is None


def objection(one: Edition, other: Edition) -> str | None:
    """Why two tracks of one ISRC cannot be one recording, in words; None where they may be."""
    if _same_words(one, other):
        return _too_far(one, other, WHOLE_MS)
    mine, theirs = _read(one.title), _read(other.title)
    if mine.altered != theirs.altered:
        return _said_once(mine.altered, theirs.altered)
    title, artist = _same_title(mine, theirs), _same_artist(one.artists, other.artists)
    if not (title or artist):
        return "neither title nor artist agrees"
    if not title:
        if _parts_of_one(mine, theirs):
            return "titles of different parts"
        far = _too_far(one, other, REMARK_MS)
        return far and f"other titles, and {far}"
    if artist:
        if mine.performed == theirs.performed:
            return _too_far(one, other, WHOLE_MS)
        far = _too_far(one, other, REMARK_MS)
        return far and f"{_said_once(mine.performed, theirs.performed)}, and {far}"
    if mine.performed != theirs.performed:
        return f"other artists, and {_said_once(mine.performed, theirs.performed)}"
    far = _too_far(one, other, TITLE_MS)
    return far and f"other artists, and {far}"


def split(editions: Sequence[Edition]) -> list[list[int]]:
    """Tracks of one ISRC in groups of one recording: positions, ascending, by the first of each.

    A group is held together by pairs that are plausible, through any chain of them, so that the
    order of the tracks does not matter. Of more than `MOST_COMPARED` tracks only pairs of equal
    words count.
    """
    if len(editions) == 1:
        return [[0]]
    if len(editions) > MOST_COMPARED:
        return _by_equal_words(editions)
    order = sorted(range(len(editions)), key=lambda at: editions[at].duration_ms)
    group = list(range(len(editions)))

    def root(at: int) -> int:
        while group[at] != at:
            at = group[at]
        return at

    for place, at in enumerate(order):
        length = editions[at].duration_ms
        for further in order[place + 1 :]:
            # By length, none that follows is nearer.
            if length > 0 and editions[further].duration_ms - length > WHOLE_MS:
                break
            low, high = sorted((root(at), root(further)))
            if low != high and plausible(editions[at], editions[further]):
                group[high] = low
    found: dict[int, list[int]] = {}
    for at in range(len(editions)):
        found.setdefault(root(at), []).append(at)
    return list(found.values())


def _by_equal_words(editions: Sequence[Edition]) -> list[list[int]]:
    """Groups as :func:`split` gives them, held together by pairs of equal words alone."""
    alike: defaultdict[str | tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for at, one in enumerate(editions):
        alike[soft_key(one.title, one.artists) or (one.title, one.artists)].append(at)
    groups: list[list[int]] = []
    for places in alike.values():
        places.sort(key=lambda at: editions[at].duration_ms)
        groups.append(places[:1])
        # An unknown length is the first, and agrees with every other.
        unknown = editions[places[0]].duration_ms <= 0
        for before, at in pairwise(places):
            if unknown or not _too_far(editions[before], editions[at], WHOLE_MS):
                groups[-1].append(at)
            else:
                groups.append([at])
    return sorted(map(sorted, groups))


def _too_far(one: Edition, other: Edition, most_ms: int) -> str | None:
    """That the lengths disagree, if so; an unknown one says nothing against title and artist."""
    if one.duration_ms <= 0 or other.duration_ms <= 0:
        return None if most_ms == WHOLE_MS else "a length is not known"
    apart = abs(one.duration_ms - other.duration_ms)
    return f"lengths {apart / 1000:.1f} s apart" if apart > most_ms else None


def _said_once(one: Set[str], other: Set[str]) -> str:
    return f"only one title says {', '.join(sorted(one ^ other))}"


def _same_words(one: Edition, other: Edition) -> bool:
    if one.title == other.title and one.artists == other.artists:
        return True
    key = _key(one.title, one.artists)
    return bool(key) and key == _key(other.title, other.artists)


@lru_cache(4096)
def _key(title: str, artists: tuple[str, ...]) -> str:
    return soft_key(title, artists)


@lru_cache(4096)
def _read(title: str) -> _Read:
    found = describe(title)
    words = frozenset(word for tag in found.tags for word in tag.split())
    return _Read(
        base=found.base,
        head=describe(title.partition(":")[0]).base if ":" in title else "",
        numbers=frozenset(_DIGITS.findall(found.base) + _ROMAN.findall(title)),
        altered=words & _ALTERED,
        performed=words & _PERFORMED,
    )


def _same_title(one: _Read, other: _Read) -> bool:
    """Equal; else the same with a subtitle on one side, or spelt otherwise, with equal numbers."""
    if one.base == other.base:
        return bool(one.base)
    if one.numbers != other.numbers or _parts_of_one(one, other):
        return False
    short, long = sorted((f"{one.base} ", f"{other.base} "), key=len)
    if long.startswith(short) and short.strip():
        return True
    # Not above: publishing reads this module, and few titles come this far.
    from rapidfuzz import fuzz

    return fuzz.ratio(one.base, other.base) >= _SPELLING


def _parts_of_one(one: _Read, other: _Read) -> bool:
    """Whether titles name two parts of one work: by number, or each behind the work and a colon."""
    if one.base == other.base:
        return False
    return one.numbers != other.numbers or (bool(one.head) and one.head == other.head)


def _same_artist(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether an artist of one is an artist of the other, however many names each spells out."""
    mine, theirs = (
        [words for name in names if (words := artist_words(name))] for names in (one, other)
    )
    return any(a <= b or b <= a for a in mine for b in theirs)
