"""Moments that a clock which ran ahead left in the store."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.store.db import clock, meta, tables
from runclub_spider.store.db.engine import Store
from runclub_spider.store.queue import pages, playlists, runs
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from runclub_spider.store.songs import coverage

NOW, YEARS = 1_800_000_000, 10 * 365 * 86_400
TASK = PageTask("spotify_search", PageKind.TRACK_SEARCH, "rock", "US", 0, 50, "g0")


def test_what_lies_ahead_becomes_now(tmp_path: Path) -> None:
    store = Store.open(Config(cache_dir=tmp_path))
    with store.begin() as connection:
        for at in (NOW - 500, NOW + YEARS):
            run_id = runs.start(connection, "spotify_search", {}, at)
            runs.finish(connection, run_id, result="finished", counts={}, now=at)
        pages.plan(connection, [TASK])
        pages.mark_done(connection, TASK, counts=PageCounts(), run_id=1, now=NOW + YEARS)
        meta.put(connection, "regime|https://x|id", f"extended|{NOW + YEARS}")
        playlists.check_generation(connection, "US", now=NOW, max_age=0)
        playlists.finish_check(connection, "US", NOW + YEARS)
        before = coverage.load(connection, "kexp")
        assert runs.last_seen(connection) == NOW + YEARS
        assert clock.pull_back(connection, NOW) == 3
        assert runs.last_seen(connection) == NOW
        starts = connection.scalars(sa.select(tables.run.c.started_at)).all()
        assert list(starts) == [NOW - 500, NOW]
        assert meta.get(connection, "regime|https://x|id") is None
        assert meta.get(connection, "playlist_check|US") == f"1|{NOW}"
        assert coverage.load(connection, "kexp") == before
        assert clock.pull_back(connection, NOW) == 0
    store.close()


def test_every_moment_is_known_to_be_past_or_ahead(tmp_path: Path) -> None:
    """A new column of a time must be looked at: is it a moment of this machine's past?"""
    found = {
        column.name
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, sa.BigInteger)
    }
    past = {
        *("asked_at", "checked_at", "created_at", "fetched_at", "finished_at", "first_seen_at"),
        *("imported_at", "last_enriched_at", "last_processed_at", "last_seen_at", "removed_at"),
        *("started_at", "updated_at"),
    }
    assert {name for name in found if name.endswith("_at")} - past == {
        *("start_at", "end_at", "next_check_at", "retry_at", "resume_at"),
    }
