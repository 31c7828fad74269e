"""Rounds of pages planned from a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runclub_spider.apis.spotify.regimes.extended import REGIME as EXTENDED
from runclub_spider.catalog.models import Playlist, Track
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.frontier.addresses import term_of
from runclub_spider.frontier.planners import (
    PlaylistPlanner,
    TrackSearchPlanner,
    following_pages,
)
from runclub_spider.frontier.templates import Seed
from runclub_spider.store.db.engine import Store
from runclub_spider.store.facts import tracks
from runclub_spider.store.facts.tracks import Source
from runclub_spider.store.queue import pages, playlists, seeds
from runclub_spider.store.queue.pages import PageCounts, PageKind, PageTask
from testkit.making import POLICY, a_playlist, a_track, found

SPIDER = "spotify_search"
UMBRELLAS = UmbrellaMap.load(Path(__file__).parents[2] / "seeds/umbrellas.yaml")


@pytest.fixture
def connection(store: Store) -> Iterator[sa.Connection]:
    with store.begin() as connection:
        yield connection


def plan_of(connection: sa.Connection, kind: Any, *terms: str) -> list[Seed]:
    plan = [Seed(term, kind, "editorial", term.title()) for term in terms]
    seeds.register(
        connection,
        [
            {
                "term": one.term,
                "search_type": kind,
                "market": "US",
                "family": one.family,
                "umbrella": one.umbrella,
                "decade": None,
                "bpm": None,
            }
            for one in plan
        ],
    )
    return plan


def searcher(connection: sa.Connection, *terms: str, **changes: Any) -> TrackSearchPlanner:
    values: dict[str, Any] = {
        "spider": SPIDER,
        "market": "US",
        "mode": "template",
        "max_results": 120,
        "page_rows": 50,
        "cell_minimum": 400,
        "umbrellas": UMBRELLAS,
        "vote_confidence": 0.75,
        "track_cost": 1 / 40,
    }
    values["seeds"] = plan_of(connection, "track", *terms)
    return TrackSearchPlanner(**{**values, **changes})


def opened(connection: sa.Connection) -> list[PageTask]:
    return pages.open_pages(connection, SPIDER, "US")


def brief(tasks: list[PageTask]) -> list[tuple[str, int, int]]:
    return [(task.source_key, task.first_row, task.row_count) for task in tasks]


def answer_searches(connection: sa.Connection, *, more: bool = True) -> None:
    for task in opened(connection):
        counts = PageCounts(track_rows=task.row_count)
        pages.mark_done(connection, task, counts=counts, run_id=1, now=1000)
        seeds.advance(
            connection,
            (task.source_key, "track", "US"),
            state=seeds.RUNNING if more else seeds.EXHAUSTED,
            next_offset=task.first_row + task.row_count,
            offset=task.first_row,
            now=1000,
            rows=task.row_count,
        )


def test_searches_in_template_order_to_the_cap_and_no_further(connection: sa.Connection) -> None:
    planner = searcher(connection, "b", "a", "c")
    rounds = []
    while planner.plan_round(connection, 2):
        rounds.append(brief(opened(connection)))
        answer_searches(connection)
    assert rounds == [
        [("b", 0, 50), ("a", 0, 50)],
        [("b", 50, 50), ("a", 50, 50)],
        # the last page is cut to the cap
        [("b", 100, 20), ("a", 100, 20)],
        [("c", 0, 50)],
        [("c", 50, 50)],
        [("c", 100, 20)],
    ]


def test_an_exhausted_search_is_not_paged_on(connection: sa.Connection) -> None:
    planner = searcher(connection, "a")
    assert planner.plan_round(connection, 9) == 1
    answer_searches(connection, more=False)
    assert planner.plan_round(connection, 9) == 0


def test_a_raised_cap_goes_on_where_the_last_ended(connection: sa.Connection) -> None:
    planner = searcher(connection, "a")
    while planner.plan_round(connection, 9):
        answer_searches(connection)
    assert replace(planner, max_results=150).plan_round(connection, 9) == 1
    assert brief(opened(connection)) == [("a", 120, 30)]


def test_another_page_size_hides_nothing(connection: sa.Connection) -> None:
    planner = searcher(connection, "a")
    planner.plan_round(connection, 9)
    answer_searches(connection)
    small = replace(planner, page_rows=10)
    small.plan_round(connection, 9)
    assert brief(opened(connection)) == [("a", 50, 10)]


def test_a_new_generation_is_a_new_page(connection: sa.Connection) -> None:
    planner = searcher(connection, "a")
    planner.plan_round(connection, 9)
    answer_searches(connection, more=False)
    seeds.restart(connection, "track")
    assert planner.plan_round(connection, 9) == 1
    assert [(task.first_row, task.version) for task in opened(connection)] == [(0, "g2")]


def test_a_deferred_page_makes_room_for_the_next_seed(connection: sa.Connection) -> None:
    planner = searcher(connection, "a", "b")
    planner.plan_round(connection, 1)
    (first,) = opened(connection)
    assert planner.plan_round(connection, 1, frozenset({first.key})) == 1
    assert [task.source_key for task in opened(connection)] == ["a", "b"]


def test_seeds_outside_the_plan_are_left_alone(connection: sa.Connection) -> None:
    plan_of(connection, "track", "old")
    planner = searcher(connection, "a")
    assert planner.plan_round(connection, 9) == 1
    assert brief(opened(connection)) == [("a", 0, 50)]


def test_deficit_learns_from_the_committed_ledger(connection: sa.Connection) -> None:
    planner = searcher(connection, "a", "b", mode="deficit", cell_minimum=40)
    planner.plan_round(connection, 1)
    assert brief(opened(connection)) == [("a", 0, 50)]
    answer_searches(connection)
    planner.plan_round(connection, 1)
    assert brief(opened(connection)) == [("b", 0, 50)]


def test_deficit_goes_on_from_the_ledger_alone(connection: sa.Connection) -> None:
    planner = searcher(connection, "a", "b", "c", mode="deficit")
    for _ in range(3):
        planner.plan_round(connection, 2)
        answer_searches(connection)
    again = searcher(connection, "a", "b", "c", mode="deficit")
    planned = planner.plan_round(connection, 9)
    here = brief(opened(connection))
    assert planned == len(here) > 0
    assert again.plan_round(connection, 9) == planned
    # the same pages were chosen, so that nothing was added
    assert brief(opened(connection)) == here


def test_deficit_ends_when_every_search_is_exhausted(connection: sa.Connection) -> None:
    planner = searcher(connection, "a", "b", mode="deficit")
    assert planner.plan_round(connection, 9) == 2
    answer_searches(connection, more=False)
    assert planner.plan_round(connection, 9) == 0


def test_deficit_leaves_what_promises_too_little(connection: sa.Connection) -> None:
    planner = searcher(connection, "a", "b", mode="deficit", least_new=0.1)
    assert planner.plan_round(connection, 1) == 1
    assert not planner.left_out
    nothing = searcher(connection, "a", "b", mode="deficit", least_new=1000.0)
    assert nothing.plan_round(connection, 9) == 0
    assert nothing.left_out


def test_deficit_leaves_lists_that_promise_too_little(connection: sa.Connection) -> None:
    planner = lister(connection, "x", "y", mode="deficit", least_new=1000.0)
    assert planner.plan_round(connection, 9) == 0
    assert planner.left_out
    assert seeds.states(connection, "playlist", "US")["x"].state == seeds.FRESH


def test_deficit_leaves_a_deferred_page_out(connection: sa.Connection) -> None:
    planner = searcher(connection, "a", "b", mode="deficit")
    planner.plan_round(connection, 1)
    (first,) = opened(connection)
    assert planner.plan_round(connection, 1, frozenset({first.key})) == 1
    second = frozenset(task.key for task in opened(connection))
    assert len(second) == 2
    assert planner.plan_round(connection, 1, second) == 0


def test_deficit_registers_the_searches_that_follow(connection: sa.Connection) -> None:
    planner = searcher(connection, 'genre:"funk" year:1970-1979', mode="deficit")
    assert planner.plan_round(connection, 9) == 2
    assert 'genre:"funk"' in seeds.states(connection, "track", "US")


def test_rotation_asks_a_page_of_each_before_the_next_of_any(connection: sa.Connection) -> None:
    planner = searcher(connection, "a", "b", "c", mode="rotation", page_rows=60)
    asked = []
    while planner.plan_round(connection, 2):
        asked += [(key, first) for key, first, _ in brief(opened(connection))]
        answer_searches(connection)
    assert [first for _, first in asked] == [0, 0, 0, 60, 60, 60]


# --- playlists


def lister(connection: sa.Connection, *terms: str, **changes: Any) -> PlaylistPlanner:
    values: dict[str, Any] = {
        "spider": SPIDER,
        "market": "US",
        "mode": "template",
        "top": 2,
        "max_items": 150,
        "page_rows": 50,
        "regime": EXTENDED,
        "run_version": "run1",
        "gone_before": 500,
        "cell_minimum": 400,
        "umbrellas": UMBRELLAS,
        "vote_confidence": 0.75,
        "track_cost": 1 / 40,
    }
    values["seeds"] = plan_of(connection, "playlist", *terms)
    return PlaylistPlanner(**{**values, **changes})


def serve(connection: sa.Connection, term: str, *found: Playlist, now: int = 1000) -> None:
    """The answer to a playlist search."""
    for task in opened(connection):
        if task.source_key == term:
            pages.mark_done(connection, task, counts=PageCounts(), run_id=1, now=now)
    playlists.record(connection, found, now)
    playlists.list_for(connection, term, "US", [one.playlist_id for one in found])
    seeds.advance(
        connection,
        (term, "playlist", "US"),
        state=seeds.SEARCHED,
        next_offset=50,
        offset=0,
        now=now,
    )


def read_lists(
    connection: sa.Connection, rows: int = 80, now: int = 1000, snapshot: str | None = None
) -> None:
    """The answers to all open pages of lists."""
    for task in opened(connection):
        if task.kind is PageKind.PLAYLIST_SEARCH:
            continue
        counts = PageCounts(track_rows=rows)
        pages.mark_done(connection, task, counts=counts, run_id=1, now=now)
        playlists.settle(
            connection,
            task.source_key,
            snapshot=snapshot or task.version,
            read_to=task.first_row + rows,
            first=task.kind is PageKind.PLAYLIST,
            ended=False,
            run_id=1,
            now=now,
        )


def again(connection: sa.Connection, generation: int) -> None:
    seeds.refresh(connection, "playlist", "US", generation=generation)


def lists(connection: sa.Connection) -> list[str]:
    return [task.source_key for task in opened(connection) if task.kind is PageKind.PLAYLIST]


A, B, C, D = (a_playlist(number, total=80) for number in range(4))


def test_searches_then_their_lists_then_the_next_searches(connection: sa.Connection) -> None:
    planner = lister(connection, "x", "y", "z")
    assert planner.plan_round(connection, 2) == 2
    assert brief(opened(connection)) == [("x", 0, 50), ("y", 0, 50)]
    assert {task.kind for task in opened(connection)} == {PageKind.PLAYLIST_SEARCH}
    serve(connection, "x", A, B, C)
    serve(connection, "y", D)
    assert planner.plan_round(connection, 2) == 3
    assert lists(connection) == [A.playlist_id, B.playlist_id, D.playlist_id]
    assert {task.version for task in opened(connection)} == {"snap0", "snap1", "snap3"}
    read_lists(connection)
    assert planner.plan_round(connection, 2) == 1
    assert brief(opened(connection)) == [("z", 0, 50)]
    serve(connection, "z")
    assert planner.plan_round(connection, 2) == 0


@pytest.mark.parametrize("mode", ["template", "deficit"])
def test_a_list_that_is_named_needs_no_search(connection: sa.Connection, mode: str) -> None:
    term = term_of(A.playlist_id)
    planner = lister(connection, term, mode=mode)
    assert planner.plan_round(connection, 5) == 1
    (task,) = opened(connection)
    assert (task.kind, task.source_key) == (PageKind.PLAYLIST, A.playlist_id)
    playlists.record(connection, [A], 1000)
    read_lists(connection, snapshot=A.snapshot_id)
    assert planner.plan_round(connection, 5) == 0
    # The next round of checks looks at it again: nothing else tells whether it changed.
    again(connection, 2)
    later = lister(connection, term, mode=mode, run_version="run2")
    assert later.plan_round(connection, 5) == 1
    assert lists(connection) == [A.playlist_id]


def test_editorial_first_then_followers_then_as_served(connection: sa.Connection) -> None:
    planner = lister(connection, "x", top=4)
    planner.plan_round(connection, 1)
    few, many = replace(B, followers=5), replace(C, followers=900)
    serve(connection, "x", A, few, many, replace(D, owner_id="spotify", owner_name="Spotify"))
    planner.plan_round(connection, 1)
    wanted = [D.playlist_id, C.playlist_id, B.playlist_id, A.playlist_id]
    assert lists(connection) == wanted


def test_an_unchanged_list_is_skipped_and_a_changed_one_read(connection: sa.Connection) -> None:
    planner = lister(connection, "x")
    planner.plan_round(connection, 1)
    serve(connection, "x", A, B)
    planner.plan_round(connection, 1)
    read_lists(connection)
    again(connection, 2)
    planner.plan_round(connection, 1)
    serve(connection, "x", A, replace(B, snapshot_id="new"))
    assert planner.plan_round(connection, 1) == 1
    assert lists(connection) == [B.playlist_id]


def test_a_list_found_by_two_searches_is_read_once(connection: sa.Connection) -> None:
    planner = lister(connection, "x", "y")
    planner.plan_round(connection, 1)
    serve(connection, "x", A)
    planner.plan_round(connection, 1)
    read_lists(connection)
    planner.plan_round(connection, 1)
    serve(connection, "y", A)
    assert planner.plan_round(connection, 1) == 0


def test_a_list_without_snapshot_is_read_once_a_run(connection: sa.Connection) -> None:
    planner = lister(connection, "x", "y")
    nameless = replace(A, snapshot_id=None)
    planner.plan_round(connection, 1)
    serve(connection, "x", nameless)
    planner.plan_round(connection, 1)
    read_lists(connection)
    planner.plan_round(connection, 1)
    serve(connection, "y", nameless)
    assert planner.plan_round(connection, 1) == 0
    again(connection, 2)
    later = replace(planner, run_version="run2")
    later.plan_round(connection, 1)
    serve(connection, "x", nameless)
    assert later.plan_round(connection, 1) >= 1
    assert lists(connection) == [A.playlist_id]


@pytest.mark.parametrize(
    ("before", "after", "asked"), [(50, 200, 50), (100, 300, 50), (140, 150, 10)]
)
def test_a_raised_cap_reads_a_list_on(
    connection: sa.Connection, before: int, after: int, asked: int
) -> None:
    planner = lister(connection, "x", max_items=before)
    planner.plan_round(connection, 1)
    serve(connection, "x", replace(A, total=400))
    planner.plan_round(connection, 1)
    read_lists(connection, rows=before)
    again(connection, 2)
    raised = replace(planner, max_items=after)
    raised.plan_round(connection, 1)
    serve(connection, "x", replace(A, total=400))
    assert raised.plan_round(connection, 1) == 1
    assert brief(opened(connection))[-1] == (A.playlist_id, before, asked)


def test_a_raised_cap_does_not_read_a_short_list_again(connection: sa.Connection) -> None:
    planner = lister(connection, "x")
    planner.plan_round(connection, 1)
    serve(connection, "x", A)
    planner.plan_round(connection, 1)
    read_lists(connection, rows=80)
    again(connection, 2)
    raised = replace(planner, max_items=500)
    raised.plan_round(connection, 1)
    serve(connection, "x", A)
    assert raised.plan_round(connection, 1) == 0


@pytest.mark.parametrize(("refused_at", "asked"), [(1000, 0), (499, 1)])
def test_a_list_that_is_gone_waits_for_its_age(
    connection: sa.Connection, refused_at: int, asked: int
) -> None:
    planner = lister(connection, "x")
    planner.plan_round(connection, 1)
    serve(connection, "x", A)
    planner.plan_round(connection, 1)
    for task in opened(connection):
        pages.mark_done(connection, task, counts=PageCounts(), run_id=1, now=refused_at)
    playlists.mark_gone(connection, A.playlist_id, refused_at)
    again(connection, 2)
    planner.plan_round(connection, 1)
    serve(connection, "x", A)
    assert planner.plan_round(connection, 1) == asked
    assert len(lists(connection)) == asked


def test_a_deferred_search_makes_room_for_the_next(connection: sa.Connection) -> None:
    planner = lister(connection, "x", "y")
    planner.plan_round(connection, 1)
    (first,) = opened(connection)
    assert planner.plan_round(connection, 1, frozenset({first.key})) == 1
    assert [task.source_key for task in opened(connection)] == ["x", "y"]


# --- playlists by deficit


def answer_all(
    connection: sa.Connection,
    searches: dict[str, list[Playlist]],
    rows: Callable[[str, int], Sequence[Track]] = lambda _id, _row: (),
) -> list[tuple[str, int]]:
    """Answer every open page; (source, first row) of each, as planned."""
    asked = []
    for task in opened(connection):
        asked.append((task.source_key, task.first_row))
        if task.kind is PageKind.PLAYLIST_SEARCH:
            serve(connection, task.source_key, *searches[task.source_key])
            continue
        served = list(rows(task.source_key, task.first_row))[: task.row_count]
        here = [found(track, task.first_row + at) for at, track in enumerate(served)]
        source = Source("playlist", task.source_key, task.version)
        tracks.save(connection, here, source, policy=POLICY, run_id=1, now=1000)
        pages.mark_done(
            connection, task, counts=PageCounts(track_rows=len(served)), run_id=1, now=1000
        )
        playlists.settle(
            connection,
            task.source_key,
            snapshot=task.version,
            read_to=task.first_row + len(served),
            first=task.kind is PageKind.PLAYLIST,
            ended=len(served) < task.row_count,
            run_id=1,
            now=1000,
        )
    return asked


def a_list(start: int, size: int) -> list[Track]:
    return [a_track(number) for number in range(start, start + size)]


def test_deficit_reads_a_list_page_by_page_to_the_cap(connection: sa.Connection) -> None:
    planner = lister(connection, "x", mode="deficit", max_items=170)
    rounds = []
    songs = a_list(0, 400)
    while planner.plan_round(connection, 5):
        rounds.append(
            answer_all(connection, {"x": [replace(A, total=400)]}, lambda _, row: songs[row:])
        )
    assert rounds == [[("x", 0)], [(A.playlist_id, 0)], [(A.playlist_id, 100)],
                      [(A.playlist_id, 150)]]  # fmt: skip
    assert seeds.states(connection, "playlist", "US")["x"].state == seeds.EXHAUSTED


def test_a_list_that_claims_more_than_it_serves_is_not_asked_for_ever(
    connection: sa.Connection,
) -> None:
    songs, served = a_list(0, 120), {"x": [replace(A, total=400)]}
    planner = lister(connection, "x", mode="deficit", max_items=500)
    asked: list[tuple[str, int]] = []
    while planner.plan_round(connection, 5):
        asked += answer_all(connection, served, lambda _, row: songs[row:])
    assert asked == [("x", 0), (A.playlist_id, 0), (A.playlist_id, 100)]
    again(connection, 2)
    assert planner.plan_round(connection, 5) == 1
    answer_all(connection, served)
    assert planner.plan_round(connection, 5) == 0


def test_deficit_leaves_a_list_that_repeats_another_to_the_end(connection: sa.Connection) -> None:
    known, repeats, other = (replace(one, total=400) for one in (A, B, C))
    served = {"w": [known], "x": [repeats, other]}
    songs = {known.playlist_id: a_list(0, 400), repeats.playlist_id: a_list(0, 400)}
    songs[other.playlist_id] = a_list(1000, 400)
    first = lister(connection, "w", mode="deficit", max_items=400)
    while first.plan_round(connection, 9):
        answer_all(connection, served, lambda key, row: songs[key][row:])
    planner = lister(connection, "w", "x", mode="deficit", max_items=400)
    asked: list[str] = []
    while planner.plan_round(connection, 1):
        rows = answer_all(connection, served, lambda key, row: songs[key][row:])
        asked += [key for key, _ in rows]
    assert sorted(asked[1:3]) == sorted([repeats.playlist_id, other.playlist_id])
    assert asked[3:] == [other.playlist_id] * 6 + [repeats.playlist_id] * 6


def test_deficit_goes_on_from_the_ledger_after_a_stop(connection: sa.Connection) -> None:
    terms = ("80s metal", "70s country", "soul")
    served = {term: [a_playlist(n, total=150) for n in range(at, at + 3)]
              for at, term in enumerate(terms)}  # fmt: skip
    songs = {a_playlist(n).playlist_id: a_list(75 * n, 150) for n in range(6)}
    runs: list[list[tuple[str, int]]] = []
    for lives in (99, 2):
        asked: list[tuple[str, int]] = []
        with connection.begin_nested() as attempt:
            planner, left = lister(connection, *terms, mode="deficit", top=3, max_items=150), lives
            while planner.plan_round(connection, 2):
                asked += answer_all(connection, served, lambda key, row: songs[key][row:])
                left -= 1
                if not left:
                    planner, left = replace(planner), lives
            attempt.rollback()
        runs.append(asked)
    whole, stopped = runs
    assert stopped == whole
    assert len(whole) == 3 + 5 * 2


def test_deficit_checks_what_was_searched_before_when_all_else_is_read(
    connection: sa.Connection,
) -> None:
    planner = lister(connection, "x", mode="deficit")
    planner.plan_round(connection, 5)
    answer_all(connection, {"x": [A]}, lambda _, row: a_list(0, 80)[row:])
    planner.plan_round(connection, 5)
    answer_all(connection, {}, lambda _, row: a_list(0, 80)[row:])
    assert planner.plan_round(connection, 5) == 0
    again(connection, 2)
    later = lister(connection, "x", "y", mode="deficit")
    assert later.plan_round(connection, 1) == 1
    assert brief(opened(connection)) == [("y", 0, 50)]
    answer_all(connection, {"y": [B]})
    # B is new, x may have changed.
    assert later.plan_round(connection, 5) == 2
    assert brief(opened(connection)) == [(B.playlist_id, 0, 100), ("x", 0, 50)]


@pytest.mark.parametrize("pages_a_round", [1, 3, 7])
def test_deficit_reads_in_the_end_what_template_order_reads(
    connection: sa.Connection, pages_a_round: int
) -> None:
    terms = ("80s metal", "70s country", "soul", "running")
    served = {
        term: [a_playlist(n % 7, total=40 * (n % 7)) for n in range(at, at + 4)]
        for at, term in enumerate(terms)
    }
    sizes = {one.playlist_id: one.total or 0 for lists in served.values() for one in lists}
    planner = lister(connection, *terms, mode="deficit", top=2, max_items=150)
    read: set[tuple[str, int]] = set()
    while planner.plan_round(connection, pages_a_round):
        asked = answer_all(connection, served, lambda key, row: a_list(0, sizes[key])[row:])
        assert not read.intersection(asked)
        read.update(asked)
    wanted = {(term, 0) for term in terms}
    for lists_of in served.values():
        for one in lists_of[:2]:
            total = min(sizes[one.playlist_id], 150)
            wanted.add((one.playlist_id, 0))
            wanted |= {(one.playlist_id, row) for row in range(100, total, 50)}
    assert read == wanted


# --- further pages of a list


@pytest.mark.parametrize(
    ("first", "rows", "total", "more", "cap", "wanted"),
    [
        ((0, 100), 100, 250, True, 500, [(100, 100), (200, 100)]),
        # cut to the cap, in the middle of a page and at its edge
        ((0, 100), 100, 250, True, 230, [(100, 100), (200, 30)]),
        ((0, 100), 100, 250, True, 200, [(100, 100)]),
        ((0, 100), 100, 250, True, 101, [(100, 1)]),
        ((0, 100), 100, 250, True, 100, []),
        ((0, 50), 100, 250, True, 50, []),
        # nothing more
        ((0, 100), 80, 80, False, 500, []),
        ((0, 100), 100, 250, False, 500, []),
        ((0, 100), 100, 100, True, 500, []),
        # no total: one page after the other
        ((0, 100), 100, None, True, 500, [(100, 100)]),
        ((100, 100), 100, None, True, 230, [(200, 30)]),
        ((200, 30), 100, None, True, 230, []),
        # a page that serves more than was asked
        ((0, 50), 100, 250, True, 500, [(100, 100), (200, 100)]),
    ],
)
def test_following_pages(
    first: tuple[int, int],
    rows: int,
    total: int | None,
    more: bool,
    cap: int,
    wanted: list[tuple[int, int]],
) -> None:
    task = PageTask("s", PageKind.PLAYLIST, "p1", "US", *first, "old")
    found = following_pages(
        task, version="snap", rows_served=rows, total=total, more=more, page_rows=100, cap=cap
    )
    assert [(one.first_row, one.row_count) for one in found] == wanted
    for one in found:
        assert (one.kind, one.source_key, one.version) == (PageKind.PLAYLIST_ITEMS, "p1", "snap")
