"""The balance of the real tables: its certificate against a solver, and what it changes."""

from __future__ import annotations

from functools import cache

import pytest

from runclub_spider.publish.choose.balance import Targets
from runclub_spider.publish.choose.fate import Fate
from runclub_spider.publish.choose.select import select
from testkit.candidates import Candidate, pool_of
from testkit.real_pool import least_shortfall, real_candidates, targets
from testkit.realdata import real_file
from tests.publish.choose.pools import as_previous
from tests.publish.choose.test_pool import UMBRELLAS

pytestmark = pytest.mark.realdata
# One track in so many: the whole pool takes a minute.
SHARE = 5


@cache
def world() -> list[Candidate]:
    """A share of the real tracks, as a crawl with an extended key would know them."""
    names = ("tracks", "artists", "audio_features")
    tracks, artists, features = (real_file(f"spotify/{name}.csv.gz") for name in names)
    return list(real_candidates(tracks, artists, features, UMBRELLAS, SHARE))


def aims(cap: int) -> Targets:
    return targets(UMBRELLAS, cap)


@pytest.mark.parametrize("cap", [40_000, 6_000])
def test_the_real_shortfall_is_the_optimum(cap: int) -> None:
    selection = select(pool_of(world(), UMBRELLAS.labels), aims(cap))
    assert selection.choice.certificate.shortfall == least_shortfall(selection)
    assert selection.count(Fate.EXPORTED) > 5_000
    again = select(pool_of(world(), UMBRELLAS.labels, as_previous(selection)), aims(cap))
    assert dict(again.cells()) == dict(selection.cells())


def test_a_real_release_keeps_what_it_had() -> None:
    """The pool grows by 5 %, the cap is reached: at most 2 % of the release changes."""
    older = [one for number, one in enumerate(world()) if number % 21]
    before = select(pool_of(older, UMBRELLAS.labels), aims(6_000))
    after = select(pool_of(world(), UMBRELLAS.labels, as_previous(before)), aims(6_000))
    kept = {i for i, _ in before.cells()} & {i for i, _ in after.cells()}
    assert before.count(Fate.EXPORTED) == 6_000
    assert len(kept) >= 0.98 * 6_000
