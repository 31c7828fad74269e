"""One sandbox and one set of undisturbed runs for the tests of this directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Launcher
from testkit.places import Place
from testkit.sandboxes import Sandboxes
from testkit.sweep import Stage, prepare


@pytest.fixture(scope="session")
def sandbox(sandboxes: Sandboxes) -> Iterator[Sandbox]:
    """Serves the built-in world; nobody may change it."""
    with sandboxes.running() as found:
        yield found


@pytest.fixture(scope="session")
def stages(
    sandbox: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Stage]:
    """The undisturbed runs by name; their places are to be copied, not used."""
    found = prepare(sandbox, launcher, tmp_path_factory.mktemp("undisturbed"))
    return {stage.name: stage for stage in found}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty place."""
    return Place(tmp_path / "place")


@pytest.fixture
def searched(stages: dict[str, Stage], tmp_path: Path) -> Place:
    """A place where the track search has been."""
    return stages["search"].after.copy(tmp_path / "searched")


@pytest.fixture
def listed(stages: dict[str, Stage], tmp_path: Path) -> Place:
    """A place where both crawls have been."""
    return stages["playlist"].after.copy(tmp_path / "listed")


@pytest.fixture
def slow(sandbox: Sandbox) -> Iterator[Sandbox]:
    """Answers take a moment, so that something is always in flight."""
    sandbox.configure(latency_ms=15)
    yield sandbox
    sandbox.configure(latency_ms=0)
