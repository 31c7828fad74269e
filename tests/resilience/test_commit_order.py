"""In whatever order answers come and are stored: the same ledgers, choices and release."""

from __future__ import annotations

import random
import re
from collections import Counter
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.publish.write import release
from runclub_spider.store.db import tables
from runclub_spider.store.queue import seeds
from runclub_spider.store.read import brought
from tests.resilience.test_machine import MARKET, Crawls

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_FILES = (
    *("catalog_wide.jsonl", "cached_tracks.jsonl", "audio_features.jsonl", "cached_artists.jsonl"),
    "discovery.csv",
)
# What tells of a time, a run, or where the database put a row.
_BLANK = {
    tables.seed: {"last_seen_at"},
    tables.page: {"run_id", "fetched_at", "raw"},
    tables.playlist: {"first_seen_at", "last_processed_at"},
    tables.playlist_change: {"run_id"},
    tables.track: {"first_seen_at", "updated_at", "last_enriched_at"},
    tables.track_market: {"checked_at"},
    tables.track_source: {"first_seen_at", "run_id", "removed_at"},
    tables.seed_playlist: set[str](),
    tables.rejection: {"run_id"},
}
RUNS = (
    *(("track", "template"), ("playlist", "template"), ("track", "deficit")),
    *(("playlist", "deficit"), ("track", "deficit")),
)


def told(order: random.Random) -> dict[str, Any]:
    """What a store holds and publishes after runs whose pages were stored in an order."""
    machine, rng = Crawls(), random.Random(3)
    found: dict[str, Any] = {}
    world = machine.world
    world.rows = Searches()
    # What one shows before it in the order of planning, another cannot bring.
    world.rows["soul"] = list(world.rows["rock"])
    world.lists = {number: some(rng, 135) for number in world.lists}
    try:
        for number, (kind, mode) in enumerate(RUNS):
            machine.start(kind, mode)
            machine.next_round()
            while machine.given:
                while machine.given.keys() - {item.task.key for item in machine.answers}:
                    machine.is_answered(order.randrange(50))
                    if order.random() < 0.5:
                        store_one(machine, order)
                while machine.answers:
                    store_one(machine, order)
                machine.next_round()
            changed = number % len(world.lists)
            world.lists[changed] = world.lists[changed][::2] + some(rng, 60)
            world.snapshots[changed] += 1
            world.rows["pop"] += some(rng, 2)
            with machine.store.begin() as connection:
                found |= {f"{table} {number}": held(connection, table) for table in _BLANK}
                # Due again.
                connection.execute(sa.update(tables.seed).values(last_seen_at=0))
        machine.is_enriched(1.0)
        machine.is_enriched(1.0)
        with machine.store.begin() as connection:
            found["brought"] = brought.read(connection)
            seeds.refresh(connection, "track", MARKET, seen_before=0, age=1)
            found["ledger"] = held(connection, tables.seed)
        release.publish(machine.config.model_copy(update={"feature_coverage_min": 0.5}))
        latest = machine.config.export_dir / "latest"
        found |= {name: _STAMP.sub(b"", (latest / name).read_bytes()) for name in _FILES}
        manifest = orjson.loads((latest / "manifest.json").read_bytes())
        names = ("spotify", "exhaustion", "accounting", "totals", "gates")
        return found | {name: manifest[name] for name in names}
    finally:
        machine.teardown()


class Searches(dict[str, list[int]]):
    """What each search serves, those that follow from others too."""

    def __missing__(self, term: str) -> list[int]:
        self[term] = some(random.Random(term), 12)
        return self[term]


def some(rng: random.Random, number: int) -> list[int]:
    """Rows of which many are shared."""
    return [rng.randrange(250) for _ in range(number)]


def store_one(machine: Crawls, order: random.Random) -> None:
    machine.is_stored(order.randrange(50), once_more=False)


def held(connection: sa.Connection, table: sa.Table) -> Counter[Any]:
    columns = [column for column in table.c if column.name not in _BLANK[table]]
    return Counter(map(tuple, connection.execute(sa.select(*columns))))


class InTurn(random.Random):
    """The first one that is there, stored as soon as it is answered."""

    def randrange(self, *_: Any) -> int:
        return 0

    def random(self) -> float:
        return 0.0


@cache
def in_turn() -> dict[str, Any]:
    return told(InTurn())


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32))
def test_the_order_of_commits_decides_nothing(seed: int) -> None:
    wanted, found = in_turn(), told(random.Random(seed))
    for name, value in wanted.items():
        assert found[name] == value, name


def test_pages_were_worth_shuffling() -> None:
    """Tracks are shared by pages of one round, and searches end that brought nothing."""
    wanted = in_turn()
    assert wanted["brought"].kinds.total() < wanted["accounting"]["rowsSeen"] / 2
    assert b",retired," in wanted["discovery.csv"]
