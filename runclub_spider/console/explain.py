"""What `scrapy explain` shows: everything that decided about one track."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from runclub_spider.catalog.isrc import normalise_isrc
from runclub_spider.catalog.models import FEATURES
from runclub_spider.catalog.rules import CONTENT, PLAYABILITY_UNKNOWN, RULES, UNSOUND
from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError
from runclub_spider.publish.account.kept import Kept
from runclub_spider.publish.account.trace import CellState, Trace, trace
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.unsound import words_of
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
    """Print why a track is in the release or out of it.

    By the selection that is kept of the last publish under these settings, and by what the store
    says of the track now. Where none is kept, one is made once, for the whole store.

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
    if (kept := Kept.find(config)) is not None:
        # One that cannot be read is made anew.
        with closing(kept), suppress(sqlite3.DatabaseError):
            return _told(config, connection, kept, question, ids)
    with closing(_chosen_now(config, connection)) as kept:
        return _told(config, connection, kept, question, ids)


def _told(
    config: Config, connection: sa.Connection, kept: Kept, question: _Question, ids: Sequence[str]
) -> list[str | Table]:
    if len(ids) > 1:
        return [_plain(_several(partial(trace, config, connection, kept), question, ids))]
    track = trace(config, connection, kept, ids[0])
    return [_table(_sections(track)), _plain(_verdict(track))]


def _chosen_now(config: Config, connection: sa.Connection) -> Kept:
    """A selection of the store as it is; kept, so that it is made once."""
    from runclub_spider.publish.write.release import prospect_kept
    from runclub_spider.terminal import on_stderr

    with on_stderr("scrapy explain") as progress:
        return prospect_kept(config, connection, progress)[1]


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


def _several(traced: Callable[[str], Trace], question: _Question, ids: Sequence[str]) -> str:
    lines = [f"{len(ids):,} tracks match {question.text}; name one by its id:"]
    for track in map(traced, ids[:MOST_MATCHES]):
        lines += [f"{track.track_id}  {_label(track)}", f"  {_verdict(track)}"]
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


# One line


def _label(track: Trace) -> str:
    """`Artist – Title (Album, 1977)`."""
    row, names = track.stored.row, [artist.name for artist in track.stored.artists]
    try:
        year = track.stored.year
    except (TypeError, ValueError):
        year = None
    album = f"{row.album_name or 'no album'}, {year or 'no year'}"
    return f"{', '.join(names) or 'nobody'} – {row.name or 'no title'} ({album})"


def _verdict(track: Trace) -> str:
    """What became of the track, in one sentence, and what the store says of it since."""
    if track.account is None:
        return _unheard_of(track)
    if not track.kept.is_current(track.stored.connection) and (now := _now(track)):
        return now
    return _fate(track)


def _now(track: Trace) -> str | None:
    """What the store says now of a track, where that is not what it was judged by."""
    refused, fate = track.refused_by, track.fate
    if track.backfill is not None and track.backfill[1] == "soft":
        refused = tuple(rule for rule in refused if rule is not PLAYABILITY_UNKNOWN)
    if fate is Fate.REJECTED:
        if track.rejected_by in (*refused, UNSOUND):
            return None
        return f"Was refused as {track.rejected_by}, and changed since: the next release decides."
    if refused:
        reason = refused[0].sentence(track.facts, track.config.policy)
        was = "Was in the release" if fate is Fate.EXPORTED else "Was eligible"
        return f"{was}, and changed since: the next leaves it out, {refused[0]}: {reason}."
    if fate is Fate.PENDING and (
        track.stored.missed is not None or track.stored.row.features_of is not None
    ):
        return "Waited for audio features and was asked for them since: the next release decides."
    if fate is Fate.PENDING and track.stored.row.imported:
        return "Waited for audio features; some were imported since: the next release decides."
    if fate is Fate.BALANCE and track.place is None and _has_features(track.stored.row):
        return "Was left out for lack of audio features, and has some since: the next decides."
    return None


def _has_features(row: Any) -> bool:
    return row.features_of is not None or bool(row.imported)


def _unheard_of(track: Trace) -> str:
    """Of a track that came in after the selection."""
    when = moment(track.kept.summary.made_at)
    if track.refused_by:
        rule = track.refused_by[0]
        return f"Out: {rule}: {rule.sentence(track.facts, track.config.policy)}."
    return (
        f"Came in after the release was chosen ({when}), and no rule refuses it: the next one "
        "decides; scrapy status --plan says what that would hold."
    )


def _fate(track: Trace) -> str:
    match track.fate:
        case Fate.EXPORTED:
            return _exported(track)
        case Fate.REJECTED:
            return _rejected(track)
        case Fate.PENDING:
            return "Waiting for audio features: ReccoBeats has not been asked for them yet."
        case Fate.BALANCE:
            return _not_chosen(track)
    return _merged(track)


def _exported(track: Trace) -> str:
    umbrella, decade = track.assigned or (None, None)
    if umbrella is None or decade is None:
        lacks = "umbrella" if umbrella is None else "decade"
        where = f"not counted in any cell, for it has no {lacks}"
    else:
        where = f"counted under {umbrella} {decade}"
    # A selection may be of a release that was refused, or only asked for.
    held = "Chosen for the next release" if track.stored.last_release is None else "In the release"
    backfill = track.backfill
    if backfill is None:
        return f"{held}, {where}."
    cell, step = backfill
    thin = " ".join(cell)
    if step == "soft":
        return (
            f"{held}, {where}: its playability is unknown, and {thin} is thin (backfill step soft)."
        )
    return f"{held}, {where}; it stands in for {thin} (backfill step {step})."


def _rejected(track: Trace) -> str:
    rule = track.rejected_by
    reason = track.fault or rule.sentence(track.facts, track.config.policy)
    return f"Out: {rule}: {reason}{rule.closing}."


def _merged(track: Trace) -> str:
    group = track.duplicates
    assert group is not None
    (own,) = (edition for edition in group.editions if edition.track_id == track.track_id)
    how = "the same recording" if own.recording else "a soft duplicate"
    survivor = trace(track.config, track.stored.connection, track.kept, group.survivor)
    more = "" if survivor.fate is Fate.EXPORTED else f" That one: {_verdict(survivor)}"
    return (
        f"Merged into {group.survivor} ({how}), which stands for its group as {group.reason}.{more}"
    )


def _not_chosen(track: Trace) -> str:
    known, place = track.kept.summary, track.place
    if (label := track.set_back_by) is not None:
        return (
            f"Eligible but not chosen: labelled {label} it comes after all others, and the cap of "
            f"{known.cap:,} has no room beyond those."
        )
    if place is None:
        return (
            f"Eligible but not chosen: it has no audio features, and with {known.having:,} of "
            f"{known.chosen:,} tracks having them the coverage gate of {known.coverage:g} "
            "allows no more without."
        )
    return (
        f"Eligible but not chosen: the cap of {known.cap:,} is reached and it ranks "
        f"{place.rank:,} of {place.eligible:,}, after what the cells need."
    )


# The whole account


def _sections(track: Trace) -> list[Section]:
    """Everything that decided about a track, by subject."""
    row = track.stored.row
    sections: list[Section] = []
    for name, lines in (
        ("track", lambda: [row.name or "no title", track.track_id]),
        ("artists", lambda: list(_artists(track)) or ["none"]),
        ("album", lambda: [_album(row)]),
        ("ISRC", lambda: _shortened(list(_isrc(track)))),
        ("length", lambda: [_length(row)]),
        ("found by", lambda: _shortened(list(_findings(track))) or ["nothing that is stored"]),
        ("content", lambda: list(_content(track))),
        ("rules", lambda: list(_rules(track))),
        ("umbrella", lambda: [_umbrella(track)]),
        ("decade", lambda: [_decade(track)]),
        ("open data", lambda: list(_open(row))),
        ("duplicates", lambda: _shortened(list(_duplicates(track)))),
        ("features", lambda: [_features(track)]),
        ("cell", lambda: list(_cells(track))),
        ("last release", lambda: [_last_release(track)]),
        ("as of", lambda: list(_since(track))),
    ):
        try:
            sections.append((name, [str(line) for line in lines()]))
        except sqlite3.DatabaseError:
            # Not of the store, whose errors are SQLAlchemy's: the selection is made anew.
            raise
        except Exception as error:  # noqa: BLE001 -- any value may be of any type
            sections.append((name, [f"cannot be read: {words_of(error)}"]))
    return [(name, lines) for name, lines in sections if lines]


def _artists(track: Trace) -> Iterator[str]:
    for artist in track.stored.artists:
        genres = ", ".join(catalogue.genres_of(artist.genres))
        yield f"{artist.name} {artist.artist_id}, genres: {genres or 'none known'}"


def _album(row: Any) -> str:
    kind = f", {row.album_type}" if row.album_type else ""
    return f"{row.album_name or 'none'} ({row.release_date or 'no date'}{kind})"


def _isrc(track: Trace) -> Iterator[str]:
    """The code, and who bears it without being the same recording."""
    row, others = track.stored.row, track.sharers
    source = " (from ReccoBeats)" if row.isrc is None and row.d_isrc is not None else ""
    yield f"{row.isrc or row.d_isrc or 'none'}{source}"
    if others:
        bear = "another track bears" if len(others) == 1 else f"{len(others):,} other tracks bear"
        yield f"{bear} it and cannot be this recording, so nothing is merged across:"
    for other in others:
        known = trace(track.config, track.stored.connection, track.kept, other.track_id)
        yield f"  {other.track_id} {_label(known)}: {other.objection}"


def _length(row: Any) -> str:
    length = row.duration_ms or row.d_duration_ms
    if not length:
        return "not told"
    seconds = round(length / 1000)
    source = "" if row.duration_ms else ", from ReccoBeats"
    return f"{length:,} ms ({seconds // 60}:{seconds % 60:02}{source})"


def _findings(track: Trace) -> Iterator[str]:
    for finding in track.stored.findings:
        source, playlist = finding.provenance, finding.playlist
        since = f"place {source.position + 1}, {moment(source.first_seen_at)}"
        if not finding.in_playlist:
            kind, seeds = source.station or "search", _seeds(finding.ledger)
            yield f'{kind} "{source.source_key}" ({seeds}), {since}'
            continue
        name = f'"{playlist.name}"' if playlist else "of an unknown name"
        owner = (playlist.owner_name or playlist.owner_id) if playlist else None
        gone = f", gone {moment(source.removed_at)}" if source.removed_at else ""
        yield f"playlist {name} {source.source_key} of {owner or 'unknown'}, {since}{gone}"
        for search in finding.searches:
            seeds = _seeds([search] if search.family else [])
            yield f'  served by "{search.term}" ({seeds}), place {search.position + 1}'


def _seeds(rows: Sequence[Any]) -> str:
    """Family, umbrella and decade of a seed; a term may stand in several markets' ledgers."""
    described = dict.fromkeys(
        ", ".join(filter(None, (f"family {row.family}", row.umbrella, row.decade))) for row in rows
    )
    return "; ".join(described) or "not in the ledger"


def _content(track: Trace) -> Iterator[str]:
    """Each content label that anything speaks for: how sure it is, what becomes of it, and why."""
    if not track.content:
        yield "no label: nothing speaks for any"
    for verdict in track.content:
        if verdict.holds:
            outcome = f"CONTENT_POLICY says {track.config.content_policy.of(verdict.label)}"
        elif verdict.label in track.rejected_by_names:
            outcome = "but its names alone rejected it before more was known"
        else:
            outcome = "not enough"
        words = "; ".join(map(str, verdict.evidence))
        yield f"{verdict.label}, confidence {verdict.confidence:.2f}, {outcome}: {words}"


def _rules(track: Trace) -> Iterator[str]:
    if (fault := track.fault) is not None:
        yield f"FAILED {UNSOUND}: {fault}"
        return
    facts, policy, refused_by = track.facts, track.config.policy, track.refused_by
    for rule in RULES:
        if rule in CONTENT and rule not in refused_by:
            continue  # told with the labels
        outcome = "FAILED" if rule in refused_by else "passed"
        yield f"{outcome} {rule}: {rule.sentence(facts, policy)}"


def _umbrella(track: Trace) -> str:
    vote = track.vote
    if track.account is None:
        return "not voted on yet"
    if vote is None:
        return "none: neither genres nor sources speak for one"
    umbrellas, origin = ", ".join(vote.umbrellas), vote.origin.replace("_", " ")
    return f"{umbrellas} (from {origin}; confidence of the first {vote.confidence:.2f})"


def _decade(track: Trace) -> str:
    year = track.stored.year
    return track.decade or ("none: no year" if year is None else f"none: {year}")


def _open(row: Any) -> Iterator[str]:
    """What open metadata says, if it says anything."""
    if row.o_original_year is not None:
        sure = f"{row.o_year_confidence:.0%}"
        yield f"first out in {row.o_original_year} (by {row.o_year_source}, {sure} sure)"
    if row.o_recording_mbid is not None:
        yield f"recording {row.o_recording_mbid}"
    if genres := catalogue.shares_of(row.o_genres):
        yield f"tagged {', '.join(genre for genre, _ in genres)}"


def _duplicates(track: Trace) -> Iterator[str]:
    group = track.duplicates
    if group is None:
        late = track.account is None and not track.refused_by
        yield "not compared yet" if late else "takes no part: a rule refuses it"
        return
    if len(group.editions) == 1:
        yield f"none, by {track.kept.summary.dedupe}"
        return
    which = "this one" if group.survivor == track.track_id else group.survivor
    yield f"{len(group.editions)} editions; {which} survives: {group.reason}"
    for edition in group.editions:
        how = "same recording" if edition.recording else "soft duplicate"
        if edition.track_id == group.survivor:
            how = "survivor"
        other = trace(track.config, track.stored.connection, track.kept, edition.track_id)
        popularity = "unknown" if edition.popularity is None else edition.popularity
        yield f"  {edition.track_id} {how}: {_label(other)}, popularity {popularity}"


def _features(track: Trace) -> str:
    row = track.stored.row
    if row.features_of is not None:
        own = "own" if row.f_borrowed_from is None else f"borrowed from {row.f_borrowed_from}"
        imported = row.imported or {}
        tempo = "no tempo" if "tempo" in imported or row.f_tempo is None else f"{row.f_tempo:g} BPM"
        known = f"{own} (ReccoBeats, {moment(row.f_fetched_at)}; {tempo})"
        known += _imports(track, "; imported ")
        own_whole = imported.keys().isdisjoint({"tempo", "energy"})
        if own_whole and row.f_tempo is not None and row.f_energy is not None:
            return known
        missed = track.stored.missed
        due = "" if missed is None else f" {moment(missed.next_check_at)}"
        return f"{known}, incomplete: asked again{due}"
    missed = track.stored.missed
    if missed is not None:
        times = f"{missed.tries} time{'' if missed.tries == 1 else 's'}"
        return (
            f"missed {times}, last {moment(missed.checked_at)}, "
            f"next check {moment(missed.next_check_at)}"
        ) + _imports(track, "; imported ")
    if row.imported:
        return _imports(track, "imported ") + "; ReccoBeats was not asked yet"
    if track.fate is Fate.REJECTED:
        return "none: not asked for what a rule refuses"
    return "pending: not asked for yet"


def _imports(track: Trace, before: str) -> str:
    """Which features are imported from whom; nothing where none are."""
    names: dict[str, list[str]] = {}
    for name in FEATURES:
        if (one := (track.stored.row.imported or {}).get(name)) is not None:
            names.setdefault(f"{one.source} ({one.licence})", []).append(name)
    told = (f"{', '.join(names[source])} from {source}" for source in sorted(names))
    return before + "; ".join(told) if names else ""


def _cells(track: Trace) -> Iterator[str]:
    cells, assigned, backfill = track.cells, track.assigned, track.backfill
    if not cells:
        yield "belongs to none"
        return
    for state in cells:
        mark = "assigned: " if state.cell == assigned else ""
        yield f"{mark}{_cell(track, state)}"
    if backfill is not None and backfill[0] != assigned:
        cell, step = backfill
        yield f"stands in for {_cell(track, track.state_of(cell))}, by step {step}"


def _cell(track: Trace, state: CellState) -> str:
    name, count = " ".join(state.cell), state.count
    if count is None:
        return f"{name}: wants nothing"
    wanted = track.kept.summary
    helped = "".join(f", {number:,} by {step}" for step, number in count.backfill.items())
    return (
        f"{name}: {count.tracks:,} tracks, target {wanted.target:,}, "
        f"minimum {wanted.minimum:,}{helped}"
    )


def _last_release(track: Trace) -> str:
    row = track.stored.last_release
    return "not in it" if row is None else f"in it, under {row.umbrella or 'no umbrella'}"


def _since(track: Trace) -> Iterator[str]:
    """What of this account may be older than the store."""
    if track.kept.is_current(track.stored.connection):
        return
    known = track.kept.summary
    new, changed = catalogue.number_changed(track.stored.connection, known.newest)
    this = "this one is among them" if track.changed else "this one is not"
    yield (
        f"chosen {moment(known.made_at)}; since then {new:,} tracks came in and {changed:,} "
        f"changed, {this}; scrapy status --plan shows what a release would hold now"
    )


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"… and {len(lines) - _MOST_LINES:,} more lines"]
