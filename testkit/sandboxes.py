"""Sandboxes forked from one process, which made their world once: making it takes two seconds.

`python -m testkit.sandboxes` is that process; `Sandboxes` is its client.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

from runclub_sandbox.options import SandboxOptions, parse
from runclub_sandbox.testing import Sandbox, running_sandbox
from testkit.forks import Answer, Forks, serve

if TYPE_CHECKING:
    from runclub_sandbox.service import State

USUAL = SandboxOptions()


class Sandboxes(Forks):
    """Starts and stops sandboxes of the built-in world; any thread may ask."""

    def __init__(self) -> None:
        super().__init__("testkit.sandboxes")
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def running(self, options: SandboxOptions = USUAL) -> Iterator[Sandbox]:
        """A sandbox of its own on a free port, stopped on leaving."""
        if _world(options) != _world(USUAL):
            with running_sandbox(options) as found:
                yield found
            return
        started = self.ask({"start": replace(options, port=0).arguments()})
        try:
            yield Sandbox(started["port"], started["env"], self.process)
        finally:
            self.ask({"stop": started["pid"]})

    def ask(self, request: Mapping[str, Any]) -> Any:
        """One question, after those of other threads."""
        with self._one_at_a_time:
            return super().ask(request)


def _world(options: SandboxOptions) -> tuple[object, ...]:
    """What a world is made by."""
    return options.seed, options.data, options.first_editions


# The process that forks


def _prepare() -> Answer:
    from runclub_sandbox import server
    from runclub_sandbox.service import State

    with server.no_collector():
        state = State(USUAL, server.build_world(USUAL))
        # Made when first asked for, which would be in each of them.
        _ = state.airings
    return partial(_answer, state)


def _answer(state: State, questions: TextIO, answers: TextIO) -> None:
    from runclub_sandbox import server

    running = set[int]()

    def stop(pid: int) -> None:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        running.remove(pid)

    for line in questions:
        request = json.loads(line)
        if "stop" in request:
            stop(request["stop"])
            print(json.dumps({}), file=answers, flush=True)
            continue
        options = parse(request["start"])
        with server.listen(options.port) as listening:
            pid = os.fork()
            if pid == 0:
                try:
                    nothing = os.open(os.devnull, os.O_RDWR)
                    os.dup2(nothing, 0)
                    os.dup2(nothing, 1)
                    answers.close()
                    state.begin(options)
                    server.serve(listening, state)
                except BaseException:  # noqa: BLE001 - told; the loop below is the parent's
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            port = listening.getsockname()[1]
        running.add(pid)
        found = {"pid": pid, "port": port, "env": server.environment(port, options)}
        print(json.dumps(found), file=answers, flush=True)
    # A client that was killed stopped none.
    for pid in list(running):
        stop(pid)
    # A world is not worth the time that taking it apart costs.
    os._exit(0)


if __name__ == "__main__":
    serve(_prepare)
