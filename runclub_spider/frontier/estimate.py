"""What the next page of a source promises, learnt from the pages that were answered. Pure.

Four things are learnt, each for the source itself and, while little is known of it, for the
groups it belongs to:

- how many eligible rows a first page holds: a product of effects of the form of the query, of
  the umbrella and decade it names, of its subject, and of the room that wider queries leave;
- into which cells they fall: the umbrellas of the subject, shrunk to those of queries that name
  the same umbrella, times the decades of the form; then the source's own rows;
- how many of them are new: a product of effects of the cell, the depth, the subject, the source,
  and of how far queries that take this one in were read. Late pages weigh most: novelty falls;
- the chance that the page shows anything new at all: most disappointments are empty or were seen
  whole elsewhere, which averages over pages do not tell. Log odds, a sum of effects.

A product of effects, each shrunk to 1, is what actuaries call credibility: an effect is
(a + observed) ÷ (a + expected), fitted in turns (Bailey's minimum bias with prior weight a). The
effects on log odds are shrunk to 0 by a ridge.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Entries (page × cell) and first pages that the fits look back on, and turns of a fit.
_ENTRIES, _FIRST_PAGES, _TURNS = 6000, 6000, 2
#: Rows of its own by which a source is believed as much as its groups; the same for a subject
#: and for the umbrella that queries name, of which a subject can speak for so many at most.
_OWN_ROWS, _SUBJECT_ROWS, _NAMED_ROWS, _SUBJECT_CAP = 4.0, 4.0, 8.0, 6.0
#: Rows by which the decades of an umbrella or a form are believed as much as those of all.
_DECADE_ROWS = 5.0
#: What an entry still weighs when its group has one more.
_AGEING = {"cell": 0.95, "context": 0.97, "subject": 0.95, "slice": 0.85, "source": 0.7}
#: Rows (novelty) by which an effect is believed as much as none.
_STRENGTH = {"cell": 4.0, "context": 10.0, "subject": 5.0, "slice": 3.0, "source": 2.0}
_DEPTHS = 6
#: Expected novelty by how far wider queries were read: not at all, then in quarters and at the
#: end the whole, each for wider queries and for those that ask the same; last by the number of
#: tracks that hinted at the source.
_COVERED = np.array(
    [1, 1, 0.9, 0.7, 0.8, 0.5, 0.7, 0.4, 0.6, 0.3, 0.2, 0.1, 0.9, 0.8, 0.7, 0.6]
)  # fmt: skip
_HINTS = 4
#: Steps in which the room that wider queries leave is told apart (doubling from 1/16 page),
#: the same number of hints, and last doubtful sources.
_ROOM = 21
#: What a first page of those holds beside others, until that is learnt.
_DOUBTED = 0.2
#: Pages that the chance of anything new is learnt from, and the turns of that fit.
_TRIES, _ODDS_TURNS = 3000, 3
#: The chance before any page was asked, of first pages and later ones, and the pages it counts as.
_FIRST_CHANCE, _LATER_CHANCE, _CHANCE_PAGES = 0.7, 0.85, 4.0
#: How far the log odds of a form, subject, slice or step differ (variance), and those of the cell
#: or the umbrella that is named.
_APART, _NAMED_APART, _ASK_APART = 1.0, 0.5, 0.3
#: Largest step of an effect in one turn: log odds of groups that always succeed run away.
_STEP = 1.5
#: Steps of what the last page of a source showed anew: none asked, 0, then doubling.
_LASTS = 6
#: Tracks without a sure umbrella that are taken to have become sure, of so many, beforehand.
_TURNED, _LOOSE = 3.0, 10.0


@dataclass(frozen=True, slots=True)
class Source:
    """Something that serves pages: a search or a playlist, as far as guessing needs it.

    Attributes:
        kind: what it is; sources of one kind name umbrellas alike.
        form: how it asks; sources of one kind and form are alike in precision.
        umbrella: number of the umbrella that it names, or -1.
        decade: number of the decade that it names, or -1.
        subject: what it asks for apart from years and words that every umbrella has.
        years: the years it asks for.
        page_rows: rows a page.
        wider: numbers of the sources that take this one in.
        equal: numbers of the sources that ask the same in other words.
        total: rows it has, if that is known beforehand.
        doubtful: whether it may well have none, like all others of its kind.
    """

    kind: str
    form: Hashable
    umbrella: int
    decade: int
    subject: Hashable
    years: Hashable
    page_rows: int
    wider: tuple[int, ...] = ()
    equal: tuple[int, ...] = ()
    total: int | None = None
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered page: rows served, and (umbrella, decade, eligible, new) of its cells."""

    source: int
    rows: int
    more: bool
    total: int | None
    cells: tuple[tuple[int, int, int, int], ...]


class _Table:
    """Columns of numbers that grow by rows."""

    def __init__(self, **columns: float) -> None:
        self._defaults = columns
        self._size = 0
        self._data: dict[str, NDArray[Any]] = {
            name: np.full(64, value, np.int64 if isinstance(value, int) else np.float64)
            for name, value in columns.items()
        }
        self._room = 64

    def __len__(self) -> int:
        return self._size

    def append(self, **values: float) -> int:
        """Add a row; columns without a value get their default."""
        row = self._size
        if row == self._room:
            self._room *= 2
            for name, old in self._data.items():
                fresh = np.full(self._room, self._defaults[name], old.dtype)
                fresh[:row] = old
                self._data[name] = fresh
        for name, value in values.items():
            self._data[name][row] = value
        self._size += 1
        return row

    def ints(self, name: str, last: int | None = None) -> Ints:
        """A column of whole numbers, or the last rows of it; a view."""
        return self._data[name][self._from(last) : self._size]

    def floats(self, name: str, last: int | None = None) -> Floats:
        """A column of real numbers, or the last rows of it; a view."""
        return self._data[name][self._from(last) : self._size]

    def _from(self, last: int | None) -> int:
        return 0 if last is None else max(0, self._size - last)


class _Groups:
    """Numbers for names in order of appearance, and how often each was counted."""

    def __init__(self) -> None:
        self._known: dict[Hashable, int] = {}
        self._table = _Table(count=0)

    def __len__(self) -> int:
        return len(self._table)

    def number(self, name: Hashable) -> int:
        """The name's number, a new one for a new name."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._table.append()
        return known

    def count(self, number: int) -> int:
        """Count once more; how often that was."""
        counts = self.counts
        counts[number] += 1
        return int(counts[number])

    @property
    def counts(self) -> Ints:
        """How often each was counted; a view."""
        return self._table.ints("count")


class Model:
    """Learns from answers and gives `PageExpectations` on the next pages.

    Umbrellas and decades are numbered from 0; the number after the last stands for none.
    """

    def __init__(self, umbrellas: int, decades: int) -> None:
        self.grid = (umbrellas + 1, decades + 1)
        self.sources = _Table(
            form=0, subject=0, slice=0, context=0, named=0, ask=0, umbrella=-1, decade=-1,
            page_rows=0, asked=0, read=0, eligible=0, total=-1, open=1, hints=0,
            last=0, doubtful=0,
        )  # fmt: skip
        self.forms, self.kinds = _Groups(), _Groups()
        self.groups = {name: _Groups() for name in _AGEING}
        # How sources ask (form and decade), and which umbrella they name (by kind).
        self.asks, self._ask_numbers = _Table(form=0, decade=-1), _Groups()
        self.named, self._named_numbers = _Table(kind=0, umbrella=-1), _Groups()
        self.subjects = _Table(named=0)
        self.subject_rows = np.zeros((64, self.grid[0]))
        self.own = _Table(source=0, cell=0, rows=0.0)
        self.own_of: dict[int, dict[int, int]] = {}
        self._pairs = _Table(narrow=0, wide=0, equal=0)
        self._pairs_of: dict[int, list[int]] = {}
        self._firsts = _Table(source=0, share=0.0, room=0)
        self._tries = _Table(source=0, cover=0, room=0, depth=0, last=0, hit=0.0)
        # Tracks without a sure umbrella, and those of them that got one later.
        self._loose = self._turned = 0
        self._entries = _Table(
            source=0, depth=0, cell=0, eligible=0.0, new=0.0, cover=0,
            **{f"{name}_at": 0 for name in _AGEING},
        )  # fmt: skip
        for cell in range(self.grid[0] * self.grid[1]):
            self.groups["cell"].number(cell)

    def add(self, source: Source) -> int:
        """Take up a source; its number."""
        kind = source.kind
        named = self._named_numbers.number((kind, source.umbrella))
        if named == len(self.named):
            self.named.append(kind=self.kinds.number(kind), umbrella=source.umbrella)
        form = self.forms.number((kind, source.form))
        ask = self._ask_numbers.number((form, source.decade))
        if ask == len(self.asks):
            self.asks.append(form=form, decade=source.decade)
        subject = self.groups["subject"].number((kind, source.subject))
        if subject == len(self.subjects):
            self.subjects.append(named=named)
            if subject == len(self.subject_rows):
                self.subject_rows = np.concatenate([self.subject_rows, 0 * self.subject_rows])
        number = self.sources.append(
            form=form,
            subject=subject,
            slice=self.groups["slice"].number((subject, source.years)),
            context=self.groups["context"].number((kind, source.umbrella, source.decade)),
            named=named,
            ask=ask,
            umbrella=source.umbrella,
            decade=source.decade,
            page_rows=source.page_rows,
            total=-1 if source.total is None else source.total,
            doubtful=int(source.doubtful),
        )
        self.groups["source"].number(number)
        for equal, others in enumerate((source.wider, source.equal)):
            for other in others:
                pair = self._pairs.append(narrow=number, wide=other, equal=equal)
                self._pairs_of.setdefault(number, []).append(pair)
        return number

    def close(self, source: int) -> None:
        """The source has no further page."""
        self.sources.ints("open")[source] = 0

    def hint(self, source: int) -> None:
        """A row that the source would serve was found elsewhere."""
        self.sources.ints("hints")[source] += 1

    def settled(self) -> None:
        """A track without a sure umbrella got one."""
        self._turned += 1

    def turn(self, source: int, cell: tuple[int, int], umbrella: int) -> None:
        """A row that a source showed in a cell belongs to another umbrella."""
        before = cell[0] * self.grid[1] + cell[1]
        subject = self.sources.ints("subject")[source]
        at = self.own_of.get(source, {}).get(before)
        if at is None or self.own.floats("rows")[at] < 1:
            return
        self.own.floats("rows")[at] -= 1
        self.subject_rows[subject, cell[0]] -= 1
        self.subject_rows[subject, umbrella] += 1
        self._add_own(source, umbrella * self.grid[1] + cell[1], 1)

    def learn(self, answer: Answer) -> None:
        """Take in one answered page."""
        at, s = answer.source, self.sources
        groups = {name: int(s.ints(name)[at]) for name in ("context", "subject", "slice")}
        groups["source"] = at
        asked = int(s.ints("asked")[at])
        cover, room = (int(one[0]) for one in self._look_wider(at))
        hinted = s.ints("hints")[at] > 0
        self._try(answer, asked, cover, room)
        eligible = 0
        for umbrella, decade, rows, new in answer.cells:
            groups["cell"] = cell = umbrella * self.grid[1] + decade
            eligible += rows
            self._entries.append(
                source=at,
                depth=min(asked, _DEPTHS - 1),
                cell=cell,
                eligible=rows,
                new=new,
                cover=cover,
                **{f"{name}_at": self.groups[name].count(of) for name, of in groups.items()},
            )
            # What hinted at a source comes back with its first page; it does not tell of the rest.
            told = new if hinted else rows
            if told:
                self.subject_rows[groups["subject"], umbrella] += told
                self._add_own(at, cell, told)
        if asked == 0:
            self._firsts.append(source=at, share=eligible / s.ints("page_rows")[at], room=room)
        s.ints("asked")[at] += 1
        s.ints("read")[at] += answer.rows
        s.ints("eligible")[at] += eligible
        if not answer.more:
            self.close(at)
            s.ints("total")[at] = s.ints("read")[at]
        elif answer.total is not None:
            s.ints("total")[at] = answer.total

    def _try(self, answer: Answer, asked: int, cover: int, room: int) -> None:
        """Take in whether a page showed anything new for a cell.

        What is not sure of its umbrella counts as far as such tracks became sure so far.
        """
        nowhere = (self.grid[0] - 1, self.grid[1] - 1)
        placed = fresh = 0
        for umbrella, decade, _, new in answer.cells:
            if decade != nowhere[1]:
                fresh += new
                placed += new if umbrella != nowhere[0] else 0
        turned = min(1.0, (self._turned + _TURNED) / (self._loose + _LOOSE))
        self._loose += fresh - placed
        last = self.sources.ints("last")
        self._tries.append(
            source=answer.source,
            cover=cover,
            room=room,
            depth=min(asked, _DEPTHS - 1),
            last=int(last[answer.source]),
            hit=1.0 if placed else 1 - (1 - turned) ** fresh,
        )
        last[answer.source] = min(_LASTS - 1, 1 + math.floor(math.log2(1 + fresh)))

    def _add_own(self, source: int, cell: int, rows: int) -> None:
        known = self.own_of.setdefault(source, {})
        if cell not in known:
            known[cell] = self.own.append(source=source, cell=cell)
        self.own.floats("rows")[known[cell]] += rows

    def capacity(self) -> Floats:
        """Tracks that the cells are thought to hold at least, by what their best source says.

        The rows that a source showed of a cell, times how much of it is still to be read; one
        row less, because one may be chance.
        """
        s = self.sources
        read = np.maximum(s.ints("read"), 1)
        scale = np.maximum(s.ints("total"), read) / read
        found = np.zeros(self.grid[0] * self.grid[1])
        rows = (self.own.floats("rows") - 1) * scale[self.own.ints("source")]
        np.maximum.at(found, self.own.ints("cell"), rows)
        return found.reshape(self.grid)

    def expectations(self) -> PageExpectations:
        """What is expected of every source's next page."""
        cover, room = self._look_wider()
        novelty, cell_novelty = self._novelty(cover)
        chance = self._chance(cover, room)
        return PageExpectations(self, self._rows(room), novelty, cell_novelty, chance)

    def _look_wider(self, only: int | None = None) -> tuple[Ints, Ints]:
        """How far the wider queries were read, and the room they leave; of all sources or one."""
        s = self.sources
        if only is None:
            of, pairs = np.arange(len(s)), np.arange(len(self._pairs))
            narrow = self._pairs.ints("narrow")
        else:
            of, pairs = np.array([only]), np.array(self._pairs_of.get(only, []), np.int64)
            narrow = np.zeros(len(pairs), np.int64)
        wide = self._pairs.ints("wide")[pairs]
        told = s.ints("asked")[wide] > 0
        narrow, wide, equal = narrow[told], wide[told], self._pairs.ints("equal")[pairs][told]
        total, read = s.ints("total"), s.ints("read")
        # A total is only a claim, so a search may have shown more; unknown, it may have much.
        part = np.minimum(1.0, read[wide] / np.maximum(total[wide], 1))
        quarter = np.where(total[wide] < 0, 1, np.ceil(4 * part)).astype(np.int64)
        quarter[s.ints("open")[wide] == 0] = 5
        cover = np.zeros(len(of), np.int64)
        np.maximum.at(cover, narrow, quarter * 2 + (equal & (quarter > 0)))
        decade = s.ints("decade")[of][narrow]
        share = np.ones(len(narrow))
        cut = (decade >= 0) & (s.ints("decade")[wide] < 0)
        if cut.any():
            share[cut] = self._share_of_decade(wide[cut], decade[cut])
        rows = np.full(len(of), np.inf)
        np.minimum.at(rows, narrow, np.where(total[wide] < 0, np.inf, total[wide] * share))
        room = np.zeros(len(of), np.int64)
        known = np.isfinite(rows)
        pages = rows[known] / s.ints("page_rows")[of][known]
        steps = 1 + np.log2(1 + 16 * pages).astype(np.int64)
        room[known] = np.minimum(steps, _ROOM - _HINTS - 2)
        hints = np.minimum(s.ints("hints")[of], _HINTS)
        hinted = hints > 0
        cover[hinted] = len(_COVERED) - _HINTS - 1 + hints[hinted]
        room[hinted] = _ROOM - _HINTS - 2 + hints[hinted]
        room[s.ints("doubtful")[of] > 0] = _ROOM - 1
        return cover, room

    def _share_of_decade(self, sources: Ints, decades: Ints) -> Floats:
        """The share of each of some decades in what each of some sources showed."""
        known = np.unique(sources)
        place = np.searchsorted(known, self.own.ints("source"))
        place[place == len(known)] = 0
        hit = known[place] == self.own.ints("source")
        width = self.grid[1]
        index = place[hit] * width + self.own.ints("cell")[hit] % width
        rows = _sums(index, self.own.floats("rows")[hit], (len(known), width))
        rows = rows[np.searchsorted(known, sources)]
        return np.asarray((rows[np.arange(len(sources)), decades] + 0.5) / (rows.sum(1) + 3))

    def _rows(self, room: Ints) -> Floats:
        """Eligible rows expected on each source's next page."""
        s, firsts = self.sources, self._firsts
        at, share = firsts.ints("source", _FIRST_PAGES), firsts.floats("share", _FIRST_PAGES)
        base = float((share.sum() + 1) / (len(share) + 2))
        fit = _Fit(base, share, np.ones(len(share)))
        for name, groups, strength in (
            ("form", self.forms, 1.0),
            ("context", self.groups["context"], 2.0),
            ("subject", self.groups["subject"], 1.0),
            ("slice", self.groups["slice"], 0.5),
        ):
            of = s.ints(name)
            fit.group(of[at], of, len(groups), strength * base)
        prior = np.ones(_ROOM)
        steps = np.arange(_ROOM - _HINTS - 2)
        prior[-1] = _DOUBTED
        prior[1 : -_HINTS - 1] = np.minimum(1.3, (np.exp2(steps) - 0.9) / 16 / base)
        fit.group(firsts.ints("room", _FIRST_PAGES), room, _ROOM, 0.5 * base, prior)
        first = np.minimum(fit.predict(), 1.0) * s.ints("page_rows")
        later = s.ints("eligible") / np.maximum(s.ints("asked"), 1)
        left = np.where(s.ints("total") >= 0, s.ints("total") - s.ints("read"), np.inf)
        rows = np.where(s.ints("asked") > 0, later, first)
        return np.minimum(rows, np.maximum(left, 0.0))

    def _chance(self, cover: Ints, room: Ints) -> Floats:
        """The chance that each source's next page shows anything new."""
        s, tries = self.sources, self._tries
        found, unasked = np.ones(len(s)), s.ints("asked") == 0
        first = tries.ints("depth", _TRIES) == 0
        for of, now, prior in (
            (first, np.flatnonzero(unasked), _FIRST_CHANCE),
            (~first, np.flatnonzero(~unasked), _LATER_CHANCE),
        ):
            at = tries.ints("source", _TRIES)[of]
            odds = _Odds(tries.floats("hit", _TRIES)[of], prior)
            for name, size, apart in (
                ("form", len(self.forms), _APART),
                ("ask", len(self.asks), _ASK_APART),
                ("named", len(self.named), _ASK_APART),
                ("context", len(self.groups["context"]), _NAMED_APART),
                ("subject", len(self.groups["subject"]), _APART),
                ("slice", len(self.groups["slice"]), _APART),
            ):
                odds.group(s.ints(name)[at], s.ints(name)[now], size, apart)
            for name, ahead, size in (
                ("cover", cover, len(_COVERED)),
                ("room", room, _ROOM),
                ("last", s.ints("last"), _LASTS),
                ("depth", np.minimum(s.ints("asked"), _DEPTHS - 1), _DEPTHS),
            ):
                odds.group(tries.ints(name, _TRIES)[of], ahead[now], size, _APART)
            found[now] = odds.predict()
        return found

    def _novelty(self, cover: Ints) -> tuple[Floats, Floats]:
        """The share of new rows as a product: what of it goes by source, and what by cell."""
        s, e = self.sources, self._entries
        at = e.ints("source", _ENTRIES)
        eligible, new = e.floats("eligible", _ENTRIES), e.floats("new", _ENTRIES)
        base = float((new.sum() + 5) / (eligible.sum() + 5))
        fit = _Fit(base, new, eligible)
        for name, ageing in _AGEING.items():
            groups, now = self.groups[name], None
            if name == "cell":
                of = e.ints("cell", _ENTRIES)
            elif name == "source":
                of, now = at, np.arange(len(s))
            else:
                now = s.ints(name)
                of = now[at]
            age = groups.counts[of] - e.ints(f"{name}_at", _ENTRIES)
            fit.group(of, now, len(groups), _STRENGTH[name] * base, weights=np.power(ageing, age))
        form, depth = s.ints("form"), np.minimum(s.ints("asked"), _DEPTHS - 1)
        fit.group(form[at], form, len(self.forms), 20 * base)
        fit.group(e.ints("depth", _ENTRIES), depth, _DEPTHS, 20 * base)
        fit.group(e.ints("cover", _ENTRIES), cover, len(_COVERED), 10 * base, _COVERED)
        by_source = fit.predict()
        return np.minimum(by_source, 1.0), np.minimum(fit.effects[0], 1.0).reshape(self.grid)


class _Fit:
    """A product of group effects fitted in turns: add the groups one by one, then predict."""

    def __init__(self, base: float, observed: Floats, exposure: Floats) -> None:
        self._base, self._observed = base, observed
        self._expected = base * exposure
        self._groups: list[tuple[Ints, Ints | None, float, Floats, Floats | None]] = []
        self.effects: list[Floats] = []

    def group(
        self,
        of: Ints,
        now: Ints | None,
        size: int,
        strength: float,
        prior: Floats | None = None,
        weights: Floats | None = None,
    ) -> None:
        """Add a group: its number for each observation, and for each thing to predict."""
        prior = np.ones(size) if prior is None else prior
        self._groups.append((of, now, strength, prior, weights))
        self.effects.append(prior.copy())

    def predict(self) -> Floats:
        """The product for each thing to predict; groups without numbers for them stay out."""
        expected = self._expected.copy()
        for (of, *_), effect in zip(self._groups, self.effects, strict=True):
            expected *= effect[of]
        for _ in range(_TURNS):
            for at, (of, _, strength, prior, weights) in enumerate(self._groups):
                without = expected / self.effects[at][of]
                seen = self._observed if weights is None else self._observed * weights
                due = without if weights is None else without * weights
                size = len(prior)
                self.effects[at] = (strength * prior + np.bincount(of, seen, size)) / (
                    strength + np.bincount(of, due, size)
                )
                expected = without * self.effects[at][of]
        predicted = next(now for _, now, *_ in self._groups[::-1] if now is not None)
        found = np.full(len(predicted), self._base)
        for (_, now, *_), effect in zip(self._groups, self.effects, strict=True):
            if now is not None:
                found *= effect[now]
        return found


class _Odds:
    """A chance whose log odds are a sum of group effects: add them one by one, then predict.

    Args:
        hits: whether each try came off, 0 to 1.
        prior: the chance before any try.
    """

    def __init__(self, hits: Floats, prior: float) -> None:
        self._hits = hits
        share = (hits.sum() + _CHANCE_PAGES * prior) / (len(hits) + _CHANCE_PAGES)
        self._base = float(np.log(share / (1 - share)))
        self._groups: list[tuple[Ints, Ints, Floats, float]] = []

    def group(self, of: Ints, now: Ints, size: int, apart: float) -> None:
        """Add a group: its number for each try and each thing to predict, and its variance."""
        self._groups.append((of, now, np.zeros(size), 1 / apart))

    def predict(self) -> Floats:
        """The chance of each thing to predict: a Newton step of each effect a turn."""
        odds = np.full(len(self._hits), self._base)
        for _ in range(_ODDS_TURNS):
            for of, _, effect, precision in self._groups:
                chance = 1 / (1 + np.exp(-odds))
                slope = np.bincount(of, self._hits - chance, len(effect)) - precision * effect
                curve = np.bincount(of, chance * (1 - chance), len(effect)) + precision
                step = np.clip(slope / curve, -_STEP, _STEP)
                np.add(effect, step, out=effect)
                odds += step[of]
        found = np.full(len(self._groups[0][1]), self._base)
        for _, now, effect, _ in self._groups:
            found += effect[now]
        return np.asarray(1 / (1 + np.exp(-found)))


class PageExpectations:
    """What is expected of the next pages, as of one moment.

    Attributes:
        new: new eligible tracks on each source's next page; 0 where there is none.
        chance: that there is any.
    """

    def __init__(
        self, model: Model, rows: Floats, novelty: Floats, cell_novelty: Floats, chance: Floats
    ) -> None:
        self._model, self._cell_novelty, self.chance = model, cell_novelty, chance
        self.new = np.where(model.sources.ints("open") > 0, rows * novelty * chance, 0.0)
        own = model.own
        self._own_rows = np.bincount(own.ints("source"), own.floats("rows"), len(model.sources))
        self._learn_umbrellas()
        self._learn_decades()

    def _learn_umbrellas(self) -> None:
        """Into which umbrellas the rows of queries fall that name an umbrella."""
        model = self._model
        rows = model.subject_rows[: len(model.subjects)]
        self._subject_total = rows.sum(1)
        heard = np.flatnonzero(self._subject_total)
        capped = rows[heard] * (_SUBJECT_CAP / (_SUBJECT_CAP + self._subject_total[heard, None]))
        every = _shares(capped.sum(0) + 0.2)
        kind, umbrella = model.named.ints("kind"), model.named.ints("umbrella")
        by_named = np.zeros((len(kind), model.grid[0]))
        np.add.at(by_named, model.subjects.ints("named")[heard], capped)
        prior = np.tile(every, (len(kind), 1))
        names = np.flatnonzero(umbrella >= 0)
        hits = np.bincount(kind[names], by_named[names, umbrella[names]], len(model.kinds))
        seen = np.bincount(kind[names], by_named[names].sum(1), len(model.kinds))
        right = ((hits + 6) / (seen + 10))[kind[names]]
        prior[names] *= (1 - right)[:, None]
        prior[names, umbrella[names]] += right
        self._by_named = _toward(by_named, prior, _NAMED_ROWS)

    def _learn_decades(self) -> None:
        """Decades of each umbrella under each way to ask: the shape (ask, umbrella, decade)."""
        model, s, own = self._model, self._model.sources, self._model.own
        source, width = own.ints("source"), model.grid[1]
        rows = own.floats("rows") * (_SUBJECT_CAP / (_SUBJECT_CAP + self._own_rows[source]))
        decade, umbrella = own.ints("cell") % width, own.ints("cell") // width
        form, named = s.ints("form")[source], s.ints("decade")[source]
        every = _shares(_sums(decade, rows, (width,)) + 0.5)
        dated, size = named >= 0, len(model.forms)
        index = np.ravel_multi_index(
            (form[~dated], umbrella[~dated], decade[~dated]), (size, *model.grid)
        )
        undated = _sums(index, rows[~dated], (size, *model.grid))
        loose = _toward(undated.sum(0), _toward(undated.sum((0, 1)), every))
        mixed = loose * (_toward(undated.sum(1), every) / every)[:, None, :]
        undated = _toward(undated, _shares(mixed))
        # How common a decade is in an umbrella whoever asks, and how much more so when a query
        # names it: the odds ratio over the strata (Mantel and Haenszel). A rare one stays rare.
        usual = _toward(_sums(own.ints("cell"), rows, model.grid), every)
        share = usual[umbrella[dated], named[dated]]
        hit = decade[dated] == named[dated]
        right = np.bincount(form[dated], rows[dated] * hit * (1 - share), size)
        wrong = np.bincount(form[dated], rows[dated] * ~hit * share, size)
        odds = (right + 2.0) / (wrong + 0.1)
        asks = model.asks
        self._decades: Floats = np.where(
            (asks.ints("decade") >= 0)[:, None, None], usual, undated[asks.ints("form")]
        )
        for ask in np.flatnonzero(asks.ints("decade") >= 0):
            self._decades[ask, :, asks.ints("decade")[ask]] *= odds[asks.ints("form")[ask]]
        self._decades = _shares(self._decades)

    def worth(self, weights: Floats) -> Floats:
        """Expected new rows of each source's next page, weighed by cell (shape of the grid)."""
        model, s, own = self._model, self._model.sources, self._model.own
        worth = weights * self._cell_novelty
        by_ask = (self._decades * worth).sum(2)
        ask, subject = s.ints("ask"), s.ints("subject")
        # The sum is written out, because a matrix product differs between processors.
        named = (self._by_named[:, None, :] * by_ask).sum(2)
        found = _SUBJECT_ROWS * named[s.ints("named"), ask]
        total = self._subject_total[subject]
        heard = np.flatnonzero(total)
        found[heard] += (model.subject_rows[subject[heard]] * by_ask[ask[heard]]).sum(1)
        found /= _SUBJECT_ROWS + total
        shown = own.floats("rows") * worth.ravel()[own.ints("cell")]
        found = _OWN_ROWS * found + _sums(own.ints("source"), shown, (len(s),))
        return np.asarray(self.new * found / (_OWN_ROWS + self._own_rows))

    def cells(self, source: int) -> Floats:
        """Expected new rows of one source's next page by cell (shape of the grid)."""
        model, s = self._model, self._model.sources
        subject = s.ints("subject")[source]
        rows = model.subject_rows[subject]
        named = _SUBJECT_ROWS * self._by_named[s.ints("named")[source]]
        umbrellas = (named + rows) / (_SUBJECT_ROWS + self._subject_total[subject])
        share = _OWN_ROWS * umbrellas[:, None] * self._decades[s.ints("ask")[source]]
        for cell, at in model.own_of.get(source, {}).items():
            share.ravel()[cell] += model.own.floats("rows")[at]
        share *= self.new[source] / (_OWN_ROWS + self._own_rows[source])
        return np.asarray(share * self._cell_novelty)


def _shares(rows: Floats) -> Floats:
    """Each row divided by its sum, along the last axis."""
    return np.asarray(rows / rows.sum(-1, keepdims=True))


def _sums(index: Ints, rows: Floats, shape: tuple[int, ...]) -> Floats:
    """Rows added up by their place in an array of a shape, counted row by row."""
    return np.bincount(index, rows, math.prod(shape)).astype(np.float64).reshape(shape)


def _toward(rows: Floats, prior: Floats, strength: float = _DECADE_ROWS) -> Floats:
    """Shares along the last axis, shrunk to a prior that counts as `strength` rows."""
    return np.asarray((strength * prior + rows) / (strength + rows.sum(-1, keepdims=True)))
