"""A key that is shut out in the middle of a crawl: the run says why, and no page is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place, blanked, repeated

from .running import Run

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=3", "-a", "max_results=40")
# The regime is known, so that the refusal meets pages and not the probe.
KNOWN = {"SPOTIFY_PROFILE": "extended"}


@pytest.mark.parametrize(
    ("state", "says"), [("not-premium", "Premium"), ("not-allowlisted", "allow-list")]
)
def test_nothing_is_lost_while_an_account_is_shut_out(
    state: str, says: str, place: Place, sandbox: Sandbox, run: Run, tmp_path: Path
) -> None:
    sandbox.configure(account_state=state)
    done = run(place, *SEARCH, code=1, **KNOWN)
    assert says in done.err
    assert not place.latest.exists()
    assert place.column("SELECT count(*) FROM page WHERE state = 'done'") == [0]
    assert place.column("SELECT count(*) FROM seed WHERE state = 'exhausted'") == [0]
    # A few were under way when the first was refused; the rest was not sent.
    assert sandbox.stats()["apis"]["spotify"]["calls"] <= 8
    sandbox.configure(account_state="ok")
    sandbox.reset_stats()
    run(place, *SEARCH, **KNOWN)
    assert repeated(sandbox.stats()) == 0
    untroubled = Place(tmp_path / "untroubled")
    run(untroubled, *SEARCH, **KNOWN)
    assert blanked(place.latest) == blanked(untroubled.latest)
