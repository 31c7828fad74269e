"""A real store in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runclub_spider.config import Config
from runclub_spider.store.db.engine import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(Config(cache_dir=tmp_path / "cache"))
    yield opened
    opened.close()
