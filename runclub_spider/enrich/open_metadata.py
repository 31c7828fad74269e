"""Open metadata: MBIDs, first years and genres from MusicBrainz and ListenBrainz."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from runclub_spider.apis.call import AnswerError, Api, Call
from runclub_spider.apis.listenbrainz.calls import RECORDINGS_BATCH
from runclub_spider.apis.listenbrainz.parser import parse_metadata
from runclub_spider.apis.listenbrainz.service import ListenBrainz
from runclub_spider.apis.musicbrainz.calls import (
    ARTISTS_BATCH,
    ISRCS_AGAIN,
    ISRCS_BATCH,
    MOST_GENRE_PAGES,
    TITLES_AGAIN,
    TITLES_BATCH,
    URLS_BATCH,
)
from runclub_spider.apis.musicbrainz.parser import (
    parse_artists,
    parse_genres,
    parse_recordings,
    parse_urls,
)
from runclub_spider.apis.musicbrainz.service import MusicBrainz
from runclub_spider.catalog.original import Question
from runclub_spider.catalog.recordings import Recording
from runclub_spider.config import utc_now
from runclub_spider.crawl.requests import to_request
from runclub_spider.enrich.batches import BatchWorker
from runclub_spider.enrich.stages import Enricher
from runclub_spider.store.db import meta
from runclub_spider.store.facts import open_facts, open_questions
from runclub_spider.store.facts.open_questions import Due
from runclub_spider.text import DAY

if TYPE_CHECKING:
    import sqlalchemy as sa
    from scrapy.http import Response

T = TypeVar("T")

# Answers of more pages than these are of songs that everybody recorded; the rest is let go.
_MOST_PAGES = 3
NOT_FOUND = 404
_GENRES_AT, _GENRES_DAYS = "open_genres_at", 90
_OFF = (
    "open metadata is off: set OPEN_METADATA_CONTACT to a mail address or URL for original years, "
    "MBIDs and genres"
)
_WITHOUT = {
    Api.MUSICBRAINZ: (
        "open metadata without musicbrainz: no new recordings, so no MBIDs, original years or "
        "genres of tracks that were not looked up before"
    ),
    Api.LISTENBRAINZ: (
        "open metadata without listenbrainz: no genres of releases; those of recordings and "
        "artists come from musicbrainz"
    ),
}


class OpenMetadata(Enricher):
    """Asks when all other enrichers are through.

    Recordings by ISRC first, then by title and artist where that left a gap or a doubt, then
    what ListenBrainz knows of the recordings, then artists. Every step takes what it has to ask
    from the store, where the one before left its answers, so a run that was stopped goes on.
    """

    name = "open_metadata"
    services = (MusicBrainz, ListenBrainz)
    after_discovery = False

    async def finish(self) -> None:
        """All steps, of the sources that are wanted."""
        config, outcome = self.run.config, self.run.outcome
        if not config.open_metadata_contact:
            outcome.note(_OFF)
            return
        wanted = config.open_metadata_sources
        for api, loss in _WITHOUT.items():
            if api not in wanted:
                outcome.note(loss)
        if Api.MUSICBRAINZ in wanted:
            await self._isrcs()
            await self._songs()
        await self._settle()
        if Api.LISTENBRAINZ in wanted:
            await self._recordings()
        if Api.MUSICBRAINZ in wanted:
            await self._artist_urls()
            if Api.LISTENBRAINZ not in wanted:
                await self._genres()
            await self._artists()
        changed = await self._settle()
        self.run.count("runclub/open_metadata/changed", changed)

    # Steps

    async def _isrcs(self) -> None:
        calls = self.run.apis[MusicBrainz].calls
        again = self._worker(
            "recordings by ISRC, again", ISRCS_AGAIN, calls.by_isrc, self._isrcs_found
        )

        async def accept(response: Response, asked: Sequence[str]) -> None:
            found, whole = await self._pages(response, lambda at: calls.by_isrc(asked, at))
            there = {code for one in found for code in one.isrcs}
            left = [] if whole else [code for code in asked if code not in there]
            kept = [code for code in asked if code not in set(left)]
            await self._save(lambda c: open_questions.save_isrcs(c, kept, found, self._due))
            again.add(left)

        worker = self._worker("recordings by ISRC", ISRCS_BATCH, calls.by_isrc, accept)
        worker.add(await self._read(lambda c: open_questions.pending_isrcs(c, self._due)))
        await worker.drain()
        await again.drain()

    async def _isrcs_found(self, response: Response, asked: Sequence[str]) -> None:
        calls = self.run.apis[MusicBrainz].calls
        found, _ = await self._pages(response, lambda at: calls.by_isrc(asked, at))
        await self._save(lambda c: open_questions.save_isrcs(c, asked, found, self._due))

    async def _songs(self) -> None:
        calls = self.run.apis[MusicBrainz].calls
        songs = await self._read(lambda c: open_questions.pending_songs(c, self._due))

        def call(keys: Sequence[str], offset: int = 0) -> Call:
            return calls.by_title([songs[key] for key in keys], offset)

        async def settle(response: Response, keys: Sequence[str], *, last: bool) -> None:
            found, whole = await self._pages(response, lambda at: call(keys, at))
            asked: list[Question] = [songs[key] for key in keys]
            missed = [] if whole or last else open_questions.unanswered(asked, found)
            kept = [song for song in asked if song.key not in set(missed)]
            await self._save(lambda c: open_questions.save_songs(c, kept, found, self._due))
            again.add(missed)

        async def first(response: Response, keys: Sequence[str]) -> None:
            await settle(response, keys, last=False)

        async def second(response: Response, keys: Sequence[str]) -> None:
            await settle(response, keys, last=True)

        again = self._worker("recordings by title, again", TITLES_AGAIN, call, second)
        worker = self._worker("recordings by title", TITLES_BATCH, call, first)
        worker.add(songs)
        await worker.drain()
        await again.drain()

    async def _recordings(self) -> None:
        async def accept(response: Response, asked: Sequence[str]) -> None:
            answer = parse_metadata(response.body)
            self.run.reading.take(answer)
            await self._save(
                lambda c: open_questions.save_metadata(c, asked, answer.found, self._due)
            )

        call = self.run.apis[ListenBrainz].calls.recordings
        worker = self._worker("metadata of recordings", RECORDINGS_BATCH, call, accept)
        worker.add(await self._read(lambda c: open_questions.pending_recordings(c, self._due)))
        await worker.drain()

    async def _artist_urls(self) -> None:
        async def accept(response: Response, asked: Sequence[str]) -> None:
            # One unknown address alone is a 404; among others it is left out.
            found: dict[str, str] = {}
            if response.status != NOT_FOUND:
                answer = parse_urls(response.body)
                self.run.reading.take(answer)
                found = answer.found
            await self._save(lambda c: open_questions.save_urls(c, asked, found, self._due))

        call = self.run.apis[MusicBrainz].calls.artist_urls
        worker = self._worker("artists by address", URLS_BATCH, call, accept, {NOT_FOUND})
        worker.add(await self._read(lambda c: open_questions.pending_artist_urls(c, self._due)))
        await worker.drain()

    async def _artists(self) -> None:
        async def accept(response: Response, asked: Sequence[str]) -> None:
            answer = parse_artists(response.body)
            self.run.reading.take(answer)
            await self._save(
                lambda c: open_questions.save_artists(c, asked, answer.found, self._due)
            )

        call = self.run.apis[MusicBrainz].calls.artists
        worker = self._worker("artists", ARTISTS_BATCH, call, accept)
        worker.add(await self._read(lambda c: open_questions.pending_artists(c, self._due)))
        await worker.drain()

    async def _genres(self) -> None:
        """The official list, where nobody says of a tag that it is one."""
        old = utc_now() - _GENRES_DAYS * DAY
        if int(await self._read(lambda c: meta.get(c, _GENRES_AT)) or 0) > old:
            return
        calls = self.run.apis[MusicBrainz].calls

        async def accept(response: Response, _asked: Sequence[str]) -> None:
            page = parse_genres(response.body)
            self.run.reading.take(page)
            names, rows, pages = page.names, page.rows, 1
            while rows < page.count and pages < MOST_GENRE_PAGES:
                more = parse_genres((await self._ask(calls.genres(rows))).body)
                if not more.rows:
                    raise AnswerError("the list of genres ends too early")
                names, rows, pages = names + more.names, rows + more.rows, pages + 1

            def save(connection: sa.Connection) -> None:
                open_questions.add_genres(connection, names)
                meta.put(connection, _GENRES_AT, str(utc_now()))

            await self._save(save)

        worker = self._worker("list of genres", 1, lambda _: calls.genres(0), accept)
        worker.add(["all"])
        await worker.drain()

    async def _settle(self) -> int:
        year = datetime.fromtimestamp(self.run.started_at, UTC).year
        return await self._read(lambda c: open_facts.settle(c, now=utc_now(), this_year=year))

    # Calls

    async def _pages(
        self, response: Response, call: Callable[[int], Call]
    ) -> tuple[list[Recording], bool]:
        """The recordings of an answer and its further pages, and whether nothing is missing."""
        page = parse_recordings(response.body)
        self.run.reading.take(page)
        found, whole, pages = list(page.recordings), not page.partial, 1
        while page.next_offset is not None and pages < _MOST_PAGES:
            page = parse_recordings((await self._ask(call(page.next_offset))).body)
            self.run.reading.count(page.odd)
            found += page.recordings
            whole, pages = whole and not page.partial, pages + 1
        return found, whole and page.next_offset is None

    async def _ask(self, call: Call) -> Response:
        """One more call within a batch; what keeps it from being sent ends the batch."""
        engine = self.run.crawler.engine
        assert engine is not None
        response = await engine.download_async(to_request(call))
        if response.status != 200:
            raise AnswerError(f"{call.api} answered {response.status} to a further page")
        return response

    def _worker(
        self,
        name: str,
        batch: int,
        call: Callable[[Sequence[str]], Call],
        accept: Callable[[Response, Sequence[str]], Awaitable[None]],
        read_anyway: Sequence[int] | set[int] = (),
    ) -> BatchWorker:
        worker = BatchWorker(
            self.run,
            name,
            batch=batch,
            call=call,
            accept=accept,
            read_anyway=read_anyway,
        )
        self.run.budget.enlist(worker)
        return worker

    @property
    def _due(self) -> Due:
        run = self.run
        return Due(
            utc_now(),
            stale_before=run.stale_before("open_metadata"),
            gap_seconds=run.config.open_metadata_retry_days * DAY,
        )

    async def _read(self, work: Callable[[sa.Connection], T]) -> T:
        return await self.run.store.run(work)

    async def _save(self, work: Callable[[sa.Connection], None]) -> None:
        """Store an answer together with the calls it took; the next comes too late to share."""
        stored = self.run.store.share(work)
        self.run.store.hurry()
        await stored
