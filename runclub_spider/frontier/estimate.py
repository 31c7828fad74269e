"""What the next page of a source promises, learnt from the pages that were answered. Pure.

Three things are learnt, each for the source itself and, while little is known of it, for the
groups it belongs to:

- how many eligible rows a first page holds: a product of group effects (form of the query,
  umbrella and decade it names, its core words, what a wider query already told);
- into which cells they fall: the umbrellas of the core, shrunk to those of the umbrella that the
  query names, times the decades of the form, shrunk likewise; then the source's own rows;
- how many of them are new: a product of effects of the cell, the depth, the core, and of how far
  queries that take this one in were read. Recent pages weigh most: novelty only falls.

A product of effects, each shrunk to 1, is what actuaries call credibility: an effect is
(a + observed) ÷ (a + expected), fitted in turns.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Entries (page × cell) and first pages that the fits look back on.
_ENTRIES, _FIRST_PAGES = 6000, 6000
_TURNS = 2
#: Rows of its own from which a source is believed as much as its groups.
_OWN_ROWS = 4.0
#: The same for the umbrellas of a core, and of the umbrella that queries name. A core counts
#: for the latter like at most so many rows, or a few large ones would speak for all.
_CORE_ROWS, _NAMED_ROWS, _CORE_CAP = 4.0, 8.0, 6.0
_DEPTHS = 6
_COVERS = 16
_HINTS = 4
_COVERED = np.array([1, 1, 0.9, 0.7, 0.8, 0.5, 0.7, 0.4, 0.6, 0.3, 0.2, 0.1, 0.9, 0.8, 0.7, 0.6])
#: Expected share of a first page that a wider query of 2^n rows leaves room for.
_ROOM = 20


@dataclass(frozen=True, slots=True)
class Source:
    """Something that serves pages: a search or a playlist, as far as guessing needs it.

    Attributes:
        kind: what it is; sources of one kind name umbrellas alike.
        form: how it asks; sources of one kind and form are alike in precision.
        umbrella: index of the umbrella that it names, or -1.
        decade: index of the decade that it names, or -1.
        core: what it asks for apart from years and words that every umbrella has.
        years: the years it asks for.
        page_rows: rows a page.
        wider: indices of the sources that take this one in.
        equal: those of them that this one takes in as well.
        total: rows it has, if that is known beforehand.
    """

    kind: str
    form: Hashable
    umbrella: int
    decade: int
    core: Hashable
    years: Hashable
    page_rows: int
    wider: tuple[int, ...] = ()
    equal: tuple[int, ...] = ()
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered page: rows served, and (umbrella, decade, eligible, new) of its cells."""

    source: int
    rows: int
    more: bool
    total: int | None
    cells: tuple[tuple[int, int, int, int], ...]


class _Names:
    """Numbers for names, in order of appearance."""

    def __init__(self) -> None:
        self._known: dict[Hashable, int] = {}

    def __call__(self, name: Hashable) -> int:
        return self._known.setdefault(name, len(self._known))

    def __len__(self) -> int:
        return len(self._known)


class _Table:
    """Columns of numbers that grow by rows."""

    def __init__(self, **columns: float) -> None:
        self._defaults = columns
        self._size = 0
        self._data = {
            name: np.full(64, value, np.int64 if isinstance(value, int) else np.float64)
            for name, value in columns.items()
        }

    def __len__(self) -> int:
        return self._size

    def append(self, **values: float) -> int:
        row = self._size
        if row == len(next(iter(self._data.values()))):
            for name, old in self._data.items():
                fresh = np.full(2 * row, self._defaults[name], old.dtype)
                fresh[:row] = old
                self._data[name] = fresh
        for name, value in values.items():
            self._data[name][row] = value
        self._size += 1
        return row

    def column(self, name: str, last: int | None = None) -> NDArray[np.int64]:
        """The column, or its last rows; a view."""
        start = 0 if last is None else max(0, self._size - last)
        return self._data[name][start : self._size]


class Model:
    """Learns from answers and gives an `Outlook` on the next pages.

    Umbrellas and decades are numbered from 0; the number after the last stands for none.
    """

    def __init__(self, umbrellas: int, decades: int) -> None:
        self.umbrellas, self.decades = umbrellas, decades
        self.grid = (umbrellas + 1, decades + 1)
        self.sources = _Table(
            form=0, core=0, slice=0, context=0, named=0, umbrella=-1, decade=-1, page_rows=0,
            asked=0, read=0, eligible=0, total=-1, open=1, hints=0,
        )  # fmt: skip
        self._forms, self._cores, self._slices = _Names(), _Names(), _Names()
        self._contexts, self._named, self._kinds = _Names(), _Names(), _Names()
        self._core_named = _Table(named=0)
        self._core_rows = np.zeros((64, self.grid[0]))
        self._named_of = _Table(kind=0, umbrella=-1)
        self._pairs = _Table(narrow=0, wide=0, equal=0)
        self._own = _Table(source=0, cell=0, rows=0.0)
        self._own_at: dict[tuple[int, int], int] = {}
        self._own_of: dict[int, list[int]] = {}
        self._firsts = _Table(source=0, share=0.0, room=0)
        self._entries = _Table(
            source=0, depth=0, cell=0, eligible=0.0, new=0.0, cover=0,
            cell_at=0, context_at=0, core_at=0, slice_at=0, source_at=0,
        )  # fmt: skip
        self._counts: dict[str, dict[int, int]] = {n: {} for n in _AGEING}
        self._outlook: Outlook | None = None
        self._cover: Ints = np.zeros(0, np.int64)
        self._room: Ints = np.zeros(0, np.int64)

    def add(self, source: Source) -> int:
        """Take up a source; its index."""
        kind = source.kind
        named = self._named((kind, source.umbrella))
        if named == len(self._named_of):
            self._named_of.append(kind=self._kinds(kind), umbrella=source.umbrella)
        core = self._cores((kind, source.core))
        if core == len(self._core_named):
            self._core_named.append(named=named)
            if core == len(self._core_rows):
                self._core_rows = np.concatenate([self._core_rows, np.zeros_like(self._core_rows)])
        row = self.sources.append(
            form=self._forms((kind, source.form)),
            core=core,
            slice=self._slices((kind, source.core, source.years)),
            context=self._contexts((kind, source.umbrella, source.decade)),
            named=named,
            umbrella=source.umbrella,
            decade=source.decade,
            page_rows=source.page_rows,
            total=-1 if source.total is None else source.total,
        )
        for wide in source.wider:
            self._pairs.append(narrow=row, wide=wide)
        for wide in source.equal:
            self._pairs.append(narrow=row, wide=wide, equal=1)
        return row

    def learn(self, answer: Answer) -> None:
        """Take in one answered page."""
        at, s = answer.source, self.sources
        groups = {
            "context": int(s.column("context")[at]),
            "core": int(s.column("core")[at]),
            "slice": int(s.column("slice")[at]),
            "source": at,
        }
        asked = int(s.column("asked")[at])
        cover = int(self._cover[at]) if at < len(self._cover) else 0
        eligible = 0
        hinted = s.column("hints")[at] > 0
        for umbrella, decade, rows, new in answer.cells:
            cell = umbrella * self.grid[1] + decade
            eligible += rows
            ages = {f"{name}_at": self._count(name, group) for name, group in groups.items()}
            self._entries.append(
                source=at,
                depth=min(asked, _DEPTHS - 1),
                cell=cell,
                eligible=rows,
                new=new,
                cover=cover,
                cell_at=self._count("cell", cell),
                **ages,
            )
            # What hinted at the source comes back with its first page and says nothing of the rest.
            told = new if hinted else rows
            if told:
                self._core_rows[groups["core"], umbrella] += told
                self._add_own(at, cell, told)
        if asked == 0:
            room = int(self._room[at]) if at < len(self._room) else 0
            share = eligible / s.column("page_rows")[at]
            self._firsts.append(source=at, share=share, room=room)
        s.column("asked")[at] += 1
        s.column("read")[at] += answer.rows
        s.column("eligible")[at] += eligible
        if not answer.more:
            s.column("open")[at] = 0
            s.column("total")[at] = s.column("read")[at]
        elif answer.total is not None:
            s.column("total")[at] = answer.total

    def close(self, source: int) -> None:
        """The source has no further page."""
        self.sources.column("open")[source] = 0

    def hint(self, source: int) -> None:
        """A row that the source would serve was found elsewhere."""
        self.sources.column("hints")[source] += 1

    def _count(self, name: str, group: int) -> int:
        counts = self._counts[name]
        counts[group] = counts.get(group, 0) + 1
        return counts[group]

    def _add_own(self, source: int, cell: int, rows: int) -> None:
        at = self._own_at.get((source, cell))
        if at is None:
            at = self._own_at[source, cell] = self._own.append(source=source, cell=cell)
            self._own_of.setdefault(source, []).append(at)
        self._own.column("rows")[at] += rows

    def capacity(self) -> Floats:
        """Rows that the cells are thought to hold at least, by what their best source says.

        The rows a source showed of a cell, times how far it was read; one row less, because
        one may be chance.
        """
        s = self.sources
        scale = np.maximum(s.column("total"), s.column("read")) / np.maximum(s.column("read"), 1)
        found = np.zeros(self.grid)
        rows = (self._own.column("rows") - 1) * scale[self._own.column("source")]
        np.maximum.at(found.ravel(), self._own.column("cell"), rows)
        return found

    def outlook(self) -> Outlook:
        """What is expected of every source's next page."""
        self._look_wider()
        rows = self._rows()
        novelty, cell_novelty = self._novelty()
        return Outlook(self, rows, novelty, cell_novelty)

    def _look_wider(self) -> None:
        """How far the wider queries were read, and how many rows they leave room for."""
        s, size = self.sources, len(self.sources)
        total, read = s.column("total"), s.column("read")
        asked = s.column("asked") > 0
        share = np.where(asked, read / np.maximum(total, 1), 0.0)
        share[asked & (s.column("open") == 0)] = 1.0
        narrow, wide = self._pairs.column("narrow"), self._pairs.column("wide")
        self._cover = np.zeros(size, np.int64)
        quarter = np.ceil(share * 4).astype(np.int64)
        quarter[share >= 1] = 5
        step = quarter[wide] * 2 + (self._pairs.column("equal") & (quarter[wide] > 0))
        np.maximum.at(self._cover, narrow, step)
        hints = np.minimum(s.column("hints"), _HINTS)
        hinted = hints > 0
        self._cover[hinted] = _COVERS - _HINTS - 1 + hints[hinted]
        known = asked[wide]
        room = np.full(size, np.inf)
        narrow, wide = narrow[known], wide[known]
        part = np.ones(len(narrow))
        dated = (s.column("decade")[narrow] >= 0) & (s.column("decade")[wide] < 0)
        if dated.any():
            by_decade = self._decades_of(np.unique(wide[dated]))
            index = np.searchsorted(np.unique(wide[dated]), wide[dated])
            rows = by_decade[index]
            part[dated] = (rows[np.arange(len(index)), s.column("decade")[narrow[dated]]] + 0.5) / (
                rows.sum(1) + 3
            )
        np.minimum.at(room, narrow, total[wide] * part)
        self._room = np.zeros(size, np.int64)
        told = np.isfinite(room)
        pages = room[told] / s.column("page_rows")[told]
        self._room[told] = 1 + np.log2(1 + 16 * pages).astype(np.int64)
        np.minimum(self._room, _ROOM - 1 - _HINTS, out=self._room)
        self._room[hinted] = _ROOM - _HINTS - 1 + hints[hinted]

    def _decades_of(self, sources: Ints) -> Floats:
        """Eligible rows by decade of some sources (sorted), one row each."""
        own = self._own.column("source")
        place = np.searchsorted(sources, own)
        place[place == len(sources)] = 0
        hit = sources[place] == own
        found = np.zeros((len(sources), self.grid[1]))
        decade = self._own.column("cell")[hit] % self.grid[1]
        np.add.at(found, (place[hit], decade), self._own.column("rows")[hit])
        return found

    def _rows(self) -> Floats:
        """Eligible rows expected on each source's next page."""
        s = self.sources
        at = self._firsts.column("source", _FIRST_PAGES)
        share = self._firsts.column("share", _FIRST_PAGES)
        base = (share.sum() + 1) / (len(share) + 2)
        groups = [
            (s.column("form"), len(self._forms), 1.0),
            (s.column("context"), len(self._contexts), 2.0),
            (s.column("core"), len(self._cores), 1.0),
            (s.column("slice"), len(self._slices), 0.5),
        ]
        prior = np.ones(_ROOM)
        prior[1:] = np.minimum(1.3, (np.exp2(np.arange(_ROOM - 1)) - 0.9) / 16 / base)
        prior[-_HINTS:] = 1.0
        fit = _Fit(base, share, np.ones(len(share)))
        for of, size, strength in groups:
            fit.group(of[at], of, size, strength * base)
        fit.group(self._firsts.column("room", _FIRST_PAGES), self._room, _ROOM, 0.5 * base, prior)
        rows = np.minimum(fit.predict(), 1.0) * s.column("page_rows")
        later = s.column("asked") > 0
        own = s.column("eligible") / np.maximum(s.column("asked"), 1)
        left = np.where(s.column("total") >= 0, s.column("total") - s.column("read"), np.inf)
        return np.where(later, np.minimum(own, np.maximum(left, 0)), np.minimum(rows, left))

    def _novelty(self) -> tuple[Floats, Floats]:
        """Share of new rows: an effect a source, an effect a cell."""
        s, e = self.sources, self._entries
        at = e.column("source", _ENTRIES)
        eligible, new = e.column("eligible", _ENTRIES), e.column("new", _ENTRIES)
        base = (new.sum() + 5) / (eligible.sum() + 5)
        fit = _Fit(base, new, eligible)
        cells = self.grid[0] * self.grid[1]
        numbers = {
            "cell": (e.column("cell", _ENTRIES), None, cells, 4.0),
            "context": (s.column("context")[at], s.column("context"), len(self._contexts), 10.0),
            "core": (s.column("core")[at], s.column("core"), len(self._cores), 5.0),
            "slice": (s.column("slice")[at], s.column("slice"), len(self._slices), 3.0),
            "source": (at, np.arange(len(s)), len(s), 2.0),
        }
        for name, (of, now, size, strength) in numbers.items():
            last = np.zeros(size, np.int64)
            np.maximum.at(last, of, e.column(f"{name}_at", _ENTRIES))
            age = last[of] - e.column(f"{name}_at", _ENTRIES)
            fit.group(of, now, size, strength * base, weights=_AGEING[name] ** age)
        form, depth = s.column("form"), np.minimum(s.column("asked"), _DEPTHS - 1)
        fit.group(form[at], form, len(self._forms), 20.0 * base)
        fit.group(e.column("depth", _ENTRIES), depth, _DEPTHS, 20.0 * base)
        fit.group(e.column("cover", _ENTRIES), self._cover, _COVERS, 10.0 * base, _COVERED)
        by_source = fit.predict()
        return by_source, fit.effects[0]


#: What an entry still weighs when its group has one more.
_AGEING = {"cell": 0.95, "context": 0.97, "core": 0.95, "slice": 0.85, "source": 0.7}


class _Fit:
    """Products of group effects fitted in turns; groups are added one by one, then predicted."""

    def __init__(self, base: float, observed: Floats, exposure: Floats) -> None:
        self._base, self._observed = base, observed
        self._expected = base * exposure
        self._groups: list[
            tuple[Ints, Ints | None, float, Floats, Floats | None]
        ] = []
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
        """The product for each thing to predict; groups without numbers for them are left out."""
        expected = self._expected.copy()
        for (of, _, _, _, _), effect in zip(self._groups, self.effects, strict=True):
            expected *= effect[of]
        for _ in range(_TURNS):
            for index, (of, _, strength, prior, weights) in enumerate(self._groups):
                effect = self.effects[index]
                without = expected / effect[of]
                size = len(effect)
                seen = self._observed if weights is None else self._observed * weights
                due = without if weights is None else without * weights
                fresh = (strength * prior + np.bincount(of, seen, size)) / (
                    strength + np.bincount(of, due, size)
                )
                self.effects[index] = fresh
                expected = without * fresh[of]
        found: Floats | float = self._base
        for (_, now, _, _, _), effect in zip(self._groups, self.effects, strict=True):
            if now is not None:
                found = found * effect[now]
        return np.asarray(found, np.float64)


def _toward(rows: Floats, prior: Floats, strength: float) -> Floats:
    """Shares along the last axis, shrunk to a prior that counts as `strength` rows."""
    return (strength * prior + rows) / (strength + rows.sum(-1, keepdims=True))


class Outlook:
    """What is expected of the next pages, as of one moment."""

    def __init__(self, model: Model, rows: Floats, novelty: Floats, cell_novelty: Floats) -> None:
        self._model = model
        s = model.sources
        self.new = rows * np.minimum(novelty, 1.0)
        self.new[s.column("open") == 0] = 0.0
        self._cell = np.minimum(cell_novelty, 1.0)
        self._umbrellas_of_cores()
        self._decades_of_forms()
        own = model._own
        self._own_rows = np.bincount(own.column("source"), own.column("rows"), len(s))

    def _umbrellas_of_cores(self) -> None:
        """Shares of the umbrellas for each core."""
        model = self._model
        rows = model._core_rows[: len(model._cores)]
        total = rows.sum(1, keepdims=True)
        capped = rows * (_CORE_CAP / (_CORE_CAP + total))
        every = capped.sum(0) + 0.2
        every /= every.sum()
        named_of = model._core_named.column("named")
        kinds = model._named_of.column("kind")
        umbrella = model._named_of.column("umbrella")
        by_named = np.zeros((len(kinds), model.grid[0]))
        np.add.at(by_named, named_of, capped)
        prior = np.tile(every, (len(kinds), 1))
        names = np.flatnonzero(umbrella >= 0)
        hits = np.bincount(kinds[names], by_named[names, umbrella[names]], len(model._kinds))
        seen = np.bincount(kinds[names], by_named[names].sum(1), len(model._kinds))
        right = (hits + 6) / (seen + 10)
        prior[names] *= (1 - right[kinds[names]])[:, None]
        prior[names, umbrella[names]] += right[kinds[names]]
        by_named = (_NAMED_ROWS * prior + by_named) / (
            _NAMED_ROWS + by_named.sum(1, keepdims=True)
        )
        self._cores = (_CORE_ROWS * by_named[named_of] + rows) / (_CORE_ROWS + total)

    def _decades_of_forms(self) -> None:
        """Decades of each umbrella, and per form how far the named one is preferred."""
        model, s = self._model, self._model.sources
        own, decades = model._own, model.grid[1]
        source, rows = own.column("source"), own.column("rows")
        told = np.bincount(source, rows, len(s))
        rows = rows * (_CORE_CAP / (_CORE_CAP + told[source]))
        decade, umbrella = own.column("cell") % decades, own.column("cell") // decades
        form, named = s.column("form")[source], s.column("decade")[source]
        size, dated = len(model._forms), named >= 0
        undated = np.zeros((size, *model.grid))
        np.add.at(undated, (form[~dated], umbrella[~dated], decade[~dated]), rows[~dated])
        every = np.bincount(decade, rows, decades) + 0.5
        every /= every.sum()
        loose = undated.sum(0)
        loose = _toward(loose, _toward(loose.sum(0), every, 5.0), 5.0)
        by_form = _toward(undated.sum(1), every, 5.0)
        mixed = loose * (by_form / every)[:, None, :]
        mixed /= mixed.sum(2, keepdims=True)
        self._undated = _toward(undated, mixed, 5.0)
        # Of all rows of an umbrella, whatever asked for them: how common the decade is there.
        grid = np.zeros(model.grid)
        np.add.at(grid, (umbrella, decade), rows)
        self._usual = _toward(grid, every, 5.0)
        # The odds ratio over the strata (Mantel and Haenszel): with it a rare decade stays rare.
        usual = self._usual[umbrella[dated], named[dated]]
        hit = decade[dated] == named[dated]
        right = np.bincount(form[dated], rows[dated] * hit * (1 - usual), size)
        wrong = np.bincount(form[dated], rows[dated] * ~hit * usual, size)
        self._odds = (right + 2.0) / (wrong + 0.1)

    def worth(self, weights: Floats) -> Floats:
        """Expected new rows of each source's next page, weighed by cell (the grid's shape)."""
        model, s = self._model, self._model.sources
        worth = weights * self._cell.reshape(model.grid)
        core, form, decade = s.column("core"), s.column("form"), s.column("decade")
        dated = decade >= 0
        found = np.zeros(len(s))
        pairs, place = np.unique(form[dated] * model.grid[1] + decade[dated], return_inverse=True)
        per_umbrella = np.stack(
            [
                (self._decades(int(pair // model.grid[1]), int(pair % model.grid[1])) * worth).sum(1)
                for pair in pairs
            ]
        ) if len(pairs) else np.zeros((0, model.grid[0]))
        found[dated] = np.einsum("su,su->s", self._cores[core[dated]], per_umbrella[place])
        by_form = np.einsum("fud,ud->fu", self._undated, worth)
        undated = np.flatnonzero(~dated)
        found[undated] = np.einsum("su,su->s", self._cores[core[undated]], by_form[form[undated]])
        own = model._own
        seen = np.bincount(
            own.column("source"),
            own.column("rows") * worth.ravel()[own.column("cell")],
            len(s),
        )
        share = (_OWN_ROWS * found + seen) / (_OWN_ROWS + self._own_rows)
        return self.new * share

    def _decades(self, form: int, decade: int) -> Floats:
        """Shares of the decades by umbrella, for queries of a form that name a decade."""
        found = self._usual.copy()
        found[:, decade] *= self._odds[form]
        return found / found.sum(1, keepdims=True)

    def cells(self, source: int) -> Floats:
        """Expected new rows of one source's next page by cell, in the grid's shape."""
        model, s = self._model, self._model.sources
        core = self._cores[s.column("core")[source]]
        form, decade = s.column("form")[source], s.column("decade")[source]
        share = core[:, None] * (
            self._decades(form, decade) if decade >= 0 else self._undated[form]
        )
        share = share * _OWN_ROWS
        for at in model._own_of.get(source, ()):
            share.ravel()[model._own.column("cell")[at]] += model._own.column("rows")[at]
        share *= self.new[source] / (_OWN_ROWS + self._own_rows[source])
        return share * self._cell.reshape(model.grid)
