"""Track search from the seed templates."""

from __future__ import annotations

import sqlalchemy as sa

from runclub_spider.apis.call import Call, Family
from runclub_spider.apis.guard import ALL
from runclub_spider.apis.spotify.filters import written
from runclub_spider.apis.spotify.parser import parse_track_search
from runclub_spider.apis.spotify.regimes import Regime
from runclub_spider.apis.spotify.service import Spotify
from runclub_spider.apis.wire import Reading
from runclub_spider.catalog.dates import decade_of
from runclub_spider.catalog.families import ORIGINAL
from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.catalog.matching import search_term
from runclub_spider.catalog.plays import KEXP
from runclub_spider.config import Config
from runclub_spider.errors import ConfigurationError
from runclub_spider.frontier.planners import Planner, TrackSearchPlanner
from runclub_spider.frontier.templates import Seed
from runclub_spider.items import DiscoveredPage
from runclub_spider.spiders.arguments import SearchArguments, SpotifyArguments
from runclub_spider.spiders.base import SpotifySpider
from runclub_spider.store.facts import open_facts
from runclub_spider.store.queue import seeds
from runclub_spider.store.queue.pages import PageTask
from runclub_spider.store.queue.seeds import SeedState
from runclub_spider.store.songs import songs
from runclub_spider.text import DAY

#: Rows that a search for one song may serve: what it means comes first or not at all.
_KEXP_ROWS = 10
#: Songs whose original edition a run may look for.
_MOST_ORIGINALS = 500


def _open(state: SeedState) -> bool:
    return state.state not in seeds.FINISHED and state.next_offset < _KEXP_ROWS


def _original_editions(connection: sa.Connection) -> tuple[Seed, ...]:
    """Searches for the original editions of songs that are stored in late ones."""
    found = open_facts.original_edition_searches(connection, most=_MOST_ORIGINALS)
    family = ORIGINAL.name
    return tuple(Seed(one.term, "track", family, None, decade_of(one.year)) for one in found)


class SpotifySearchSpider(SpotifySpider):
    """`GET /search?type=track`, page after page of the seeds that the frontier chooses."""

    name = "spotify_search"
    arguments = SearchArguments
    seed_kind = "track"
    families = (ALL, Family.SEARCH)
    asks = "searches"
    args: SearchArguments

    @classmethod
    def plan_for(cls, config: Config, args: SpotifyArguments) -> tuple[Seed, ...]:
        """From the templates; KEXP's songs are known to the store alone, and come later."""
        if args.family != KEXP:
            return super().plan_for(config, args)
        if args.seeds is not None:
            raise ConfigurationError("spotify_search: family kexp asks songs, not a seeds file")
        load_umbrellas(config.seeds_dir)
        return ()

    async def plan(self) -> tuple[Seed, ...]:
        """The plan; for KEXP its songs without a track, the most played first.

        Where choosing weighs each page, searches for the original editions of songs that are
        stored in late ones stand beside the templates.
        """
        if self.args.family != KEXP:
            plan = await super().plan()
            if self._bounded or self.args.family or self.run.config.frontier != "deficit":
                return plan
            return (*plan, *await self.run.store.run(_original_editions))
        found = await self.run.store.run(self._songs)
        if not found:
            self.run.outcome.note(
                "Every song of KEXP has its Spotify track, or there is none yet: "
                "scrapy crawl kexp brings them."
            )
        return found

    @property
    def _bounded(self) -> bool:
        """Whether the arguments name what is asked, all of it."""
        args = self.args
        return bool(args.seeds or args.max_seeds or args.max_results or args.family == KEXP)

    def _songs(self, connection: sa.Connection) -> tuple[Seed, ...]:
        songs.link_tracks(connection)
        asked = seeds.states(connection, self.seed_kind, self.run.config.market)
        terms: dict[str, None] = {}
        for row in songs.unlinked(connection, KEXP):
            term = search_term(row.title, row.artist, row.isrc)
            known = asked.get(term)
            # Searched before and not found: its turn comes when it is due anew.
            if term and (known is None or _open(known)):
                terms[term] = None
        plan = tuple(Seed(term, self.seed_kind, KEXP) for term in terms)
        return plan[: self.args.max_seeds]

    def finish(self, connection: sa.Connection, now: int) -> None:  # noqa: ARG002 - the shape of all
        """Songs are linked to the tracks that came in for them."""
        if self.args.family == KEXP:
            songs.link_tracks(connection)

    def planner(self, plan: tuple[Seed, ...], regime: Regime) -> Planner:
        """Complete in template order when the run is bounded by arguments, else by mode."""
        args, config = self.args, self.run.config
        most = _KEXP_ROWS if args.family == KEXP else config.max_results_per_seed
        return TrackSearchPlanner.of(
            config,
            regime,
            plan,
            spider=self.name,
            whole=self._bounded,
            max_results=args.max_results or most,
            until_filled=args.until is not None,
            budgeted=self.run.budget.limit is not None,
        )

    def refresh(self, connection: sa.Connection, now: int) -> None:
        """Exhausted searches past their refresh age."""
        config = self.run.config
        if "seeds" in self.args.force:
            seeds.restart(connection, self.seed_kind)
        age = int(config.seed_refresh_days * DAY)
        seeds.refresh(
            connection,
            self.seed_kind,
            self.run.config.market,
            seen_before=now - age,
            age=age,
            cap=self.args.max_results or config.max_results_per_seed,
        )

    def call(self, task: PageTask) -> Call:
        """One search page, its filters in the form that gives this key rows."""
        text = written(task.source_key, self.run.filters.forms.form_of(task.key))
        return self.run.apis[Spotify].calls.search(
            "track", text, limit=task.row_count, offset=task.first_row
        )

    def read(self, item: DiscoveredPage, body: bytes) -> Reading:
        """Rows of the page."""
        page = parse_track_search(body, offset=item.task.first_row)
        item.rows, item.more, item.odd = page.rows, page.more, page.odd
        return page
