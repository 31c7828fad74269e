"""Several accounts and workers on one store: the same release as one run makes, whatever dies."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox, running_sandbox
from testkit.places import blanked, calls, repeated
from testkit.postgres import away, running_postgres

from .running import ROOT, Done, scrapy

pytestmark = [pytest.mark.e2e, pytest.mark.full]

ACCOUNTS = 3
BOUNDED = ("-a", "max_seeds=8", "-a", "max_results=200")
BUDGETED = ("-a", "budget=150")
#: Far above what a plan here takes; it only keeps one that hangs from hanging the suite.
PATIENCE = 300


class Fleet:
    """A server, a twin that knows three clients, and workers; beside them the store of one run."""

    def __init__(self, folder: Path, url: str, sandbox: Sandbox) -> None:
        self.folder, self.sandbox, self._url = folder, sandbox, url
        self.workers: list[subprocess.Popen[bytes]] = []
        file = folder / "accounts.yaml"
        keys = SandboxOptions(clients=ACCOUNTS).keys
        accounts = [
            {
                "name": f"owner-{number}",
                "client_id": key.client_id,
                "client_secret": key.client_secret,
            }
            for number, key in enumerate(keys)
        ]
        file.write_text(yaml.safe_dump(accounts))
        file.chmod(0o600)
        self.env = {**self._place("many", url), "SPOTIFY_ACCOUNTS_FILE": str(file)}

    def _place(self, name: str, url: str) -> dict[str, str]:
        return {
            **os.environ,
            **self.sandbox.env,
            "RUNCLUB_NO_ENV_FILE": "1",
            "DATABASE_URL": url,
            "CACHE_DIR": str(self.folder / name / "cache"),
            "EXPORT_DIR": str(self.folder / name / "export"),
        }

    def run(self, *argv: str) -> Done:
        return scrapy(*argv, env=self.env, timeout=PATIENCE)

    def alone(self, *arguments: str) -> dict[str, bytes]:
        """What one run makes of the same order."""
        place = self._place("one", f"sqlite:///{self.folder}/one.sqlite")
        done = scrapy("crawl", "spotify_search", *arguments, env=place, timeout=PATIENCE)
        assert done.code == 0, done.text
        return blanked(self.folder / "one/export/latest")

    def order(self, *arguments: str) -> None:
        done = self.run("fleet", "start", "spotify_search", *arguments)
        assert done.code == 0, done.text

    def work(self) -> None:
        """One worker more."""
        log = (self.folder / f"worker-{len(self.workers)}.log").open("wb")
        command = [sys.executable, "-m", "scrapy", "fleet", "worker", "--until-idle"]
        with log:
            self.workers.append(
                subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log)
            )

    @property
    def alive(self) -> list[subprocess.Popen[bytes]]:
        return [one for one in self.workers if one.poll() is None]

    def settled(self) -> None:
        """Wait until the workers found no job left."""
        end = time.monotonic() + PATIENCE
        while self.alive and time.monotonic() < end:
            time.sleep(0.2)
        assert not self.alive, self.told()
        status = json.loads(self.run("fleet", "status", "--format", "json").out)
        states = {one["state"] for one in status["jobs"]}
        assert states == {"done"}, (status["jobs"], self.told())

    def told(self) -> str:
        return "\n".join(log.read_text() for log in sorted(self.folder.glob("worker-*.log")))

    @property
    def release(self) -> dict[str, bytes]:
        return blanked(self.folder / "many/export/latest")

    def close(self) -> None:
        for one in self.alive:
            one.kill()
            one.wait()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    options = SandboxOptions(port=0, latency_ms=30, clients=ACCOUNTS)
    with ExitStack() as held:
        url = held.enter_context(running_postgres())
        found = Fleet(tmp_path, url, held.enter_context(running_sandbox(options)))
        held.callback(found.close)
        yield found


@pytest.mark.parametrize("arguments", [BOUNDED, BUDGETED], ids=["bounded", "budgeted"])
@pytest.mark.parametrize("regime", ["extended", "development"])
def test_many_make_the_release_of_one(
    fleet: Fleet, arguments: tuple[str, ...], regime: str
) -> None:
    fleet.sandbox.configure(regime=regime)
    wanted = fleet.alone(*arguments)
    one = calls(fleet.sandbox.stats())
    fleet.sandbox.reset_stats()
    fleet.order(*arguments)
    for _ in range(ACCOUNTS + 1):
        fleet.work()
    fleet.settled()
    assert fleet.release == wanted
    stats = fleet.sandbox.stats()
    assert repeated(stats) == 0
    assert calls(stats) == one


def test_whatever_is_killed_nothing_is_lost_and_nothing_doubled(fleet: Fleet) -> None:
    wanted = fleet.alone(*BOUNDED)
    one = sum(calls(fleet.sandbox.stats()).values())
    fleet.sandbox.configure(latency_ms=250)
    fleet.sandbox.reset_stats()
    fleet.order(*BOUNDED)
    for _ in range(ACCOUNTS + 1):
        fleet.work()
    draw, kills = random.Random(3), 0
    end = time.monotonic() + PATIENCE
    while fleet.alive and kills < 6 and time.monotonic() < end:
        time.sleep(draw.uniform(1, 4))
        if sum(calls(fleet.sandbox.stats()).values()) == 0 or not fleet.alive:
            continue
        victim = draw.choice(fleet.alive)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        kills += 1
        fleet.work()
    fleet.settled()
    assert kills >= 3
    assert fleet.release == wanted
    # What a child had in flight or in hand when it died is asked again: pages and one batch each.
    assert sum(calls(fleet.sandbox.stats()).values()) <= one + kills * 14


def test_a_server_that_goes_away_and_comes_back(fleet: Fleet) -> None:
    wanted = fleet.alone(*BOUNDED)
    fleet.sandbox.configure(latency_ms=250)
    fleet.order(*BOUNDED)
    for _ in range(ACCOUNTS):
        fleet.work()
    fleet.sandbox.reset_stats()
    while sum(calls(fleet.sandbox.stats()).values()) < 5:
        time.sleep(0.1)
    with away(fleet.env["DATABASE_URL"]):
        time.sleep(5)
    fleet.settled()
    assert fleet.release == wanted
