"""The same world and store give the same release, whatever the machine around them is like."""

from __future__ import annotations

import locale
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from runclub_spider.publish.release import publish
from runclub_spider.sandbox.testing import Sandbox

from .killer import ROOT
from .running import PLAYLIST, SEARCH, Place, blanked, contents, facts, missing
from .shuffling import ZONES, shuffle_rows, surroundings
from .sweep import Stage

pytestmark = pytest.mark.e2e
CRAWLS, PUBLICATIONS, FRESH = 4, 16, 4
EPOCH = 1_700_000_000


def scrapy(*argv: str, env: dict[str, str]) -> None:
    """In a fresh interpreter: the hash seed is drawn when Python starts."""
    command = [sys.executable, "-m", "scrapy", *argv]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("argv", [SEARCH, PLAYLIST], ids=lambda argv: argv[1])
def test_crawls_in_shuffled_surroundings(
    argv: tuple[str, ...], stages: dict[str, Stage], sandbox: Sandbox, tmp_path: Path
) -> None:
    wanted = stages["search" if argv is SEARCH else "playlist"]
    rng = random.Random(argv[1])

    def crawl(number: int, around: dict[str, str]) -> Place:
        place = Place(tmp_path / str(number))
        if wanted.before is not None:
            wanted.before.copy(place.root)
        scrapy(*argv, env=place.env(sandbox, **around))
        return place

    around = [surroundings(rng) for _ in range(CRAWLS // 2)]
    with ThreadPoolExecutor(2) as pool:
        places = list(pool.map(crawl, range(len(around)), around))
    for place, names in zip(places, around, strict=True):
        found = facts(place)
        assert missing(wanted.facts, found) == {}, names
        assert missing(found, wanted.facts) == {}, names
        assert blanked(place.latest) == wanted.data, names


@pytest.fixture
def restored() -> Iterator[None]:
    """Time zone and locale of this process as they were."""
    zone = os.environ.get("TZ")
    yield
    os.environ.pop("TZ", None)
    if zone is not None:
        os.environ["TZ"] = zone
    time.tzset()
    locale.setlocale(locale.LC_ALL, "C")


def test_publishing_gives_the_same_bytes(
    stages: dict[str, Stage], tmp_path: Path, restored: None
) -> None:
    """Also from a store whose rows were written in another order, and with other hash seeds."""
    rng = random.Random(7)
    results: dict[str, set[tuple[tuple[str, str], ...]]] = {"search": set(), "playlist": set()}
    for number in range(PUBLICATIONS):
        name = ("search", "playlist")[number % 2]
        place = Place(tmp_path / str(number))
        shutil.copytree(stages[name].after.cache, place.cache)
        shuffle_rows(place.store, rng)
        os.environ["TZ"] = rng.choice(ZONES)
        time.tzset()
        locale.setlocale(locale.LC_ALL, rng.choice(("C", "C.utf8")))
        publish(place.config(source_date_epoch=EPOCH))
        results[name].add(tuple(contents(place.export).items()))

    def fresh(number: int) -> tuple[tuple[str, str], ...]:
        place = Place(tmp_path / f"fresh-{number}")
        shutil.copytree(stages["playlist"].after.cache, place.cache)
        around = surroundings(random.Random(number))
        scrapy("publish", env=place.env(SOURCE_DATE_EPOCH=str(EPOCH), **around))
        return tuple(contents(place.export).items())

    with ThreadPoolExecutor(2) as pool:
        results["playlist"] |= set(pool.map(fresh, range(FRESH)))
    assert {name: len(found) for name, found in results.items()} == {"search": 1, "playlist": 1}


def test_rows_were_really_shuffled(stages: dict[str, Stage], tmp_path: Path) -> None:
    shutil.copytree(stages["search"].after.cache, tmp_path / "cache")
    store = tmp_path / "cache" / "runclub.sqlite"
    query = "SELECT key FROM page ORDER BY rowid"
    with closing(sqlite3.connect(store)) as connection:
        before = connection.execute(query).fetchall()
    shuffle_rows(store, random.Random(1))
    with closing(sqlite3.connect(store)) as connection:
        after = connection.execute(query).fetchall()
    assert sorted(before) == sorted(after)
    assert before != after
