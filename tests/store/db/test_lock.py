"""One writer a store: who is let in, who is named, and what becomes of a hold that was lost."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from runclub_spider.config import Config
from runclub_spider.errors import RunPaused, StoreTaken
from runclub_spider.store.db import meta
from runclub_spider.store.db.address import database_url
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.lock import exclusive
from testkit.postgres import running_postgres

ROOT = Path(__file__).parents[3]
NOBODY = 65_534


def test_one_writer_a_store(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path)
    with exclusive(config, "scrapy crawl enrich"):
        second = exclusive(config, "scrapy publish")
        with pytest.raises(RunPaused, match="scrapy crawl enrich, pid") as caught:
            second.__enter__()
        assert "\n" not in str(caught.value)
        with exclusive(Config(cache_dir=tmp_path / "other"), "x"):
            pass
    with exclusive(config, "scrapy publish"):
        pass


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from runclub_spider.config import Config\n"
        "from runclub_spider.store.db.lock import exclusive\n"
        "with exclusive(Config(cache_dir=Path(sys.argv[1])), 'holder'):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunPaused, match=f"holder, pid {holder.pid}"):
            exclusive(Config(cache_dir=tmp_path), "second").__enter__()
    finally:
        holder.kill()
        holder.communicate()
    with exclusive(Config(cache_dir=tmp_path), "second"):
        pass


def lock_file(config: Config) -> Path:
    return config.cache_dir / "runclub.sqlite.lock"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_lock_file_is_its_owners_alone(tmp_path: Path, umask: int) -> None:
    config, before = Config(cache_dir=tmp_path), os.umask(umask)
    try:
        with exclusive(config, "scrapy publish"):
            assert mode(lock_file(config)) == 0o600
    finally:
        os.umask(before)
    assert lock_file(config).read_text() == ""


def test_an_older_lock_file_is_mended(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path)
    lock_file(config).write_text("scrapy publish, pid 1, since 2026-01-01 00:00 UTC")
    lock_file(config).chmod(0o644)
    with exclusive(config, "scrapy publish"):
        assert mode(lock_file(config)) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become somebody else")
def test_another_user_cannot_hold_it(tmp_path: Path) -> None:
    config = Config(cache_dir=tmp_path)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    with exclusive(config, "x"):
        pass
    code = f"import os; os.seteuid({NOBODY}); open({str(lock_file(config))!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "PermissionError" in done.stderr


def dead_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


@pytest.mark.parametrize("text", ["crawl, pid {dead}, since 2026-01-01 00:00 UTC", "", "odd text"])
def test_who_is_gone_is_not_named(tmp_path: Path, text: str) -> None:
    """Another program has the file open and locked; what is written in it is an old run's."""
    config = Config(cache_dir=tmp_path)
    pid = dead_pid()
    lock_file(config).write_text(text.format(dead=pid))
    with lock_file(config).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RunPaused, match=r"runclub\.sqlite\.lock open") as caught:
            exclusive(config, "scrapy publish").__enter__()
    assert str(pid) not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def server() -> Iterator[Config]:
    """A store on PostgreSQL."""
    with running_postgres() as url:
        yield Config(database_url=url)


def cut_off(config: Config, name: str) -> None:
    """End the connection of a holder, as an administrator, a time-out or a firewall does."""
    engine = sa.create_engine(database_url(config))
    query = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    with engine.connect() as connection:
        where = sa.text(f"{query} WHERE application_name LIKE :name")
        assert connection.scalar(where, {"name": f"runclub {name}%"}) == 1
    engine.dispose()


@pytest.mark.full
def test_on_a_server_who_lost_the_lock_writes_no_more(server: Config) -> None:
    """First and second are two runs in one process: their holds do not know of each other."""
    first_hold = exclusive(server, "first")
    first_hold.__enter__()
    first = Store.open(server)
    with first.begin() as connection:
        meta.put(connection, "by", "first")
    with pytest.raises(RunPaused, match=r"first, pid \d+, since"):
        exclusive(server, "second").__enter__()
    cut_off(server, "first")
    with first.begin() as connection:
        # As long as nobody else came, nobody is in the way.
        meta.put(connection, "alone", "yes")
    code = (
        "import sys\n"
        "from runclub_spider.config import Config\n"
        "from runclub_spider.store.db import meta\n"
        "from runclub_spider.store.db.engine import Store\n"
        "from runclub_spider.store.db.lock import exclusive\n"
        "config = Config(database_url=sys.argv[1])\n"
        "with exclusive(config, 'second'):\n"
        "    store = Store.open(config)\n"
        "    with store.begin() as connection:\n"
        "        meta.put(connection, 'by', 'second')\n"
        "    store.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(server.database_url)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # Nor does a part of the run that opens the store anew take it back.
    for store in (first, first, Store.open(server)):
        with (
            pytest.raises(StoreTaken, match="hold of the store was lost") as caught,
            store.begin() as connection,
        ):
            meta.put(connection, "by", "first")
        assert caught.value.exit_code == 75
    with first.reading() as connection:
        assert meta.get(connection, "by") == "second"
        assert meta.get(connection, "alone") == "yes"
    first.close()
    first_hold.__exit__(None, None, None)


@pytest.mark.full
def test_on_a_server_a_transaction_under_way_is_waited_for(server: Config) -> None:
    """Who comes next writes its token only when the last one's transaction has ended."""
    with exclusive(server, "first"):
        store = Store.open(server)
        with store.begin() as connection:
            meta.put(connection, "a", "1")
            engine = sa.create_engine(database_url(server))
            with engine.connect() as other:
                other.exec_driver_sql("SET lock_timeout = '100ms'")
                with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                    meta.put(other, meta.WRITER, "another")
            engine.dispose()
        store.close()


@pytest.mark.full
def test_a_hold_that_was_lost_before_the_store_was_opened(server: Config) -> None:
    with exclusive(server, "first"):
        cut_off(server, "first")
        with pytest.raises(StoreTaken):
            Store.open(server)
    # And the server's holder is let go without noise.
    with exclusive(server, "second"):
        Store.open(server).close()
