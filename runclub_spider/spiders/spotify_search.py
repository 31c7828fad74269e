"""Track search from the seed templates."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.apis.call import Call, Family
from runclub_spider.apis.guard import ALL
from runclub_spider.apis.spotify.parser import parse_track_search
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.frontier.planners import Planner, TrackSearchPlanner
from runclub_spider.frontier.templates import Seed
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.arguments import SearchArguments
from runclub_spider.spiders.base import SpotifySpider
from runclub_spider.store import seeds
from runclub_spider.store.pages import PageTask


class SpotifySearchSpider(SpotifySpider):
    """`GET /search?type=track`, page after page of the seeds that the frontier chooses."""

    name = "spotify_search"
    arguments = SearchArguments
    seed_kind = "track"
    families = (ALL, Family.SEARCH)
    args: SearchArguments

    def planner(self, plan: tuple[Seed, ...], regime: Regime) -> Planner:
        """Complete in template order when the run is bounded by arguments, else by mode."""
        args, config = self.args, self.runtime.config
        bounded = args.seeds or args.max_seeds or args.max_results
        return TrackSearchPlanner(
            spider=self.name,
            seeds=plan,
            market=self.runtime.market,
            mode="template" if bounded else config.frontier,
            max_results=args.max_results or config.max_results_per_seed,
            page_rows=regime.search_page(config.page_size),
            cell_minimum=config.cell_minimum,
        )

    def refresh(self, connection: sa.Connection, now: int) -> None:
        """Exhausted searches past their refresh age."""
        config = self.runtime.config
        if "seeds" in self.args.force:
            seeds.restart(connection, self.seed_kind)
        seeds.refresh(
            connection,
            self.seed_kind,
            self.runtime.market,
            seen_before=now - int(config.seed_refresh_days * 86_400),
            cap=self.args.max_results or config.max_results_per_seed,
        )

    def call(self, task: PageTask) -> Call:
        """One search page."""
        return self.runtime.spotify.search(
            "track", task.source_key, limit=task.row_count, offset=task.first_row
        )

    def read(self, item: DiscoveredPage, body: bytes) -> None:
        """Rows of the page."""
        page = parse_track_search(body, offset=item.task.first_row)
        item.rows, item.more, item.odd = page.rows, page.more, page.odd
