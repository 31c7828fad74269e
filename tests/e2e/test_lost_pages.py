"""Whatever loses a page, the run comes to its end, says so, and the next run asks it again."""

from __future__ import annotations

import json

import pytest

from runclub_sandbox.testing import Sandbox
from runclub_spider import settings
from testkit.places import Place, problems

from .running import Run, asked, seeded

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=20")
HERE = "tests.e2e.components"


def added(setting: str, name: str, place: int) -> tuple[str, str]:
    components = {**getattr(settings, setting), f"{HERE}.{name}": place}
    return "-s", f"{setting}={json.dumps(components)}"


WAYS = {
    "a middleware that ignores": added("DOWNLOADER_MIDDLEWARES", "Ignores", 40),
    "a middleware that ignores answers": added("DOWNLOADER_MIDDLEWARES", "IgnoresAnswers", 40),
    "an extension that refuses to schedule": added("EXTENSIONS", "Unschedules", 500),
    "a middleware that swallows requests": added("SPIDER_MIDDLEWARES", "SwallowsStart", 50),
    "a middleware that swallows items": added("SPIDER_MIDDLEWARES", "SwallowsOutput", 50),
    "a pipeline that drops": added("ITEM_PIPELINES", "Drops", 350),
    "a filter that has seen all": ("-s", f"DUPEFILTER_CLASS={HERE}.SeenAll"),
    "addresses that are too long": ("-s", "URLLENGTH_LIMIT=40"),
}


@pytest.mark.parametrize("way", WAYS)
def test_lost_pages_are_put_off(way: str, place: Place, sandbox: Sandbox, run: Run) -> None:
    known = ("-s", "SPOTIFY_PROFILE=extended")
    done = run(place, *SEARCH, *known, *WAYS[way], code=75)
    assert "scrapy crawl: a page was put off (" in done.err
    assert "the same command resumes" in done.err
    assert done.err.count("scrapy crawl: ") == 2
    assert not place.latest.exists()
    assert place.column("SELECT DISTINCT state FROM page") == ["open"]
    assert place.column("SELECT result FROM run") == ["incomplete"]
    waiting = len(place.column("SELECT key FROM page"))
    sandbox.reset_stats()
    run(place, *SEARCH, *known)
    assert asked(sandbox)["search_track"] == waiting == 2
    assert problems(place) == []


def test_lost_batches_are_put_off(place: Place, sandbox: Sandbox, run: Run) -> None:
    known = ("-s", "SPOTIFY_PROFILE=extended")
    way = added("DOWNLOADER_MIDDLEWARES", "IgnoresFeatures", 40)
    done = run(place, *SEARCH, *known, *way, code=75)
    assert "audio features: a batch was put off (" in done.err
    assert not place.latest.exists()
    run(place, *SEARCH, *known)
    assert place.column("SELECT count(*) FROM audio_features") != [0]
    assert problems(place) == []


def test_a_term_of_many_bytes_is_asked(place: Place, run: Run) -> None:
    """As long as a term may be, each character of it nine in the address."""
    run(place, "crawl", "spotify_search", *seeded(place, "長" * 230))
    assert place.column("SELECT state FROM page") == ["done"]
