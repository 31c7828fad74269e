"""One sandbox, calm again after every test, and a small finished crawl to start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Action, Launcher
from testkit.places import Place
from testkit.sandboxes import Sandboxes

from .running import Done, launched

CALM: dict[str, object] = {
    "reset_limits": True,
    "regime": "extended",
    "plain": False,
    "latency_ms": 0,
    "rate_limit": None,
    "retry_after_form": "seconds",
    "daily_quota": {},
    "faults": {},
    "fault_retry_after": 1,
    "filter_forms": "double,single,bare",
    "plain_apostrophes": False,
    "withhold": {},
    "token_lifetime": 3600,
    "recco_rate_limit": None,
    "musicbrainz_interval": None,
    "musicbrainz_busy": 0,
    "listenbrainz_rate_limit": None,
    "account_state": "ok",
    "rotate_refresh_token": False,
    "kexp_rate_limit": None,
    "kexp_arrivals": 0,
    "kexp_poison": False,
    "kexp": {"anew": 1},
}


@pytest.fixture(scope="session")
def served(sandboxes: Sandboxes) -> Iterator[Sandbox]:
    """Serves the built-in world; nobody may change it."""
    with sandboxes.running() as found:
        yield found


@pytest.fixture
def sandbox(served: Sandbox) -> Iterator[Sandbox]:
    """The same with fresh counters; its options are set back at the end."""
    served.reset_stats()
    yield served
    served.configure(**CALM)


@pytest.fixture(scope="session")
def small(served: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Two seeds of each spider, crawled and published; to be copied, not used."""
    place = Place(tmp_path_factory.mktemp("small") / "place")
    for spider, *more in (
        ("spotify_search", "-a", "max_results=40"),
        ("spotify_playlist", "-a", "top_playlists=1", "-a", "max_items=40"),
    ):
        child = launcher.start("crawl", spider, "-a", "max_seeds=2", *more, env=place.env(served))
        assert child.wait() == 0, child.stderr
    return place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty place."""
    return Place(tmp_path / "place")


@pytest.fixture
def crawled(small: Place, tmp_path: Path) -> Place:
    """A place with a store and a release."""
    return small.copy(tmp_path / "crawled")


@pytest.fixture
def run(sandbox: Sandbox, launcher: Launcher) -> Callable[..., Done]:
    """`run(place, *argv, code=0, actions=(), **env)`: a command, its exit code checked if given."""

    def run(
        place: Place,
        *argv: str,
        code: int | None = 0,
        actions: Sequence[Action] = (),
        **env: str,
    ) -> Done:
        done = launched(launcher, *argv, env=place.env(sandbox, **env), actions=actions)
        assert "Traceback" not in done.text, done.text
        assert code is None or done.code == code, done.text
        return done

    return run
