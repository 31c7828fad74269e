"""Every spider builds, and refuses arguments before it asks anything."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.settings import Settings
from scrapy.spiderloader import SpiderLoader

from runclub_spider.crawl.run import Run
from runclub_spider.errors import ConfigurationError
from tests.conftest import MakeCrawler

SETTINGS = Settings()
SETTINGS.setmodule("runclub_spider.settings")
LOADER = SpiderLoader.from_settings(SETTINGS)


def test_the_spiders_of_the_contract_are_there() -> None:
    assert set(LOADER.list()) == {"enrich", "kexp", "spotify_playlist", "spotify_search"}


@pytest.mark.parametrize("name", LOADER.list())
def test_it_builds_and_takes_a_budget(name: str, make_crawler: MakeCrawler) -> None:
    spider: Any = LOADER.load(name)
    crawler = make_crawler(spider)
    built = spider.from_crawler(crawler, budget="12")
    assert built.name == name
    assert built.args.budget == Run.of(crawler).budget.limit == 12


@pytest.mark.parametrize("name", LOADER.list())
@pytest.mark.parametrize("given", [{"budget": "0"}, {"budget": "x"}, {"colour": "blue"}])
def test_it_refuses_wrong_arguments(name: str, given: dict[str, str]) -> None:
    spider: Any = LOADER.load(name)
    (argument,) = given
    with pytest.raises(ConfigurationError, match=argument) as error:
        spider.arguments.read(name, given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("market", "cure"), [("UK", "use GB"), ("XX", "such as"), ("USA", "two-letter")]
)
def test_a_market_that_is_none_is_told_with_the_one_that_was_meant(market: str, cure: str) -> None:
    for name in ("spotify_search", "spotify_playlist"):
        spider: Any = LOADER.load(name)
        with pytest.raises(ConfigurationError, match=f"market.*{cure}"):
            spider.arguments.read(name, {"market": market})


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("spotify_search", {"market": " gb "}, {"market": "GB"}),
        ("spotify_search", {"max_results": "1000"}, {"max_results": 1000}),
        ("spotify_playlist", {"max_items": "11000", "top_playlists": "50"}, {"max_items": 11_000}),
        ("enrich", {"deltafetch_reset": "true"}, {"deltafetch_reset": True}),
        ("enrich", {"force": "artists,features"}, {"force": frozenset({"artists", "features"})}),
    ],
)
def test_it_reads_right_ones(name: str, given: dict[str, str], expected: dict[str, Any]) -> None:
    spider: Any = LOADER.load(name)
    found = spider.arguments.read(name, given).model_dump()
    assert {argument: found[argument] for argument in expected} == expected


def test_the_market_of_the_arguments_wins(make_crawler: MakeCrawler) -> None:
    spider: Any = LOADER.load("spotify_search")
    crawler = make_crawler(spider, MARKET="US")
    assert spider.from_crawler(crawler, market="gb").run.config.market == "GB"
