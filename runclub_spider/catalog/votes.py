"""Which umbrella a track belongs to when its artists carry no genres: votes, with a confidence.

Genres of the artists decide. Without them the searches and playlists that found the track vote,
its title and its album's title, and the other tracks of its artists and of its album. The votes
are added up as log odds and turned into probabilities (a multinomial logit); the weights were
fitted on tracks whose genres are known but were hidden, see ``docs/GENRES.md``.

Two passes over the tracks, in any order: :meth:`Voter.add` counts what each artist's and album's
tracks say, :meth:`Voter.verdict` then judges each track without its own share in those counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from math import exp, log1p
from struct import Struct

from runclub_spider.catalog.umbrellas import Mention, UmbrellaMap

#: Confidence from which an umbrella may fill a cell.
THRESHOLD = 0.75
#: An umbrella with less than this share of a track's votes is not worth naming.
MINOR_VOTE = 0.2

# Points of one whole vote: a name that mentions 2, 3, 4, 5 or 6 umbrellas divides it evenly.
_WHOLE = 60
#: One track adds this much to the counts of its artists: a lane of 32 bits holds 67 million tracks.
UNIT = 64
#: Other artists of a track together, beside the primary one.
GUESTS = 0.5
# The artist that a search asks for.
_ARTIST = re.compile(r'\bartist:"([^"]*)"', re.IGNORECASE)
# General words ("pop", "dance") in the name of a list, beside the name of a genre.
_GENERAL = 0.4


class Kind(StrEnum):
    """What a vote comes from."""

    GENRE_SEARCH = "genre_search"  # a search with the filter genre:"..."
    KNOWN_ARTIST = "known_artist"  # a search for an artist of whom the seeds say what they play
    SEARCH = "search"  # a search by words
    PLAYLIST_NAME = "playlist_name"
    PLAYLIST_SEARCH = "playlist_search"  # a search that served the playlist
    TITLE = "title"  # of the track or its album
    OPEN_TAG = "open_tag"  # genres that people tagged the recording, album or artist with


_BY_WORDS = (Kind.SEARCH, Kind.PLAYLIST_NAME, Kind.PLAYLIST_SEARCH)


class Origin(StrEnum):
    """What a verdict rests on."""

    ARTIST_GENRES = "artist_genres"
    PROVENANCE = "provenance"  # searches, playlists and titles
    ARTIST = "artist"  # other tracks of its artists
    ALBUM = "album"  # other tracks of its album
    OPEN_TAGS = "open_tags"  # genres of open metadata
    MIXED = "mixed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each kind of evidence counts: factors of ``log(1 + votes)``.

    Attributes:
        genre_search: one of the kinds of :class:`Kind`; so are the next six.
        artist: of ``log(1 + spread x tracks)`` of what the artists' other tracks say.
        album: the same for the album's other tracks, asked when the artists have none.
        spread: how fast the other tracks convince.
        beside_artist: factor of a track's own evidence where the artists' tracks speak as well;
            they were found by the same searches and lists.
        beside_album: the same where the album's tracks speak.
        power: exponent from the model's probability to the confidence. A track has 1.7 umbrellas on
            average, so naming one of them is easier than what the model was fitted to.
        power_alone: the same for tracks whose artists have no other track here.
    """

    genre_search: float = 3.0
    known_artist: float = 6.0
    search: float = 0.5
    playlist_name: float = 3.8
    playlist_search: float = 0.5
    title: float = 3.0
    open_tag: float = 4.0
    artist: float = 1.7
    album: float = 0.8
    spread: float = 16.0
    beside_artist: float = 0.2
    beside_album: float = 0.7
    power: float = 0.4
    power_alone: float = 0.55

    def of(self, kind: Kind) -> float:
        """Return the factor of one kind."""
        return float(getattr(self, kind.value))


@dataclass(frozen=True, slots=True)
class Source:
    """What one search or playlist says of the tracks it found.

    Attributes:
        votes: points by kind and umbrella.
        artist: of a known artist's search, by :func:`plain_name`; of other artists' tracks it says
            what any search by words says.
    """

    votes: tuple[tuple[Kind, int, int], ...]
    artist: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A track as the vote sees it.

    Attributes:
        name: title of the track.
        album_name: title of its album.
        artist_ids: the primary artist first.
        artist_names: their names; words that hit a name say nothing of the music.
        genres: those of each artist, in the same order; empty ones where none are known.
        album_id: None leaves the album out. Only the tracks of *other* artists on an album add to
            what its artists' tracks say, so it may be left out for albums of one artist.
        sources: of the searches and playlists that found it, from :meth:`Voter.search` and
            :meth:`Voter.playlist`.
        tags: ((genre, share in thousandths), ...) that open metadata has for it.
    """

    name: str
    album_name: str
    artist_ids: tuple[str, ...]
    artist_names: Sequence[str]
    genres: Sequence[Sequence[str]]
    album_id: str | None
    sources: Sequence[Source]
    tags: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a vote.

    Attributes:
        umbrellas: ``((label, weight), ...)``, the heaviest first: of artist genres the weights of
            :meth:`UmbrellaMap.of_artists`, else probabilities, the minor ones left out. 4 decimals.
        confidence: the chance, 0-1, that the first umbrella is right, i.e. one that the artists'
            genres would name; 1 when they do, 0 without any evidence.
        origin: what it rests on.
        fills: the umbrellas whose cells the track may fill, the surest first; empty when uncertain.
    """

    umbrellas: tuple[tuple[str, float], ...]
    confidence: float
    origin: Origin
    fills: tuple[str, ...]

    @property
    def uncertain(self) -> bool:
        """Whether no umbrella is sure enough to fill a cell."""
        return not self.fills


#: Of a track that nothing speaks for.
NO_VERDICT = Verdict((), 0.0, Origin.NONE, ())


class _Lanes:
    """Tracks by umbrella as one integer, with a lane of 32 bits for each umbrella."""

    __slots__ = ("_struct",)

    def __init__(self, number: int) -> None:
        self._struct = Struct(f"<{number}I")

    def packed(self, units: Sequence[int]) -> int:
        return int.from_bytes(self._struct.pack(*units), "little")

    def unpacked(self, packed: int) -> list[float]:
        lanes = self._struct.unpack(packed.to_bytes(self._struct.size, "little"))
        return [number / UNIT for number in lanes]


class _Tally:
    """Votes by artist or by album, as integers: their sum knows no order.

    One entry is one integer of :class:`_Lanes` under a 64-bit digest of the id (about 170 bytes
    together). Two ids of a million share a digest once in 40 million stores.
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, key: str, opinion: int) -> None:
        at = digest(key)
        self._counts[at] = self._counts.get(at, 0) + opinion

    def others(self, key: str, own: int) -> int:
        """The lanes of ``key`` without the share of the track that asks."""
        return self._counts.get(digest(key), own) - own


class Voter:
    """Judges tracks by their artists' genres, or by votes.

    Args:
        umbrellas: the genre map.
        threshold: confidence from which an umbrella may fill a cell, 0-1.
        weights: of the kinds of evidence.

    Attributes:
        labels: the umbrellas in the order of the map; a place is a position in them.
        prior: log odds of each where nothing is known.
        threshold: as given.
        weights: as given.
    """

    def __init__(
        self,
        umbrellas: UmbrellaMap,
        *,
        threshold: float = THRESHOLD,
        weights: Weights | None = None,
    ) -> None:
        self._umbrellas = umbrellas
        self.labels = umbrellas.labels
        self._at = {label: at for at, label in enumerate(self.labels)}
        self.prior = tuple(umbrellas.prior(label) for label in self.labels)
        self.threshold = threshold
        self.weights = weights or Weights()
        self._factors = {kind: self.weights.of(kind) for kind in Kind}
        self._lanes = _Lanes(len(self.labels))
        self._artists = _Tally()
        self._albums = _Tally()

    # Sources

    def search(self, term: str, umbrella: str | None, *, known_artist: bool = False) -> Source:
        """Return the votes of a track search; without an umbrella its words are read.

        ``known_artist`` says that its umbrella is what the artist is known for, if it names one.
        """
        if known_artist and umbrella in self._at and (named := _ARTIST.search(term)):
            votes = self._shares(Kind.KNOWN_ARTIST, self._about(term, umbrella))
            return Source(tuple(votes), plain_name(named[1]))
        kind = Kind.GENRE_SEARCH if "genre:" in term.casefold() else Kind.SEARCH
        return Source(tuple(self._shares(kind, self._about(term, umbrella))))

    def playlist(self, name: str, searches: Iterable[tuple[str, str | None]]) -> Source:
        """Return the votes of a playlist.

        Args:
            name: of the playlist.
            searches: (term, umbrella or None) of those that served it; their order and their
                positions do not count.
        """
        votes = list(self._shares(Kind.PLAYLIST_NAME, self._umbrellas.mentions(name)))
        served: Counter[str] = Counter()
        for term, umbrella in searches:
            mention = self._about(term, umbrella)
            for label in mention.labels:
                served[label] += _WHOLE // len(mention.labels)
        for label, points in sorted(served.items(), key=lambda item: self._at[item[0]]):
            share = _WHOLE * points // served.total()
            votes.append((Kind.PLAYLIST_SEARCH, self._at[label], share))
        return Source(tuple(votes))

    def _about(self, term: str, umbrella: str | None) -> Mention:
        # The ledger may name an umbrella that the map no longer has.
        return Mention((umbrella,)) if umbrella in self._at else self._umbrellas.mentions(term)

    def _shares(self, kind: Kind, mention: Mention) -> Iterable[tuple[Kind, int, int]]:
        whole = int(_WHOLE * _GENERAL) if mention.general else _WHOLE
        for label in mention.labels:
            yield kind, self._at[label], whole // len(mention.labels)

    # The two passes

    def add(self, track: Evidence) -> None:
        """First pass: count what a track says for its artists and its album."""
        if opinion := self._opinion(track):
            for artist_id in dict.fromkeys(track.artist_ids):
                self._artists.add(artist_id, opinion)
            if track.album_id is not None:
                self._albums.add(track.album_id, opinion)

    def withdraw(self, track: Evidence) -> None:
        """Take back what :meth:`add` counted for the same evidence."""
        if opinion := self._opinion(track):
            for artist_id in dict.fromkeys(track.artist_ids):
                self._artists.add(artist_id, -opinion)
            if track.album_id is not None:
                self._albums.add(track.album_id, -opinion)

    def verdict(self, track: Evidence, *, counted: bool = True) -> Verdict:
        """Second pass: judge a track, after all were added.

        ``counted`` says that this track was added itself, with the same evidence.
        """
        if by_genre := self.of_genres(track.genres):
            return by_genre[0]
        own = self.own(track)
        opinion = self._lanes.packed(self.opinion(own)) if own and counted else 0
        weights, spread = self.weights, self.weights.spread
        if artists := self._of_artists(track.artist_ids, opinion):
            logits = _logits(artists, weights.artist, spread, own, weights.beside_artist)
            origin, power = Origin.ARTIST, weights.power
        elif album := self._of_album(track.album_id, opinion):
            logits = _logits(album, weights.album, spread, own, weights.beside_album)
            logits = [logit + prior for logit, prior in zip(logits, self.prior, strict=True)]
            origin, power = Origin.ALBUM, weights.power_alone
        else:
            return self.alone(own, track)
        return self._judge(_softmax(logits), Origin.MIXED if own else origin, power)

    def alone(self, own: Mapping[int, float], track: Evidence) -> Verdict:
        """Judge a track whose artists and album have no other track, by what :meth:`own` gave."""
        if not own:
            return NO_VERDICT
        return self._judge(self._probabilities(own), _origin(track), self.weights.power_alone)

    # Evidence

    def of_genres(self, genres: Sequence[Sequence[str]]) -> tuple[Verdict, list[int]] | None:
        """The verdict of the genres of a track's artists, and what they make it say of these.

        The second is in units by umbrella, as :meth:`opinion` has them. None where no genre
        names an umbrella.
        """
        umbrellas = [self._umbrellas.mapped(tuple(each)) for each in genres]
        return self.of_umbrellas(umbrellas) if any(umbrellas) else None

    def of_umbrellas(self, umbrellas: Sequence[Sequence[str]]) -> tuple[Verdict, list[int]]:
        """The same of the umbrellas that the genres of each artist name; there is at least one."""
        weighed = self._umbrellas.weighed(umbrellas)
        named = tuple([(label, round(weight, 4)) for label, weight in weighed])
        fills = tuple([label for label, weight in weighed if weight >= MINOR_VOTE])
        units = [0] * len(self.labels)
        for label, weight in weighed:
            units[self._at[label]] = _unit(weight)
        return Verdict(named, 1.0, Origin.ARTIST_GENRES, fills or (named[0][0],)), units

    def points(self, track: Evidence) -> dict[tuple[Kind, int], float]:
        """Return the votes of a track's own sources and titles by kind and umbrella (its place)."""
        points: dict[tuple[Kind, int], int] = {}
        for source in track.sources:
            other = source.artist is not None and source.artist not in map(
                plain_name, track.artist_names
            )
            for of, at, number in source.votes:
                kind = Kind.SEARCH if other else of
                points[kind, at] = points.get((kind, at), 0) + number
        if points:
            self._explain_away(track, points)
        for text in (track.name, track.album_name):
            for label in self._umbrellas.mentions(text, title=True).labels:
                points[Kind.TITLE, self._at[label]] = _WHOLE
        for label, share in _tagged(self._umbrellas, track.tags):
            points[Kind.OPEN_TAG, self._at[label]] = share
        # In one order, so that rounding does not depend on which source came first.
        return {key: points[key] / _WHOLE for key in sorted(points)}

    def _explain_away(self, track: Evidence, points: dict[tuple[Kind, int], int]) -> None:
        """Drop the votes of words that hit a name: "punk" finds Daft Punk, whatever they play."""
        for name in track.artist_names:
            for label in self._umbrellas.mentions(name).labels:
                for kind in _BY_WORDS:
                    points.pop((kind, self._at[label]), None)
        if any(kind is Kind.SEARCH for kind, _ in points):
            for title in (track.name, track.album_name):
                for label in self._umbrellas.mentions(title).labels:
                    points.pop((Kind.SEARCH, self._at[label]), None)

    def own(self, track: Evidence) -> dict[int, float]:
        """Log odds by umbrella (its place) from a track's sources and titles; empty without any."""
        odds: dict[int, float] = {}
        for (kind, at), votes in self.points(track).items():
            odds[at] = odds.get(at, 0.0) + self._factors[kind] * log1p(votes)
        return odds

    def _probabilities(self, own: Mapping[int, float]) -> list[float]:
        logits = list(self.prior)
        for at, odds in own.items():
            logits[at] += odds
        return _softmax(logits)

    def _opinion(self, track: Evidence) -> int:
        """What a track says of its artists, packed; 0 for nothing."""
        if by_genre := self.of_genres(track.genres):
            return self._lanes.packed(by_genre[1])
        own = self.own(track)
        return self._lanes.packed(self.opinion(own)) if own else 0

    def opinion(self, own: Mapping[int, float]) -> list[int]:
        """What a track without genres says of its artists, by :meth:`own`: units by umbrella."""
        return _units(self._probabilities(own))

    def _of_artists(self, artist_ids: Sequence[str], opinion: int) -> list[float]:
        """Other tracks of the artists by umbrella, the guests' lighter; empty without any."""
        distinct = tuple(dict.fromkeys(artist_ids))
        lanes = [self._artists.others(artist_id, opinion) for artist_id in distinct]
        if not any(lanes):
            return []
        tracks = self._lanes.unpacked(lanes[0])
        if guests := lanes[1:]:
            # Sums of whole units: the order of the guests does not matter.
            together = self._lanes.unpacked(sum(guests))
            weight = GUESTS / len(guests)
            tracks = [a + weight * b for a, b in zip(tracks, together, strict=True)]
        return tracks

    def _of_album(self, album_id: str | None, opinion: int) -> list[float]:
        if album_id is None or not (lanes := self._albums.others(album_id, opinion)):
            return []
        return self._lanes.unpacked(lanes)

    def _judge(self, probabilities: Sequence[float], origin: Origin, power: float) -> Verdict:
        # Rounded before anything is compared: the last bits differ between machines.
        least = min(MINOR_VOTE, max(probabilities)) - 1e-4
        weights = [(round(p, 4), at) for at, p in enumerate(probabilities) if p >= least]
        ranked = sorted(weights, key=lambda each: (-each[0], each[1]))
        named = [each for each in ranked if each[0] >= MINOR_VOTE] or ranked[:1]
        sure = [round(weight**power, 4) for weight, _ in named]
        return Verdict(
            umbrellas=tuple((self.labels[at], weight) for weight, at in named),
            confidence=sure[0],
            origin=origin,
            fills=tuple(
                self.labels[at]
                for (_, at), confidence in zip(named, sure, strict=True)
                if confidence >= self.threshold
            ),
        )


@lru_cache(maxsize=1 << 14)
def plain_name(name: str) -> str:
    """Return an artist's name without case, accents, spaces and signs."""
    return "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if c.isalnum())


def _origin(track: Evidence) -> Origin:
    """What a verdict on a track's own evidence rests on."""
    if not track.tags:
        return Origin.PROVENANCE
    return Origin.MIXED if track.sources else Origin.OPEN_TAGS


def _tagged(umbrellas: UmbrellaMap, tags: Sequence[tuple[str, int]]) -> Iterable[tuple[str, int]]:
    """Points of the umbrellas that the tagged genres map to; together one whole vote."""
    votes: Counter[str] = Counter()
    for genre, share in tags:
        if (label := umbrellas.of_genre(genre)) is not None:
            votes[label] += share
    total = votes.total()
    for label in sorted(votes, key=umbrellas.labels.index):
        yield label, _WHOLE * votes[label] // total


def _logits(
    tracks: Sequence[float],
    weight: float,
    spread: float,
    own: Mapping[int, float],
    beside: float,
) -> list[float]:
    logits = [weight * log1p(spread * number) for number in tracks]
    for at, odds in own.items():
        logits[at] += beside * odds
    return logits


def _units(shares: Iterable[float]) -> list[int]:
    return [_unit(share) for share in shares]


def _unit(share: float) -> int:
    return int(share * UNIT + 0.5)


def _softmax(logits: Sequence[float]) -> list[float]:
    highest = max(logits)
    odds = [exp(logit - highest) for logit in logits]
    total = sum(odds)
    return [each / total for each in odds]


def digest(key: str) -> int:
    """64 bits that stand for an id in the counts."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")
