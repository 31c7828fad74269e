"""Stores answered pages: each whole, with its mark, in one transaction, which others may share."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from scrapy.exceptions import DropItem

from runclub_spider.catalog.families import station_of
from runclub_spider.catalog.models import Row, RowKind
from runclub_spider.config import utc_now
from runclub_spider.crawl.run import Run
from runclub_spider.errors import StoreWriteError
from runclub_spider.items import DiscoveredPage
from runclub_spider.store import tombstones
from runclub_spider.store.db import meta
from runclub_spider.store.facts import tracks
from runclub_spider.store.facts.tracks import Source
from runclub_spider.store.fleet import leases
from runclub_spider.store.queue import pages, playlists, seeds
from runclub_spider.store.queue.pages import PageCounts, PageKind

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class NotStored(DropItem):
    """The page could not be committed; it stays open for the next run."""


class StorePipeline:
    """Commits the page, then hands what it left pending to those who complete tracks."""

    def __init__(self, crawler: Crawler) -> None:
        self._run = Run.of(crawler)
        self._stats = crawler.stats
        # Pages that wait for their commit.
        self._waiting = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> StorePipeline:
        """Scrapy's constructor."""
        return cls(crawler)

    async def process_item(self, item: DiscoveredPage) -> DiscoveredPage:
        """Store one page; without a store that takes it, the run comes to its end."""
        if not self._run.begun:
            # `scrapy parse --pipelines`: there is no run whose page it could be.
            return item
        # Now, for then it holds this page and those that were answered before.
        noted = self._run.filters.noted() if item.task.kind is PageKind.TRACK_SEARCH else None
        try:
            stored = self._run.store.share(lambda c: self._commit(c, item, noted))
            self._waiting += 1
            try:
                if self._waiting >= self._run.queue.outstanding:
                    # The next pages are planned when these are stored.
                    self._run.store.hurry()
                eligible_new = await stored
            finally:
                self._waiting -= 1
        except StoreWriteError as error:
            self._run.outcome.failed(error)
            raise NotStored(str(error)) from None
        self._stats.inc_value("runclub/pages_stored")
        self._stats.inc_value("runclub/eligible_new", eligible_new)
        if self._run.stages is not None:
            await self._run.stages.take(item)
        return item

    def _commit(self, connection: sa.Connection, item: DiscoveredPage, noted: str | None) -> int:
        mine = self._consumed(connection, item.task.key)
        if noted is not None:
            member = self._run.member
            self._run.filters.keep(connection, noted, member.plan_id if member else None)
        if not mine:
            return 0
        now, task, run = utc_now(), item.task, self._run
        gone = tombstones.buried(connection, (j.track for j in item.judged))
        if gone:
            # As if the API had given nothing there: neither stored nor counted as a track.
            item.judged = [j for j in item.judged if j.track.track_id not in gone]
            item.rows = [
                Row(row.position, RowKind.NULL) if row.track and row.track.track_id in gone else row
                for row in item.rows
            ]
        saved = tracks.save(
            connection,
            item.judged,
            _source(connection, item),
            policy=replace(run.config.policy, market=task.market),
            run_id=run.record.number,
            now=now,
        )
        eligible = sorted(saved.eligible)
        eligible_new = len(saved.eligible & saved.new)
        counts = _counts(item)
        playlists.record(connection, item.playlists, now)
        # Only a list's first page opens a reading; later pages chain within it.
        pages.plan(connection, item.following, again=task.kind is PageKind.PLAYLIST, behind=task)
        pages.mark_done(
            connection,
            task,
            counts=counts,
            run_id=run.record.number,
            now=now,
            content=item.refused or [*item.rows, *item.playlists],
        )
        self._advance(connection, item, counts, run.record.number, now)
        if item.rows:
            meta.touch(connection)
        if item.judged and run.stages is not None:
            run.stages.look(connection, item, eligible, sorted(saved.curable))
        return eligible_new

    def _consumed(self, connection: sa.Connection, key: str) -> bool:
        """Whether a page is this run's to store: open, and not given to somebody else meanwhile."""
        token = self._run.queue.leases.get(key)
        if token is None:
            return pages.is_open(connection, key)
        return leases.consume(connection, key, token)

    @staticmethod
    def _advance(
        connection: sa.Connection,
        item: DiscoveredPage,
        counts: PageCounts,
        run_id: int,
        now: int,
    ) -> None:
        """Move the ledger of the page's source: seed or playlist."""
        task = item.task
        if task.kind is PageKind.TRACK_SEARCH:
            seeds.advance(
                connection,
                (task.source_key, "track", task.market),
                state=seeds.RUNNING if item.more else seeds.EXHAUSTED,
                next_offset=task.first_row + task.row_count,
                offset=task.first_row,
                now=now,
                rows=counts.rows,
            )
        elif task.kind is PageKind.PLAYLIST_SEARCH:
            playlists.list_for(
                connection,
                task.source_key,
                task.market,
                [row.playlist_id for row in item.playlists],
            )
            seeds.advance(
                connection,
                (task.source_key, "playlist", task.market),
                state=seeds.SEARCHED,
                next_offset=task.row_count,
                offset=0,
                now=now,
                rows=len(item.playlists),
            )
        elif item.refused:
            playlists.mark_gone(connection, task.source_key, now)
        else:
            playlists.settle(
                connection,
                task.source_key,
                snapshot=item.snapshot or task.version,
                run_id=run_id,
                read_to=task.first_row + counts.rows,
                first=task.kind is PageKind.PLAYLIST,
                ended=not item.more,
                now=now,
            )


def _source(connection: sa.Connection, item: DiscoveredPage) -> Source:
    """What found the rows; a search for a song of a station is told apart from one by words."""
    task = item.task
    if task.kind is PageKind.TRACK_SEARCH:
        family = seeds.family_of(connection, task.source_key, "track", task.market)
        return Source("search", task.source_key, station=station_of(family), ordinal=task.ordinal)
    if task.kind is PageKind.PLAYLIST_SEARCH:
        return Source("search", task.source_key, ordinal=task.ordinal)
    return Source("playlist", task.source_key, item.snapshot or task.version, ordinal=task.ordinal)


def _counts(item: DiscoveredPage) -> PageCounts:
    kinds = Counter(row.kind for row in item.rows)
    return PageCounts(
        track_rows=kinds[RowKind.TRACK],
        # An unknown row holds no track we could use: the accounting has no other place for it.
        null_rows=kinds[RowKind.NULL] + kinds[RowKind.UNKNOWN],
        local_rows=kinds[RowKind.LOCAL],
        episode_rows=kinds[RowKind.EPISODE],
    )
