"""The vote of :mod:`.votes` on many tracks at once, as columns.

A :class:`Ballot` holds what the tracks of one part of a store say: sums for their artists and
albums (:class:`Tally`), and what is needed to judge those whose artists have no genres. Tallies
of any parts in any order add up to the same whole numbers; with them :func:`judged` judges each
part by itself. The arithmetic is that of :meth:`.votes.Voter.verdict`, and a test holds the two
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.votes import GUESTS, MINOR_VOTE, UNIT, Origin, Verdict, Voter

#: No umbrella.
NONE = 255
#: Umbrellas kept of a track, the heaviest first; a fifth of the votes is the least that counts.
MOST_UMBRELLAS = 5
#: Where umbrellas come from; columns hold positions in it.
ORIGINS = tuple(sorted(str(origin) for origin in Origin))
#: Shares and confidences are rounded to so many parts of one.
PARTS = 10_000
# Tracks judged at once.
_SLICE = 8192
_NO_KEYS = np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Votes:
    """The outcome for tracks, as columns of equal length.

    Attributes:
        names: (length, `MOST_UMBRELLAS`) places of the umbrellas that may be filled, the surest
            first, `NONE` for no more.
        origin: position in `ORIGINS`.
        confidence: of the first umbrella, in ten-thousandths.
    """

    names: NDArray[np.uint8]
    origin: NDArray[np.uint8]
    confidence: NDArray[np.uint16]

    @classmethod
    def of(cls, verdicts: Sequence[Verdict], labels: Sequence[str]) -> Self:
        """From verdicts one by one."""
        place = {label: at for at, label in enumerate(labels)}
        none = [NONE] * MOST_UMBRELLAS
        names = [
            ([place[label] for label in verdict.fills] + none)[:MOST_UMBRELLAS]
            for verdict in verdicts
        ]
        return cls(
            np.array(names, np.uint8).reshape(-1, MOST_UMBRELLAS),
            np.array([ORIGINS.index(verdict.origin) for verdict in verdicts], np.uint8),
            np.array([round(verdict.confidence * PARTS) for verdict in verdicts], np.uint16),
        )

    def take(self, at: NDArray[np.integer[Any]]) -> Votes:
        """Those at some positions."""
        return Votes(self.names[at], self.origin[at], self.confidence[at])

    def put(self, at: NDArray[np.integer[Any]], others: Votes) -> None:
        """Put others in the place of those at some positions."""
        self.names[at], self.origin[at] = others.names, others.origin
        self.confidence[at] = others.confidence


@dataclass(frozen=True, slots=True)
class Tally:
    """What tracks say of their artists or albums: whole units, whose sum knows no order.

    `keys` are digests of ids, ascending, none twice; `units` has a row for each and a column an
    umbrella. Those of a part are 16 bits wide where that holds them: of a million tracks they are
    most of what has to wait for the others.
    """

    keys: NDArray[np.uint64]
    units: NDArray[np.signedinteger[Any]]

    @classmethod
    def of(cls, keys: NDArray[np.uint64], units: NDArray[np.int32]) -> Self:
        """Add up rows of units by key, in whatever order they come."""
        if not len(keys):
            return cls(_NO_KEYS, units)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1))
        sums = np.add.reduceat(units[order], starts, axis=0, dtype=np.int32)
        narrow = sums.size and sums.max() <= np.iinfo(np.int16).max
        return cls(keys[starts], sums.astype(np.int16) if narrow else sums)

    @classmethod
    def together(cls, tallies: Sequence[Tally]) -> Self:
        """The sum of tallies; there is at least one."""
        keys = np.unique(np.concatenate([one.keys for one in tallies]))
        units = np.zeros((len(keys), tallies[0].units.shape[1]), np.int32)
        for one in tallies:
            units[np.searchsorted(keys, one.keys)] += one.units
        return cls(keys, units)

    def others(self, keys: NDArray[np.uint64], own: NDArray[np.int32]) -> NDArray[np.int32]:
        """Units of keys without the share of the tracks that ask, one row each."""
        if not len(self.keys):
            return np.zeros_like(own)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        known = self.keys[at] == keys
        return np.where(known[:, None], self.units[at] - own, 0)


@dataclass(frozen=True, slots=True)
class Opinions:
    """What waiting tracks say by their own sources and titles; few differ, so each stands once.

    Attributes:
        odds: (number, umbrellas) log odds.
        units: (number, umbrellas) what each adds to the tallies.
        alone: the verdict where no other track says anything.
    """

    odds: NDArray[np.float64]
    units: NDArray[np.int32]
    alone: Votes


@dataclass(frozen=True, slots=True)
class Ballot:
    """What the tracks of a part say.

    Attributes:
        artists: tally by artist.
        albums: tally by album, of those that count.
        opinions: of the tracks of this part that wait.
        waiting: positions of the tracks that genres do not judge, ascending.
        opinion: of each of these, the position in `opinions`; negative for none.
        people: how many artists each of these has.
        credits: digests of these artists, the primary one first, track after track.
        album: digest of the album of each, where that counts.
        on_album: whether it counts.
    """

    artists: Tally
    albums: Tally
    opinions: Opinions
    waiting: NDArray[np.int64]
    opinion: NDArray[np.int32]
    people: NDArray[np.int32]
    credits: NDArray[np.uint64]
    album: NDArray[np.uint64]
    on_album: NDArray[np.bool_]


class Box:
    """Takes what the tracks of a part say, one after the other.

    Args:
        voter: whose weights and umbrellas count; what it counted itself does not.
    """

    def __init__(self, voter: Voter) -> None:
        self._voter = voter
        self._numbers: dict[Any, int] = {}
        self._own: list[dict[int, float]] = []
        self._units: list[list[int]] = []
        self._alone: list[Verdict] = []
        self._opinion: list[int] = []
        self._people: list[int] = []
        self._credits: list[int] = []
        self._albums: list[int | None] = []
        self._waiting: list[int] = []

    def add(
        self, opinion: int, artists: Sequence[int], album: int | None, waits: int | None
    ) -> None:
        """Take what a track says.

        Args:
            opinion: from :meth:`of_umbrellas` or :meth:`of_own`; negative for none.
            artists: digests of its artists, each once, the primary one first.
            album: digest of its album, where that counts.
            waits: the position of the track, if it waits for the others' votes.
        """
        self._opinion.append(opinion)
        self._people.append(len(artists))
        self._credits += artists
        self._albums.append(album)
        self._waiting.append(-1 if waits is None else waits)

    def of_umbrellas(self, umbrellas: Sequence[Sequence[str]]) -> tuple[int, Verdict]:
        """The opinion and the verdict of what the artists' genres name; there is at least one."""
        verdict, units = self._voter.of_umbrellas(umbrellas)
        return self._number(tuple(units), {}, units, verdict), verdict

    def of_own(self, own: dict[int, float], alone: Verdict) -> int:
        """The opinion of a track's own evidence, given with its verdict on that alone."""
        if not own:
            return -1
        key = (alone.origin, *own.items())
        known = self._numbers.get(key)
        return self._number(key, own, self._voter.opinion(own), alone) if known is None else known

    def _number(self, key: Any, own: dict[int, float], units: list[int], alone: Verdict) -> int:
        number = self._numbers.setdefault(key, len(self._units))
        if number == len(self._units):
            self._own.append(own)
            self._units.append(units)
            self._alone.append(alone)
        return number

    def close(self) -> Ballot:
        """The ballot of all that were added."""
        units = np.array(self._units, np.int32).reshape(-1, len(self._voter.labels))
        opinion = np.array(self._opinion, np.int32)
        people = np.array(self._people, np.int64)
        keys = np.array(self._credits, np.uint64)
        speaks = opinion >= 0
        of_credit = np.repeat(opinion, people)
        said = of_credit >= 0
        on_album = np.array([album is not None for album in self._albums], bool)
        album = np.array([album or 0 for album in self._albums], np.uint64)
        both = speaks & on_album
        waiting = np.array(self._waiting, np.int64)
        left = waiting >= 0
        used = np.unique(opinion[left & speaks])
        place = np.where(speaks[left], np.searchsorted(used, opinion[left]), -1)
        return Ballot(
            artists=Tally.of(keys[said], units[of_credit[said]]),
            albums=Tally.of(album[both], units[opinion[both]]),
            opinions=self._opinions(used.tolist(), units[used]),
            waiting=waiting[left],
            opinion=place.astype(np.int32),
            people=people[left].astype(np.int32),
            credits=keys[np.repeat(left, people)],
            album=album[left],
            on_album=on_album[left],
        )

    def _opinions(self, used: Sequence[int], units: NDArray[np.int32]) -> Opinions:
        odds = np.zeros(units.shape)
        for row, number in zip(odds, used, strict=True):
            own = self._own[number]
            row[list(own)] = list(own.values())
        alone = Votes.of([self._alone[number] for number in used], self._voter.labels)
        return Opinions(odds, units, alone)


def tallies(ballots: Sequence[Ballot]) -> tuple[Tally, Tally]:
    """What all tracks say of artists and of albums."""
    return (
        Tally.together([ballot.artists for ballot in ballots]),
        Tally.together([ballot.albums for ballot in ballots]),
    )


def judged(
    ballot: Ballot, artists: Tally, albums: Tally, voter: Voter
) -> Iterable[tuple[NDArray[np.int64], Votes]]:
    """The votes on the tracks of a ballot that wait, slice by slice, with their positions."""
    ends = np.cumsum(ballot.people, dtype=np.int64)
    for start in range(0, len(ballot.waiting), _SLICE):
        part = slice(start, start + _SLICE)
        first = int(ends[start - 1]) if start else 0
        last = int(ends[min(start + _SLICE, len(ends)) - 1])
        found = _judged(ballot, part, slice(first, last), artists, albums, voter)
        yield ballot.waiting[part], found


def _judged(
    ballot: Ballot, part: slice, crew: slice, artists: Tally, albums: Tally, voter: Voter
) -> Votes:
    weights, opinion = voter.weights, ballot.opinion[part]
    has_own = opinion >= 0
    # A last row of zeros for those without an opinion: -1 finds it.
    none = np.zeros((1, len(voter.labels)))
    own = np.concatenate((ballot.opinions.units, none.astype(np.int32)))[opinion]
    odds = np.concatenate((ballot.opinions.odds, none))[opinion]
    tracks, by_artist = _of_artists(ballot, part, crew, artists, own)
    album = np.where(ballot.on_album[part, None], albums.others(ballot.album[part], own), 0)
    by_album = album.any(axis=1) & ~by_artist
    found = Votes(
        np.full((len(opinion), MOST_UMBRELLAS), NONE, np.uint8),
        np.full(len(opinion), ORIGINS.index(Origin.NONE), np.uint8),
        np.zeros(len(opinion), np.uint16),
    )
    alone = has_own & ~by_artist & ~by_album
    found.put(np.flatnonzero(alone), ballot.opinions.alone.take(opinion[alone]))
    if by_artist.any():
        said = weights.artist * np.log1p(weights.spread * tracks[by_artist])
        logits = said + weights.beside_artist * odds[by_artist]
        mixed = np.where(
            has_own[by_artist], ORIGINS.index(Origin.MIXED), ORIGINS.index(Origin.ARTIST)
        )
        found.put(np.flatnonzero(by_artist), _decided(logits, mixed, weights.power, voter))
    if by_album.any():
        said = weights.album * np.log1p(weights.spread * (album[by_album] / UNIT))
        logits = said + weights.beside_album * odds[by_album] + np.array(voter.prior)
        mixed = np.where(
            has_own[by_album], ORIGINS.index(Origin.MIXED), ORIGINS.index(Origin.ALBUM)
        )
        found.put(np.flatnonzero(by_album), _decided(logits, mixed, weights.power_alone, voter))
    return found


def _of_artists(
    ballot: Ballot, part: slice, crew: slice, artists: Tally, own: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Other tracks of the artists by umbrella, the guests' lighter; and whether there are any."""
    people = ballot.people[part].astype(np.int64)
    each = artists.others(ballot.credits[crew], np.repeat(own, people, axis=0))
    tracks = np.zeros(own.shape)
    known = np.zeros(len(people), bool)
    here = people > 0
    if not here.any():
        return tracks, known
    starts = (np.cumsum(people) - people)[here]
    together = np.add.reduceat(each, starts, axis=0)
    guests = (together - each[starts]) / UNIT
    share = GUESTS / np.maximum(people[here] - 1, 1)
    tracks[here] = each[starts] / UNIT + share[:, None] * guests
    known[here] = np.logical_or.reduceat(each.any(axis=1), starts)
    return tracks, known


def _decided(
    logits: NDArray[np.float64], origin: NDArray[np.int64], power: float, voter: Voter
) -> Votes:
    """Probabilities of logits, and what follows from them."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    # Rounded before anything is compared: the last bits differ between machines.
    shares = np.rint(PARTS * (odds / odds.sum(axis=1, keepdims=True))).astype(np.int64)
    confidences, fill = _confidences(power, voter.threshold)
    order = np.argsort(-shares, axis=1, kind="stable")[:, :MOST_UMBRELLAS]
    ranked = np.take_along_axis(shares, order, axis=1)
    named = ranked >= round(MINOR_VOTE * PARTS)
    named[:, 0] = True
    names = np.full((len(logits), MOST_UMBRELLAS), NONE, np.uint8)
    names[:, : order.shape[1]] = np.where(named & fill[ranked], order, NONE)
    return Votes(names, origin.astype(np.uint8), confidences[ranked[:, 0]])


@lru_cache(maxsize=8)
def _confidences(power: float, threshold: float) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """By a share in ten-thousandths: the confidence, and whether it may fill a cell."""
    sure = [round((share / PARTS) ** power, 4) for share in range(PARTS + 1)]
    return (
        np.array([round(one * PARTS) for one in sure], np.uint16),
        np.array([one >= threshold for one in sure], bool),
    )
