"""The stages of a run: in the table's order, earlier work first, and no error unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED
from runclub_spider.crawl.outcome import FAILED, FINISHED
from runclub_spider.crawl.run import Run
from runclub_spider.enrich.order import STAGES, after_discovery, all_stages, services
from runclub_spider.enrich.stages import Enricher, Enrichment
from runclub_spider.errors import StoreError
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.search import SpotifySearchSpider
from runclub_spider.store.queue.pages import PageKind, PageTask
from tests.conftest import MakeCrawler

TASK = PageTask("spotify_search", PageKind.TRACK_SEARCH, "rock", "US", 0, 50, "g0")


class Noted(Enricher):
    """Writes down what it is told; raises what its run says it should."""

    services = ()

    def __init__(self, run: Any) -> None:
        super().__init__(run)
        self.said: list[str] = run.said

    def look(
        self, connection: sa.Connection, eligible: Sequence[str], curable: Sequence[str]
    ) -> list[str]:
        return [*eligible] if self.name == "first" else []

    async def begin(self) -> None:
        self.said.append(f"{self.name} begins")

    def take(self, ids: Sequence[str]) -> None:
        self.said.append(f"{self.name} takes {' '.join(ids)}")

    async def finish(self) -> None:
        await asyncio.sleep(0)
        if error := self.run.errors.get(self.name):
            raise error
        self.said.append(f"{self.name} finishes")


class First(Noted):
    name = "first"


class Beside(Noted):
    name = "beside"


class Second(Noted):
    name = "second"


class Alone(Noted):
    name = "alone"
    after_discovery = False


TABLE = ((First, Beside), (Second,), (Alone,))


@pytest.fixture
def run(make_crawler: MakeCrawler) -> Any:
    found: Any = Run.of(make_crawler(SpotifySearchSpider))
    found.said, found.errors = [], {}
    found.key.may(EXTENDED)
    return found


def test_what_earlier_runs_left_comes_before_the_first_page(run: Any) -> None:
    stages, page = Enrichment(run, TABLE), DiscoveredPage(TASK)

    async def pages() -> None:
        for _ in range(2):
            await run.store.run(lambda c: stages.look(c, page, ["a", "b"], []))
            await stages.take(page)

    asyncio.run(pages())
    begun = ["first begins", "beside begins", "second begins"]
    assert run.said == [*begun, "first takes a b", "first takes a b"]


def test_a_row_waits_for_the_one_before(run: Any) -> None:
    asyncio.run(Enrichment(run, TABLE).finish())
    ends = [one for one in run.said if one.endswith("finishes")]
    assert set(ends[:2]) == {"first finishes", "beside finishes"}
    assert ends[2:] == ["second finishes", "alone finishes"]
    assert run.outcome.result == FINISHED


def test_without_a_regime_only_those_are_left_that_need_none(run: Any) -> None:
    run.key.may(None)
    asyncio.run(Enrichment(run, TABLE).finish())
    assert run.said == ["alone finishes"]


@pytest.mark.parametrize(("stage", "after"), [("first", 1), ("beside", 1), ("second", 2)])
def test_what_a_stage_raises_ends_the_run(run: Any, stage: str, after: int) -> None:
    run.errors[stage] = LookupError("nobody expected this")
    asyncio.run(Enrichment(run, TABLE).finish())
    assert (run.outcome.result, run.outcome.code) == (FAILED, 1)
    assert "LookupError: nobody expected this" in run.outcome.reasons[0]
    # Its neighbour is through, and nothing behind it begins.
    assert len([one for one in run.said if one.endswith("finishes")]) == after


def test_an_error_that_was_foreseen_keeps_its_words_and_exit_code(run: Any) -> None:
    run.errors["second"] = StoreError("the store is damaged")
    asyncio.run(Enrichment(run, TABLE).finish())
    assert run.outcome.reasons == ["the store is damaged"]
    assert run.outcome.code == StoreError.exit_code


def test_a_stop_is_no_error(run: Any) -> None:
    run.errors["first"] = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Enrichment(run, TABLE).finish())
    assert run.outcome.result == FINISHED


def test_the_table_names_each_stage_once(run: Any) -> None:
    names = [stage.name for row in STAGES for stage in row]
    assert len(names) == len(set(names))
    for made in (after_discovery(run), all_stages(run)):
        assert {one.name for one in made._all()} <= set(names)
    assert {one.name for one in services()} >= {"spotify", "reccobeats", "musicbrainz"}
