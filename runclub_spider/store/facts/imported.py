"""Audio features from elsewhere, and how they stand in for those that ReccoBeats lacks.

They have a table of their own: what is asked of ReccoBeats does not depend on them, and its answer
wins whenever it comes. So they are joined to tracks when these are read. An ISRC under which
several recordings are stored names none of them, so no track gets what is imported by it.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import sqlalchemy as sa

from runclub_spider.catalog.imported import Filled, Imported, KeyKind, Number, fill
from runclub_spider.catalog.models import FEATURES
from runclub_spider.store.db import exported
from runclub_spider.store.db.among import among, texts
from runclub_spider.store.db.buried import buried
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import (
    audio_features,
    imported_features,
    open_metadata,
    track,
    track_detail,
    track_recording,
)
from runclub_spider.store.db.upsert import upsert
from runclub_spider.store.facts import sharers

_TABLE = imported_features
_STORED = sa.select(_TABLE).where(
    _TABLE.c.key_kind == sa.bindparam("kind"),
    _TABLE.c.source == sa.bindparam("origin"),
    among(_TABLE.c.key_value),
)
_OWN = sa.select(audio_features).where(among(audio_features.c.track_id))
# The tombstone that forbids a key; none names a recording by its MBID.
_STONES = {KeyKind.ID: "track", KeyKind.ISRC: "isrc"}
_CODE = sa.func.coalesce(track.c.isrc, track_detail.c.isrc)


@dataclass(slots=True)
class Saved:
    """What became of some rows: keys that are new, changed, as before, and tracks they change."""

    new: int = 0
    changed: int = 0
    same: int = 0
    tracks: int = 0

    def add(self, other: Saved) -> None:
        """Count another batch."""
        self.new += other.new
        self.changed += other.changed
        self.same += other.same
        self.tracks += other.tracks


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from, and what they are keyed by."""

    kind: KeyKind
    source: str
    licence: str


def forgotten(connection: sa.Connection, kind: KeyKind, keys: Sequence[str]) -> set[str]:
    """Those of the keys that were forgotten, and are not taken up again."""
    return buried(connection, _STONES[kind], keys) if kind in _STONES else set()


def save(
    connection: sa.Connection, origin: Origin, rows: Mapping[str, Mapping[str, Number]], now: int
) -> Saved:
    """Store the features of some keys; what was stored of the same source and is told anew changes.

    A value is not replaced by nothing, for a source may tell its features in several files. But
    values of two licences are never mixed: under another one a row replaces the old one whole.
    """
    given = {"kind": str(origin.kind), "origin": origin.source, "ids": texts(rows)}
    stored = {row.key_value: row._mapping for row in connection.execute(_STORED, given)}
    saved = Saved()
    written: list[dict[str, Any]] = []
    for key, values in rows.items():
        old = stored.get(key)
        kept = old if old is not None and old["licence"] == origin.licence else {}
        row = {
            "key_kind": str(origin.kind),
            "key_value": key,
            "source": origin.source,
            "licence": origin.licence,
            **{name: values.get(name, kept.get(name)) for name in FEATURES},
        }
        if old is not None and all(old[name] == value for name, value in row.items()):
            saved.same += 1
            continue
        saved.new += old is None
        saved.changed += old is not None
        written.append({**row, "imported_at": now})
    if written:
        ids = _tracks(connection, origin.kind, [row["key_value"] for row in written])
        with _noting(connection, ids, now) as changed:
            upsert(connection, _TABLE, written)
        saved.tracks = len(changed)
    return saved


@contextmanager
def _noting(connection: sa.Connection, ids: Sequence[str], now: int) -> Iterator[list[str]]:
    """Note which of some tracks show others of the imports after it than before; fills the list."""
    changed: list[str] = []
    before = _fillings(connection, ids)
    yield changed
    after = _fillings(connection, ids)
    changed += [i for i in ids if before[i] != after[i]]
    if changed:
        exported.changed(connection, among(track.c.track_id), now, ids=texts(changed))


_OF_ISRC = Prepared(
    sa.select(_TABLE.c.key_value)
    .where(_TABLE.c.key_kind == str(KeyKind.ISRC), among(_TABLE.c.key_value))
    .distinct()
)


@contextmanager
def noting_sharers(
    connection: sa.Connection,
    codes: Iterable[str | None],
    now: int,
    *,
    of: Collection[str] = (),
) -> Iterator[None]:
    """Note what becomes of imports by ISRC while tracks with these come, change or go.

    Where another recording comes in under the code of an import, the tracks before it lose what
    they had of it, and get it back when that one goes.

    Args:
        connection: a transaction.
        codes: ISRCs that tracks get or lose.
        now: epoch seconds.
        of: ids of tracks that may change in what recordings are told apart by.
    """
    named = {one for one in codes if one}
    if not (named or of) or not present(connection):
        yield
        return
    known = set(_OF_ISRC.first(connection, {"ids": texts(named)}))
    known.update(connection.scalars(_CODES_AMONG, {"ids": texts(of)}))
    if not known:
        yield
        return
    with _noting(connection, _tracks(connection, KeyKind.ISRC, sorted(known)), now):
        yield


def _tracks(connection: sa.Connection, kind: KeyKind, keys: Sequence[str]) -> list[str]:
    """Ids of the stored tracks that some keys name."""
    if kind is KeyKind.ISRC:
        return sorted({i for ids in sharers.sharers(connection, keys).values() for i in ids})
    return sorted(connection.scalars(_NAMED[kind], {"ids": texts(keys)}))


_NAMED = {
    KeyKind.ID: sa.select(track.c.track_id).where(among(track.c.track_id)),
    KeyKind.MBID: (
        sa.select(open_metadata.c.track_id)
        .join_from(
            track_recording,
            open_metadata,
            (open_metadata.c.track_id == track_recording.c.track_id)
            & (open_metadata.c.recording_mbid == track_recording.c.mbid),
        )
        .where(among(track_recording.c.mbid))
        .distinct()
    ),
}


def _fillings(connection: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, Filled]]:
    """What each of some tracks gets of the imports."""
    given = {"ids": texts(ids)}
    own: dict[str, Mapping[str, Any]] = {
        row.track_id: row._asdict() for row in connection.execute(_OWN, given)
    }
    rows = connection.execute(_AMONG, given).all()
    several = sharers.shared(connection, {row.key_value for row in rows if _by_isrc(row)})
    imports = dict(_grouped(rows, several))
    nothing: Mapping[str, Any] = {}
    # Those that went meanwhile show nothing.
    return {i: fill(own.get(i, nothing), imports.get(i, ())) for i in ids}


def _by_isrc(row: Any) -> bool:
    return bool(row.key_kind == str(KeyKind.ISRC))


def _matches(which: sa.ColumnElement[bool]) -> sa.CompoundSelect[Any]:
    """Each of those tracks with the imports that name it, in the order in which they fill."""

    def named(kind: KeyKind, source: sa.FromClause, key: sa.ColumnElement[Any]) -> sa.Select[Any]:
        on = (_TABLE.c.key_kind == str(kind)) & (_TABLE.c.key_value == key)
        names = ("key_kind", "key_value", "source", "licence", *FEATURES)
        columns = [track.c.track_id, *(_TABLE.c[name] for name in names)]
        return sa.select(*columns).select_from(source.join(_TABLE, on)).where(which)

    def beside(table: sa.Table) -> sa.FromClause:
        return track.outerjoin(table, table.c.track_id == track.c.track_id)

    return sa.union_all(
        named(KeyKind.ID, track, track.c.track_id),
        named(KeyKind.ISRC, beside(track_detail), _CODE),
        named(KeyKind.MBID, beside(open_metadata), open_metadata.c.recording_mbid),
    ).order_by("track_id", "key_kind", "source")


_AMONG = _matches(among(track.c.track_id))


def _codes(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The ISRCs of those tracks that something was imported by."""
    beside = track.outerjoin(track_detail, track_detail.c.track_id == track.c.track_id)
    on = (_TABLE.c.key_kind == str(KeyKind.ISRC)) & (_TABLE.c.key_value == _CODE)
    return (
        sa.select(_TABLE.c.key_value).select_from(beside.join(_TABLE, on)).where(which).distinct()
    )


_CODES_AMONG = _codes(among(track.c.track_id))
_ANY = Prepared(sa.select(sa.exists(sa.select(_TABLE.c.key_kind))))


def present(connection: sa.Connection) -> bool:
    """Whether anything was imported."""
    return bool(_ANY.first(connection, {})[0])


def of_tracks(
    connection: sa.Connection, which: sa.ColumnElement[bool]
) -> Iterator[tuple[Any, list[Imported]]]:
    """The imports of those tracks that have some, by id; `which` is a condition on `track`."""
    several = sharers.shared(connection, connection.scalars(_codes(which)).all())
    return _grouped(connection.execute(_matches(which)), several)


def _grouped(rows: Iterable[Any], several: Container[str]) -> Iterator[tuple[Any, list[Imported]]]:
    """Imports by track but for those by an ISRC that stands for several recordings."""
    told = (row for row in rows if not (_by_isrc(row) and row.key_value in several))
    for track_id, group in groupby(told, key=lambda row: row.track_id):
        yield track_id, [_imported(row) for row in group]


def _imported(row: Any) -> Imported:
    values = {n: value for n in FEATURES if (value := getattr(row, n)) is not None}
    return Imported(row.source, row.licence, values)


Row = TypeVar("Row")


def beside(
    rows: Iterable[Row], imports: Iterator[tuple[Any, list[Imported]]], *, prefix: str = ""
) -> Iterator[tuple[Row, Mapping[str, Filled]]]:
    """Each row of a track with what it gets of the imports.

    Args:
        rows: by `track_id`, with a column for each feature or for some.
        imports: as `of_tracks` gives them.
        prefix: of the features' columns.
    """
    nothing: Mapping[str, Filled] = {}
    track_id, found = next(imports, (None, []))
    for row in rows:
        one = getattr(row, "track_id", None)
        # An id that is no text has no imports; SQLite sorts it apart from all texts.
        if isinstance(one, str):
            while track_id is not None and track_id < one:
                track_id, found = next(imports, (None, []))
        if track_id is None or one != track_id:
            yield row, nothing
            continue
        yield row, fill({name: getattr(row, prefix + name, None) for name in FEATURES}, found)


class FilledRow:
    """A row with imported values in its columns of features, and in `imported` whose they are."""

    __slots__ = ("_row", "_values")

    def __init__(self, row: Any, got: Mapping[str, Filled], *, prefix: str = "") -> None:
        values: dict[str, Any] = {prefix + name: one.value for name, one in got.items()}
        self._row, self._values = row, {**values, "imported": got}

    def __getattr__(self, name: str) -> Any:
        return self._values[name] if name in self._values else getattr(self._row, name)

    def _asdict(self) -> dict[str, Any]:
        return {**self._row._asdict(), **self._values}
