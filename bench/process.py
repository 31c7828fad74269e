"""Runs one command and measures it: wall, processor time, peak memory of that process alone."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_SECONDS = 0.02


class BenchError(Exception):
    """A measured command failed; the message says which and what it printed last."""


class OutOfTimeError(BenchError):
    """The time granted to all benchmarks is used up."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a command.

    Attributes:
        seconds: wall.
        cpu: its user and system time.
        peak_mb: its peak memory, 10⁶ bytes.
        output: what it printed.
        tree_mb: the most that it and its children held at once, 10⁶ bytes; what they share counts
            for each.
        others: cores that work outside the benchmark kept busy meanwhile; filled by the context.
    """

    seconds: float
    cpu: float
    peak_mb: float
    output: str
    tree_mb: float = 0.0
    others: float = 0.0


def measure(
    command: Sequence[str], *, env: Mapping[str, str], folder: Path, timeout: float, code: int = 0
) -> Measured:
    """Run a command to its end.

    Raises:
        OutOfTimeError: it was killed after `timeout` seconds.
        BenchError: it ended with another code than `code`.
    """
    if timeout <= 0:
        raise OutOfTimeError("no time left")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, env=env, cwd=folder, stdout=out, stderr=err, start_new_session=True
        )
        watch = _Watch(process.pid, timeout)
        try:
            _, status, usage = os.wait4(process.pid, 0)
            taken = time.perf_counter() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            watch.stop()
            if process.returncode is None:
                _kill(process.pid)
                process.wait()
        if process.returncode != code:
            if watch.fired:
                raise OutOfTimeError(f"{_shown(command)}: stopped after {timeout:.0f} s")
            err.seek(0)
            last = err.read().decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
            raise BenchError(f"{_shown(command)} ended with {process.returncode}: {last[0]}")
        out.seek(0)
        output = out.read().decode("utf-8", "replace")
    # Linux hands a child the peak of the process it was forked from: believed only above that.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_kib = max(watch.peak_kib, usage.ru_maxrss if usage.ru_maxrss > own else 0)
    return Measured(
        taken,
        usage.ru_utime + usage.ru_stime,
        peak_kib * 1024 / 1e6,
        output,
        tree_mb=max(watch.tree_kib, peak_kib) * 1024 / 1e6,
    )


def machine_busy() -> float:
    """Processor seconds of the whole machine since its start, idle and waiting left out."""
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    ticks = [int(field) for field in fields]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def process_busy(pid: int) -> float:
    """Processor seconds of one running process."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Watch:
    """Follows the memory of a process and its children; kills its group when its time is over."""

    def __init__(self, pid: int, timeout: float) -> None:
        self.peak_kib = self.tree_kib = 0
        self.fired = False
        self._pid, self._end = pid, time.monotonic() + timeout
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        status = Path(f"/proc/{self._pid}/status")
        while not self._over.wait(_SAMPLE_SECONDS):
            with contextlib.suppress(OSError, ValueError, IndexError):
                text = status.read_text(encoding="ascii", errors="replace")
                peak = text.split("VmHWM:", 1)[1].split(maxsplit=1)[0]
                self.peak_kib = max(self.peak_kib, int(peak))
            self.tree_kib = max(self.tree_kib, _tree_kib(self._pid))
            if time.monotonic() > self._end and not self.fired:
                self.fired = True
                _kill(self._pid)


def _tree_kib(pid: int) -> int:
    """Memory of a process and all below it; one that ends meanwhile counts as nothing."""
    found = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        found = int(pages) * resource.getpagesize() // 1024
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children = (thread / "children").read_text(encoding="ascii").split()
            found += sum(_tree_kib(int(child)) for child in children)
    return found


def _kill(pid: int) -> None:
    """End a child that was started as the leader of its own group, with its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _shown(command: Sequence[str]) -> str:
    """The command without the interpreter and without folders."""
    return " ".join(Path(part).name if part.startswith("/") else part for part in command[2:6])
