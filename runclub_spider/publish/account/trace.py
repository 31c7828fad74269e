"""The account of one track as data: its rules, its duplicates, its cells, where it was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.content.judge import (
    Verdict,
    leaning,
    plainly,
    rejected_by_names,
    weigh,
)
from runclub_spider.catalog.content.labels import Label, Treatment, mask_of
from runclub_spider.catalog.content.track import Track, Work, genres_of, heard
from runclub_spider.catalog.dates import decade_of, release_year
from runclub_spider.catalog.editions import objection
from runclub_spider.catalog.rules import (
    RULES,
    UNSUITABLE,
    Facts,
    Rule,
    facts_of_stored,
    judge,
)
from runclub_spider.config import Config
from runclub_spider.publish.account.kept import Account, Cell, Kept
from runclub_spider.publish.account.kept import CellState as CellCount
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.voting import telling_name
from runclub_spider.store.facts import sharers
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
    reason: str
    editions: tuple[Edition, ...]


@dataclass(frozen=True, slots=True)
class Sharer:
    """A track that bears the same ISRC and cannot be the same recording, and why."""

    track_id: str
    objection: str


@dataclass(frozen=True, slots=True)
class CellState:
    """A cell of the selection; `count` is None for one that wants nothing."""

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
class Stored:
    """What the store says of a track now.

    Attributes:
        row: the track's columns, as `catalogue.wide` gives them.
    """

    connection: sa.Connection
    row: Any

    @property
    def track_id(self) -> str:
        """Its id."""
        return str(self.row.track_id)

    @cached_property
    def artists(self) -> Sequence[Any]:
        """Its artists with a name, as `catalogue.credits_of_tracks` gives them."""
        return list(catalogue.credits_of_tracks(self.connection, [self.track_id]))

    @property
    def year(self) -> int | None:
        """Of its album."""
        return release_year(self.row.release_date)

    @cached_property
    def last_release(self) -> Any | None:
        """Its row of the last release, as `lookup.released` gives it."""
        return lookup.released(self.connection, self.track_id)

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

    @cached_property
    def content(self) -> Track:
        """As content labels are judged by it."""
        row, people = self.row, self.people
        lists = [
            one.playlist.name if one.playlist else one.provenance.source_key
            for one in self.findings
            if one.provenance.station is None
        ]
        track = Track(
            row.name,
            tuple(one.name for one in people),
            row.album_name,
            genres_of((catalogue.genres_of(one.genres), one.genres is not None) for one in people),
            heard(row.f_speechiness, row.f_liveness),
            tuple(name for one in lists if (name := telling_name(one)) is not None),
        )
        # What nothing speaks for, the artist's other tracks do not speak for either.
        return replace(track, work=self._work) if weigh(track) or leaning(track).lacks else track

    @property
    def _work(self) -> Work | None:
        """Of its primary artist."""
        if not self.people:
            return None
        plain: Counter[Label] = Counter()
        tracks = 0
        for title, album, names in lookup.tracks_led_by(
            self.connection, self.people[0].artist_id, self.track_id
        ):
            tracks += 1
            plain.update(plainly(title, tuple(names), album))
        return Work(tracks, plain)

    @cached_property
    def people(self) -> Sequence[Any]:
        """Its artists with a name, each once."""
        first: dict[str, Any] = {}
        for one in self.artists:
            first.setdefault(one.artist_id, one)
        return list(first.values())

    @property
    def missed(self) -> Any | None:
        """When ReccoBeats had no features for it, as `lookup.miss` gives it."""
        return lookup.miss(self.connection, self.track_id)


@dataclass(frozen=True)
class Trace:
    """What a selection made of one stored track.

    Anything may raise, for a damaged store holds any value in any column.

    Attributes:
        kept: the selection.
        stored: what the store says of the track now.
        account: what became of it; None where it came in later.
    """

    config: Config
    kept: Kept
    stored: Stored
    account: Account | None

    @property
    def track_id(self) -> str:
        """Its id."""
        return self.stored.track_id

    @property
    def fate(self) -> Fate | None:
        """What became of it; None where the selection did not know it."""
        return None if self.account is None else self.account.fate

    @property
    def rejected_by(self) -> Rule:
        """The rule that a rejected track was counted under."""
        named = None if self.account is None else self.account.rule
        return next(rule for rule in RULES if str(rule) == named)

    @property
    def fault(self) -> str | None:
        """Why it is unsound, if it is."""
        return self.kept.summary.unsound.get(self.track_id)

    @property
    def decade(self) -> str | None:
        """Its label, where the year has one."""
        return decade_of(self.stored.year) if self.account is None else self.account.decade

    @cached_property
    def content(self) -> tuple[Verdict, ...]:
        """The verdict on each content label that anything speaks for, by what is stored now."""
        return weigh(self.stored.content)

    @property
    def set_back_by(self) -> str | None:
        """The content label that put it last when the release was chosen, if one did."""
        labels = () if self.account is None else map(Label, self.account.labels)
        treatment, label = self.config.content_policy.severest(labels)
        return label if treatment is Treatment.LAST else None

    @cached_property
    def rejected_by_names(self) -> tuple[Label, ...]:
        """The content labels for which its names alone reject it, whatever else is known."""
        known = self.stored.content
        names = known.title, known.artists, known.album
        return rejected_by_names(*names, self.config.content_policy)

    @property
    def _rejected_for(self) -> int:
        labels = [one.label for one in self.content if one.holds]
        labels += self.rejected_by_names
        return mask_of(labels) & self.config.content_policy.mask(Treatment.REJECT)

    @cached_property
    def facts(self) -> Facts:
        """What the rules look at."""
        row, account, market = self.stored.row, self.account, self.config.market
        markets = catalogue.markets_of_tracks(self.stored.connection, [self.track_id])
        asked = {answer.market: answer for answer in markets}.get(market)
        rated = row.f_tempo is not None and row.f_energy is not None
        return facts_of_stored(
            row.name,
            artists=len(self.stored.artists),
            duration_ms=row.duration_ms or row.d_duration_ms or 0,
            playable=asked.playable if asked else None,
            basis=asked.basis if asked else None,
            available_markets=row.available_markets,
            market=market,
            content=self._rejected_for,
        )._replace(
            unsuited=account is not None and account.rule == str(UNSUITABLE),
            suitability=account.suitability / 10 if rated and account is not None else None,
        )

    @property
    def refused_by(self) -> tuple[Rule, ...]:
        """Every rule that refuses it, in counting order."""
        return judge(self.facts, self.config.policy, RULES)

    @property
    def vote(self) -> Vote | None:
        """Its umbrellas; None where neither genres nor sources speak for one."""
        account = self.account
        if account is None or not account.umbrellas:
            return None
        return Vote(account.umbrellas, account.origin, account.confidence / 10_000)

    @property
    def duplicates(self) -> Duplicates | None:
        """The group it belongs to, itself at least; None where a rule refuses it."""
        account = self.account
        if account is None or account.survivor is None:
            return None
        group = self.kept.group(account.survivor)
        (first,) = (one for one in group if one.track_id == account.survivor)
        return Duplicates(
            first.track_id,
            first.reason or "",
            tuple(
                Edition(one.track_id, one.recording == first.recording, one.popularity)
                for one in group
            ),
        )

    @property
    def sharers(self) -> list[Sharer]:
        """Tracks of other recordings under its ISRC, by what is stored now; by id."""
        row, connection = self.stored.row, self.stored.connection
        code = row.isrc or row.d_isrc
        recordings = sharers.shared(connection, [code]).get(code, []) if code else []
        others = sorted(one for some in recordings if self.track_id not in some for one in some)
        known = sharers.editions(connection, [self.track_id, *others])
        own, mine = known[self.track_id], self.account
        return [
            Sharer(one, why)
            for one in others
            if (why := objection(own, known[one])) and not _merged(mine, self.kept.account(one))
        ]

    @property
    def cells(self) -> list[CellState]:
        """The cells it could be counted in."""
        decade, vote = self.decade, self.vote
        if decade is None or vote is None:
            return []
        return [self.state_of((umbrella, decade)) for umbrella in vote.umbrellas]

    @property
    def assigned(self) -> tuple[str | None, str | None] | None:
        """The cell that a released track is counted in; umbrella or decade may be missing."""
        account = self.account
        if account is None or account.fate is not Fate.EXPORTED:
            return None
        return account.umbrella, account.decade

    @property
    def backfill(self) -> tuple[Cell, str] | None:
        """The thin cell that it stands in for, and by which step, if it does."""
        return None if self.account is None else self.account.backfill

    def state_of(self, cell: Cell) -> CellState:
        """A cell as the selection left it."""
        return CellState(cell, self.kept.summary.cells.get(cell))

    @property
    def place(self) -> Place | None:
        """Its rank where the cap refused it; None while there was room under the cap."""
        if self.account is None or self.account.rank is None:
            return None
        return Place(self.account.rank, self.kept.summary.eligible)

    @property
    def changed(self) -> bool:
        """Whether it came in, or what is exported of it changed, after the selection was made."""
        return self.account is None or self.stored.row.updated_at > self.kept.summary.newest


def _merged(one: Account | None, other: Account | None) -> bool:
    """Whether another tie than the ISRC made two tracks one recording when they were chosen."""
    if one is None or other is None or one.survivor is None or other.survivor is None:
        return False
    return one.recording == other.recording


def trace(config: Config, connection: sa.Connection, kept: Kept, track_id: str) -> Trace:
    """The account of a stored track.

    Args:
        config: the project's settings.
        connection: to the store.
        kept: a selection of its tracks.
        track_id: of a track that the store holds.
    """
    (row,) = catalogue.wide(connection, [track_id])
    return Trace(config, kept, Stored(connection, row), kept.account(track_id))
