"""The panel of a crawl: whatever the numbers and the width, it fits and says how far the run is."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from runclub_spider.crawl.extensions.panel import View, line, panel

COUNTS = st.integers(0, 10_000_000)
VIEWS = st.builds(
    View,
    name=st.sampled_from(["spotify_search", "spotify_playlist", "enrich", "kexp"]),
    seconds=st.floats(0, 1e6),
    sent=COUNTS,
    budget=st.none() | st.integers(1, 10_000_000),
    seeds=st.none() | st.tuples(COUNTS, COUNTS).map(lambda two: (min(two), max(two))),
    plays=st.none() | COUNTS,
    rows=COUNTS,
    eligible=COUNTS,
    features=st.tuples(COUNTS, COUNTS).map(lambda two: (min(two), max(two))),
    lacking=st.none() | st.tuples(COUNTS, COUNTS, COUNTS),
    minimum=COUNTS,
    quota=st.none() | st.tuples(COUNTS, COUNTS),
    waits=st.lists(
        st.sampled_from(["spotify asks to wait 12 s", "kexp is tried again in 8 s"]), max_size=4
    ),
)


def shown(view: View, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(panel(view, width))
    return out.getvalue().splitlines()


@given(VIEWS, st.sampled_from([20, 40, 79, 80, 200]))
def test_it_fits_any_terminal(view: View, width: int) -> None:
    lines = shown(view, width)
    assert all(cell_len(line.rstrip()) <= width for line in lines)
    assert len(lines) <= 24
    assert lines[0].startswith(view.name)


@given(VIEWS)
def test_the_line_is_one(view: View) -> None:
    assert "\n" not in line(view)
    assert line(view).startswith(f"{view.sent:,} requests")


def test_a_budget_on_a_usual_terminal() -> None:
    view = View(
        "spotify_search",
        20.0,
        142,
        budget=300,
        rows=2_400,
        eligible=1_820,
        features=(1_747, 1_820),
        lacking=(160, 143, 320),
        minimum=60,
        quota=(812, 900),
    )
    assert [line.rstrip() for line in shown(view, 80)] == [
        "spotify_search · 142 of 300 requests",
        f"{'━' * 18}╸{' ' * 22}47 %",
        "2,400 rows · 1,820 eligible · features 95 % · 7.1 requests/s",
        "143 of 320 cells below 60, 17 filled · quota: 812 of 900 calls in 24 h",
        "158 left, 88 today: 1 more day",
    ]


def test_a_plan_without_a_budget_counts_its_seeds() -> None:
    lines = shown(View("spotify_search", 10.0, 30, seeds=(5, 20)), 40)
    assert [line.rstrip() for line in lines[:3]] == [
        "spotify_search",
        "5 of 20 seeds · 30 requests",
        f"{'━' * 8}╸{' ' * 27}25 %",
    ]


def test_a_wait_is_all_that_the_line_tells_beside_the_requests() -> None:
    view = View("kexp", 10.0, 7, plays=500, waits=["kexp asks to wait 40 s"])
    assert line(view) == "7 requests · kexp asks to wait 40 s"
    assert "kexp asks to wait 40 s" in shown(view, 80)[-1]


def test_the_quota_of_a_day_that_suffices_leaves_minutes() -> None:
    view = View("spotify_search", 60.0, 60, budget=300, quota=(60, 900))
    assert shown(view, 80)[-1].rstrip().endswith("240 left, about 4 min 0 s")
