"""The store as publishing reads it: streams in key order, and small lookup tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa

from runclub_spider.store.db.tables import (
    NAMED,
    artist,
    audio_features,
    canonical,
    open_metadata,
    page,
    playlist,
    quota,
    release,
    release_row,
    run,
    seed,
    seed_playlist,
    track,
    track_artist,
    track_detail,
    track_market,
    track_source,
)
from runclub_spider.store.db.upsert import RowInsert, insert_rows, upsert
from runclub_spider.store.facts import imported
from runclub_spider.store.queue.pages import OPEN, PageKind
from runclub_spider.store.queue.seeds import FINISHED
from runclub_spider.store.read.plain import plain_rows

#: 2100-01-01: what a row says was seen or changed later, it says wrongly.
LAST_MOMENT = 4_102_444_800
_STREAM = {"yield_per": 2000}
# How sqlite3 says that a text is none.
_NO_UTF8 = "decode to UTF-8"
T = TypeVar("T")
_BATCH = 5000
_RELEASED = ("track_id", "version", "umbrella", "decade")
_CANONICALS = RowInsert(
    canonical,
    ("isrc", "track_id", "reason"),
    lambda new: {"track_id": new.track_id, "reason": new.reason},
)
_DETAILS = ("isrc", "popularity", "countries", "duration_ms")
#: Tracks with all exported columns, by id; see :func:`wide`.
WIDE = (
    sa.select(
        track,
        audio_features.c.track_id.label("features_of"),
        sa.null().label("imported"),
        *(c.label(f"f_{c.name}") for c in audio_features.c if c.name != "track_id"),
        *(track_detail.c[name].label(f"d_{name}") for name in _DETAILS),
        *(c.label(f"o_{c.name}") for c in open_metadata.c if c.name != "track_id"),
    )
    .outerjoin_from(track, audio_features, audio_features.c.track_id == track.c.track_id)
    .outerjoin(track_detail, track_detail.c.track_id == track.c.track_id)
    .outerjoin(open_metadata, open_metadata.c.track_id == track.c.track_id)
    .order_by(track.c.track_id)
)


def reading_anything(connection: sa.Connection, work: Callable[[], T]) -> T:
    """Do `work`; where a text of the store is no UTF-8, once more with its bad bytes let through.

    They come as lone surrogates, which nothing can write by mistake. Not so from the start, for
    it doubles the time that each text takes.
    """
    try:
        return work()
    except sa.exc.OperationalError as error:
        driver = connection.connection.driver_connection
        if connection.dialect.name != "sqlite" or driver is None or _NO_UTF8 not in str(error.orig):
            raise
        driver.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        return work()
    finally:
        driver.text_factory = str


def wide(connection: sa.Connection, ids: Sequence[str]) -> Iterator[Any]:
    """Those tracks with all exported columns, by id.

    Features are prefixed `f_`, details `d_` and open metadata `o_`. Of a track that has features of
    an import `imported` says by feature which; `features_of` is null where ReccoBeats gives none.
    """
    query = WIDE.where(track.c.track_id.in_(ids)).execution_options(**_STREAM)
    rows = iter(connection.execute(query))
    if not imported.present(connection):
        return rows
    imports = imported.of_tracks(connection, track.c.track_id.in_(ids))
    return (
        imported.FilledRow(row, got, prefix="f_") if got else row
        for row, got in imported.beside(rows, imports, prefix="f_")
    )


def credits_of_tracks(
    connection: sa.Connection, ids: Sequence[str] | None = None
) -> Iterator[sa.Row[Any]]:
    """The artists with a name of each track, or of those tracks, by track id and position.

    `genres` is still JSON text or None.
    """
    query = sa.select(
        track_artist.c.track_id,
        track_artist.c.artist_id,
        artist.c.name,
        artist.c.genres,
        artist.c.popularity,
        artist.c.image_url,
    ).join_from(track_artist, artist, artist.c.artist_id == track_artist.c.artist_id)
    query = query.where(NAMED).order_by(track_artist.c.track_id, track_artist.c.position)
    return _stream(connection, query, track_artist.c.track_id, ids)


def sources_of_tracks(
    connection: sa.Connection, ids: Sequence[str] | None = None
) -> Iterator[sa.Row[Any]]:
    """(track_id, source_type, source_key, station), playlists before searches, by track id."""
    order = (track_source.c.track_id, track_source.c.source_type, track_source.c.source_key)
    query = sa.select(*order, track_source.c.station).order_by(*order)
    return _stream(connection, query, track_source.c.track_id, ids)


def markets_of_tracks(connection: sa.Connection, ids: Sequence[str]) -> Iterator[sa.Row[Any]]:
    """(track_id, market, playable, basis) by track id and market."""
    query = sa.select(
        track_market.c.track_id,
        track_market.c.market,
        track_market.c.playable,
        track_market.c.basis,
    ).order_by(track_market.c.track_id, track_market.c.market)
    return _stream(connection, query, track_market.c.track_id, ids)


def _stream(
    connection: sa.Connection,
    query: sa.Select[Any],
    key: sa.Column[Any],
    ids: Sequence[str] | None,
) -> Iterator[sa.Row[Any]]:
    if ids is not None:
        query = query.where(key.in_(ids))
    return iter(connection.execute(query.execution_options(**_STREAM)))


def artists(connection: sa.Connection, ids: Sequence[str]) -> Iterator[sa.Row[Any]]:
    """Those artists' records by id; `genres` is still JSON text or None."""
    query = sa.select(
        artist.c.artist_id,
        artist.c.name,
        artist.c.genres,
        artist.c.popularity,
        artist.c.image_url,
    ).order_by(artist.c.artist_id)
    return _stream(connection, query, artist.c.artist_id, ids)


def tracks_of_artists(connection: sa.Connection, ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(track id, artist id) of every track that names one of those artists, in order."""
    query = (
        sa.select(track_artist.c.track_id, track_artist.c.artist_id)
        .where(track_artist.c.artist_id.in_(ids))
        .order_by(track_artist.c.track_id, track_artist.c.position)
    )
    for row in connection.execute(query):
        yield row.track_id, row.artist_id


def genres_of(text: str | None) -> tuple[str, ...]:
    """The genres of a stored artist; none when never fetched."""
    return tuple(orjson.loads(text)) if text else ()


def shares_of(text: str | None) -> tuple[tuple[str, int], ...]:
    """((genre, share in thousandths), ...) as open metadata keeps them; none when unknown."""
    return tuple((genre, share) for genre, share in orjson.loads(text)) if text else ()


def playlists(connection: sa.Connection) -> dict[str, tuple[str, str | None]]:
    """Name and owner of each playlist."""
    rows = connection.execute(
        sa.select(playlist.c.playlist_id, playlist.c.name, playlist.c.owner_id)
    )
    return {row.playlist_id: (row.name, row.owner_id) for row in rows}


def track_seeds(connection: sa.Connection) -> list[tuple[str, str | None, str]]:
    """(term, umbrella, family) of every track search."""
    columns = (seed.c.term, seed.c.umbrella, seed.c.family)
    rows = connection.execute(
        sa.select(*columns).where(seed.c.search_type == "track").distinct().order_by(*columns)
    )
    return [(row.term, row.umbrella, row.family) for row in rows]


def playlist_searches(connection: sa.Connection) -> dict[str, list[tuple[str, str | None]]]:
    """(term, umbrella) of the searches that served each playlist."""
    found: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for row in _lists_with_seed(connection, seed.c.term, seed.c.umbrella):
        found[row.playlist_id].append((row.term, row.umbrella))
    return found


def source_families(connection: sa.Connection) -> dict[tuple[str, str], frozenset[str]]:
    """Seed families of each source: (source_type, source_key) -> families."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    rows = connection.execute(
        sa.select(seed.c.term, seed.c.family).where(seed.c.search_type == "track")
    )
    for row in rows:
        found["search", row.term].add(row.family)
    for listed in _lists_with_seed(connection, seed.c.family):
        found["playlist", listed.playlist_id].add(listed.family)
    return {source: frozenset(families) for source, families in found.items()}


def source_names(connection: sa.Connection) -> dict[tuple[str, str], Any]:
    """What each source is called: (source_type, source_key) -> a search's term, a list's name."""
    found = {("search", term): term for term, *_ in track_seeds(connection)}
    found |= {("playlist", one): name for one, (name, _) in playlists(connection).items()}
    return found


def playlist_terms(connection: sa.Connection) -> dict[str, str]:
    """The search that served each playlist best: smallest position, then the term."""
    best: dict[str, tuple[int, str]] = {}
    for row in _lists_with_seed(connection, seed.c.term):
        found = (row.position, row.term)
        best[row.playlist_id] = min(best.get(row.playlist_id, found), found)
    return {playlist_id: term for playlist_id, (_, term) in best.items()}


def _lists_with_seed(connection: sa.Connection, *columns: sa.Column[Any]) -> Sequence[Any]:
    return connection.execute(
        sa.select(seed_playlist.c.playlist_id, seed_playlist.c.position, *columns)
        .join_from(
            seed_playlist,
            seed,
            (seed.c.term == seed_playlist.c.term)
            & (seed.c.market == seed_playlist.c.market)
            & (seed.c.search_type == "playlist"),
        )
        .order_by(seed_playlist.c.playlist_id, seed_playlist.c.term)
    ).all()


def ledger(connection: sa.Connection, market: str) -> list[sa.Row[Any]]:
    """The seeds of a market by search type, family and term, with their counts.

    What they brought is what older versions counted; `brought` knows the rest.
    """
    columns = ("search_type", "family", "term", "umbrella", "decade", "bpm", "state")
    counts = ("requests", "rows", "new_tracks", "eligible_new", "generation", "generation_new")
    rows = connection.execute(
        sa.select(*(seed.c[name] for name in (*columns, *counts, "next_offset")))
        .where(seed.c.market == market)
        .order_by(seed.c.search_type, seed.c.family, seed.c.term)
    )
    return list(rows)


def read_to_end(row: Any, cap: int) -> bool:
    """Whether a search of the ledger has no page left below a cap of rows."""
    return row.state in FINISHED or row.next_offset >= cap


def edges(connection: sa.Connection, source_type: str) -> Iterator[Sequence[Sequence[Any]]]:
    """(source_key, track_id) of the tracks that the searches or playlists showed, by source.

    They come many at a time.
    """
    query = (
        sa.select(track_source.c.source_key, track_source.c.track_id)
        .where(track_source.c.source_type == source_type)
        .order_by(track_source.c.source_key, track_source.c.track_id)
    )
    if connection.dialect.name != "sqlite":
        # A server would hand out all at once.
        return connection.execute(query.execution_options(**_STREAM)).partitions()
    return plain_rows(connection, query)


def lists_by_search(connection: sa.Connection, market: str) -> dict[str, list[str]]:
    """The playlists that each search of a market served."""
    found: dict[str, list[str]] = defaultdict(list)
    rows = connection.execute(
        sa.select(seed_playlist.c.term, seed_playlist.c.playlist_id)
        .where(seed_playlist.c.market == market)
        .order_by(seed_playlist.c.term, seed_playlist.c.playlist_id)
    )
    for row in rows:
        found[row.term].append(row.playlist_id)
    return found


def lists_with_pages_left(connection: sa.Connection) -> frozenset[str]:
    """The playlists of which planned pages are not answered yet."""
    rows = connection.execute(
        sa.select(page.c.source_key)
        .where(
            page.c.state == OPEN,
            page.c.kind.in_([str(PageKind.PLAYLIST), str(PageKind.PLAYLIST_ITEMS)]),
        )
        .distinct()
    )
    return frozenset(row.source_key for row in rows)


def playlist_states(connection: sa.Connection) -> dict[str, int]:
    """How many playlists are in each state."""
    rows = connection.execute(
        sa.select(playlist.c.state, sa.func.count())
        .group_by(playlist.c.state)
        .order_by(playlist.c.state)
    )
    return {str(state): int(number) for state, number in rows}


def run_totals(connection: sa.Connection) -> Counter[str]:
    """Sums of the counts that runs recorded."""
    totals: Counter[str] = Counter()
    for text in connection.scalars(sa.select(run.c.counts).where(run.c.counts.is_not(None))):
        totals.update({k: v for k, v in orjson.loads(text).items() if isinstance(v, int)})
    return totals


def calls_by_hour(connection: sa.Connection) -> list[sa.Row[Any]]:
    """The quota ledger: `account`, `family`, `hour` (epoch seconds) and `calls`, in that order."""
    columns = quota.c.account, quota.c.family, quota.c.hour, quota.c.calls
    return list(
        connection.execute(
            sa.select(*columns)
            # Neither a clock that went wrong nor a text where a number belongs.
            .where(quota.c.hour.between(0, LAST_MOMENT), quota.c.calls.between(1, 2**31 - 1))
            .order_by(*columns[:3])
        )
    )


def open_counts(connection: sa.Connection) -> dict[str, int]:
    """Tracks with open metadata: `tracks` with any, `years`, `genres`."""
    row = connection.execute(
        sa.select(
            sa.func.count().label("tracks"),
            sa.func.count(open_metadata.c.original_year).label("years"),
            sa.func.count(open_metadata.c.genres).label("genres"),
        )
    ).one()
    return {"tracks": row.tracks, "years": row.years, "genres": row.genres}


def track_count(connection: sa.Connection) -> int:
    """Distinct tracks."""
    return int(connection.scalar(sa.select(sa.func.count()).select_from(track)) or 0)


def previous_release(connection: sa.Connection) -> Iterator[tuple[str, str | None]]:
    """(track id, umbrella) of the last release's tracks."""
    query = sa.select(release_row.c.track_id, release_row.c.umbrella)
    for row in connection.execute(query.execution_options(**_STREAM)):
        yield row.track_id, row.umbrella


def previous_shares(connection: sa.Connection) -> list[tuple[str | None, str | None, int]]:
    """(umbrella, decade, tracks) of the last release."""
    cell = (release_row.c.umbrella, release_row.c.decade)
    rows = connection.execute(sa.select(*cell, sa.func.count()).group_by(*cell).order_by(*cell))
    return [(umbrella, decade, int(number)) for umbrella, decade, number in rows]


def previous_cells(
    connection: sa.Connection,
) -> Iterator[tuple[str, str | None, str | None]]:
    """(track id, umbrella, decade) of the last release's tracks, by id."""
    query = sa.select(release_row.c.track_id, release_row.c.umbrella, release_row.c.decade)
    query = query.order_by(release_row.c.track_id)
    for row in connection.execute(query.execution_options(**_STREAM)):
        yield row.track_id, row.umbrella, row.decade


def last_release(connection: sa.Connection) -> Any | None:
    """(version, tracks, created_at) of the release whose tracks are remembered."""
    version = sa.select(release_row.c.version).limit(1).scalar_subquery()
    return connection.execute(
        sa.select(release.c.version, release.c.tracks, release.c.created_at).where(
            release.c.version == version
        )
    ).one_or_none()


def newest_change(connection: sa.Connection) -> int:
    """When a track's exported values changed last; 0 without tracks."""
    times = sa.select(sa.func.max(track.c.updated_at)).where(track.c.updated_at <= LAST_MOMENT)
    return int(connection.scalar(times) or 0)


def changed_since(connection: sa.Connection, moment: int) -> Iterator[tuple[str, bool]]:
    """(track id, whether it was first seen since) of what changed after a moment, by id."""
    query = (
        sa.select(track.c.track_id, (track.c.first_seen_at > moment).label("new"))
        .where(track.c.updated_at > moment)
        .order_by(track.c.track_id)
    )
    for row in connection.execute(query.execution_options(**_STREAM)):
        yield row.track_id, bool(row.new)


def number_changed(connection: sa.Connection, moment: int) -> tuple[int, int]:
    """How many tracks came in after a moment, and of how many others exported values changed."""
    new = sa.func.coalesce(sa.func.sum(sa.case((track.c.first_seen_at > moment, 1), else_=0)), 0)
    row = connection.execute(
        sa.select(sa.func.count().label("all"), new.label("new")).where(track.c.updated_at > moment)
    ).one()
    return int(row.new), int(row.all) - int(row.new)


def canonicals(connection: sa.Connection) -> Iterator[tuple[str, str]]:
    """(ISRC, the track that stands for it since some release), by ISRC."""
    query = sa.select(canonical.c.isrc, canonical.c.track_id).order_by(canonical.c.isrc)
    for row in connection.execute(query.execution_options(**_STREAM)):
        yield row.isrc, row.track_id


def releases_of(connection: sa.Connection, input_digest: str) -> list[tuple[str, str]]:
    """(version, data digest) of the releases made from an input."""
    rows = connection.execute(
        sa.select(release.c.version, release.c.data_digest)
        .where(release.c.input_digest == input_digest)
        .order_by(release.c.version)
    )
    return [(row.version, row.data_digest) for row in rows]


def releases(connection: sa.Connection) -> frozenset[str]:
    """The versions that this store made."""
    return frozenset(connection.scalars(sa.select(release.c.version)))


def remember_release(
    connection: sa.Connection,
    *,
    version: str,
    created_at: int,
    input_digest: str,
    data_digest: str,
    tracks: int,
    cells: Iterable[tuple[str, str | None, str | None]],
    canonicals: Iterable[tuple[str, str, str]],
) -> None:
    """Make a release the one that the next starts from.

    `cells` are (track id, umbrella, decade) of all its tracks, `canonicals` those (ISRC, track
    id, reason) that are new or changed.
    """
    upsert(
        connection,
        release,
        [
            {
                "version": version,
                "created_at": created_at,
                "input_digest": input_digest,
                "data_digest": data_digest,
                "tracks": tracks,
            }
        ],
    )
    connection.execute(sa.delete(release_row))
    rows = iter(cells)
    while part := list(islice(rows, _BATCH)):
        values = [(i, version, umbrella, decade) for i, umbrella, decade in part]
        insert_rows(connection, release_row, _RELEASED, values)
    changed = iter(canonicals)
    while found := list(islice(changed, _BATCH)):
        _CANONICALS(connection, found)
