"""A fleet's workers in processes of their own, with a small command in the place of `scrapy`.

`python -m tests.fleet.standing_in work FOLDER [SECONDS]` is a worker; SECONDS without a sign of
life make others take it for dead. `… do FOLDER WORDS` is the command: it writes what it is and does
into `FOLDER/log`, a JSON object a line, and ends as `FOLDER/job-N`, if there is one, says.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from runclub_spider.config import Config, utc_now
from runclub_spider.fleet import app, lifeline, tasks, worker
from runclub_spider.fleet.accounts import accounts
from runclub_spider.fleet.app import open_store
from runclub_spider.store.db.engine import Store
from runclub_spider.store.fleet import plans
from runclub_spider.store.fleet.plans import Job
from testkit.killer import ROOT

T = TypeVar("T")
_TIMEOUT = 90.0


@dataclass(slots=True)
class Fleet:
    """A folder, a store on a server, accounts, and workers."""

    folder: Path
    url: str
    names: Sequence[str]
    store: Store = field(init=False)
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        keys = [
            {"name": name, "client_id": f"id-{name}", "client_secret": "-"} for name in self.names
        ]
        path = self.folder / "accounts.yaml"
        path.write_text(json.dumps(keys))
        path.chmod(0o600)
        self.store = open_store(Config(database_url=self.url))

    def close(self) -> None:
        for one in self.workers:
            one.kill()
            one.wait()
        self.store.close()

    def order(self, spider: str = "spotify_search", **given: Any) -> int:
        """A plan; returns its number."""
        names = () if given.get("windows") else self.names
        return self.at(lambda c: plans.create(c, spider, {}, None, names, utc_now(), **given))

    def say(self, job_id: int, *ends: Mapping[str, Any]) -> None:
        """How the command of a job is to end: the first attempt, the second, …, the last."""
        (self.folder / f"job-{job_id}").write_text(json.dumps(ends))

    def start(self, *, seconds: float | None = None, until_idle: bool = True) -> Any:
        """A worker."""
        env = {
            **os.environ,
            "FLEET_URL": self.url,
            "UNTIL_IDLE": str(int(until_idle)),
            **({} if seconds is None else {"DEAD_AFTER": str(seconds)}),
        }
        found = subprocess.Popen(
            [sys.executable, "-m", "tests.fleet.standing_in", "work", str(self.folder)],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.workers.append(found)
        return found

    def at(self, work: Callable[[sa.Connection], T]) -> T:
        """A transaction."""
        with self.store.begin() as connection:
            return work(connection)

    def job(self, job_id: int) -> Job:
        found = self.at(lambda c: plans.job(c, job_id))
        assert found is not None
        return found

    def states(self, plan_id: int) -> list[str]:
        return [str(one.state) for one in self.at(lambda c: plans.jobs(c, plan_id))]

    @property
    def log(self) -> list[dict[str, Any]]:
        """What the commands did, in order."""
        path = self.folder / "log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def begun(self, job_id: int, attempt: int = 1) -> dict[str, Any]:
        """What the command of an attempt wrote at its beginning, once it has."""
        wanted = f"{job_id}:{attempt}"
        found = self.once(
            lambda: [one for one in self.log if one["job"] == wanted and one["did"] == "begin"]
        )
        return found[0]

    def once(self, condition: Callable[[], T]) -> T:
        """What a condition gives once it gives something."""
        until = time.monotonic() + _TIMEOUT
        while not (found := condition()):
            assert time.monotonic() < until, self.told()
            time.sleep(0.05)
        return found

    def told(self) -> str:
        """What the workers have said, of those that have ended."""
        said = [one.stdout.read() for one in self.workers if one.poll() is not None and one.stdout]
        return "\n".join(said)


@contextmanager
def fleet(
    folder: Path, url: str, names: Sequence[str] = ("one", "two", "three")
) -> Iterator[Fleet]:
    """A fleet; its workers are gone at the end."""
    found = Fleet(folder, url, names)
    try:
        yield found
    finally:
        found.close()


def _work(folder: Path) -> int:
    if seconds := os.environ.get("DEAD_AFTER"):
        for module in (app, tasks, worker):
            if hasattr(module, "DEAD_AFTER"):
                module.DEAD_AFTER = float(seconds)  # type: ignore[attr-defined]
        worker.HEARTBEAT = float(seconds) / 6  # type: ignore[misc]
    config = Config(
        database_url=os.environ["FLEET_URL"], spotify_accounts_file=folder / "accounts.yaml"
    )
    open_store(config).close()
    program = (sys.executable, "-m", "tests.fleet.standing_in", "do", str(folder))
    found = worker.FleetWorker(config, accounts(config), program=program)
    return asyncio.run(found.run(until_idle=os.environ["UNTIL_IDLE"] == "1"))


def _do(folder: Path, words: Sequence[str]) -> int:
    lifeline.hold()
    told = list[int]()
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    job = os.environ["FLEET_JOB"]

    def log(did: str) -> None:
        facts = {
            "did": did,
            "job": job,
            "pid": os.getpid(),
            "at": time.monotonic(),
            "words": list(words),
            "account": os.environ.get("SPOTIFY_ACCOUNT"),
            "client": os.environ.get("SPOTIFY_CLIENT_ID"),
        }
        with (folder / "log").open("a") as file:
            file.write(json.dumps(facts) + "\n")

    log("begin")
    number, _, attempt = job.partition(":")
    path = folder / f"job-{number}"
    ends = json.loads(path.read_text()) if path.exists() else [{}]
    end = ends[min(int(attempt), len(ends)) - 1]
    until = time.monotonic() + end.get("seconds", 0)
    while time.monotonic() < until and not told:
        time.sleep(0.01)
    log("told" if told else "end")
    if told:
        print("scrapy crawl: nothing is lost; the same command resumes", file=sys.stderr)
        return 75
    if say := end.get("say"):
        print(say, file=sys.stderr)
    return int(end.get("code", 0))


if __name__ == "__main__":
    what, where, *rest = sys.argv[1:]
    sys.exit(_work(Path(where)) if what == "work" else _do(Path(where), rest))
