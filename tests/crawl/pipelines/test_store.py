"""The page's transaction: where each kind of row stands in the accounting."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from runclub_spider.catalog.models import FoundTrack, Playable, Row, RowKind
from runclub_spider.crawl.pipelines.store import StorePipeline
from runclub_spider.crawl.run import Run
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.search import SpotifySearchSpider
from runclub_spider.store.db.tables import track_source
from runclub_spider.store.queue import answered, pages, seeds
from runclub_spider.store.queue.pages import PageKind, PageTask
from testkit.making import a_track, an_id
from tests.conftest import MakeCrawler


def test_an_unknown_row_counts_with_the_null_ones(make_crawler: MakeCrawler) -> None:
    crawler = make_crawler(SpotifySearchSpider)
    store = Run.of(crawler).store
    task = PageTask("spotify_search", PageKind.TRACK_SEARCH, "rock", "US", 0, 50, "g0")
    kinds = [RowKind.UNKNOWN, RowKind.NULL, RowKind.EPISODE, RowKind.LOCAL, RowKind.UNKNOWN]
    item = DiscoveredPage(task, rows=[Row(place, kind) for place, kind in enumerate(kinds)])

    async def stored() -> pages.PageCounts:
        await store.run(lambda c: pages.plan(c, [task]))
        await StorePipeline.from_crawler(crawler).process_item(item)
        return await store.run(lambda c: pages.row_totals(c, PageKind))

    counts = asyncio.run(stored())
    assert (counts.null_rows, counts.episode_rows, counts.local_rows) == (3, 1, 1)
    assert counts.rows == len(kinds)


def test_what_a_search_for_a_song_of_a_station_found_is_found_by_a_search(
    make_crawler: MakeCrawler,
) -> None:
    """The frontier sees it among the tracks that searches showed; the edge names the station."""
    crawler = make_crawler(SpotifySearchSpider)
    store = Run.of(crawler).store
    edge = track_source.c

    async def stored(family: str, term: str, number: int) -> None:
        seed = {"term": term, "search_type": "track", "market": "US", "family": family}
        task = PageTask("spotify_search", PageKind.TRACK_SEARCH, term, "US", 0, 10, "g1")
        track = a_track(number)
        row = Row(0, RowKind.TRACK, track)
        item = DiscoveredPage(task, rows=[row])
        item.judged = [FoundTrack(track, 0, Playable.YES, "is_playable")]
        await store.run(lambda c: seeds.register(c, [seed]))
        await store.run(lambda c: pages.plan(c, [task]))
        await StorePipeline.from_crawler(crawler).process_item(item)

    async def both() -> tuple[list[tuple[str, ...]], dict[str, list[str]]]:
        await stored("kexp", "a song by someone", 1)
        await stored("editorial", "running songs", 2)
        edges = sa.select(edge.source_type, edge.source_key, edge.station).order_by(edge.track_id)
        found = await store.run(lambda c: c.execute(edges).all())
        shown = await store.run(lambda c: list(answered.pages(c, "US")))
        return (
            [tuple(one) for one in found],
            {page.source: [track.track_id for track in page.tracks] for page in shown},
        )

    edges, shown = asyncio.run(both())
    assert sorted(edges, key=str) == [
        ("search", "a song by someone", "kexp"),
        ("search", "running songs", None),
    ]
    assert shown == {"a song by someone": [an_id(1)], "running songs": [an_id(2)]}
