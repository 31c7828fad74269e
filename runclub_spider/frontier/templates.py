"""Seed templates: the files in ``seeds/`` expanded into the plan of searches.

Reading files aside this is pure: the same files give the same seeds in the same order. The files
themselves say what to search; ``seeds/README.md`` explains their form.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from runclub_spider.catalog.families import (
    BUILT_IN,
    CUSTOM,
    SHARED_FILE,
    SuitabilityKey,
    family_files,
    family_names,
    load_policies,
)
from runclub_spider.catalog.genre_map import UMBRELLA_FILE
from runclub_spider.catalog.umbrellas import DECADE_LABELS, DecadeLabel, UmbrellaMap
from runclub_spider.catalog.yaml_file import YamlFile, read_text
from runclub_spider.errors import ConfigurationError
from runclub_spider.frontier.addresses import is_address, playlist_of, term_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Kind = Literal["track", "playlist"]
KINDS: tuple[Kind, ...] = ("track", "playlist")
YEARS: Mapping[DecadeLabel, str] = {
    "70s": "1970-1979",
    "80s": "1980-1989",
    "90s": "1990-1999",
    "00s": "2000-2009",
    "10s": "2010-2019",
    "20s": "2020-2029",
}
MAX_TERM_LENGTH = 250  # characters of one query; Spotify refuses longer ones

_TERM_FILES: Mapping[Kind, str] = {"track": "search_terms.txt", "playlist": "playlist_terms.txt"}
# Placeholders that no list may be called after.
_BUILT_IN = frozenset(
    {"main", "alias", "umbrella_locale", "decade", "decade_locale", "years", "genre", "bpm"}
)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# One spelling per decade. "twenties" is left alone: it also means the 1920s.
_DECADE_WORDS = {"seventies": "70s", "eighties": "80s", "nineties": "90s", "noughties": "00s"}
_DECADE_SPELLING = re.compile(
    rf"\b(?:(?:19(?=[789])|20(?=[012]))?([789012]0)'?s|({'|'.join(_DECADE_WORDS)}))\b"
)


@dataclass(frozen=True, slots=True)
class Seed:
    """One search. ``term`` is the ``q`` sent to Spotify, character for character.

    ``umbrella`` and ``decade`` are what the search is about, or None when it is about neither;
    ``bpm`` is the cadence in beats per minute, for cadence seeds only; ``locale`` the language of
    its words (ISO 639-1) where they stand in ``lists.yaml`` under one.
    """

    term: str
    kind: Kind
    family: str
    umbrella: str | None = None
    decade: str | None = None
    bpm: int | None = None
    locale: str | None = None


# A value of a placeholder: never empty, or it would make a term of its neighbours alone.
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_ByLocale = dict[str, list[_Text]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Caps(_Strict):
    family: int = Field(gt=0)
    umbrella: int | None = Field(default=None, gt=0)
    decade: int | None = Field(default=None, gt=0)
    locale: int | None = Field(default=None, gt=0)


class _Template(_Strict):
    patterns: list[str] = Field(min_length=1)
    umbrellas: list[str] | None = Field(default=None, min_length=1)
    decades: list[DecadeLabel] | None = Field(default=None, min_length=1)
    locales: list[str] | None = Field(default=None, min_length=1)
    genres: list[str] | None = Field(default=None, min_length=1)
    umbrella: str | None = None
    decade: DecadeLabel | None = None


class _Section(_Strict):
    order: int
    caps: _Caps
    templates: list[_Template] = Field(min_length=1)


class _Cadence(_Strict):
    cadences: list[int] = Field(min_length=1)
    vary: int = Field(ge=0)


class _DecadeWords(_Strict):
    word: _Text
    locale: _ByLocale = {}


class _SharedFile(_Strict):
    decades: dict[DecadeLabel, _DecadeWords]
    umbrellas: dict[str, _ByLocale] = {}
    lists: dict[str, list[_Text]] = {}
    locale: dict[str, _ByLocale] = {}


class _FamilyFile(_Strict):
    family: str
    suitability: SuitabilityKey | None = None
    lists: dict[str, list[_Text]] = {}
    bpm: _Cadence | None = None
    genres: dict[str, dict[str, dict[str, DecadeLabel | tuple[DecadeLabel, DecadeLabel]]]] = {}
    artists: dict[str, dict[str, Annotated[list[DecadeLabel], Field(min_length=1)]]] = {}
    track: _Section | None = None
    playlist: _Section | None = None


@dataclass(frozen=True, slots=True)
class _Choice:
    """One value for a placeholder, with what it says about the seed (attributes of `Seed`)."""

    text: str
    about: Mapping[str, Any] = field(default_factory=dict)
    span: tuple[str, ...] = DECADE_LABELS

    @property
    def rank(self) -> tuple[int, str, str]:
        """Its place among the values of a list: few words first, for those ask more widely.

        The content alone decides, so that the order in which a file lists them does not.
        """
        return (self.text.count(" "), normalise_term(self.text), self.text)


def clean_term(text: str) -> str:
    """Return a term as it is sent: Unicode NFKC, white space collapsed and stripped."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


@lru_cache(maxsize=1 << 15)
def normalise_term(text: str) -> str:
    """Return the key under which two terms are the same seed.

    Case, width, hyphens, "&"/"and", curly apostrophes and the spellings of a decade ("1970s",
    "70's", "seventies") do not count. Idempotent.
    """
    while (once := _normalise_once(text)) != text:
        text = once
    return text


def _normalise_once(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    text = text.replace("’", "'").replace("-", " ").replace("&", " and ")
    text = " ".join(text.split())
    return _DECADE_SPELLING.sub(lambda m: f"{m[1]}s" if m[1] else _DECADE_WORDS[m[2]], text)


def searchable_name(name: str) -> str | None:
    """Return an artist's name as the filter `artist:"…"` takes it; None when it cannot be asked."""
    plain = " ".join(name.replace('"', " ").split())
    # Room for the filter and a `year:` beside it.
    fits = len(plain) + len('artist:""') + len(" year:1970-1979") < MAX_TERM_LENGTH
    return plain if fits and any(letter.isalnum() for letter in plain) else None


def unique(seeds: Iterable[Seed], *, dedupe: bool = True) -> tuple[Seed, ...]:
    """Return the seeds without repetitions of (normalised term, kind); the first one stays.

    Without ``dedupe`` only equal spellings are repetitions.
    """
    kept: dict[tuple[str, Kind], Seed] = {}
    for seed in seeds:
        # Ids that differ in case are different lists.
        whole = not dedupe or (seed.kind == "playlist" and playlist_of(seed.term) is not None)
        kept.setdefault((seed.term if whole else normalise_term(seed.term), seed.kind), seed)
    return tuple(kept.values())


def load_seeds(
    directory: Path,
    umbrellas: UmbrellaMap,
    *,
    kind: Kind | None = None,
    family: str | None = None,
    dedupe: bool = True,
) -> tuple[Seed, ...]:
    """Return the whole plan of ``directory`` in template order.

    Track seeds come before playlist seeds; of each kind the user's own terms first, then the
    families by their ``order``. ``kind`` and ``family`` narrow the plan without changing a seed.
    Raises :class:`ConfigurationError` for a mistake in any of the files.
    """
    shared = _read_shared(directory / SHARED_FILE, umbrellas)
    expanders = [_Family(path, umbrellas, shared) for path in family_files(directory)]
    for expander in expanders:
        expander.check_name()
    plan: list[Seed] = []
    for each in KINDS:
        terms = directory / _TERM_FILES[each]
        if terms.exists():
            plan += _read_terms(terms, each, may_be_empty=True)
        sections = [e for e in expanders if e.section(each) is not None]
        for expander in sorted(sections, key=lambda e: e.order(each)):
            plan += expander.seeds(each)
    return tuple(
        seed
        for seed in unique(plan, dedupe=dedupe)
        if kind in (None, seed.kind) and family in (None, seed.family)
    )


def read_seed_file(
    path: Path,
    kind: Kind,
    umbrellas: UmbrellaMap | None = None,
    *,
    seeds_dir: Path | None = None,
    dedupe: bool = True,
) -> tuple[Seed, ...]:
    """Return the seeds of a user's own file.

    Plain text: one term a line, or the address of a playlist among terms of that kind; ``#``
    comments, family "custom". ``.yaml``/``.yml``: the form of
    the family files, with ``lists.yaml`` and ``umbrellas.yaml`` beside it if it refers to them
    (``umbrellas`` given wins). Its family is one of ``seeds_dir``, by default the file's folder.
    Raises :class:`ConfigurationError` for a mistake.
    """
    if path.suffix.lower() not in {".yaml", ".yml"}:
        return unique(_read_terms(path, kind, may_be_empty=False), dedupe=dedupe)
    if umbrellas is None and (path.parent / UMBRELLA_FILE).is_file():
        umbrellas = UmbrellaMap.load(path.parent / UMBRELLA_FILE)
    beside = path.parent / SHARED_FILE
    shared = _read_shared(beside, umbrellas) if beside.is_file() else None
    expander = _Family(path, umbrellas, shared)
    expander.check_place(seeds_dir or path.parent)
    if expander.section(kind) is None:
        raise expander.file.mistake((kind,), "missing; add the section for this kind of search")
    return unique(expander.seeds(kind), dedupe=dedupe)


def in_order(mode: str, seeds: Sequence[Seed]) -> Sequence[Seed]:
    """The plan in the order of a mode that does not learn."""
    return rotation(seeds) if mode == "rotation" else seeds


def rotation(seeds: Sequence[Seed]) -> tuple[Seed, ...]:
    """Return the seeds in a fair round: family after family, in each umbrella after umbrella.

    Every round takes one seed of each family that has any left; a family's turn goes to its next
    umbrella (None counts as one). Within an umbrella the given order stays.
    """
    waiting: dict[str, dict[str | None, deque[Seed]]] = {}
    for seed in seeds:
        by_umbrella = waiting.setdefault(seed.family, {})
        by_umbrella.setdefault(seed.umbrella, deque()).append(seed)
    turns = {name: deque(queues.values()) for name, queues in waiting.items()}
    result: list[Seed] = []
    while turns:
        for name in list(turns):
            queue = turns[name].popleft()
            result.append(queue.popleft())
            if queue:
                turns[name].append(queue)
            if not turns[name]:
                del turns[name]
    return tuple(result)


def _read_terms(path: Path, kind: Kind, *, may_be_empty: bool) -> list[Seed]:
    seeds = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        term = _term(line, kind)
        if not term or term.startswith("#"):
            continue
        if problem := _term_problem(term, kind):
            raise ConfigurationError(f"{path}:{number}: key 'term': {problem}")
        seeds.append(Seed(term, kind, CUSTOM.name))
    if not seeds and not may_be_empty:
        raise ConfigurationError(f"{path}: holds no term; write one term a line")
    return seeds


def _term(text: str, kind: Kind) -> str:
    """A term in its one spelling; of a playlist's address that is not what it was copied with."""
    term = clean_term(text)
    playlist_id = playlist_of(term) if kind == "playlist" else None
    return term if playlist_id is None else term_of(playlist_id)


def _term_problem(term: str, kind: Kind) -> str | None:
    if is_address(term) and not (kind == "playlist" and playlist_of(term)):
        wanted = "that of a playlist" if kind == "playlist" else "words"
        return f"is an address that no {kind} search takes; write {wanted}"
    if len(term) > MAX_TERM_LENGTH:
        return f"has {len(term)} characters; shorten it to {MAX_TERM_LENGTH}"
    if not term.isprintable() and _CONTROL.search(term):
        return "holds a control character; remove it"
    return None


def _read_shared(path: Path, umbrellas: UmbrellaMap | None) -> _SharedFile:
    file = YamlFile(path)
    shared = file.validated(_SharedFile)
    for decade in DECADE_LABELS:
        if decade not in shared.decades:
            raise file.mistake(("decades",), f"'{decade}' is missing; add it")
    labels = umbrellas.labels if umbrellas else tuple(shared.umbrellas)
    for label in shared.umbrellas:
        if label not in labels:
            raise file.mistake(("umbrellas", label), f"no such umbrella; use one of {_or(labels)}")
    for name in shared.locale:
        if f"{name}_locale" in _BUILT_IN:
            raise file.mistake(("locale", name), "the name is taken; choose another")
    for name in shared.lists:
        if name in _BUILT_IN or name.removesuffix("_locale") in shared.locale:
            raise file.mistake(("lists", name), "the name is taken; choose another")
    return shared


def _in_languages(words: Mapping[str, Sequence[str]], **about: str) -> Iterator[_Choice]:
    """Yield the words language after language, with what they are about."""
    for locale in sorted(words):
        yield from _ranked(_Choice(text, {**about, "locale": locale}) for text in words[locale])


def _ranked(choices: Iterable[_Choice]) -> list[_Choice]:
    return sorted(choices, key=lambda choice: choice.rank)


def _or(names: Iterable[str]) -> str:
    return ", ".join(names)


class _Family:
    """One family file: checked, then expanded."""

    def __init__(
        self, path: Path, umbrellas: UmbrellaMap | None, shared: _SharedFile | None
    ) -> None:
        self.file = YamlFile(path)
        self._content = self.file.validated(_FamilyFile)
        self._umbrellas = umbrellas
        # Umbrellas with the decades before their first.
        self._before_its_time = (
            {
                (label, decade)
                for label in umbrellas.labels
                for decade in DECADE_LABELS[: DECADE_LABELS.index(umbrellas.first_decade(label))]
            }
            if umbrellas is not None
            else set[tuple[str, str]]()
        )
        self._choices = self._all_choices(shared)
        self._locales = {
            choice.about["locale"]
            for values in self._choices.values()
            for choice in values
            if "locale" in choice.about
        }
        for kind in KINDS:
            section = self.section(kind)
            for at, template in enumerate(section.templates if section else ()):
                self._check((kind, "templates", at), template)

    def check_name(self) -> None:
        """Check that the file is called after its family, by a free name, and searches at all."""
        name, stem = self._content.family, self.file.path.stem
        if name != stem:
            raise self.file.mistake(
                ("family",),
                f"'{name}' does not fit the file name; write '{stem}' or rename the file",
            )
        if name in BUILT_IN:
            raise self.file.mistake(
                ("family",), f"'{name}' is a family of the program's own; choose another name"
            )
        if not _NAME.fullmatch(name):
            raise self.file.mistake(
                ("family",), f"'{name}' is no name; use small letters, digits and underscores"
            )
        if not any(self.section(kind) for kind in KINDS):
            raise self.file.mistake((), "searches nothing; add a section `track` or `playlist`")

    def check_place(self, seeds_dir: Path) -> None:
        """Check a file from elsewhere against the families of a folder of seeds."""
        name, said = self._content.family, self._content.suitability
        names = family_names(seeds_dir)
        if name not in names:
            raise self.file.mistake(("family",), f"no such family; use one of {_or(names)}")
        if said is not None and said.policy != load_policies(seeds_dir)[name]:
            raise self.file.mistake(
                ("suitability",), f"differs from that of family {name}; remove it here"
            )

    def section(self, kind: Kind) -> _Section | None:
        """Return the templates for one kind of search, or None."""
        return self._content.track if kind == "track" else self._content.playlist

    def order(self, kind: Kind) -> tuple[int, str]:
        """Return the sort key of this family in the plan for ``kind``."""
        section = self.section(kind)
        return (section.order if section else 0, self._content.family)

    def seeds(self, kind: Kind) -> list[Seed]:
        """Return the seeds of one kind, no term twice, no more than the caps allow."""
        section = self.section(kind)
        assert section is not None  # callers ask for existing sections only
        kept: list[Seed] = []
        counts: Counter[tuple[str, str]] = Counter()
        for seed in unique(self._expand(kind, section)):
            dimensions = [("family", "", section.caps.family)]
            for name in ("umbrella", "decade", "locale"):
                value, cap = getattr(seed, name), getattr(section.caps, name)
                if value and cap:
                    dimensions.append((name, value, cap))
            if all(counts[name, value] < cap for name, value, cap in dimensions):
                counts.update((name, value) for name, value, _ in dimensions)
                kept.append(seed)
        return kept

    def _expand(self, kind: Kind, section: _Section) -> Iterator[Seed]:
        for at, template in enumerate(section.templates):
            for number, pattern in enumerate(template.patterns):
                where = (kind, "templates", at, "patterns", number)
                for text, about in self._products(template, pattern):
                    term = _term(text, kind)
                    if problem := _term_problem(term, kind):
                        raise self.file.mistake(where, problem)
                    yield Seed(term, kind, self._content.family, **about)

    def _products(self, template: _Template, pattern: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the pattern with every sensible combination of values, and what it is about.

        The first placeholder changes slowest.
        """
        # Text and name by turns: "fast {alias} {decade}" -> "fast ", "alias", " ", "decade", "".
        parts = _PLACEHOLDER.split(pattern)
        order = parts[1::2]
        names = list(dict.fromkeys(order))
        places = list(map(names.index, order))
        for combination in product(*(self._values(name, template) for name in names)):
            about = self._together(template, combination)
            if about is not None:
                parts[1::2] = [combination[place].text for place in places]
                yield "".join(parts), about

    def _together(
        self, template: _Template, combination: Iterable[_Choice]
    ) -> dict[str, Any] | None:
        """Return what the values are about, the template filling in; None if they cannot be."""
        about: dict[str, Any] = {}
        for choice in combination:
            for name, value in choice.about.items():
                if about.setdefault(name, value) != value:
                    return None
        for name, said in (("umbrella", template.umbrella), ("decade", template.decade)):
            if said is not None:
                about.setdefault(name, said)
        decade, umbrella = about.get("decade"), about.get("umbrella")
        if decade is None:
            return about
        if umbrella is not None and (umbrella, decade) in self._before_its_time:
            return None
        for choice in combination:
            if decade not in choice.span:
                return None
        return about

    def _values(self, name: str, template: _Template) -> Iterator[_Choice]:
        sets = sorted(template.genres or self._content.genres)
        names = [f"genre.{each}" for each in sets] if name == "genre" else [name]
        wanted = {
            "umbrella": template.umbrellas,
            "decade": template.decades,
            "locale": template.locales,
        }
        for choice in (choice for each in names for choice in self._choices[each]):
            if all(
                allowed is None or choice.about.get(dimension, allowed[0]) in allowed
                for dimension, allowed in wanted.items()
            ):
                yield choice

    def _all_choices(self, shared: _SharedFile | None) -> dict[str, list[_Choice]]:
        """Return the values of every placeholder this file may use."""
        choices: defaultdict[str, list[_Choice]] = defaultdict(list)
        choices["years"] = [_Choice(YEARS[d], {"decade": d}) for d in DECADE_LABELS]
        if self._umbrellas is not None:
            for label in self._umbrellas.labels:
                words = self._umbrellas.aliases(label)
                aliases = [_Choice(word, {"umbrella": label}) for word in words]
                choices["main"].append(aliases[0])
                choices["alias"] += aliases
        if shared is not None:
            for decade in DECADE_LABELS:
                said = shared.decades[decade]
                choices["decade"].append(_Choice(said.word, {"decade": decade}))
                choices["decade_locale"] += _in_languages(said.locale, decade=decade)
            for label in self._umbrellas.labels if self._umbrellas else ():
                by_locale = shared.umbrellas.get(label, {})
                choices["umbrella_locale"] += _in_languages(by_locale, umbrella=label)
            for name, by_locale in shared.locale.items():
                choices[f"{name}_locale"] = list(_in_languages(by_locale))
            for name, texts in shared.lists.items():
                choices[name] = _ranked(_Choice(text) for text in texts)
        for name, texts in self._content.lists.items():
            if name in choices or name in _BUILT_IN:
                raise self.file.mistake(("lists", name), "the name is taken; choose another")
            choices[name] = _ranked(_Choice(text) for text in texts)
        if self._content.bpm is not None:
            choices["bpm"] = [
                _Choice(str(bpm), {"bpm": bpm}) for bpm in _cadences(self._content.bpm)
            ]
        for name, by_umbrella in self._content.genres.items():
            choices[f"genre.{name}"] = list(self._genres(name, by_umbrella))
        if self._content.artists:
            if "artist" in choices:
                raise self.file.mistake(
                    ("artists",), "a list is called 'artist' already; choose another name for it"
                )
            choices["artist"] = list(self._artists())
        return dict(choices)

    def _artists(self) -> Iterator[_Choice]:
        """Yield each umbrella's artists; checked strictly, because each is a search or more."""
        labels = self._umbrellas.labels if self._umbrellas else ()
        for umbrella in self._content.artists:
            if umbrella not in labels:
                raise self.file.mistake(
                    ("artists", umbrella), f"no such umbrella; use one of {_or(labels)}"
                )
        known: dict[tuple[str, str], str] = {}
        for umbrella, artists in self._content.artists.items():
            for artist, decades in artists.items():
                self._check_artist(umbrella, artist, decades, known)
        for umbrella in labels:
            yield from _ranked(
                _Choice(searchable_name(artist) or "", {"umbrella": umbrella}, tuple(decades))
                for artist, decades in self._content.artists.get(umbrella, {}).items()
            )

    def _check_artist(
        self,
        umbrella: str,
        artist: str,
        decades: Sequence[DecadeLabel],
        known: dict[tuple[str, str], str],
    ) -> None:
        """Check one entry; `known` are (name, decade) with their umbrellas, and gains its own."""
        assert self._umbrellas is not None  # its label was found
        where = ("artists", umbrella, artist)
        name = searchable_name(artist)
        if name is None or _CONTROL.search(name):
            raise self.file.mistake(where, "cannot be searched; write the artist's name")
        first = self._umbrellas.first_decade(umbrella)
        for at, decade in enumerate(decades):
            if DECADE_LABELS.index(decade) < DECADE_LABELS.index(first):
                raise self.file.mistake(
                    (*where, at), f"'{decade}' is before {umbrella} begins ({first}); remove it"
                )
            other = known.setdefault((normalise_term(name), decade), umbrella)
            if other != umbrella or decade in decades[:at]:
                raise self.file.mistake(
                    (*where, at), f"'{decade}' stands already under {other}; keep one"
                )

    def _genres(
        self,
        name: str,
        by_umbrella: Mapping[str, Mapping[str, DecadeLabel | tuple[DecadeLabel, DecadeLabel]]],
    ) -> Iterator[_Choice]:
        labels = self._umbrellas.labels if self._umbrellas else ()
        for umbrella in by_umbrella:
            if umbrella not in labels:
                raise self.file.mistake(
                    ("genres", name, umbrella), f"no such umbrella; use one of {_or(labels)}"
                )
        for umbrella in labels:
            found: list[_Choice] = []
            for genre, span in by_umbrella.get(umbrella, {}).items():
                first, last = (span, "20s") if isinstance(span, str) else span
                at, end = DECADE_LABELS.index(first), DECADE_LABELS.index(last)
                if end < at:
                    raise self.file.mistake(
                        ("genres", name, umbrella, genre), "ends before it begins; swap the decades"
                    )
                decades = DECADE_LABELS[at : end + 1]
                found.append(_Choice(genre, {"umbrella": umbrella}, decades))
            yield from _ranked(found)

    def _check(self, where: tuple[str | int, ...], template: _Template) -> None:
        """Check a template's references: placeholders, umbrellas, genre sets."""
        known = set(self._choices) | ({"genre"} if self._content.genres else set())
        for at, pattern in enumerate(template.patterns):
            here = (*where, "patterns", at)
            for name in _PLACEHOLDER.findall(pattern):
                if name not in known:
                    shown = sorted(n for n in known if not n.startswith("genre."))
                    raise self.file.mistake(here, f"{{{name}}} is unknown; use one of {_or(shown)}")
            if set("{}") & set(_PLACEHOLDER.sub("", pattern)) or not pattern.strip():
                raise self.file.mistake(here, "is empty or has a stray brace; correct the pattern")
        labels = self._umbrellas.labels if self._umbrellas else ()
        for at, label in enumerate(template.umbrellas or ()):
            if label not in labels:
                raise self.file.mistake((*where, "umbrellas", at), f"'{label}' is no umbrella")
        if template.umbrella is not None and template.umbrella not in labels:
            raise self.file.mistake((*where, "umbrella"), f"'{template.umbrella}' is no umbrella")
        for at, locale in enumerate(template.locales or ()):
            if locale not in self._locales:
                raise self.file.mistake(
                    (*where, "locales", at),
                    f"'{locale}' is no language of the lists; use one of "
                    f"{_or(sorted(self._locales))}",
                )
        for at, name in enumerate(template.genres or ()):
            if name not in self._content.genres:
                raise self.file.mistake(
                    (*where, "genres", at), f"'{name}' is no set of genres here"
                )


def _cadences(cadence: _Cadence) -> list[int]:
    """Return the cadences in BPM, then their neighbours ``vary`` below and above, each once."""
    named = sorted(cadence.cadences)
    varied = [bpm + step for bpm in named for step in (-cadence.vary, cadence.vary)]
    return list(dict.fromkeys([*named, *sorted(varied)]))
