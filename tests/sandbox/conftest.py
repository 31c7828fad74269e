"""One sandbox process for the tests of this directory, calm again before every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.sandboxes import Sandboxes

from .asking import Client


@pytest.fixture(scope="session")
def shared_sandbox(sandboxes: Sandboxes) -> Iterator[Sandbox]:
    with sandboxes.running() as sandbox:
        yield sandbox


_CALM: dict[str, object] = {
    "reset_limits": True,
    "regime": "extended",
    "plain": False,
    "latency_ms": 0,
    "rate_limit": None,
    "rate_window": 30,
    "retry_after_form": "seconds",
    "daily_quota": {},
    "day_seconds": 86_400,
    "faults": {},
    "slow_seconds": 3,
    "filter_forms": "double,single,bare",
    "plain_apostrophes": False,
    "withhold": {},
    "token_lifetime": 3600,
    "recco_rate_limit": None,
    "musicbrainz_interval": None,
    "musicbrainz_busy": 0.01,
    "listenbrainz_rate_limit": None,
    "account_state": "ok",
    "rotate_refresh_token": False,
    "deny_authorize": False,
}


@pytest.fixture
def client(shared_sandbox: Sandbox) -> Iterator[Client]:
    """A client of the shared sandbox, whose options and counters start fresh for every test."""
    shared_sandbox.configure(**_CALM)
    shared_sandbox.reset_stats()
    yield Client(shared_sandbox)
    shared_sandbox.configure(**_CALM)


@pytest.fixture
def development(client: Client) -> Client:
    client.sandbox.configure(regime="development")
    return client
