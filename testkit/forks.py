"""Processes that prepare once and fork others: a client asks a line of JSON, and gets one.

`python -m MODULE` serves the process that started it. With the number of a listening socket it
serves all who connect, each by a process forked for it: the workers of one suite share what was
prepared, and nothing that came after.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TextIO

ROOT = Path(__file__).parents[1]
#: Reads questions, and writes answers.
Answer = Callable[[TextIO, TextIO], None]


class Forks:
    """A client of a module; in another folder than the project's always of a process of its own."""

    #: Folder of the sockets of those that are shared, by the names of their modules.
    shared: Path | None = None

    def __init__(self, module: str, folder: Path = ROOT) -> None:
        self.process: subprocess.Popen[str] | None = None
        if self.shared is not None and folder == ROOT:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(self.shared / module))
                self._questions, self._answers = _ends(connection)
            return
        self.process = _started(module, folder=folder, stdout=subprocess.PIPE)
        self._questions, self._answers = self.process.stdin, self.process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._questions.close()
        if self.process is not None:
            self.process.wait(20)
        self._answers.close()

    def ask(self, request: Mapping[str, Any]) -> Any:
        """One question."""
        self._questions.write(json.dumps(request) + "\n")
        self._questions.flush()
        return json.loads(self._answers.readline())


@contextmanager
def shared_forks(*modules: str) -> Iterator[Path]:
    """What `Forks.shared` takes; none prepares anything before somebody connects."""
    with tempfile.TemporaryDirectory(prefix="forks-") as folder:
        servers = []
        for module in modules:
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(str(Path(folder) / module))
                listening.listen(64)
                number = listening.fileno()
                servers.append(_started(module, str(number), folder=ROOT, pass_fds=[number]))
        try:
            yield Path(folder)
        finally:
            for server in servers:
                server.stdin.close()
                server.wait(20)


def _started(module: str, *argv: str, folder: Path, **options: Any) -> subprocess.Popen[str]:
    """The module as a process that ends with its input."""
    command = [sys.executable, "-m", module, *argv]
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, text=True, **options)


def _ends(connection: socket.socket) -> tuple[TextIO, TextIO]:
    return connection.makefile("w"), connection.makefile("r")


def serve(prepare: Callable[[], Answer]) -> None:
    """Be such a module: what `prepare` returns answers a client until it asks no more."""
    if len(sys.argv) == 1:
        prepare()(sys.stdin, os.fdopen(os.dup(1), "w"))
        return
    listening = socket.socket(fileno=int(sys.argv[1]))
    answer, forked = None, list[int]()
    while listening in select.select([listening, sys.stdin], [], [])[0]:
        connection, _ = listening.accept()
        answer = answer or prepare()
        pid = os.fork()
        if pid:
            connection.close()
            forked = [pid, *(one for one in forked if os.waitpid(one, os.WNOHANG) == (0, 0))]
            continue
        listening.close()
        answers, questions = _ends(connection)
        connection.close()
        answer(questions, answers)
        return
    # All clients are gone.
    for pid in forked:
        os.waitpid(pid, 0)
