"""A PostgreSQL server of the tests' own: started on a free port, gone at the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


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
