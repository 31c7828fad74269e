"""Candidates by hand and at random, and what selections of them are compared by."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from runclub_spider.catalog import rules
from runclub_spider.catalog.content import Label
from runclub_spider.catalog.dates import DECADES
from runclub_spider.catalog.editions import Edition
from runclub_spider.publish.choose.balance import STEPS, Targets
from runclub_spider.publish.choose.canonical import canonicals
from runclub_spider.publish.choose.pool import Previous
from runclub_spider.publish.choose.select import Selection, select
from testkit.candidates import Candidate, Vote, pool_of

LABELS = ("Rock", "Pop", "Metal", "Soul")
CELLS = tuple((label, decade) for label in LABELS for decade in DECADES)
NEIGHBOURS = {"Rock": ("Metal", "Pop"), "Pop": ("Soul", "Rock"), "Metal": ("Rock",), "Soul": ()}
COVERAGE = Fraction(95, 100)


def candidate(track_id: str, **changes: Any) -> Candidate:
    names = changes.pop("umbrellas", ("Rock",))
    values: dict[str, Any] = {
        "isrc": None,
        "linked_from": None,
        "duration_ms": 200_000,
        "year": 1977,
        "popularity": 50,
        "has_features": True,
        "asked_features": True,
        "vote": Vote(tuple(names), "artist_genres", 0.5) if names else Vote(),
        "rule": None,
    }
    return Candidate(track_id=track_id, **{**values, **changes})


def targets(**changes: Any) -> Targets:
    values = {
        "cap": 1000,
        "cell_target": 5,
        "cell_minimum": 3,
        "coverage": COVERAGE,
        "cells": CELLS,
        "neighbours": NEIGHBOURS,
    }
    return Targets(**{**values, **changes})


def chosen(
    candidates: Iterable[Candidate], previous: Previous | None = None, **changes: Any
) -> Selection:
    return select(pool_of(candidates, LABELS, previous), targets(**changes))


def run(
    world: list[Candidate],
    aims: Targets,
    kept: Mapping[str, str | None] | None = None,
    stored: Mapping[str, str] | None = None,
) -> Selection:
    """A selection after a release of the tracks `kept`, by umbrella, and the entries `stored`."""
    previous = Previous((kept or {}).items(), (stored or {}).values())
    return select(pool_of(world, LABELS, previous), aims)


def ids(selection: Selection) -> list[str]:
    return [track_id for track_id, _ in selection.cells()]


def as_previous(selection: Selection, stored: Mapping[str, str] | None = None) -> Previous:
    """A selection as the next release finds it; `stored` are the entries it found itself."""
    entries = canonicals(selection, sorted((stored or {}).items()))
    after = {**(stored or {}), **{isrc: track_id for isrc, track_id, _ in entries.rows()}}
    return Previous([(i, cell[0]) for i, cell in selection.cells()], list(after.values()))


def facts(selection: Selection) -> dict[str, Any]:
    """All that a release shows of a selection, by Spotify id."""
    pool = selection.pool
    return {
        "fate": {pool.id_of(i): int(fate) for i, fate in enumerate(selection.fate)},
        "cells": dict(selection.cells()),
        "merged": sorted((pool.id_of(a), pool.id_of(b), same) for a, b, same in selection.merged()),
        "backfill": {pool.id_of(i): found for i, found in selection.choice.backfill.items()},
        "certificate": selection.choice.certificate,
    }


IDS = [f"t{number:02d}" for number in range(40)]
_CODES = [None, None, None, None, "I1", "I2", "I3"]
# Soft keys with titles that may lead to them.
_WORDS = [
    *(("", "Song"), ("", "Song"), ("", "Song (Sped Up)"), ("", "Song 2")),
    *(("x", "Song X"), ("y", "Song Y")),
]
_SOME_RULES = [None, rules.UNPLAYABLE, rules.PLAYABILITY_UNKNOWN]
_RULES = [None, None, None, None, None, *rules.RULES, rules.PLAYABILITY_UNKNOWN]


#: Tracks of a last release, with their umbrellas.
KEPT = st.dictionaries(st.sampled_from(IDS), st.sampled_from([None, *LABELS]), max_size=12)


@st.composite
def worlds(draw: st.DrawFn, most: int = 30) -> list[Candidate]:
    """Small pools with every kind of tie, gap and refusal."""
    names = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=most))
    words = [draw(st.sampled_from(_WORDS)) for _ in names]
    return [
        candidate(
            name,
            isrc=draw(st.sampled_from(_CODES)),
            linked_from=draw(st.none() | st.none() | st.sampled_from([*IDS, "gone"])),
            duration_ms=draw(st.sampled_from([200_000, 201_500, 203_000, 300_000, 300_001])),
            year=draw(st.sampled_from([None, 1965, 1977, 1977, 1985])),
            popularity=draw(st.none() | st.integers(0, 3)),
            has_features=draw(st.sampled_from([True, True, True, False])),
            asked_features=draw(st.booleans()),
            umbrellas=draw(st.lists(st.sampled_from(LABELS), unique=True, max_size=3)),
            rule=draw(st.sampled_from(_RULES)),
            compilation=draw(st.booleans()),
            soft_key=soft_key,
            original_year=draw(st.sampled_from([None, None, 1965, 1977])),
            labels=draw(st.sampled_from([(), (), (), (Label.LIVE,), (Label.TRIBUTE,)])),
            edition=Edition(title, ("Artist",), 0),
        )
        for name, (soft_key, title) in zip(names, words, strict=True)
    ]


AIMS = st.builds(
    targets,
    cap=st.integers(1, 40),
    cell_target=st.integers(0, 4),
    cell_minimum=st.integers(0, 4),
    coverage=st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(3, 4), COVERAGE, Fraction(1)]),
    # Few cells, so that a small cap leaves each a target.
    cells=st.lists(st.sampled_from(CELLS[:2] + CELLS[6:8] + CELLS[12:14]), unique=True).map(tuple),
    backfill=st.lists(st.sampled_from(STEPS), unique=True).map(tuple),
    dedupe=st.sampled_from(["id", "id+isrc", "id+isrc+soft"]),
)


def random_pool(
    rng: random.Random, size: int, *, labels: Sequence[str] = LABELS
) -> list[Candidate]:
    """A pool as a crawl leaves it: few umbrellas rich, most poor, some gaps."""
    heavy = [1 / (1 + at) ** 2 for at in range(len(labels))]
    return [
        candidate(
            f"{rng.getrandbits(100):025x}"[:22],
            isrc=f"QZ{rng.randrange(size * 6):010d}" if rng.random() < 0.9 else None,
            duration_ms=rng.randint(120_000, 360_000),
            year=None if rng.random() < 0.03 else rng.randint(1962, 2029),
            popularity=None if rng.random() < 0.1 else rng.randint(0, 90),
            has_features=rng.random() < 0.93,
            asked_features=rng.random() < 0.99,
            umbrellas=list(
                dict.fromkeys(rng.choices(labels, heavy, k=rng.choice((0, 1, 1, 1, 2, 3))))
            ),
            rule=rng.choices(
                [None, rules.UNPLAYABLE, rules.PLAYABILITY_UNKNOWN], [0.9, 0.04, 0.06]
            )[0],
            soft_key=f"k{rng.randrange(size * 3)}",
        )
        for _ in range(size)
    ]
