"""Publishing by workers elsewhere: the same bytes, whoever dies, and one line for what is amiss."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError, RunclubError
from runclub_spider.publish import cluster
from runclub_spider.publish.choose import part
from runclub_spider.publish.choose.part import read_part
from runclub_spider.publish.cluster import (
    Cluster,
    ClusterWorkers,
    Meeting,
    UnfitWorkerError,
    code,
    look,
)
from runclub_spider.publish.parts import snapshot_of
from runclub_spider.publish.verify import verify_release
from runclub_spider.publish.write import release
from runclub_spider.publish.write.part import write_part
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import database_url, without_secrets
from runclub_spider.store.db.copying import copy, target_of
from runclub_spider.store.db.engine import Store
from testkit.making import a_track
from testkit.postgres import running_postgres

from .write.test_release import Shop, contents

TRACKS = 128
# Tracks of a part, for 1, 7 and 64 parts.
SIZES = (TRACKS, 19, 2)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("engine", "scheduler", "words"),
    [
        ("spark", None, "--engine 'spark': there is no such engine; there are local, dask"),
        ("local", "tcp://127.0.0.1:8786", "leave out --engine local"),
        (None, "127.0.0.1:8786", "no address of a Dask scheduler, such as tcp://"),
        ("dask", "tcp://user:word@host:8786", "no address of a Dask scheduler, such as tcp://"),
    ],
)
def test_options_that_cannot_be(engine: str | None, scheduler: str | None, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Cluster.chosen(engine, scheduler)


def test_a_scheduler_means_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: name == "distributed")
    assert Cluster.chosen(None, None) is None
    assert Cluster.chosen("local", None) is None
    assert Cluster.chosen("dask", None) == Cluster()
    for engine in (None, "dask"):
        assert Cluster.chosen(engine, "tls://host:8786") == Cluster("tls://host:8786")
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    assert Cluster.chosen(None, None) is None
    for scheduler in (None, "tcp://host:8786"):
        with pytest.raises(ConfigurationError, match=r"make bootstrap EXTRAS=scale$"):
            Cluster.chosen("dask", scheduler)


def met(connection: sa.Connection, folder: Path, snapshot: str | None) -> Meeting:
    """What a worker of this process has in common with it."""
    folder.mkdir()
    (folder / "token").write_text("word")
    return Meeting(
        without_secrets(connection.engine.url),
        snapshot,
        cluster._state_of(connection),
        folder,
        "word",
        code(),
    )


class ByThreads(Cluster):
    """Workers that are threads of this process, without Dask."""

    @contextmanager
    def workers(
        self, connection: sa.Connection, snapshot: str | None, folder: Path
    ) -> Iterator[ClusterWorkers]:
        with ThreadPoolExecutor(2) as threads:
            yield ClusterWorkers(connection, threads, met(connection, folder, snapshot), None)


@pytest.fixture
def published(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`published(folder, cluster)`: the files of a release, which has several parts to write."""
    shop.put(
        *(
            a_track(n, name=f"Song {n % 99}", isrc=f"USUM7{n % 90:07d}", popularity=n % 100)
            for n in range(1, TRACKS + 1)
        )
    )
    # It is opened by others in this process: none of its connections may be there still.
    shop.store.close()
    monkeypatch.setattr(release, "TRACKS_OF_PART", 20)

    def publish(folder: str, where: Cluster | None, **settings: Any) -> dict[str, bytes]:
        config = shop.config.model_copy(
            update={"export_dir": shop.root / folder, "year_coverage_min": 0.0, **settings}
        )
        assert release.publish(config, cluster=where).startswith("Released ")
        assert verify_release(config.export_dir / "latest") == []
        # Of what was handed out nothing stays.
        assert len(list(config.export_dir.iterdir())) == 2
        return contents(config.export_dir / "latest")

    return publish


def test_results_by_file_make_the_same_release(
    published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = published("here", None)
    assert whole["catalog_wide.jsonl"].count(b"\n") > 60
    for size in SIZES:
        monkeypatch.setattr(part, "_TRACKS", size)
        assert published(f"parts-{size}", ByThreads()) == whole


@contextmanager
def dask(workers: int) -> Iterator[Cluster]:
    """A cluster that outlives what is published on it."""
    import distributed

    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=60,
    ) as found:
        yield Cluster(found.scheduler_address)


def killed_once(
    connection: sa.Connection, task: Any, *, work: Any, mark: str, **shared: Any
) -> Any:
    """Do some work, but first kill this process if none was yet."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return work(connection, task, **shared)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@pytest.mark.full
@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_parts_and_workers_makes_the_same_release(
    published: Any, workers: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where one is killed while it reads, and one while it writes."""
    whole = published("here", None)
    with dask(workers) as where:
        for size in SIZES:
            monkeypatch.setattr(part, "_TRACKS", size)
            assert published(f"parts-{size}", where) == whole
        marks = [tmp_path / "reading", tmp_path / "writing"]
        for mark, name, work in zip(
            marks, ("read_part", "write_part"), (read_part, write_part), strict=True
        ):
            monkeypatch.setattr(release, name, partial(killed_once, work=work, mark=str(mark)))
        assert published("killed", where) == whole
        assert all(mark.exists() for mark in marks)


@pytest.mark.full
def test_a_cluster_of_its_own_and_a_store_on_a_server(published: Any, shop: Shop) -> None:
    whole = published("here", None)
    assert published("own", Cluster()) == whole
    with running_postgres() as url:
        copy(shop.config, target_of(shop.config, url), "a test")
        on_server = published("server-here", None, database_url=url)
        assert published("server", Cluster(), database_url=url) == on_server
    assert {n for n in whole if whole[n] != on_server[n]} <= {"manifest.json", "SHA256SUMS"}


@pytest.mark.full
def test_a_scheduler_that_is_none(published: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    monkeypatch.setattr(cluster, "_SCHEDULER_SECONDS", 1)
    monkeypatch.setattr(cluster, "_WORKER_SECONDS", 1)
    with pytest.raises(ConfigurationError, match="no Dask scheduler answers at"):
        published("none", Cluster("tcp://127.0.0.1:1"))
    with (
        distributed.LocalCluster(
            n_workers=0, host="127.0.0.1", processes=True, dashboard_address="127.0.0.1:0"
        ) as empty,
        pytest.raises(ConfigurationError, match="the Dask scheduler has no worker: start some"),
    ):
        published("nobody", Cluster(empty.scheduler_address))


def held_up(_: sa.Connection, task: int) -> int:
    """The first is done at once, the others not before they are given up."""
    time.sleep(60 * (task > 0))
    return task


@pytest.mark.full
@pytest.mark.parametrize(
    ("gone", "words"),
    [("scheduler", "the Dask scheduler is gone"), ("workers", "has no worker any more")],
)
def test_a_cluster_that_goes_away_is_told(
    shop: Shop, tmp_path: Path, gone: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import distributed

    monkeypatch.setattr(cluster, "_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(cluster, "_WORKER_SECONDS", 1)
    with (
        distributed.LocalCluster(
            n_workers=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=60
        ) as found,
        shop.store.reading() as connection,
    ):
        where = Cluster(found.scheduler_address)
        with where.workers(connection, snapshot_of(connection), tmp_path / "handed") as hands:
            results = hands.run(held_up, [0, 1, 2])
            assert next(results) == 0
            if gone == "workers":
                found.scale(0)
            else:
                found.close()
            with pytest.raises(RunclubError, match=f"{words}.*; nothing was released") as caught:
                next(results)
    assert caught.value.exit_code == 1


def refused(meeting: Meeting) -> str:
    with pytest.raises(UnfitWorkerError) as caught:
        look(meeting)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_worker_that_has_something_else_is_refused(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path / "cache")
    other = Config(cache_dir=tmp_path / "other")
    for one in (config, other):
        with closing(Store.open(one)) as store, store.begin() as connection:
            meta.put(connection, "source|spotify", one.cache_dir.name)
    with closing(Store.open(config)) as store, store.reading() as connection:
        right = met(connection, tmp_path / "folder", snapshot_of(connection))
        look(right)
        assert "another version" in refused(replace(right, code="another"))
        assert "EXPORT_DIR must be a folder that all" in refused(replace(right, token="x"))
        assert "EXPORT_DIR must be" in refused(replace(right, folder=tmp_path / "not" / "there"))
        elsewhere = replace(right, store=database_url(other), snapshot=None)
        assert "sees another store" in refused(elsewhere)


@pytest.mark.sqlite
def test_a_file_that_a_worker_cannot_open_is_named(tmp_path: Path) -> None:
    config = Config(database_url=f"sqlite:///{tmp_path}/one.sqlite")
    with closing(Store.open(config)) as store, store.reading() as connection:
        right = met(connection, tmp_path / "folder", snapshot_of(connection))
    gone = database_url(Config(database_url=f"sqlite:///{tmp_path}/gone.sqlite"))
    said = refused(replace(right, store=gone))
    assert f"cannot open the store {tmp_path}/gone.sqlite" in said
    assert "scrapy store copy URL" in said
    assert not (tmp_path / "gone.sqlite").exists()


def test_no_password_is_sent_to_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have it of their own settings, for the same database alone."""
    told = "postgresql://me:hidden-word@host/songs?sslmode=require&sslpassword=other-word"
    url = database_url(Config(database_url=told))
    sent = without_secrets(url)
    assert "word" not in repr(tuple(sent))
    assert sent.query == {"sslmode": "require"}
    monkeypatch.setenv("DATABASE_URL", told)
    assert cluster._own(sent) == url
    monkeypatch.setenv("DATABASE_URL", told.replace("songs", "others"))
    assert cluster._own(sent) == sent
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("RUNCLUB_NO_ENV_FILE", "1")
    assert cluster._own(sent) == sent


def test_a_server_that_a_worker_cannot_reach_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "token").write_text("word")
    url = database_url(Config(database_url="postgresql://me@127.0.0.1:1/songs"))
    said = refused(Meeting(url, None, "", folder, "word", code()))
    assert "cannot open the store postgresql+psycopg://me@127.0.0.1:1/songs" in said
    assert "DATABASE_URL" in said


def test_a_task_fails_with_its_own_error(shop: Shop, tmp_path: Path) -> None:
    """What is wrong with a row or with the program is told as it is without a cluster."""
    with shop.store.reading() as connection, ThreadPoolExecutor(1) as threads:
        meeting = met(connection, tmp_path / "folder", snapshot_of(connection))
        hands = ClusterWorkers(connection, threads, meeting, None)
        with pytest.raises(ZeroDivisionError):
            list(hands.run(divided, [1, 0]))


def divided(_: sa.Connection, task: int) -> float:
    return 1 / task
