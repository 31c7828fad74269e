"""KEXP's plays into SQLite by a bare loop: aiohttp, `next`, sqlite3, and nothing else.

`python -m bench.yardsticks.plays URL FILE` prints what it took as JSON. A page is one transaction
here too, songs are matched by lower-case title and artist, and what is there already is skipped:
the flow of the specification without a checkpoint, categories, normalisation or review.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from typing import Any
from uuid import uuid4

_TABLES = """
CREATE TABLE song (id TEXT PRIMARY KEY, title TEXT, artist TEXT, album TEXT, year INT, mbid TEXT,
                   lower_title TEXT, lower_artist TEXT, source TEXT);
CREATE UNIQUE INDEX song_words ON song (lower_title, lower_artist);
CREATE INDEX song_mbid ON song (mbid);
CREATE TABLE external_play (source TEXT, source_play_id TEXT, title TEXT, artist TEXT, album TEXT,
                            airdate TEXT, mbid TEXT, year INT, song_id TEXT,
                            PRIMARY KEY (source, source_play_id));
CREATE INDEX play_song ON external_play (source, song_id);
"""


async def load(url: str, file: str) -> dict[str, float]:
    """All plays from the oldest on."""
    import aiohttp
    import orjson

    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.executescript(_TABLES)
    plays = 0
    link: str | None = f"{url}/plays/?limit=200&ordering=airdate"
    begin = time.perf_counter()
    # aiohttp does not undo one packing on another, which is sent where gzip and br are taken
    headers = {"Accept-Encoding": "gzip, deflate"}
    async with aiohttp.ClientSession(headers=headers) as session:
        while link:
            async with session.get(link) as answer:
                answer.raise_for_status()
                page = orjson.loads(await answer.read())
            if not page["results"]:
                break
            link = page["next"]
            plays += _store(connection, page["results"])
    taken = time.perf_counter() - begin
    connection.close()
    return {"seconds": taken, "plays": plays}


def _store(connection: sqlite3.Connection, rows: list[dict[str, Any]]) -> int:
    """One page in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    stored = 0
    for row in rows:
        if row["play_type"] != "trackplay" or not row["artist"] or not row["song"]:
            continue
        words = (row["song"].lower(), row["artist"].lower())
        year = int(row["release_date"][:4]) if row["release_date"] else None
        mbid, found = row["recording_id"], None
        if mbid:
            found = connection.execute("SELECT id FROM song WHERE mbid = ?", (mbid,)).fetchone()
        if found is None:
            found = connection.execute(
                "SELECT id FROM song WHERE lower_title = ? AND lower_artist = ?", words
            ).fetchone()
        if found is None:
            found = (str(uuid4()),)
            song = (*found, row["song"], row["artist"], row["album"], year, mbid, *words, "kexp")
            connection.execute(
                "INSERT OR IGNORE INTO song VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", song
            )
        play = (
            *("kexp", str(row["id"]), row["song"], row["artist"], row["album"], row["airdate"]),
            *(mbid, year, *found),
        )
        connection.execute(
            "INSERT OR IGNORE INTO external_play VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", play
        )
        stored += 1
    connection.execute("COMMIT")
    return stored


if __name__ == "__main__":
    print(json.dumps(asyncio.run(load(sys.argv[1], sys.argv[2]))))
