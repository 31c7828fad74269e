"""A command as a child: its lines, its end, and that it does not outlive its worker."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from runclub_spider.errors import ConfigurationError
from runclub_spider.fleet import lifeline
from runclub_spider.fleet.child import Child
from testkit.killer import ROOT


async def ran(
    code: str, *, mark: str = "[7]", when_ready: Callable[[Child], None] | None = None
) -> tuple[int, Child]:
    """A command to its end; it is ready when it has printed a line."""
    child = await Child.start([sys.executable, "-c", code], dict(os.environ), mark)
    waiting = asyncio.ensure_future(child.wait())
    if when_ready is not None:
        while not child.last:  # noqa: ASYNC110 - a line of another process is no event
            await asyncio.sleep(0.01)
        when_ready(child)
    return await waiting, child


def test_its_lines_go_on_with_its_mark(capsys: pytest.CaptureFixture[str]) -> None:
    code = "import sys; print('one\\n\\ntwo', end=''); print('three', file=sys.stderr); sys.exit(3)"
    status, child = asyncio.run(ran(code, mark="[7 first]"))
    shown = capsys.readouterr()
    assert status == 3
    assert shown.out == "[7 first] one\n[7 first]\n[7 first] two\n"
    assert shown.err == "[7 first] three\n"
    assert (child.last, list(child.complaints)) == ("two", ["three"])


def test_a_line_without_end_is_no_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    code = "import sys; sys.stdout.write('x' * 1_000_000); print('\\nlast')"
    status, child = asyncio.run(ran(code))
    assert status == 0
    assert child.last == "last"
    assert capsys.readouterr().out.count("x") == 1_000_000


def test_it_is_told_to_end_once() -> None:
    code = """if True:
        import signal, sys, time
        seen = []
        def told(number, frame):
            seen.append(number)
        signal.signal(signal.SIGTERM, told)
        print('ready', flush=True)
        while not seen:
            time.sleep(0.01)
        time.sleep(0.3)
        sys.exit(len(seen))
    """

    def end(child: Child) -> None:
        child.end()
        child.end()

    assert asyncio.run(ran(code, when_ready=end))[0] == 1


def test_control_c_of_a_terminal_does_not_reach_it() -> None:
    """It is in a session of its own, so a second signal does not force it."""
    status, child = asyncio.run(ran("import os; print(os.getsid(0) == os.getpid())"))
    assert (status, child.last) == (0, "True")


def test_it_is_killed_with_what_it_started() -> None:
    code = """if True:
        import subprocess, sys, time
        other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
        print(other.pid, flush=True)
        time.sleep(600)
    """
    status, child = asyncio.run(ran(code, when_ready=Child.kill))
    assert status == -signal.SIGKILL
    _gone([int(child.last)])


def _gone(pids: Sequence[int]) -> None:
    """Processes end, though not at once; a zombie that nobody waits for has ended too."""
    until = time.monotonic() + 20
    for pid in pids:
        while lives(pid):
            assert time.monotonic() < until, pid
            time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# A command that holds its lifeline, and a worker that runs it.
COMMAND = """if True:
    import os, time
    from runclub_spider.fleet import lifeline
    lifeline.hold()
    assert lifeline.LIFELINE not in os.environ
    print(os.getpid(), flush=True)
    time.sleep(600)
"""
WORKER = """if True:
    import asyncio, os, sys
    from runclub_spider.fleet.child import Child
    async def work():
        child = await Child.start([sys.executable, "-c", sys.argv[1]], dict(os.environ), "")
        await child.wait()
    asyncio.run(work())
"""


def test_it_dies_with_its_worker() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, COMMAND], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    assert lives(pid)
    worker.kill()
    worker.wait()
    worker.stdout.close()
    _gone([pid])


@pytest.mark.parametrize("number", ["none", "-1", "99999", "9" * 30])
def test_a_lifeline_that_is_none(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lifeline.LIFELINE, number)
    with pytest.raises(ConfigurationError, match="FLEET_LIFELINE is for the commands of a worker"):
        lifeline.hold()


def test_without_a_lifeline_nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(lifeline.LIFELINE, raising=False)
    lifeline.hold()
