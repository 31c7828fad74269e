"""The seed ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runclub_spider.store.db.exported import ELIGIBLE
from runclub_spider.store.db.prepared import Prepared
from runclub_spider.store.db.tables import page, seed, track, track_source
from runclub_spider.store.db.upsert import insert_new

FRESH, RUNNING, SEARCHED, EXHAUSTED = "fresh", "open", "searched", "exhausted"
# Exhausted without an eligible track that was new: it is looked at again after a longer time.
RETIRED = "retired"
FINISHED = (EXHAUSTED, RETIRED)
# A retired seed waits twice as long each time it brings nothing, up to so many doublings.
_DOUBLINGS = 4


@dataclass(frozen=True, slots=True)
class SeedState:
    """A ledger row, as far as choosing needs it."""

    term: str
    generation: int
    state: str
    next_offset: int
    last_seen_at: int | None
    rows: int


def register(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make sure the seeds (term, search_type, market, family, …) have a ledger row."""
    insert_new(connection, seed, rows)


_ONE = (
    (seed.c.term == sa.bindparam("of_term"))
    & (seed.c.search_type == sa.bindparam("of_type"))
    & (seed.c.market == sa.bindparam("of_market"))
)
_FAMILY = Prepared(sa.select(seed.c.family).where(_ONE))


def family_of(connection: sa.Connection, term: str, search_type: str, market: str) -> str | None:
    """The family of a seed in the ledger."""
    given = {"of_term": term, "of_type": search_type, "of_market": market}
    return next(iter(_FAMILY.first(connection, given)), None)


def states(connection: sa.Connection, search_type: str, market: str) -> dict[str, SeedState]:
    """The ledger of one search type and market, by term."""
    columns = [seed.c[name] for name in SeedState.__dataclass_fields__]
    rows = connection.execute(
        sa.select(*columns).where(seed.c.search_type == search_type, seed.c.market == market)
    )
    return {row.term: SeedState(**row._asdict()) for row in rows}


def ended(
    connection: sa.Connection, search_type: str, market: str, *, cap: int | None = None
) -> set[str]:
    """Terms of the seeds that are finished, or have served `cap` rows."""
    query = sa.select(seed.c.term).where(
        seed.c.search_type == search_type, seed.c.market == market, _finished(cap)
    )
    return set(connection.scalars(query))


def _finished(cap: int | None) -> sa.ColumnElement[bool]:
    finished: sa.ColumnElement[bool] = seed.c.state.in_(FINISHED)
    return finished if cap is None else finished | (seed.c.next_offset >= cap)


def refresh(
    connection: sa.Connection,
    search_type: str,
    market: str,
    *,
    seen_before: int | None = None,
    age: int = 0,
    generation: int | None = None,
    cap: int | None = None,
) -> None:
    """Open finished seeds anew: those last seen before a moment, or of an older generation.

    A seed is finished when it is exhausted or has served `cap` rows. One that brought nothing is
    retired: it waits for `age` seconds more, which double each time. Called when a run starts,
    never in its middle, so that no clock changes what a run asks.
    """
    if search_type == "track":
        _retire(connection, market)
    condition = sa.and_(seed.c.search_type == search_type, seed.c.market == market)
    if generation is not None:
        condition &= seed.c.generation < generation
        following: Any = generation
    else:
        longer = sa.case(
            *((seed.c.dry_runs == n, (2**n - 1) * age) for n in range(1, _DOUBLINGS)),
            (seed.c.dry_runs >= _DOUBLINGS, (2**_DOUBLINGS - 1) * age),
            else_=0,
        )
        condition &= _finished(cap) & (seed.c.last_seen_at + longer < seen_before)
        following = seed.c.generation + 1
    connection.execute(
        sa.update(seed)
        .where(condition)
        .values(generation=following, state=FRESH, next_offset=0, generation_new=0)
    )


def _retire(connection: sa.Connection, market: str) -> None:
    """Note of the searches that ended what they brought; those that brought nothing are retired.

    Not when their last page is stored: a page before it in the order of planning may still be on
    its way. While one is, nothing is noted.
    """
    theirs = (
        (page.c.source_key == seed.c.term)
        & (page.c.market == seed.c.market)
        & (page.c.version == sa.literal("g") + sa.cast(seed.c.generation, sa.Text))
        & (page.c.kind == "track_search")
    )
    shown = (
        (track_source.c.source_type == "search")
        & (track_source.c.source_key == seed.c.term)
        & (track_source.c.track_id == track.c.track_id)
    )
    brought = (
        sa.select(sa.func.count())
        .select_from(track_source)
        .join(track, shown)
        .where(ELIGIBLE, track.c.first_ordinal.in_(sa.select(page.c.ordinal).where(theirs)))
    )
    # What older versions counted themselves.
    counted = sa.select(sa.func.coalesce(sa.func.sum(page.c.new_tracks), 0)).where(theirs)
    mine = (seed.c.search_type == "track") & (seed.c.market == market)
    other = page.alias()
    on_its_way = sa.exists().where(
        other.c.kind == "track_search", other.c.market == market, other.c.state == "open"
    )
    found = connection.execute(
        sa.select(
            seed.c.term,
            brought.correlate(seed).scalar_subquery() + counted.correlate(seed).scalar_subquery(),
        ).where(mine, seed.c.state == EXHAUSTED, seed.c.generation_new == 0, ~on_its_way)
    ).all()
    if not found:
        return
    number = sa.bindparam("brought", type_=sa.Integer())
    connection.execute(
        sa.update(seed)
        .where(mine, seed.c.term == sa.bindparam("of_term"))
        .values(
            generation_new=number,
            state=sa.case((number == 0, RETIRED), else_=EXHAUSTED),
            dry_runs=sa.case((number == 0, seed.c.dry_runs + 1), else_=0),
        ),
        [{"of_term": term, "brought": int(number)} for term, number in found],
    )


def restart(connection: sa.Connection, search_type: str) -> None:
    """Open every seed of a search type anew, for `deltafetch_reset`."""
    connection.execute(
        sa.update(seed)
        .where(seed.c.search_type == search_type)
        .values(generation=seed.c.generation + 1, state=FRESH, next_offset=0, generation_new=0)
    )


_ADVANCED = Prepared(
    sa.update(seed)
    .where(_ONE)
    .values(
        state=sa.bindparam("at_state"),
        next_offset=sa.bindparam("next_offset"),
        last_offset=sa.bindparam("last_offset"),
        last_seen_at=sa.bindparam("last_seen_at"),
        requests=seed.c.requests + 1,
        rows=seed.c.rows + sa.bindparam("more_rows", type_=sa.Integer()),
    )
)


def advance(
    connection: sa.Connection,
    key: tuple[str, str, str],
    *,
    state: str,
    next_offset: int,
    offset: int,
    now: int,
    rows: int = 0,
) -> None:
    """Record one answered page of a seed (term, search_type, market)."""
    term, search_type, market = key
    _ADVANCED.rows(
        connection,
        {
            "of_term": term,
            "of_type": search_type,
            "of_market": market,
            "at_state": state,
            "next_offset": next_offset,
            "last_offset": offset,
            "last_seen_at": now,
            "more_rows": rows,
        },
    )


def reopen(connection: sa.Connection, key: tuple[str, str, str], version: str, row: int) -> None:
    """Have a seed (term, search_type, market) go on at a row where it seemed to end.

    `version` is that of the page: `g` and the generation.
    """
    term, search_type, market = key
    fewer = sa.case((seed.c.dry_runs > 0, seed.c.dry_runs - 1), else_=0)
    connection.execute(
        sa.update(seed)
        .where(
            seed.c.term == term,
            seed.c.search_type == search_type,
            seed.c.market == market,
            seed.c.state.in_(FINISHED),
            seed.c.generation == int(version.removeprefix("g")),
        )
        .values(
            state=RUNNING if row else FRESH,
            next_offset=row,
            dry_runs=sa.case((seed.c.state == RETIRED, fewer), else_=seed.c.dry_runs),
        )
    )


def found_without_search(
    connection: sa.Connection, search_type: str, market: str, term: str, now: int
) -> None:
    """What a search would have to find is known: as if it had been asked, at no request."""
    connection.execute(
        sa.update(seed)
        .where(seed.c.term == term, seed.c.search_type == search_type, seed.c.market == market)
        .values(state=SEARCHED, last_seen_at=now)
    )


def close(connection: sa.Connection, search_type: str, market: str, terms: Sequence[str]) -> None:
    """Mark playlist searches whose lists were chosen."""
    for term in terms:
        connection.execute(
            sa.update(seed)
            .where(seed.c.term == term, seed.c.search_type == search_type, seed.c.market == market)
            .values(state=EXHAUSTED)
        )
