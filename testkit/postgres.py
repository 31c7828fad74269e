"""A PostgreSQL server of the tests' own: started on a free port, gone at the end."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from runclub_spider.config import Config
from runclub_spider.store.db import address
from runclub_spider.store.db.engine import Store

#: With this in the environment, stores of tests lie on a server (`make test-full`).
WANTED = os.environ.get("TEST_STORE") == "postgresql"


def _binaries() -> Path | None:
    """Folder of `initdb` and `pg_ctl`: on the PATH, or where Debian puts them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return places[-1].parent if places else None


def _as_server(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root; the package's own user does it then."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@contextmanager
def running_postgres() -> Iterator[str]:
    """URL of an empty database; skips with a reason where there is no server program.

    Under REQUIRE_ALL=1 that is a failure.
    """
    binaries = _binaries()
    if binaries is None:
        reason = "PostgreSQL's server programs are not installed"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="runclub-postgres-"))
    folder.chmod(0o777)
    data, log = folder / "data", folder / "log"
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-s", "-w"]
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"

    def run(command: list[str]) -> None:
        subprocess.run(_as_server(command), check=True, cwd=folder, stdout=subprocess.DEVNULL)

    try:
        # A collation that sorts unlike bytes shows whether our keys sort by code point.
        collation = ["--no-locale", "--locale-provider=icu", "--icu-locale=en-US", "-E", "UTF8"]
        run(
            [
                str(binaries / "initdb"),
                "-D",
                str(data),
                "-U",
                "postgres",
                "-A",
                "trust",
                "-N",
                *collation,
            ]
        )
        run([*control, "-l", str(log), "-o", options, "start"])
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def away(url: str) -> Iterator[None]:
    """The server of a URL that `running_postgres` gave is gone within, and back with all it had."""
    binaries = _binaries()
    assert binaries is not None
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        data = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
    engine.dispose()
    options = shlex.join(shlex.split((data / "postmaster.opts").read_text())[1:])
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-s", "-w"]

    def run(*words: str) -> None:
        command = _as_server([*control, *words])
        subprocess.run(command, check=True, cwd=data.parent, stdout=subprocess.DEVNULL)

    run("-m", "immediate", "stop")
    try:
        yield
    finally:
        run("-l", str(data.parent / "log"), "-o", options, "start")


@contextmanager
def stores_on_postgres() -> Iterator[None]:
    """Every store that has no URL of its own becomes a database of one server, in this process.

    One for each cache folder, with the tables made.
    """
    usual = address.database_url
    with running_postgres() as url:
        server = usual(Config(database_url=url))
        admin = sa.create_engine(server, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        made: dict[Path, URL] = {}

        def create(name: str, like: str = "template1") -> URL:
            with admin.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {like}")
            return server.set(database=name)

        def database_url(config: Config) -> URL:
            if config.database_url:
                return usual(config)
            if config.cache_dir not in made:
                made[config.cache_dir] = create(f"store_{len(made)}", "made")
            return made[config.cache_dir]

        template = create("made").render_as_string(hide_password=False)
        Store.open(Config(database_url=template)).close()
        users = [
            module
            for name, module in sys.modules.items()
            if name.startswith(("runclub_spider.", "tests."))
            and getattr(module, "database_url", None) is usual
        ]
        for module in users:
            module.database_url = database_url
        try:
            yield
        finally:
            for module in users:
                module.database_url = usual
