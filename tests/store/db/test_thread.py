"""The store's own thread."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.thread import StoreThread


def test_work_runs_in_order_off_the_event_loop(store: Store) -> None:
    thread = StoreThread(store)
    seen: list[int] = []
    threads: set[int] = set()

    def work(number: int) -> int:
        seen.append(number)
        threads.add(threading.get_ident())
        return number

    async def go() -> list[int]:
        return await asyncio.gather(*(thread.run(lambda _c, n=n: work(n)) for n in range(20)))

    assert asyncio.run(go()) == list(range(20))
    assert seen == list(range(20))
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    thread.close()


def test_an_error_rolls_back_and_comes_out(store: Store) -> None:
    thread = StoreThread(store)

    def fails(connection: sa.Connection) -> None:
        meta.put(connection, "a", "1")
        raise KeyError("bug")

    async def go() -> str | None:
        with pytest.raises(KeyError):
            await thread.run(fails)
        return await thread.run(lambda c: meta.get(c, "a"))

    assert asyncio.run(go()) is None
    thread.close()


def test_closing_finishes_what_was_handed_in(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path)
    thread = StoreThread(Store.open(config))

    async def go() -> None:
        for number in range(20):
            task = asyncio.ensure_future(thread.run(lambda c, n=number: meta.put(c, f"k{n}", "1")))
            await asyncio.sleep(0)
        thread.close()
        await task

    asyncio.run(go())
    store = Store.open(config)
    with store.begin() as connection:
        assert all(meta.get(connection, f"k{number}") for number in range(20))
    store.close()
