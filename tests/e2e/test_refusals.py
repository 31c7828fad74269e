"""A refusal that concerns the whole run ends it: no page is marked, no seed is retired."""

from __future__ import annotations

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place, blanked, repeated
from testkit.serving import Reply, Visit, json_reply

from .relaying import relaying, through
from .running import Run, one_line

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=8", "-a", "max_results=20")
PLAYLIST = (
    *("crawl", "spotify_playlist", "-a", "max_seeds=1"),
    *("-a", "top_playlists=1", "-a", "max_items=40"),
)
# The regime is known, so that the refusal meets pages and not the probe.
KNOWN = {"SPOTIFY_PROFILE": "extended"}


def refusal(status: int, message: str) -> Reply:
    return json_reply({"error": {"status": status, "message": message}}, status)


MARKET = refusal(400, "Invalid market code")
UNMARKED = (
    "SELECT (SELECT count(*) FROM page WHERE state = 'done'), "
    "(SELECT count(*) FROM seed WHERE state <> 'fresh')"
)


@pytest.mark.parametrize(
    ("reply", "says", "calls"),
    [
        (MARKET, "market FR (400: Invalid market code)", 4),
        (refusal(400, "Bad search type field"), "Bad search type field", 4),
        (refusal(403, "Your app was disabled"), "dashboard", 4),
        # These may be a page's own: only when five seeds are refused alike it is the run.
        (refusal(400, "Invalid value"), "every search is refused, 5 of 5", 8),
        (refusal(404, "Service not found"), "every search is refused, 5 of 5", 8),
    ],
)
def test_the_run_ends_and_the_next_one_has_lost_nothing(
    reply: Reply, says: str, calls: int, place: Place, sandbox: Sandbox, run: Run
) -> None:
    argv = (*SEARCH, "-a", "market=FR")

    def refuse(visit: Visit) -> Reply | None:
        return reply if visit.path.endswith("/v1/search") else None

    with relaying(sandbox, refuse) as relay:
        done = run(place, *argv, code=1, **KNOWN, **through(relay))
        asked = [visit for visit in relay.seen if visit.path.endswith("/search")]
    assert says in one_line(done)
    # Those on their way when it was known; none is sent after.
    assert len(asked) <= calls
    assert place.query(UNMARKED) == [(0, 0)]
    assert not place.latest.exists()
    run(place, *argv, **KNOWN)
    assert repeated(sandbox.stats()) == 0
    untroubled = Place(place.root.with_name("untroubled"))
    run(untroubled, *argv, **KNOWN)
    assert blanked(place.latest) == blanked(untroubled.latest)


def test_a_market_refused_to_the_probe(place: Place, sandbox: Sandbox, run: Run) -> None:
    with relaying(sandbox, lambda visit: MARKET if "/search" in visit.path else None) as relay:
        done = run(place, *SEARCH, "-a", "market=FR", code=1, **through(relay))
    assert "market FR (400: Invalid market code)" in one_line(done)
    assert place.query(UNMARKED) == [(0, 0)]


def test_a_first_page_that_is_refused_for_itself_says_nothing_of_the_key(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    refused = set[str]()

    def refuse(visit: Visit) -> Reply | None:
        if visit.path.endswith("/search") and len(refused | {visit.target}) == 1:
            refused.add(visit.target)
            return refusal(400, "Invalid value")
        return None

    with relaying(sandbox, refuse) as relay:
        run(place, *SEARCH, **through(relay))
        asked = [visit.target for visit in relay.seen if visit.path.endswith("/search")]
    assert place.query("SELECT state, count(*) FROM page GROUP BY state") == [("done", 8)]
    # Eight pages, and one question for the key's sake.
    assert len(asked) == len(set(asked)) == 9


def test_four_refused_searches_are_pages_of_their_own(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    refused = set[str]()

    def refuse(visit: Visit) -> Reply | None:
        if visit.path.endswith("/search") and len(refused | {visit.target}) <= 4:
            refused.add(visit.target)
            return refusal(400, "Invalid value")
        return None

    with relaying(sandbox, refuse) as relay:
        run(place, *SEARCH, **KNOWN, **through(relay))
    assert place.query("SELECT state, count(*) FROM page GROUP BY state") == [("done", 8)]
    assert place.latest.exists()


def test_few_seeds_of_which_all_are_refused(place: Place, sandbox: Sandbox, run: Run) -> None:
    def refuse(visit: Visit) -> Reply | None:
        return refusal(400, "Invalid value") if visit.path.endswith("/search") else None

    argv = (*SEARCH[:2], "-a", "max_seeds=2", "-a", "max_results=20")
    with relaying(sandbox, refuse) as relay:
        run(place, *argv, **KNOWN, **through(relay))
    assert place.query("SELECT state, count(*) FROM page GROUP BY state") == [("done", 2)]


def test_lists_that_are_not_found_are_lists_of_their_own(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    argv = (*PLAYLIST[:2], "-a", "max_seeds=2", "-a", "top_playlists=5")

    def refuse(visit: Visit) -> Reply | None:
        return refusal(404, "Not found") if "/playlists/" in visit.path else None

    with relaying(sandbox, refuse) as relay:
        run(place, *argv, **KNOWN, **through(relay))
    assert place.column("SELECT count(*) FROM playlist WHERE state = 'gone'")[0] > 5


@pytest.mark.parametrize("where", ["/playlists/", "/artists"])
def test_refusals_of_the_account_met_elsewhere(
    where: str, place: Place, sandbox: Sandbox, run: Run
) -> None:
    def refuse(visit: Visit) -> Reply | None:
        return refusal(403, "Your account was suspended") if where in visit.path else None

    with relaying(sandbox, refuse) as relay:
        done = run(place, *PLAYLIST, code=1, **KNOWN, **through(relay))
    assert "suspended" in one_line(done)
    assert not place.latest.exists()
    run(place, *PLAYLIST, **KNOWN)
