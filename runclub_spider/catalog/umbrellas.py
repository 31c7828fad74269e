"""Genre umbrellas: which of RunClub's broad genres a Spotify genre belongs to.

The knowledge is data (``seeds/umbrellas.yaml``, which also explains how entries match); this module
reads it and answers. It does no other I/O.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, field
from math import lcm
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from runclub_spider.catalog.genres import normalise_genre
from runclub_spider.catalog.yaml_file import Where, YamlFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DecadeLabel = Literal["70s", "80s", "90s", "00s", "10s", "20s"]
DECADE_LABELS: tuple[DecadeLabel, ...] = ("70s", "80s", "90s", "00s", "10s", "20s")

# The primary artist of a track against all its other artists together.
PRIMARY_WEIGHT = 2
OTHERS_WEIGHT = 1
# Lists of genres remembered: every track of an artist brings the same one.
_MOST_LISTS = 65_536

_SEPARATORS = str.maketrans(dict.fromkeys("/:,;()", " "))
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_Words = tuple[str, ...]


class _Umbrella(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str = Field(min_length=1)
    aliases: list[str] = Field(min_length=1)
    first_decade: DecadeLabel
    prior: float = Field(default=0.0, ge=-10, le=10)
    neighbours: list[str] = Field(min_length=1)
    patterns: list[str] = Field(min_length=1)
    weak: list[str] = []
    exact: list[str] = []


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    umbrellas: list[_Umbrella] = Field(min_length=1)
    unmapped: list[str] = []
    ambiguous: list[str] = []


def _words(text: str) -> _Words:
    """Split a genre into whole words, accents removed ("forró" and "forro" are one word)."""
    plain = unicodedata.normalize("NFKD", normalise_genre(text).translate(_SEPARATORS))
    return tuple("".join(c for c in plain if not unicodedata.combining(c)).split())


def _text_words(text: str) -> _Words:
    """Split a name that people wrote into whole words; signs and emoji are no words."""
    plain = text.lower().replace("&", "and")  # as genres have it; hyphens part words anyway
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", plain)
        plain = "".join(c for c in decomposed if not unicodedata.combining(c)).replace("’", "'")
    return tuple(_WORD.findall(plain))


def _best(words: _Words, entries: dict[_Words, str | None]) -> tuple[bool, str | None]:
    """Return (matched, label): most words first, then the match that ends last."""
    for size in range(len(words), 0, -1):
        for end in range(len(words), size - 1, -1):
            span = words[end - size : end]
            if span in entries:
                return True, entries[span]
    return False, None


@dataclass(frozen=True, slots=True)
class Mention:
    """The umbrellas that a text names, in the order of the file.

    ``general`` says that only general words name them ("pop", "dance"), which prove little.
    """

    labels: tuple[str, ...]
    general: bool = False


_NOTHING = Mention(())


@dataclass(frozen=True)
class UmbrellaMap:
    """The umbrellas in order, and the umbrella of a genre or of a track's artists."""

    labels: tuple[str, ...]
    digest: str
    """sha256 (hex) of the canonical content: comments and layout do not count."""
    _umbrellas: dict[str, _Umbrella] = field(repr=False)
    _entries: tuple[dict[_Words, str | None], ...] = field(repr=False)
    _longest: dict[str, int] = field(repr=False)
    """First word of each pattern and weak entry -> most words of an entry that begins so."""
    _ambiguous: frozenset[_Words] = field(repr=False)
    _cache: dict[str, str | None] = field(default_factory=dict, repr=False, compare=False)
    _lists: dict[tuple[str, ...], tuple[str, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    __hash__ = None  # type: ignore[assignment]  # holds dicts; compare by digest instead

    @classmethod
    def load(cls, path: Path) -> UmbrellaMap:
        """Read ``umbrellas.yaml``; raise `ConfigurationError` for a mistake in it."""
        file = YamlFile(path)
        content = file.validated(_File)
        labels = tuple(umbrella.label for umbrella in content.umbrellas)
        for at, name in enumerate(labels):
            if name in labels[:at]:
                raise file.mistake(("umbrellas", at, "label"), f"'{name}' stands twice; keep one")
        for at, umbrella in enumerate(content.umbrellas):
            _check_neighbours(file, at, umbrella, labels)
        entries: tuple[dict[_Words, str | None], ...] = ({}, {}, {})
        tiers = ("exact", "patterns", "weak")
        for where, tier, label, text in _all_entries(content):
            words = _words(text)
            known = entries[tiers.index(tier)]
            if not words:
                raise file.mistake(where, "is empty; write a genre or remove it")
            if words in known:
                raise file.mistake(
                    where, f"'{text}' stands already under {known[words] or 'unmapped'}; keep one"
                )
            known[words] = label
        for at, text in enumerate(content.ambiguous):
            if _words(text) not in entries[1]:
                raise file.mistake(
                    ("ambiguous", at), f"'{text}' is no pattern; check the spelling or remove it"
                )
        longest: dict[str, int] = {}
        for words in (*entries[1], *entries[2]):
            longest[words[0]] = max(longest.get(words[0], 0), len(words))
        canonical = json.dumps(content.model_dump(), sort_keys=True, ensure_ascii=True)
        return cls(
            labels=labels,
            digest=hashlib.sha256(canonical.encode()).hexdigest(),
            _umbrellas={umbrella.label: umbrella for umbrella in content.umbrellas},
            _entries=entries,
            _longest=longest,
            _ambiguous=frozenset(_words(text) for text in content.ambiguous),
        )

    def of_genre(self, genre: str) -> str | None:
        """Return the umbrella of one genre in any spelling, or None when nothing maps it."""
        if genre not in self._cache:
            self._cache[genre] = self._find(_words(genre))
        return self._cache[genre]

    def _find(self, words: _Words) -> str | None:
        exact, patterns, weak = self._entries
        if words in exact:
            return exact[words]
        matched, label = _best(words, patterns)
        return label if matched else _best(words, weak)[1]

    def mentions(self, text: str, *, title: bool = False) -> Mention:
        """Return the umbrellas that the words of a name or a search term speak of.

        Read from left to right, the longest entry first, each word once; weak entries count only
        when no pattern is there. In a ``title`` (of a song or an album) weak and ambiguous
        entries name nothing: "House of the Rising Sun" is no house.
        """
        words = _text_words(text)
        if self._longest.keys().isdisjoint(words):
            return _NOTHING
        _, patterns, weak = self._entries
        strong: set[str | None] = set()
        general: set[str | None] = set()
        at = 0
        while at < len(words):
            step = 1
            for size in range(min(self._longest.get(words[at], 0), len(words) - at), 0, -1):
                span = words[at : at + size]
                if span in patterns:
                    if not (title and span in self._ambiguous):
                        strong.add(patterns[span])
                elif span in weak:
                    general.add(weak[span])
                else:
                    continue
                step = size
                break
            at += step
        found = (strong if title else strong - {None} or general) - {None}
        labels = tuple(label for label in self.labels if label in found) if found else ()
        return Mention(labels, general=bool(labels) and not strong - {None})

    def prior(self, label: str) -> float:
        """Return the log odds of an umbrella among tracks of which nothing else is known."""
        return self._umbrellas[label].prior

    def aliases(self, label: str) -> tuple[str, ...]:
        """Return the words for an umbrella in seeds; the first is its main Spotify genre."""
        return tuple(self._umbrellas[label].aliases)

    def neighbours(self, label: str) -> tuple[str, ...]:
        """Return the related umbrellas, the closest first."""
        return tuple(self._umbrellas[label].neighbours)

    def first_decade(self, label: str) -> DecadeLabel:
        """Return the earliest decade in which a cell of this umbrella can be filled."""
        return self._umbrellas[label].first_decade

    def possible_cells(self, decades: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Return the (umbrella, decade) cells that can exist, umbrella after umbrella."""
        order = {decade: at for at, decade in enumerate(DECADE_LABELS)}
        return tuple(
            (label, decade)
            for label in self.labels
            for decade in decades
            if order[decade] >= order[self.first_decade(label)]  # type: ignore[index]
        )

    def of_artists(
        self, genres_per_artist: Sequence[Sequence[str]]
    ) -> tuple[tuple[str, float], ...]:
        """Return ((umbrella, weight), ...) of a track, the heaviest first; weights sum to 1.

        The primary artist (index 0) weighs twice as much as all others together; an artist's weight
        is shared by its distinct mapped genres. The order of genres and of the other artists does
        not matter. Empty when no genre maps.
        """
        return self.weighed([self.mapped(tuple(genres)) for genres in genres_per_artist])

    def weighed(self, mapped: Sequence[Sequence[str]]) -> tuple[tuple[str, float], ...]:
        """Return the same of the umbrellas that :meth:`mapped` gives for each artist."""
        # In whole numbers: what one genre weighs, on the denominator that all of them share.
        whole = lcm(*(len(found) for found in mapped if found))
        primary = PRIMARY_WEIGHT * max(1, len(mapped) - 1)
        votes: dict[str, int] = {}
        for at, found in enumerate(mapped):
            if found:
                weight = (OTHERS_WEIGHT if at else primary) * whole // len(found)
                for label in found:
                    votes[label] = votes.get(label, 0) + weight
        total = sum(votes.values())
        ranked = sorted(votes, key=lambda label: (-votes[label], self.labels.index(label)))
        return tuple([(label, votes[label] / total) for label in ranked])

    def mapped(self, genres: tuple[str, ...]) -> tuple[str, ...]:
        """Return the umbrella of each distinct genre of an artist that has one, sorted."""
        known = self._lists.get(genres)
        if known is None:
            found = [self.of_genre(genre) for genre in {normalise_genre(g) for g in genres}]
            known = tuple(sorted(label for label in found if label is not None))
            if len(self._lists) >= _MOST_LISTS:
                self._lists.clear()
            self._lists[genres] = known
        return known


def _check_neighbours(
    file: YamlFile, at: int, umbrella: _Umbrella, labels: tuple[str, ...]
) -> None:
    for position, neighbour in enumerate(umbrella.neighbours):
        where = ("umbrellas", at, "neighbours", position)
        if neighbour not in labels:
            raise file.mistake(where, f"'{neighbour}' is no label here; use one of the labels")
        if neighbour == umbrella.label or neighbour in umbrella.neighbours[:position]:
            raise file.mistake(
                where, f"'{neighbour}' is repeated or the umbrella itself; remove it"
            )


def _all_entries(content: _File) -> Iterator[tuple[Where, str, str | None, str]]:
    """Yield (where, tier, label, text) of every entry; unmapped ones count as patterns."""
    for at, umbrella in enumerate(content.umbrellas):
        for tier in ("exact", "patterns", "weak"):
            for position, text in enumerate(getattr(umbrella, tier)):
                yield ("umbrellas", at, tier, position), tier, umbrella.label, text
    for position, text in enumerate(content.unmapped):
        yield ("unmapped", position), "patterns", None, text
