"""A page stored step by step: what is stored is read, compared and written back by hand.

Slow and plain; what `tracks.save` does in a few statements is held against it. Known tracks are
judged by the same statement on both sides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.models import FoundTrack, Playable, Track
from runclub_spider.catalog.playability import Finding, rank
from runclub_spider.catalog.rules import CURABLE, Policy, Rule
from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.tables import (
    NAMED,
    artist,
    rejection,
    track,
    track_artist,
    track_market,
    track_source,
)
from runclub_spider.store.db.upsert import insert_new, upsert
from runclub_spider.store.facts import artists
from runclub_spider.store.facts.tracks import Saved, Source, _judge

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


_INSERT = sa.insert(track)
_UPDATE = sa.update(track).where(track.c.track_id == sa.bindparam("b_id"))
_ORDINAL = sa.bindparam("ordinal", type_=sa.Integer())
_EARLIER = (
    sa.update(track)
    .where(among(track.c.track_id), track.c.first_ordinal > _ORDINAL)
    .values(first_ordinal=_ORDINAL)
)


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
    playable = _stored_markets(connection, ids, market)
    markets = _markets(playable, by_id, market, now)
    changed = _gaining_edge(connection, ids, source) | {
        row["track_id"]
        for row in markets
        if playable.get(row["track_id"]) != (row["playable"], row["basis"])
    }
    inserts, updates = [], []
    for track_id in ids:
        values = _columns(by_id[track_id].track)
        if track_id in new_ids:
            inserts.append(
                {
                    "track_id": track_id,
                    **values,
                    "first_seen_at": now,
                    "updated_at": now,
                    "first_ordinal": source.ordinal,
                }
            )
        else:
            before = old[track_id]
            merged = {
                name: before[name] if values[name] == _NOTHING.get(name) else values[name]
                for name in _VALUES
            }
            links = [link for link in (before["linked_from"], values["linked_from"]) if link]
            merged["linked_from"] = min(links, default=None)
            if merged != before or track_id in changed:
                updates.append({"b_id": track_id, **merged, "updated_at": now})
    if inserts:
        connection.execute(_INSERT, inserts)
    if updates:
        connection.execute(_UPDATE, updates)
    if source.ordinal is not None:
        connection.execute(_EARLIER, {"ids": texts(sorted(old)), "ordinal": source.ordinal})
    named = _save_artists(connection, [by_id[i].track for i in ids], now)
    artists.note_complete(connection, ids, now)
    upsert(connection, track_market, [row for row in markets if not _stands(connection, row)])
    _save_edges(connection, by_id, source, run_id=run_id, now=now)
    # A name that came at last may make older tracks whole.
    verdicts = _judge(connection, policy, sorted({*ids, *named}))
    _save_verdicts(connection, verdicts, run_id)
    return Saved(
        new=new_ids,
        eligible={i for i, rules in verdicts.items() if not rules},
        curable={i for i, rules in verdicts.items() if rules and CURABLE.issuperset(rules)},
    )


_STORED = sa.select(track.c.track_id, *(track.c[name] for name in _VALUES)).where(
    among(track.c.track_id)
)


def _stored(connection: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(_STORED, {"ids": texts(ids)}):
        values = dict(row._mapping)
        found[values.pop("track_id")] = values
    return found


_OF_SOURCE = (track_source.c.source_type == sa.bindparam("of_type")) & (
    track_source.c.source_key == sa.bindparam("of_key")
)
_SEEN_AT = sa.select(track_source.c.track_id).where(_OF_SOURCE, among(track_source.c.track_id))


def _gaining_edge(connection: sa.Connection, ids: Sequence[str], source: Source) -> set[str]:
    """Ids that were not yet seen at this source: their exported `sources` will change."""
    return set(ids).difference(connection.scalars(_SEEN_AT, _of(source, ids)))


def _of(source: Source, ids: Collection[str]) -> dict[str, str]:
    """What `_OF_SOURCE` and `among` take."""
    return {"of_type": source.source_type, "of_key": source.source_key, "ids": texts(ids)}


_HERE = _OF_SOURCE & among(track_source.c.track_id)
_SNAPSHOT = sa.bindparam("of_snapshot", type_=sa.Text())
_BACK = (
    sa.update(track_source)
    .where(_HERE, track_source.c.removed_at.is_not(None))
    .values(removed_at=None, added_snapshot=_SNAPSHOT)
)
_NEWEST = sa.update(track_source).where(_HERE).values(snapshot=_SNAPSHOT)


def _save_edges(
    connection: sa.Connection,
    by_id: Mapping[str, FoundTrack],
    source: Source,
    *,
    run_id: int,
    now: int,
) -> None:
    """Edges source -> track: the first sighting stays, the newest snapshot is noted.

    Of one snapshot the first place counts.
    """
    if source.snapshot is not None:
        given = {**_of(source, by_id), "of_snapshot": source.snapshot}
        connection.execute(_BACK, given)
        connection.execute(_NEWEST, given)
        for track_id, row in by_id.items():
            connection.execute(
                sa.update(track_source).where(
                    track_source.c.source_type == source.source_type,
                    track_source.c.source_key == source.source_key,
                    track_source.c.track_id == track_id,
                    track_source.c.added_snapshot == source.snapshot,
                    track_source.c.position > row.position,
                ),
                {"position": row.position},
            )
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
    before: Mapping[str, Finding], by_id: Mapping[str, FoundTrack], market: str, now: int
) -> list[dict[str, Any]]:
    """Rows of `track_market`: what the page says, or what was known on a better basis."""
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


def _stands(connection: sa.Connection, row: Mapping[str, Any]) -> bool:
    """Whether the store says the same of the track in that market."""
    said = ("playable", "basis", "restriction")
    query = sa.select(*(track_market.c[name] for name in said)).where(
        track_market.c.track_id == row["track_id"], track_market.c.market == row["market"]
    )
    found = connection.execute(query).first()
    return found is not None and found._mapping == {name: row[name] for name in said}


_PLAYABLE = sa.select(track_market.c.track_id, track_market.c.playable, track_market.c.basis).where(
    track_market.c.market == sa.bindparam("in_market"), among(track_market.c.track_id)
)


def _stored_markets(
    connection: sa.Connection, ids: Sequence[str], market: str
) -> dict[str, Finding]:
    """Playability and its basis in a market, of those ids that have it."""
    rows = connection.execute(_PLAYABLE, {"in_market": market, "ids": texts(ids)})
    return {row.track_id: Finding(Playable(row.playable), row.basis) for row in rows}


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


_NAMELESS = sa.select(artist.c.artist_id).where(among(artist.c.artist_id), ~NAMED)
_NAME = (
    sa.update(artist)
    .where(artist.c.artist_id == sa.bindparam("b_id"))
    .values(name=sa.bindparam("b_name"))
)
_TRACKS_OF = sa.select(track_artist.c.track_id).where(among(track_artist.c.artist_id))
_CHANGED = (
    sa.update(track)
    .where(among(track.c.track_id))
    .values(updated_at=sa.bindparam("at", type_=sa.BigInteger()))
)
_WITH_ARTISTS = sa.select(track_artist.c.track_id).where(among(track_artist.c.track_id))


def name_artists(connection: sa.Connection, names: Mapping[str, str], now: int) -> set[str]:
    """Give their names to artists that had none; returns the tracks that this changes."""
    nameless = connection.scalars(_NAMELESS, {"ids": texts(names)}).all()
    if not nameless:
        return set()
    connection.execute(_NAME, [{"b_id": one, "b_name": names[one]} for one in nameless])
    theirs = set(connection.scalars(_TRACKS_OF, {"ids": texts(nameless)}))
    connection.execute(_CHANGED, {"ids": texts(theirs), "at": now})
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
    ids = [row.track_id for row in tracks]
    have = set(connection.scalars(_WITH_ARTISTS, {"ids": texts(ids)}))
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


_UNJUDGE = sa.delete(rejection).where(among(rejection.c.track_id))
_REFUSE = sa.insert(rejection)


def _save_verdicts(
    connection: sa.Connection, verdicts: Mapping[str, Sequence[Rule]], run_id: int | None
) -> None:
    connection.execute(_UNJUDGE, {"ids": texts(verdicts)})
    rows = [
        {"track_id": track_id, "rule": str(rule), "run_id": run_id}
        for track_id, rules in verdicts.items()
        for rule in rules
    ]
    if rows:
        connection.execute(_REFUSE, rows)
