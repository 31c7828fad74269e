"""A fault of the program itself: told once, no release, and the next run resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from runclub_spider.sandbox.testing import Sandbox
from tests.resilience.killer import FAULT, Launcher
from tests.resilience.running import Place, blanked, facts, missing, problems

from .running import Run, launched, one_line

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=1", "-a", "max_results=40")
PLAYLIST = (
    *("crawl", "spotify_playlist", "-a", "max_seeds=1"),
    *("-a", "top_playlists=1", "-a", "max_items=40"),
)
ENRICH = ("crawl", "enrich")
KEXP = ("crawl", "kexp", "-a", "page_limit=1")
CONTACT = {"OPEN_METADATA_CONTACT": "owner@example.org"}

# Where a page's way leads, and the stages, the run's frame and the release behind it.
PLACES = [
    # The spider
    "spiders.base:SpotifySpider.start",
    "spiders.base:SpotifySpider._open",
    "spiders.base:SpotifySpider.conclude",
    "spiders.base:SpotifySpider.parse",
    "spiders.spotify_search:SpotifySearchSpider.from_crawler",
    "spiders.spotify_search:SpotifySearchSpider.call",
    "spiders.spotify_search:SpotifySearchSpider.read",
    "spiders.spotify_search:SpotifySearchSpider.finish",
    "spiders.base:find_regime",
    "frontier.planners:TrackSearchPlanner.plan_round",
    # Before it
    "crawling:preflight",
    "preflight:mark_sources",
    # Middlewares and the handler
    "middlewares.delta:StoreDeltaFetch.__init__",
    "middlewares.delta:StoreDeltaFetch.spider_opened",
    "middlewares.delta:StoreDeltaFetch._skip",
    "middlewares.delta:StoreDeltaFetch._stored",
    "middlewares.once:AskOnce.__init__",
    "middlewares.once:AskOnce.process_request",
    "middlewares.page_filter:PageFilter.request_seen",
    "middlewares.token:SpotifyTokenMiddleware.process_request",
    "middlewares.token:SpotifyTokenMiddleware.process_response",
    "handlers.api:ApiDownloadHandler.__init__",
    "handlers.api:ApiDownloadHandler.download_request",
    "apis.guard:Guard.send",
    # Pipelines
    "pipelines.normalize:NormalizePipeline.process_item",
    "pipelines.filter:FilterPipeline.process_item",
    "pipelines.dedupe:DedupePipeline.process_item",
    "pipelines.store:StorePipeline.__init__",
    "pipelines.store:StorePipeline.process_item",
    "pipelines.store:StorePipeline._commit",
    "pipelines.artists:ArtistsPipeline.process_item",
    "pipelines.features:FeaturesPipeline.process_item",
    "pipelines.borrow:BorrowPipeline.process_item",
    "pipelines.details:DetailsPipeline.process_item",
    "pipelines.open_metadata:OpenMetadataPipeline.process_item",
    # Stages and their workers
    "pipelines.artists:ArtistsPipeline._drain",
    "pipelines.artists:ArtistsPipeline._accept",
    "pipelines.features:FeaturesPipeline._drain",
    "pipelines.features:FeaturesPipeline._accept",
    "pipelines.details:DetailsPipeline._drain",
    "pipelines.borrow:BorrowPipeline._borrow",
    "store.editions:lenders",
    "enrichment:BatchWorker._start",
    # Extensions
    "extensions.run_record:RunRecord.__init__",
    "extensions.run_record:RunRecord._opened",
    "extensions.run_record:RunRecord._settle",
    "extensions.run_record:RunRecord._closed",
    "extensions.progress:Progress._opened",
    "extensions.progress:Progress._run",
    "extensions.progress:Progress._closed",
    "extensions.snapshots:Snapshots._closed",
    "extensions.publisher:Publisher._publish",
    "extensions.publisher:_publish",
    "publish.release:publish",
]
IN_PLAYLISTS = [
    "spiders.spotify_playlist:SpotifyPlaylistSpider.read",
    "spiders.spotify_playlist:following_pages",
    "frontier.planners:PlaylistPlanner.plan_round",
]
IN_ENRICH = [
    "spiders.enrich:EnrichSpider.start",
    "spiders.enrich:find_regime",
    "pipelines.open_metadata:OpenMetadataPipeline._run",
    "pipelines.open_metadata:OpenMetadataPipeline._pages",
    "store.open_facts:settle",
]
IN_KEXP = [
    "spiders.kexp:KexpSpider.start",
    "spiders.kexp:KexpSpider._store",
    "spiders.kexp:KexpSpider._tell",
    "spiders.kexp:parse_plays",
    "extensions.run_record:RunRecord._opened",
]


def breaks(
    argv: tuple[str, ...], what: str, place: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    """Run with one function broken: the run says so in one line, and ends with 1."""
    before = place.latest.readlink() if place.latest.is_symlink() else None
    env = place.env(sandbox, BREAKS=what, **CONTACT)
    done = launched(launcher, *argv, env=env)
    line = one_line(done)
    assert done.code == 1, done.text
    assert line.startswith("scrapy crawl: a fault of this program in ")
    assert f"LookupError: {FAULT}; please report it, -L DEBUG shows where" in line
    assert (place.latest.readlink() if place.latest.is_symlink() else None) == before
    if place.store.exists():
        assert place.query("PRAGMA integrity_check") == [("ok",)]
        assert place.query("PRAGMA foreign_key_check") == []


@pytest.fixture(scope="module")
def untroubled(
    served: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    """The search without a fault; not to be changed."""
    place = Place(tmp_path_factory.mktemp("untroubled") / "place")
    done = launched(launcher, *SEARCH, env=place.env(served, **CONTACT))
    assert done.code == 0, done.text
    return place


# One of each sort; the others for the long run.
SHORT = {
    "preflight:mark_sources",
    "spiders.base:SpotifySpider.parse",
    "middlewares.delta:StoreDeltaFetch._stored",
    "middlewares.once:AskOnce.process_request",
    "handlers.api:ApiDownloadHandler.download_request",
    "pipelines.store:StorePipeline._commit",
    "pipelines.artists:ArtistsPipeline.process_item",
    "pipelines.features:FeaturesPipeline._accept",
    "store.editions:lenders",
    "extensions.run_record:RunRecord._opened",
    "extensions.progress:Progress._run",
    "extensions.publisher:_publish",
}


@pytest.mark.parametrize(
    "what",
    [pytest.param(one, marks=() if one in SHORT else pytest.mark.full) for one in PLACES],
)
def test_a_search_ends_and_the_next_one_resumes(
    what: str, untroubled: Place, place: Place, sandbox: Sandbox, launcher: Launcher, run: Run
) -> None:
    breaks(SEARCH, what, place, sandbox, launcher)
    assert not place.latest.exists()
    run(place, *SEARCH, **CONTACT)
    assert problems(place) == []
    assert missing(facts(untroubled), facts(place)) == {}
    assert blanked(place.latest) == blanked(untroubled.latest)


@pytest.mark.parametrize("what", IN_PLAYLISTS)
def test_playlists(what: str, place: Place, sandbox: Sandbox, launcher: Launcher, run: Run) -> None:
    breaks(PLAYLIST, what, place, sandbox, launcher)
    run(place, *PLAYLIST)


@pytest.mark.parametrize("what", IN_ENRICH)
def test_enrich(what: str, crawled: Place, sandbox: Sandbox, launcher: Launcher, run: Run) -> None:
    breaks(ENRICH, what, crawled, sandbox, launcher)
    run(crawled, *ENRICH, **CONTACT)


@pytest.mark.parametrize("what", IN_KEXP)
def test_kexp(what: str, place: Place, sandbox: Sandbox, launcher: Launcher, run: Run) -> None:
    breaks(KEXP, what, place, sandbox, launcher)
    run(place, *KEXP)


def test_a_fault_in_an_errback(place: Place, sandbox: Sandbox, launcher: Launcher) -> None:
    sandbox.configure(faults={"500": 1})
    argv = (*SEARCH, "-s", "API_RETRIES=0", "-s", "SPOTIFY_PROFILE=extended")
    breaks(argv, "spiders.base:SpotifySpider.give_up", place, sandbox, launcher)


def test_a_fault_in_what_is_written_on_the_side(
    place: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    sandbox.configure(daily_quota={"search": 1})
    env = place.env(sandbox, BREAKS="store.quota:block")
    done = launched(launcher, *SEARCH, env=env)
    assert done.code == 1
    assert FAULT in done.err
    assert "Traceback" not in done.text


def test_the_trace_is_there_for_those_who_debug(
    place: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    env = place.env(sandbox, BREAKS="store.editions:lenders")
    done = launched(launcher, *SEARCH, "-L", "DEBUG", env=env)
    assert done.code == 1
    assert "Traceback" in done.err
    assert "pipelines/borrow.py" in done.err


def test_what_was_committed_stays(
    tmp_path: Path, place: Place, sandbox: Sandbox, launcher: Launcher, untroubled: Place
) -> None:
    breaks(SEARCH, "store.editions:lenders", place, sandbox, launcher)
    tracks = "SELECT count(*) FROM track"
    assert place.query(tracks) == untroubled.query(tracks)
