"""`docs/ADDING.md`, done word for word on a copy of the project."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from testkit.guide import Copy, copied, do, run
from testkit.sandboxes import Sandboxes
from testkit.serving import Reply, Visit, json_reply, serving

pytestmark = pytest.mark.e2e


def tempo_of(track_id: str) -> float:
    return 60 + sum(map(ord, track_id)) % 120


def tempo(visit: Visit) -> Reply:
    """The invented service: knows three tracks of four."""
    asked = parse_qs(visit.target.partition("?")[2])["ids"][0].split(",")
    known = [one for one in asked if sum(map(ord, one)) % 4]
    return json_reply({"tempos": [{"id": one, "bpm": tempo_of(one)} for one in known]})


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return copied(tmp_path)


def check_contracts(copy: Copy) -> None:
    """What is written keeps to the house: imports, tables, size."""
    done = run(copy, str(Path(sys.executable).with_name("lint-imports")), "--no-cache")
    assert done.returncode == 0, done.stdout[-2000:]


def test_an_enrichment_source(copy: Copy, sandboxes: Sandboxes, tmp_path: Path) -> None:
    do("An enrichment source", copy)
    print(copy.cost())
    assert len(copy.new) <= 7
    assert len(copy.changed) <= 4
    assert sum(copy.changed.values()) <= 14
    with sandboxes.running() as sandbox, serving(tempo) as server:
        env = {**sandbox.env, "TEMPO_BASE_URL": server.url, "CACHE_DIR": str(tmp_path / "cache")}
        env["EXPORT_DIR"] = str(tmp_path / "export")
        crawl = (sys.executable, "-m", "scrapy", "crawl")
        done = run(copy, *crawl, "spotify_search", "-a", "max_seeds=3", **env)
        assert done.returncode == 0, done.stderr
        sent = len(server.seen)
        assert sent > 0
        with sqlite3.connect(tmp_path / "cache/runclub.sqlite") as store:
            rows = dict(store.execute("SELECT track_id, bpm FROM track_tempo"))
            eligible = (
                "SELECT track_id FROM track WHERE track_id NOT IN (SELECT track_id FROM rejection)"
            )
            assert set(rows) == {one for (one,) in store.execute(eligible)}
            (counts,) = store.execute("SELECT counts FROM run").fetchone()
            calls = store.execute("SELECT sum(calls) FROM quota WHERE account = 'tempo'").fetchone()
        for track_id, bpm in rows.items():
            assert bpm == (tempo_of(track_id) if sum(map(ord, track_id)) % 4 else None)
        assert json.loads(counts)["tempos/found"] == sum(bpm is not None for bpm in rows.values())
        assert calls == (sent,)
        # Nothing is asked twice, unless it is wanted.
        assert run(copy, *crawl, "enrich", **env).returncode == 0
        assert len(server.seen) == sent
        assert run(copy, *crawl, "enrich", "-a", "force=tempos", **env).returncode == 0
        assert len(server.seen) > sent
    check_contracts(copy)
    migrations = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    tables = (
        "tests/store/db/test_migrations.py::test_all_migrations_together_equal_the_declared_tables"
    )
    done = run(copy, *migrations, tables)
    assert done.returncode == 0, done.stdout
