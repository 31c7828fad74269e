"""The same world and store give the same release, whatever the machine around them is like."""

from __future__ import annotations

import locale
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.publish.write.release import publish
from testkit.places import Place, contents
from testkit.shuffling import ZONES, differing, scrapy, shuffle_rows, surroundings
from testkit.sweep import Stage

pytestmark = pytest.mark.e2e
CRAWLS, PUBLICATIONS, FRESH = 2, 8, 3
EPOCH = 1_700_000_000


@pytest.mark.parametrize("name", ["search", "playlist"])
def test_crawls_in_shuffled_surroundings(
    name: str, stages: dict[str, Stage], sandbox: Sandbox, tmp_path: Path
) -> None:
    """A sample; `python -m bench environments` takes twenty."""
    assert list(differing(stages[name], CRAWLS, sandbox, tmp_path)) == [""] * CRAWLS


@pytest.fixture
def restored() -> Iterator[None]:
    """Time zone and locale of this process as they were."""
    zone, language = os.environ.get("TZ"), locale.setlocale(locale.LC_ALL)
    yield
    os.environ.pop("TZ", None)
    if zone is not None:
        os.environ["TZ"] = zone
    time.tzset()
    locale.setlocale(locale.LC_ALL, language)


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
