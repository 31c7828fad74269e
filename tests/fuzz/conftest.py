"""How much is tried, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from testkit.killer import Launcher
from testkit.places import Place

from .running import Commands

FULL = pytest.mark.full


@pytest.fixture(params=[pytest.param(6, id="sample"), pytest.param(1, marks=FULL, id="whole")])
def one_of(request: pytest.FixtureRequest) -> int:
    """Of so many damages one is tried: the suite takes a sample, the full one each of them."""
    found: int = request.param
    return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty place."""
    return Place(tmp_path / "place")


@pytest.fixture
def crawl(launcher: Launcher) -> Commands:
    """Runs a command on a place."""
    return Commands(launcher)
