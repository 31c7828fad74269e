"""Pages: what is planned, what is done, and the raw rows of what was served."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import repeat
from typing import Any

import orjson
import sqlalchemy as sa

from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import page
from runclub_spider.store.db.upsert import chunks, insert_new
from runclub_spider.store.queue.drift import pause

OPEN, DONE = "open", "done"


class PageKind(StrEnum):
    """What a page asks."""

    TRACK_SEARCH = "track_search"
    PLAYLIST_SEARCH = "playlist_search"
    PLAYLIST = "playlist"
    PLAYLIST_ITEMS = "playlist_items"


@dataclass(frozen=True, slots=True)
class PageTask:
    """A page to ask: `source_key` is the search term or playlist id, rows count from 0.

    `version` is the seed's generation or the playlist's snapshot; `ordinal` the place in the
    order of planning. Plain values only: JOBDIR pickles it.
    """

    spider: str
    kind: PageKind
    source_key: str
    market: str
    first_row: int
    row_count: int
    version: str
    ordinal: int = 0

    @property
    def key(self) -> str:
        """The page's identity, also its `deltafetch_key`: query, market, rows, version."""
        return (
            f"{self.kind}|{self.market}|{self.source_key}|"
            f"{self.first_row}+{self.row_count}|{self.version}"
        )


@dataclass(frozen=True, slots=True)
class PageCounts:
    """How the rows of a page divide; `rows` is their sum."""

    track_rows: int = 0
    null_rows: int = 0
    local_rows: int = 0
    episode_rows: int = 0

    @property
    def rows(self) -> int:
        """All rows the page served."""
        return self.track_rows + self.null_rows + self.local_rows + self.episode_rows


def plan(
    connection: sa.Connection,
    tasks: Sequence[PageTask],
    *,
    again: bool = False,
    behind: PageTask | None = None,
) -> None:
    """Put pages on the queue, at its end; a page that was ever planned keeps its state.

    Pages that another made known stand `behind` it, at the same place in the order of planning:
    the order in which answers come decides nothing.

    With `again` a page that is done is asked once more: its old row steps aside under another
    key, so that the rows it counted stay counted.
    """
    if not tasks:
        return
    if again:
        done = (page.c.key.in_([task.key for task in tasks])) & (page.c.state == DONE)
        connection.execute(sa.update(page).where(done).values(key=_aside()))
    if behind is None:
        start = int(connection.scalar(sa.select(sa.func.max(page.c.ordinal))) or 0)
        places: Iterable[int] = range(start + 1, start + 1 + len(tasks))
    else:
        places = repeat(behind.ordinal, len(tasks))
    rows = [
        {
            **asdict(task),
            "kind": str(task.kind),
            "key": task.key,
            "state": OPEN,
            "ordinal": ordinal,
        }
        for task, ordinal in zip(tasks, places, strict=True)
    ]
    insert_new(connection, page, rows)


#: The order of planning; pages of a list that its first page made known share its ordinal.
PLANNED = (page.c.ordinal, page.c.first_row, page.c.key)


def _aside() -> Any:
    """The key of a row that makes room; ordinals make it unique."""
    return page.c.key + "|was" + sa.cast(page.c.ordinal, sa.Text)


def open_pages(connection: sa.Connection, spider: str, market: str) -> list[PageTask]:
    """The queue of one spider, in planning order."""
    columns = [page.c[name] for name in PageTask.__dataclass_fields__]
    rows = connection.execute(
        sa.select(*columns)
        .where(page.c.spider == spider, page.c.state == OPEN, page.c.market == market)
        .order_by(*PLANNED)
    )
    return [PageTask(**{**row._asdict(), "kind": PageKind(row.kind)}) for row in rows]


def waiting(
    connection: sa.Connection, spider: str, market: str, *, now: int, version: int
) -> dict[str, int]:
    """Open pages that parsers of this `version` could not read, and until when they wait."""
    rows = connection.execute(
        sa.select(page.c.key, page.c.retry_at).where(
            page.c.spider == spider,
            page.c.market == market,
            page.c.state == OPEN,
            page.c.retry_at > now,
            page.c.parser_version == version,
        )
    )
    return {row.key: int(row.retry_at) for row in rows}


def put_aside(connection: sa.Connection, keys: Iterable[str], *, now: int, version: int) -> None:
    """Have open pages wait of which parsers of this `version` could read no row."""
    for key in keys:
        mine = (page.c.key == key) & (page.c.state == OPEN)
        drifts = int(connection.scalar(sa.select(page.c.drifts).where(mine)) or 0) + 1
        connection.execute(
            sa.update(page)
            .where(mine)
            .values(
                drifts=drifts,
                retry_at=now + pause(drifts),
                parser_version=version,
                tries=page.c.tries + 1,
            )
        )


def unplan_larger(connection: sa.Connection, kind: PageKind, rows: int) -> None:
    """Take pages of more than `rows` rows off the queue; the seed ledger plans them anew."""
    connection.execute(
        sa.delete(page).where(
            page.c.kind == str(kind), page.c.state == OPEN, page.c.row_count > rows
        )
    )


_STATE = Prepared(sa.select(page.c.state).where(page.c.key == sa.bindparam("of_key")))


def is_open(connection: sa.Connection, key: str) -> bool:
    """Whether the page is planned and its rows are not in the store yet."""
    return _STATE.first(connection, {"of_key": key}) == [OPEN]


def done_keys(connection: sa.Connection, spider: str) -> Iterator[str]:
    """Keys of all pages of a spider whose rows are in the store."""
    rows = connection.execute(
        sa.select(page.c.key).where(page.c.spider == spider, page.c.state == DONE)
    )
    return (row.key for row in rows)


def forget_done(connection: sa.Connection, spider: str) -> None:
    """Reopen the delta memory of a spider (`deltafetch_reset`): pages may be asked again."""
    connection.execute(sa.delete(page).where(page.c.spider == spider, page.c.state == OPEN))
    connection.execute(
        sa.update(page).where(page.c.spider == spider, page.c.state == DONE).values(key=_aside())
    )


_PARTS = ("track_rows", "null_rows", "local_rows", "episode_rows")
_COUNTS = ("rows", *_PARTS)
_DONE = Prepared(
    sa.update(page)
    .where(page.c.key == sa.bindparam("of_key"))
    .values(state=DONE, tries=page.c.tries + 1),
    *("run_id", "fetched_at", "raw", *_COUNTS),
)


def mark_done(
    connection: sa.Connection,
    task: PageTask,
    *,
    counts: PageCounts,
    run_id: int,
    now: int,
    content: object = None,
) -> None:
    """Close a page in the transaction that stores its rows; `content` becomes its raw copy."""
    # Level 3 takes half the time of the usual 6, and 7 % more room.
    raw = None if content is None else zlib.compress(orjson.dumps(content), 3)
    numbers = {name: getattr(counts, name) for name in _COUNTS}
    given = {"of_key": task.key, "run_id": run_id, "fetched_at": now, "raw": raw, **numbers}
    _DONE.rows(connection, given)


def reopen(connection: sa.Connection, keys: Sequence[str]) -> list[PageTask]:
    """Put searches that were stored without a row back on the queue; returns them.

    They come after what is planned by now, so that whoever learns from pages hears of them again.
    """
    columns = [page.c[name] for name in PageTask.__dataclass_fields__]
    empty = (page.c.state == DONE) & (page.c.rows == 0)
    start = int(connection.scalar(sa.select(sa.func.max(page.c.ordinal))) or 0)
    found: list[PageTask] = []
    for key in keys:
        row = connection.execute(sa.select(*columns).where(page.c.key == key, empty)).first()
        if row is None:
            continue
        found.append(PageTask(**{**row._asdict(), "kind": PageKind(row.kind)}))
        connection.execute(
            sa.update(page)
            .where(page.c.key == key)
            .values(state=OPEN, ordinal=start + len(found), raw=None)
        )
    return found


def mark_tried(connection: sa.Connection, keys: Sequence[str]) -> None:
    """Count a failed try; the page stays open for the next run."""
    for part in chunks(list(keys)):
        connection.execute(
            sa.update(page)
            .where(page.c.key.in_(part), page.c.state == OPEN)
            .values(tries=page.c.tries + 1)
        )


def runs_with_raw(connection: sa.Connection) -> list[tuple[int, str]]:
    """(run, spider) of the runs whose pages still have their raw copies."""
    rows = connection.execute(
        sa.select(page.c.run_id, page.c.spider)
        .where(page.c.raw.is_not(None), page.c.run_id.is_not(None))
        .distinct()
        .order_by(page.c.run_id)
    )
    return [(int(row.run_id), str(row.spider)) for row in rows]


def raw_pages(connection: sa.Connection, run_id: int) -> Iterator[dict[str, Any]]:
    """The pages a run stored, in planning order; `raw` is the JSON of their rows, for orjson."""
    names = ("key", "kind", "source_key", "market", "first_row", "version", "fetched_at", "raw")
    query = (
        sa.select(*(page.c[name] for name in names))
        .where(page.c.run_id == run_id, page.c.raw.is_not(None))
        .order_by(*PLANNED)
        .execution_options(yield_per=100)
    )
    for row in connection.execute(query):
        yield {
            **dict(zip(names, row, strict=True)),
            # As it is: it was written by orjson, and reading it took most of a snapshot's time.
            "raw": orjson.Fragment(zlib.decompress(row.raw)),
        }


def drop_raw_before(connection: sa.Connection, moment: int) -> int:
    """Forget raw copies older than `moment`; returns how many pages lost theirs."""
    result = connection.execute(
        sa.update(page).where(page.c.fetched_at < moment, page.c.raw.is_not(None)).values(raw=None)
    )
    return int(result.rowcount)


def row_totals(connection: sa.Connection, kinds: Iterable[PageKind]) -> PageCounts:
    """Sums over all stored pages of the given kinds, for the accounting."""
    sums = [sa.func.coalesce(sa.func.sum(page.c[name]), 0) for name in _PARTS]
    row = connection.execute(
        sa.select(*sums).where(page.c.state == DONE, page.c.kind.in_([str(k) for k in kinds]))
    ).one()
    return PageCounts(**{name: int(value) for name, value in zip(_PARTS, row, strict=True)})
