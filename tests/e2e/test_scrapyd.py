"""The project as an egg under scrapyd: added, scheduled, run to its end."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from runclub_sandbox.testing import Sandbox
from testkit.packages import build
from testkit.places import Place, problems

from .running import Run

pytestmark = pytest.mark.e2e
POLL_SECONDS, MOST_SECONDS = 0.2, 60
CONF = """\
[scrapyd]
bind_address = 127.0.0.1
http_port = {port}
poll_interval = 0.2
items_dir = {root}/items
jobs_dir = {root}/jobs
logs_dir = {root}/logs
"""


def until(found: Callable[[], Any]) -> Any:
    """What a question is answered with, once it is."""
    end = time.monotonic() + MOST_SECONDS
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(POLL_SECONDS)
    raise AssertionError("nothing happened in time")


class Scrapyd:
    """A server and its folder."""

    def __init__(self, root: Path, port: int) -> None:
        self.root, self.port = root, port

    def ask(self, name: str, **params: str) -> dict[str, Any]:
        return self._answered(requests.get(self._url(name), params=params, timeout=30))

    def do(self, name: str, files: dict[str, bytes] | None = None, **data: str) -> dict[str, Any]:
        url = self._url(name)
        return self._answered(requests.post(url, data=data, files=files, timeout=60))

    def is_up(self) -> bool:
        try:
            return bool(self.ask("daemonstatus"))
        except requests.ConnectionError:
            return False

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}.json"

    @staticmethod
    def _answered(answer: requests.Response) -> dict[str, Any]:
        found: dict[str, Any] = answer.json()
        assert found["status"] == "ok", found
        return found


@pytest.fixture
def scrapyd(place: Place, sandbox: Sandbox, tmp_path: Path) -> Iterator[Scrapyd]:
    """One that is up, in a folder of its own, far from the checkout."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = tmp_path / "scrapyd"
    root.mkdir()
    (root / "scrapyd.conf").write_text(CONF.format(root=root, port=port), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "scrapyd"],
        cwd=root,
        env=place.env(sandbox),
        stdout=(root / "out").open("wb"),
        stderr=subprocess.STDOUT,
    )
    server = Scrapyd(root, port)
    try:
        until(server.is_up)
        yield server
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.full
def test_an_egg_runs_under_scrapyd(scrapyd: Scrapyd, place: Place, tmp_path: Path) -> None:
    (egg,) = build(tmp_path).glob("*.egg")
    added = scrapyd.do("addversion", project="songs", version="1", files={"egg": egg.read_bytes()})
    assert added["spiders"] == 4
    scheduled = scrapyd.do(
        "schedule", project="songs", spider="spotify_search", max_seeds="1", max_results="40"
    )
    job = scheduled["jobid"]

    def finished() -> list[dict[str, Any]]:
        return list(scrapyd.ask("listjobs", project="songs")["finished"])

    (done,) = until(finished)
    assert done["id"] == job
    log = (scrapyd.root / "logs" / "songs" / "spotify_search" / f"{job}.log").read_text()
    assert "Traceback" not in log, log
    assert "spotify_search: finished" in log
    # The same work as anywhere else: a run, pages, a release, and the rows of its answers.
    assert place.column("SELECT result FROM run") == ["finished"]
    assert problems(place) == []
    items = scrapyd.root / "items" / "songs" / "spotify_search" / f"{job}.jl"
    found = [json.loads(line)["id"] for line in items.read_text(encoding="utf-8").splitlines()]
    assert sorted(found) == sorted(place.column("SELECT track_id FROM track"))


def test_what_keeps_a_spider_from_starting_is_in_its_log(
    place: Place, sandbox: Sandbox, run: Run, tmp_path: Path
) -> None:
    log = tmp_path / "job.log"
    argv = ("crawl", "spotify_search", "-a", "_job=1", "-s", f"LOG_FILE={log}")
    run(place, *argv, "-a", "max_seeds=none", code=2)
    assert "max_seeds" in log.read_text(encoding="utf-8")
