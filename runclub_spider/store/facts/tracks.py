"""The track registry: tracks, their artists' names, markets, sources and verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from runclub_spider.catalog.content.judge import rejected_by_names
from runclub_spider.catalog.content.labels import mask_of
from runclub_spider.catalog.models import FoundTrack, Playable, Track
from runclub_spider.catalog.playability import rank
from runclub_spider.catalog.rules import CURABLE, RULES, Policy, Rule, facts_of_stored, judge
from runclub_spider.store.db import meta
from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import (
    LENGTH_MS,
    NAMED,
    artist,
    rejection,
    track,
    track_artist,
    track_market,
    track_source,
)
from runclub_spider.store.db.upsert import Columns, RowInsert, chunks
from runclub_spider.store.facts import artists, imported

_KEPT = (
    "isrc",
    "album_id",
    "album_type",
    "release_date",
    "image_url",
    "popularity",
    "preview_url",
    "linked_from",
    "available_markets",
)
_VALUES = ("name", "duration_ms", "explicit", "album_name", *_KEPT)
# Spotify serves a track in the place of several others: one of them is kept, always the same.
_LEAST = "linked_from"
# What stands for "not told" in columns that take no null.
_NOTHING: dict[str, sa.ColumnElement[Any]] = {
    "name": sa.literal_column("''"),
    "duration_ms": sa.literal_column("0"),
    "album_name": sa.literal_column("''"),
}


@dataclass(frozen=True, slots=True)
class Saved:
    """Ids of a stored page: those that were new, those that are eligible, those that may become so.

    With the page's own stand older tracks that it made eligible. `curable` are refused by rules
    alone that another source's answer may satisfy.
    """

    new: set[str]
    eligible: set[str]
    curable: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Source:
    """What found a track: `search` with its term, or `playlist` with its id and snapshot.

    `station` is the radio station of whose songs the search looked for one, `ordinal` the place of
    the page in the order of planning.
    """

    source_type: str
    source_key: str
    snapshot: str | None = None
    station: str | None = None
    ordinal: int | None = None


def save(
    connection: sa.Connection,
    found: Sequence[FoundTrack],
    source: Source,
    *,
    policy: Policy,
    run_id: int,
    now: int,
) -> Saved:
    """Store the tracks of one page with their edges, and judge them as they now stand.

    A known track gains provenance and whatever it lacked; a value is never replaced by
    nothing, and `updated_at` moves only when a stored value changed. In which order the pages of
    a run are stored decides nothing but times and run numbers.
    """
    codes, ids = (row.track.isrc for row in found), [row.track.track_id for row in found]
    with imported.noting_sharers(connection, codes, now, of=ids):
        return _save(connection, found, source, policy=policy, run_id=run_id, now=now)


def _save(
    connection: sa.Connection,
    found: Sequence[FoundTrack],
    source: Source,
    *,
    policy: Policy,
    run_id: int,
    now: int,
) -> Saved:
    by_id = {row.track.track_id: row for row in reversed(found)}
    ids = sorted(by_id)
    known = _known(connection, ids, source, policy.market)
    markets = _markets(known, by_id, policy.market, now)
    artists_met = _meet_artists(connection, [by_id[i].track for i in ids], now)
    _TRACKS(connection, [_row(by_id[i].track, artists_met, source.ordinal, now) for i in ids])
    if changed := [i for i in known if _gains(known[i], markets[i])]:
        _CHANGED.rows(connection, {"ids": texts(changed), "at": now})
    without = [i for i in ids if i not in known or not known[i].has_artists]
    _ORDER_OF_ARTISTS(
        connection,
        [
            (i, position, ref.artist_id)
            for i in without
            for position, ref in enumerate(by_id[i].track.artists)
        ],
    )
    if whole := [i for i in without if i in known]:
        artists.note_complete(connection, whole, now)
    _MARKETS(connection, list(markets.values()))
    _save_edges(connection, by_id, known, source, run_id=run_id, now=now)
    # What is new stands as the page showed it, unless the store knows a name that it lacked. A name
    # that came at last may make older tracks whole.
    verdicts = {
        i: rules
        for i in ids
        if i not in known
        and (rules := by_id[i].refused_by) is not None
        and artists_met.were_named(by_id[i].track)
    }
    same = [
        i
        for i, row in known.items()
        if i not in artists_met.tracks_named and row.stands(by_id[i].track, markets[i])
    ]
    others = sorted({*ids, *artists_met.tracks_named}.difference(verdicts, same))
    judged = _judge(connection, policy, others)
    _save_verdicts(connection, verdicts | judged, run_id, known=others)
    verdicts |= judged | _verdicts(connection, same)
    return Saved(
        new={i for i in ids if i not in known},
        eligible={i for i, rules in verdicts.items() if not rules},
        curable={i for i, rules in verdicts.items() if rules and CURABLE.issuperset(rules)},
    )


def ensure_verdicts(connection: sa.Connection, policy: Policy, run_id: int | None = None) -> bool:
    """Judge all stored tracks again if they were judged under another policy."""
    if meta.get(connection, "policy") == policy.key:
        return False
    ids = connection.scalars(sa.select(track.c.track_id).order_by(track.c.track_id)).all()
    for part in chunks(ids, 5000):
        _save_verdicts(connection, _judge(connection, policy, part), run_id, known=part)
    meta.put(connection, "policy", policy.key)
    return True


_REFUSED = Prepared(
    sa.select(rejection.c.track_id, rejection.c.rule).where(among(rejection.c.track_id))
)
_RULES = {rule.name: rule for rule in RULES}


def _verdicts(connection: sa.Connection, ids: Collection[str]) -> dict[str, tuple[Rule, ...]]:
    """The verdicts that are stored, those of eligible tracks included."""
    found: dict[str, tuple[Rule, ...]] = dict.fromkeys(ids, ())
    for track_id, rule in _REFUSED.rows(connection, {"ids": texts(ids)}) if ids else ():
        found[track_id] += (_RULES[rule],)
    return found


def judge_again(
    connection: sa.Connection, policy: Policy, ids: Sequence[str], run_id: int
) -> list[str]:
    """Judge stored tracks of which another source told more; returns those now eligible."""
    refused = {row[0] for row in _REFUSED.rows(connection, {"ids": texts(ids)})} if ids else set()
    verdicts = _judge(connection, policy, sorted(refused))
    _save_verdicts(connection, verdicts, run_id, known=verdicts)
    return [track_id for track_id, rules in verdicts.items() if not rules]


_ARTISTS_OF = Prepared(
    sa.select(track_artist.c.track_id, artist.c.name)
    .join_from(track_artist, artist, artist.c.artist_id == track_artist.c.artist_id)
    .where(among(track_artist.c.track_id), NAMED)
    .order_by(track_artist.c.track_id, track_artist.c.position)
)


def _in_market(*columns: sa.ColumnElement[Any]) -> Prepared:
    """Columns of tracks (`ids`) beside what is known of them in a market (`in_market`)."""
    market = track_market.c.market == sa.bindparam("in_market")
    here = (track_market.c.track_id == track.c.track_id) & market
    query = sa.select(*columns).outerjoin_from(track, track_market, here)
    return Prepared(query.where(among(track.c.track_id)))


_JUDGED = _in_market(
    track.c.track_id,
    track.c.name,
    track.c.album_name,
    LENGTH_MS.label("duration_ms"),
    track.c.available_markets,
    track_market.c.playable,
    track_market.c.basis,
)


def _judge(
    connection: sa.Connection, policy: Policy, ids: Sequence[str]
) -> dict[str, tuple[Rule, ...]]:
    """The rules' verdict on stored tracks."""
    verdicts = {}
    for part in chunks(ids):
        given = {"ids": texts(part)}
        people: defaultdict[str, list[str]] = defaultdict(list)
        for track_id, name in _ARTISTS_OF.rows(connection, given):
            people[track_id].append(str(name))
        for row in _JUDGED.rows(connection, {**given, "in_market": policy.market}):
            track_id, name, album, duration_ms, available_markets, playable, basis = row
            names = name, tuple(people[track_id]), str(album)
            facts = facts_of_stored(
                name,
                artists=len(people[track_id]),
                duration_ms=duration_ms,
                playable=playable,
                basis=basis,
                available_markets=available_markets,
                market=policy.market,
                content=mask_of(rejected_by_names(*names, policy.content)),
            )
            verdicts[track_id] = judge(facts, policy)
    return verdicts


_OF_SOURCE = (track_source.c.source_type == sa.bindparam("of_type")) & (
    track_source.c.source_key == sa.bindparam("of_key")
)


class _Known(NamedTuple):
    """What is stored of a track of the page, in the market and at the source."""

    track_id: str
    playable: str | None
    basis: str | None
    name: str
    album_name: str
    duration_ms: int
    available_markets: str | None
    at_source: bool
    has_artists: bool

    def stands(self, shown: Track, market: _Market) -> bool:
        """Whether a page says nothing new that a rule looks at, so that the verdict stands."""
        return (
            bool(self.has_artists)
            and (self.playable, self.basis) == market[2:4]
            and shown.name in ("", self.name)
            and shown.album.name in ("", self.album_name)
            and shown.duration_ms in (0, self.duration_ms)
            and _listing(shown) in (None, self.available_markets)
        )


_KNOWN = _in_market(
    track.c.track_id,
    track_market.c.playable,
    track_market.c.basis,
    track.c.name,
    track.c.album_name,
    track.c.duration_ms,
    track.c.available_markets,
    sa.exists().where(track_source.c.track_id == track.c.track_id, _OF_SOURCE),
    sa.exists().where(track_artist.c.track_id == track.c.track_id),
)


def _known(
    connection: sa.Connection, ids: Sequence[str], source: Source, market: str
) -> dict[str, _Known]:
    """Those of the page's tracks that are stored, by id."""
    rows = _KNOWN.rows(connection, {**_of(source, ids), "in_market": market})
    return {row[0]: _Known(*row) for row in rows}


def _of(source: Source, ids: Collection[str]) -> dict[str, str]:
    """What `_OF_SOURCE` and `among` take."""
    return {"of_type": source.source_type, "of_key": source.source_key, "ids": texts(ids)}


_HERE = _OF_SOURCE & among(track_source.c.track_id)
_SNAPSHOT = sa.bindparam("of_snapshot", type_=sa.Text())
_BACK = Prepared(
    sa.update(track_source)
    .where(_HERE, track_source.c.removed_at.is_not(None))
    .values(removed_at=None, added_snapshot=_SNAPSHOT)
)
_NEWEST = Prepared(sa.update(track_source).where(_HERE).values(snapshot=_SNAPSHOT))


# Of one snapshot the first place counts, whichever page came first.
_EDGES = RowInsert(
    track_source,
    (
        *("track_id", "source_type", "source_key", "position", "first_seen_at", "run_id"),
        *("snapshot", "added_snapshot", "station"),
    ),
    lambda new: {"position": new.position},
    lambda new: (
        (new.added_snapshot == track_source.c.added_snapshot)
        & (new.position < track_source.c.position)
    ),
)


def _save_edges(
    connection: sa.Connection,
    by_id: Mapping[str, FoundTrack],
    known: Mapping[str, _Known],
    source: Source,
    *,
    run_id: int,
    now: int,
) -> None:
    """Edges source -> track: the first sighting stays, the newest snapshot is noted."""
    seen = [i for i, row in known.items() if row.at_source]
    if source.snapshot is not None and seen:
        given = {**_of(source, seen), "of_snapshot": source.snapshot}
        _BACK.rows(connection, given)
        _NEWEST.rows(connection, given)
    of, snapshot = (source.source_type, source.source_key), source.snapshot
    # A search is read page by page, and what it showed before stays as it was.
    seen_before = set(seen if snapshot is None else ())
    _EDGES(
        connection,
        [
            (i, *of, row.position, now, run_id, snapshot, snapshot, source.station)
            for i, row in by_id.items()
            if i not in seen_before
        ],
    )


_Market = tuple[str, str, str, str, str | None, int]
_OF_MARKET = ("playable", "basis", "restriction")
_MARKETS = RowInsert(
    track_market,
    ("track_id", "market", *_OF_MARKET, "checked_at"),
    lambda new: {name: new[name] for name in (*_OF_MARKET, "checked_at")},
    lambda new: sa.or_(*(new[n].is_distinct_from(track_market.c[n]) for n in _OF_MARKET)),
)


def _markets(
    known: Mapping[str, _Known], by_id: Mapping[str, FoundTrack], market: str, now: int
) -> dict[str, _Market]:
    """Rows of `track_market` by id: what the page says, or what was known on a better basis."""
    rows = {}
    for track_id, found in by_id.items():
        playable, basis = str(found.playable), str(found.basis)
        before = known.get(track_id)
        if (
            before is not None
            and before.playable is not None
            and before.basis is not None
            and (
                playable == Playable.UNKNOWN
                or (before.playable != Playable.UNKNOWN and rank(before.basis) < rank(basis))
            )
        ):
            playable, basis = before.playable, before.basis
        restriction = found.track.restriction
        rows[track_id] = (track_id, market, playable, basis, restriction, now)
    return rows


def _gains(before: _Known, market: _Market) -> bool:
    """Whether something that is exported changes beside the track's own values."""
    return not before.at_source or (before.playable, before.basis) != market[2:4]


def _differs(new: Columns, name: str) -> sa.ColumnElement[bool]:
    """Whether a row says something else than is stored."""
    stored = track.c[name]
    if name == _LEAST:
        return new[name].is_not(None) & (stored.is_(None) | (new[name] < stored))
    if name in _KEPT:
        return new[name].is_not(None) & (stored.is_(None) | (new[name] != stored))
    if name in _NOTHING:
        return (new[name] != _NOTHING[name]) & (new[name] != stored)
    return new[name] != stored


def _merged(new: Columns, name: str) -> sa.ColumnElement[Any]:
    """A stored value after a row: nothing does not replace something."""
    if name == _LEAST:
        return sa.case((_differs(new, name), new[name]), else_=track.c[name])
    if name in _KEPT:
        return sa.func.coalesce(new[name], track.c[name])
    if name in _NOTHING:
        return sa.case((new[name] == _NOTHING[name], track.c[name]), else_=new[name])
    return new[name]


def _changes(new: Columns) -> sa.ColumnElement[bool]:
    """Whether a row says something of a track that is exported."""
    return sa.or_(*(_differs(new, name) for name in _VALUES))


def _earlier(new: Columns) -> sa.ColumnElement[bool]:
    """Whether a page comes before those that showed the track so far."""
    return new.first_ordinal < track.c.first_ordinal


_TRACKS = RowInsert(
    track,
    (
        *("track_id", *_VALUES, "first_seen_at", "updated_at", "has_artist", "last_enriched_at"),
        "first_ordinal",
    ),
    lambda new: {
        **{n: _merged(new, n) for n in _VALUES},
        "updated_at": sa.case((_changes(new), new.updated_at), else_=track.c.updated_at),
        "first_ordinal": sa.case((_earlier(new), new.first_ordinal), else_=track.c.first_ordinal),
    },
    lambda new: sa.or_(_changes(new), _earlier(new)),
)


def _row(found: Track, artists_met: _Artists, ordinal: int | None, now: int) -> tuple[Any, ...]:
    """A row of `track` as `_TRACKS` takes it."""
    album = found.album
    has_artist = artists_met.fetched_all(found)
    return (
        found.track_id,
        found.name,
        found.duration_ms,
        found.explicit,
        album.name,
        found.isrc,
        album.album_id,
        album.album_type,
        album.release_date,
        album.image_url,
        found.popularity,
        found.preview_url,
        found.linked_from,
        _listing(found),
        now,
        now,
        has_artist,
        now if has_artist else None,
        ordinal,
    )


def _listing(found: Track) -> str | None:
    """The list of markets as it is stored."""
    return None if found.available_markets is None else ",".join(found.available_markets)


_NAME = Prepared(
    sa.update(artist)
    .where(artist.c.artist_id == sa.bindparam("b_id"))
    .values(name=sa.bindparam("b_name"))
)
_TRACKS_OF = Prepared(sa.select(track_artist.c.track_id).where(among(track_artist.c.artist_id)))
_CHANGED = Prepared(
    sa.update(track)
    .where(among(track.c.track_id))
    .values(updated_at=sa.bindparam("at", type_=sa.BigInteger()))
)
_STORED_ARTISTS = Prepared(
    sa.select(artist.c.artist_id, NAMED, artist.c.fetched_at.is_not(None)).where(
        among(artist.c.artist_id)
    )
)
_ARTISTS = RowInsert(artist, ("artist_id", "name"))
_ORDER_OF_ARTISTS = RowInsert(track_artist, ("track_id", "position", "artist_id"))


@dataclass(frozen=True, slots=True)
class _Artists:
    """Artists of a page: ids of those that were fetched, and of those a row left without a name.

    `tracks_named` are the stored tracks of artists whose name was not known before.
    """

    fetched: frozenset[str]
    nameless: frozenset[str]
    tracks_named: Set[str]

    def fetched_all(self, of: Track) -> bool:
        """Whether the records of all the track's artists were fetched."""
        return self.fetched.issuperset([ref.artist_id for ref in of.artists])

    def were_named(self, of: Track) -> bool:
        """Whether every row named all the track's artists."""
        return not self.nameless or self.nameless.isdisjoint([ref.artist_id for ref in of.artists])


def _meet_artists(connection: sa.Connection, tracks: Sequence[Track], now: int) -> _Artists:
    """Store the artists of tracks, and give their names to stored ones that had none."""
    names, nameless = dict[str, str](), set[str]()
    for ref in (a for row in tracks for a in row.artists):
        name = ref.name.strip()
        if not name:
            nameless.add(ref.artist_id)
        names[ref.artist_id] = name or names.get(ref.artist_id, "")
    stored = _STORED_ARTISTS.rows(connection, {"ids": texts(names)})
    had_name = {row[0]: bool(row[1]) for row in stored}
    _ARTISTS(connection, [(i, names[i]) for i in sorted(names) if i not in had_name])
    named = [i for i, had in had_name.items() if not had and names[i]]
    theirs = set[str]()
    if named:
        theirs.update(_TRACKS_OF.first(connection, {"ids": texts(named)}))
        with imported.noting_sharers(connection, (), now, of=theirs):
            _NAME.many(connection, [{"b_id": one, "b_name": names[one]} for one in named])
        _CHANGED.rows(connection, {"ids": texts(theirs), "at": now})
    fetched = frozenset(row[0] for row in stored if row[2])
    return _Artists(fetched, frozenset(nameless), theirs)


_UNJUDGE = Prepared(sa.delete(rejection).where(among(rejection.c.track_id)))
_REFUSALS = RowInsert(rejection, ("track_id", "rule", "run_id"))


def _save_verdicts(
    connection: sa.Connection,
    verdicts: Mapping[str, Sequence[Rule]],
    run_id: int | None,
    *,
    known: Collection[str],
) -> None:
    """Store verdicts; `known` are those of the tracks that may have been judged before."""
    if known:
        _UNJUDGE.rows(connection, {"ids": texts(known)})
    _REFUSALS(
        connection,
        [(track_id, str(rule), run_id) for track_id, rules in verdicts.items() for rule in rules],
    )
