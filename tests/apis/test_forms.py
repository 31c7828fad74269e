"""Which form of field filters a key takes: found out at little cost, nothing lost when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_sandbox.quotes import understood
from runclub_spider.apis.spotify.filters import Form, has_quotes, is_plain, written
from runclub_spider.apis.spotify.forms import FilterForms
from runclub_spider.frontier.queries import parse

TERM = 'running genre:"hip hop" year:1980-1989'

# How terms are written


@pytest.mark.parametrize(
    ("term", "double", "single", "bare"),
    [
        (TERM, TERM, TERM.replace('"', "'"), "running genre:hip hop year:1980-1989"),
        (
            'genre:"drum and bass" fast mix year:1990-1999',
            'genre:"drum and bass" fast mix year:1990-1999',
            "genre:'drum and bass' fast mix year:1990-1999",
            "fast mix genre:drum and bass year:1990-1999",
        ),
        (
            'track:"Don’t" artist:"Guns N’ Roses"',
            'track:"Don\'t" artist:"Guns N\' Roses"',
            "track:'Dont' artist:'Guns N Roses'",
            "track:Don't artist:Guns N Roses",
        ),
        (
            'artist:"Aaron: Live"',
            'artist:"Aaron: Live"',
            "artist:'Aaron: Live'",
            "artist:Aaron Live",
        ),
        # Not ours to write: no filter, or none that is quoted.
        *((one, one, one, one) for one in ("70’s running", "isrc:USRC17607839", "genre:pop run")),
    ],
)
def test_a_term_in_every_form(term: str, double: str, single: str, bare: str) -> None:
    assert [written(term, form) for form in Form] == [double, single, bare]
    assert has_quotes(term) == (double != bare)


WORD = st.builds("{}{}".format, st.sampled_from("abxä"), st.text("abcxyzäé&-’'", max_size=5))
WORDS = st.lists(WORD, min_size=1, max_size=3)


@given(WORDS, WORDS, st.lists(st.sampled_from(["run", "fast", "70s"]), max_size=2))
def test_written_terms_ask_the_same_and_are_understood(
    genre: list[str], artist: list[str], words: list[str]
) -> None:
    term = f'{" ".join(words)} genre:"{" ".join(genre)}" artist:"{" ".join(artist)}" year:1980'
    term = " ".join(term.split())
    for form in Form:
        sent = written(term, form)
        assert understood(sent, [form], plain_apostrophes=True), sent
        assert len(sent) <= len(term)
    assert parse(written(term, Form.DOUBLE)) == parse(term.replace("’", "'"))
    assert written(written(term, Form.DOUBLE), Form.DOUBLE) == written(term, Form.DOUBLE)
    marked = {"'", "’"} & {*"".join([*genre, *artist])}
    assert is_plain(term) == (len(genre) == len(artist) == 1 and not marked)


# What is found out


@dataclass
class Key:
    """Answers searches: the `full` have rows, in the forms that are served."""

    served: frozenset[Form]
    full: frozenset[str]
    loose: frozenset[str] = frozenset()
    asked: list[tuple[str, Form, int]] = field(default_factory=list)

    def rows(self, page: str, term: str, form: Form) -> int:
        found = page in self.full or (
            form is Form.BARE and page in self.loose and not is_plain(term)
        )
        rows = 10 if form in self.served and found else 0
        self.asked.append((page, form, rows))
        return rows

    def wasted(self) -> int:
        """Searches without rows of pages that have some."""
        return sum(page in self.full and not rows for page, _, rows in self.asked)


Change = Callable[[int], Iterable[Form] | None]


def crawl(
    key: Key,
    plan: list[tuple[str, str, bool]],
    forms: FilterForms,
    *,
    at_once: int = 1,
    seed: int = 0,
    change: Change = lambda _asked: None,
    stop_after: int | None = None,
) -> dict[str, int]:
    """Ask a plan of (page, term, whether it is a later one); the rows that were stored of each."""
    rng, stored = Random(seed), dict[str, int]()
    pages = {page: (term, later) for page, term, later in plan}
    waiting = [page for page, _, _ in plan]
    out: list[tuple[str, int]] = []

    def send(page: str, form: Form | None = None) -> None:
        served = change(len(key.asked))
        key.served = key.served if served is None else frozenset(served)
        term = pages[page][0]
        out.append((page, key.rows(page, term, forms.send(page, term, form))))

    while waiting or out or forms.again:
        if stop_after is not None and len(stored) >= stop_after:
            break
        if not (waiting or out):
            waiting, forms.again = [one for one in forms.again if stored.pop(one, 1) == 0], []
        elif waiting and len(out) < at_once and not forms.must_wait(pages[waiting[0]][0]):
            send(waiting.pop(0))
        else:
            page, rows = out.pop(rng.randrange(len(out)))
            again = forms.heard(page, pages[page][0], rows, later=pages[page][1])
            if again is None:
                stored[page] = rows
            else:
                send(page, again)
    return stored


def plan_of(number: int, *, plain: bool | None = None, later: bool = False) -> list[Any]:
    many = (
        (f"p{at}", f'genre:"{"word" if plain or (plain is None and at % 2) else "two words"}{at}"')
        for at in range(number)
    )
    return [(page, term, later) for page, term in many]


ALL = frozenset(Form)
"""Which forms a key serves, and how many searches it may waste to find that out."""
KEYS = [(ALL, 0), (ALL - {Form.DOUBLE}, 2), (ALL - {Form.SINGLE}, 0), (frozenset({Form.BARE}), 5)]


@pytest.mark.parametrize(("served", "most"), KEYS)
@pytest.mark.parametrize("plain", [None, True, False])
@pytest.mark.parametrize("at_once", [1, 6])
def test_a_form_is_found_out_for_a_few_searches(
    served: frozenset[Form], most: int, plain: bool | None, at_once: int
) -> None:
    plan = plan_of(40, plain=plain)
    key = Key(served, frozenset(page for page, *_ in plan))
    forms = FilterForms()
    stored = crawl(key, plan, forms, at_once=at_once)
    assert all(stored.values())
    assert key.wasted() <= most
    # Later runs know, unless they have to guess, and then begin anew.
    later = FilterForms()
    later.load(forms.stored(), young=True)
    assert later.in_use in served or not later.known


@given(
    st.sampled_from([served for served, _ in KEYS]),
    st.lists(st.booleans(), min_size=1, max_size=60),
    st.sampled_from([None, True, False]),
    st.integers(1, 6),
    st.integers(0, 9),
)
def test_whatever_is_empty_nothing_is_lost_or_asked_for_long(
    served: frozenset[Form], full: list[bool], plain: bool | None, at_once: int, seed: int
) -> None:
    plan = plan_of(len(full), plain=plain)
    has_rows = frozenset(page for (page, *_), rows in zip(plan, full, strict=True) if rows)
    key = Key(served, has_rows)
    stored = crawl(key, plan, FilterForms(), at_once=at_once, seed=seed)
    assert stored.keys() == {page for page, *_ in plan}
    # Too little was seen to tell the form from what has no rows: it stays under suspicion.
    unseen = {page for page in has_rows if not stored[page]}
    if len(has_rows) >= 8 and sum(full[:12]) >= 8:
        assert not unseen
        assert key.wasted() <= 8
    if Form.DOUBLE in served and sum(full[:2]) == 2:
        assert len(key.asked) == len(plan) or full.count(False) >= 8


@pytest.mark.parametrize("served", [ALL, ALL - {Form.SINGLE}])
def test_a_key_of_double_quotes_asks_nothing_twice(served: frozenset[Form]) -> None:
    rng = Random(1)
    plan = plan_of(2000)
    # As much has no rows as of the templates in the real tables, in runs as well as alone.
    empty = {
        at for start in range(1, 2000, 9) if rng.random() < 0.6 for at in range(start, start + 5)
    }
    full = frozenset(f"p{at}" for at in range(2000) if at not in empty)
    key = Key(served, full, loose=frozenset(page for page, *_ in plan))
    forms = FilterForms()
    crawl(key, plan, forms, at_once=4)
    assert len(key.asked) == len(plan)
    assert {form for _, form, _ in key.asked} <= {Form.DOUBLE, Form.BARE}
    assert forms.in_use is Form.DOUBLE


@pytest.mark.parametrize("served", [ALL - {Form.DOUBLE}, ALL])
@pytest.mark.parametrize("at_once", [1, 4])
def test_what_a_form_does_to_an_apostrophe_is_not_held_against_it(
    served: frozenset[Form], at_once: int
) -> None:
    """In some forms a name with an apostrophe may have no rows, which tells nothing of the form."""
    used = min(served, key=list(Form).index)

    class Apostrophes(Key):
        def rows(self, page: str, term: str, form: Form) -> int:
            lame = "'" in term and form is (Form.SINGLE if used is Form.SINGLE else Form.BARE)
            return 0 if lame else super().rows(page, term, form)

    full = plan_of(20)
    empty = [(f"e{at}", f'genre:"nothing here{at}"', False) for at in range(11)]
    names = [(f"a{at}", f'artist:"D\'{at}" year:1990-1999', False) for at in range(6)]
    plan = [*full, *empty, *names, *plan_of(40)[20:]]
    key = Apostrophes(served, frozenset(page for page, *_ in plan if page[0] != "e"))
    forms = FilterForms()
    stored = crawl(key, plan, forms, at_once=at_once)
    assert forms.in_use is used
    assert forms.works[used]
    if used is Form.DOUBLE:
        assert all(stored[page] for page, *_ in names)


@pytest.mark.parametrize("instead", [ALL - {Form.DOUBLE}, frozenset({Form.BARE})])
@pytest.mark.parametrize("plain", [None, True, False])
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("at_once", [1, 4])
def test_a_form_that_ends_is_noticed_and_nothing_lost(
    instead: frozenset[Form], plain: bool | None, later: bool, at_once: int
) -> None:
    plan = plan_of(100, plain=plain, later=later)
    key = Key(ALL, frozenset(page for page, *_ in plan))
    forms = FilterForms()
    stored = crawl(
        key, plan, forms, at_once=at_once, change=lambda asked: instead if asked >= 40 else None
    )
    assert all(stored.values())
    # A phrase without quotes asks for more, so that it proves little: that takes longest.
    assert key.wasted() <= (6 if later else 20 if plain is not False else 70)
    assert forms.known


def test_a_run_that_ends_early_leaves_what_is_suspect_to_the_next() -> None:
    plan = plan_of(60)
    key = Key(ALL, frozenset(page for page, *_ in plan))
    first = FilterForms()
    stored = crawl(key, plan[:20], first)
    key.served = frozenset({Form.BARE, Form.SINGLE})
    stored |= crawl(key, plan[20:23], first)
    assert sum(not rows for rows in stored.values()) == 3
    second = FilterForms()
    second.load(first.stored(), young=True)
    assert second.known
    rest = [(page, term, later) for page, term, later in plan if not stored.get(page)]
    stored |= crawl(key, [*rest[3:]], second)
    assert {"p20", "p21", "p22"} <= {*second.again} | {page for page, *_ in rest}


def test_what_is_old_is_found_out_anew_but_no_suspect_forgotten() -> None:
    known = FilterForms()
    known.load(
        {"works": {"double": False, "single": True}, "suspects": ["x"], "again": ["y"]}, young=False
    )
    assert (known.in_use, known.known) == (Form.DOUBLE, False)
    assert (list(known.suspects), known.again) == (["x"], ["y"])
    assert known.send("page", "words alone") is Form.DOUBLE
    assert known.heard("page", "words alone", 0, later=False) is None


def test_a_lost_page_holds_nobody_up() -> None:
    forms = FilterForms()
    forms.send("a", TERM)
    assert forms.must_wait(TERM)
    assert not forms.must_wait("running")
    forms.lost("a")
    assert not forms.must_wait(TERM)
    forms.send("a", TERM)
    assert forms.heard("a", TERM, 0, later=False) is Form.SINGLE
    forms.send("a", TERM, Form.SINGLE)
    assert forms.must_wait(TERM)
    forms.lost("a")
    assert not forms.must_wait(TERM)
