"""Choosing pages: the same answers, the same choice, and what lacks most first."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.rules import Policy
from runclub_spider.catalog.umbrellas import DECADE_LABELS, UmbrellaMap
from runclub_spider.frontier.choice import (
    Aim,
    Choice,
    Chooser,
    Found,
    Kind,
    Listed,
    PageResult,
    Sizes,
)
from runclub_spider.frontier.split import ARTIST_FAMILY, SPLIT_FAMILY
from runclub_spider.frontier.templates import Seed, in_order, load_seeds, rotation
from testkit.planning import Game, fair_rotation, ours
from testkit.worlds import made_up

SEEDS_DIR = Path(__file__).parents[2] / "seeds"
UMBRELLAS = ("Rock", "Pop", "Metal")
AIM = Aim(tuple((u, d) for u in UMBRELLAS for d in ("70s", "80s")), 40)
SIZES = Sizes(search_rows=10, depth=50, item_rows=100, items=500)
YEARS = {"70s": "1970-1979", "80s": "1980-1989"}


def seed(umbrella: str, decade: str, genre: str | None = None) -> Seed:
    term = f'genre:"{genre or umbrella.lower()}" year:{YEARS[decade]}'
    return Seed(term, "track", "decade_refreshers", umbrella, decade)


PLAN = [seed(u, d) for u, d in AIM.cells]


def chooser(seeds: Iterable[Seed] = PLAN, aim: Aim = AIM, **more: Any) -> Chooser:
    return Chooser(list(seeds), aim, SIZES, **more)


def tracks(umbrella: str, decade: str, *numbers: int) -> tuple[Found, ...]:
    return tuple(Found(f"{umbrella}{decade}{n}", umbrella, decade) for n in numbers)


def result(choice: Choice, ordinal: int, found: tuple[Found, ...] = (), **more: Any) -> PageResult:
    values: dict[str, Any] = {
        "kind": choice.kind,
        "key": choice.key,
        "ordinal": ordinal,
        "first_row": choice.first_row,
        "row_count": choice.row_count,
        "rows": choice.row_count,
        "more": True,
        "total": 100,
        "found": found,
    }
    return PageResult(**{**values, **more})


def keys(choices: list[Choice]) -> list[str]:
    return [choice.key for choice in choices]


def full(umbrella: str, decade: str) -> tuple[Found, ...]:
    return tracks(umbrella, decade, *range(AIM.minimum))


# --- what is chosen


def test_the_first_choice_looks_at_every_cell() -> None:
    choices = chooser().choose(len(AIM.cells))
    assert sorted(keys(choices)) == sorted(seed.term for seed in PLAN)
    assert {(choice.first_row, choice.row_count) for choice in choices} == {(0, 10)}


def test_ties_go_to_template_order() -> None:
    seeds = [Seed(word, "track", "custom") for word in ("quartz", "basalt", "granite")]
    assert keys(chooser(seeds).choose(3)) == ["quartz", "basalt", "granite"]


def test_a_filled_cell_is_worth_nothing_while_others_lack() -> None:
    known = full("Rock", "70s") + full("Pop", "80s")
    choices = chooser(known=known).choose(4)
    asked = {(c.seed.umbrella, c.seed.decade) for c in choices if c.seed}
    assert asked.isdisjoint({("Rock", "70s"), ("Pop", "80s")})
    assert chooser(known=known).held["Rock", "70s"] == AIM.minimum


def test_where_nothing_lacks_new_tracks_still_count() -> None:
    one = chooser(known=[track for cell in AIM.cells for track in full(*cell)])
    first, second = one.choose(2)
    one.observe([result(first, 1, tracks("Rock", "70s", 500, 501)), result(second, 2)])
    assert keys(one.choose(20)).index(first.key) < keys(one.choose(20)).index(second.key)
    assert all(choice.promise == 0 for choice in one.choose(20))


def test_the_emptier_cell_comes_first() -> None:
    one = chooser(PLAN[:2], known=tracks("Rock", "70s", *range(30)))
    asked = [key for key in keys(one.choose(9)) if "year:" in key]
    assert asked == [PLAN[1].term, PLAN[0].term]


def test_within_a_round_one_cell_is_not_chosen_again_and_again() -> None:
    rock = [
        seed("Rock", "70s", f"{word} rock") for word in ("glam", "acid", "soft", "surf", "math")
    ]
    choices = chooser([*rock, seed("Pop", "80s")]).choose(3)
    assert 'genre:"pop" year:1980-1989' in keys(choices)


def test_pages_that_promise_too_little_are_left_out() -> None:
    one = chooser()
    choices = one.choose(4)
    one.observe(result(c, n, total=None) for n, c in enumerate(choices, 1))
    promised = {c.key: c.new for c in one.choose(99)}
    least = sorted(promised.values())[3]
    kept = one.choose(99, least=least)
    assert {c.key for c in kept} == {key for key, new in promised.items() if new >= least}
    assert not one.choose(99, least=1000.0)


def test_a_page_is_idle_until_a_track_of_it_is_in_a_cell() -> None:
    one = chooser()
    first, second, third = one.choose(3)
    loose = Found("later sure", None, "70s")
    one.observe([result(first, 1, (loose,)), result(second, 2)])
    shown, empty = one.absorb()
    assert (shown.new, shown.idle) == (1, True)
    assert (empty.new, empty.idle) == (0, True)
    one.observe([result(third, 3, turned=(loose._replace(umbrella="Rock"),))])
    (turning,) = one.absorb()
    assert (turning.tracks, turning.idle) == (1, False)
    assert not shown.idle
    assert empty.idle


def test_an_exhausted_search_is_never_chosen() -> None:
    one = chooser()
    first, *_ = one.choose(1)
    one.observe([result(first, 1, tracks("Rock", "70s", 1), rows=1, more=False)])
    assert first.key not in keys(one.choose(99))


def test_a_search_is_paged_to_its_depth_and_no_further() -> None:
    one = chooser([Seed("glam year:1975", "track", "custom", "Rock", "70s")])
    asked = []
    for number in range(9):
        for choice in one.choose(1):
            if choice.key == "glam year:1975":
                asked.append((choice.first_row, choice.row_count))
            more = tracks("Rock", "70s", *range(10 * number, 10 * number + 9))
            one.observe([result(choice, number, more, more=choice.key == "glam year:1975")])
    assert asked == [(0, 10), (10, 10), (20, 10), (30, 10), (40, 10)]


def test_only_the_sources_asked_about_are_chosen() -> None:
    one = chooser()
    some = {(Kind.TRACKS, choice.key) for choice in one.choose(99)[1:3]}
    assert {(Kind.TRACKS, key) for key in keys(one.choose(99, some))} == some
    assert len(one.choose(99)) > 2


def test_no_minimum_and_no_cells_are_no_error() -> None:
    assert len(chooser(aim=Aim(AIM.cells, 0)).choose(3)) == 3
    assert len(chooser(aim=Aim((), 400)).choose(3)) == 3
    assert chooser([]).choose(3) == []


# --- leaving the templates


def test_dated_searches_can_be_asked_without_years() -> None:
    (wide,) = [c for c in chooser(PLAN[:1]).choose(9) if c.key == 'genre:"rock"']
    assert wide.seed == Seed('genre:"rock"', "track", SPLIT_FAMILY, "Rock", None)
    assert wide.parent == PLAN[0].term


def test_an_overflowing_search_is_cut_by_year() -> None:
    one = chooser(PLAN[:1])
    for number in range(5):
        (choice,) = [c for c in one.choose(9) if c.key == PLAN[0].term]
        assert 'genre:"rock" year:1975' not in keys(one.choose(99))
        one.observe(
            [result(choice, number, tracks("Rock", "70s", *range(10 * number, 10 * number + 9)))]
        )
    (part,) = [c for c in one.choose(99) if c.key == 'genre:"rock" year:1975']
    assert part.parent == PLAN[0].term
    assert part.seed is not None
    assert (part.seed.family, part.seed.decade) == (SPLIT_FAMILY, "70s")


def test_artists_of_thin_cells_are_followed() -> None:
    held = [track for cell in AIM.cells for track in tracks(*cell, *range(3))]
    one = chooser(known=[*held[3:], *tracks("Pop", "80s", *range(9))])
    first, *_ = one.choose(1)
    found = (Found("x", "Rock", "70s", "Sir Lord Baltimore"), Found("y", "Pop", "80s", "Madonna"))
    one.observe([result(first, 1, found)])
    artists = [c for c in one.choose(99) if c.seed and c.seed.family == ARTIST_FAMILY]
    assert keys(artists) == ['artist:"Sir Lord Baltimore"']
    assert artists[0].parent == first.key
    assert (artists[0].seed.umbrella, artists[0].seed.decade) == ("Rock", "70s")  # type: ignore[union-attr]


def test_known_artists_wait_until_one_brought_rows() -> None:
    """Most of those that a plan names may have nothing here."""
    names = [f'artist:"{name}" year:{YEARS["70s"]}' for name in ("Can", "Faust", "Neu")]
    artists = [Seed(name, "track", "artists", "Rock", "70s") for name in names]
    one = chooser([*artists, *PLAN])
    assert not set(names) & set(keys(one.choose(len(PLAN))))
    # Nor are they asked without their years: other years may be of another umbrella.
    assert not [
        key for key in keys(one.choose(99)) if key.startswith("artist:") and "year" not in key
    ]
    (known,) = [c for c in one.choose(99) if c.key == names[0]]
    one.observe([result(known, 1, tracks("Rock", "70s", *range(9)))])
    (same,) = [c for c in one.choose(99) if c.key == names[1]]
    assert same.new > 3 * known.new


# --- playlists


def lister() -> Chooser:
    seeds = [Seed("70s rock running", "playlist", "x", "Rock", "70s"),
             Seed("80s pop running", "playlist", "x", "Pop", "80s")]  # fmt: skip
    return chooser([*seeds, *PLAN[:2]])


def test_playlist_searches_reveal_lists_that_can_be_read() -> None:
    one = lister()
    (search,) = [c for c in one.choose(99) if c.key == "70s rock running"]
    assert (search.kind, search.row_count) == (Kind.PLAYLISTS, 10)
    lists = (Listed("L1", "70s Rock Classics", "spotify", 150), Listed("L2", "Mix", None, None))
    one.observe([result(search, 1, lists=lists, more=False)])
    choices = one.choose(99)
    assert (Kind.PLAYLISTS, search.key) not in [(c.kind, c.key) for c in choices]
    read = {c.key: c for c in choices if c.kind is Kind.ITEMS}
    assert set(read) == {"L1", "L2"}
    assert (read["L1"].first_row, read["L1"].row_count) == (0, 100)
    assert read["L1"].seed is None
    assert read["L1"].parent == "70s rock running"
    one.observe([result(read["L1"], 2, tracks("Rock", "70s", 1), rows=100, total=150)])
    (again,) = [c for c in one.choose(99) if c.key == "L1"]
    assert (again.first_row, again.row_count) == (100, 100)


def test_a_list_that_is_shown_twice_is_one() -> None:
    one = lister()
    searches = [c for c in one.choose(99) if c.kind is Kind.PLAYLISTS]
    shown = (Listed("L1", "80s Pop", "someone", 90),)
    one.observe([result(c, n, lists=shown, more=False) for n, c in enumerate(searches)])
    assert keys(one.choose(99)).count("L1") == 1


# --- the same answers, the same choice


ROUND = st.lists(
    st.tuples(
        st.lists(
            st.builds(
                Found,
                st.integers(0, 120),
                st.sampled_from([*UMBRELLAS, None, "Unheard Of"]),
                st.sampled_from(["70s", "80s", None]),
                st.sampled_from(["Abba", "Can", "Neu", None]),
            ),
            max_size=10,
        ),
        st.booleans(),
        st.one_of(st.none(), st.integers(0, 900)),
    ),
    min_size=4,
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROUND, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_arrival_order_interim_choices_and_restarts_change_nothing(rounds: Any, rng: Any) -> None:
    live, shuffled = chooser(), chooser()
    told: list[PageResult] = []
    ordinal = 0
    for answers in rounds:
        choices = live.choose(4)
        assert choices == shuffled.choose(4)
        results = []
        for choice, (found, more, total) in zip(choices, answers, strict=False):
            ordinal += 1
            results.append(result(choice, ordinal, tuple(found), more=more, total=total))
        told += results
        for one in results:
            live.observe([one])
        rng.shuffle(results)
        shuffled.observe(results)
    resumed = chooser()
    resumed.observe(told)
    assert live.choose(9) == shuffled.choose(9) == resumed.choose(9)
    assert live.held == resumed.held
    assert live.choose(9)[:3] == live.choose(3)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROUND, min_size=1, max_size=6))
def test_no_page_is_chosen_twice_and_none_beyond_the_end(rounds: Any) -> None:
    one, ordinal = chooser(), 0
    asked: set[tuple[Kind, str, int]] = set()
    ended: set[str] = set()
    for answers in rounds:
        for choice, (found, more, total) in zip(one.choose(4), answers, strict=False):
            assert choice.key not in ended
            assert (choice.kind, choice.key, choice.first_row) not in asked
            asked.add((choice.kind, choice.key, choice.first_row))
            ordinal += 1
            one.observe([result(choice, ordinal, tuple(found), more=more, total=total)])
            if not more:
                ended.add(choice.key)


def test_pages_of_another_plan_count_and_do_no_harm() -> None:
    one = chooser()
    other = Choice(Kind.TRACKS, "of old", 0, 10, None, None, 0.0, 0.0)
    one.observe([result(other, 1, full("Rock", "70s"))])
    one.choose(1)
    assert one.held["Rock", "70s"] == AIM.minimum


def test_the_modes_that_do_not_learn() -> None:
    assert list(in_order("template", PLAN)) == PLAN
    assert list(in_order("deficit", PLAN)) == PLAN
    assert list(in_order("rotation", PLAN)) == list(rotation(tuple(PLAN)))


# --- a whole world


@pytest.fixture(scope="module")
def small_world() -> Game:
    umbrellas = UmbrellaMap.load(SEEDS_DIR / "umbrellas.yaml")
    seeds = load_seeds(SEEDS_DIR, umbrellas, kind="track")
    plan = [s for s in seeds if s.family in {"decade_refreshers", "editorial", "cadence"}]
    sight = made_up("power law", umbrellas, Policy("US", 120_000, 360_000), 2500)
    aim = Aim(umbrellas.possible_cells(DECADE_LABELS), 400)
    return Game(sight, plan, aim, Sizes(search_rows=10, depth=200), "development")


def test_thin_cells_fill_with_far_fewer_requests_than_in_rotation(small_world: Game) -> None:
    chosen, turned = ours(small_world).score, fair_rotation(small_world)
    assert 2 * chosen.thin.at[1] <= turned.thin.at[1]
    assert all(mine <= theirs for mine, theirs in zip(chosen.all.at, turned.all.at, strict=True))
    assert all(one <= later for one, later in pairwise(chosen.thin.at))
