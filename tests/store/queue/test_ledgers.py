"""The ledgers: pages, seeds, quota, runs."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from runclub_spider.config import utc_now
from runclub_spider.store.db.tables import api_block, page, run, seed
from runclub_spider.store.db.tables import quota as quota_table
from runclub_spider.store.facts import tracks
from runclub_spider.store.facts.tracks import Source
from runclub_spider.store.queue import pages, quota, runs, seeds
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from runclub_spider.store.queue.quota import Block
from runclub_spider.store.read import overview
from testkit.making import POLICY, a_track, found


def task(term: str = "rock", first: int = 0, **changes: Any) -> PageTask:
    values: dict[str, Any] = {
        "spider": "spotify_search",
        "kind": PageKind.TRACK_SEARCH,
        "source_key": term,
        "market": "US",
        "first_row": first,
        "row_count": 50,
        "version": "g1",
    }
    return PageTask(**{**values, **changes})


def opened(connection: sa.Connection) -> list[tuple[str, int]]:
    found = pages.open_pages(connection, "spotify_search", "US")
    return [(one.source_key, one.first_row) for one in found]


def done(connection: sa.Connection, one: PageTask, run_id: int = 1, **counts: int) -> None:
    pages.mark_done(connection, one, counts=PageCounts(**counts), run_id=run_id, now=1000)


def test_searches_that_seemed_empty_go_on_where_they_were(connection: sa.Connection) -> None:
    terms = {"none": 0, "later": 50, "full": 0, "anew": 0}
    seeds.register(
        connection,
        [{"term": t, "search_type": "track", "market": "US", "family": "x"} for t in terms],
    )
    restarted = seed.c.term == "anew"
    tasks = {term: task(term, first) for term, first in terms.items()}
    pages.plan(connection, [*tasks.values()])
    for term, one in tasks.items():
        rows = 5 if term == "full" else 0
        done(connection, one, track_rows=rows)
        seeds.advance(
            connection,
            (term, "track", "US"),
            state=seeds.EXHAUSTED,
            next_offset=one.first_row + 50,
            offset=one.first_row,
            now=1,
            rows=rows,
        )
    connection.execute(sa.update(seed).where(restarted).values(generation=2, state=seeds.FRESH))
    keys = [one.key for one in tasks.values()]
    found = pages.reopen(connection, [*keys, "unknown"])
    assert [one.source_key for one in found] == ["none", "later", "anew"]
    assert opened(connection) == [("none", 0), ("later", 50), ("anew", 0)]
    assert pages.reopen(connection, keys) == []
    for one in found:
        seeds.reopen(connection, (one.source_key, "track", "US"), one.version, one.first_row)
    ledger = seeds.states(connection, "track", "US")
    assert {term: (row.state, row.next_offset) for term, row in ledger.items()} == {
        "none": (seeds.FRESH, 0),
        "later": (seeds.RUNNING, 50),
        "full": (seeds.EXHAUSTED, 50),
        # Of a generation that is past.
        "anew": (seeds.FRESH, 50),
    }
    rows = connection.execute(sa.select(seed.c.term, seed.c.dry_runs))
    dry = {row.term: row.dry_runs for row in rows}
    assert (dry["none"], dry["later"], dry["full"]) == (0, 0, 0)


def test_a_page_is_its_query_market_rows_and_version() -> None:
    keys = {
        one.key
        for one in (
            task(),
            task("pop"),
            task(first=50),
            task(row_count=10),
            task(market="SE"),
            task(version="g2"),
            task(kind=PageKind.PLAYLIST_SEARCH),
        )
    }
    assert len(keys) == 7
    assert task(ordinal=9).key == task().key


def test_the_queue_keeps_the_order_of_planning(connection: sa.Connection) -> None:
    pages.plan(connection, [task("b"), task("a")])
    pages.plan(connection, [task("a", 50), task("b")])
    assert opened(connection) == [("b", 0), ("a", 0), ("a", 50)]
    assert pages.open_pages(connection, "spotify_search", "SE") == []
    assert pages.open_pages(connection, "spotify_playlist", "US") == []


def test_a_done_page_stays_done(connection: sa.Connection) -> None:
    pages.plan(connection, [task()])
    assert pages.is_open(connection, task().key)
    done(connection, task(), track_rows=3, null_rows=1, local_rows=1, episode_rows=1)
    assert not pages.is_open(connection, task().key)
    pages.plan(connection, [task()])
    assert opened(connection) == []
    assert list(pages.done_keys(connection, "spotify_search")) == [task().key]
    totals = pages.row_totals(connection, [PageKind.TRACK_SEARCH])
    assert (totals.rows, totals.track_rows) == (6, 3)
    assert pages.row_totals(connection, [PageKind.PLAYLIST]).rows == 0


def test_an_unplanned_page_is_not_open(connection: sa.Connection) -> None:
    assert not pages.is_open(connection, task().key)


def test_asking_again_keeps_what_was_counted(connection: sa.Connection) -> None:
    for _ in range(3):
        pages.plan(connection, [task()], again=True)
        assert opened(connection) == [("rock", 0)]
        done(connection, task(), track_rows=3)
    assert pages.row_totals(connection, [PageKind.TRACK_SEARCH]).rows == 9


def test_asking_again_leaves_an_open_page_alone(connection: sa.Connection) -> None:
    pages.plan(connection, [task()])
    pages.plan(connection, [task()], again=True)
    assert opened(connection) == [("rock", 0)]


def test_forgetting_the_delta_memory(connection: sa.Connection) -> None:
    pages.plan(connection, [task("a"), task("b")])
    done(connection, task("a"), track_rows=3)
    for _ in range(2):
        pages.forget_done(connection, "spotify_search")
        assert opened(connection) == []
        pages.plan(connection, [task("a")])
        assert opened(connection) == [("a", 0)]
        done(connection, task("a"), track_rows=3)
    assert pages.row_totals(connection, [PageKind.TRACK_SEARCH]).rows == 9


def test_tries_are_counted_for_open_pages_only(connection: sa.Connection) -> None:
    pages.plan(connection, [task("a"), task("b")])
    done(connection, task("b"))
    pages.mark_tried(connection, [task("a").key, task("b").key])
    tries = connection.execute(sa.select(page.c.source_key, page.c.tries))
    assert dict(list(tries)) == {"a": 1, "b": 1}  # type: ignore[arg-type]
    assert opened(connection) == [("a", 0)]


def test_raw_copies(connection: sa.Connection) -> None:
    pages.plan(connection, [task("a"), task("b")])
    for one, now in ((task("b"), 2000), (task("a"), 1000)):
        pages.mark_done(
            connection,
            one,
            counts=PageCounts(),
            run_id=7,
            now=now,
            content=[{"id": one.source_key}],
        )
    copies = orjson.loads(orjson.dumps([raw["raw"] for raw in pages.raw_pages(connection, 7)]))
    assert copies == [[{"id": "a"}], [{"id": "b"}]]
    assert list(pages.raw_pages(connection, 8)) == []
    assert pages.drop_raw_before(connection, 2000) == 1
    assert [raw["source_key"] for raw in pages.raw_pages(connection, 7)] == ["b"]


def registered(connection: sa.Connection, *terms: str, kind: str = "track") -> None:
    row = {"search_type": kind, "market": "US", "family": "editorial", "umbrella": None}
    row |= {"decade": None, "bpm": None}
    seeds.register(connection, [{"term": term, **row} for term in terms])


def advanced(connection: sa.Connection, term: str, to: int, now: int = 1000, **more: Any) -> None:
    values = {"state": seeds.RUNNING, "offset": to - 50, "rows": 50, **more}
    seeds.advance(connection, (term, "track", "US"), next_offset=to, now=now, **values)


def brings(connection: sa.Connection, term: str, *numbers: int, generation: int = 1) -> None:
    """An answered page of a search, with eligible tracks."""
    pages.plan(connection, [task(term, version=f"g{generation}")])
    (one,) = pages.open_pages(connection, "spotify_search", "US")
    tracks.save(
        connection,
        [found(a_track(number), at) for at, number in enumerate(numbers)],
        Source("search", term, ordinal=one.ordinal),
        policy=POLICY,
        run_id=1,
        now=1000,
    )
    done(connection, one, track_rows=len(numbers))


def states(connection: sa.Connection) -> dict[str, tuple[str, int, int]]:
    ledger = seeds.states(connection, "track", "US")
    return {t: (s.state, s.next_offset, s.generation) for t, s in ledger.items()}


def test_seeds_register_once(connection: sa.Connection) -> None:
    registered(connection, "a", "b")
    advanced(connection, "a", 50)
    registered(connection, "a", "b", "c")
    assert states(connection) == {"a": ("open", 50, 1), "b": ("fresh", 0, 1), "c": ("fresh", 0, 1)}
    assert seeds.states(connection, "playlist", "US") == {}
    assert seeds.states(connection, "track", "SE") == {}


def test_seeds_advance(connection: sa.Connection) -> None:
    registered(connection, "a", "b")
    advanced(connection, "a", 50)
    advanced(connection, "a", 100, now=2000, state=seeds.EXHAUSTED)
    row = connection.execute(sa.select(seed).where(seed.c.term == "a")).one()
    assert (row.requests, row.rows) == (2, 100)
    assert (row.last_offset, row.last_seen_at, row.state) == (50, 2000, "exhausted")
    assert connection.scalar(sa.select(seed.c.requests).where(seed.c.term == "b")) == 0


def test_finished_seeds_are_refreshed_at_their_age(connection: sa.Connection) -> None:
    registered(connection, "exhausted", "capped", "young", "running", "fresh")
    brings(connection, "exhausted", 1)
    brings(connection, "young", 2)
    advanced(connection, "exhausted", 50, now=1000, state=seeds.EXHAUSTED)
    advanced(connection, "capped", 200, now=1000)
    advanced(connection, "young", 50, now=5000, state=seeds.EXHAUSTED)
    advanced(connection, "running", 50, now=1000)
    assert seeds.ended(connection, "track", "US", cap=200) == {"exhausted", "capped", "young"}
    assert seeds.ended(connection, "track", "US") == {"exhausted", "young"}
    for _ in range(2):
        seeds.refresh(connection, "track", "US", seen_before=2000, cap=200)
    assert states(connection) == {
        "exhausted": ("fresh", 0, 2),
        "capped": ("fresh", 0, 2),
        "young": ("exhausted", 50, 1),
        "running": ("open", 50, 1),
        "fresh": ("fresh", 0, 1),
    }
    # what was learnt stays
    assert seeds.states(connection, "track", "US")["capped"].rows == 50


def test_a_seed_that_brings_nothing_waits_twice_as_long_each_time(
    connection: sa.Connection,
) -> None:
    registered(connection, "dead")
    now, age, waits = 1000, 100, []
    for _ in range(6):
        advanced(connection, "dead", 50, now=now, state=seeds.EXHAUSTED)
        seeds.refresh(connection, "track", "US", seen_before=0, age=age)
        assert seeds.states(connection, "track", "US")["dead"].state == seeds.RETIRED
        for wait in range(50, 3000, 50):
            seeds.refresh(connection, "track", "US", seen_before=now + wait - age, age=age)
            if seeds.states(connection, "track", "US")["dead"].state == seeds.FRESH:
                break
        waits.append(wait)
        now += wait
    assert waits == [250, 450, 850, 1650, 1650, 1650]
    # One that brings something again is looked at as often as any other.
    brings(connection, "dead", 1, generation=7)
    advanced(connection, "dead", 60, now=now, state=seeds.EXHAUSTED)
    seeds.refresh(connection, "track", "US", seen_before=0, age=age)
    assert seeds.states(connection, "track", "US")["dead"].state == seeds.EXHAUSTED
    seeds.refresh(connection, "track", "US", seen_before=now + 1, age=age)
    assert seeds.states(connection, "track", "US")["dead"].state == seeds.FRESH


def test_seeds_of_an_older_generation_are_opened(connection: sa.Connection) -> None:
    registered(connection, "a", kind="playlist")
    registered(connection, "a")
    seeds.refresh(connection, "playlist", "US", generation=3)
    assert seeds.states(connection, "playlist", "US")["a"].generation == 3
    assert states(connection) == {"a": ("fresh", 0, 1)}
    seeds.close(connection, "playlist", "US", ["a"])
    seeds.refresh(connection, "playlist", "US", generation=3)
    assert seeds.states(connection, "playlist", "US")["a"].state == seeds.EXHAUSTED


def test_seeds_restart(connection: sa.Connection) -> None:
    registered(connection, "a")
    advanced(connection, "a", 50)
    seeds.restart(connection, "track")
    assert states(connection) == {"a": ("fresh", 0, 2)}


def test_quota_counts_by_hour(connection: sa.Connection) -> None:
    for now, calls in ((7200, {"search": 2}), (10_799, {"search": 1, "artist": 4}), (10_800, {})):
        quota.count(connection, "spotify", calls, now)
    quota.count(connection, "spotify", {"search": 5}, 10_800)
    rows = connection.execute(
        sa.select(quota_table.c.family, quota_table.c.hour, quota_table.c.calls).order_by(
            quota_table.c.hour, quota_table.c.family
        )
    )
    assert [tuple(row) for row in rows] == [
        ("artist", 7200, 4),
        ("search", 7200, 3),
        ("search", 10_800, 5),
    ]


def test_blocks_end(connection: sa.Connection) -> None:
    block = Block("spotify", "*", 5000, "rate limit")
    quota.block(connection, block)
    quota.block(connection, Block("reccobeats", "*", 2000, "rate limit"))
    assert [b.account for b in quota.blocks(connection, 1000)] == ["reccobeats", "spotify"]
    assert quota.blocks(connection, 2000) == [block]
    assert quota.blocks(connection, 5000) == []
    later = Block("spotify", "*", 9000, "quota exceeded")
    quota.block(connection, later)
    assert quota.blocks(connection, 5000) == [later]


def test_runs(connection: sa.Connection) -> None:
    first = runs.start(connection, "enrich", {"budget": 5}, 1000)
    second = runs.start(connection, "enrich", {}, 2000)
    assert second == first + 1
    runs.finish(connection, second, result="done", counts={"pages": 3}, now=3000)
    rows = connection.execute(sa.select(run.c.result, run.c.counts).order_by(run.c.run_id))
    assert [tuple(row) for row in rows] == [(None, None), ("done", '{"pages":3}')]


@pytest.mark.parametrize("kind", list(PageKind))
def test_a_task_comes_back_whole(connection: sa.Connection, kind: PageKind) -> None:
    one = task("ünï|code", 100, kind=kind, version="s|1")
    pages.plan(connection, [one])
    (back,) = pages.open_pages(connection, "spotify_search", "US")
    assert back.key == one.key
    assert back.kind is kind
    assert back.ordinal == 1


def test_no_block_is_believed_for_more_than_thirty_days(connection: sa.Connection) -> None:
    now = utc_now()
    most = now + quota.LONGEST_BLOCK
    for number, until in enumerate((now + 60, 10**12, 10**30)):
        quota.block(connection, Block("spotify", f"f{number}", until, "rate limit"))
    found = [block.blocked_until for block in quota.blocks(connection, now)]
    assert found[0] == now + 60
    assert all(most <= until <= most + 5 for until in found[1:])


def test_a_block_that_is_already_too_long_is_shortened(connection: sa.Connection) -> None:
    row = {"account": "spotify", "family": "*", "blocked_until": 10**12, "reason": "rate limit"}
    connection.execute(sa.insert(api_block), [row])
    assert [b.blocked_until for b in quota.blocks(connection, 1000)] == [1000 + 30 * 86_400]
    quota.shorten(connection, 1000)
    assert connection.scalar(sa.select(api_block.c.blocked_until)) == 1000 + 30 * 86_400
    quota.shorten(connection, 5000)
    assert quota.blocks(connection, 1000 + 30 * 86_400) == []


def test_lifting_ends_what_was_named(connection: sa.Connection) -> None:
    all_of_spotify = Block("spotify", "*", 5000, "rate limit")
    searches = Block("spotify", "search", 6000, "quota exceeded")
    other = Block("reccobeats", "*", 7000, "rate limit")
    for block in (all_of_spotify, searches, other):
        quota.block(connection, block)
    assert quota.lift(connection, 5500, "spotify") == [searches]
    assert quota.lift(connection, 1000, "spotify", "search") == []
    assert quota.lift(connection, 1000) == [all_of_spotify, other]
    assert quota.blocks(connection, 0) == []


def test_hours_of_a_clock_that_was_ahead_do_not_count(connection: sa.Connection) -> None:
    now = utc_now()
    ten_years = now + 10 * 365 * quota.DAY
    quota.count(connection, "spotify", {"search": 3}, now)
    quota.count(connection, "spotify", {"search": 500}, ten_years)
    assert quota.last_day(connection, "spotify", now) == {"search": {now - now % 3600: 3}}
    assert overview.calls_since(connection, now - quota.DAY) == [("spotify", "search", 3)]
    quota.learn_pace(connection, "pace", 90, ten_years)
    assert quota.learnt_pace(connection, "pace", now - quota.DAY) is None
    quota.learn_pace(connection, "pace", 90, now)
    assert quota.learnt_pace(connection, "pace", now - quota.DAY) == 90


def test_a_page_that_cannot_be_read_waits_longer_each_time(connection: sa.Connection) -> None:
    pages.plan(connection, [task("a"), task("b")])
    key, now = task("a").key, 1_000

    def waiting(now: int, *, market: str = "US", version: int = 7) -> dict[str, int]:
        return pages.waiting(connection, "spotify_search", market, now=now, version=version)

    for days in (1, 2, 4, 8, 8):
        pages.put_aside(connection, [key], now=now, version=7)
        until = now + days * 86_400
        assert waiting(until - 1) == {key: until}
        assert waiting(until) == {}
        now = until
    assert waiting(0, version=8) == {}
    assert waiting(0, market="SE") == {}
    assert pages.is_open(connection, key)
    done(connection, task("a"))
    assert waiting(0) == {}


def test_calls_since_a_refusal_are_counted_for_the_refused_family_alone(
    connection: sa.Connection,
) -> None:
    now = 1_760_000_000
    hour = now - now % quota.HOUR
    quota.count(connection, "spotify", {"search": 7}, now)
    quota.learn_limit(connection, "spotify", "search", 7)
    quota.count(connection, "spotify", {"search": 2, "artists": 5}, now)
    quota.count(connection, "spotify", {"search": 3}, now)
    assert quota.since_refusal(connection, "spotify") == {"search": 5}
    assert quota.last_day(connection, "spotify", now) == {
        "search": {hour: 12},
        "artists": {hour: 5},
    }
