"""Shuffled surroundings of a command, and a shuffled order of a store's rows."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from runclub_sandbox.testing import Sandbox
from testkit.killer import ROOT
from testkit.places import Place, blanked, facts, missing
from testkit.sweep import Stage

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


def scrapy(*argv: str, env: dict[str, str]) -> None:
    """In a fresh interpreter: the hash seed is drawn when Python starts."""
    command = [sys.executable, "-m", "scrapy", *argv]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{argv}: {done.returncode}, {done.stderr.decode(errors='replace')}")


def differing(stage: Stage, number: int, sandbox: Sandbox, folder: Path) -> Iterator[str]:
    """Crawl a stage `number` times, each time in other surroundings.

    Yields what differs from the undisturbed run, an empty text for a crawl without a difference.
    """
    rng = random.Random(stage.name)

    def crawl(at: int, around: dict[str, str]) -> str:
        place = Place(folder / f"{stage.name}-{at}")
        if stage.before is not None:
            stage.before.copy(place.root)
        scrapy(*stage.argv, env=place.env(sandbox, **around))
        found = facts(place)
        wrong = missing(stage.facts, found) or missing(found, stage.facts)
        same = not wrong and blanked(place.latest) == stage.data
        return "" if same else f"{stage.name} in {around}: {sorted(wrong) or 'data files'} differ"

    around = [surroundings(rng) for _ in range(number)]
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(crawl, range(number), around)


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
