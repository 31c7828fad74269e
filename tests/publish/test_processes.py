"""Processes beside the one that publishes or verifies: how they begin, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import ModuleType

import pytest

from runclub_spider.publish.processes import processes
from testkit.killer import ROOT

PARENT = """
import os, time
from runclub_spider.publish.processes import processes
if __name__ == "__main__":
    with processes(2) as executor:
        print(*{executor.submit(os.getpid).result() for _ in range(8)}, flush=True)
        executor.submit(time.sleep, 60)
        time.sleep(60)
"""


def test_they_start_without_the_program_that_starts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, ran = ModuleType("__main__"), tmp_path / "ran"
    program.__file__ = str(tmp_path / "program.py")
    Path(program.__file__).write_text(f"open({str(ran)!r}, 'w').close()")
    monkeypatch.setitem(sys.modules, "__main__", program)
    with processes(1) as executor:
        assert sys.modules["__main__"] is program
        assert executor.submit(abs, -1).result() == 1
    assert not ran.exists()


def test_one_that_dies_is_told_to_who_asks_for_its_work() -> None:
    with processes(1) as executor:
        dying = executor.submit(os._exit, 9)
        with pytest.raises(BrokenProcessPool):
            dying.result()


def lives(process: int) -> bool:
    """Whether it runs; one that nobody has asked after yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_they_end_with_the_one_that_started_them(sent: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    workers = [int(one) for one in parent.stdout.readline().split()]
    assert workers
    parent.send_signal(sent)
    parent.wait()
    parent.stdout.close()
    patience = time.monotonic() + 30
    while any(map(lives, workers)) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not any(map(lives, workers))
