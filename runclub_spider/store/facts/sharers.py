"""Stored tracks as far as those that share an ISRC are held against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from runclub_spider.catalog.editions import Edition, split
from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import (
    LENGTH_MS,
    NAMED,
    artist,
    track,
    track_artist,
    track_detail,
)
from runclub_spider.store.db.upsert import chunks

_TITLES = Prepared(
    sa.select(track.c.track_id, track.c.name, LENGTH_MS).where(among(track.c.track_id))
)
_NAMES = Prepared(
    sa.select(track_artist.c.track_id, artist.c.name)
    .join_from(track_artist, artist, artist.c.artist_id == track_artist.c.artist_id)
    .where(among(track_artist.c.track_id), NAMED)
    .order_by(track_artist.c.track_id, track_artist.c.position)
)
# Each goes by an index: of the tracks whose code only ReccoBeats told there are few.
_CODED = (
    Prepared(sa.select(track.c.isrc, track.c.track_id).where(among(track.c.isrc))),
    Prepared(
        sa.select(track_detail.c.isrc, track.c.track_id)
        .join_from(track_detail, track, track.c.track_id == track_detail.c.track_id)
        .where(among(track_detail.c.isrc), track.c.isrc.is_(None))
    ),
)
_MOST = 5_000


def editions(connection: sa.Connection, ids: Iterable[str]) -> dict[str, Edition]:
    """Title, artists in order and length of those tracks, by id.

    What is no text or no number, in a damaged store, is nothing.
    """
    found: dict[str, Edition] = {}
    for part in chunks(sorted(set(ids)), _MOST):
        given = {"ids": texts(part)}
        names: defaultdict[Any, list[str]] = defaultdict(list)
        for track_id, name in _NAMES.rows(connection, given):
            names[track_id].append(_text(name))
        for track_id, title, length in _TITLES.rows(connection, given):
            known = length if isinstance(length, int) else 0
            found[track_id] = Edition(_text(title), tuple(names.get(track_id, ())), known)
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def sharers(connection: sa.Connection, codes: Collection[str]) -> dict[str, list[str]]:
    """Ids of the tracks of each of those ISRCs, whoever told it, by id; none for unknown codes."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for part in chunks(sorted(set(codes)), _MOST):
        for query in _CODED:
            for code, track_id in query.rows(connection, {"ids": texts(part)}):
                # A damaged store may hold an id that no other row can name.
                if isinstance(track_id, str):
                    found[code].add(track_id)
    return {code: sorted(ids) for code, ids in found.items()}


def recordings(group: Sequence[str], known: Mapping[str, Edition]) -> list[list[str]]:
    """The ids of tracks of one ISRC in groups of one recording."""
    ids = [one for one in group if one in known]
    return [[ids[at] for at in some] for some in split([known[one] for one in ids])]


def shared(connection: sa.Connection, codes: Collection[str]) -> dict[str, list[list[str]]]:
    """Those of the ISRCs that stand for several recordings, with the tracks of each recording."""
    several = {code: ids for code, ids in sharers(connection, codes).items() if len(ids) > 1}
    known = editions(connection, (one for ids in several.values() for one in ids))
    groups = {code: recordings(ids, known) for code, ids in several.items()}
    return {code: some for code, some in groups.items() if len(some) > 1}
