"""A selection that is kept says of every track what the selection itself says."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.rules import RULES
from runclub_spider.config import Config
from runclub_spider.publish.account import exhaustion, kept
from runclub_spider.publish.account.kept import Kept
from runclub_spider.publish.choose.balance import ranked
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.select import Selection
from runclub_spider.store.db import meta
from runclub_spider.store.db.engine import Store
from tests.publish.choose.pools import AIMS, candidate, chosen, worlds


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config(cache_dir=tmp_path_factory.mktemp("kept") / "cache")


@pytest.fixture(scope="module")
def store(config: Config) -> Iterator[Store]:
    found = Store.open(config)
    yield found
    found.close()


def keep(config: Config, store: Store, selection: Selection, seconds: float = 2.0) -> Kept:
    with store.reading() as connection:
        return kept.keep(config, connection, selection, seconds)


@settings(max_examples=60)
@given(st.data())
def test_every_track_keeps_its_account(config: Config, store: Store, data: st.DataObject) -> None:
    aims = data.draw(AIMS)
    selection = chosen(data.draw(worlds()), **{n: getattr(aims, n) for n in aims.__slots__})
    pool, groups = selection.pool, selection.duplicates
    waiting = (selection.fate == Fate.EXPORTED) | (selection.fate == Fate.BALANCE)
    order = ranked(pool, waiting, keeping=True, mixed=True).tolist()
    full = selection.count(Fate.EXPORTED) >= selection.targets.cap
    known = keep(config, store, selection)
    for at in range(len(pool)):
        one = known.account(pool.id_of(at))
        assert one is not None
        assert one.fate == selection.fate[at]
        assert one.rule == (str(RULES[pool.rule[at]]) if one.fate is Fate.REJECTED else None)
        assert one.umbrellas == pool.umbrellas_of(at)
        assert (one.decade, one.confidence) == (pool.decade_of(at), pool.confidence[at])
        assert one.origin == pool.origins[pool.origin[at]]
        assert one.popularity == (pool.popularity[at] if pool.popularity[at] >= 0 else None)
        if one.fate is Fate.EXPORTED:
            assert (one.umbrella, one.decade) == selection.cell(at)
        backfill = selection.choice.backfill.get(at)
        assert one.backfill == (backfill and (backfill.cell, backfill.step))
        assert one.rank == (order.index(at) + 1 if full and waiting[at] else None)
        survivor = int(groups.survivor[at])
        assert one.survivor == (None if survivor < 0 else pool.id_of(survivor))
        if survivor >= 0:
            members = np.flatnonzero(groups.survivor == survivor).tolist()
            assert [m.track_id for m in known.group(one.survivor or "")] == [
                pool.id_of(member) for member in members
            ]
            assert [m.recording for m in known.group(one.survivor or "")] == [
                groups.recording[member] for member in members
            ]
        assert (one.reason is not None) == (survivor == at)
    assert known.account("nobody") is None
    summary = known.summary
    assert summary.chosen == selection.count(Fate.EXPORTED)
    assert summary.eligible == int(waiting.sum())
    cells = selection.choice.certificate.cells
    assert {cell: state.tracks for cell, state in summary.cells.items()} == {
        cell: count.tracks for cell, count in cells.items()
    }
    assert {cell: state.found for cell, state in summary.cells.items()} == exhaustion.found_in(
        selection
    )
    known.close()


def test_each_choosing_setting_has_a_selection_of_its_own(config: Config, store: Store) -> None:
    keep(config, store, chosen([candidate("a")])).close()
    assert Kept.find(config) is not None
    assert Kept.find(config.model_copy(update={"global_cap": 7})) is None
    # It refuses a release and chooses nothing.
    assert Kept.find(config.model_copy(update={"min_tracks": 7})) is not None
    assert kept.expected_seconds(config, 3) == 6.0
    assert kept.expected_seconds(config.model_copy(update={"global_cap": 7}), 3) is None


def test_it_goes_with_the_store(config: Config, store: Store, tmp_path: Path) -> None:
    def beside(folder: Path, cache: Path) -> Config:
        url = f"sqlite:///{folder / 'runclub.sqlite'}"
        return config.model_copy(update={"cache_dir": cache, "database_url": url})

    here, there = config.cache_dir, tmp_path / "moved"
    keep(beside(here, here), store, chosen([candidate("a")])).close()
    shutil.copytree(here, there)
    assert Kept.find(beside(there, there)) is not None
    assert Kept.find(beside(tmp_path, there)) is None


def test_it_knows_that_the_store_moved_on(config: Config, store: Store) -> None:
    known = keep(config, store, chosen([candidate("a")]))
    with store.begin() as connection:
        assert known.is_current(connection)
        meta.touch(connection)
        assert not known.is_current(connection)
    known.close()


def test_few_are_kept_and_none_after_a_forget(tmp_path: Path) -> None:
    first = Config(cache_dir=tmp_path)
    store = Store.open(first)
    for cap in range(1, 7):
        each = first.model_copy(update={"global_cap": cap})
        keep(each, store, chosen([candidate("a")])).close()
    store.close()
    files = list((tmp_path / "selection").iterdir())
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    kept.drop(first)
    assert not (tmp_path / "selection").exists()
    kept.drop(first)


def test_what_cannot_be_read_is_as_good_as_not_there(config: Config, store: Store) -> None:
    keep(config, store, chosen([candidate("a")])).close()
    for path in (config.cache_dir / "selection").glob("*.sqlite"):
        path.write_bytes(b"no database")
    assert Kept.find(config) is None


def test_what_a_killed_run_left_is_cleared(config: Config, store: Store) -> None:
    folder = config.cache_dir / "selection"
    keep(config, store, chosen([candidate("a")])).close()
    (folder / "0123456789abcdef.part").write_text("half of one")
    for path in folder.glob("*.sqlite"):
        path.rename(path.with_suffix(".part"))
    keep(config, store, chosen([candidate("a")])).close()
    assert [path.suffix for path in folder.iterdir()] == [".sqlite"]


def test_beside_another_that_writes_memory_does(config: Config, store: Store) -> None:
    """Its half is not touched, and nobody waits."""
    folder = config.cache_dir / "selection"
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / "0123456789abcdef.part"
    half.write_text("half of one")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        known = keep(config, store, chosen([candidate("b")]))
    finally:
        os.close(descriptor)
    assert known.account("b") is not None
    assert half.read_text() == "half of one"
    known.close()


def test_where_no_file_can_be_made_memory_does(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path)
    store = Store.open(config)
    (tmp_path / "selection").write_text("in the way")
    known = keep(config, store, chosen([candidate("a")]))
    store.close()
    found = known.account("a")
    assert found is not None
    assert found.fate is Fate.EXPORTED
    known.close()
