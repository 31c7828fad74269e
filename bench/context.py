"""What the benchmarks of one run share: a scratch folder, one sandbox, crawled stores, time."""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.process import Measured, machine_busy, measure, process_busy
from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox, running_sandbox
from runclub_spider.config import Config, project_dir

STORE = "runclub.sqlite"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; None for `data` means the built-in world."""

    data: Path | None
    quick: bool
    limit: float

    @property
    def seeds(self) -> int:
        """Seeds of every crawl."""
        return 20 if self.quick else 300

    @property
    def sample(self) -> int:
        """Calls of a sequential client, extrapolated from there."""
        return 30 if self.quick else 100

    @property
    def repeats(self) -> int:
        """How often a cheap command is run; its median counts."""
        return 1 if self.quick else 3

    @property
    def pairs(self) -> int:
        """How often ours and a yardstick are run in turns; medians count."""
        return 1 if self.quick else 5


@dataclass(frozen=True, slots=True)
class Place:
    """A store and an export folder of their own."""

    cache: Path
    export: Path

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.cache / STORE

    @property
    def latest(self) -> Path:
        """The newest release."""
        return self.export / "latest"

    def query(self, sql: str) -> list[Any]:
        """Rows of the store, read by plain sqlite3."""
        with closing(sqlite3.connect(self.store)) as connection:
            return connection.execute(sql).fetchall()

    def count(self, sql: str) -> int:
        """The one number a query gives."""
        return int(self.query(sql)[0][0] or 0)


@dataclass(frozen=True, slots=True)
class Crawl:
    """One finished `scrapy crawl`; `stats` is the sandbox's account since its reset."""

    run: Measured
    stats: dict[str, Any]

    @property
    def requests(self) -> int:
        """Calls to the APIs, those for tokens left out."""
        return requests_of(self.stats)

    @property
    def asking(self) -> float:
        """Seconds from the first to the last request."""
        return asking_of(self.stats)


@dataclass(frozen=True, slots=True)
class Crawled:
    """A store that both spiders filled one after the other.

    Attributes:
        place: the store and the releases after both.
        searched: a copy of the store as it was after `spotify_search`; no releases.
        search: the run of `spotify_search`.
        both: the run of `spotify_playlist`; its account counts both.
    """

    place: Place
    searched: Place
    search: Crawl
    both: Crawl


@dataclass
class Context:
    """One run of the benchmarks."""

    options: Options
    scratch: Path
    stack: ExitStack
    say: Callable[[str], None]
    started: float = field(default_factory=time.monotonic)
    _crawled: dict[str, Crawled] = field(default_factory=dict)
    _sandbox: Sandbox | None = None
    _places: int = 0
    _measured: float = 0.0
    _foreign: float = 0.0

    # Time

    @property
    def left(self) -> float:
        """Seconds left of those granted."""
        return self.options.limit - (time.monotonic() - self.started)

    # Commands

    def measure(
        self,
        *command: str,
        place: Place | None = None,
        repeats: int = 1,
        before: Callable[[], None] = lambda: None,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        code: int = 0,
    ) -> Measured:
        """Run `python *command` in the project; of several runs the one with the median wall.

        `folder` is another place to run it in, `code` what it is to end with.
        """
        self.say(" ".join(Path(part).name if "/" in part else part for part in command[1:5]))
        runs = []
        for _ in range(repeats):
            before()
            machine, own = machine_busy(), self._own()
            run = measure(
                [sys.executable, *command],
                env=self.environment(place, env or {}),
                folder=folder or project_dir(),
                timeout=self.left,
                code=code,
            )
            foreign = machine_busy() - machine - (self._own() - own) - run.cpu
            runs.append(replace(run, others=max(0.0, foreign / run.seconds)))
            self._measured += run.seconds
            self._foreign += max(0.0, foreign)
        middle = statistics.median_low(run.seconds for run in runs)
        return next(run for run in runs if run.seconds == middle)

    def _own(self) -> float:
        """Processor seconds of this process and its sandbox."""
        sandbox = process_busy(self._sandbox.process.pid) if self._sandbox else 0.0
        return time.process_time() + sandbox

    def others(self) -> float:
        """Cores that other work kept busy during what was measured since the last call."""
        found = self._foreign / self._measured if self._measured else 0.0
        self._foreign = self._measured = 0.0
        return found

    def scrapy(
        self,
        *command: str,
        place: Place,
        repeats: int = 1,
        env: Mapping[str, str] | None = None,
    ) -> Measured:
        """Run a command of this project as a user does."""
        return self.measure("-m", "scrapy", *command, place=place, repeats=repeats, env=env)

    def environment(self, place: Place | None, more: Mapping[str, str]) -> dict[str, str]:
        """The caller's environment with every setting of this project at its default.

        An empty value also wins over `.env`, so a user's settings cannot reach in.
        """
        found: dict[str, str] = {**os.environ, **dict.fromkeys(Config.names(), "")}
        if self._sandbox is not None:
            found.update(self._sandbox.env)
        if place is not None:
            found |= {"CACHE_DIR": str(place.cache), "EXPORT_DIR": str(place.export)}
        # Modules changed since they were compiled stay compiled, as at a user's second start.
        found.pop("PYTHONDONTWRITEBYTECODE", None)
        found.update(more)
        return found

    # Places

    def place(self, name: str) -> Place:
        """A new empty store and export folder in the scratch folder."""
        self._places += 1
        root = self.scratch / f"{self._places}-{name}"
        place = Place(root / "cache", root / "export")
        place.cache.mkdir(parents=True)
        place.export.mkdir()
        return place

    def copy(self, place: Place, name: str) -> Place:
        """The same store in a new place, with an empty export folder."""
        twin = self.place(name)
        with (
            closing(sqlite3.connect(place.store)) as source,
            closing(sqlite3.connect(twin.store)) as target,
        ):
            source.backup(target)
        return twin

    # The sandbox, and what was crawled from it

    @property
    def sandbox(self) -> Sandbox:
        """The one sandbox, started when first asked for."""
        if self._sandbox is None:
            data = self.options.data
            self.say("starting the sandbox")
            self._sandbox = self.stack.enter_context(running_sandbox(SandboxOptions(data=data)))
        return self._sandbox

    @cached_property
    def config(self) -> Config:
        """The default settings."""
        return Config()

    def crawl(self, place: Place, spider: str, *, reset: bool = True) -> Crawl:
        """`scrapy crawl SPIDER -a max_seeds=…`; without `reset` the account goes on counting."""
        sandbox = self.sandbox
        if reset:
            sandbox.reset_stats()
        seeds = f"max_seeds={self.options.seeds}"
        run = self.scrapy("crawl", spider, "-a", seeds, place=place)
        return Crawl(run, sandbox.stats())

    def crawled(self, regime: str) -> Crawled:
        """A regime's store after both spiders at 0 ms; crawled once and then shared."""
        if regime not in self._crawled:
            self.sandbox.configure(regime=regime, latency_ms=0)
            place = self.place(regime)
            search = self.crawl(place, "spotify_search")
            searched = self.copy(place, f"{regime}-searched")
            both = self.crawl(place, "spotify_playlist", reset=False)
            self._crawled[regime] = Crawled(place, searched, search, both)
        return self._crawled[regime]


def requests_of(stats: Mapping[str, Any]) -> int:
    """Calls to the APIs in a sandbox's account, those for tokens left out."""
    return sum(api["calls"] for name, api in stats["apis"].items() if name != "accounts")


def asking_of(stats: Mapping[str, Any]) -> float:
    """Seconds from the first to the last request in a sandbox's account."""
    apis = [api for name, api in stats["apis"].items() if name != "accounts"]
    begin = min(api["first_request_at"] for api in apis)
    end = max(api["last_request_at"] for api in apis)
    return float(end - begin)
