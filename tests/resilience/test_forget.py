"""`scrapy forget`: gone from store, raw pages, snapshots and releases, and never taken up again."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.publish.account.manifest import imbalance
from testkit.killer import Launcher
from testkit.places import Place, blanked, problems
from testkit.sweep import Stage

pytestmark = pytest.mark.e2e
# Answers of the API that brings a track are taken from the track, its first artist or its code.
QUERIES = {
    "track": "SELECT track_id, track_id FROM track WHERE isrc IS NOT NULL",
    "isrc": "SELECT isrc, track_id FROM track WHERE isrc IS NOT NULL",
    "artist": "SELECT artist_id, track_id FROM track_artist WHERE position = 0",
}


def chosen(kind: str, place: Place) -> tuple[str, set[str]]:
    """What to forget, and the ids it covers: exported, and of most tracks."""
    released = {
        json.loads(line)["spotify_track_id"]
        for line in blanked(place.latest)["catalog_wide.jsonl"].splitlines()
    }
    covered: dict[str, set[str]] = {}
    for value, track in place.query(QUERIES[kind]):
        covered.setdefault(value, set()).add(track)
    covered = {value: ids for value, ids in covered.items() if ids & released}
    value = min(covered, key=lambda one: (-len(covered[one]), one))
    if kind == "artist":
        rows = place.query("SELECT track_id FROM track_artist WHERE artist_id = ?", value)
        return value, {row[0] for row in rows}
    return value, covered[value]


def holds(place: Place, needle: str) -> list[str]:
    """Where a text still stands: columns of the vacuumed store, raw pages, snapshots."""
    with closing(sqlite3.connect(place.store, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found = []
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            if table != "tombstone":
                for row in connection.execute(f"SELECT * FROM {table}"):
                    found += [table for value in row if needle in str(value)]
        raws = connection.execute("SELECT key, raw FROM page WHERE raw IS NOT NULL").fetchall()
    import zlib

    found += [f"raw of {key}" for key, raw in raws if needle.encode() in zlib.decompress(raw)]
    for path in place.cache.glob("snapshots/*"):
        if needle.encode() in gzip.decompress(path.read_bytes()):
            found.append(path.name)
    return found


@pytest.mark.parametrize("kind", QUERIES)
def test_forgotten_for_good(
    kind: str, stages: dict[str, Stage], sandbox: Sandbox, launcher: Launcher, searched: Place
) -> None:
    env, before = searched.env(sandbox), blanked(searched.latest)
    value, ids = chosen(kind, searched)
    child = launcher.run("forget", f"--{kind}", value, env=env)
    assert child.code == 0, child.stderr
    assert f"{len(ids)} stored track" in child.stdout
    for needle in {value, *ids}:
        assert holds(searched, needle) == [], f"{needle} right after"
    stones = searched.query("SELECT kind, value FROM tombstone")
    assert stones == [(kind, value)]
    left = {needle for needle in {value, *ids} if needle.encode() in searched.store.read_bytes()}
    assert left <= {value}

    again = launcher.run(*stages["search"].argv, "-a", "deltafetch_reset=1", env=env)
    assert again.code == 0, again.stderr
    for needle in {value, *ids}:
        assert holds(searched, needle) == [], f"{needle} after the new crawl"
    assert problems(searched) == []
    after = blanked(searched.latest)
    assert before != after
    for needle in {value, *ids}:
        assert needle.encode() not in b"".join(after.values())
    account = json.loads((searched.latest / "manifest.json").read_bytes())["accounting"]
    assert imbalance(account) is None
    assert account["distinctTracks"] == len(searched.column("SELECT track_id FROM track"))
    rows = searched.query("SELECT sum(rows) FROM page WHERE state = 'done'")
    assert account["rowsSeen"] == rows[0][0]


def test_twice_and_of_what_was_never_seen(
    sandbox: Sandbox, launcher: Launcher, searched: Place
) -> None:
    env = searched.env(sandbox)
    for _ in range(2):
        child = launcher.run("forget", "--track", "0" * 22, env=env)
        assert child.code == 0, child.stderr
        assert "0 stored tracks" in child.stdout
    assert searched.query("SELECT kind, value FROM tombstone") == [("track", "0" * 22)]
