"""The store's tracks as columns: what the rules, the collapse and the balance look at.

A million tracks as objects would fill gigabytes; as numpy columns they take about ninety bytes
each. Rows stand in the order of the Spotify ids, whatever order they arrive in, so nothing that
is computed from a pool can depend on arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runclub_spider.catalog.ballots import NONE, ORIGINS, judged, tallies
from runclub_spider.catalog.content.labels import ContentPolicy
from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.original import NEAR
from runclub_spider.catalog.votes import Voter
from runclub_spider.publish.choose.apart import LookUp, apart, together
from runclub_spider.publish.choose.content import settle
from runclub_spider.publish.choose.part import NO_YEAR, Part
from runclub_spider.publish.choose.unsound import ID_BYTES, holds_id

__all__ = ["NONE", "NO_YEAR", "Bools", "Indices", "Pool", "Previous"]

_CHUNK = 8192
# No id is as long: what is cut off here is found nowhere either way.
_LONGEST = 2 * ID_BYTES
_TEXT = frozenset({str})
_DEFAULT = ContentPolicy()

Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]


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
        content: labels, as `content.mask_of` writes them.
        behind: a label of it is rejected or comes last: of eligible tracks, that it comes last.
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
        apart: by track of an ISRC that stands for several recordings the first track of its own.
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
    content: NDArray[np.uint16]
    behind: Bools
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
    apart: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(
        cls,
        parts: Sequence[Part],
        voter: Voter,
        look_up: LookUp,
        previous: Previous | None = None,
        content: ContentPolicy = _DEFAULT,
    ) -> Pool:
        """The tracks of all parts, in any order; no id may come twice.

        Args:
            parts: of a store; there is at least one. They are used up.
            voter: whose weights judge what waits in their ballots; it names the umbrellas.
            look_up: reads titles, artists and lengths of the few tracks whose ISRC is in doubt.
            previous: the last release; none by default.
            content: what becomes of labels; the usual by default.
        """
        ballots = [part.ballot for part in parts]
        artists, albums = tallies(ballots)
        for part in parts:
            for at, found in judged(part.ballot, artists, albums, voter):
                part.votes.put(at, found)
        columns = _columns(parts)
        begins = np.cumsum([0, *(len(part.votes.origin) for part in parts)])[:-1].tolist()
        settle(columns, [part.works for part in parts], begins, content)
        where = [part.linked + begin for part, begin in zip(parts, begins, strict=True)]
        relinked = _sorted(columns, np.concatenate(where))
        origins = np.concatenate([part.linked_from for part in parts])
        linked, link = _links(columns["ids"], relinked, origins)
        size = len(columns["ids"])
        divided = apart(columns, look_up)
        pool = cls(
            labels=tuple(voter.labels),
            origins=ORIGINS,
            linked=linked,
            link=link,
            preferred=_preferred(columns, divided),
            kept=np.zeros(size, bool),
            kept_as=np.full(size, NONE, np.uint8),
            canonical=np.zeros(size, bool),
            unsound={name: words for part in parts for name, words in part.unsound.items()},
            apart=divided,
            **columns,
        )
        place = {label: at for at, label in enumerate(voter.labels)}
        pool._remember(previous or Previous(), place)
        return pool

    def find(self, ids: Sequence[str]) -> Indices:
        """Positions of ids; -1 for those that are not here."""
        if not len(self):
            return np.full(len(ids), -1, np.int64)
        if not _TEXT.issuperset(map(type, ids)) or not "".join(ids).isascii():
            ids = [one if holds_id(one) else "" for one in ids]
        wanted = np.array(ids, np.bytes_)
        if wanted.dtype.itemsize > _LONGEST:
            wanted = wanted.astype(f"S{_LONGEST}")
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


def _columns(parts: Sequence[Part]) -> dict[str, NDArray[Any]]:
    """The columns of all parts, one after the other; the parts give them up."""
    found = {
        name: np.concatenate([part.columns.pop(name) for part in parts])
        for name in tuple(parts[0].columns)
    }
    for name in ("names", "origin", "confidence"):
        found[name] = np.concatenate([getattr(part.votes, name) for part in parts])
    return found


def _sorted(columns: dict[str, NDArray[Any]], where: Indices) -> Indices:
    """Put columns in the order of ids; returns where some positions went."""
    ids = columns["ids"]
    if bool(np.all(ids[:-1] < ids[1:])):
        return where
    order = np.argsort(ids, kind="stable")
    for name, column in columns.items():
        columns[name] = column[order]
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    return position[where]


def _preferred(columns: Mapping[str, NDArray[Any]], apart: Mapping[int, int]) -> Bools:
    """Editions whose album is of the song's first year; their features must be known."""
    first: NDArray[np.int16] = columns["original"].copy()
    year: NDArray[np.int16] = columns["year"]
    (known,) = np.nonzero(first != NO_YEAR)
    if not len(known):
        return np.zeros(len(first), bool)
    soft = columns["soft"]
    # What one edition knows, all know: by the code first, then by title and artist.
    coded = columns["isrc"] != b""
    for recording in together(apart):
        coded[recording] = False
        first[recording] = first[recording].min()
    for key, some in ((columns["isrc"], coded), (soft, soft.any(axis=1))):
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
