"""Choosing seeds from the ledger: the same ledger, the same choice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.frontier.choice import Record, by_deficit, in_order
from runclub_spider.frontier.templates import Seed, rotation


def seed(term: str, umbrella: str | None = "Rock", decade: str | None = None, **more: str) -> Seed:
    return Seed(term, "track", more.get("family", "editorial"), umbrella, decade)


SEEDS = [seed("a"), seed("b", "Pop"), seed("c", "Metal"), seed("d", None), seed("e", "Rock", "70s")]


def terms(seeds: list[Seed]) -> list[str]:
    return [one.term for one in seeds]


def test_an_empty_ledger_gives_template_order() -> None:
    assert terms(by_deficit(SEEDS, SEEDS, {}, 400, 3)) == ["a", "b", "c"]
    assert terms(by_deficit(SEEDS, SEEDS, {}, 400, 99)) == ["a", "b", "c", "d", "e"]
    assert by_deficit(SEEDS, SEEDS, {}, 400, 0) == []


def test_ties_go_to_template_order() -> None:
    records = {one.term: Record(100, 50) for one in SEEDS if one.umbrella != "Rock"}
    chosen = terms(by_deficit(SEEDS, SEEDS, records, 400, 99))
    assert chosen.index("a") < chosen.index("e")
    assert [one for one in chosen if one in "bcd"] == ["b", "c", "d"]


def test_an_emptier_cell_comes_first() -> None:
    # all of them yielded alike; Rock has its minimum, Pop half of it, Metal little
    records = {"a": Record(800, 400), "b": Record(400, 200), "c": Record(100, 50)}
    seeds = SEEDS[:3]
    assert terms(by_deficit(seeds, seeds, records, 400, 3)) == ["c", "b", "a"]


def test_full_cells_are_still_ranked_by_yield() -> None:
    seeds = [seed("poor"), seed("rich")]
    records = {"poor": Record(1000, 150), "rich": Record(1000, 500)}
    assert terms(by_deficit(seeds, seeds, records, 100, 2)) == ["rich", "poor"]


def test_the_better_yield_comes_first() -> None:
    seeds = [seed("poor"), seed("rich")]
    records = {"poor": Record(200, 5), "rich": Record(200, 60)}
    assert terms(by_deficit(seeds, seeds, records, 4000, 2)) == ["rich", "poor"]


def test_an_unasked_seed_is_believed_to_yield_like_its_family() -> None:
    seeds = [
        seed("asked dry", "Pop", family="cadence"),
        seed("new dry", "Metal", family="cadence"),
        seed("asked good", "Latin", family="long_tail"),
        seed("new good", "House", family="long_tail"),
    ]
    records = {"asked dry": Record(500, 0), "asked good": Record(500, 250)}
    chosen = terms(by_deficit(seeds[1::2], seeds, records, 400, 2))
    assert chosen == ["new good", "new dry"]


def test_what_cells_hold_is_told_by_the_whole_plan() -> None:
    done, running = seed("done", "Rock"), [seed("more rock", "Rock"), seed("pop", "Pop")]
    records = {"done": Record(1000, 500)}
    assert terms(by_deficit(running, [done, *running], records, 400, 2)) == ["pop", "more rock"]


def test_no_minimum_divides_nothing_by_nothing() -> None:
    assert len(by_deficit(SEEDS, SEEDS, {"a": Record(10, 5)}, 0, 5)) == 5


RECORDS = st.dictionaries(
    st.sampled_from([one.term for one in SEEDS]),
    st.integers(0, 900).flatmap(
        lambda rows: st.builds(Record, st.just(rows), st.integers(0, rows))
    ),
)


@given(RECORDS, st.integers(0, 900), st.integers(0, 7), st.randoms(use_true_random=False))
def test_deterministic_and_a_longer_choice_begins_with_the_shorter(
    records: dict[str, Record], minimum: int, count: int, rng: object
) -> None:
    items = list(records.items())
    rng.shuffle(items)  # type: ignore[attr-defined]
    chosen = by_deficit(SEEDS, SEEDS, records, minimum, count)
    assert by_deficit(SEEDS, SEEDS, dict(items), minimum, count) == chosen
    assert by_deficit(SEEDS, SEEDS, records, minimum, 7)[:count] == chosen
    assert len(chosen) == min(count, len(SEEDS))
    assert len(set(chosen)) == len(chosen)


def test_the_modes_that_do_not_learn() -> None:
    assert list(in_order("template", SEEDS)) == SEEDS
    assert list(in_order("deficit", SEEDS)) == SEEDS
    assert list(in_order("rotation", SEEDS)) == list(rotation(tuple(SEEDS)))
