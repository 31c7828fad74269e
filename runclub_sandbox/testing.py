"""Starts the sandbox as a process of its own, for tests, the demo and benchmarks."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .options import SandboxOptions

START_TIMEOUT = 60.0
STOP_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox.

    Attributes:
        port: where it listens on 127.0.0.1.
        env: what a client exports, name to value.
        process: the server, if whoever has this started it.
    """

    port: int
    env: Mapping[str, str]
    process: subprocess.Popen[str] | None

    @property
    def root(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def spotify(self) -> str:
        """Base URL of the Spotify Web API."""
        return self.env["SPOTIFY_API_BASE_URL"]

    @property
    def accounts(self) -> str:
        """Base URL of Spotify accounts."""
        return self.env["SPOTIFY_ACCOUNTS_BASE_URL"]

    @property
    def reccobeats(self) -> str:
        """Base URL of ReccoBeats."""
        return self.env["RECCOBEATS_BASE_URL"]

    @property
    def kexp(self) -> str:
        """Base URL of KEXP."""
        return self.env["KEXP_BASE_URL"]

    def air(self, **changes: int) -> None:
        """Changes KEXP's plays: ``arrive``, ``late``, ``edit``, ``remove`` or ``anew``."""
        self._ask("/__faults", {"kexp": changes})

    @property
    def musicbrainz(self) -> str:
        """Base URL of MusicBrainz."""
        return self.env["MUSICBRAINZ_BASE_URL"]

    @property
    def listenbrainz(self) -> str:
        """Base URL of ListenBrainz."""
        return self.env["LISTENBRAINZ_BASE_URL"]

    def stats(self) -> dict[str, Any]:
        """``GET /__stats``."""
        return self._ask("/__stats")

    def odd(self) -> dict[str, Any]:
        """``GET /__odd``: what the fault ``odd`` damages."""
        return self._ask("/__odd")

    def health(self) -> dict[str, Any]:
        """``GET /__health``."""
        return self._ask("/__health")

    def reset_stats(self) -> None:
        """``POST /__stats/reset``."""
        self._ask("/__stats/reset", {})

    def configure(self, **changes: object) -> dict[str, Any]:
        """``POST /__faults``: runtime options by name, ``expire_tokens=True``."""
        return self._ask("/__faults", changes)

    def change_world(self, share: float, seed: int = 0) -> dict[str, Any]:
        """``POST /__world``: changes a share of the world."""
        return self._ask("/__world", {"change": share, "seed": seed})

    def _ask(self, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.root + path, data, headers)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
        return found


@contextlib.contextmanager
def running_sandbox(
    options: SandboxOptions | None = None, *, root: Path | None = None
) -> Iterator[Sandbox]:
    """A sandbox in its own process, stopped on leaving whatever happens.

    Args:
        options: what to serve; the default is the built-in world on a free port. A port of
            8790 (the default) becomes a free one, so that tests never meet each other.
        root: where this package stands; by default this one.

    Raises:
        RuntimeError: it did not come up; the message holds what it printed.
    """
    options = options or SandboxOptions()
    if options.port == SandboxOptions().port:
        options = replace(options, port=0)
    with tempfile.TemporaryDirectory(prefix="sandbox-") as scratch:
        ready = Path(scratch) / "ready"
        log = Path(scratch) / "log"
        root = root or Path(__file__).parents[1]
        command = [sys.executable, "-m", "runclub_sandbox"]
        command += replace(options, ready_file=ready).arguments()
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=root,
                env={**os.environ, "PYTHONPATH": str(root)},
            )
            try:
                env = _wait_until_ready(process, ready, log)
                port = int(env["RECCOBEATS_BASE_URL"].split(":")[2].split("/")[0])
                yield Sandbox(port, env, process)
            finally:
                _stop(process)


def _wait_until_ready(process: subprocess.Popen[str], ready: Path, log: Path) -> Mapping[str, str]:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if ready.exists():
            lines = ready.read_text(encoding="utf-8").splitlines()
            return dict(line.split("=", 1) for line in lines)
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"the sandbox did not start: {log.read_text(encoding='utf-8').strip()}")


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
