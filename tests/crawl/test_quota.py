"""The calls of a run reach the ledger once, whatever becomes of the transactions."""

from __future__ import annotations

from pathlib import Path

import pytest

from runclub_spider.config import Config, utc_now
from runclub_spider.crawl.quota import Quota
from runclub_spider.store.db.engine import Store
from runclub_spider.store.queue import quota as ledger


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(Config(cache_dir=tmp_path))


def written(store: Store, api: str = "spotify") -> dict[str, int]:
    with store.reading() as connection:
        day = ledger.last_day(connection, api, utc_now())
    return {family: sum(hours.values()) for family, hours in day.items()}


def test_calls_of_a_transaction_that_failed_are_written_with_the_next(store: Store) -> None:
    quota = Quota(Config())
    quota.count("spotify", "search")
    with store.begin() as connection:
        quota.flush(connection)
        connection.rollback()
    quota.count("spotify", "search")
    quota.count("reccobeats", "features")
    with store.begin() as connection:
        quota.flush(connection)
    quota.flushed()
    assert written(store) == {"search": 2}
    assert written(store, "reccobeats") == {"features": 1}


def test_what_is_written_is_not_written_again(store: Store) -> None:
    quota = Quota(Config())
    quota.count("spotify", "search")
    for _ in range(2):
        with store.begin() as connection:
            quota.flush(connection)
            # Counted between the two: by the event loop, while the store's thread commits.
            quota.count("spotify", "artist")
        quota.flushed()
    assert written(store) == {"search": 1, "artist": 1}
