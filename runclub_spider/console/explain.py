"""What `scrapy explain` shows: everything that decided about one track."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from runclub_spider.catalog.dates import release_year
from runclub_spider.catalog.isrc import normalise_isrc
from runclub_spider.catalog.models import Playable
from runclub_spider.catalog.playability import listed, stored_playability
from runclub_spider.catalog.rules import Policy, Rule, failing_rules
from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError
from runclub_spider.publish.choose.balance import Cell, ranked
from runclub_spider.publish.choose.pool import RULES
from runclub_spider.publish.choose.select import Fate, Selection
from runclub_spider.publish.choose.unsound import words_of
from runclub_spider.publish.write.release import prospect
from runclub_spider.store import tombstones
from runclub_spider.store.db.engine import Store
from runclub_spider.store.read import catalogue, lookup
from runclub_spider.store.tombstones import Kind
from runclub_spider.text import moment, printable

#: Tracks that a title or an ISRC may find before the rest is only counted.
MOST_MATCHES = 10
# Lines of a list within the account of one track.
_MOST_LINES = 12
_ID = re.compile(r"(?:spotify:track:|https://open\.spotify\.com/track/)?([0-9A-Za-z]{22})(?:\?.*)?")
_DASHES = "-‐‑‒–—―−"
_SPACED_DASH = re.compile(rf"\s+[{_DASHES}]+\s+")
_ANY_DASH = re.compile(rf"\s*[{_DASHES}]+\s*")

Section = tuple[str, list[str]]


def explain(config: Config, what: str) -> None:
    """Print why a track is in the next release or out of it.

    Reads the store alone and holds up no writer. A track that is not there is an answer like
    any other, not a failure: the contract's codes are 0 for done and 2 for wrong use, so the
    command that was asked about an unknown id has done its work and ends with 0.

    Args:
        config: the project's settings.
        what: a Spotify track id (or its link), an ISRC, or "artist – title".

    Raises:
        ConfigurationError: `what` is none of these.
        StoreError: there is no store yet, or it is damaged.
    """
    question = _read(what)
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    store = Store.open(config, create=False, set_aside=False)
    try:
        with store.reading() as connection:
            for part in catalogue.reading_anything(
                connection, lambda: _answer(config, connection, question)
            ):
                console.print(part)
    finally:
        store.close()


def _answer(config: Config, connection: sa.Connection, question: _Question) -> list[str | Table]:
    """What to print, with nothing in it that a terminal would obey."""
    ids = _find(connection, question)
    if not ids:
        return [_plain(_absent(connection, question))]
    account = _Account(config, connection, prospect(config, connection))
    if len(ids) > 1:
        return [_plain(_several(account, question, ids))]
    return [_table(account.sections(ids[0])), _plain(account.verdict(ids[0]))]


def _plain(lines: str) -> str:
    """Lines without what a terminal would obey; a store may hold what an API said long ago."""
    return "\n".join(printable(line) for line in lines.split("\n"))


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked about: `kind` is `track`, `isrc` or `title`."""

    kind: str
    text: str


def _read(what: str) -> _Question:
    what = what.strip()
    if found := _ID.fullmatch(what):
        return _Question("track", found[1])
    if (code := normalise_isrc(what)) is not None:
        return _Question("isrc", code)
    if any(artists and title for artists, title in _splits(what)):
        return _Question("title", what)
    raise ConfigurationError(
        f"{what!r} is neither a Spotify track id (22 letters and digits), nor an ISRC such as "
        'USUM71703861, nor "artist – title"'
    )


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """The ways to part artist and title; a dash between spaces comes before one in a word."""
    for dash in (_SPACED_DASH, _ANY_DASH):
        for found in dash.finditer(text):
            yield text[: found.start()].strip(), text[found.end() :].strip()


def _find(connection: sa.Connection, question: _Question) -> list[str]:
    if question.kind == "track":
        known = catalogue.wide(connection, [question.text])
        return [row.track_id for row in known]
    if question.kind == "isrc":
        return lookup.with_isrc(connection, question.text)
    for artists, title in _splits(question.text):
        if ids := lookup.titled(connection, artists, title):
            return ids
    return []


def _absent(connection: sa.Connection, question: _Question) -> str:
    """One line on what the store does not hold."""
    kind, text = question.kind, question.text
    if kind == "title":
        return (
            f"Not in the store: no track is known as {text}. It was never seen, or was forgotten."
        )
    named = Kind.TRACK if kind == "track" else Kind.ISRC
    if (when := tombstones.written_at(connection, named, text)) is not None:
        return f"Forgotten: a tombstone of {moment(when)} keeps {named} {text} out for good."
    if kind == "track":
        if others := lookup.relinked_from(connection, text):
            return f"Not in the store: Spotify served {', '.join(others)} in the place of {text}."
        if codes := lookup.edition_of(connection, text):
            return (
                f"Not in the store: no page brought {text}; ReccoBeats named it as an edition of "
                f"{', '.join(codes)}, which may lend features."
            )
    return (
        f"Not in the store: no page that was read brought {named} {text}. It was never seen, or "
        "went when its artist was forgotten."
    )


def _several(account: _Account, question: _Question, ids: Sequence[str]) -> str:
    lines = [f"{len(ids):,} tracks match {question.text}; name one by its id:"]
    for track_id in ids[:MOST_MATCHES]:
        lines += [f"{track_id}  {account.label(track_id)}", f"  {account.verdict(track_id)}"]
    if len(ids) > MOST_MATCHES:
        lines.append(f"… and {len(ids) - MOST_MATCHES:,} more")
    return "\n".join(lines)


def _table(sections: Sequence[Section]) -> Table:
    """Two columns: what it is about, and the lines that say so."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, lines in sections:
        for at, line in enumerate(lines):
            table.add_row("" if at else name, printable(line))
    return table


class _Account:
    """What became of the tracks of one store, and why."""

    def __init__(self, config: Config, connection: sa.Connection, selection: Selection) -> None:
        self.config, self.connection, self.selection = config, connection, selection
        self.pool = selection.pool

    # One line

    def label(self, track_id: str) -> str:
        """`Artist – Title (Album, 1977)`."""
        row, names = self._row(track_id), self._names(track_id)
        try:
            year = release_year(row.release_date)
        except (TypeError, ValueError):
            year = None
        album = f"{row.album_name or 'no album'}, {year or 'no year'}"
        return f"{', '.join(names) or 'nobody'} – {row.name or 'no title'} ({album})"

    def verdict(self, track_id: str) -> str:
        """What the next release does with the track, in one sentence."""
        at = self._at(track_id)
        fate = Fate(int(self.selection.fate[at]))
        if fate is Fate.EXPORTED:
            return self._exported(at)
        if fate is Fate.REJECTED:
            return self._rejected(track_id, RULES[int(self.pool.rule[at])])
        if fate is Fate.PENDING:
            return "Waiting for audio features: ReccoBeats has not been asked for them yet."
        if fate is Fate.BALANCE:
            return self._not_chosen(at)
        into = int(self.selection.duplicates.survivor[at])
        other = self.pool.id_of(into)
        how = "the same recording" if self._recording(at, into) else "a soft duplicate"
        more = ""
        if self.selection.fate[into] != Fate.EXPORTED:
            more = f" That one: {self.verdict(other)}"
        return f"Merged into {other} ({how}), {self._because(into)}.{more}"

    def _exported(self, at: int) -> str:
        umbrella, decade = self.selection.cell(at)
        if umbrella is None or decade is None:
            lacks = "umbrella" if umbrella is None else "decade"
            where = f"not counted in any cell, for it has no {lacks}"
        else:
            where = f"counted under {umbrella} {decade}"
        backfill = self.selection.choice.backfill.get(at)
        if backfill is None:
            return f"In the release, {where}."
        thin = " ".join(backfill.cell)
        if backfill.step == "soft":
            return (
                f"In the release, {where}: its playability is unknown, and {thin} is thin "
                "(backfill step soft)."
            )
        return f"In the release, {where}; it stands in for {thin} (backfill step {backfill.step})."

    def _rejected(self, track_id: str, rule: Rule) -> str:
        if rule is Rule.UNSOUND:
            return f"Out: {rule}: {self._fault(track_id)}; each publish looks at it anew."
        said = {name: found for name, _, found in self._rules(track_id)}[rule]
        if rule is Rule.PLAYABILITY_UNKNOWN:
            said += ", and no thin cell needs it"
        return f"Out: {rule}: {said}."

    def _not_chosen(self, at: int) -> str:
        selection, pool, targets = self.selection, self.pool, self.selection.targets
        chosen, cap = selection.count(Fate.EXPORTED), targets.cap
        if chosen < cap:
            having = int(np.count_nonzero(pool.features[selection.chosen]))
            return (
                f"Eligible but not chosen: it has no audio features, and with {having:,} of "
                f"{chosen:,} tracks having them the coverage gate of {float(targets.coverage):g} "
                "allows no more without."
            )
        waiting = (selection.fate == Fate.EXPORTED) | (selection.fate == Fate.BALANCE)
        order = ranked(pool, waiting, keeping=True, mixed=True)
        (place,) = np.flatnonzero(order == at).tolist()
        return (
            f"Eligible but not chosen: the cap of {cap:,} is reached and it ranks {place + 1:,} of "
            f"{len(order):,}, after what the cells need."
        )

    def _because(self, survivor: int) -> str:
        return f"which stands for its group as {self.selection.reason(survivor)}"

    # The whole account

    def sections(self, track_id: str) -> list[Section]:
        """Everything that decided about a track, by subject."""
        at, row = self._at(track_id), self._row(track_id)
        found: list[Section] = []
        for name, lines in (
            ("track", lambda: [row.name or "no title", track_id]),
            ("artists", lambda: list(self._artists(track_id)) or ["none"]),
            ("album", lambda: [self._album(row)]),
            ("ISRC", lambda: [self._isrc(row)]),
            ("length", lambda: [self._length(row)]),
            ("found by", lambda: self._found_by(track_id)),
            ("rules", lambda: list(self._verdicts(track_id))),
            ("umbrella", lambda: [self._umbrella(at)]),
            ("decade", lambda: [self._decade(at, row)]),
            ("open data", lambda: list(self._open(row))),
            ("duplicates", lambda: _shortened(list(self._duplicates(at)))),
            ("features", lambda: [self._features(at, row)]),
            ("cell", lambda: list(self._cells(at))),
            ("last release", lambda: [self._kept(at)]),
        ):
            try:
                found.append((name, [str(line) for line in lines()]))
            except Exception as error:  # noqa: BLE001 -- any value may be of any type
                found.append((name, [f"cannot be read: {words_of(error)}"]))
        return [(name, lines) for name, lines in found if lines]

    def _found_by(self, track_id: str) -> list[str]:
        return _shortened(list(self._sources(track_id))) or ["nothing that is stored"]

    @staticmethod
    def _length(row: Any) -> str:
        length = row.duration_ms or row.d_duration_ms
        if not length:
            return "not told"
        seconds = round(length / 1000)
        source = "" if row.duration_ms else ", from ReccoBeats"
        return f"{length:,} ms ({seconds // 60}:{seconds % 60:02}{source})"

    def _artists(self, track_id: str) -> Iterator[str]:
        for one in catalogue.credits_of_tracks(self.connection, [track_id]):
            genres = catalogue.genres_of(one.genres)
            known = ", ".join(genres) if genres else "none known"
            yield f"{one.name} {one.artist_id}, genres: {known}"

    def _album(self, row: Any) -> str:
        kind = f", {row.album_type}" if row.album_type else ""
        return f"{row.album_name or 'none'} ({row.release_date or 'no date'}{kind})"

    @staticmethod
    def _open(row: Any) -> Iterator[str]:
        """What open metadata says, if it says anything."""
        if row.o_original_year is not None:
            sure = f"{row.o_year_confidence:.0%}"
            yield f"first out in {row.o_original_year} (by {row.o_year_source}, {sure} sure)"
        if row.o_recording_mbid is not None:
            yield f"recording {row.o_recording_mbid}"
        if genres := catalogue.shares_of(row.o_genres):
            yield f"tagged {', '.join(genre for genre, _ in genres)}"

    def _isrc(self, row: Any) -> str:
        if row.isrc is None and row.d_isrc is not None:
            return f"{row.d_isrc} (from ReccoBeats)"
        return row.isrc or "none"

    def _sources(self, track_id: str) -> Iterator[str]:
        for source in lookup.sources(self.connection, track_id):
            since = f"place {source.position + 1}, {moment(source.first_seen_at)}"
            if source.source_type == "search":
                found = lookup.seeds(self.connection, source.source_key)
                kind = source.station or "search"
                yield f'{kind} "{source.source_key}" ({_seed(found)}), {since}'
                continue
            listed = lookup.playlist_of(self.connection, source.source_key)
            name = f'"{listed.name}"' if listed else "of an unknown name"
            owner = (listed.owner_name or listed.owner_id) if listed else None
            gone = f", gone {moment(source.removed_at)}" if source.removed_at else ""
            yield f"playlist {name} {source.source_key} of {owner or 'unknown'}, {since}{gone}"
            for search in lookup.searches_of(self.connection, source.source_key):
                described = _seed([search] if search.family else [])
                yield f'  served by "{search.term}" ({described}), place {search.position + 1}'

    def _rules(self, track_id: str) -> Iterator[tuple[Rule, bool, str]]:
        """Every rule in counting order: whether it refuses the track, and what it looked at."""
        row, names = self._row(track_id), self._names(track_id)
        market, shortest = self.config.market, self.config.min_duration_ms
        longest = self.config.max_duration_ms
        asked = {m.market: m for m in catalogue.markets_of_tracks(self.connection, [track_id])}
        probe = asked.get(market)
        playable, basis = stored_playability(
            probe.playable if probe else None,
            probe.basis if probe else None,
            listed(row.available_markets),
            market,
        )
        failed = failing_rules(
            name=row.name,
            artists=len(names),
            duration_ms=row.duration_ms or row.d_duration_ms or 0,
            playable=playable,
            policy=Policy(market, shortest, longest),
        )
        who = "nobody said" if playable is Playable.UNKNOWN else f"by {basis}"
        said = f"playable in {market}: {playable} ({who})"
        length = f"{row.duration_ms or row.d_duration_ms or 0:,} ms"
        title = "a title" if row.name.strip() else "no title"
        people = f"{len(names)} artist{'' if len(names) == 1 else 's'}"
        pool = self.selection.pool
        (at,) = pool.find([track_id]).tolist()
        rated = row.f_tempo is not None and row.f_energy is not None
        suits = f"{int(pool.suitability[at]) / 10}" if rated else "not known"
        unsuitable = int(pool.rule[at]) == RULES.index(Rule.UNSUITABLE)
        too_short, too_long = Rule.TOO_SHORT in failed, Rule.TOO_LONG in failed
        found = {
            Rule.INCOMPLETE: f"{title}, {people}",
            Rule.NO_DURATION: ("nobody tells its length" if Rule.NO_DURATION in failed else length),
            Rule.TOO_SHORT: (
                f"{length} is {'below' if too_short else 'not below'} MIN_DURATION_MS {shortest:,}"
            ),
            Rule.TOO_LONG: (
                f"{length} is {'above' if too_long else 'not above'} MAX_DURATION_MS {longest:,}"
            ),
            Rule.UNPLAYABLE: said,
            Rule.PLAYABILITY_UNKNOWN: said,
            Rule.UNSOUND: "its row can be read, and nothing is known against it",
            Rule.UNSUITABLE: f"suits a run by {suits}, SUITABILITY={self.config.suitability}",
        }
        for rule in RULES:
            yield rule, rule in failed or (rule is Rule.UNSUITABLE and unsuitable), found[rule]

    def _fault(self, track_id: str) -> str:
        return self.pool.unsound[track_id]

    def _verdicts(self, track_id: str) -> Iterator[str]:
        if (fault := self.pool.unsound.get(track_id)) is not None:
            yield f"FAILED {Rule.UNSOUND}: {fault}"
            return
        for rule, failed, said in self._rules(track_id):
            yield f"{'FAILED' if failed else 'passed'} {rule}: {said}"

    def _umbrella(self, at: int) -> str:
        names = self.pool.umbrellas_of(at)
        if not names:
            return "none: neither genres nor sources speak for one"
        origin = self.pool.origins[int(self.pool.origin[at])].replace("_", " ")
        share = int(self.pool.confidence[at]) / 10_000
        return f"{', '.join(names)} (from {origin}; confidence of the first {share:.2f})"

    def _decade(self, at: int, row: Any) -> str:
        year = release_year(row.release_date)
        return self.pool.decade_of(at) or ("none: no year" if year is None else f"none: {year}")

    def _duplicates(self, at: int) -> Iterator[str]:
        found = self.selection.duplicates
        survivor = int(found.survivor[at])
        if survivor < 0:
            yield "takes no part: a rule refuses it"
            return
        members = np.flatnonzero(found.survivor == survivor).tolist()
        if len(members) == 1:
            yield f"none, by {self.selection.targets.dedupe}"
            return
        other = "this one" if survivor == at else self.pool.id_of(survivor)
        yield f"{len(members)} editions; {other} survives: {self.selection.reason(survivor)}"
        for member in members:
            same = self._recording(member, survivor)
            how = "same recording" if same else "soft duplicate"
            popularity = int(self.pool.popularity[member])
            one = self.pool.id_of(member)
            yield (
                f"  {one} {'survivor' if member == survivor else how}: {self.label(one)}, "
                f"popularity {popularity if popularity >= 0 else 'unknown'}"
            )

    def _features(self, at: int, row: Any) -> str:
        if row.features_of is not None:
            own = "own" if row.f_borrowed_from is None else f"borrowed from {row.f_borrowed_from}"
            tempo = "no tempo" if row.f_tempo is None else f"{row.f_tempo:g} BPM"
            known = f"{own} (ReccoBeats, {moment(row.f_fetched_at)}; {tempo})"
            if row.f_tempo is not None and row.f_energy is not None:
                return known
            missed = lookup.miss(self.connection, row.track_id)
            due = "" if missed is None else f" {moment(missed.next_check_at)}"
            return f"{known}, incomplete: asked again{due}"
        missed = lookup.miss(self.connection, row.track_id)
        if missed is not None:
            times = f"{missed.tries} time{'' if missed.tries == 1 else 's'}"
            return (
                f"missed {times}, last {moment(missed.checked_at)}, "
                f"next check {moment(missed.next_check_at)}"
            )
        if self.selection.fate[at] == Fate.REJECTED:
            return "none: not asked for what a rule refuses"
        return "pending: not asked for yet"

    def _cells(self, at: int) -> Iterator[str]:
        decade = self.pool.decade_of(at)
        names = self.pool.umbrellas_of(at)
        if decade is None or not names:
            yield "belongs to none"
            return
        assigned = None
        if self.selection.fate[at] == Fate.EXPORTED:
            assigned = self.selection.cell(at)
        for name in names:
            mark = "assigned: " if (name, decade) == assigned else ""
            yield f"{mark}{self._cell((name, decade))}"
        backfill = self.selection.choice.backfill.get(at)
        if backfill is not None and backfill.cell != assigned:
            yield f"stands in for {self._cell(backfill.cell)}, by step {backfill.step}"

    def _cell(self, cell: Cell) -> str:
        found = self.selection.choice.certificate
        count = found.cells.get(cell)
        if count is None:
            return f"{' '.join(cell)}: wants nothing"
        helped = "".join(f", {number:,} by {step}" for step, number in count.backfill.items())
        return (
            f"{' '.join(cell)}: {count.tracks:,} tracks, target {found.target:,}, "
            f"minimum {found.minimum:,}{helped}"
        )

    def _kept(self, at: int) -> str:
        if not self.pool.kept[at]:
            return "not in it"
        label = int(self.pool.kept_as[at])
        named = self.pool.labels[label] if label < len(self.pool.labels) else "no umbrella"
        return f"in it, under {named}"

    # Reading

    def _at(self, track_id: str) -> int:
        (at,) = self.pool.find([track_id]).tolist()
        return int(at)

    def _row(self, track_id: str) -> Any:
        (row,) = catalogue.wide(self.connection, [track_id])
        return row

    def _names(self, track_id: str) -> list[str]:
        return [one.name for one in catalogue.credits_of_tracks(self.connection, [track_id])]

    def _recording(self, one: int, other: int) -> bool:
        found = self.selection.duplicates.recording
        return bool(found[one] == found[other])


def _seed(rows: Sequence[Any]) -> str:
    """Family, umbrella and decade of a seed; a term may stand in several markets' ledgers."""
    found = dict.fromkeys(
        ", ".join(filter(None, (f"family {row.family}", row.umbrella, row.decade))) for row in rows
    )
    return "; ".join(found) or "not in the ledger"


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"… and {len(lines) - _MOST_LINES:,} more lines"]
