"""The store's tracks as columns: what the rules, the collapse and the balance look at.

A million tracks as objects would fill gigabytes; as numpy columns they take about eighty bytes
each. Rows stand in the order of the Spotify ids, whatever order they arrive in, so nothing that
is computed from a pool can depend on arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby, islice
from typing import Any, Literal, Protocol

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from runclub_spider.catalog.dates import DECADES, decade_of, release_year
from runclub_spider.catalog.original import NEAR
from runclub_spider.catalog.rules import (
    ELIGIBLE,
    RULES,
    UNSOUND,
    Policy,
    Rule,
    facts_of_stored,
    judge,
)
from runclub_spider.publish.choose.unsound import (
    ID_BYTES,
    LARGEST,
    check_link,
    check_text,
    check_whole,
    holds_id,
    stand_in,
    texts_of,
    words_of,
)
from runclub_spider.store.read import catalogue

#: No umbrella, or no decade.
NONE = 255
#: Stands for no year: later than any.
NO_YEAR = 9999
# Umbrellas kept of a track, the heaviest first; a fifth of the votes is the least that counts.
MOST_UMBRELLAS = 5
_CHUNK = 8192
# No id is as long: what is cut off here is found nowhere either way.
_LONGEST = 2 * ID_BYTES

Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]
DecadeFrom = Literal["album", "original"]
SoftKey = Callable[[str, Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a track's umbrellas; `genres` per artist, `sources` as (type, key).

    `tags` are ((genre, share in thousandths), ...) of open metadata.
    """

    track_id: str
    name: str
    album_id: str | None
    album_name: str
    compilation: bool
    artist_ids: tuple[str, ...]
    artist_names: tuple[str, ...]
    genres: tuple[tuple[str, ...], ...]
    sources: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Vote:
    """A track's umbrellas, the heaviest first, where they come from, and the first one's share.

    Without names the track belongs to no cell.
    """

    names: tuple[str, ...] = ()
    origin: str = "none"
    confidence: float = 0.0


Voter = Callable[[Evidence], Vote]


class Rating(Protocol):
    """How well a track suits a run, 0-1, and whether it may stay."""

    @property
    def score(self) -> float: ...  # noqa: D102

    @property
    def passes(self) -> bool: ...  # noqa: D102


#: From a track's row with its features, and the (type, key) of its sources; None: no features.
Suits = Callable[[Any, Sequence[tuple[str, str]]], Rating | None]


@dataclass(slots=True)
class Candidate:
    """A stored track as far as choosing needs it; `rule` is the first that refuses it.

    `fault` says what is wrong with an unsound one.
    """

    track_id: str
    isrc: str | None
    linked_from: str | None
    duration_ms: int
    year: int | None
    popularity: int | None
    has_features: bool
    asked_features: bool
    vote: Vote
    rule: Rule | None
    compilation: bool = False
    soft_key: str = ""
    suitability: float = 0.0
    original_year: int | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Previous:
    """What the last release left: (track id, umbrella) of its rows, and ids that are canonical.

    Both are read once, as streams.
    """

    rows: Iterable[tuple[str, str | None]] = ()
    canonicals: Iterable[str] = ()


@dataclass(slots=True)
class Pool:
    """Columns of equal length, sorted by `ids`; indices below mean positions in them.

    Attributes:
        labels: umbrellas in the order of the map; `names` and `kept_as` hold positions in it.
        ids: Spotify ids, bytes.
        isrc: codes, empty bytes for none.
        linked: codes equal for tracks relinked from the same id; negative for none.
        link: position of the track that was relinked, where the pool holds it, else negative.
        duration: milliseconds.
        year: album year, 9999 for none.
        original: year of the song's first release, 9999 where not known.
        preferred: an edition, with features, of the year in which the song first came out, by
            what any edition with its ISRC or its soft key knows.
        decade: position in `DECADES`, `NONE` before 1970 or without a year.
        popularity: 0-100, -1 for none.
        features: has audio features.
        asked: ReccoBeats was asked for them, with whatever result.
        compilation: stands on a compilation.
        suitability: for a run, in tenths, 0 for not known.
        rule: position in `RULES` of the first that refuses it, `ELIGIBLE` for none.
        soft: two words of a 128-bit hash of the soft key; both 0 for not comparable.
        names: (length, `MOST_UMBRELLAS`), the heaviest umbrella first, `NONE` for no more.
        origin: position in `origins` of where the umbrellas come from.
        confidence: of the first umbrella, in ten-thousandths.
        kept: stood in the last release.
        kept_as: under which umbrella, `NONE` for none.
        canonical: survivor of a duplicate group of an earlier release, or kept.
        unsound: by id, what is wrong with the tracks that `UNSOUND` refuses.
    """

    labels: tuple[str, ...]
    origins: tuple[str, ...]
    ids: NDArray[np.bytes_]
    isrc: NDArray[np.bytes_]
    linked: NDArray[np.int32]
    link: NDArray[np.int32]
    duration: NDArray[np.int32]
    year: NDArray[np.int16]
    original: NDArray[np.int16]
    preferred: Bools
    decade: NDArray[np.uint8]
    popularity: NDArray[np.int8]
    features: Bools
    asked: Bools
    compilation: Bools
    suitability: NDArray[np.uint8]
    rule: NDArray[np.int8]
    soft: NDArray[np.uint64]
    names: NDArray[np.uint8]
    origin: NDArray[np.uint8]
    confidence: NDArray[np.uint16]
    kept: Bools
    kept_as: NDArray[np.uint8]
    canonical: Bools
    unsound: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(
        cls,
        candidates: Iterable[Candidate],
        labels: Sequence[str],
        previous: Previous | None = None,
        expected: int = 0,
        decade_from: DecadeFrom = "album",
    ) -> Pool:
        """Columns from candidates in any order; no id may come twice.

        Args:
            candidates: read once.
            labels: umbrellas in the order of the map.
            previous: the last release; none by default.
            expected: how many candidates will come, so that no column has to grow.
            decade_from: which year a track's decade is taken from.
        """
        made = _Columns(labels, max(expected, 1), decade_from)
        rows = iter(candidates)
        while part := list(islice(rows, _CHUNK)):
            made.add(part)
        columns, linked_from = made.finish()
        linked, link = _links(columns["ids"], *linked_from)
        size = len(columns["ids"])
        pool = cls(
            labels=tuple(labels),
            origins=tuple(made.origins),
            linked=linked,
            link=link,
            preferred=_preferred(columns),
            kept=np.zeros(size, bool),
            kept_as=np.full(size, NONE, np.uint8),
            canonical=np.zeros(size, bool),
            unsound=made.unsound,
            **columns,
        )
        pool._remember(previous or Previous(), made.place)
        return pool

    def find(self, ids: Sequence[str]) -> Indices:
        """Positions of ids; -1 for those that are not here."""
        if not len(self):
            return np.full(len(ids), -1, np.int64)
        try:
            wanted = np.array([i.encode()[:_LONGEST] for i in ids], dtype=np.bytes_)
        except (AttributeError, UnicodeEncodeError):
            known = (i.encode() if holds_id(i) else b"" for i in ids)
            wanted = np.array(list(known), dtype=np.bytes_)
        at = np.minimum(np.searchsorted(self.ids, wanted), len(self) - 1)
        return np.where(self.ids[at] == wanted, at, -1)

    def id_of(self, index: int) -> str:
        """The Spotify id at a position."""
        return bytes(self.ids[index]).decode()

    def umbrellas_of(self, index: int) -> tuple[str, ...]:
        """A track's umbrellas, the heaviest first."""
        return tuple(self.labels[at] for at in self.names[index].tolist() if at != NONE)

    def decade_of(self, index: int) -> str | None:
        """A track's own decade."""
        at = int(self.decade[index])
        return None if at == NONE else DECADES[at]

    def _remember(self, previous: Previous, place: Mapping[str, int]) -> None:
        """Mark what the last release held; ids that are gone mark nothing."""
        rows = iter(previous.rows)
        while part := list(islice(rows, _CHUNK)):
            at = self.find([track_id for track_id, _ in part])
            here = at >= 0
            as_label = [place.get(label or "", NONE) for _, label in part]
            self.kept[at[here]] = True
            self.kept_as[at[here]] = np.array(as_label, np.uint8)[here]
        ids = iter(previous.canonicals)
        while names := list(islice(ids, _CHUNK)):
            at = self.find(names)
            self.canonical[at[at >= 0]] = True
        # A survivor without an ISRC stands in no table but the release's own.
        self.canonical |= self.kept


def read(
    connection: sa.Connection,
    policy: Policy,
    *,
    labels: Sequence[str],
    vote: Voter,
    soft_key: SoftKey | None = None,
    suit: Suits | None = None,
    decade_from: DecadeFrom = "album",
    unsound: Mapping[str, str] | None = None,
) -> Pool:
    """The pool of a store, in one pass over its tracks.

    A row that cannot be read is a candidate that `UNSOUND` refuses.

    Args:
        connection: of the store.
        policy: market and durations that the rules go by.
        labels: the umbrellas, in the order of the map.
        vote: how evidence becomes umbrellas.
        soft_key: text equal for renderings of one recording, empty when not comparable; None
            leaves all tracks without.
        suit: how well a track suits a run, and whether it may stay; None rates all alike.
        decade_from: which year a track's decade is taken from.
        unsound: tracks known to be unsound, and why.
    """
    previous = Previous(
        catalogue.previous_release(connection),
        (track_id for _, track_id in catalogue.canonicals(connection)),
    )
    found = _candidates(connection, policy, vote, soft_key, suit, unsound or {})
    return Pool.of(found, labels, previous, catalogue.track_count(connection), decade_from)


def evidence(connection: sa.Connection) -> Iterator[Evidence]:
    """What speaks for the umbrella of each track, by id; not of those that cannot be read."""
    artists = Merged(catalogue.credits_of_tracks(connection))
    sources = Merged(catalogue.sources_of_tracks(connection))
    for row in catalogue.titles(connection):
        try:
            found = _evidence(row, artists.of(row.track_id), sources.of(row.track_id))
        except Exception:  # noqa: BLE001, S112 -- any value may be of any type; `read` tells it
            continue
        yield found


def distinct(people: Sequence[Any]) -> Sequence[Any]:
    """The artists of a track, each once: some answers name one twice."""
    if len(people) < 2:
        return people
    first: dict[str, Any] = {}
    for one in people:
        first.setdefault(one.artist_id, one)
    return list(first.values())


def _evidence(row: Any, people: Sequence[Any], sources: Sequence[Any]) -> Evidence:
    """Raises `ValueError` or another for a row that does not hold what its columns say."""
    people = distinct(people)
    check_text("name", row.name)
    check_text("album_name", row.album_name)
    check_link("album_id", row.album_id)
    for one in people:
        check_text("artist_id", one.artist_id, ID_BYTES)
        check_text("the name of an artist", one.name)
    return Evidence(
        row.track_id,
        row.name,
        row.album_id,
        row.album_name,
        row.album_type == "compilation",
        tuple(p.artist_id for p in people),
        tuple(p.name for p in people),
        tuple(_genres(p.genres) for p in people),
        # A search for one song of a station says nothing of the kind of music.
        tuple((s.source_type, s.source_key) for s in sources if s.station is None),
        _shares(row.tags),
    )


def _candidates(
    connection: sa.Connection,
    policy: Policy,
    vote: Voter,
    soft_key: SoftKey | None,
    suit: Suits | None,
    unsound: Mapping[str, str],
) -> Iterator[Candidate]:
    artists = Merged(catalogue.credits_of_tracks(connection))
    sources = Merged(catalogue.sources_of_tracks(connection))
    for row in catalogue.candidates(connection, policy.market):
        try:
            people, places = artists.of(row.track_id), sources.of(row.track_id)
            one = _candidate(row, people, places, policy, vote, soft_key, suit)
        except Exception as error:  # noqa: BLE001 -- any value may be of any type
            yield _unsound(row.track_id, words_of(error))
            continue
        fault = unsound.get(one.track_id)
        yield one if fault is None else _unsound(one.track_id, fault)


def _candidate(
    row: Any,
    people: Sequence[Any],
    sources: Sequence[Any],
    policy: Policy,
    vote: Voter,
    soft_key: SoftKey | None,
    suit: Suits | None,
) -> Candidate:
    """Raises `ValueError` or another for a row that cannot be read."""
    if not holds_id(row.track_id):
        raise ValueError("track_id is none of Spotify's")
    check_whole("duration_ms", row.duration_ms, -LARGEST)
    check_whole("popularity", row.popularity, 0, 100)
    check_whole("original_year", row.original_year, 1, NO_YEAR)
    check_link("isrc", row.isrc, isrc=True)
    check_link("linked_from", row.linked_from)
    seen = _evidence(row, people, sources)
    rating = suit(row, seen.sources) if suit else None
    facts = facts_of_stored(
        row.name,
        artists=len(seen.artist_ids),
        duration_ms=row.duration_ms,
        playable=row.playable,
        basis=row.basis,
        available_markets=row.available_markets,
        market=policy.market,
    )._replace(unsuited=rating is not None and not rating.passes)
    rules = judge(facts, policy, RULES)
    year = release_year(row.release_date)
    check_whole("the year of release_date", year, 0, NO_YEAR)
    key = soft_key(row.name, seen.artist_names) if soft_key else ""
    return Candidate(
        track_id=row.track_id,
        isrc=row.isrc,
        linked_from=row.linked_from,
        duration_ms=row.duration_ms,
        year=year,
        popularity=row.popularity,
        has_features=row.features is not None,
        asked_features=row.tries is not None,
        vote=vote(seen),
        rule=rules[0] if rules else None,
        compilation=seen.compilation,
        soft_key=key,
        suitability=0.0 if rating is None else rating.score,
        original_year=row.original_year,
    )


def _unsound(track_id: object, fault: str) -> Candidate:
    """The place of a track that cannot be released; nothing else is asked of it."""
    name = track_id if isinstance(track_id, str) and holds_id(track_id) else stand_in(track_id)
    return Candidate(
        track_id=name,
        isrc=None,
        linked_from=None,
        duration_ms=0,
        year=None,
        popularity=None,
        has_features=False,
        asked_features=False,
        vote=Vote(),
        rule=UNSOUND,
        fault=fault,
    )


@lru_cache(maxsize=16_384)
def _genres(text: str | None) -> tuple[str, ...]:
    return texts_of("genres", list(catalogue.genres_of(text)))


@lru_cache(maxsize=16_384)
def _shares(text: str | None) -> tuple[tuple[str, int], ...]:
    found = catalogue.shares_of(text)
    texts_of("tagged genres", [genre for genre, _ in found])
    for _, share in found:
        check_whole("the share of a tagged genre", share, 0)
    return found


class _Columns:
    """Columns that fill up part by part, in place: no second copy is ever made."""

    def __init__(self, labels: Sequence[str], expected: int, decade_from: DecadeFrom) -> None:
        self._original = decade_from == "original"
        self.place = {label: at for at, label in enumerate(labels)}
        self.origins: dict[str, int] = {}
        self._size, self._length = 0, expected
        self._columns: dict[str, NDArray[Any]] = {}
        self.unsound: dict[str, str] = {}
        # Few tracks are relinked: positions and ids of those only.
        self._linked: list[tuple[Indices, NDArray[np.bytes_]]] = []

    def add(self, part: Sequence[Candidate]) -> None:
        """Append candidates."""
        end = self._size + len(part)
        while self._length < end:
            self._length *= 2
        for name, values in self._made(part).items():
            column = self._columns.get(name)
            # Wider than a valid value if need be: cutting one short would make two ids one.
            kind = values.dtype if column is None else np.promote_types(column.dtype, values.dtype)
            if column is None or column.dtype != kind or len(column) < end:
                grown = np.empty((self._length, *values.shape[1:]), kind)
                if column is not None:
                    grown[: self._size] = column[: self._size]
                self._columns[name] = column = grown
            column[self._size : end] = values
        self.unsound.update((one.track_id, one.fault) for one in part if one.fault)
        linked = [at for at, one in enumerate(part) if one.linked_from]
        if linked:
            ids = np.array([(part[at].linked_from or "").encode() for at in linked])
            self._linked.append((np.array(linked, np.int64) + self._size, ids))
        self._size = end

    def finish(
        self,
    ) -> tuple[dict[str, NDArray[Any]], tuple[Indices, NDArray[np.bytes_]]]:
        """The columns by ascending id; positions of relinked tracks, and from which ids."""
        if not self._columns:
            self._columns = self._made([])
        columns = {name: column[: self._size] for name, column in self._columns.items()}
        # Their numbers so far are those of arrival.
        names = sorted(self.origins)
        numbers = np.array([names.index(name) for name in self.origins], np.uint8)
        columns["origin"] = numbers[columns["origin"]] if names else columns["origin"]
        self.origins = {name: at for at, name in enumerate(names)}
        where = np.concatenate([at for at, _ in self._linked] or [np.empty(0, np.int64)])
        linked_from = np.concatenate([ids for _, ids in self._linked] or [np.empty(0, "S1")])
        ids = columns["ids"]
        if not bool(np.all(ids[:-1] < ids[1:])):
            order = np.argsort(ids, kind="stable")
            columns = {name: column[order] for name, column in columns.items()}
            position = np.empty(len(order), np.int64)
            position[order] = np.arange(len(order))
            where = position[where]
        return columns, (where, linked_from)

    def _made(self, part: Sequence[Candidate]) -> dict[str, NDArray[Any]]:
        names = np.full((len(part), MOST_UMBRELLAS), NONE, np.uint8)
        for at, candidate in enumerate(part):
            for column, name in enumerate(candidate.vote.names[:MOST_UMBRELLAS]):
                names[at, column] = self.place[name]
        decades = [decade_of(self._cell_year(c)) for c in part]
        origins = [self.origins.setdefault(c.vote.origin, len(self.origins)) for c in part]
        rules = [ELIGIBLE if c.rule is None else RULES.index(c.rule) for c in part]
        return {
            "ids": _text([c.track_id for c in part], 22),
            "isrc": _text([c.isrc or "" for c in part], 12),
            "duration": np.array([c.duration_ms for c in part], np.int32),
            "year": np.array([c.year or NO_YEAR for c in part], np.int16),
            "original": np.array([c.original_year or NO_YEAR for c in part], np.int16),
            "decade": np.array([DECADES.index(d) if d else NONE for d in decades], np.uint8),
            "popularity": np.array(
                [-1 if c.popularity is None else c.popularity for c in part], np.int8
            ),
            "features": np.array([c.has_features for c in part], bool),
            "asked": np.array([c.asked_features for c in part], bool),
            "compilation": np.array([c.compilation for c in part], bool),
            "suitability": np.array([int(c.suitability * 10) for c in part], np.uint8),
            "rule": np.array(rules, np.int8),
            "soft": _hashes([c.soft_key for c in part]),
            "names": names,
            "origin": np.array(origins, np.uint8),
            "confidence": np.array([round(c.vote.confidence * 10_000) for c in part], np.uint16),
        }

    def _cell_year(self, candidate: Candidate) -> int | None:
        return (self._original and candidate.original_year) or candidate.year


def _preferred(columns: Mapping[str, NDArray[Any]]) -> Bools:
    """Editions whose album is of the song's first year; their features must be known."""
    first: NDArray[np.int16] = columns["original"].copy()
    year: NDArray[np.int16] = columns["year"]
    (known,) = np.nonzero(first != NO_YEAR)
    if not len(known):
        return np.zeros(len(first), bool)
    soft = columns["soft"]
    # What one edition knows, all know: by the code first, then by title and artist.
    for key, some in ((columns["isrc"], columns["isrc"] != b""), (soft, soft.any(axis=1))):
        (members,) = np.nonzero(some)
        if key.ndim > 1:
            members = members[np.lexsort((key[members, 1], key[members, 0]))]
            changes = (key[members][1:] != key[members][:-1]).any(axis=1)
        else:
            members = members[np.argsort(key[members], kind="stable")]
            changes = key[members][1:] != key[members][:-1]
        if not len(members):
            continue
        starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
        least = np.minimum.reduceat(first[members], starts)
        first[members] = np.repeat(least, np.diff([*starts.tolist(), len(members)]))
    of_first = (first != NO_YEAR) & (year <= first + NEAR)
    return np.asarray(of_first & columns["features"], np.bool_)


def _text(values: Sequence[str], width: int) -> NDArray[np.bytes_]:
    made = np.array([value.encode() for value in values], dtype=np.bytes_)
    return made.astype(f"S{max(width, made.dtype.itemsize)}")


def _hashes(keys: Sequence[str]) -> NDArray[np.uint64]:
    """(length, 2): 128 bits of each text, 0 for an empty one."""
    empty = bytes(16)
    digests = [blake2b(key.encode(), digest_size=16).digest() if key else empty for key in keys]
    return np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, 2).astype(np.uint64)


def _links(
    ids: NDArray[np.bytes_], where: Indices, linked_from: NDArray[np.bytes_]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Per track a code of the id it was relinked from, and that id's position; else -1."""
    linked = np.full(len(ids), -1, np.int32)
    link = np.full(len(ids), -1, np.int32)
    if len(where):
        targets, codes = np.unique(linked_from, return_inverse=True)
        at = np.minimum(np.searchsorted(ids, targets), len(ids) - 1)
        linked[where] = codes
        link[where] = np.where(ids[at] == targets, at, -1)[codes]
    return linked, link


class Merged:
    """Walks a stream sorted by track id beside another: `of(id)` gives the rows of that id."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._groups = groupby(rows, key=lambda row: row.track_id)
        self._next = next(self._groups, None)

    def of(self, track_id: str) -> list[Any]:
        """The rows of an id; ids must be asked in ascending order."""
        try:
            while self._next is not None and self._next[0] < track_id:
                self._next = next(self._groups, None)
        except TypeError:  # an id that is no text; SQLite sorts them behind all texts
            return []
        if self._next is None or self._next[0] != track_id:
            return []
        rows = list(self._next[1])
        self._next = next(self._groups, None)
        return rows
