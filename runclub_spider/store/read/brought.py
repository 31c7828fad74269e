"""What each page brought: tracks that none before it in the order of planning had shown.

So the order in which pages were stored decides nothing. Pages that older versions stored have
counted theirs themselves, as they came in.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from runclub_spider.store.db.exported import ELIGIBLE
from runclub_spider.store.db.tables import page, track
from runclub_spider.store.queue.pages import DONE, PLANNED, PageKind
from runclub_spider.store.queue.seeds import EXHAUSTED, RETIRED

#: How many of a search's last pages are told apart.
LAST_PAGES = 5
_OF_LISTS = (PageKind.PLAYLIST, PageKind.PLAYLIST_ITEMS)


@dataclass(slots=True)
class Finds:
    """What the pages of a track search or of a playlist brought.

    Attributes:
        pages: how many were answered.
        new_tracks: beside those that the ledger has, of older versions.
        eligible_new: of these, those that the rules pass.
        generations: by the version of pages more than 0 where they brought eligible ones.
        last: (place among all pages, tracks) of its last pages, the latest last.
    """

    pages: int = 0
    new_tracks: int = 0
    eligible_new: int = 0
    generations: Counter[str] = field(default_factory=Counter)
    last: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=LAST_PAGES))

    def state(self, row: Any) -> str:
        """That of a row of the ledger: one that ended and brought nothing eligible is retired.

        The next run notes it in the ledger (`seeds.refresh`).
        """
        told = row.state != EXHAUSTED or row.search_type != "track" or row.generation_new
        if told or self.generations[f"g{row.generation}"]:
            return str(row.state)
        return RETIRED


@dataclass(frozen=True, slots=True)
class Brought:
    """What answered pages brought.

    Attributes:
        kinds: tracks by the kind of page.
        searches: what each track search brought, by (term, market).
        lists: what each playlist brought, by its id.
    """

    kinds: Mapping[str, int]
    searches: Mapping[tuple[str, str], Finds]
    lists: Mapping[str, Finds]

    def of(self, term: str, market: str) -> Finds:
        """What a track search brought; nothing if it was not asked."""
        return self.searches.get((term, market)) or Finds()


def read(connection: sa.Connection) -> Brought:
    """Sum up what all answered pages brought; it reads which page each track came with."""
    kinds: Counter[str] = Counter()
    searches: defaultdict[tuple[str, str], Finds] = defaultdict(Finds)
    lists: defaultdict[str, Finds] = defaultdict(Finds)
    for place, row in enumerate(_pages(connection)):
        kinds[row.kind] += row.counted + row.new_tracks
        if row.kind == PageKind.TRACK_SEARCH:
            found = searches[row.source_key, row.market]
        elif row.kind in _OF_LISTS:
            found = lists[row.source_key]
        else:
            continue
        found.pages += 1
        found.new_tracks += row.new_tracks
        found.eligible_new += row.eligible_new
        # Older versions did not tell a page's eligible ones: any that were new will do.
        found.generations[row.version] += row.eligible_new or row.counted
        found.last.append((place, row.counted + row.new_tracks))
    return Brought(kinds, searches, lists)


@dataclass(frozen=True, slots=True)
class _Page:
    kind: str
    source_key: str
    market: str
    version: str
    counted: int
    new_tracks: int
    eligible_new: int


def _pages(connection: sa.Connection) -> Iterator[_Page]:
    """The answered pages in the order of planning."""
    new: dict[int, tuple[int, int]] = {
        row.first_ordinal: (row.new, row.eligible)
        for row in connection.execute(
            sa.select(
                track.c.first_ordinal,
                sa.func.count().label("new"),
                sa.func.sum(sa.case((ELIGIBLE, 1), else_=0)).label("eligible"),
            )
            .where(track.c.first_ordinal.is_not(None))
            .group_by(track.c.first_ordinal)
        )
    }
    names = ("kind", "source_key", "market", "version", "new_tracks", "ordinal")
    query = (
        sa.select(*(page.c[name] for name in names))
        .where(page.c.state == DONE)
        .order_by(*PLANNED)
        .execution_options(yield_per=2000)
    )
    for kind, term, market, version, counted, ordinal in connection.execute(query):
        # Pages of a list that share a place share what it brought: the first one has it.
        tracks, eligible = new.pop(ordinal, (0, 0))
        yield _Page(kind, term, market, version, counted, tracks, eligible)
