"""KEXP's plays into the song catalogue: every play once, and no gap that is not known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa
from scrapy import Spider

from runclub_spider.apis.call import AnswerError, Api, Call, Family
from runclub_spider.apis.guard import ALL, TIMED_OUT, ApiPaused, ApiUnavailable, Stopping
from runclub_spider.apis.kexp.calls import FEWEST_ROWS, MARGIN, PAGE_ROWS, served_rows, with_rows
from runclub_spider.apis.kexp.parser import PlaysPage, parse_plays
from runclub_spider.apis.wire import FEW
from runclub_spider.catalog.coverage import (
    Interval,
    Order,
    Reading,
    claim,
    in_order,
    window_readings,
)
from runclub_spider.catalog.overrides_file import load_overrides
from runclub_spider.catalog.plays import CATEGORIES, COUNTERS, KEXP, PlayCounts, PlayRow
from runclub_spider.config import SANDBOX, utc_now
from runclub_spider.crawl.faults import is_ours, told
from runclub_spider.crawl.handler import NotSent
from runclub_spider.crawl.preflight import KEXP_SOURCES
from runclub_spider.crawl.requests import to_request
from runclub_spider.crawl.run import INCOMPLETE, Runtime
from runclub_spider.errors import RunclubError
from runclub_spider.spiders.arguments import KexpArguments
from runclub_spider.spiders.backlog import NEW_SONGS, write_backlog
from runclub_spider.store.db.engine import make_roomy
from runclub_spider.store.songs import coverage, songs
from runclub_spider.store.songs import plays as store_plays
from runclub_spider.store.songs.coverage import Checkpoint
from runclub_spider.store.songs.plays import Ingested, KnownSongs, RowRefused
from runclub_spider.text import timestamp

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

#: Tries after the first of a page that is refused or fails.
RETRIES = 3
#: Plays that an incremental run reads once more, for late edits and additions. With the
#: air-breaks between them they fill less than a page.
REREAD_PLAYS = PAGE_ROWS // 2
#: Seconds that a play may lie ahead of this clock; one further ahead was not on the air.
_AHEAD = 86_400
#: Pages in a row that bring no play from before or after those seen: more is no reading.
_MOST_STILL = 20
#: Rows that are read before the loop has its turn.
_ROWS_AT_ONCE = 20
#: What a server says when a page is too much for it.
_TOO_MUCH = ("status 502", "status 504", TIMED_OUT)


class KexpSpider(Spider):
    """`GET /plays/`, page after page; each page is one transaction of plays, songs and checkpoint.

    A reading is sequential, for each page names the next; the next one is asked while the rows
    of the last are read and stored. Three kinds of reading, none of which can leave a gap that
    is not on record:

    - `incremental`: upward from the checkpoint, with an overlap
    - a window (`start_date`, `end_date`): upward; what of it is missing, or all of it again
    - neither: downward from now, through whatever is missing
    """

    name = KEXP
    arguments = KexpArguments
    apis = (Api.KEXP,)
    families = (ALL, Family.PLAYS)
    sources = KEXP_SOURCES
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
    args: KexpArguments
    runtime: Runtime

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Scrapy's constructor; reads the arguments into `self.args`."""
        spider = super().from_crawler(crawler, *args)
        spider.args = cls.arguments.read(cls.name, kwargs)
        spider.runtime = Runtime.of(crawler, trial=spider.args.dry_run)
        spider.runtime.budget = spider.args.budget
        spider.counts = PlayCounts()
        spider.page_rows = PAGE_ROWS
        spider.pages = 0
        return spider

    counts: PlayCounts
    # As the store has it; nobody else writes while the run holds the store.
    checkpoint: Checkpoint
    page_rows: int
    pages: int

    async def start(self) -> AsyncIterator[Any]:
        """The run: what is to be read, page after page, then what follows from the rows."""
        try:
            await self._run()
        except RunclubError as error:
            self.runtime.failed(error)
        for nothing in list[Any]():
            yield nothing

    async def _run(self) -> None:
        runtime = self.runtime
        if runtime.ended:
            return
        self._known = KnownSongs()
        self._overrides, digest = load_overrides(runtime.config.kexp_overrides)
        self.checkpoint = before = await runtime.store.run(lambda c: self._prepare(c, digest))
        until = runtime.drifting.get(self._kind, 0)
        if until > runtime.started_at:
            runtime.waits(self._kind, until)
        else:
            for reading in await runtime.store.run(self._readings):
                if not await self._read(reading):
                    break
        linked = await runtime.store.run(songs.link_tracks)
        if linked and self.args.dry_run:
            print(f"~ song: {linked:,} get the track_id of their Spotify track")
        await self._tell(before)

    def _prepare(self, connection: sa.Connection, digest: str) -> Checkpoint:
        """Keys and overrides before anything is matched; returns the checkpoint."""
        make_roomy(connection)
        songs.complete_keys(connection)
        songs.apply_overrides(connection, self._overrides, digest, utc_now())
        return coverage.load(connection, KEXP)

    # What is read

    def _readings(self, connection: sa.Connection) -> tuple[Reading, ...]:
        args, now = self.args, self.runtime.started_at
        covered = self.checkpoint.covered
        if not args.incremental:
            return window_readings(covered, args.start_date, args.end_date, now)
        start = store_plays.newest(connection, REREAD_PLAYS)
        if covered:
            # From inside of what is known, so that the two can have no gap between them.
            start = min(covered[-1].end, covered[-1].end if start is None else start)
        if start is None:
            # The first run begins with the newest page; what lies before is for a backfill.
            self._most_pages = 1
            return window_readings((), None, None, now)
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
        return "KEXP's new plays" if self.args.incremental else "KEXP's plays"

    # One reading

    async def _read(self, reading: Reading) -> bool:
        """Read one stretch; returns whether the run may go on to the next."""
        runtime = self.runtime
        call: Call | None = runtime.kexp.plays(reading, self.page_rows)
        asked = set[str]()
        progress = _Progress(reading)
        waiting: asyncio.Future[PlaysPage | None] | None = None
        storing: asyncio.Future[Ingested] | None = None
        try:
            while call is not None or waiting is not None:
                if waiting is None:
                    assert call is not None
                    waiting = asyncio.ensure_future(self._ask(call))
                page, waiting, call = await waiting, None, None
                if page is None:
                    return False
                self.pages += 1
                finished = not len(page) or page.next is None
                if not finished:
                    assert page.next is not None
                    call = self._following(page.next, asked)
                if call is not None and self._goes_on(reading, page):
                    # Asked while the rows of this one are read and stored.
                    waiting = asyncio.ensure_future(self._ask(call))
                rows = await _read_rows(page)
                if (blamed := _drift_of(page, rows)) is not None:
                    await runtime.put_aside(self._kind, blamed)
                    return False
                await runtime.readable(self._kind)
                progress.look(rows)
                taken = self._taken(reading, rows)
                if storing is not None:
                    stored, storing = storing, None
                    await stored
                if waiting is not None and not taken.ignored and self.args.limit is None:
                    # Stored while the next one is read.
                    storing = asyncio.ensure_future(self._store(progress, taken, finished=False))
                    continue
                if call is None and not finished:
                    await self._store(progress, taken, finished=False)
                    return False
                done = await self._store(progress, taken, finished=finished)
                if taken.ignored:
                    raise RunclubError(
                        "KEXP answered with plays of another time than was asked for: it seems "
                        "not to know the parameters any more; nothing of that was stored"
                    )
                if finished:
                    return not self._enough()
                if self._enough():
                    return False
                if reading.end is None and done.brought_nothing and not self._is_full(page):
                    # The end, as far as this page can tell. Only the plays seen are claimed, so
                    # that whatever might be behind it is the next run's.
                    await self._store(progress, _Taken([], cut=False), finished=True)
                    return True
        finally:
            if waiting is not None:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
            if storing is not None:
                await storing
        return True

    def _is_full(self, page: PlaysPage) -> bool:
        """Whether there may be more behind a page, by its own account of how long pages are."""
        rows = served_rows(page.next)
        return rows is None or len(page) >= rows

    def _goes_on(self, reading: Reading, page: PlaysPage) -> bool:
        """Whether the page after this one will be wanted, by what its rows need not be read for."""
        most = self.args.page_limit or self._most_pages
        left = self._left()
        return (
            self._is_full(page)
            and all(_near(reading, airdate) for airdate in page.ends())
            and (left is None or len(page) < left)
            and (most is None or self.pages < most)
        )

    def _following(self, link: str, asked: set[str]) -> Call | None:
        try:
            call = self.runtime.kexp.following(link, self.page_rows)
        except AnswerError as error:
            self.runtime.failed(RunclubError(f"KEXP: {error}; what was read is stored"))
            return None
        if link in asked:
            self.runtime.failed(RunclubError("KEXP: the next page was asked before; stopped"))
            return None
        asked.add(link)
        return call

    def _taken(self, reading: Reading, rows: Sequence[PlayRow]) -> _Taken:
        """The rows of a page that belong to the reading, up to the run's limit."""
        left = self._left()
        taken, outside, dated = list[PlayRow](), 0, 0
        first, last = reading.start, _last(reading)
        latest = utc_now() + _AHEAD
        for row in rows:
            airdate = row.airdate
            if airdate is not None and airdate >= latest:
                row.problem, row.play, row.skipped = "airdate: lies ahead", None, False
                row.airdate = None
            elif airdate is not None:
                dated += 1
                if not first <= airdate < last:
                    if _near(reading, airdate):
                        continue
                    outside += 1
                    row.problem, row.play, row.skipped = "outside the window asked for", None, False
                    row.airdate = None
            taken.append(row)
            if left is not None and row.is_track_play:
                left -= 1
                if left == 0:
                    break
        cut = len(taken) < len(rows) and left == 0
        return _Taken(taken, cut=cut, ignored=bool(dated) and outside == dated)

    async def _store(self, progress: _Progress, taken: _Taken, *, finished: bool) -> Ingested:
        """Rows, songs, checkpoint and intervals of one page: one transaction."""
        runtime, dry = self.runtime, self.args.dry_run
        finished = finished and not taken.cut
        claimed = progress.claim(taken, finished=finished)

        def work(
            connection: sa.Connection, *, row_by_row: bool = False
        ) -> tuple[Ingested, Checkpoint]:
            now = utc_now()
            done = store_plays.ingest(
                connection,
                taken.rows,
                overrides=self._overrides,
                now=now,
                known=self._known,
                describe=dry,
                row_by_row=row_by_row,
            )
            plays = done.counts.provenance_inserted
            return done, coverage.extend(connection, self.checkpoint, claimed, plays=plays, now=now)

        # Moves on only when the transaction is committed.
        try:
            done, self.checkpoint = await runtime.store.run(work)
        except RowRefused:
            self._known.clear()
            done, self.checkpoint = await runtime.store.run(partial(work, row_by_row=True))
        self.counts.add(done.counts)
        stats = self.crawler.stats
        for name in COUNTERS + CATEGORIES:
            stats.set_value(f"runclub/kexp/{name}", getattr(self.counts, name))
        for tier, number in self.counts.tiers.items():
            stats.set_value(f"runclub/kexp/tier/{tier}", number)
        stats.set_value("runclub/kexp/pages", self.pages)
        if dry:
            for line in done.changes:
                print(line)
        return done

    # One page

    async def _ask(self, call: Call) -> PlaysPage | None:
        """One page, tried up to four times, smaller each time that it is too much.

        None when there is none to be had; the run's outcome then says why.
        """
        try:
            return await self._try(call)
        except Stopping:
            return None

    async def _try(self, call: Call) -> PlaysPage | None:
        runtime, config, problem = self.runtime, self.runtime.config, ""
        engine, guard = self.crawler.engine, self.runtime.guards[Api.KEXP]
        assert engine is not None
        if self.pages and config.source_of("kexp_base_url") != SANDBOX:
            await guard.wait(config.kexp_pause_seconds)
        for attempt in range(RETRIES + 1):
            if attempt:
                await guard.wait(config.kexp_backoff_seconds * 2 ** (attempt - 1))
            try:
                response = await engine.download_async(to_request(call))
            except NotSent as error:
                cause = error.cause
                if isinstance(cause, ApiPaused):
                    runtime.paused(cause)
                    return None
                if not isinstance(cause, ApiUnavailable):
                    # The budget is spent, or the run is being stopped.
                    return None
                problem = cause.problem.removesuffix(" after 1 tries")
                if any(word in problem for word in _TOO_MUCH):
                    self.page_rows = max(FEWEST_ROWS, self.page_rows // 2)
                    call = with_rows(call, min(int(str(call.params["limit"])), self.page_rows))
                continue
            except Exception as error:
                if is_ours(error):
                    raise
                problem = told(error)
                continue
            if response.status != 200:
                raise RunclubError(
                    f"KEXP answered {response.status} to {call.path}; what was read is stored"
                )
            try:
                return parse_plays(response.body)
            except AnswerError as error:
                problem = f"an answer could not be read ({error})"
        runtime.outcome.report(
            INCOMPLETE, f"KEXP: {problem} after {RETRIES + 1} tries; the checkpoint is intact"
        )
        return None

    # The end

    async def _tell(self, before: Checkpoint) -> None:
        """The sums, the files for the follow-up, and what a trial run would have changed."""
        runtime, outcome, after = self.runtime, self.runtime.outcome, self.checkpoint
        if problem := self.counts.problem():
            raise RunclubError(f"the counters do not add up: {problem}")
        if self.args.dry_run:
            if before.cursor != after.cursor:
                print(f"~ ingestion_checkpoint cursor {before.cursor} -> {after.cursor}")
            for sign, intervals in (
                ("-", set(before.covered) - set(after.covered)),
                ("+", set(after.covered) - set(before.covered)),
            ):
                for one in sorted(intervals):
                    print(f"{sign} covered_interval {_shown(one)}")
            outcome.note("A trial run: nothing was written.")
            return
        waiting = await runtime.store.run(lambda c: write_backlog(c, runtime.config.cache_dir))
        if self.counts.new_songs_inserted:
            logger.info("%d new songs have no embedding yet", self.counts.new_songs_inserted)
        outcome.note(
            f"{self.counts.new_songs_inserted:,} new songs without an embedding; the backlog of "
            f"{waiting:,} is in {NEW_SONGS}"
        )


class _Taken:
    """Rows of a page that are to be stored.

    `cut`: the limit left some out. `ignored`: not one row is of the time asked for.
    """

    def __init__(self, rows: list[PlayRow], *, cut: bool, ignored: bool = False) -> None:
        self.rows, self.cut, self.ignored = rows, cut, ignored
        self.seconds = [row.airdate for row in rows if row.airdate is not None]


async def _read_rows(page: PlaysPage) -> list[PlayRow]:
    """A page's rows; the loop may send and receive in between, for reading them takes a while."""
    rows, waiting = list[PlayRow](), iter(page)
    while part := list(islice(waiting, _ROWS_AT_ONCE)):
        rows += part
        await asyncio.sleep(0)
    return rows


def _drift_of(page: PlaysPage, rows: Sequence[PlayRow]) -> str | None:
    """The field for which not one play of a page could be read; a few such rows are chance.

    Breaks have less to be read, and say nothing of the plays between them.
    """
    plays = [row for row in rows if row.is_track_play]
    if len(plays) >= FEW and all(row.problem is not None for row in plays):
        ((blamed, _),) = page.unreadable.most_common(1)
        return blamed
    return page.drift if len(rows) >= FEW else None


def _near(reading: Reading, airdate: int) -> bool:
    """Whether a play belongs to a reading, or to the margin that is asked for with it."""
    return reading.start - MARGIN <= airdate < _last(reading) + MARGIN


def _last(reading: Reading) -> int:
    """Where a reading ends: what is not yet known belongs to one without an end."""
    return utc_now() + _AHEAD if reading.end is None else reading.end


class _Progress:
    """How far a reading has come, and what may be claimed of it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._newest: int | None = None
        self._ordered = True
        self._last: list[tuple[str, int | None]] = []
        self._seen: tuple[int, int] | None = None
        self._still = 0

    def look(self, rows: Sequence[PlayRow]) -> None:
        """Raise `RunclubError` when a server goes on for ever: the same rows, or the same time."""
        page = [(row.row_id, row.airdate) for row in rows]
        if page and page == self._last:
            raise RunclubError(
                "KEXP serves the same rows on page after page; what is new is stored"
            )
        self._last = page
        seconds = [airdate for _, airdate in page if airdate is not None]
        seen = self._seen
        if seconds:
            ends = (*(seen or ()), *seconds)
            self._seen = (min(ends), max(ends))
        self._still = self._still + 1 if self._seen == seen and page else 0
        if self._still >= _MOST_STILL:
            raise RunclubError(
                f"KEXP serves page after page of the same time ({_MOST_STILL} in a row); what is "
                "new is stored"
            )

    def claim(self, taken: _Taken, *, finished: bool) -> Interval | None:
        """After a page: the stretch that is complete once it is stored."""
        if taken.ignored:
            return None
        self._ordered = self._ordered and in_order(self._reading.order, taken.seconds)
        if taken.seconds:
            self._newest = max(self._newest or 0, *taken.seconds)
        if not self._ordered and not finished:
            # A server with an order of its own: nothing is certain before the end.
            return None
        return claim(self._reading, taken.seconds, self._newest, finished=finished)


def _shown(interval: Interval) -> str:
    return f"{timestamp(interval.start)} to {timestamp(interval.end - 1)}"
