"""Runs `scrapy …` in forked processes, and kills, signals or cripples them at chosen events.

`python -m testkit.killer` is a server: it imports everything once and forks a process
for each command, which saves the second that Python needs to import Scrapy. `Launcher` is its
client. Events are counted in the forked process:

- `unit`: a unit of work of the store's thread is done, and not committed yet
- `commit` and `committed`: just before and just after its commit; units that share a transaction
  count one by one. A transaction of anything else is a unit as well, done when it is committed
- `file`: just before a rename, a link, a removal of a file or of a folder
- `time`: seconds since the command began

`BREAKS` in the environment names functions of the package that raise what they are told to.
"""

from __future__ import annotations

import atexit
import builtins
import functools
import gc
import importlib
import inspect
import json
import mmap
import os
import pkgutil
import resource
import runpy
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from testkit.forks import ROOT, Answer, Forks, serve

FILE_EVENTS = frozenset({"os.rename", "os.symlink", "os.link", "os.remove", "os.rmdir"})
NOBODY = 65_534
#: What a function that was broken says.
FAULT = "nobody expected this"
_REPORT_BYTES = 1 << 16
_TIMEOUT = 90.0
# Exit code of a process whose action could not be done.
_NOT_DONE = 70


@dataclass(frozen=True, slots=True)
class Action:
    """What happens at the `at`-th event of a kind, counted from 1 (`time`: after `at` seconds).

    `do` is the name of a signal, `unprivileged` (the process goes on as nobody) or `no-space`
    (no file of the process may grow any more).
    """

    kind: str
    at: float
    do: str = "SIGKILL"


@dataclass(slots=True)
class Child:
    """A command that was started."""

    launcher: Launcher
    pid: int
    folder: Path
    code: int | None = None

    def wait(self, timeout: float = _TIMEOUT) -> int:
        """Its exit code; minus the signal's number if one ended it."""
        if self.code is None:
            self.code = self.launcher.ask({"do": "wait", "pid": self.pid, "timeout": timeout})
        return self.code

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text(encoding="utf-8", errors="replace")

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")

    @property
    def report(self) -> dict[str, Any]:
        """Events counted, and what was under way at the last action; empty if none was noted."""
        for _ in range(1000):
            text = (self.folder / "report").read_bytes().split(b"\0", 1)[0]
            with suppress(ValueError):
                return json.loads(text) if text else {}
            # Read in the middle of a note.
            time.sleep(0.001)
        raise AssertionError(f"{self.folder.name}: the report cannot be read")


class Launcher(Forks):
    """Client of one server; not to be shared between threads. `root` is the project's."""

    def __init__(self, scratch: Path, root: Path = ROOT) -> None:
        super().__init__("testkit.killer", root)
        self._scratch = scratch
        self._number = 0
        self._children: list[Child] = []

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            if child.code is None:
                self.ask({"do": "end", "pid": child.pid})
        super().__exit__()

    def start(
        self,
        *argv: str,
        env: Mapping[str, str],
        actions: Sequence[Action] = (),
        module: str = "scrapy",
        cwd: Path = ROOT,
    ) -> Child:
        """Run `scrapy *argv`, or another `python -m MODULE`, in the project's root or elsewhere."""
        self._number += 1
        folder = self._scratch / f"run-{self._number:04d}"
        folder.mkdir(parents=True)
        with (folder / "report").open("wb") as file:
            file.truncate(_REPORT_BYTES)
        pid = self.ask(
            {
                "do": "start",
                "argv": list(argv),
                "env": dict(env),
                "module": module,
                "cwd": None if cwd == ROOT else str(cwd),
                "folder": str(folder),
                "actions": [asdict(action) for action in actions],
            }
        )
        child = Child(self, pid, folder)
        self._children.append(child)
        return child

    def run(self, *argv: str, env: Mapping[str, str], actions: Sequence[Action] = ()) -> Child:
        """Run a command to its end."""
        child = self.start(*argv, env=env, actions=actions)
        child.wait()
        return child


# The server, and the process that it forks


def _prepare() -> Answer:
    sys.dont_write_bytecode = True
    _import_everything()
    importlib.import_module("testkit.statements").share_statements()
    importlib.import_module("testkit.warming").warm_up()
    gc.freeze()
    return _answer


def _answer(questions: TextIO, answers: TextIO) -> None:
    for line in questions:
        request = json.loads(line)
        if request["do"] == "start":
            pid = os.fork()
            if pid == 0:
                answers.close()
                if questions is not sys.stdin:
                    questions.close()
                _become(request)
                return
            found: Any = pid
        else:
            if request["do"] == "end":
                _kill(request["pid"])
            found = _waited(request["pid"], request.get("timeout", 20))
        print(json.dumps(found), file=answers, flush=True)
    # What was imported is not worth the time that taking it apart costs.
    os._exit(0)


def _import_everything() -> None:
    skipped = {"settings", "__main__", "demo", "env", "versions"}
    for name in ("runclub_sandbox", "runclub_spider", "scrapy.commands"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not set(module.name.split(".")) & skipped:
                importlib.import_module(module.name)
    for name in (
        *_components(),
        "alembic.command",
        "numpy.ma",
        "rich._emoji_codes",
        "scrapy.cmdline",
        "scrapy.commands.settings",
        "scrapy.pqueues",
        "scrapy.shell",
        "scrapy.squeues",
        "sqlite3",
        "tldextract",
        "twisted.conch.telnet",
        "pyarrow.csv",
        "pyarrow.parquet",
    ):
        importlib.import_module(name)
    # What each command would read and expand anew.
    plan = importlib.import_module("runclub_spider.frontier.plan")
    for kind in ("track", "playlist"):
        plan.plan_of(ROOT / "seeds", kind)
    if "twisted.internet.reactor" in sys.modules:
        raise RuntimeError("the reactor was installed before the fork")


def _components() -> set[str]:
    """Modules of what Scrapy's own settings name, but for one that brings the reactor."""
    settings = vars(importlib.import_module("scrapy.settings.default_settings")).values()
    named = [one for one in settings if isinstance(one, str)]
    for one in settings:
        named += [*one, *one.values()] if isinstance(one, dict) else []
    paths = [one for one in named if isinstance(one, str) and one.startswith("scrapy.")]
    return {path.rpartition(".")[0] for path in paths if "ftp" not in path and "http2" not in path}


def _waited(pid: int, timeout: float) -> int:
    end = time.monotonic() + timeout
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            _kill(pid)
            end = float("inf")
        time.sleep(0.005)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _become(request: Mapping[str, Any]) -> None:
    """Turn the forked process into the command; does not come back."""
    folder = Path(request["folder"])
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o644)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"] or ROOT)
    _Hooks(folder / "report", [Action(**one) for one in request["actions"]]).install()
    for broken in os.environ.pop("BREAKS", "").split():
        _break(broken)
    sys.argv = [request["module"], *request["argv"]]
    try:
        if request["module"] == "scrapy":
            from scrapy.cmdline import execute

            execute()
        else:
            runpy.run_module(request["module"], run_name="__main__")
            _leave(0)
    except SystemExit as ended:
        if isinstance(ended.code, int):
            _leave(ended.code)
        raise


def _leave(code: int) -> None:
    """End as the interpreter does, but let the heap be.

    It is shared with the server, and taking it apart would copy it: half the time of a command
    that does little.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    # What the command left behind may still have something to say.
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _break(what: str) -> None:
    """Have `module:Class.function` raise at each call, or with `=Error` something else."""
    name, _, error = what.partition("=")
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(f"runclub_spider.{module}")
    *outer, last = path.split(".")
    for part in outer:
        found = getattr(found, part)
    kind = vars(builtins)[error or "LookupError"]

    def broken(*_: Any, **__: Any) -> Any:
        raise kind(FAULT)

    # With the real one's signature: Scrapy hands a component what it names.
    functools.update_wrapper(broken, getattr(found, last))
    if inspect.iscoroutinefunction(getattr(found, last)):

        async def broken_later(*_: Any, **__: Any) -> Any:
            raise kind(FAULT)

        broken = functools.wraps(getattr(found, last))(broken_later)
    if inspect.isasyncgenfunction(getattr(found, last)):

        async def broken_within(*_: Any, **__: Any) -> Any:
            for nothing in ():
                yield nothing
            raise kind(FAULT)

        broken = functools.wraps(getattr(found, last))(broken_within)
    setattr(found, last, broken)


class _Hooks:
    """Counts events and acts at them; the report is shared memory, so that it outlives a kill."""

    def __init__(self, report: Path, actions: Sequence[Action]) -> None:
        self._actions = [action for action in actions if action.kind != "time"]
        self._timed = [action for action in actions if action.kind == "time"]
        self._counts: Counter[str] = Counter()
        self._began = time.monotonic()
        self._noted = False
        # Units of the transaction under way.
        self._units = 0
        with report.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _REPORT_BYTES)

    def install(self) -> None:
        from sqlalchemy.engine.default import DefaultDialect

        from runclub_spider.store.db.thread import StoreThread

        commit, rollback = DefaultDialect.do_commit, DefaultDialect.do_rollback
        work = StoreThread._work

        def done(unit: Any, connection: Any) -> Any:
            result = work(unit, connection)
            self._units += 1
            self._happens("unit")
            return result

        def do_commit(dialect: Any, connection: Any) -> None:
            if not self._units:
                self._units = 1
                self._happens("unit")
            units, self._units = self._units, 0
            for _ in range(units):
                self._happens("commit")
            commit(dialect, connection)
            for _ in range(units):
                self._happens("committed")

        def do_rollback(dialect: Any, connection: Any) -> None:
            self._units = 0
            rollback(dialect, connection)

        StoreThread._work = staticmethod(done)
        DefaultDialect.do_commit = do_commit
        DefaultDialect.do_rollback = do_rollback
        sys.addaudithook(self._audit)
        if self._timed:
            (action,) = self._timed
            signal.signal(signal.SIGALRM, lambda *_: self._act(action))
            signal.setitimer(signal.ITIMER_REAL, action.at)

    def _audit(self, event: str, _: object) -> None:
        if event in FILE_EVENTS:
            self._happens("file")

    def _happens(self, kind: str) -> None:
        self._counts[kind] += 1
        self._note({"events": self._counts, "seconds": time.monotonic() - self._began})
        for action in self._actions:
            if action.kind == kind and action.at == self._counts[kind]:
                self._act(action)

    def _act(self, action: Action) -> None:
        # No other thread may move on between the report and the deed.
        sys.setswitchinterval(60)
        try:
            under_way = _under_way()
        except Exception as error:  # noqa: BLE001 - half-made objects; the deed must follow
            under_way = {"unknown": repr(error)}
        self._note({"events": self._counts, "acted": action.do, "under_way": under_way})
        sys.setswitchinterval(0.005)
        try:
            self._do(action)
        except Exception:  # noqa: BLE001 - whoever runs this thread may take it for another's fault
            traceback.print_exc()
            os._exit(_NOT_DONE)

    @staticmethod
    def _do(action: Action) -> None:
        if action.do == "unprivileged":
            os.seteuid(NOBODY)
        elif action.do == "no-space":
            # Python ignores the signal that comes with it, so that a write just fails.
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        else:
            os.kill(os.getpid(), getattr(signal, action.do))
            if action.do == "SIGSTOP":
                # The stop reaches another thread first: this one must not get on meanwhile.
                time.sleep(0.2)

    def _note(self, found: Mapping[str, Any]) -> None:
        """The first action's state stays; without one the last event's."""
        if self._noted and "acted" not in found:
            return
        text = json.dumps(found).encode()
        self._memory[: len(text) + 64] = text + b"\0" * 64
        self._noted = "acted" in found


def _under_way() -> dict[str, Any]:
    """What the process knows of that no transaction holds yet: answered pages, and batches."""
    from runclub_spider.crawl.run import Run

    found: Counter[str] = Counter(pages_in_hand=0, batches=0)
    for crawler, run in list(Run._all.items()):
        slot = getattr(getattr(crawler.engine, "scraper", None), "slot", None)
        if slot is not None:
            found["pages_in_hand"] += len(slot.queue) + len(slot.active)
        for worker in run.budget.workers:
            found["batches"] += len(getattr(worker, "_tasks", ()))
    return found


if __name__ == "__main__":
    serve(_prepare)
