"""A station's plays into the song catalogue: every play once, and no gap that is not known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Self

import sqlalchemy as sa
from scrapy import Spider, signals

from runclub_spider.apis.call import AnswerError, Family
from runclub_spider.apis.guard import ALL
from runclub_spider.apis.plays import PlaysPage
from runclub_spider.apis.station import Station, StationService, service_of
from runclub_spider.catalog.coverage import Interval, Order, Reading, window_readings
from runclub_spider.catalog.plays import CATEGORIES, COUNTERS, PlayCounts, PlayRow
from runclub_spider.config import Config, utc_now
from runclub_spider.crawl.preflight import check_writable
from runclub_spider.crawl.run import Run
from runclub_spider.errors import RunclubError
from runclub_spider.items import StoredPlays
from runclub_spider.spiders.arguments import StationArguments
from runclub_spider.spiders.asking import Asking, PageAsker
from runclub_spider.spiders.backlog import new_songs, write_backlog
from runclub_spider.spiders.portions import Held, Portion, Progress, drift_of, is_near, portion
from runclub_spider.spiders.together import Together
from runclub_spider.store.songs import coverage, songs
from runclub_spider.store.songs.coverage import Checkpoint
from runclub_spider.store.songs.ingest import Ingested, ingest
from runclub_spider.store.songs.match import KnownSongs
from runclub_spider.store.songs.overrides import apply_overrides
from runclub_spider.store.songs.rematch import match_again
from runclub_spider.text import timestamp

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

#: Rows that are read before the loop has its turn.
_ROWS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class _Answered:
    """A page with its rows read.

    `last`: nothing is behind it. `lost`: something is, at an address that cannot be asked.
    `followed`: the page behind it is on its way.
    """

    page: PlaysPage
    rows: Sequence[PlayRow]
    last: bool
    lost: bool
    followed: bool


class RadioSpider(Spider):
    """A station's plays, page after page; a leaf names the station.

    Each page is one transaction of plays, songs and checkpoint. A reading is sequential, for each
    page names the next; the next one is asked while the rows of the last are read and stored.
    Three kinds of reading, none of which can leave a gap that is not on record:

    - `incremental`: upward from the checkpoint, with an overlap
    - a window (`start_date`, `end_date`): upward; what of it is missing, or all of it again
    - neither: downward from now, through whatever is missing
    """

    station: ClassVar[Station]
    arguments: ClassVar[type[StationArguments]]
    # What the store's data then comes from.
    services: ClassVar[tuple[type[StationService], ...]]
    # No Spotify here: its pipelines, delta and release have nothing to do.
    custom_settings = {  # noqa: RUF012 - as the base class declares it
        "ITEM_PIPELINES": {},
        "SPIDER_MIDDLEWARES": {},
        "DOWNLOADER_MIDDLEWARES": {},
        "EXTENSIONS": {
            "runclub_spider.crawl.extensions.run_record.RunRecord": 100,
            "runclub_spider.crawl.extensions.progress.Progress": 200,
            "scrapy.extensions.logstats.LogStats": None,
        },
    }
    args: StationArguments
    run: Run

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """What follows from the station of a leaf."""
        super().__init_subclass__(**kwargs)
        station = cls.station
        cls.arguments = StationArguments.at(station.zone)
        cls.services = (service_of(station),)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Scrapy's constructor; reads the arguments into `self.args`."""
        spider = super().from_crawler(crawler, *args)
        spider.run = Run.of(crawler)
        spider.args = spider.run.read(cls, kwargs)
        spider.counts = PlayCounts()
        spider._asker = PageAsker(spider.run, cls.station)
        spider.pages = 0
        return spider

    @classmethod
    def asked(cls, args: StationArguments) -> Mapping[str, Sequence[str]]:  # noqa: ARG003
        """The endpoint families that the spider cannot do without."""
        return {cls.station.name: (ALL, Family.PLAYS)}

    @classmethod
    def check(cls, config: Config, args: StationArguments) -> None:
        """What can be known to be wrong before the store is touched."""
        cls.station.overrides(config)
        if not args.dry_run:
            check_writable(config.cache_dir, "CACHE_DIR")

    counts: PlayCounts
    # As the transaction under way has it; nobody else writes while the run holds the store.
    _ahead: Checkpoint
    _asker: PageAsker
    pages: int

    @property
    def source(self) -> str:
        """What the plays are stored under."""
        return self.station.name

    async def start(self) -> AsyncIterator[Any]:
        """The run: what is to be read, page after page, then what follows from the rows."""
        try:
            await self.run.start(self)
            await self._all()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the run
            self.run.outcome.broke(error)
        for nothing in list[Any]():
            yield nothing

    async def _all(self) -> None:
        run = self.run
        if run.outcome.ended:
            return
        self._calls = run.apis[self.services[0]].calls
        self._known = KnownSongs()
        self._overrides, digest = self.station.overrides(run.config)
        self._ahead = before = await run.store.run(lambda c: self._prepare(c, digest))
        if not run.reading.waits(self._kind):
            for reading in await run.store.run(self._readings):
                if not await self._read(reading):
                    break
        linked = await run.store.run(songs.link_tracks)
        if linked and self.args.dry_run:
            run.outcome.tell(f"~ song: {linked:,} get the track_id of their Spotify track")
        await self._tell(before)

    def _prepare(self, connection: sa.Connection, digest: str) -> Checkpoint:
        """Keys and overrides before anything is matched; returns the checkpoint."""
        songs.renew_keys(connection)
        songs.complete_keys(connection)
        match_again(connection, self.source, self._overrides, utc_now())
        apply_overrides(connection, self.source, self._overrides, digest, utc_now())
        return coverage.load(connection, self.source)

    # What is read

    def _readings(self, connection: sa.Connection) -> tuple[Reading, ...]:
        args, now, beginning = self.args, self.run.started_at, self.station.first_play
        covered = self._ahead.covered
        if not args.incremental:
            return window_readings(
                covered, args.start_date, args.end_date, beginning=beginning, now=now
            )
        # Some plays once more, for late edits and additions. With the breaks between them they
        # fill less than a page.
        start = coverage.newest(connection, self.source, self.station.page_rows // 2)
        if covered:
            # From the last second that is known, to which plays may have come since.
            last = covered[-1].end - 1
            start = last if start is None else min(last, start)
        if start is None:
            # The first run begins with the newest page; what lies before is for a backfill.
            self._most_pages = 1
            return window_readings((), None, None, beginning=beginning, now=now)
        return (Reading(start, None, Order.UP),)

    _most_pages: int | None = None

    def _enough(self) -> bool:
        """Whether the run has what it was asked for."""
        args = self.args
        most = min((n for n in (args.page_limit, self._most_pages) if n), default=None)
        return (most is not None and self.pages >= most) or self._left() == 0

    def _left(self) -> int | None:
        """Track plays that the limit still allows; None without one."""
        return None if self.args.limit is None else self.args.limit - self.counts.track_plays

    @property
    def _kind(self) -> str:
        """What waits when its pages cannot be read; the other way of reading may go on."""
        title = self.station.title
        return f"{title}'s new plays" if self.args.incremental else f"{title}'s plays"

    # One reading

    async def _read(self, reading: Reading) -> bool:
        """Read one stretch; returns whether the run may go on to the next.

        Pages whose successor is on its way are stored while that one is read, for nothing can end
        the reading then; those that come close upon one another, together. After any other page
        all are stored, and it is decided whether the reading goes on.
        """
        progress = Progress(reading, self.station.title)
        together = Together(self.run.store, self._store, self._stored)
        try:
            async with aclosing(self._pages(reading)) as pages:
                async for answered in pages:
                    progress.look(answered.rows)
                    taken = portion(
                        reading,
                        answered.rows,
                        left=self._left(),
                        margin=self.station.margin,
                        now=utc_now(),
                    )
                    finished = answered.last and not taken.cut
                    await together.add(progress.held(taken, finished=finished))
                    if answered.followed and not taken.foreign and self.args.limit is None:
                        continue
                    done = await together.all()
                    if answered.lost:
                        return False
                    if taken.foreign:
                        raise RunclubError(
                            f"{self.station.title} answered with plays of another time than was "
                            "asked for: it seems not to know the parameters any more; nothing of "
                            "that was stored"
                        )
                    if answered.last:
                        return not self._enough()
                    if self._enough():
                        return False
                    if reading.end is None and done.brought_nothing and not answered.page.is_full:
                        # The end, as far as this page can tell. Only the plays seen are claimed,
                        # so that whatever might be behind it is the next run's.
                        await together.add(progress.held(Portion(), finished=True))
                        await together.all()
                        return True
            # The next page was not to be had.
            return False
        finally:
            await together.all()

    async def _pages(self, reading: Reading) -> AsyncGenerator[_Answered]:
        """Page after page of a reading, as long as they can be had and read.

        Each is asked while the rows of the one before are read and stored, where it is sure that
        it will be wanted.
        """
        run, addresses = self.run, set[str]()
        asking: Asking | None = partial(self._calls.plays, reading)
        coming: asyncio.Future[PlaysPage | None] | None = None
        try:
            while asking is not None:
                page = await (coming or self._asker.ask(asking, first=self.pages == 0))
                if page is None:
                    return
                self.pages += 1
                last, asking, coming = not len(page) or page.next is None, None, None
                if not last:
                    assert page.next is not None
                    asking = self._following(page.next, addresses)
                if asking is not None and self._goes_on(reading, page):
                    coming = asyncio.ensure_future(self._asker.ask(asking, first=self.pages == 0))
                rows = await _read_rows(page)
                if (blamed := drift_of(page, rows)) is not None:
                    await run.reading.put_aside(run.store, self._kind, blamed)
                    return
                await run.reading.readable(run.store, self._kind)
                lost = asking is None and not last
                yield _Answered(page, rows, last=last, lost=lost, followed=coming is not None)
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)

    def _goes_on(self, reading: Reading, page: PlaysPage) -> bool:
        """Whether the page after this one will be wanted, by what its rows need not be read for."""
        most = self.args.page_limit or self._most_pages
        left, margin, now = self._left(), self.station.margin, utc_now()
        return (
            page.is_full
            and all(is_near(reading, airdate, margin, now) for airdate in page.ends())
            and (left is None or len(page) < left)
            and (most is None or self.pages < most)
        )

    def _following(self, link: str, addresses: set[str]) -> Asking | None:
        """What asks the next page; None, and the run has failed, when it cannot be asked."""
        asking, title = partial(self._calls.following, link), self.station.title
        try:
            asking(self._asker.page_rows)
        except AnswerError as error:
            self.run.outcome.failed(RunclubError(f"{title}: {error}; what was read is stored"))
            return None
        if link in addresses:
            self.run.outcome.failed(
                RunclubError(f"{title}: the next page was asked before; stopped")
            )
            return None
        addresses.add(link)
        return asking

    def _store(self, connection: sa.Connection, page: Held, again: bool) -> Ingested:
        """Rows, songs, checkpoint and intervals of a page, in the store's thread."""
        now = utc_now()
        if again:
            self._known.clear()
            self._ahead = coverage.load(connection, self.source)
        done = ingest(
            connection,
            self.source,
            page.rows,
            overrides=self._overrides,
            now=now,
            known=self._known,
            describe=self.args.dry_run,
        )
        claimed = [] if page.claimed is None else [page.claimed]
        plays = done.counts.provenance_inserted
        self._ahead = coverage.extend(connection, self._ahead, claimed, plays=plays, now=now)
        return done

    async def _stored(self, done: Ingested) -> None:
        """Count what was committed of a page, and hand it on."""
        self.counts.add(done.counts)
        for line in done.changes:
            self.run.outcome.tell(line)
        self._count()
        # Its plays go to feeds like an item that is yielded. It is not yielded, because an item of
        # `start` that Scrapy has in hand when the run is stopped keeps it from ever ending.
        item = StoredPlays(done.stored)
        await self.crawler.signals.send_catch_log_async(
            signals.item_scraped, item=item, response=None, spider=self
        )

    def _count(self) -> None:
        stats, source = self.crawler.stats, self.source
        for name in COUNTERS + CATEGORIES:
            stats.set_value(f"runclub/{source}/{name}", getattr(self.counts, name))
        for tier, number in self.counts.tiers.items():
            stats.set_value(f"runclub/{source}/tier/{tier}", number)
        stats.set_value(f"runclub/{source}/pages", self.pages)

    # The end

    async def _tell(self, before: Checkpoint) -> None:
        """The sums, the files for the follow-up, and what a trial run would have changed."""
        run, outcome, after = self.run, self.run.outcome, self._ahead
        if problem := self.counts.problem():
            raise RunclubError(f"the counters do not add up: {problem}")
        if self.args.dry_run:
            if before.cursor != after.cursor:
                outcome.tell(f"~ ingestion_checkpoint cursor {before.cursor} -> {after.cursor}")
            for sign, intervals in (
                ("-", set(before.covered) - set(after.covered)),
                ("+", set(after.covered) - set(before.covered)),
            ):
                for one in sorted(intervals):
                    outcome.tell(f"{sign} covered_interval {_shown(one)}")
            outcome.note("A trial run: nothing was written.")
            return
        waiting = await run.store.run(lambda c: write_backlog(c, self.source, run.config.cache_dir))
        if self.counts.new_songs_inserted:
            logger.info("%d new songs have no embedding yet", self.counts.new_songs_inserted)
        outcome.note(
            f"{self.counts.new_songs_inserted:,} new songs without an embedding; the backlog of "
            f"{waiting:,} is in {new_songs(self.source)}"
        )


async def _read_rows(page: PlaysPage) -> list[PlayRow]:
    """A page's rows; the loop may send and receive in between, for reading them takes a while."""
    rows, waiting = list[PlayRow](), iter(page)
    while part := list(islice(waiting, _ROWS_AT_ONCE)):
        rows += part
        await asyncio.sleep(0)
    return rows


def _shown(interval: Interval) -> str:
    return f"{timestamp(interval.start)} to {timestamp(interval.end - 1)}"
