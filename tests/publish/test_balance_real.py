"""The balance of the real tables: its certificate against a solver, and what it changes."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import lil_array

from runclub_spider.catalog import votes
from runclub_spider.catalog.dates import DECADES, normalise_release_date, release_year
from runclub_spider.catalog.rules import Rule
from runclub_spider.publish.balance import Targets
from runclub_spider.publish.pool import Candidate, Pool, Vote
from runclub_spider.publish.select import Fate, Selection, select
from tests.realdata import real_file

from .pools import as_previous
from .test_pool import UMBRELLAS

pytestmark = pytest.mark.realdata
# One track in so many: the whole pool takes a minute.
SHARE = 5


def table(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(real_file(f"spotify/{name}.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@cache
def world() -> list[Candidate]:
    """A share of the real tracks, as a crawl with an extended key would know them."""
    genres = {
        row["artist_id"]: tuple(filter(None, row["genres"].split(";"))) for row in table("artists")
    }
    having = {row["track_id"] for row in table("audio_features")}
    voter = votes.Voter(UMBRELLAS)
    found = []
    for number, row in enumerate(table("tracks")):
        if number % SHARE:
            continue
        people = tuple(row["artist_ids"].split())
        verdict = voter.verdict(
            votes.Evidence(
                name=row["name"],
                album_name="",
                artist_ids=people,
                artist_names=(),
                genres=tuple(genres.get(i, ()) for i in people),
                album_id=None,
                sources=(),
            )
        )
        duration = int(row["duration_ms"] or 0)
        found.append(
            Candidate(
                track_id=row["track_id"],
                isrc=row["isrc"] or None,
                linked_from=None,
                duration_ms=duration,
                year=release_year(normalise_release_date(row["release_date"])),
                popularity=int(row["popularity"]) if row["popularity"] else None,
                has_features=row["track_id"] in having,
                asked_features=True,
                vote=Vote(verdict.fills, str(verdict.origin), verdict.confidence),
                rule=None if 120_000 <= duration <= 360_000 else Rule.TOO_LONG,
                compilation=row["album_type"] == "compilation",
            )
        )
    return found


def aims(cap: int) -> Targets:
    return Targets(
        cap=cap,
        cell_target=800,
        cell_minimum=400,
        coverage=Fraction(95, 100),
        cells=UMBRELLAS.possible_cells(DECADES),
        neighbours={label: UMBRELLAS.neighbours(label) for label in UMBRELLAS.labels},
    )


def least(selection: Selection) -> int:
    """The optimum by HiGHS, over kinds of tracks: umbrellas, decade, features or none."""
    pool, found = selection.pool, selection.targets
    kinds = Counter(
        (pool.umbrellas_of(i), pool.decade_of(i), bool(pool.features[i]))
        for i in range(len(pool))
        if selection.fate[i] in {Fate.EXPORTED, Fate.BALANCE}
    )
    lacking = sum(1 for i in selection.chosen.tolist() if not pool.features[i])
    place = {cell: at for at, cell in enumerate(found.cells)}
    arcs = [
        (number, place[label, decade], has)
        for number, (labels, decade, has) in enumerate(kinds)
        for label in labels
        if (label, decade) in place
    ]
    rows = lil_array((len(kinds) + len(place) + 1, len(arcs)))
    for column, (kind, cell, has) in enumerate(arcs):
        rows[kind, column] = rows[len(kinds) + cell, column] = 1
        rows[-1, column] = not has
    limits = [*kinds.values(), *[found.target] * len(place), lacking]
    solved = linprog(-np.ones(len(arcs)), A_ub=rows.tocsr(), b_ub=limits, method="highs")
    return int(found.target * len(place) + round(solved.fun))


@pytest.mark.parametrize("cap", [40_000, 6_000])
def test_the_real_shortfall_is_the_optimum(cap: int) -> None:
    selection = select(Pool.of(world(), UMBRELLAS.labels), aims(cap))
    assert selection.choice.certificate.shortfall == least(selection)
    assert selection.count(Fate.EXPORTED) > 5_000
    again = select(Pool.of(world(), UMBRELLAS.labels, as_previous(selection)), aims(cap))
    assert dict(again.cells()) == dict(selection.cells())


def test_a_real_release_keeps_what_it_had() -> None:
    """The pool grows by 5 %, the cap is reached: at most 2 % of the release changes."""
    older = [one for number, one in enumerate(world()) if number % 21]
    before = select(Pool.of(older, UMBRELLAS.labels), aims(6_000))
    after = select(Pool.of(world(), UMBRELLAS.labels, as_previous(before)), aims(6_000))
    kept = {i for i, _ in before.cells()} & {i for i, _ in after.cells()}
    assert before.count(Fate.EXPORTED) == 6_000
    assert len(kept) >= 0.98 * 6_000
