"""The pipelines' order, and the verdicts of those that need no store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scrapy.settings import Settings
from scrapy.utils.conf import build_component_list
from scrapy.utils.misc import load_object

from runclub_spider.catalog.models import Playable, Row, RowKind, Track
from runclub_spider.catalog.rules import RULES
from runclub_spider.crawl.pipelines.dedupe import DedupePipeline
from runclub_spider.crawl.pipelines.filter import FilterPipeline
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.search import SpotifySearchSpider
from runclub_spider.store.queue.pages import PageKind, PageTask
from testkit.making import a_track, an_id
from tests.conftest import MakeCrawler

ORDER = ["Normalize", "Filter", "Dedupe", "Store"]


def test_order() -> None:
    settings = Settings()
    settings.setmodule("runclub_spider.settings")
    found = build_component_list(settings.getwithbase("ITEM_PIPELINES"))
    assert [load_object(path).__name__ for path in found] == [f"{one}Pipeline" for one in ORDER]


def page(*tracks: Track) -> DiscoveredPage:
    task = PageTask("spotify_search", PageKind.TRACK_SEARCH, "rock", "US", 0, 50, "g1")
    rows = [Row(number, RowKind.TRACK, track) for number, track in enumerate(tracks)]
    return DiscoveredPage(task, rows=[*rows, Row(len(rows), RowKind.NULL)])


def test_the_filter_judges_and_drops_nothing(make_crawler: MakeCrawler) -> None:
    crawler = make_crawler(SpotifySearchSpider, MIN_DURATION_MS=150_000)
    item = page(
        a_track(1, duration_ms=150_000, is_playable=True),
        a_track(2, duration_ms=149_999, is_playable=True),
        a_track(3, duration_ms=360_001, is_playable=True),
        a_track(4, duration_ms=200_000, is_playable=False),
        a_track(5, duration_ms=200_000, is_playable=None, available_markets=("US", "GB")),
        a_track(6, duration_ms=200_000, is_playable=None, available_markets=None),
        a_track(7, name="Song 7 (Karaoke Version)", is_playable=True),
    )
    found = FilterPipeline.from_crawler(crawler).process_item(item)
    assert len(found.rows) == 8
    assert [judged.track.track_id for judged in found.judged] == [an_id(n) for n in range(1, 8)]
    refused = {rule: crawler.stats.get_value(f"runclub/rejected/{rule}") for rule in RULES}
    assert {str(rule): number for rule, number in refused.items() if number} == {
        "too_short": 1,
        "too_long": 1,
        "unplayable": 1,
        "playability_unknown": 1,
        "content_karaoke": 1,
    }
    assert found.judged[4].basis == "available_markets"
    assert found.judged[5].playable is Playable.UNKNOWN
    assert crawler.stats.get_value("runclub/rows/null") == 1


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (PageKind.TRACK_SEARCH, False),
        (PageKind.TRACK_SEARCH, True),
        (PageKind.PLAYLIST_ITEMS, False),
    ],
)
def test_a_search_that_says_nothing_of_playability_serves_its_market(
    make_crawler: MakeCrawler, kind: PageKind, told: bool
) -> None:
    crawler = make_crawler(SpotifySearchSpider)
    item = page(
        a_track(1, is_playable=None),
        a_track(2, is_playable=None, restriction="explicit"),
        a_track(3, is_playable=None, restriction="market"),
        *([a_track(4)] if told else ()),
    )
    item.task = replace(item.task, kind=kind)
    judged = FilterPipeline.from_crawler(crawler).process_item(item).judged
    # A playlist lists what its market may not play as well, and a row that is told apart from
    # its neighbours is no silence.
    silent = kind is PageKind.TRACK_SEARCH and not told
    assert [(one.playable, one.basis) for one in judged[:3]] == [
        (Playable.YES, "search_market") if silent else (Playable.UNKNOWN, "none"),
        (Playable.UNKNOWN, "none"),
        (Playable.NO, "restrictions"),
    ]


def test_the_filter_counts_every_row_by_its_categories(make_crawler: MakeCrawler) -> None:
    crawler = make_crawler(SpotifySearchSpider)
    item = page(
        a_track(1),
        a_track(2, restriction="market"),
        a_track(3, linked_from=a_track(4).track_id, restriction="explicit"),
    )
    item.rows += [Row(4, kind) for kind in RowKind if kind is not RowKind.TRACK]
    FilterPipeline.from_crawler(crawler).process_item(item)
    wanted = {"track": 3, "restricted": 2, "relinked": 1, "null": 2}
    wanted |= {"local": 1, "episode": 1, "unknown": 1}
    found = crawler.stats.get_stats()
    assert {k.removeprefix("runclub/rows/"): n for k, n in found.items() if "/rows/" in k} == wanted


def test_dedupe_keeps_the_first_row_of_an_id(make_crawler: MakeCrawler) -> None:
    crawler = make_crawler(SpotifySearchSpider)
    item = page(a_track(1), a_track(2), a_track(1), a_track(1))
    judged = FilterPipeline.from_crawler(crawler).process_item(item)
    found = DedupePipeline.from_crawler(crawler).process_item(judged)
    assert [(one.track.track_id, one.position) for one in found.judged] == [
        (a_track(1).track_id, 0),
        (a_track(2).track_id, 1),
    ]
    assert crawler.stats.get_value("runclub/repeats_on_page") == 2
