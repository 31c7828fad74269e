"""Sandboxes forked from one process, which made their world once: making it takes two seconds.

`python -m testkit.sandboxes` is that process; `Sandboxes` is its client.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from runclub_sandbox.options import SandboxOptions, parse
from runclub_sandbox.testing import Sandbox, running_sandbox
from testkit.forks import Forks

USUAL = SandboxOptions()


class Sandboxes(Forks):
    """Starts and stops sandboxes of the built-in world; any thread may ask."""

    def __init__(self) -> None:
        super().__init__("testkit.sandboxes")
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def running(self, options: SandboxOptions = USUAL) -> Iterator[Sandbox]:
        """A sandbox of its own on a free port, stopped on leaving; `process` is what forked it."""
        if _world(options) != _world(USUAL):
            with running_sandbox(options) as found:
                yield found
            return
        started = self.ask({"start": replace(options, port=0).arguments()})
        try:
            yield Sandbox(started["port"], started["env"], self._process)
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


def _fork() -> None:
    from runclub_sandbox import server
    from runclub_sandbox.service import State

    with server.no_collector():
        state = State(USUAL, server.build_world(USUAL))
        # Made when first asked for, which would be in each of them.
        _ = state.airings
    for line in sys.stdin:
        request = json.loads(line)
        if "stop" in request:
            os.kill(request["stop"], signal.SIGTERM)
            os.waitpid(request["stop"], 0)
            print(json.dumps({}), flush=True)
            continue
        options = parse(request["start"])
        with server.listen(options.port) as listening:
            pid = os.fork()
            if pid == 0:
                try:
                    nothing = os.open(os.devnull, os.O_RDWR)
                    os.dup2(nothing, 0)
                    os.dup2(nothing, 1)
                    state.begin(options)
                    server.serve(listening, state)
                except BaseException:  # noqa: BLE001 - told; the loop below is the parent's
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            port = listening.getsockname()[1]
        found = {"pid": pid, "port": port, "env": server.environment(port, options)}
        print(json.dumps(found), flush=True)
    # A world is not worth the time that taking it apart costs.
    os._exit(0)


if __name__ == "__main__":
    _fork()
