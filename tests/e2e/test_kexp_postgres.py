"""KEXP on PostgreSQL: the same tables as on SQLite, and a trial run that leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from runclub_sandbox.testing import Sandbox
from runclub_spider.config import Config
from runclub_spider.store.db.address import database_url
from testkit.places import Place
from testkit.postgres import running_postgres

from .airing import DAY, summary
from .running import Run

pytestmark = [pytest.mark.e2e, pytest.mark.full]
KEXP = ("crawl", "kexp", *DAY)
QUERIES = (
    (
        "SELECT source_play_id, title, artist, album, airdate, mbid, year, song_id, match_tier"
        " FROM external_play"
    ),
    "SELECT id, title, artist, album, year, mbid, source, match_key, artist_key FROM song",
    "SELECT source, cursor, metadata FROM ingestion_checkpoint",
    "SELECT source, start_at, end_at FROM covered_interval",
    "SELECT source_play_id, kind, detail FROM play_review",
)


def content(url: str) -> list[list[Any]]:
    engine = sa.create_engine(database_url(Config(database_url=url)))
    try:
        with engine.connect() as connection:
            return [sorted(map(tuple, connection.execute(sa.text(q))), key=repr) for q in QUERIES]
    finally:
        engine.dispose()


def test_both_databases_hold_the_same_plays(place: Place, sandbox: Sandbox, run: Run) -> None:
    with running_postgres() as url:
        trial = run(place, *KEXP, "-a", "dry_run=1", DATABASE_URL=url)
        engine = sa.create_engine(database_url(Config(database_url=url)))
        with engine.connect() as connection:
            assert sa.inspect(connection).get_table_names() == []
        engine.dispose()
        real = run(place, *KEXP, DATABASE_URL=url)
        assert summary(trial) == summary(real)
        before = content(url)
        assert summary(run(place, *KEXP, DATABASE_URL=url))["provenance_inserted"] == 0
        assert content(url) == before
        run(place, *KEXP)
        assert content(f"sqlite:///{place.store}") == before
