"""The tracks of one part of a store, as columns.

A part is a span of ids. What is said here of a track follows from its own rows, so that the parts
can be read in any order, by any number of processes; only the votes of other tracks are missing,
and :mod:`.pool` brings those together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from runclub_spider.catalog import votes
from runclub_spider.catalog.ballots import NONE, Ballot, Box, Votes
from runclub_spider.catalog.content.labels import Treatment
from runclub_spider.catalog.content.track import Track, genres_of, heard
from runclub_spider.catalog.content.works import Works
from runclub_spider.catalog.dates import DECADES, FIRST_YEAR, release_year
from runclub_spider.catalog.models import Playable
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
    check_link,
    check_text,
    check_whole,
    holds_id,
    stand_in,
    texts_of,
    words_of,
)
from runclub_spider.store.read import candidates as stored
from runclub_spider.store.read import catalogue
from runclub_spider.store.read.candidates import CandidateRow, CreditRow, Span

#: Stands for no year: later than any.
NO_YEAR = 9999
#: The features that are rated.
RATED = ("tempo", "energy", "danceability", "acousticness")
# Spans hold about so many tracks: what is read of them takes some 20 MB, and the last of a store is
# not waited for long. Fewer gain little, and each task has its own copy of what is asked.
_TRACKS = 10_000
_FIRST_RATED = CandidateRow._fields.index(RATED[0])
_NO_FEATURES: Sequence[float | None] = (None,) * len(RATED)
_NO_KEY = bytes(16)
# Values of a row by name, in the order of `_Reader._seen`; texts have a width in bytes.
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
    reader = _Reader(asked)
    people: dict[Any, list[CreditRow]] = defaultdict(list)
    sources: dict[Any, list[_Source]] = defaultdict(list)
    for credit in stored.credits(connection, span):
        people[credit[0]].append(credit)
    for track_id, kind, key, station in stored.sources(connection, span):
        # A search for one song of a station says nothing of the kind of music.
        if station is None:
            sources[track_id].append((kind, key))
    for row in stored.candidates(connection, asked.policy.market, span):
        track_id = row[0]
        reader.take(row, people.get(track_id, ()), sources.get(track_id, ()))
    return reader.part()


@dataclass(frozen=True, slots=True)
class _Artist:
    """An artist of a track, looked at once."""

    artist_id: str
    digest: int
    name: str
    genres: tuple[str, ...]
    asked: bool


class _Reader:
    """Takes the rows of a part one by one, and makes columns of them."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._voter = votes.Voter(asked.umbrellas, threshold=asked.threshold)
        self._box = Box(self._voter)
        self._listener = Listener(asked.policy.content)
        self._rejected = asked.policy.content.mask(Treatment.REJECT)
        self._values: list[tuple[Any, ...]] = []
        self._verdicts: list[votes.Verdict] = []
        self._features: list[Sequence[float | None]] = []
        # Ratings of features that are no plain numbers.
        self._odd: dict[int, tuple[float, bool]] = {}
        self._linked: list[tuple[int, str]] = []
        self._unsound: dict[str, str] = {}
        # What many rows share, looked at once.
        self._artists: dict[tuple[Any, ...], _Artist] = {}
        self._genres: dict[tuple[tuple[str, ...], ...], tuple[int, votes.Verdict] | None] = {}
        self._playable: dict[tuple[Any, ...], str] = {}
        self._sets: dict[frozenset[str], int] = {}
        self._shares: dict[str, tuple[tuple[str, int], ...]] = {}

    def take(
        self, row: CandidateRow, people: Sequence[CreditRow], sources: Sequence[_Source]
    ) -> None:
        """Take a track with its artists and the places that showed it."""
        fault: Exception | None = None
        waits, verdict, content = False, votes.NO_VERDICT, 0
        artists: Sequence[_Artist] = ()
        try:
            artists, tags = self._said(row, people)
        except Exception as error:  # noqa: BLE001 -- any value may be of any type
            fault = error
        else:
            # Also of a track that is left out below: what it says of its artists stays true.
            opinion, verdict, waits = self._opinion(row, artists, sources, tags)
            # Of an album by one artist the artist's own tracks say all there is.
            on_album = row.album_id is not None and row.album_type == "compilation"
            album = votes.digest(row.album_id) if on_album else None
            self._box.add(opinion, [one.digest for one in artists], album)
            content = self._content(row, artists, sources)
        try:
            values, features = self._seen(row, artists, sources, fault, content)
            words = self._asked.unsound.get(row.track_id)
        except Exception as error:  # noqa: BLE001 -- as above
            words = words_of(error)
        if words is not None:
            name = row.track_id if holds_id(row.track_id) else stand_in(row.track_id)
            self._unsound[name] = words
            self._odd.pop(len(self._values), None)
            values, features, verdict, waits = _nothing(name), _NO_FEATURES, votes.NO_VERDICT, False
        else:
            if row.linked_from:
                self._linked.append((len(self._values), row.linked_from))
            if artists:
                self._listener.put(len(self._values))
        if fault is None:
            self._box.wait(len(self._values) if waits else None)
        self._values.append(values)
        self._features.append(features)
        self._verdicts.append(verdict)

    # What a track says of its artists

    def _said(
        self, row: CandidateRow, people: Sequence[CreditRow]
    ) -> tuple[Sequence[_Artist], tuple[tuple[str, int], ...]]:
        """Artists and tagged genres; raises anything for a row that says no such thing."""
        check_text("name", row.name)
        check_text("album_name", row.album_name)
        check_link("album_id", row.album_id)
        if len(people) == 1:
            artists = [self._artist(people[0])]
        else:
            # Some answers name one twice.
            first: dict[Any, _Artist] = {}
            for one in people:
                if one[1] not in first:
                    first[one[1]] = self._artist(one)
            artists = list(first.values())
        return artists, self._tags(row.tags) if row.tags else ()

    def _artist(self, row: CreditRow) -> _Artist:
        key = row[1:]
        known = self._artists.get(key)
        if known is None:
            _, artist_id, name, genres = row
            check_text("artist_id", artist_id, ID_BYTES)
            check_text("the name of an artist", name)
            said = texts_of("genres", list(catalogue.genres_of(genres)))
            known = _Artist(artist_id, votes.digest(artist_id), name, said, genres is not None)
            self._artists[key] = known
        return known

    def _tags(self, text: str) -> tuple[tuple[str, int], ...]:
        known = self._shares.get(text)
        if known is None:
            known = catalogue.shares_of(text)
            texts_of("tagged genres", [genre for genre, _ in known])
            for _, share in known:
                check_whole("the share of a tagged genre", share, 0)
            self._shares[text] = known
        return known

    def _opinion(
        self,
        row: CandidateRow,
        artists: Sequence[_Artist],
        sources: Sequence[_Source],
        tags: tuple[tuple[str, int], ...],
    ) -> tuple[int, votes.Verdict, bool]:
        """Its number, the verdict so far, and whether that waits for the votes of others."""
        genres = tuple([one.genres for one in artists])
        if any(genres):
            if genres not in self._genres:
                self._genres[genres] = self._box.of_genres(genres)
            if (by_genre := self._genres[genres]) is not None:
                return *by_genre, False
        asked = self._asked
        said = votes.Evidence(
            name=row.name,
            album_name=row.album_name,
            artist_ids=(),
            artist_names=[one.name for one in artists],
            genres=(),
            album_id=None,
            sources=[asked.votes[key] for key in sources if key in asked.votes],
            tags=tags if asked.tags else (),
        )
        own = self._voter.own(said)
        return self._box.of_own(own, self._voter.alone(own, said)), votes.NO_VERDICT, True

    def _content(
        self, row: CandidateRow, artists: Sequence[_Artist], sources: Sequence[_Source]
    ) -> int:
        """What it is beside a song, as far as its own rows tell."""
        lists = self._asked.lists
        track = Track(
            row.name,
            tuple([one.name for one in artists]),
            row.album_name,
            genres_of((one.genres, one.asked) for one in artists),
            heard(row.speechiness, row.liveness),
            tuple([lists[one] for one in sources if one in lists]) if lists else (),
        )
        artist = artists[0].digest if artists else None
        return self._listener.take(track, artist)

    # What the rules and the choice look at

    def _seen(
        self,
        row: CandidateRow,
        artists: Sequence[_Artist],
        sources: Sequence[_Source],
        fault: Exception | None,
        content: int,
    ) -> tuple[tuple[Any, ...], Sequence[float | None]]:
        """Values of a row, and its features; raises anything for one that cannot be read."""
        if not holds_id(row.track_id):
            raise ValueError("track_id is none of Spotify's")
        check_whole("duration_ms", row.duration_ms, -LARGEST)
        check_whole("popularity", row.popularity, 0, 100)
        check_whole("original_year", row.original_year, 1, NO_YEAR)
        check_link("isrc", row.isrc, isrc=True)
        check_link("linked_from", row.linked_from)
        if fault is not None:
            raise fault
        families = self._families(sources)
        features = self._rated(row, families)
        playable = self._playability(row)
        year = release_year(row.release_date)
        check_whole("the year of release_date", year, 0, NO_YEAR)
        key = ""
        if self._asked.soft:
            key = soft_key(row.name, [one.name for one in artists])
        return (
            row.track_id,
            row.isrc or "",
            row.duration_ms,
            year or NO_YEAR,
            row.original_year or NO_YEAR,
            -1 if row.popularity is None else row.popularity,
            row.features is not None,
            row.tries is not None,
            row.album_type == "compilation",
            content,
            blake2b(key.encode(), digest_size=16).digest() if key else _NO_KEY,
            not row.name.strip(),
            len(artists),
            playable,
            self._sets.setdefault(families, len(self._sets)),
            False,
        ), features

    def _families(self, sources: Sequence[_Source]) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        known = self._asked.families
        for source in sources:
            if (some := known.get(source)) is not None:
                found = found | some if found else some
        return found

    def _rated(self, row: CandidateRow, families: frozenset[str]) -> Sequence[float | None]:
        """Features to be rated with all others'; odd ones are rated here, or raise."""
        if row.features is None:
            return _NO_FEATURES
        values = row[_FIRST_RATED : _FIRST_RATED + len(RATED)]
        for value in values:
            if type(value) is not float and value is not None:
                break
        else:
            return values
        asked = {family: self._asked.policies.get(family, DEFAULT_POLICY) for family in families}
        rating = suitability(**dict(zip(RATED, values, strict=True)), families=asked)
        if rating is not None:
            self._odd[len(self._values)] = (rating.score, rating.passes)
        return _NO_FEATURES

    def _playability(self, row: CandidateRow) -> str:
        key = (row.playable, row.basis, row.available_markets)
        known = self._playable.get(key)
        if known is None:
            market = self._asked.policy.market
            found = stored_playability(key[0], key[1], listed(key[2]), market)
            known = self._playable[key] = str(found.playable)
        return known

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
            votes=Votes.of(self._verdicts, self._voter.labels),
            ballot=self._box.close(),
            works=self._listener.close(),
            linked=where,
            linked_from=ids,
            unsound=self._unsound,
        )

    def _columns(self) -> dict[str, NDArray[Any]]:
        values = list(zip(*self._values, strict=True)) or [()] * len(_TYPES)
        made: dict[str, NDArray[Any]] = {}
        for (name, kind), column in zip(_TYPES.items(), values, strict=True):
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


def _nothing(name: str) -> tuple[Any, ...]:
    """Values of a track that cannot be released: nothing else is asked of it."""
    return (
        *(name, "", 0, NO_YEAR, NO_YEAR, -1, False, False, False, 0, _NO_KEY),
        *(True, 0, str(Playable.UNKNOWN), 0, True),
    )
