"""One sandbox for the commands of this folder, calm again after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.sandboxes import Sandboxes

_CALM: dict[str, object] = {
    "reset_limits": True,
    "regime": "extended",
    "plain": False,
    "retry_after_form": "seconds",
    "daily_quota": {},
    "faults": {},
    "fault_retry_after": 1,
    "account_state": "ok",
    "rotate_refresh_token": False,
    "deny_authorize": False,
}


@pytest.fixture(scope="session")
def shared_sandbox(sandboxes: Sandboxes) -> Iterator[Sandbox]:
    with sandboxes.running() as found:
        yield found


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    shared_sandbox.reset_stats()
    yield shared_sandbox
    shared_sandbox.configure(**_CALM)
