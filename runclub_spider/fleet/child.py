"""A command as a child process: its output line by line, its end, and the pipe it lives by."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from runclub_spider.fleet.lifeline import LIFELINE

#: Seconds that a command has to end once it is told to; what it has in hand is stored by then.
GRACE = 90.0
# What is still written when the process has ended comes from processes of its own.
_LAST_WORDS = 5.0
_LONGEST_LINE = 1 << 16
_KEPT_LINES = 50


class Child:
    """A running command. Its lines go on to our own streams, each with a mark before it."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int, mark: str) -> None:
        self._process, self._lifeline, self._mark = process, lifeline, mark
        self._told = False
        #: The last lines on its stderr.
        self.complaints = deque[str](maxlen=_KEPT_LINES)
        #: The last line on its stdout.
        self.last = ""

    @classmethod
    async def start(cls, argv: Sequence[str], env: Mapping[str, str], mark: str) -> Child:
        """Begin a command in a session of its own: Control-C is for the worker to pass on."""
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                env={**env, LIFELINE: str(reading)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(reading,),
                start_new_session=True,
            )
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        return cls(process, writing, mark)

    async def wait(self) -> int:
        """Pass its lines on until it ends; returns its exit code, or minus a signal's number."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        relays = [
            asyncio.create_task(self._relay(self._process.stdout, sys.stdout, None)),
            asyncio.create_task(self._relay(self._process.stderr, sys.stderr, self.complaints)),
        ]
        try:
            code = await self._process.wait()
            await asyncio.wait(relays, timeout=_LAST_WORDS)
        finally:
            for relay in relays:
                relay.cancel()
            os.close(self._lifeline)
        return code

    def end(self) -> None:
        """Tell it once to end as Control-C does, and end it if it has not by and by."""
        if not self._told:
            self._told = True
            with suppress(ProcessLookupError):
                self._process.terminate()
            asyncio.get_running_loop().call_later(GRACE, self.kill)

    def kill(self) -> None:
        """End it at once, with what it started: nothing it still does would count."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _relay(
        self, stream: asyncio.StreamReader, to: TextIO, kept: deque[str] | None
    ) -> None:
        left = b""
        while chunk := await stream.read(_LONGEST_LINE):
            *lines, left = (left + chunk).split(b"\n")
            if len(left) > _LONGEST_LINE:
                lines, left = [*lines, left], b""
            for line in lines:
                self._pass_on(line, to, kept)
        if left:
            self._pass_on(left, to, kept)

    def _pass_on(self, raw: bytes, to: TextIO, kept: deque[str] | None) -> None:
        line = raw.decode(errors="replace").rstrip()
        print(f"{self._mark} {line}".rstrip(), file=to, flush=True)
        if line and kept is not None:
            kept.append(line)
        elif line:
            self.last = line
