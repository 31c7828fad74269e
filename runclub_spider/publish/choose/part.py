"""The tracks of one part of a store, as columns.

A part is a span of ids. What is said here of a track follows from its own rows, so that the parts
can be read in any order, by any number of processes; only the votes of other tracks are missing,
and :mod:`.pool` brings those together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from runclub_spider.catalog import votes
from runclub_spider.catalog.ballots import NONE, Ballot, Box, Votes
from runclub_spider.catalog.content.judge import (
    may_speak,
    may_tell,
    speech_may_tell,
    title_may_tell,
)
from runclub_spider.catalog.content.labels import Treatment
from runclub_spider.catalog.content.track import Track, genres_of, heard
from runclub_spider.catalog.content.works import Works
from runclub_spider.catalog.dates import DECADES, FIRST_YEAR, release_year
from runclub_spider.catalog.playability import listed, stored_playability
from runclub_spider.catalog.rules import Facts, Policy, first_refusals
from runclub_spider.catalog.suitability import DEFAULT_POLICY, FamilyPolicy, suitability
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.catalog.versions import soft_key
from runclub_spider.publish.choose.content import Listener
from runclub_spider.publish.choose.run_suitability import rate
from runclub_spider.publish.choose.unsound import (
    ID_BYTES,
    LARGEST,
    check_ids,
    check_links,
    check_text,
    check_texts,
    check_whole,
    check_wholes,
    holds_id,
    stand_in,
    texts_of,
    words_of,
)
from runclub_spider.store.read import candidates as stored
from runclub_spider.store.read import catalogue
from runclub_spider.store.read.candidates import CandidateRow, Span

#: Stands for no year: later than any.
NO_YEAR = 9999
#: The features that are rated.
RATED = ("tempo", "energy", "danceability", "acousticness")
# Spans hold about so many tracks: what is read of them takes some 20 MB, and the last of a store is
# not waited for long. Fewer gain little, and each task has its own copy of what is asked.
_TRACKS = 10_000
# Rows that are looked at together.
_TOGETHER = 2_000
_FIRST_RATED = CandidateRow._fields.index(RATED[0])
_NO_FEATURES: Sequence[float | None] = (None,) * len(RATED)
_NUMBERS = frozenset({float, type(None)})
_NO_KEY = bytes(16)
# Values of rows by name; texts have a width in bytes.
_TYPES: Mapping[str, Any] = {
    "ids": np.bytes_,
    "isrc": np.bytes_,
    "duration": np.int32,
    "year": np.int16,
    "original": np.int16,
    "popularity": np.int8,
    "features": np.bool_,
    "asked": np.bool_,
    "compilation": np.bool_,
    "content": np.uint16,
    "soft": np.uint64,
    "untitled": np.bool_,
    "artists": np.int32,
    "playable": "U7",
    "families": np.int32,
    "unsound": np.bool_,
}
_WIDTHS = {"ids": ID_BYTES, "isrc": 12}
# Those that a pool holds; the others only lead to them.
_KEPT = tuple(_TYPES)[: tuple(_TYPES).index("soft") + 1]

DecadeFrom = Literal["album", "original"]
_Source = tuple[str, str]
# The id, the name and the genres of an artist, as stored.
_Credit = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the tracks of a store.

    Attributes:
        policy: market, durations and content that the rules go by.
        umbrellas: the genre map.
        threshold: confidence from which an umbrella may fill a cell, 0-1.
        tags: whether the genres of open metadata vote.
        soft: whether titles and artists are compared.
        decade_from: which year a track's decade is taken from.
        policies: what the seed families ask of features.
        votes: what each search and playlist says of the tracks that it found.
        families: seed families of each search and playlist.
        lists: what searches and playlists are called, of those whose name may say what a track is.
        unsound: tracks known to be unsound, and why.
    """

    policy: Policy
    umbrellas: UmbrellaMap
    threshold: float
    tags: bool = True
    soft: bool = True
    decade_from: DecadeFrom = "album"
    policies: Mapping[str, FamilyPolicy] = field(default_factory=dict)
    votes: Mapping[_Source, votes.Source] = field(default_factory=dict)
    families: Mapping[_Source, frozenset[str]] = field(default_factory=dict)
    lists: Mapping[_Source, str] = field(default_factory=dict)
    unsound: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """What a span of a store holds.

    Attributes:
        columns: of equal length, by their names in :class:`.pool.Pool`, in the order of reading.
        votes: of the tracks; empty ones of those that wait in the ballot.
        ballot: what they say of their artists and albums.
        works: what they are beside songs, as far as that tells of their artists' other tracks.
        linked: positions of relinked tracks.
        linked_from: the ids that these were relinked from.
        unsound: by id, what is wrong with the tracks that `UNSOUND` refuses.
    """

    columns: dict[str, NDArray[Any]]
    votes: Votes
    ballot: Ballot
    works: Works
    linked: NDArray[np.int64]
    linked_from: NDArray[np.bytes_]
    unsound: dict[str, str]


def spans(connection: sa.Connection) -> list[Span]:
    """Spans that cover all ids, each of about as many tracks."""
    return stored.spans(connection, _TRACKS)


def read_part(connection: sa.Connection, span: Span, asked: Asked) -> Part:
    """Read a span of a store; a row that cannot be read is one that `UNSOUND` refuses."""
    people: dict[Any, list[_Credit]] = defaultdict(list)
    sources: dict[Any, list[_Source]] = defaultdict(list)
    for track_id, *credit in stored.credits(connection, span):
        people[track_id].append(credit)
    for track_id, kind, key, station in stored.sources(connection, span):
        # A search for one song of a station says nothing of the kind of music.
        if station is None:
            sources[track_id].append((kind, key))
    reader = _Reader(asked, people, sources)
    rows = stored.candidates(connection, asked.policy.market, span)
    while some := list(islice(rows, _TOGETHER)):
        reader.take(some)
    return reader.part()


class _Artist(NamedTuple):
    """An artist of a track, looked at once.

    Attributes:
        digest: of the id.
        name: as stored.
        genres: as stored.
        asked: whether anybody asked for genres.
        umbrellas: that the genres name.
        tells: whether name or genres may bring up a content label.
    """

    digest: int
    name: str
    genres: tuple[str, ...]
    asked: bool
    umbrellas: tuple[str, ...]
    tells: bool


class _Said(NamedTuple):
    """What a track says of its artists: who they are, and its tagged genres with their shares."""

    artists: Sequence[_Artist]
    tags: tuple[tuple[str, int], ...]


class _Seen(NamedTuple):
    """What the rules and the choice look at.

    Attributes:
        values: columns by the names of `_TYPES`, all but `content`.
        features: of each track those that are rated, none of one that is in `odd`.
        odd: by place the rating of features that are no plain numbers, and whether it passes.
    """

    values: dict[str, list[Any]]
    features: Sequence[Sequence[Any]]
    odd: dict[int, tuple[float, bool]]


_NOTHING_SAID = _Said((), ())
_TELLS = attrgetter("tells")


class _Reader:
    """Takes the rows of a part, and makes columns of them.

    Rows are looked at together, and what their values are is asked of whole columns. Where any is
    odd, each of those rows is looked at by itself, and an unsound one gives way to an empty one.

    Args:
        asked: what is asked of the tracks.
        people: by track its artists.
        sources: by track the places that showed it.
    """

    def __init__(
        self,
        asked: Asked,
        people: Mapping[Any, Sequence[_Credit]],
        sources: Mapping[Any, Sequence[_Source]],
    ) -> None:
        self._asked, self._people, self._sources = asked, people, sources
        self._voter = votes.Voter(asked.umbrellas, threshold=asked.threshold)
        self._box = Box(self._voter)
        self._listener = Listener(asked.policy.content)
        self._rejected = asked.policy.content.mask(Treatment.REJECT)
        self._values: dict[str, list[Any]] = {name: [] for name in _TYPES}
        self._features: list[Sequence[float | None]] = []
        self._odd: dict[int, tuple[float, bool]] = {}
        self._linked: list[tuple[int, str]] = []
        self._unsound: dict[str, str] = {}
        # Of each track the place of its verdict; the first is that of those who wait.
        self._verdict: list[int] = []
        self._verdicts = [votes.NO_VERDICT]
        # What many rows share, looked at once.
        self._artists: dict[Any, _Artist] = {}
        self._genres: dict[Any, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._opinions: dict[tuple[tuple[str, ...], ...], tuple[int, int]] = {}
        self._playable: dict[tuple[Any, ...], str] = {}
        self._years: dict[Any, int] = {}
        self._sets: dict[frozenset[str], int] = {}
        self._shares: dict[str, tuple[tuple[str, int], ...]] = {}

    def take(self, rows: Sequence[CandidateRow]) -> None:
        """Take tracks; there is at least one."""
        known = self._asked.unsound
        said: Sequence[_Said | None]
        seen: _Seen | None = None
        try:
            columns = _across(rows)
            _check(columns)
            said = them = self._said(columns)
            words = {at: known[one] for at, one in enumerate(columns.track_id) if one in known}
            seen = self._seen(columns, them)
        except Exception:  # noqa: BLE001 -- any value may be of any type
            said, words = self._one_by_one(rows)
        self._listen(rows, said, words)
        if seen is None or words:
            rows = [_empty(row.track_id) if at in words else row for at, row in enumerate(rows)]
            them = [
                _NOTHING_SAID if one is None or at in words else one for at, one in enumerate(said)
            ]
            seen = self._seen(_across(rows), them)
            for at, why in words.items():
                self._unsound[rows[at].track_id] = why
                seen.values["unsound"][at] = True
        start = len(self._features)
        self._odd.update((start + at, rating) for at, rating in seen.odd.items())
        self._linked += [
            (at, row.linked_from) for at, row in enumerate(rows, start) if row.linked_from
        ]
        self._features += seen.features
        for name, column in seen.values.items():
            self._values[name] += column

    def _one_by_one(
        self, rows: Sequence[CandidateRow]
    ) -> tuple[list[_Said | None], dict[int, str]]:
        """What tracks say of their artists, None for one that cannot be read; why any is unsound.

        What an unsound track says of its artists stays true.
        """
        all_said: list[_Said | None] = []
        words: dict[int, str] = {}
        for at, row in enumerate(rows):
            said: Sequence[_Said] = ()
            fault, why, columns = None, None, _across([row])
            try:
                said = self._said(columns)
            except Exception as error:  # noqa: BLE001 -- as above
                fault = error
            all_said.append(said[0] if said else None)
            try:
                _check(columns)
                if fault is not None:
                    raise fault
                self._seen(columns, said)
                why = self._asked.unsound.get(row.track_id)
            except Exception as error:  # noqa: BLE001 -- as above
                why = words_of(error)
            if why is not None:
                words[at] = why
        return all_said, words

    # What tracks say of their artists

    def _said(self, columns: CandidateRow) -> list[_Said]:
        """Artists and tagged genres; raises anything where a row says no such thing."""
        check_texts("name", columns.name)
        check_texts("album_name", columns.album_name)
        check_links("album_id", columns.album_id)
        known, people = self._artists, self._people
        found = []
        for track_id, tags in zip(columns.track_id, columns.tags, strict=True):
            artists = [known.get(one[0]) or self._artist(*one) for one in people.get(track_id, ())]
            if len(artists) > 1:
                # Some answers name one twice.
                artists = list({one.digest: one for one in artists}.values())
            found.append(_Said(artists, self._tags(tags) if tags else ()))
        return found

    def _artist(self, artist_id: Any, name: Any, genres: Any) -> _Artist:
        check_text("artist_id", artist_id, ID_BYTES)
        check_text("the name of an artist", name)
        known = self._genres.get(genres)
        if known is None:
            said = texts_of("genres", list(catalogue.genres_of(genres)))
            known = self._genres[genres] = said, self._asked.umbrellas.mapped(said)
        said, umbrellas = known
        asked, tells = genres is not None, may_tell(name, said)
        made = _Artist(votes.digest(artist_id), name, said, asked, umbrellas, tells)
        self._artists[artist_id] = made
        return made

    def _tags(self, text: str) -> tuple[tuple[str, int], ...]:
        known = self._shares.get(text)
        if known is None:
            known = catalogue.shares_of(text)
            texts_of("tagged genres", [genre for genre, _ in known])
            for _, share in known:
                check_whole("the share of a tagged genre", share, 0)
            self._shares[text] = known
        return known

    def _listen(
        self,
        rows: Sequence[CandidateRow],
        said: Sequence[_Said | None],
        unsound: Container[int],
    ) -> None:
        """Let tracks speak of themselves and their artists: votes and content labels."""
        labels, start = self._values["content"], len(self._verdict)
        for at, (row, one) in enumerate(zip(rows, said, strict=True)):
            if one is None:
                self._verdict.append(0)
                labels.append(0)
                continue
            position = None if at in unsound else start + at
            sources = self._sources.get(row.track_id, ())
            # Of an album by one artist the artist's own tracks say all there is.
            on_album = row.album_type == "compilation" and row.album_id is not None
            opinion, verdict = self._opinion(row, one, sources)
            self._box.add(
                opinion,
                [artist.digest for artist in one.artists],
                votes.digest(row.album_id) if on_album else None,
                None if verdict else position,
            )
            content = self._content(row, one.artists, sources, position)
            self._verdict.append(0 if position is None else verdict)
            labels.append(0 if position is None else content)

    def _opinion(
        self, row: CandidateRow, said: _Said, sources: Sequence[_Source]
    ) -> tuple[int, int]:
        """The number of its opinion, and the place of its verdict; 0 if it waits for others."""
        artists, asked = said.artists, self._asked
        umbrellas = tuple([one.umbrellas for one in artists])
        if any(umbrellas):
            known = self._opinions.get(umbrellas)
            if known is None:
                opinion, verdict = self._box.of_umbrellas(umbrellas)
                known = self._opinions[umbrellas] = opinion, len(self._verdicts)
                self._verdicts.append(verdict)
            return known
        evidence = votes.Evidence(
            name=row.name,
            album_name=row.album_name,
            artist_ids=(),
            artist_names=[one.name for one in artists],
            genres=(),
            album_id=None,
            sources=[asked.votes[key] for key in sources if key in asked.votes],
            tags=said.tags if asked.tags else (),
        )
        own = self._voter.own(evidence)
        return self._box.of_own(own, self._voter.alone(own, evidence)), 0

    def _content(
        self,
        row: CandidateRow,
        artists: Sequence[_Artist],
        sources: Sequence[_Source],
        position: int | None,
    ) -> int:
        """What it is beside a song, as far as its own rows tell."""
        artist, lists = artists[0].digest if artists else None, self._asked.lists
        if not (
            title_may_tell(row.name)
            or any(map(_TELLS, artists))
            or may_speak(row.album_name)
            or speech_may_tell(row.speechiness)
            or (lists and not lists.keys().isdisjoint(sources))
        ):
            self._listener.pass_over(artist)
            return 0
        track = Track(
            row.name,
            tuple([one.name for one in artists]),
            row.album_name,
            genres_of((one.genres, one.asked) for one in artists),
            heard(row.speechiness, row.liveness),
            tuple([lists[one] for one in sources if one in lists]) if lists else (),
        )
        return self._listener.take(track, artist, position)

    # What the rules and the choice look at

    def _seen(self, columns: CandidateRow, said: Sequence[_Said]) -> _Seen:
        """Values of rows, and their features; raises anything where one cannot be read."""
        families = [self._families(track_id) for track_id in columns.track_id]
        features, odd = self._rated(columns, families)
        kinds = list(zip(columns.playable, columns.basis, columns.available_markets, strict=True))
        for kind in set(kinds).difference(self._playable):
            found = stored_playability(*kind[:2], listed(kind[2]), self._asked.policy.market)
            self._playable[kind] = str(found.playable)
        for date in set(columns.release_date).difference(self._years):
            year = release_year(date)
            check_whole("the year of release_date", year, 0, NO_YEAR)
            self._years[date] = year or NO_YEAR
        return _Seen(
            {
                "ids": list(columns.track_id),
                "isrc": [one or "" for one in columns.isrc],
                "duration": list(columns.duration_ms),
                "year": [self._years[one] for one in columns.release_date],
                "original": [one or NO_YEAR for one in columns.original_year],
                "popularity": [-1 if one is None else one for one in columns.popularity],
                "features": [one is not None for one in columns.features],
                "asked": [one is not None for one in columns.tries],
                "compilation": [one == "compilation" for one in columns.album_type],
                "soft": self._keys(columns.name, said)
                if self._asked.soft
                else [_NO_KEY] * len(said),
                "untitled": [not one.strip() for one in columns.name],
                "artists": [len(one.artists) for one in said],
                "playable": [self._playable[kind] for kind in kinds],
                "families": [self._sets.setdefault(one, len(self._sets)) for one in families],
                "unsound": [False] * len(said),
            },
            features,
            odd,
        )

    def _keys(self, names: Sequence[str], said: Sequence[_Said]) -> list[bytes]:
        """A hash of each soft key."""
        keys = [
            soft_key(name, [artist.name for artist in one.artists])
            for name, one in zip(names, said, strict=True)
        ]
        return [blake2b(key.encode(), digest_size=16).digest() if key else _NO_KEY for key in keys]

    def _families(self, track_id: Any) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        known = self._asked.families
        for source in self._sources.get(track_id, ()):
            if (some := known.get(source)) is not None:
                found = found | some if found else some
        return found

    def _rated(
        self, columns: CandidateRow, families: Sequence[frozenset[str]]
    ) -> tuple[list[Sequence[Any]], dict[int, tuple[float, bool]]]:
        """Features to be rated with all others'; odd ones are rated here, or raise."""
        some = columns[_FIRST_RATED : _FIRST_RATED + len(RATED)]
        rows: list[Sequence[Any]] = list(zip(*some, strict=True))
        odd = {}
        if not all(_NUMBERS.issuperset(map(type, one)) for one in some):
            for at, values in enumerate(rows):
                if _NUMBERS.issuperset(map(type, values)):
                    continue
                rows[at] = _NO_FEATURES
                policies = self._asked.policies
                theirs = {name: policies.get(name, DEFAULT_POLICY) for name in families[at]}
                rating = suitability(**dict(zip(RATED, values, strict=True)), families=theirs)
                if rating is not None:
                    odd[at] = rating.score, rating.passes
        return rows, odd

    # Columns

    def part(self) -> Part:
        """All that was taken."""
        columns = self._columns()
        score, unsuited = self._suits(columns)
        facts = Facts(
            untitled=columns["untitled"],
            artists=columns["artists"],
            duration_ms=columns["duration"],
            playable=columns["playable"],
            unsuited=unsuited,
            unsound=columns["unsound"],
            content=columns["content"] & self._rejected,
        )
        kept = {name: columns[name] for name in _KEPT}
        where = np.array([at for at, _ in self._linked], np.int64)
        ids = np.array([one.encode() for _, one in self._linked], np.bytes_)
        return Part(
            columns=kept
            | {
                "suitability": score,
                "rule": first_refusals(facts, self._asked.policy),
                "decade": self._decades(columns),
            },
            votes=Votes.of(self._verdicts, self._voter.labels).take(
                np.array(self._verdict, np.int64)
            ),
            ballot=self._box.close(),
            works=self._listener.close(),
            linked=where,
            linked_from=ids,
            unsound=self._unsound,
        )

    def _columns(self) -> dict[str, NDArray[Any]]:
        made: dict[str, NDArray[Any]] = {}
        for name, kind in _TYPES.items():
            column = self._values.pop(name)
            if name in _WIDTHS:
                made[name] = text_column(column, _WIDTHS[name])
            elif name == "soft":
                words = np.frombuffer(b"".join(column), dtype="<u8").reshape(-1, 2)
                made[name] = words.astype(np.uint64)
            else:
                made[name] = np.array(column, kind)
        return made

    def _suits(self, columns: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
        table = np.array(self._features, np.float64).reshape(-1, len(RATED))
        features = {name: table[:, at] for at, name in enumerate(RATED)}
        score, unsuited = rate(
            features, columns["families"], list(self._sets), self._asked.policies
        )
        for at, (mark, passes) in self._odd.items():
            score[at], unsuited[at] = int(mark * 10), not passes
        return score, unsuited

    def _decades(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
        year = columns["year"]
        if self._asked.decade_from == "original":
            year = np.where(columns["original"] == NO_YEAR, year, columns["original"])
        number = np.minimum((year - FIRST_YEAR) // 10, len(DECADES) - 1)
        return np.where((year < FIRST_YEAR) | (year == NO_YEAR), NONE, number).astype(np.uint8)


def text_column(values: Sequence[str], width: int) -> NDArray[np.bytes_]:
    """Wider than a valid value if need be: cutting one short would make two ids one."""
    made = np.array([value.encode() for value in values], dtype=np.bytes_)
    return made.astype(f"S{max(width, made.dtype.itemsize)}")


def _across(rows: Sequence[CandidateRow]) -> CandidateRow:
    """The columns of rows, under the names of their values."""
    return CandidateRow(*zip(*rows, strict=True))


def _check(columns: CandidateRow) -> None:
    """Raise `ValueError` where a value cannot stand in its column."""
    check_ids(columns.track_id)
    check_wholes("duration_ms", columns.duration_ms, -LARGEST)
    check_wholes("popularity", columns.popularity, 0, 100)
    check_wholes("original_year", columns.original_year, 1, NO_YEAR)
    check_links("isrc", columns.isrc, isrc=True)
    check_links("linked_from", columns.linked_from)


def _empty(track_id: object) -> CandidateRow:
    """Stands for a track that cannot be released: nothing else is asked of it."""
    name = track_id if holds_id(track_id) else stand_in(track_id)
    nothing = CandidateRow(*[None] * len(CandidateRow._fields))
    return nothing._replace(track_id=name, name="", album_name="", duration_ms=0)
