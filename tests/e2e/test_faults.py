"""A fault of the program itself: told once, no release, and the next run resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import FAULT, Launcher
from testkit.places import Place, blanked, facts, missing, problems

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
    "spiders.promise:Promise.conclude",
    "spiders.base:SpotifySpider.parse",
    "spiders.answers:Answers.items",
    "spiders.search:SpotifySearchSpider.from_crawler",
    "spiders.search:SpotifySearchSpider.call",
    "spiders.search:SpotifySearchSpider.read",
    "spiders.search:SpotifySearchSpider.finish",
    "spiders.opening:known_regime",
    "spiders.opening:Opening.tasks",
    "frontier.planners:TrackSearchPlanner.plan_round",
    # Before it
    "crawl.preflight:check_settings",
    "crawl.preflight:mark_sources",
    # Middlewares and the handler
    "crawl.middlewares.delta:StoreDeltaFetch.__init__",
    "crawl.middlewares.delta:StoreDeltaFetch.run_begun",
    "crawl.middlewares.delta:StoreDeltaFetch._skip",
    "crawl.middlewares.delta:StoreDeltaFetch._stored",
    "crawl.middlewares.in_flight:InFlightFilter.__init__",
    "crawl.middlewares.in_flight:InFlightFilter.process_request",
    "crawl.middlewares.token:SpotifyTokenMiddleware.process_request",
    "crawl.middlewares.token:SpotifyTokenMiddleware.process_response",
    "crawl.handler:ApiDownloadHandler.__init__",
    "crawl.handler:ApiDownloadHandler.download_request",
    "apis.guard:Guard.send",
    # Pipelines
    "crawl.pipelines.normalize:NormalizePipeline.process_item",
    "crawl.pipelines.filter:FilterPipeline.process_item",
    "crawl.pipelines.dedupe:DedupePipeline.process_item",
    "crawl.pipelines.store:StorePipeline.__init__",
    "crawl.pipelines.store:StorePipeline.process_item",
    "crawl.pipelines.store:StorePipeline._commit",
    "enrich.stages:Enrichment.look",
    "enrich.stages:Enrichment.take",
    "enrich.stages:Enrichment.finish",
    "enrich.artists:Artists.look",
    "enrich.artists:Artists.take",
    "enrich.features:Features.begin",
    "enrich.features:Features.look",
    "enrich.features:Features.take",
    "enrich.details:Details.look",
    # Stages and their workers
    "enrich.artists:Artists.finish",
    "enrich.artists:Artists._accept",
    "enrich.features:Features.finish",
    "enrich.features:Features._accept",
    "enrich.details:Details.finish",
    "enrich.editions:Editions.finish",
    "store.facts.editions:lenders",
    "enrich.batches:BatchWorker._start",
    # Extensions
    "crawl.extensions.run_record:RunRecord.__init__",
    "crawl.extensions.run_record:RunRecord._begun",
    "crawl.extensions.run_record:RunRecord._settle",
    "crawl.extensions.run_record:RunRecord._closed",
    "crawl.extensions.progress:Progress._begun",
    "crawl.extensions.progress:Progress._run",
    "crawl.extensions.progress:Progress._closed",
    "crawl.extensions.snapshots:Snapshots._closed",
    "crawl.extensions.publisher:Publisher._publish",
    "crawl.extensions.publisher:_publish",
    "publish.write.release:publish",
]
IN_PLAYLISTS = [
    "spiders.playlist:SpotifyPlaylistSpider.read",
    "spiders.playlist:following_pages",
    "frontier.planners:PlaylistPlanner.plan_round",
]
IN_ENRICH = [
    "spiders.enrich:EnrichSpider.start",
    "spiders.enrich:find_regime",
    "enrich.open_metadata:OpenMetadata.finish",
    "enrich.open_metadata:OpenMetadata._pages",
    "store.facts.open_facts:settle",
]
IN_KEXP = [
    "spiders.radio:RadioSpider.start",
    "spiders.radio:RadioSpider._store",
    "spiders.radio:RadioSpider._tell",
    "apis.kexp.parser:_row",
    "crawl.extensions.run_record:RunRecord._begun",
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
    "crawl.preflight:mark_sources",
    "spiders.base:SpotifySpider.parse",
    "crawl.middlewares.delta:StoreDeltaFetch._stored",
    "crawl.middlewares.in_flight:InFlightFilter.process_request",
    "crawl.handler:ApiDownloadHandler.download_request",
    "crawl.pipelines.store:StorePipeline._commit",
    "enrich.stages:Enrichment.look",
    "enrich.stages:Enrichment.take",
    "enrich.stages:Enrichment.finish",
    "enrich.artists:Artists.look",
    "enrich.artists:Artists.take",
    "enrich.features:Features._accept",
    "store.facts.editions:lenders",
    "crawl.extensions.run_record:RunRecord._begun",
    "crawl.extensions.progress:Progress._run",
    "crawl.extensions.publisher:_publish",
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
    env = place.env(sandbox, BREAKS="store.queue.quota:block")
    done = launched(launcher, *SEARCH, env=env)
    assert done.code == 1
    assert FAULT in done.err
    assert "Traceback" not in done.text


def test_the_trace_is_there_for_those_who_debug(
    place: Place, sandbox: Sandbox, launcher: Launcher
) -> None:
    env = place.env(sandbox, BREAKS="store.facts.editions:lenders")
    done = launched(launcher, *SEARCH, "-L", "DEBUG", env=env)
    assert done.code == 1
    assert "Traceback" in done.err
    assert "enrich/editions.py" in done.err


def test_what_was_committed_stays(
    tmp_path: Path, place: Place, sandbox: Sandbox, launcher: Launcher, untroubled: Place
) -> None:
    breaks(SEARCH, "store.facts.editions:lenders", place, sandbox, launcher)
    tracks = "SELECT count(*) FROM track"
    assert place.query(tracks) == untroubled.query(tracks)
