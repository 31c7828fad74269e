"""Names read as words: folded, cut into a title and its remarks, compared with phrases.

A *part* is a stretch of words of one name: what stands before a bracket or a dash, or a remark in
or after one. A *phrase* is words side by side within one part; ``^`` before it ties it to the
part's beginning, ``$`` behind it to its end, ``#`` stands for any number. Every phrase has a *key*,
one of its words: only names that hold the key of some phrase are looked at more closely.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

#: Characters of a name that are read.
MOST_READ = 1_000
#: Names of artists and albums remembered, for they repeat.
_NAMES = 16_384

_SIGNS = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹘－", "-"),
        **dict.fromkeys("'’‘‛`´ʼʹ′＇", ""),
        **dict.fromkeys("【〔［〖", "["),
        **dict.fromkeys("】〕］〗", "]"),
    }
)
# To look for one is quicker than to look each letter up, and few names have any.
_ANY_SIGN = re.compile(f"[{re.escape(''.join(map(chr, _SIGNS)))}]")
_ACCENTS = re.compile("[\u0300-\u036f]+")
# "8D" and "ABGT450" are two words each, so that a phrase may ask for the number.
_WORD = re.compile(r"[^\W\d_]+|\d+")
_CUT = re.compile(r"([()\[\]{}]|\s-+\s|-+\s|\s-+$)")
_SLASHES = re.compile(r"/+")
_DASH = re.compile(r"\s-+\s")
_BRACKETS = re.compile(r"[(\[{][^)\]}]*+[)\]}]?")

#: Words of very many names: no keys where a phrase has another word.
_COMMON = frozenset(
    {
        *(
            "remix",
            "version",
            "versione",
            "versao",
            "mix",
            "radio",
            "remastered",
            "remaster",
            "music",
        ),
        *(
            "night",
            "album",
            "world",
            "hits",
            "song",
            "songs",
            "little",
            "rock",
            "here",
            "last",
            "party",
        ),
        *(
            "acoustic",
            "friends",
            "collection",
            "special",
            "free",
            "first",
            "without",
            "track",
            "stars",
        ),
        *(
            "story",
            "happy",
            "beach",
            "white",
            "brown",
            "green",
            "blue",
            "deep",
            "stop",
            "edit",
            "sound",
        ),
        *("band", "piano", "behind", "special", "favorite", "pretty", "christmas", "time", "with"),
        *(
            "winter",
            "baby",
            "good",
            "like",
            "home",
            "back",
            "down",
            "come",
            "most",
            "wonderful",
            "kids",
        ),
    }
)

_EVERYWHERE = frozenset(
    {"a", "and", "at", "by", "dj", "for", "i", "in", "it", "know", "me", "my", "of", "on", "the"}
    | {"be", "to", "what", "you", "d", "e", "s", "#"}
)

Words = tuple[str, ...]


def _rarity(word: str) -> int:
    return 0 if word in _EVERYWHERE else 1 if word in _COMMON else 2


def fold(name: str) -> str:
    """One case, one width, no accents, no apostrophes, one kind of dash and bracket."""
    name = name[:MOST_READ]
    if name.isascii():
        return name.lower().replace("'", "").replace("`", "")
    # Letters drawn as signs get their case by the first pass, and accents of their own by the case.
    plain = unicodedata.normalize("NFKD", _respelt(name)).casefold()
    return _respelt(_ACCENTS.sub("", unicodedata.normalize("NFKD", plain)))


def _respelt(name: str) -> str:
    return name if _ANY_SIGN.search(name) is None else name.translate(_SIGNS)


def words(folded: str) -> list[str]:
    """The words and numbers of a folded text; "&" and "+" are none."""
    return _WORD.findall(folded)


# The names of artists and albums repeat.
@lru_cache(_NAMES)
def words_again(name: str) -> Words:
    """The words of a name as it is written."""
    return tuple(words(fold(name)))


@dataclass(frozen=True, slots=True)
class Parts:
    """A name cut at brackets and dashes; ``base`` are the parts outside, one or more."""

    base: tuple[Words, ...]
    remarks: tuple[Words, ...]


def cut(name: str) -> Parts:
    """Cut a name into its base and its remarks."""
    base: list[Words] = []
    remarks: list[Words] = []
    depth = 0
    dashed = False
    for piece in _CUT.split(fold(name)):
        if piece in ("(", "[", "{"):
            depth += 1
        elif piece in (")", "]", "}"):
            depth = max(0, depth - 1)
        elif piece.strip().strip("-"):
            if found := tuple(words(piece)):
                (remarks if depth or dashed else base).append(found)
        elif piece.strip() and not depth:
            dashed = True
    return Parts(tuple(base), tuple(remarks))


cut_again = lru_cache(_NAMES)(cut)


def songs(title: str) -> tuple[int, int]:
    """How many titles slashes join, outside of brackets and dashes, and how many have two words.

    ``(1, ...)`` for most. A piece without a letter is none, so that a date counts once.
    """
    base = _BRACKETS.sub(" ", _DASH.split(fold(title), maxsplit=1)[0])
    pieces = [words(piece) for piece in _SLASHES.split(base)]
    named = [piece for piece in pieces if any(word.isalpha() for word in piece)]
    return max(len(named), 1), sum(len(piece) > 1 for piece in named)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase as it is looked for."""

    words: Words
    begins: bool
    ends: bool

    @classmethod
    def of(cls, text: str) -> Phrase:
        """Read a phrase as :mod:`.signals` writes it."""
        inner = text.removeprefix("^").removesuffix("$")
        spelt = tuple(re.findall(r"[^\W\d_]+|\d+|#", fold(inner)))
        return cls(spelt, text.startswith("^"), text.endswith("$"))

    @property
    def key(self) -> tuple[str, int]:
        """The longest word, if possible one that few names have, and its place."""
        at = max(
            range(len(self.words)),
            key=lambda place: (_rarity(self.words[place]), len(self.words[place]), -place),
        )
        return self.words[at], at

    def stands(self, part: Words, begin: int) -> bool:
        """Whether it stands in a part from a place on."""
        end = begin + len(self.words)
        if (
            begin < 0
            or end > len(part)
            or (self.begins and begin)
            or (self.ends and end < len(part))
        ):
            return False
        return all(
            said == word or (word == "#" and said.isdigit())
            for word, said in zip(self.words, part[begin:end], strict=True)
        )
