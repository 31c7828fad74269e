"""Numbers about the store for a person: counts, open work, calls, and its own health."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from runclub_spider.config import utc_now
from runclub_spider.store.db.engine import HEAD
from runclub_spider.store.db.exported import ELIGIBLE
from runclub_spider.store.db.tables import (
    artist,
    audio_features,
    feature_miss,
    page,
    playlist,
    quota,
    release,
    run,
    seed,
    tombstone,
    track,
)
from runclub_spider.store.read.brought import Brought


def counts(connection: sa.Connection) -> dict[str, int]:
    """Rows of the main tables, and what is open."""
    queries = {
        "tracks": sa.select(sa.func.count()).select_from(track),
        "eligible": sa.select(sa.func.count()).select_from(track).where(ELIGIBLE),
        "with features": sa.select(sa.func.count()).select_from(audio_features),
        "feature misses": sa.select(sa.func.count()).select_from(feature_miss),
        "artists": sa.select(sa.func.count()).select_from(artist),
        "playlists": sa.select(sa.func.count()).select_from(playlist),
        "tombstones": sa.select(sa.func.count()).select_from(tombstone),
        "pages open": sa.select(sa.func.count()).select_from(page).where(page.c.state == "open"),
    }
    return {name: int(connection.scalar(query) or 0) for name, query in queries.items()}


def seeds(connection: sa.Connection) -> list[Any]:
    """(search_type, family, state, number) of the seed ledger."""
    group = (seed.c.search_type, seed.c.family, seed.c.state)
    return list(
        connection.execute(sa.select(*group, sa.func.count()).group_by(*group).order_by(*group))
    )


def calls_since(connection: sa.Connection, moment: int) -> list[Any]:
    """(account, family, calls) in the hours from a moment until now."""
    group = (quota.c.account, quota.c.family)
    return list(
        connection.execute(
            sa.select(*group, sa.func.sum(quota.c.calls))
            .where(quota.c.hour > moment - 3600, quota.c.hour <= utc_now())
            .group_by(*group)
            .order_by(*group)
        )
    )


def last_runs(connection: sa.Connection, number: int) -> list[Any]:
    """The newest runs: (run_id, spider, started_at, finished_at, result)."""
    columns = (run.c.run_id, run.c.spider, run.c.started_at, run.c.finished_at, run.c.result)
    return list(connection.execute(sa.select(*columns).order_by(run.c.run_id.desc()).limit(number)))


def last_releases(connection: sa.Connection, number: int) -> list[Any]:
    """The newest releases: (version, created_at, tracks)."""
    columns = (release.c.version, release.c.created_at, release.c.tracks)
    return list(
        connection.execute(
            sa.select(*columns)
            .order_by(release.c.created_at.desc(), release.c.version)
            .limit(number)
        )
    )


def health(
    connection: sa.Connection, *, at_most: int | None = None
) -> tuple[str, list[str] | None]:
    """Version of the tables, and what an integrity check finds (nothing is well).

    It reads all of a file: one of more than `at_most` bytes is not checked, and gives None.
    """
    if connection.dialect.name != "sqlite":
        return HEAD, []
    if at_most is not None:
        size = sa.text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        if (connection.scalar(size) or 0) > at_most:
            return HEAD, None
    found = [str(row[0]) for row in connection.execute(sa.text("PRAGMA quick_check(5)"))]
    found += [
        f"{row[0]}: a row refers to {row[2]} in vain"
        for row in connection.execute(sa.text("PRAGMA foreign_key_check"))
    ]
    return HEAD, [line for line in found if line != "ok"]


class LedgerLine(NamedTuple):
    """What is known of a seed in a market."""

    term: str
    search_type: str
    state: str
    next_offset: int
    last_seen_at: int | None
    requests: int
    rows: int
    new_tracks: int
    eligible_new: int


def seed_ledger(connection: sa.Connection, market: str, brought: Brought) -> list[LedgerLine]:
    """What is known of each seed in a market."""
    names = (*LedgerLine._fields, "generation", "generation_new")
    found = []
    for row in connection.execute(
        sa.select(*(seed.c[name] for name in names)).where(seed.c.market == market)
    ):
        line = LedgerLine(*row[: len(LedgerLine._fields)])
        if row.search_type == "track":
            finds = brought.of(row.term, market)
            line = line._replace(
                state=finds.state(row),
                new_tracks=line.new_tracks + finds.new_tracks,
                eligible_new=line.eligible_new + finds.eligible_new,
            )
        found.append(line)
    return found
