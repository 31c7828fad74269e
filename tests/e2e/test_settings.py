"""Every setting and spider argument that shapes a crawl visibly does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider.apis.spotify.regimes.development import REGIME as DEVELOPMENT
from testkit.places import Place, calls, contents, ids_repeated, repeated

from .running import Run, asked, ids, manifest, rows, seeded

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search")
PLAYLIST = ("crawl", "spotify_playlist")
ONE = ("-a", "max_seeds=1")


def pages(place: Place, kind: str) -> list[tuple[str, int, int]]:
    """Term or list, first row and rows of the pages asked, in planning order."""
    return place.query(
        "SELECT source_key, first_row, row_count FROM page WHERE kind = ? ORDER BY ordinal", kind
    )


@pytest.mark.parametrize(
    ("arguments", "env", "expected"),
    [
        ((), {"PAGE_SIZE": "10", "MAX_RESULTS_PER_SEED": "30"}, [(0, 10), (10, 10), (20, 10)]),
        ((), {"PAGE_SIZE": "30", "MAX_RESULTS_PER_SEED": "50"}, [(0, 30), (30, 20)]),
        ((), {"PAGE_SIZE": "0", "MAX_RESULTS_PER_SEED": "60"}, [(0, 50), (50, 10)]),
        ((), {"PAGE_SIZE": "100", "MAX_RESULTS_PER_SEED": "60"}, [(0, 50), (50, 10)]),
        (("-a", "max_results=20"), {"MAX_RESULTS_PER_SEED": "500"}, [(0, 20)]),
        (("-s", "PAGE_SIZE=15", "-a", "max_results=30"), {}, [(0, 15), (15, 15)]),
    ],
)
def test_page_size_and_results_per_seed(
    arguments: tuple[str, ...],
    env: dict[str, str],
    expected: list[tuple[int, int]],
    place: Place,
    sandbox: Sandbox,
    run: Run,
) -> None:
    run(place, *SEARCH, *ONE, *arguments, **env)
    assert [(first, count) for _, first, count in pages(place, "track_search")] == expected
    # The first page tells the regime as well; where any key may ask it, one question does.
    apart = expected[0][1] <= DEVELOPMENT.search_rows
    assert asked(sandbox)["search_track"] == len(expected) + apart


@pytest.mark.parametrize(("dedupe", "asked_for"), [("1", 2), ("0", 3)])
def test_seed_dedupe(dedupe: str, asked_for: int, place: Place, run: Run) -> None:
    file = seeded(place, "# mine", "70s Country", "  1970s country ", "", "drum & bass")
    run(place, *SEARCH, *file, "-a", "max_results=20", SEED_DEDUPE=dedupe)
    assert len({term for term, _, _ in pages(place, "track_search")}) == asked_for


SEEDS = """
family: custom
track:
  order: 1
  caps: {family: 3}
  templates:
    - patterns: ["{main} {years}"]
      umbrellas: [Rock]
"""


def test_a_yaml_file_of_seeds(place: Place, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SEEDS, encoding="utf-8")
    run(place, *SEARCH, "-a", f"seeds={path}", "-a", "max_results=20")
    terms = [term for term, _, _ in pages(place, "track_search")]
    assert terms == ["rock 1970-1979", "rock 1980-1989", "rock 1990-1999"]


def test_playlist_names_from_a_file(place: Place, run: Run) -> None:
    run(
        place,
        *PLAYLIST,
        *seeded(place, "rock running"),
        "-a",
        "top_playlists=1",
        "-a",
        "max_items=20",
    )
    assert [term for term, _, _ in pages(place, "playlist_search")] == ["rock running"]


@pytest.mark.parametrize("arguments", [("-a", "market=GB"), ("-s", "MARKET=GB")])
def test_market(arguments: tuple[str, ...], place: Place, run: Run) -> None:
    run(place, *SEARCH, *ONE, *arguments, "-a", "max_results=40")
    assert manifest(place)["spotify"]["market"] == "GB"
    assert place.column("SELECT DISTINCT market FROM page") == ["GB"]
    tracks = rows(place, "catalog_wide")
    assert tracks
    assert all("GB" in row["available_primary_markets"] for row in tracks)


def test_primary_markets(place: Place, run: Run) -> None:
    for market in ("US", "GB"):
        run(place, *SEARCH, *ONE, "-a", "max_results=40", "-a", f"market={market}")
    for given, expected in (("gb, de", {"GB", "US"}), ("DE", {"US"})):
        run(place, "publish", PRIMARY_MARKETS=given)
        wide = rows(place, "catalog_wide")
        # Only what was asked is known; the market of the release is always told.
        assert {code for row in wide for code in row["available_primary_markets"]} == expected


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        ((), {"TOP_PLAYLISTS_PER_SEED": "2", "MAX_ITEMS_PER_PLAYLIST": "30"}),
        (("-a", "top_playlists=2", "-a", "max_items=30"), {"TOP_PLAYLISTS_PER_SEED": "4"}),
    ],
)
def test_lists_a_seed_and_rows_a_list(
    arguments: tuple[str, ...], env: dict[str, str], place: Place, sandbox: Sandbox, run: Run
) -> None:
    run(place, *PLAYLIST, *ONE, *arguments, **env)
    assert asked(sandbox)["search_playlist"] == 1
    assert asked(sandbox)["playlist"] == len(pages(place, "playlist")) == 2
    read = place.column("SELECT processed_rows FROM playlist WHERE last_processed_at IS NOT NULL")
    assert len(read) == 2
    assert max(read) == 30


def test_max_seeds_and_family(place: Place, run: Run) -> None:
    run(place, *SEARCH, "-a", "max_seeds=3", "-a", "family=cadence", "-a", "max_results=20")
    assert place.query("SELECT family, count(*) FROM seed GROUP BY family") == [("cadence", 3)]
    assert len(pages(place, "track_search")) == 3


def test_playlists_by_the_page_budget_after_budget(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    for _ in range(2):
        # All that one run asked is known to the next, and the best of the rest comes first.
        run(place, "crawl", "spotify_playlist", "-a", "budget=24", FEATURE_COVERAGE_MIN="0")
    stats = sandbox.stats()
    assert repeated(stats) == 0
    assert sum(calls(stats).values()) <= 48
    read = place.query("SELECT kind, count(*) FROM page WHERE state = 'done' GROUP BY kind")
    assert dict(read).keys() >= {"playlist_search", "playlist"}
    # Chosen one by one: a page that was not asked is not on the queue.
    assert place.column("SELECT count(*) FROM page WHERE state = 'open'") == [0]
    again = run(place, "crawl", "spotify_playlist", "-a", "budget=6", FEATURE_COVERAGE_MIN="0")
    assert "should add about" in again.out


@pytest.mark.parametrize("mode", ["template", "rotation", "deficit"])
def test_frontier_modes(mode: str, place: Place, sandbox: Sandbox, run: Run) -> None:
    run(place, *SEARCH, "-a", "budget=12", "-s", f"FRONTIER={mode}")
    run(place, "verify", str(place.latest))
    assert sum(asked(sandbox).values()) - asked(sandbox)["token"] <= 12


def test_rotation_visits_other_seeds_than_templates_order(tmp_path: Path, run: Run) -> None:
    asked_first = {}
    for mode in ("template", "rotation"):
        place = Place(tmp_path / mode)
        run(place, *SEARCH, "-a", "budget=14", FRONTIER=mode, ROUND_PAGES="6")
        asked_first[mode] = [term for term, _, _ in pages(place, "track_search")]
    assert asked_first["template"] != asked_first["rotation"]


@pytest.mark.parametrize("budget", [1, 2])
def test_a_budget_too_small_for_any_release_is_kept(
    budget: int, place: Place, sandbox: Sandbox, run: Run
) -> None:
    run(place, *SEARCH, *ONE, "-a", f"budget={budget}")
    spent = asked(sandbox)
    # What the first page leaves buys nothing but some of its tracks' enrichment.
    assert (spent["search_track"], sum(spent.values())) == (1, budget + spent["token"])
    run(place, *SEARCH, *ONE, "-a", "max_results=40")
    assert repeated(sandbox.stats()) == 0


def test_a_budget_is_kept_and_the_next_run_goes_on(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    bounded, budget = (*SEARCH, "-a", "max_seeds=4", "-a", "max_results=40"), 7
    for _ in range(2):
        before = asked(sandbox)
        run(place, *bounded, "-a", f"budget={budget}")
        spent = Counter(asked(sandbox)) - Counter(before)
        assert 0 < spent.total() - spent["token"] <= budget
        assert manifest(place)["totals"]["tracks"] > 0
    run(place, *bounded)
    stats = sandbox.stats()
    assert repeated(stats) == 0
    assert set().union(*ids_repeated(stats).values()) == set()
    assert len(pages(place, "track_search")) == 8
    assert manifest(place)["accounting"]["pending"] == 0
    # A few misses are not worth a call of their own, unless one asks for it.
    run(place, "crawl", "enrich", "-a", "force=editions")
    assert asked(sandbox)["recco_track"] == 1


def test_a_run_with_a_budget_ends_where_one_without_does(
    place: Place, tmp_path: Path, run: Run
) -> None:
    bounded = (*SEARCH, "-a", "max_seeds=3", "-a", "max_results=40")
    whole = Place(tmp_path / "whole")
    run(whole, *bounded)
    run(place, *bounded, "-a", "budget=8")
    assert set(ids(place)) < set(ids(whole))
    run(place, *bounded)
    # Which of two duplicates survives is kept from release to release; the rest is the same.
    assert place.query("SELECT track_id FROM track ORDER BY 1") == whole.query(
        "SELECT track_id FROM track ORDER BY 1"
    )
    assert len(ids(place)) == len(ids(whole))


def test_enrich_completes_what_was_left(place: Place, sandbox: Sandbox, run: Run) -> None:
    sandbox.configure(faults={"reccobeats:500": 1})
    done = run(place, *SEARCH, *ONE, code=75, API_RETRIES="0")
    assert "audio features" in done.err
    assert not place.latest.exists()
    sandbox.configure(faults={})
    sandbox.reset_stats()
    run(place, "crawl", "enrich", "-a", "budget=1")
    assert asked(sandbox) == {"recco_features": 1}
    run(place, "crawl", "enrich")
    assert asked(sandbox).keys() == {"recco_features"}
    stats = sandbox.stats()
    assert ids_repeated(stats)["recco_features"] == {}
    eligible = place.column(
        "SELECT count(*) FROM track WHERE track_id NOT IN (SELECT track_id FROM rejection)"
    )
    assert [stats["repeats"]["recco_features"]["ids_asked"]] == eligible
    run(place, "verify", str(place.latest))
    assert manifest(place)["accounting"]["pending"] == 0
    # A few misses are not worth a call of their own, unless one asks for it.
    run(place, "crawl", "enrich", "-a", "force=editions")
    assert asked(sandbox)["recco_track"] == 1


def test_tracks_that_all_wait_for_features_make_no_release(
    place: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(faults={"reccobeats:500": 1})
    run(place, *SEARCH, *ONE, "-a", "max_results=20", code=75, API_RETRIES="0")
    done = run(place, "publish")
    assert "Nothing to publish yet: 20 tracks wait" in done.out
    assert not place.latest.exists()


def test_deltafetch_reset_asks_again(crawled: Place, sandbox: Sandbox, run: Run) -> None:
    before = contents(crawled.latest)
    again = (*SEARCH, "-a", "max_seeds=2", "-a", "max_results=40")
    run(crawled, *again)
    assert asked(sandbox) == {}
    run(crawled, *again, "-a", "deltafetch_reset=1")
    # Two seeds of two pages; their tracks, artists and features are known.
    assert asked(sandbox) == {"search_track": 4, "token": 1}
    run(crawled, "verify", str(crawled.latest))
    after = contents(crawled.latest)
    assert after["cached_artists.jsonl"] == before["cached_artists.jsonl"]
    assert after["audio_features.jsonl"] == before["audio_features.jsonl"]


def test_deltafetch_can_be_turned_off(crawled: Place, sandbox: Sandbox, run: Run) -> None:
    run(crawled, *SEARCH, "-a", "max_seeds=2", "-a", "max_results=40", "-s", "DELTAFETCH_ENABLED=0")
    run(crawled, "verify", str(crawled.latest))


def test_autothrottle(place: Place, crawled: Place, run: Run) -> None:
    bounded = (*SEARCH, "-a", "max_seeds=2", "-a", "max_results=40")
    run(place, *bounded, "-s", "AUTOTHROTTLE_ENABLED=1")
    searched = "SELECT track_id FROM track_source WHERE source_type = 'search' ORDER BY 1"
    assert place.query(searched) == crawled.query(searched)
    run(place, "verify", str(place.latest))
