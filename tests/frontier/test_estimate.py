"""What is expected of a page, from the pages that were answered."""

from __future__ import annotations

import numpy as np
import pytest

from runclub_spider.frontier.estimate import Answer, Model, Source

ROCK, POP = 0, 1
E70, E80 = 0, 1


def source(subject: str = "a", umbrella: int = ROCK, decade: int = E70, **more: object) -> Source:
    values: dict[str, object] = {
        "kind": "tracks",
        "form": "plain",
        "umbrella": umbrella,
        "decade": decade,
        "subject": subject,
        "years": decade,
        "page_rows": 10,
    }
    return Source(**{**values, **more})  # type: ignore[arg-type]


def answer(
    at: int,
    *cells: tuple[int, int, int, int],
    rows: int = 10,
    more: bool = True,
    total: int | None = 100,
) -> Answer:
    return Answer(at, rows, more, total, cells)


@pytest.fixture
def model() -> Model:
    return Model(umbrellas=2, decades=2)


def test_before_any_answer_a_source_is_expected_to_yield_in_the_cell_it_names(model: Model) -> None:
    at = model.add(source())
    expectations = model.expectations()
    cells = expectations.cells(at)
    assert expectations.new[at] > 0
    assert cells[ROCK, E70] == cells.max()
    assert cells.sum() == pytest.approx(expectations.new[at])


def test_a_doubtful_source_promises_little_until_one_like_it_yielded(model: Model) -> None:
    sure = model.add(source("a"))
    asked, left = (model.add(source(name, kind="known", doubtful=True)) for name in "bc")
    before = model.expectations().new
    assert 0 < before[left] < before[sure] / 3
    model.learn(answer(asked, (ROCK, E70, 9, 9)))
    assert model.expectations().new[left] > 3 * before[left]


def test_worth_is_the_weighed_sum_of_the_cells(model: Model) -> None:
    for subject in "abcd":
        model.add(source(subject, umbrella=POP if subject == "b" else ROCK))
    undated = model.add(source("e", decade=-1))
    model.learn(answer(0, (ROCK, E70, 6, 5), (POP, E80, 2, 2)))
    model.learn(answer(undated, (ROCK, E80, 7, 7), (2, 2, 1, 1)))
    weights = np.array([[3.0, 1.0, 0.0], [0.5, 2.0, 0.0], [0.0, 0.0, 0.0]])
    expectations = model.expectations()
    worth = expectations.worth(weights)
    for at in range(5):
        assert worth[at] == pytest.approx((expectations.cells(at) * weights).sum())


def test_a_source_is_believed_what_it_showed(model: Model) -> None:
    at, other = model.add(source("a")), model.add(source("b"))
    for _ in range(3):
        model.learn(answer(at, (POP, E80, 10, 10)))
    expectations = model.expectations()
    assert expectations.cells(at)[POP, E80] > 3 * expectations.cells(at)[ROCK, E70]
    # and its like are believed to be a little like it
    assert expectations.cells(other)[POP].sum() > model.expectations().cells(other)[2].sum()


def test_rows_seen_before_promise_few_new_ones(model: Model) -> None:
    fresh, stale = model.add(source("a")), model.add(source("b"))
    for _ in range(3):
        model.learn(answer(fresh, (ROCK, E70, 10, 10)))
        model.learn(answer(stale, (ROCK, E70, 10, 0)))
    expectations = model.expectations()
    assert expectations.new[fresh] > 2 * expectations.new[stale]


def test_an_exhausted_source_promises_nothing(model: Model) -> None:
    at = model.add(source())
    model.learn(answer(at, (ROCK, E70, 4, 4), rows=4, more=False))
    assert model.expectations().new[at] == 0


def test_no_more_is_expected_than_the_search_claims_to_have(model: Model) -> None:
    at = model.add(source())
    model.learn(answer(at, (ROCK, E70, 10, 10), total=13))
    assert model.expectations().new[at] <= 3


def test_a_query_in_an_exhausted_wider_one_promises_little(model: Model) -> None:
    wide = model.add(source("funk", decade=-1, years=None))
    narrow = model.add(source("funk", wider=(wide,)))
    free = model.add(source("disco"))
    model.learn(answer(wide, (ROCK, E70, 5, 5), (ROCK, E80, 5, 5), more=False))
    expectations = model.expectations()
    assert expectations.new[narrow] < 0.5 * expectations.new[free]


def test_an_empty_wider_query_leaves_no_room(model: Model) -> None:
    wide = model.add(source("funk", decade=-1, years=None))
    narrow, free = model.add(source("deep funk", wider=(wide,))), model.add(source("disco"))
    model.learn(answer(wide, rows=0, more=False, total=0))
    expectations = model.expectations()
    assert expectations.new[narrow] < 0.2 * expectations.new[free]


def test_a_claimed_total_below_what_was_shown_is_no_error(model: Model) -> None:
    wide = model.add(source("funk", decade=-1, years=None))
    narrow = model.add(source("funk", wider=(wide,)))
    model.learn(answer(wide, (ROCK, E70, 9, 9), total=3))
    model.learn(answer(narrow, (ROCK, E70, 9, 0), total=None))
    assert np.isfinite(model.expectations().new).all()


def test_capacity_grows_with_what_the_search_has_left(model: Model) -> None:
    at = model.add(source())
    model.learn(answer(at, (ROCK, E70, 5, 5), (POP, E70, 1, 1), total=100))
    room = model.capacity()
    assert room[ROCK, E70] == pytest.approx(40)
    # one row may be chance
    assert room[POP, E70] == 0


def test_hints_say_nothing_of_the_rest(model: Model) -> None:
    at = model.add(source("x", kind="artist", decade=E70))
    model.hint(at)
    # the row that hinted at it came back, all the new ones are of another cell
    model.learn(answer(at, (ROCK, E70, 1, 0), (ROCK, E80, 8, 8)))
    cells = model.expectations().cells(at)
    assert cells[ROCK, E80] > cells[ROCK, E70]


def test_the_order_of_sources_and_growth_do_not_matter() -> None:
    one, two = Model(2, 2), Model(2, 2)
    for number in range(200):
        one.add(source(f"s{number}"))
        two.add(source(f"s{number}"))
    for number in range(0, 200, 3):
        one.learn(answer(number, (ROCK, E70, number % 9, number % 4)))
        one.expectations()
        two.learn(answer(number, (ROCK, E70, number % 9, number % 4)))
    # looking in between changes nothing
    assert np.array_equal(one.expectations().new, two.expectations().new)


def test_forms_that_show_nothing_are_given_less_of_a_chance(model: Model) -> None:
    for number in range(12):
        model.add(source(f"{number}", form="empty" if number % 2 else "full"))
    for at in range(8):
        cells = () if at % 2 else ((ROCK, E70, 6, 6),)
        model.learn(answer(at, *cells))
    expectations = model.expectations()
    assert expectations.chance[9] < 0.5 < expectations.chance[8]
    assert expectations.new[9] < expectations.new[8]
