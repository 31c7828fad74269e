"""Columns are rated as one track is."""

from __future__ import annotations

from math import inf

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runclub_spider.catalog.suitability import FamilyPolicy, suitability
from runclub_spider.publish.choose.part import RATED
from runclub_spider.publish.choose.run_suitability import rate

POLICIES = {
    "strict": FamilyPolicy(least=0.6, most_acoustic=0.7),
    "loose": FamilyPolicy(least=0.2),
    "dance": FamilyPolicy(tempo=0.2, energy=0.2, danceability=0.6),
}
SETS = [
    frozenset[str](),
    frozenset({"strict"}),
    frozenset({"loose", "strict"}),
    frozenset({"dance", "unknown"}),
]
SHARES = st.none() | st.sampled_from([0.0, 0.35, 0.6, 0.7, 1.0, inf]) | st.floats(0, 1)
ROWS = st.tuples(
    st.none() | st.sampled_from([0.0, -1.0, 85.0, 172.0, inf, 5e-324]) | st.floats(1, 400),
    SHARES,
    SHARES,
    SHARES,
    st.integers(0, len(SETS) - 1),
)


@settings(deadline=None)
@given(st.lists(ROWS, max_size=30))
def test_as_one_track_is_rated(rows: list[tuple[float | None, ...]]) -> None:
    table = np.array([row[:4] for row in rows], np.float64).reshape(-1, 4)
    families = np.array([row[4] for row in rows], np.int32)
    features = {name: table[:, at] for at, name in enumerate(RATED)}
    score, refused = rate(features, families, SETS, POLICIES)
    for at, row in enumerate(rows):
        found = suitability(
            tempo=row[0],
            energy=row[1],
            danceability=row[2],
            acousticness=row[3],
            families={name: POLICIES.get(name, FamilyPolicy()) for name in SETS[int(families[at])]},
        )
        assert score[at] == (0 if found is None else int(found.score * 10))
        assert refused[at] == (found is not None and not found.passes)
