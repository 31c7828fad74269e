"""Playlist search, then the items of the best lists."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.apis.call import Call, Family
from runclub_spider.apis.guard import ALL
from runclub_spider.apis.spotify.parser import (
    TrackPage,
    parse_playlist,
    parse_playlist_items,
    parse_playlist_search,
)
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.apis.wire import Reading
from runclub_spider.frontier.planners import Planner, PlaylistPlanner, following_pages
from runclub_spider.frontier.templates import Seed
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.arguments import PlaylistArguments
from runclub_spider.spiders.base import SpotifySpider
from runclub_spider.store.queue import playlists, seeds
from runclub_spider.store.queue.pages import PageKind, PageTask


class SpotifyPlaylistSpider(SpotifySpider):
    """`GET /search?type=playlist`, then `/playlists/{id}` with its embedded first page."""

    name = "spotify_playlist"
    arguments = PlaylistArguments
    seed_kind = "playlist"
    families = (ALL, Family.SEARCH, Family.PLAYLIST)
    asks = "pages"
    args: PlaylistArguments
    # Whether the planner chooses later pages of a list, and its first page does not plan them.
    by_page: bool = False
    # Rows of a list that are read, and of a page; the planner knows better.
    max_items, page_rows = 11_000, 100

    def planner(self, plan: tuple[Seed, ...], regime: Regime) -> Planner | None:
        """None, with the reason, where the key may not open other people's lists."""
        args, config = self.args, self.run.config
        self.max_items = args.max_items or config.max_items_per_playlist
        self.page_rows = regime.playlist_page(config.page_size)
        if not regime.reads_foreign_playlists:
            self.run.outcome.note(
                f"A {regime.name} key may not open other people's playlists: "
                f"{len(plan)} playlist seeds yield nothing and were not asked."
            )
            return None
        planner = PlaylistPlanner.of(
            config,
            regime,
            plan,
            spider=self.name,
            whole=bool(args.seeds or args.max_seeds or args.max_items),
            top=args.top_playlists or config.top_playlists_per_seed,
            max_items=self.max_items,
            run_version=f"run{self.run.record.number}",
            budgeted=self.run.budget.limit is not None,
        )
        self.by_page = planner.by_page
        return planner

    def refresh(self, connection: sa.Connection, now: int) -> None:
        """All playlist searches, once a complete round of checks is old enough."""
        market = self.run.config.market
        if "seeds" in self.args.force:
            seeds.restart(connection, self.seed_kind)
        if "playlists" in self.args.force:
            playlists.forget_snapshots(connection)
        max_age = self.run.config.playlist_check_age * 3600
        generation = playlists.check_generation(connection, market, now=now, max_age=max_age)
        seeds.refresh(connection, self.seed_kind, market, generation=generation)

    def finish(self, connection: sa.Connection, now: int) -> None:
        """The round of checks is complete."""
        playlists.finish_check(connection, self.run.config.market, now)

    def call(self, task: PageTask) -> Call:
        """The search, the list with its first rows, or a later page."""
        spotify = self.run.apis[Spotify].calls
        if task.kind is PageKind.PLAYLIST_SEARCH:
            return spotify.search("playlist", task.source_key, limit=task.row_count, offset=0)
        if task.kind is PageKind.PLAYLIST:
            return spotify.playlist(task.source_key)
        return spotify.playlist_items(task.source_key, limit=task.row_count, offset=task.first_row)

    def read(self, item: DiscoveredPage, body: bytes) -> Reading:
        """Playlists of a search, or rows of a list and the pages they lead to."""
        task = item.task
        if task.kind is PageKind.PLAYLIST_SEARCH:
            found = parse_playlist_search(body)
            item.playlists, item.odd = found.playlists, found.odd
            return found
        if task.kind is PageKind.PLAYLIST:
            record = parse_playlist(body, task.source_key)
            item.playlists, item.snapshot = [record.playlist], record.playlist.snapshot_id
            item.odd = record.odd
            if record.page is None:
                item.refused = "contents withheld"
                return record
            page = record.page
        else:
            item.snapshot = task.version
            page = parse_playlist_items(body, offset=task.first_row)
        self._take(item, page)
        return page

    def _take(self, item: DiscoveredPage, page: TrackPage) -> None:
        item.rows = page.rows[: self.max_items - item.task.first_row]
        # A list that is cut here goes on for a run that reads further.
        item.more = page.more or len(item.rows) < len(page.rows)
        item.odd.add(page.odd)
        if self.by_page:
            return
        item.following = following_pages(
            item.task,
            version=item.snapshot or item.task.version,
            rows_served=len(page.rows),
            total=page.total,
            more=page.more,
            page_rows=self.page_rows,
            cap=self.max_items,
        )
