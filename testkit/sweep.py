"""The kill sweep: a command dies at a chosen point, the same command follows, all is compared."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox, running_sandbox
from testkit.killer import Action, Launcher
from testkit.places import (
    CONTACT,
    OPEN,
    PLAYLIST,
    RECCOBEATS_CONCURRENCY,
    SEARCH,
    SPOTIFY_CONCURRENCY,
    Facts,
    Place,
    blanked,
    calls,
    facts,
    ids_asked,
    ids_repeated,
    leftovers,
    missing,
    problems,
    repeated,
)

# Most ids a batch names: 50 artists, 40 tracks; of open metadata 1,000 recordings.
_BATCH, _OPEN_BATCH = 50, 1000
_KINDS = ("unit", "committed", "file")


@dataclass(slots=True)
class Stage:
    """A command, the place it starts from (None: an empty one), and its undisturbed result."""

    name: str
    argv: tuple[str, ...]
    before: Place | None
    after: Place
    calls: dict[str, int]
    ids: dict[str, int]
    events: dict[str, int]
    seconds: float
    facts: Facts = field(repr=False)
    data: dict[str, bytes] = field(repr=False)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What one kill did. `wrong` says in words what must not be."""

    stage: str
    action: Action
    killed: bool
    lost: int = 0
    doubled: int = 0
    resent: int = 0
    allowed: int = 0
    ids_twice: int = 0
    wrong: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        point = f"{self.stage}, {self.action.do} at {self.action.kind} {self.action.at:g}"
        return f"{point}: {'; '.join(self.wrong) or 'nothing wrong'}"


def prepare(sandbox: Sandbox, launcher: Launcher, scratch: Path) -> list[Stage]:
    """The undisturbed runs: track search, playlists and open metadata on top, publishing alone."""
    # What is compared are numbers of calls, so no call may fail by chance.
    sandbox.configure(musicbrainz_busy=0)
    searched = Place(scratch / "searched")
    search = _stage("search", SEARCH, None, searched, sandbox, launcher)
    listed = searched.copy(scratch / "listed")
    playlist = _stage("playlist", PLAYLIST, searched, listed, sandbox, launcher)
    opened = searched.copy(scratch / "opened")
    opens = _stage("open", OPEN, searched, opened, sandbox, launcher, CONTACT)
    unpublished = listed.copy(scratch / "unpublished")
    shutil.rmtree(unpublished.export)
    published = unpublished.copy(scratch / "published")
    return [
        search,
        playlist,
        opens,
        _stage("publish", ("publish",), unpublished, published, sandbox, launcher),
    ]


def _stage(
    name: str,
    argv: tuple[str, ...],
    before: Place | None,
    after: Place,
    sandbox: Sandbox,
    launcher: Launcher,
    env: Mapping[str, str] | None = None,
) -> Stage:
    sandbox.reset_stats()
    child = launcher.run(*argv, env=after.env(sandbox, **(env or {})))
    if child.code or problems(after):
        raise RuntimeError(f"the undisturbed {name} failed: {child.stderr} {problems(after)}")
    events = {kind: child.report["events"].get(kind, 0) for kind in _KINDS}
    stats = sandbox.stats()
    if again := repeated(stats):
        raise RuntimeError(f"the undisturbed {name} asked {again} pages twice")
    return Stage(
        name,
        argv,
        before,
        after,
        calls(stats),
        ids_asked(stats),
        events,
        child.report["seconds"],
        facts(after),
        blanked(after.latest),
        env or {},
    )


def points(stage: Stage, number: int | None, rng: random.Random) -> list[Action]:
    """Points of a stage: all its events, or `number` of them evenly spread; a tenth by time."""
    every = [Action(kind, at + 1) for kind in _KINDS for at in range(stage.events[kind])]
    timed = max(1, len(every) // 10) if number is None else max(1, number // 10)
    chosen = every
    if number is not None:
        step = len(every) / (number - timed)
        start = rng.uniform(0, step)
        chosen = [every[int(start + i * step) % len(every)] for i in range(number - timed)]
    times = [Action("time", round(rng.uniform(0.05, stage.seconds), 3)) for _ in range(timed)]
    return chosen + times


def kill(
    stage: Stage, action: Action, place: Place, sandbox: Sandbox, launcher: Launcher
) -> Outcome:
    """Kill the command at one point, look, run it again, and compare with the undisturbed."""
    shutil.rmtree(place.root, ignore_errors=True)
    if stage.before is not None:
        stage.before.copy(place.root)
    sandbox.reset_stats()
    env = place.env(sandbox, **stage.env)
    child = launcher.run(*stage.argv, env=env, actions=[action])
    # SIGALRM itself ends a process whose interpreter is being taken down already.
    outcome = Outcome(stage.name, action, killed=child.code in {-9, -14})
    if not outcome.killed:
        if action.kind != "time" or child.code:
            outcome.wrong.append(f"not killed, ended with {child.code}")
        return outcome
    _check_latest(stage, place, outcome)
    again = launcher.run(*stage.argv, env=env)
    if again.code:
        outcome.wrong.append(f"run again: {again.code}, {again.stderr.strip()[-300:]}")
        return outcome
    _compare(stage, place, outcome)
    _account(stage, child.report, sandbox.stats(), outcome)
    return outcome


def _check_latest(stage: Stage, place: Place, outcome: Outcome) -> None:
    """Right after the kill: no release, the old one, or the new one, and that whole."""
    if found := problems(place):
        outcome.wrong.append(f"after the kill latest does not verify: {found[0]}")
    elif place.latest.exists():
        old = stage.before is not None and stage.before.latest.exists()
        whole = [stage.data, *([blanked(stage.before.latest)] if old else [])]
        if blanked(place.latest) not in whole:
            outcome.wrong.append("after the kill latest is neither the old nor the new release")
    elif stage.before is not None and stage.before.latest.exists():
        outcome.wrong.append("after the kill latest is gone")


def _compare(stage: Stage, place: Place, outcome: Outcome) -> None:
    """The store and the release after the second run."""
    found = facts(place)
    lost, doubled = missing(stage.facts, found), missing(found, stage.facts)
    outcome.lost = sum(map(len, lost.values()))
    outcome.doubled = sum(map(len, doubled.values()))
    if lost or doubled:
        outcome.wrong.append(f"store differs: lacks {_few(lost)}, has {_few(doubled)}")
    if bad := problems(place):
        outcome.wrong.append(f"the release does not verify: {bad[0]}")
    elif not place.latest.exists():
        outcome.wrong.append("there is no release")
    elif (data := blanked(place.latest)) != stage.data:
        names = [name for name in data if data[name] != stage.data[name]]
        outcome.wrong.append(f"{', '.join(names)} differ from the undisturbed run's")
    outcome.litter = leftovers(place)


def _account(stage: Stage, report: dict[str, Any], stats: dict[str, Any], outcome: Outcome) -> None:
    """What was sent again, against what the dying process had under way."""
    way = report.get("under_way", {})
    in_hand = way.get("pages_in_hand", 0) + way.get("batches", 0)
    outcome.resent = repeated(stats)
    outcome.allowed = SPOTIFY_CONCURRENCY + RECCOBEATS_CONCURRENCY + in_hand
    if outcome.resent > outcome.allowed:
        outcome.wrong.append(f"{outcome.resent} requests sent again, {outcome.allowed} allowed")
    lost = {f: n - calls(stats).get(f, 0) for f, n in stage.calls.items()}
    if short := {family: n for family, n in lost.items() if n > 0}:
        outcome.wrong.append(f"fewer requests than undisturbed: {short}")
    twice = {kind: ids for kind, ids in ids_repeated(stats).items() if kind != "playlist"}
    outcome.ids_twice = sum(map(len, twice.values()))
    if any(number > 2 for ids in twice.values() for number in ids.values()):
        outcome.wrong.append("an id was asked more than twice")
    most = _OPEN_BATCH if stage.name == "open" else _BATCH
    if outcome.ids_twice > most * way.get("batches", 0):
        outcome.wrong.append(
            f"{outcome.ids_twice} ids asked twice with {way.get('batches', 0)} batches under way"
        )


def _few(rows: dict[str, list[tuple[Any, ...]]]) -> str:
    return ", ".join(f"{len(found)} of {table} ({found[0]})" for table, found in rows.items())


def sweep(
    work: Iterable[tuple[Stage, Action]],
    scratch: Path,
    *,
    sandbox: Sandbox,
    running: Callable[[SandboxOptions], AbstractContextManager[Sandbox]] = running_sandbox,
    workers: int = 2,
    done: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Every point, several at a time; each worker has a sandbox and a place of its own.

    The first worker's is `sandbox`; the others' are started by `running`.
    """
    queue: SimpleQueue[tuple[Stage, Action]] = SimpleQueue()
    for one in work:
        queue.put(one)
    outcomes: list[Outcome] = []
    failures: list[BaseException] = []

    def serve(number: int, own: Sandbox) -> None:
        with Launcher(scratch / f"worker-{number}") as launcher:
            place = Place(scratch / f"place-{number}")
            while not failures:
                try:
                    stage, action = queue.get_nowait()
                except Empty:
                    return
                outcome = kill(stage, action, place, own, launcher)
                outcomes.append(outcome)
                done(outcome)

    def guarded(number: int) -> None:
        try:
            if number == 0:
                serve(number, sandbox)
            else:
                with running(SandboxOptions(musicbrainz_busy=0)) as own:
                    serve(number, own)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return outcomes


def total(outcomes: Sequence[Outcome], name: str) -> int:
    """Sum of a number over outcomes."""
    return sum(getattr(outcome, name) for outcome in outcomes)
