"""Choosing the next pages: those that promise most of what lacks most, per request. Pure.

A `Chooser` is fed with answered pages and asked for the next ones. Its state is a function of the
answered pages in the order in which they were planned, whatever the order in which they arrived,
so a chooser that is fed from the ledger goes on where another one stopped.

What a page is worth: its expected new eligible tracks by cell, each weighed by how much its cell
lacks, divided by the requests that the page and the enrichment of its tracks cost. What is
expected is learnt (`estimate`).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeVar

import numpy as np

from runclub_spider.frontier.estimate import Answer, Floats, Model, PageExpectations, Source
from runclub_spider.frontier.queries import Query, parse
from runclub_spider.frontier.split import (
    ARTIST_FAMILY,
    artist_seed,
    by_years,
    common_words,
    names_known_artist,
    subject,
    umbrella_words,
    undated,
    wider_queries,
)
from runclub_spider.frontier.templates import Seed

#: A track counts twice as much in a cell that holds this many fewer: the weight of a cell falls
#: like 1 ÷ (what it holds + this), and with the square of what it can hold.
_SPREAD = 20.0
#: Tracks that a cell is taken to have while no search has shown more.
_LEAST_ROOM = 15.0
#: What a track is still worth where nothing lacks, beside one in an empty cell.
_SURPLUS = 2e-3
#: What a second page of the same subject and years in one round is worth, beside the first.
_SAME = 0.5
#: Most searches for artists, and most that split an overflowing search.
_ARTISTS, _SPLITS = 4000, 4000
#: New lists of the wanted kind that a playlist search shows, before any was asked; the number
#: of searches for which that counts; and what a search still weighs after one more.
_LISTS_SHOWN, _LISTS_PRIOR, _LISTS_AGEING = 1.0, 4.0, 0.95
#: A page is taken when no other can be worth more than this much more: among thousands that are
#: all but equal, finding the very best costs more than it brings.
_NEAR_BEST = 0.95
#: Values are compared to so many digits, far above what processors make of one sum.
_DIGITS = 10
#: Searches for artists of the plan, which are surer of their umbrella than those that follow.
_KNOWN = "known artist"


class Kind(StrEnum):
    """What a page asks: tracks or playlists that match a term, or a playlist's items."""

    TRACKS = "tracks"
    PLAYLISTS = "playlists"
    ITEMS = "items"


Key = tuple[Kind, str]
_Number = TypeVar("_Number", float, Floats)


@dataclass(frozen=True, slots=True)
class Aim:
    """What is wanted: `minimum` tracks in each of the `cells` (umbrella, decade)."""

    cells: tuple[tuple[str, str], ...]
    minimum: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows of a page and of a whole source; requests that enriching one new track costs.

    Attributes:
        search_rows: of a page of a search.
        depth: of a search.
        item_rows: of a page of a playlist's items; of no use where no playlist is read.
        items: of a playlist.
        track_cost: requests for one new track.
    """

    search_rows: int
    depth: int
    item_rows: int = 1
    items: int = 1
    track_cost: float = 1 / 40


class Found(NamedTuple):
    """An eligible track of a page, with its cell and first artist as far as known."""

    track: Hashable
    umbrella: str | None
    decade: str | None
    artist: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A playlist that a search showed; `total` rows, None when the regime hides it."""

    playlist_id: str
    name: str
    owner: str | None
    total: int | None


@dataclass(frozen=True, slots=True)
class PageResult:
    """One answered page.

    Attributes:
        kind: what was asked.
        key: the term, or the playlist's id.
        ordinal: place of the page in the order of planning.
        first_row: where it begins, from 0.
        row_count: rows that were asked for.
        rows: rows served, of whatever kind.
        more: whether another page follows.
        total: how many rows the source claims to have; None when nobody said.
        found: the eligible tracks, as served.
        turned: tracks of earlier pages that it became clear where they belong.
        lists: the playlists that a playlist search showed.
    """

    kind: Kind
    key: str
    ordinal: int
    first_row: int
    row_count: int
    rows: int
    more: bool
    total: int | None
    found: tuple[Found, ...] = ()
    turned: tuple[Found, ...] = ()
    lists: tuple[Listed, ...] = ()


@dataclass(slots=True)
class Gain:
    """What a page added.

    Attributes:
        kind: of the page.
        new: eligible tracks, of whatever cell.
        tracks: to cells that lacked them.
        placed: new tracks that it brought to a cell, those counted that became sure of it later.
    """

    kind: Kind
    new: int = 0
    tracks: int = 0
    placed: int = 0

    @property
    def idle(self) -> bool:
        """Whether it filled nothing."""
        return not self.placed


@dataclass(frozen=True, slots=True)
class Choice:
    """A page to ask: rows from 0; `seed` is its search, `parent` the term it was derived from.

    `promise` is the number of tracks that it is expected to add to cells that lack them, `new` of
    new tracks of whatever cell.
    """

    kind: Kind
    key: str
    first_row: int
    row_count: int
    seed: Seed | None
    parent: str | None
    promise: float
    new: float


class Chooser:
    """Chooses pages for a plan of seeds.

    Args:
        seeds: the plan in template order, track and playlist searches.
        aim: what is wanted.
        sizes: rows and costs under the key's regime.
        known: eligible tracks that other runs and spiders found already.
    """

    def __init__(
        self, seeds: Sequence[Seed], aim: Aim, sizes: Sizes, known: Iterable[Found] = ()
    ) -> None:
        self._aim, self._sizes = aim, sizes
        self._umbrellas = _numbered(umbrella for umbrella, _ in aim.cells)
        self._decades = _numbered(decade for _, decade in aim.cells)
        self._model = Model(len(self._umbrellas), len(self._decades))
        self._wanted = np.zeros(self._model.grid)
        for umbrella, decade in aim.cells:
            self._wanted[self._umbrellas[umbrella], self._decades[decade]] = 1.0
        self._held = np.zeros(self._model.grid)
        self._keys: list[Key] = []
        self._seeds: list[Seed | None] = []
        self._parents: list[str | None] = []
        self._next: list[int] = []
        self._at: dict[Key, int] = {}
        # Tracks that were found, and of those that fill no cell yet the sources that showed them.
        self._seen: set[Hashable] = set()
        self._loose: dict[Hashable, list[int]] = {}
        # The page that showed such a track first.
        self._brought: dict[Hashable, Gain] = {}
        self._waiting: list[PageResult] = []
        self._artists: dict[str, int] = {}
        self._finds: Counter[str] = Counter()
        self._splits = 0
        self._typical: dict[tuple[int, int], int] = {}
        self._searches: dict[int, int] = {}
        self._shown = (_LISTS_SHOWN * _LISTS_PRIOR, _LISTS_PRIOR)
        self._add_plan(seeds)
        for one in known:
            self._hold(one)

    @property
    def filled(self) -> int:
        """Tracks found so far in the wanted cells, each cell up to its minimum."""
        return int(np.minimum(self._held, self._aim.minimum)[self._wanted > 0].sum())

    @property
    def lack(self) -> int:
        """Tracks that the wanted cells are short of their minimum."""
        return self._aim.minimum * len(self._aim.cells) - self.filled

    @property
    def lacking(self) -> int:
        """Wanted cells below their minimum."""
        return int((self._held[self._wanted > 0] < self._aim.minimum).sum())

    @property
    def held(self) -> dict[tuple[str, str], int]:
        """Tracks found so far in each wanted cell."""
        return {
            (u, d): int(self._held[self._umbrellas[u], self._decades[d]])
            for u, d in self._aim.cells
        }

    def knows(self, key: Key) -> bool:
        """Whether a source is one of those that are chosen from."""
        return key in self._at

    # Taking in what was answered

    def observe(self, results: Iterable[PageResult]) -> None:
        """Take in answered pages; the order within a round does not matter."""
        self._waiting += results

    def absorb(self) -> list[Gain]:
        """Learn from what was observed; what each page added to cells that lacked."""
        gains = []
        for result in sorted(self._waiting, key=lambda one: (one.ordinal, one.kind, one.key)):
            gain, before = Gain(result.kind), self.filled
            self._take(result, gain)
            gain.tracks = self.filled - before
            gains.append(gain)
        self._waiting.clear()
        return gains

    def _take(self, result: PageResult, gain: Gain) -> None:
        at = self._at.get((result.kind, result.key))
        if at is None:
            # Of another plan than today's: its tracks count, and tell nothing of a source.
            for one in result.found:
                self._hold(one, gain)
        elif result.kind is Kind.PLAYLISTS:
            self._model.close(at)
            self._list(at, result.lists)
        else:
            self._learn(at, result, gain)
        for one in result.turned:
            self._hold(one, gain)

    def _learn(self, at: int, result: PageResult, gain: Gain) -> None:
        cells: dict[tuple[int, int], list[int]] = {}
        fresh = []
        for one in result.found:
            cell = self._cell(one)
            count = cells.setdefault(cell, [0, 0])
            count[0] += 1
            if self._hold(one, gain):
                count[1] += 1
                fresh.append((one, cell))
            if one.track in self._loose:
                self._loose[one.track].append(at)
        end = result.first_row + result.row_count
        most = self._sizes.items if result.kind is Kind.ITEMS else self._sizes.depth
        more = result.more and end < most
        rows = result.row_count if result.more else result.rows
        entries = tuple((u, d, eligible, new) for (u, d), (eligible, new) in cells.items())
        self._model.learn(Answer(at, rows, more, result.total, entries))
        self._next[at] = end
        if result.kind is Kind.TRACKS and result.more and end >= most:
            self._split(at)
        thin = float(np.median(self._held[self._wanted > 0])) if self._aim.cells else 0.0
        for one, cell in fresh:
            if one.artist:
                self._follow(one, one.artist, cell, thin, result.key)

    def _cell(self, one: Found) -> tuple[int, int]:
        return (
            self._umbrellas.get(one.umbrella or "", len(self._umbrellas)),
            self._decades.get(one.decade or "", len(self._decades)),
        )

    def _hold(self, one: Found, gain: Gain | None = None) -> bool:
        """Count a track for its cell; False when it was counted for one before.

        A track whose umbrella was not sure may fill a cell when more searches showed it.
        """
        umbrella, decade = self._cell(one)
        if one.track in self._seen:
            if one.track not in self._loose or umbrella == len(self._umbrellas):
                return False
            for source in self._loose.pop(one.track):
                self._model.turn(source, (len(self._umbrellas), decade), umbrella)
            self._model.settled()
            brought = self._brought.pop(one.track, None)
            if brought is not None:
                brought.placed += int(self._wanted[umbrella, decade])
            self._held[len(self._umbrellas), decade] -= 1
        elif umbrella == len(self._umbrellas):
            self._loose[one.track] = []
            if gain is not None:
                self._brought[one.track] = gain
        if gain is not None:
            gain.new += one.track not in self._seen
            gain.placed += int(self._wanted[umbrella, decade])
        self._seen.add(one.track)
        self._held[umbrella, decade] += 1
        return True

    # Where pages can come from

    def _add_plan(self, seeds: Sequence[Seed]) -> None:
        """The plan's searches, and those without a `year:` from which they can be cut."""
        tracks = [seed for seed in seeds if seed.kind == "track"]
        wide = undated(tracks)
        plan = [*tracks, *wide]
        queries = [parse(seed.term) for seed in plan]
        self._common = common_words(seeds)
        self._names = umbrella_words(seeds, self._common)
        relations = wider_queries(queries, self._common)
        for seed, query, relation in zip(plan, queries, relations, strict=True):
            self._add_search(seed, query, wide.get(seed), *relation)
        for seed in seeds:
            if seed.kind == "playlist":
                self._add_search(seed, parse(seed.term), None)

    def _add_search(
        self,
        seed: Seed,
        query: Query,
        parent: str | None,
        wider: tuple[int, ...] = (),
        equal: tuple[int, ...] = (),
    ) -> int:
        kind = Kind.TRACKS if seed.kind == "track" else Kind.PLAYLISTS
        known = names_known_artist(seed)
        what = _KNOWN if known else ARTIST_FAMILY if query.artist else str(kind)
        about = query.artist or tuple(sorted(subject(query, self._common)))
        source = Source(
            kind=what,
            form=(
                seed.family,
                bool(query.genre),
                query.years is not None,
                not self._common.isdisjoint(query.words),
                seed.umbrella is None,
            ),
            umbrella=self._umbrellas.get(seed.umbrella or "", -1),
            decade=self._decades.get(seed.decade or "", -1),
            subject=about or query.words,
            years=query.years,
            page_rows=self._sizes.search_rows,
            wider=wider,
            equal=equal,
            doubtful=known,
        )
        at = self._add((kind, seed.term), source, seed, parent)
        if kind is Kind.PLAYLISTS:
            self._searches[at] = self._typical_list(source.umbrella, source.decade)
        return at

    def _add(self, key: Key | None, source: Source, seed: Seed | None, parent: str | None) -> int:
        at = self._model.add(source)
        self._keys.append(key or (Kind.ITEMS, ""))
        self._seeds.append(seed)
        self._parents.append(parent)
        self._next.append(0)
        if key is not None:
            self._at[key] = at
        return at

    def _split(self, at: int) -> None:
        """Cut a search that has more rows than can be read into shorter spans of years."""
        seed = self._seeds[at]
        assert seed is not None
        for child in by_years(seed, tuple(self._decades)):
            key = (Kind.TRACKS, child.term)
            if key not in self._at and self._splits < _SPLITS:
                self._splits += 1
                self._add_search(child, parse(child.term), seed.term, wider=(at,))

    def _follow(
        self, one: Found, artist: str, cell: tuple[int, int], thin: float, term: str
    ) -> None:
        """Search for the artists of tracks in thin cells: more of theirs will be there."""
        known = self._artists.get(artist)
        if known is not None:
            self._model.hint(known)
            return
        self._finds[artist] += 1
        if not self._wanted[cell] or self._held[cell] > thin or len(self._artists) >= _ARTISTS:
            return
        seed = artist_seed(artist, one.umbrella, one.decade)
        if seed is None or (Kind.TRACKS, seed.term) in self._at:
            return
        at = self._artists[artist] = self._add_search(seed, parse(seed.term), term)
        for _ in range(self._finds.pop(artist)):
            self._model.hint(at)

    def _list(self, at: int, lists: Sequence[Listed]) -> None:
        """Take up the playlists that a search showed for the first time."""
        searched = self._seeds[at]
        assert searched is not None
        as_named = 0
        for one in lists:
            if (Kind.ITEMS, one.playlist_id) in self._at:
                continue
            query = parse(one.name)
            votes = Counter(u for word in query.words if (u := self._names.get(word)))
            umbrella = min(votes, key=lambda u: (-votes[u], u)) if votes else searched.umbrella
            decade = self._decade_of(query) or searched.decade
            as_named += umbrella == searched.umbrella and decade == searched.decade
            source = self._list_source(
                self._umbrellas.get(umbrella or "", -1),
                self._decades.get(decade or "", -1),
                about=tuple(sorted(subject(query, self._common))) or query.words,
                owner=one.owner,
                total=one.total,
            )
            self._add((Kind.ITEMS, one.playlist_id), source, None, searched.term)
        total, number = self._shown
        self._shown = (total * _LISTS_AGEING + as_named, number * _LISTS_AGEING + 1)

    def _decade_of(self, query: Query) -> str | None:
        years = query.years
        if years is None:
            numbers = [int(w) for w in query.words if len(w) == 4 and w.isdecimal()]
            years = (numbers[0], numbers[0]) if numbers else None
        if years is None:
            return None
        return next((d for d in self._decades if _starts(d) <= years[0] < _starts(d) + 10), None)

    def _typical_list(self, umbrella: int, decade: int) -> int:
        """A list as a search for this cell would show it; only a yardstick, never chosen."""
        if (umbrella, decade) not in self._typical:
            source = self._list_source(umbrella, decade, about="", owner=None, total=None)
            self._typical[umbrella, decade] = self._add(None, source, None, None)
        return self._typical[umbrella, decade]

    def _list_source(
        self, umbrella: int, decade: int, *, about: Hashable, owner: str | None, total: int | None
    ) -> Source:
        return Source(
            kind=str(Kind.ITEMS),
            form=("editorial" if owner == "spotify" else "other", umbrella < 0, decade < 0),
            umbrella=umbrella,
            decade=decade,
            subject=about,
            years=None,
            page_rows=self._sizes.item_rows,
            total=total,
        )

    # Choosing

    def choose(
        self, count: int, among: AbstractSet[Key] | None = None, *, least: float = 0.0
    ) -> list[Choice]:
        """Up to `count` pages of different sources, the most valuable first.

        Within the choice, what earlier pages are expected to bring counts as brought. With
        `among` other sources are left out, and with `least` pages of which fewer new tracks are
        expected. Ties go to template order.
        """
        self.absorb()
        expectations = self._model.expectations()
        room = np.maximum(self._model.capacity(), self._held)
        room = np.clip(room, _LEAST_ROOM, max(_LEAST_ROOM, self._aim.minimum))
        scarcity = self._wanted * (_SPREAD / (_SPREAD + room)) ** 2
        return self._pick(expectations, scarcity, count, among, least)

    def _weights(self, scarcity: Floats, held: Floats) -> Floats:
        """What one more track is worth, by cell; 0 where nothing lacks."""
        least = self._aim.minimum
        lack = np.maximum(0.0, 1 - held / least) if least else np.zeros_like(held)
        return scarcity * lack * (_SPREAD / (_SPREAD + held))

    def _worth(self, scarcity: Floats, held: Floats, gain: Floats) -> float:
        """What the tracks of a list are worth together: each less than the one before it.

        The integral of the weights from what is held to that and the gain. Pages of searches are
        short, and thin cells fill sooner where their first track's worth counts for all.
        """
        least = self._aim.minimum
        if not least:
            return 0.0
        more = np.minimum(gain, np.maximum(0.0, least - held))
        steep = (1 + _SPREAD / least) * np.log1p(more / (_SPREAD + held))
        return float((scarcity * _SPREAD * (steep - more / least)).sum())

    def _pick(
        self,
        expectations: PageExpectations,
        scarcity: Floats,
        count: int,
        among: AbstractSet[Key] | None,
        least: float,
    ) -> list[Choice]:
        held = self._held.copy()
        weights = self._weights(scarcity, held)
        values = self._values(expectations, weights, least)
        order, heap = _Descending(values), list[tuple[float, int]]()
        slices = self._model.sources.ints("slice")
        dulled: Counter[int] = Counter()
        expected: dict[int, tuple[Floats, float]] = {}
        choices: list[Choice] = []
        # Values only fall within a round, so an old value is a bound: only the best is renewed.
        while len(choices) < count:
            while (not heap or order.best >= -heap[0][0]) and (source := order.take()) is not None:
                if among is None or self._keys[source] in among:
                    heapq.heappush(heap, (-float(values[source]), source))
            if not heap:
                break
            _, source = heapq.heappop(heap)
            if source not in expected:
                expected[source] = self._expected(expectations, source)
            factor = _SAME ** dulled[int(slices[source])]
            cells, new = expected[source]
            share = self._lists_share() if source in self._searches else 1.0
            if self._keys[source][0] is Kind.TRACKS:
                worth = float((cells * weights).sum())
            else:
                worth = self._worth(scarcity, held, cells)
            value = round(factor * share * self._value(worth, new), _DIGITS)
            bound = max(order.best, -heap[0][0] if heap else -1.0)
            if value < _NEAR_BEST * bound:
                heapq.heappush(heap, (-value, source))
                continue
            gain = factor * share * cells
            promise = float(gain[weights > 0].sum())
            choices.append(self._choice(source, promise, factor * share * new))
            held += gain
            weights = self._weights(scarcity, held)
            dulled[int(slices[source])] += 1
        return choices

    def _value(self, worth: _Number, new: _Number) -> _Number:
        """Worth a request, with the requests for the new tracks; any track is worth a little."""
        return (worth + _SURPLUS * new) / (1 + self._sizes.track_cost * new)

    def _values(self, expectations: PageExpectations, weights: Floats, least: float) -> Floats:
        """The value of each source's next page; below 0 what is not to be asked."""
        new = expectations.new.copy()
        values = self._value(expectations.worth(weights), new)
        if self._searches:
            searches, typical = list(self._searches), list(self._searches.values())
            values[searches] = self._lists_share() * values[typical]
            new[searches] = new[typical]
            values[typical] = -1.0
        values[new < least] = -1.0
        values[self._model.sources.ints("open") == 0] = -1.0
        return np.round(values, _DIGITS)

    def _expected(self, expectations: PageExpectations, source: int) -> tuple[Floats, float]:
        """New tracks of a source's next page by cell, and of all cells and none.

        Of a playlist search those of the list that it is to bring.
        """
        source = self._searches.get(source, source)
        return expectations.cells(source), float(expectations.new[source])

    def _lists_share(self) -> float:
        """A playlist search brings lists: their value, spread over it and the reading of them."""
        shown = self._shown[0] / self._shown[1]
        return shown / (1 + shown)

    def _choice(self, source: int, promise: float, new: float) -> Choice:
        kind, key = self._keys[source]
        first, sizes = self._next[source], self._sizes
        if kind is Kind.ITEMS:
            rows = min(sizes.item_rows, sizes.items - first)
        elif kind is Kind.TRACKS:
            rows = min(sizes.search_rows, sizes.depth - first)
        else:
            rows = sizes.search_rows
        seed, parent = self._seeds[source], self._parents[source]
        return Choice(kind, key, first, rows, seed, parent, promise, new)


class _Descending:
    """Numbers of values from the highest down, ties in order; only sorts as far as it is asked."""

    _BLOCK = 1024

    def __init__(self, values: Floats) -> None:
        self._values = values
        self._bound = np.inf
        self._block: list[int] = []
        self._refill()

    @property
    def best(self) -> float:
        """The next value; below all others when there is none."""
        return float(self._values[self._block[-1]]) if self._block else -1.0

    def take(self) -> int | None:
        """The next number; None at the end."""
        if not self._block:
            return None
        found = self._block.pop()
        if not self._block:
            self._refill()
        return found

    def _refill(self) -> None:
        left = np.flatnonzero((self._values < self._bound) & (self._values >= 0))
        values = self._values[left]
        if len(left) > self._BLOCK:
            least = np.partition(values, -self._BLOCK)[-self._BLOCK]
            left, values = left[values >= least], values[values >= least]
        if len(left):
            self._bound = float(values.min())
        self._block = left[np.argsort(-values, kind="stable")][::-1].tolist()


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _starts(decade: str) -> int:
    short = int(decade[:2])
    return (1900 if short >= 50 else 2000) + short
