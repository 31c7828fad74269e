"""What tests of several folders share: starters of processes, a crawler with its own store."""

from __future__ import annotations

import gc
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.settings import Settings

from runclub_spider.config import Config
from runclub_spider.crawl.run import Run
from testkit.forks import Forks, shared_forks
from testkit.killer import Launcher
from testkit.postgres import WANTED, stores_on_postgres
from testkit.sandboxes import Sandboxes
from testkit.statements import share_statements

MakeCrawler = Callable[..., Crawler]
#: What all workers use, and the folder in which they find it.
_HELD, _FOLDER = pytest.StashKey[ExitStack](), pytest.StashKey[Path]()

# How long an example takes is the machine's affair, and no test's.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
share_statements()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: one more than processors, for a sixth of the time is spent waiting."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("forks")
    Forks.shared = Path(given) if given else None
    config.stash[_HELD] = ExitStack()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Launchers and sandboxes of all workers are forked from one of each."""
    stash = node.config.stash
    if _FOLDER not in stash:
        made = shared_forks("testkit.killer", "testkit.sandboxes")
        stash[_FOLDER] = stash[_HELD].enter_context(made)
    node.workerinput["forks"] = str(stash[_FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_HELD].close()


def pytest_collection() -> None:
    """What is collected stays, and none of it need be looked through meanwhile."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Tests and modules stay: looking through them again and again was a tenth of the time."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers take files in an order that keeps them all busy to the end."""
    if hasattr(config, "workerinput"):
        items[:] = _mixed(items)
    if WANTED:
        _on_server(config, items)


def _mixed(items: list[pytest.Item]) -> list[pytest.Item]:
    """The files of commands, which wait now and then, between those that only compute.

    They come a little sooner: a long file at the end would leave the other workers idle.
    """
    files = defaultdict[Path, list[pytest.Item]](list)
    for item in items:
        files[item.path].append(item)
    kinds: tuple[list[Path], list[Path]] = ([], [])
    for path, held in files.items():
        kinds[any(item.get_closest_marker("e2e") for item in held)].append(path)
    place = {}
    for share, paths in zip((1.0, 0.9), kinds, strict=True):
        place |= {path: share * at / len(paths) for at, path in enumerate(paths)}
    return [item for path in sorted(files, key=place.__getitem__) for item in files[path]]


def _on_server(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the pass on PostgreSQL only what uses a store, and not what looks into SQLite's file."""
    chosen, other = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        used = {"store", "connection", "shop", "make_crawler"} & set(item.fixturenames)
        fits = bool(used) and item.get_closest_marker("sqlite") is None
        (chosen if fits else other).append(item)
    items[:] = chosen
    config.hook.pytest_deselected(items=other)


@pytest.fixture(scope="session", autouse=True)
def _where_stores_are() -> Iterator[None]:
    if WANTED:
        with stores_on_postgres():
            yield
    else:
        yield


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Starts commands without the second that importing takes."""
    with Launcher(tmp_path_factory.mktemp("launched")) as found:
        yield found


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[Sandboxes]:
    """Starts sandboxes without the seconds that making their world takes."""
    with Sandboxes() as found:
        yield found


@pytest.fixture
def make_crawler(tmp_path: Path) -> Iterator[MakeCrawler]:
    """`make_crawler(spider_class, **settings)`: never started, nothing of `.env` reaches it."""
    made: list[Crawler] = []

    def make(spider: type[Spider], **changes: object) -> Crawler:
        given = Settings()
        given.setmodule("runclub_spider.settings")
        for name in Config.names():
            given.set(name, None)
        given.update(
            {
                # A run holds its store.
                "CACHE_DIR": str(tmp_path / f"cache{len(made) or ''}"),
                "EXPORT_DIR": str(tmp_path / "export"),
                # A reactor is for a whole process; other tests may not want one.
                "TWISTED_REACTOR_ENABLED": False,
                **changes,
            }
        )
        crawler = Crawler(spider, given)
        crawler._apply_settings()
        Run.of(crawler).open(SimpleNamespace(services=(), asked=lambda _: {}), "a test")
        made.append(crawler)
        return crawler

    yield make
    for crawler in made:
        Run.of(crawler).close()
