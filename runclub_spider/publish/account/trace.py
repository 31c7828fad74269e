"""The account of one track as data: its rules, its duplicates, its cells, where it was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sqlalchemy as sa

from runclub_spider.catalog.dates import release_year
from runclub_spider.catalog.rules import (
    RULES,
    UNSUITABLE,
    Facts,
    Rule,
    facts_of_stored,
    judge,
)
from runclub_spider.config import Config
from runclub_spider.publish.choose.balance import Backfill, Cell, CellCount, ranked
from runclub_spider.publish.choose.collapse import Reason
from runclub_spider.publish.choose.select import Cell as AssignedCell
from runclub_spider.publish.choose.select import Fate, Selection
from runclub_spider.store.read import catalogue, lookup


@dataclass(frozen=True, slots=True)
class Vote:
    """The umbrellas of a track, the first with its confidence (0 to 1), and who spoke for them."""

    umbrellas: tuple[str, ...]
    origin: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Edition:
    """A track of a group of duplicates; `recording`: whether it is the survivor's recording."""

    track_id: str
    recording: bool
    popularity: int | None


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The tracks that one of them stands for, and why that one; in the order of ids."""

    survivor: str
    reason: Reason
    editions: tuple[Edition, ...]


@dataclass(frozen=True, slots=True)
class CellState:
    """A cell of the next release; `count` is None for one that wants nothing."""

    cell: Cell
    count: CellCount | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where a track was found: a search, or a playlist and the searches that served it.

    Attributes:
        provenance: a row of `lookup.sources`.
        ledger: of a search, its rows of `lookup.seeds`.
        playlist: as `lookup.playlist_of` gives it, where it is known.
        searches: rows of `lookup.searches_of`.
    """

    provenance: Any
    ledger: Sequence[Any] = ()
    playlist: Any | None = None
    searches: Sequence[Any] = ()

    @property
    def in_playlist(self) -> bool:
        """Whether it stood in a playlist; else a search served it."""
        return bool(self.provenance.source_type != "search")


@dataclass(frozen=True, slots=True)
class Place:
    """The rank of a track, from 1, among the eligible ones."""

    rank: int
    eligible: int


@dataclass(frozen=True)
class Trace:
    """What the next release makes of one stored track; read as it is asked for.

    Anything may raise, for a damaged store holds any value in any column.

    Attributes:
        row: its columns, as `catalogue.wide` gives them.
        at: its position in the pool.
    """

    config: Config
    connection: sa.Connection
    selection: Selection
    row: Any
    at: int

    @property
    def track_id(self) -> str:
        """Its id."""
        return str(self.row.track_id)

    @property
    def fate(self) -> Fate:
        """What becomes of it."""
        return Fate(int(self.selection.fate[self.at]))

    @property
    def rejected_by(self) -> Rule:
        """The rule that a rejected track is counted under."""
        return RULES[int(self.selection.pool.rule[self.at])]

    @property
    def fault(self) -> str | None:
        """Why it is unsound, if it is."""
        return self.selection.pool.unsound.get(self.track_id)

    @cached_property
    def artists(self) -> Sequence[Any]:
        """Its artists with a name, as `catalogue.credits_of_tracks` gives them."""
        return list(catalogue.credits_of_tracks(self.connection, [self.track_id]))

    @property
    def year(self) -> int | None:
        """Of its album."""
        return release_year(self.row.release_date)

    @property
    def decade(self) -> str | None:
        """Its label, where the year has one."""
        return self.selection.pool.decade_of(self.at)

    @cached_property
    def facts(self) -> Facts:
        """What the rules look at."""
        row, pool, market = self.row, self.selection.pool, self.config.market
        markets = catalogue.markets_of_tracks(self.connection, [self.track_id])
        asked = {answer.market: answer for answer in markets}.get(market)
        rated = row.f_tempo is not None and row.f_energy is not None
        return facts_of_stored(
            row.name,
            artists=len(self.artists),
            duration_ms=row.duration_ms or row.d_duration_ms or 0,
            playable=asked.playable if asked else None,
            basis=asked.basis if asked else None,
            available_markets=row.available_markets,
            market=market,
        )._replace(
            unsuited=int(pool.rule[self.at]) == RULES.index(UNSUITABLE),
            suitability=int(pool.suitability[self.at]) / 10 if rated else None,
        )

    @property
    def refused_by(self) -> tuple[Rule, ...]:
        """Every rule that refuses it, in counting order."""
        return judge(self.facts, self.config.policy, RULES)

    @property
    def vote(self) -> Vote | None:
        """Its umbrellas; None where neither genres nor sources speak for one."""
        pool = self.selection.pool
        umbrellas = pool.umbrellas_of(self.at)
        if not umbrellas:
            return None
        origin = pool.origins[int(pool.origin[self.at])]
        return Vote(umbrellas, origin, int(pool.confidence[self.at]) / 10_000)

    @property
    def duplicates(self) -> Duplicates | None:
        """The group it belongs to, itself at least; None where a rule refuses it."""
        groups, pool = self.selection.duplicates, self.selection.pool
        survivor = int(groups.survivor[self.at])
        if survivor < 0:
            return None
        recording = groups.recording[survivor]
        editions = []
        for member in np.flatnonzero(groups.survivor == survivor).tolist():
            popularity = int(pool.popularity[member])
            editions.append(
                Edition(
                    pool.id_of(member),
                    bool(groups.recording[member] == recording),
                    popularity if popularity >= 0 else None,
                )
            )
        return Duplicates(pool.id_of(survivor), self.selection.reason(survivor), tuple(editions))

    @property
    def cells(self) -> list[CellState]:
        """The cells it could be counted in."""
        decade, vote = self.decade, self.vote
        if decade is None or vote is None:
            return []
        return [self.state_of((umbrella, decade)) for umbrella in vote.umbrellas]

    @property
    def assigned(self) -> AssignedCell | None:
        """The cell that a released track is counted in; umbrella or decade may be missing."""
        return self.selection.cell(self.at) if self.fate is Fate.EXPORTED else None

    @property
    def backfill(self) -> Backfill | None:
        """The thin cell that it stands in for, if it does."""
        return self.selection.choice.backfill.get(self.at)

    def state_of(self, cell: Cell) -> CellState:
        """A cell as the next release would leave it."""
        return CellState(cell, self.selection.choice.certificate.cells.get(cell))

    @property
    def place(self) -> Place | None:
        """Its rank where the cap refused it; None while there is room under the cap."""
        selection = self.selection
        if selection.count(Fate.EXPORTED) < selection.targets.cap:
            return None
        waiting = (selection.fate == Fate.EXPORTED) | (selection.fate == Fate.BALANCE)
        order = ranked(selection.pool, waiting, keeping=True, mixed=True)
        (rank,) = np.flatnonzero(order == self.at).tolist()
        return Place(rank + 1, len(order))

    @property
    def kept_as(self) -> str | None:
        """The umbrella it had in the last release, `no umbrella`; None where it was not in it."""
        pool = self.selection.pool
        if not pool.kept[self.at]:
            return None
        label = int(pool.kept_as[self.at])
        return pool.labels[label] if label < len(pool.labels) else "no umbrella"

    @property
    def findings(self) -> list[Finding]:
        """Where it was found, the first place first."""
        return [self._finding(row) for row in lookup.sources(self.connection, self.track_id)]

    def _finding(self, provenance: Any) -> Finding:
        connection, key = self.connection, provenance.source_key
        if not Finding(provenance).in_playlist:
            return Finding(provenance, ledger=lookup.seeds(connection, key))
        return Finding(
            provenance,
            playlist=lookup.playlist_of(connection, key),
            searches=lookup.searches_of(connection, key),
        )

    @property
    def missed(self) -> Any | None:
        """When ReccoBeats had no features for it, as `lookup.miss` gives it."""
        return lookup.miss(self.connection, self.track_id)


def trace(config: Config, connection: sa.Connection, selection: Selection, track_id: str) -> Trace:
    """The account of a stored track.

    Args:
        config: the project's settings.
        connection: to the store that the selection was made of.
        selection: what the next release would be.
        track_id: of a track that the store holds.
    """
    (row,) = catalogue.wide(connection, [track_id])
    (at,) = selection.pool.find([track_id]).tolist()
    return Trace(config, connection, selection, row, int(at))
