"""Pages that are stored together: all of them, in their order, and none behind a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.plays import PlayCounts
from runclub_spider.config import Config
from runclub_spider.spiders.portions import Held
from runclub_spider.spiders.together import Together
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.thread import StoreThread
from runclub_spider.store.songs.ingest import Ingested

_DEFERRED = sa.text("PRAGMA defer_foreign_keys=ON")
# Nothing has that track: refused when it is committed.
_ORPHAN = sa.text("INSERT INTO rejection (track_id, rule) VALUES ('nobody', 'incomplete')")


class Storing:
    """Stores pages that are told apart by the length of their rows, and fails where it is told to.

    As the spider does it knows of the last page from the one before, unless it is told not to.
    """

    def __init__(self, store: Store, *, breaks: int | None = None, late: int | None = None) -> None:
        self._store, self._breaks, self._late = store, breaks, late
        self._before: str | None = None
        self.thread = StoreThread(store)
        self.told: list[int] = []

    def work(self, connection: sa.Connection, page: Held, again: bool) -> Ingested:
        name = len(page.rows)
        if again:
            self._before = meta.get(connection, "page")
        assert self._before == meta.get(connection, "page")
        meta.put(connection, "page", str(name))
        meta.put(connection, f"page {name}", "stored")
        self._before = str(name)
        if name == self._breaks:
            raise OSError("the disk is full")
        if name == self._late:
            connection.execute(_DEFERRED)
            connection.execute(_ORPHAN)
        return Ingested(PlayCounts(fetched=name))

    async def committed(self, done: Ingested) -> None:
        self.told.append(done.counts.fetched)

    @property
    def stored(self) -> list[int]:
        with self._store.reading() as connection:
            return sorted(int(key[5:]) for key in meta.starting_with(connection, "page "))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store.open(Config(cache_dir=tmp_path))
    yield found
    found.close()


def a_page(name: int) -> Held:
    return Held([None] * name, None)  # type: ignore[list-item]


@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    pauses=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    ends=st.sets(st.integers(0, 59)),
)
def test_every_page_once_and_in_order(store: Store, pauses: list[int], ends: set[int]) -> None:
    storing = Storing(store)

    async def reading() -> None:
        together = Together(storing.thread, storing.work, storing.committed)
        for name, pause in enumerate(pauses):
            for _ in range(pause):
                await asyncio.sleep(0)
            await together.add(a_page(name))
            if name in ends:
                done = await together.all()
                assert done.counts.fetched == name
                assert storing.told == list(range(name + 1))
        await together.all()

    with store.begin() as connection:
        connection.execute(sa.text("DELETE FROM meta WHERE key LIKE 'page%'"))
    asyncio.run(reading())
    assert storing.told == storing.stored == list(range(len(pauses)))
    storing.thread.close()


# A server looks at what refers to nothing at once, and SQLite when it commits: late.
@pytest.mark.parametrize("how", ["breaks", pytest.param("late", marks=pytest.mark.sqlite)])
@pytest.mark.parametrize("pause", [False, True])
def test_nothing_behind_a_failure_is_stored(store: Store, how: str, pause: bool) -> None:
    storing = Storing(store, **{how: 20})

    async def reading() -> None:
        together = Together(storing.thread, storing.work, storing.committed)
        try:
            for name in range(60):
                await together.add(a_page(name))
                await asyncio.sleep(0.001 * pause)
        finally:
            # What a reading does at its end, whatever ends it.
            await together.all()

    with pytest.raises((OSError, sa.exc.IntegrityError), match=r"full|FOREIGN KEY"):
        asyncio.run(reading())
    assert storing.told == storing.stored == list(range(len(storing.told)))
    # A commit that fails takes along what shared it.
    assert len(storing.told) == 20 if how == "breaks" else len(storing.told) <= 20
    storing.thread.close()
