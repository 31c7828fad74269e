"""The real tables as a pool to balance, and the least shortfall by an independent solver."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import lil_array

from runclub_spider.catalog import rules, votes
from runclub_spider.catalog.dates import DECADES, normalise_release_date, release_year
from runclub_spider.catalog.umbrellas import UmbrellaMap
from runclub_spider.publish.choose.balance import Targets
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.select import Selection
from testkit.candidates import Candidate, Vote


def _table(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def real_candidates(
    tracks: Path, artists: Path, features: Path, umbrellas: UmbrellaMap, share: int = 1
) -> Iterator[Candidate]:
    """One real track in `share`, as a crawl with an extended key would know it.

    Args:
        tracks: the table `tracks.csv.gz`; the next two are of the same folder.
        artists: with their genres.
        features: of which only the ids count.
        umbrellas: the genre map.
        share: 1 for all.
    """
    genres = {
        row["artist_id"]: tuple(filter(None, row["genres"].split(";"))) for row in _table(artists)
    }
    having = {row["track_id"] for row in _table(features)}
    voter = votes.Voter(umbrellas)
    for number, row in enumerate(_table(tracks)):
        if number % share:
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
        yield Candidate(
            track_id=row["track_id"],
            isrc=row["isrc"] or None,
            linked_from=None,
            duration_ms=duration,
            year=release_year(normalise_release_date(row["release_date"])),
            popularity=int(row["popularity"]) if row["popularity"] else None,
            has_features=row["track_id"] in having,
            asked_features=True,
            vote=Vote(verdict.fills, str(verdict.origin), verdict.confidence),
            rule=None if 120_000 <= duration <= 360_000 else rules.TOO_LONG,
            compilation=row["album_type"] == "compilation",
        )


def targets(umbrellas: UmbrellaMap, cap: int) -> Targets:
    """The default targets under a cap."""
    return Targets(
        cap=cap,
        cell_target=800,
        cell_minimum=400,
        coverage=Fraction(95, 100),
        cells=umbrellas.possible_cells(DECADES),
        neighbours={label: umbrellas.neighbours(label) for label in umbrellas.labels},
    )


def least_shortfall(selection: Selection) -> int:
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
