"""Shuffled surroundings of a command, and a shuffled order of a store's rows."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Africa/Abidjan")
_LOCALES = ("C", "C.UTF-8", "POSIX", "de_DE.UTF-8", "tr_TR.UTF-8")


def surroundings(rng: random.Random) -> dict[str, str]:
    """Environment variables that must not matter."""
    return {
        "TZ": rng.choice(ZONES),
        "LC_ALL": rng.choice(_LOCALES),
        "PYTHONHASHSEED": str(rng.randrange(1, 10_000)),
        "SPOTIFY_CONCURRENCY": str(rng.choice((1, 2, 4, 8))),
        "RECCOBEATS_CONCURRENCY": str(rng.choice((1, 2, 5))),
        "ROUND_PAGES": str(rng.choice((1, 3, 8, 32))),
    }


def shuffle_rows(store: Path, rng: random.Random) -> None:
    """Take every row out and put all back in random order, tables in random order too."""
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("BEGIN IMMEDIATE")
        query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        tables = [row[0] for row in connection.execute(query)]
        rng.shuffle(tables)
        for table in tables:
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()
            rng.shuffle(rows)
            connection.execute(f"DELETE FROM {table}")
            if rows:
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
        connection.execute("COMMIT")
        connection.execute("VACUUM")
