"""Real tables and recorded answers beside the checkout, for the tests marked `realdata`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "../shared/data"


def real_file(name: str) -> Path:
    """A real file; without it the test skips, or fails under REQUIRE_ALL=1."""
    path = FOLDER / name
    if not path.exists():
        reason = f"{name} is not beside the checkout (../shared/data)"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def real_case(name: str) -> Path:
    """A file of cases beside the real data, under the same terms."""
    return real_file(f"../cases/{name}")
