"""The track registry: tracks, their artists' names, markets, sources and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.models import Playable, Track
from runclub_spider.catalog.playability import Finding, listed, rank, stored_playability
from runclub_spider.catalog.rules import CURABLE, Policy, Rule, failing_rules
from runclub_spider.store.db import meta
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
from runclub_spider.store.db.upsert import chunks, insert_new, upsert

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
# What stands for "not told" in columns that take no null.
_NOTHING: dict[str, Any] = {"name": "", "duration_ms": 0, "album_name": ""}


@dataclass(frozen=True, slots=True)
class FoundTrack:
    """A track of a page with its place, and its playability in the page's market."""

    track: Track
    position: int
    playable: Playable
    basis: str


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

    `station` is the radio station of whose songs the search looked for one.
    """

    source_type: str
    source_key: str
    snapshot: str | None = None
    station: str | None = None


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
    nothing, and `updated_at` moves only when a stored value changed.
    """
    market = policy.market
    by_id = {row.track.track_id: row for row in reversed(found)}
    ids = sorted(by_id)
    old = _stored(connection, ids)
    new_ids = {track_id for track_id in ids if track_id not in old}
    markets = _markets(connection, by_id, market, now)
    before = _stored_markets(connection, ids, market)
    changed = _gaining_edge(connection, ids, source) | {
        row["track_id"]
        for row in markets
        if before.get(row["track_id"]) != (row["playable"], row["basis"])
    }
    inserts, updates = [], []
    for track_id in ids:
        values = _columns(by_id[track_id].track)
        if track_id in new_ids:
            inserts.append(
                {"track_id": track_id, **values, "first_seen_at": now, "updated_at": now}
            )
        else:
            before = old[track_id]
            merged = {
                name: before[name] if values[name] == _NOTHING.get(name) else values[name]
                for name in _VALUES
            }
            if merged != before or track_id in changed:
                updates.append({"b_id": track_id, **merged, "updated_at": now})
    if inserts:
        connection.execute(sa.insert(track), inserts)
    if updates:
        connection.execute(
            sa.update(track).where(track.c.track_id == sa.bindparam("b_id")), updates
        )
    named = _save_artists(connection, [by_id[i].track for i in ids], now)
    upsert(connection, track_market, markets)
    _save_edges(connection, by_id, source, run_id=run_id, now=now)
    # A name that came at last may make older tracks whole.
    verdicts = _judge(connection, policy, sorted({*ids, *named}))
    _save_verdicts(connection, verdicts, run_id)
    return Saved(
        new=new_ids,
        eligible={i for i, rules in verdicts.items() if not rules},
        curable={i for i, rules in verdicts.items() if rules and CURABLE.issuperset(rules)},
    )


def ensure_verdicts(connection: sa.Connection, policy: Policy, run_id: int | None = None) -> bool:
    """Judge all stored tracks again if they were judged under another policy."""
    if meta.get(connection, "policy") == policy.key:
        return False
    ids = connection.scalars(sa.select(track.c.track_id).order_by(track.c.track_id)).all()
    for part in chunks(ids, 5000):
        _save_verdicts(connection, _judge(connection, policy, part), run_id)
    meta.put(connection, "policy", policy.key)
    return True


def judge_again(
    connection: sa.Connection, policy: Policy, ids: Sequence[str], run_id: int
) -> list[str]:
    """Judge stored tracks of which another source told more; returns those now eligible."""
    refused: set[str] = set()
    for part in chunks(ids):
        refused.update(
            connection.scalars(
                sa.select(rejection.c.track_id).where(rejection.c.track_id.in_(part))
            )
        )
    verdicts = _judge(connection, policy, sorted(refused))
    _save_verdicts(connection, verdicts, run_id)
    return [track_id for track_id, rules in verdicts.items() if not rules]


def _judge(
    connection: sa.Connection, policy: Policy, ids: Sequence[str]
) -> dict[str, tuple[Rule, ...]]:
    """The rules' verdict on stored tracks."""
    artists = (
        sa.select(sa.func.count())
        .select_from(track_artist)
        .join(artist, artist.c.artist_id == track_artist.c.artist_id)
        .where(track_artist.c.track_id == track.c.track_id, NAMED)
        .scalar_subquery()
    )
    query = sa.select(
        track.c.track_id,
        track.c.name,
        LENGTH_MS.label("duration_ms"),
        track.c.available_markets,
        track_market.c.playable,
        track_market.c.basis,
        artists.label("artists"),
    ).outerjoin_from(
        track,
        track_market,
        (track_market.c.track_id == track.c.track_id) & (track_market.c.market == policy.market),
    )
    verdicts = {}
    for part in chunks(ids):
        for row in connection.execute(query.where(track.c.track_id.in_(part))):
            verdicts[row.track_id] = failing_rules(
                name=row.name,
                artists=row.artists,
                duration_ms=row.duration_ms,
                playable=stored_playability(
                    row.playable, row.basis, listed(row.available_markets), policy.market
                ).playable,
                policy=policy,
            )
    return verdicts


def _stored(connection: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    columns = [track.c[name] for name in _VALUES]
    found: dict[str, dict[str, Any]] = {}
    for part in chunks(ids):
        rows = connection.execute(
            sa.select(track.c.track_id, *columns).where(track.c.track_id.in_(part))
        )
        for row in rows:
            values = dict(row._mapping)
            found[values.pop("track_id")] = values
    return found


def _gaining_edge(connection: sa.Connection, ids: Sequence[str], source: Source) -> set[str]:
    """Ids that were not yet seen at this source: their exported `sources` will change."""
    found: set[str] = set()
    for part in chunks(ids):
        found.update(
            connection.scalars(
                sa.select(track_source.c.track_id).where(
                    track_source.c.track_id.in_(part),
                    track_source.c.source_type == source.source_type,
                    track_source.c.source_key == source.source_key,
                )
            )
        )
    return set(ids) - found


def _save_edges(
    connection: sa.Connection,
    by_id: Mapping[str, FoundTrack],
    source: Source,
    *,
    run_id: int,
    now: int,
) -> None:
    """Edges source -> track: the first sighting stays, the newest snapshot is noted."""
    edge = track_source.c
    ours = (edge.source_type == source.source_type) & (edge.source_key == source.source_key)
    if source.snapshot is not None:
        for part in chunks(list(by_id)):
            here = ours & edge.track_id.in_(part)
            connection.execute(
                sa.update(track_source)
                .where(here, edge.removed_at.is_not(None))
                .values(removed_at=None, added_snapshot=source.snapshot)
            )
            connection.execute(sa.update(track_source).where(here).values(snapshot=source.snapshot))
    insert_new(
        connection,
        track_source,
        [
            {
                "track_id": i,
                "source_type": source.source_type,
                "source_key": source.source_key,
                "position": by_id[i].position,
                "first_seen_at": now,
                "run_id": run_id,
                "snapshot": source.snapshot,
                "added_snapshot": source.snapshot,
                "station": source.station,
            }
            for i in by_id
        ],
    )


def _markets(
    connection: sa.Connection, by_id: Mapping[str, FoundTrack], market: str, now: int
) -> list[dict[str, Any]]:
    """Rows of `track_market`: what the page says, or what was known on a better basis."""
    before = _stored_markets(connection, list(by_id), market)
    rows = []
    for track_id, found in by_id.items():
        playable, basis = found.playable, found.basis
        known = before.get(track_id)
        if known and (
            playable is Playable.UNKNOWN
            or (known.playable is not Playable.UNKNOWN and rank(known.basis) < rank(basis))
        ):
            playable, basis = known
        rows.append(
            {
                "track_id": track_id,
                "market": market,
                "playable": str(playable),
                "basis": str(basis),
                "restriction": found.track.restriction,
                "checked_at": now,
            }
        )
    return rows


def _stored_markets(
    connection: sa.Connection, ids: Sequence[str], market: str
) -> dict[str, Finding]:
    """Playability and its basis in a market, of those ids that have it."""
    found: dict[str, Finding] = {}
    for part in chunks(ids):
        rows = connection.execute(
            sa.select(track_market.c.track_id, track_market.c.playable, track_market.c.basis).where(
                track_market.c.track_id.in_(part), track_market.c.market == market
            )
        )
        found.update((row.track_id, Finding(Playable(row.playable), row.basis)) for row in rows)
    return found


def _columns(found: Track) -> dict[str, Any]:
    markets = found.available_markets
    return {
        "name": found.name,
        "duration_ms": found.duration_ms,
        "explicit": found.explicit,
        "album_name": found.album.name,
        "isrc": found.isrc,
        "album_id": found.album.album_id,
        "album_type": found.album.album_type,
        "release_date": found.album.release_date,
        "image_url": found.album.image_url,
        "popularity": found.popularity,
        "preview_url": found.preview_url,
        "linked_from": found.linked_from,
        "available_markets": None if markets is None else ",".join(markets),
    }


def name_artists(connection: sa.Connection, names: Mapping[str, str], now: int) -> set[str]:
    """Give their names to artists that had none; returns the tracks that this changes."""
    theirs: set[str] = set()
    for part in chunks(sorted(names)):
        nameless = connection.scalars(
            sa.select(artist.c.artist_id).where(artist.c.artist_id.in_(part), ~NAMED)
        ).all()
        for one in nameless:
            connection.execute(
                sa.update(artist).where(artist.c.artist_id == one).values(name=names[one])
            )
        if nameless:
            theirs.update(
                connection.scalars(
                    sa.select(track_artist.c.track_id).where(track_artist.c.artist_id.in_(nameless))
                )
            )
    for some in chunks(sorted(theirs)):
        connection.execute(
            sa.update(track).where(track.c.track_id.in_(some)).values(updated_at=now)
        )
    return theirs


def _save_artists(connection: sa.Connection, tracks: Sequence[Track], now: int) -> set[str]:
    """Artists, and their order on tracks that had none so far.

    Returns the tracks of artists whose name was not known before.
    """
    names: dict[str, str] = {}
    for ref in (a for row in tracks for a in row.artists):
        names[ref.artist_id] = ref.name.strip() or names.get(ref.artist_id, "")
    insert_new(connection, artist, [{"artist_id": i, "name": names[i]} for i in sorted(names)])
    named = name_artists(connection, {i: name for i, name in names.items() if name}, now)
    have: set[str] = set()
    for part in chunks([row.track_id for row in tracks]):
        have.update(
            connection.scalars(
                sa.select(track_artist.c.track_id).where(track_artist.c.track_id.in_(part))
            )
        )
    insert_new(
        connection,
        track_artist,
        [
            {"track_id": row.track_id, "position": position, "artist_id": ref.artist_id}
            for row in tracks
            if row.track_id not in have
            for position, ref in enumerate(row.artists)
        ],
    )
    return named


def _save_verdicts(
    connection: sa.Connection, verdicts: Mapping[str, Sequence[Rule]], run_id: int | None
) -> None:
    for part in chunks(list(verdicts)):
        connection.execute(sa.delete(rejection).where(rejection.c.track_id.in_(part)))
    rows = [
        {"track_id": track_id, "rule": str(rule), "run_id": run_id}
        for track_id, rules in verdicts.items()
        for rule in rules
    ]
    if rows:
        connection.execute(sa.insert(rejection), rows)
