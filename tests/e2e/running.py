"""Runs the project's commands as a user does: a process each, in a place of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runclub_sandbox.testing import Sandbox
from runclub_spider.config import NO_ENV_FILE, Config
from testkit.killer import Action, Launcher
from testkit.places import Place, calls, contents

ROOT = Path(__file__).parents[2]
# Far above what a run here needs; it only keeps a run that hangs from hanging the suite.
TIMEOUT = 40


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def scrapy(*argv: str, env: Mapping[str, str], cwd: Path = ROOT, timeout: float = TIMEOUT) -> Done:
    """`scrapy *argv` with exactly this environment."""
    found = subprocess.run(
        [sys.executable, "-m", "scrapy", *argv],
        cwd=cwd,
        env=dict(env),
        capture_output=True,
        timeout=timeout,
    )
    # Bytes that are no UTF-8 would be a fault of their own; they must not hide the rest.
    return Done(
        found.returncode,
        found.stdout.decode("utf-8", "backslashreplace"),
        found.stderr.decode("utf-8", "backslashreplace"),
    )


def launched(
    launcher: Launcher,
    *argv: str,
    env: Mapping[str, str],
    actions: Sequence[Action] = (),
    cwd: Path = ROOT,
    timeout: float = TIMEOUT,
) -> Done:
    """The same without the second that importing takes."""
    child = launcher.start(*argv, env=env, actions=actions, cwd=cwd)
    return Done(child.wait(timeout), child.stdout, child.stderr)


def one_line(done: Done) -> str:
    """The only line on stderr."""
    assert "Traceback" not in done.text, done.text
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    return lines[0]


def asked(sandbox: Sandbox) -> dict[str, int]:
    """Calls to every API since the last reset, those for tokens included, by family."""
    stats = sandbox.stats()
    tokens = stats["apis"].get("accounts", {"calls": 0})["calls"]
    return calls(stats) | ({"token": tokens} if tokens else {})


def untouched(place: Place, *, other_settings: bool = False) -> dict[str, str]:
    """Everything a refused command must leave as it was; the lock file tells who came last.

    With other settings a command that answers keeps a selection made under them: a copy, which
    may be deleted at any time.
    """
    return {
        name: found
        for name, found in contents(place.root).items()
        if not name.endswith(".lock")
        and not (other_settings and name.startswith("cache/selection/"))
    }


def manifest(place: Place) -> dict[str, Any]:
    """The manifest of the latest release."""
    found: dict[str, Any] = json.loads((place.latest / "manifest.json").read_bytes())
    return found


def rows(place: Place, name: str) -> list[dict[str, Any]]:
    """The rows of one of the latest release's data files."""
    lines = (place.latest / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def ids(place: Place) -> list[str]:
    """The exported tracks."""
    return [row["id"] for row in rows(place, "cached_tracks")]


def bare_environment() -> dict[str, str]:
    """This process's environment without any of the project's settings."""
    ours = {*Config.names(), NO_ENV_FILE}
    return {name: value for name, value in os.environ.items() if name not in ours}


Run = Callable[..., Done]


def seeded(place: Place, *terms: str) -> tuple[str, ...]:
    """Arguments that make the given terms the plan."""
    path = place.root / "terms.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{term}\n" for term in terms), encoding="utf-8")
    return "-a", f"seeds={path}"
