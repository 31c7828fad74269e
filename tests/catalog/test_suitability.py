from __future__ import annotations

import csv
import gzip
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.families import load_policies
from runclub_spider.catalog.suitability import (
    BANDS,
    DEFAULT_POLICY,
    FOLD_HIGH,
    FOLD_LOW,
    FamilyPolicy,
    band,
    fold,
    score,
    suitability,
)
from testkit.realdata import real_file

POLICIES = load_policies(Path(__file__).parents[2] / "seeds")
TEMPOS = st.floats(1e-3, 1e6)
UNIT = st.floats(0, 1)
FAMILY = st.sampled_from([*POLICIES])
POLICY = st.sampled_from([*POLICIES.values(), DEFAULT_POLICY])


@pytest.mark.parametrize(
    ("tempo", "folded"),
    [
        (85, 170),
        (170, 170),
        (172.5, 172.5),
        (75, 150),
        (100, 200),
        (120, 120),
        (60, 120),
        (340, 170),
    ],
)
def test_folding(tempo: float, folded: float) -> None:
    assert fold(tempo) == folded


@pytest.mark.parametrize(
    ("tempo", "name"),
    [
        (85, "170-174"),
        (170, "170-174"),
        (174.99, "170-174"),
        (175, "175-179"),
        (150, "150-154"),
        (140, "140-144"),
        (139.9, "<140"),
        (120, "<140"),
        (189.9, "185-189"),
        (190, "190+"),
        (100, "190+"),
        (180, "180-184"),
    ],
)
def test_bands(tempo: float, name: str) -> None:
    assert band(tempo) == name


def test_the_bands_are_the_cadences() -> None:
    assert BANDS == (
        "<140", "140-144", "145-149", "150-154", "155-159", "160-164", "165-169", "170-174",
        "175-179", "180-184", "185-189", "190+",
    )  # fmt: skip


@given(TEMPOS)
def test_folding_is_idempotent_and_stays_in_its_octave(tempo: float) -> None:
    folded = fold(tempo)
    assert folded is not None
    assert FOLD_LOW <= folded < FOLD_HIGH
    assert fold(folded) == folded
    assert math.log2(folded / tempo) == round(math.log2(folded / tempo), 9)


@given(TEMPOS)
def test_a_tempo_and_its_double_are_the_same_cadence(tempo: float) -> None:
    assert fold(2 * tempo) == fold(tempo)
    assert band(2 * tempo) == band(tempo)


@given(TEMPOS)
def test_every_tempo_has_a_band_that_holds_it(tempo: float) -> None:
    name, folded = band(tempo), fold(tempo)
    assert name is not None
    assert folded is not None
    assert name in BANDS
    if "-" in name:
        low, high = map(int, name.split("-"))
        assert low <= folded < high + 1


@pytest.mark.parametrize("tempo", [0, -1, math.inf, -math.inf, math.nan])
def test_what_is_no_tempo_has_neither_band_nor_score(tempo: float) -> None:
    assert fold(tempo) is None
    assert band(tempo) is None
    assert score(tempo=tempo, energy=0.5, danceability=0.5) is None


def of(*names: str) -> dict[str, FamilyPolicy]:
    """Families with their policies."""
    return {name: POLICIES[name] for name in names}


ANY = st.none() | st.floats()


@given(ANY, ANY, ANY, ANY, st.lists(FAMILY, max_size=2))
def test_whatever_is_stored_has_a_rating_or_none(
    tempo: float | None,
    energy: float | None,
    dance: float | None,
    acoustic: float | None,
    names: list[str],
) -> None:
    found = suitability(
        tempo=tempo, energy=energy, danceability=dance, acousticness=acoustic, families=of(*names)
    )
    assert found is None or 0 <= found.score <= 1


@pytest.mark.parametrize("policy", [*POLICIES.values(), DEFAULT_POLICY])
def test_weights_of_a_policy_sum_to_one(policy: FamilyPolicy) -> None:
    weights = policy.tempo + policy.energy + policy.danceability
    assert weights == pytest.approx(1)


@given(TEMPOS, UNIT, st.none() | UNIT, POLICY)
def test_score_is_a_share_and_does_not_know_the_octave(
    tempo: float, energy: float, dance: float | None, policy: FamilyPolicy
) -> None:
    mark = score(tempo=tempo, energy=energy, danceability=dance, policy=policy)
    assert mark is not None
    assert 0 <= mark <= 1
    assert mark == score(tempo=2 * tempo, energy=energy, danceability=dance, policy=policy)


@given(TEMPOS, UNIT, UNIT, UNIT, POLICY)
def test_more_energy_never_lowers_the_score(
    tempo: float, one: float, other: float, dance: float, policy: FamilyPolicy
) -> None:
    low, high = (
        score(tempo=tempo, energy=energy, danceability=dance, policy=policy)
        for energy in sorted((one, other))
    )
    assert low is not None
    assert high is not None
    assert low <= high


def test_the_best_of_all_and_the_worst() -> None:
    assert score(tempo=85, energy=0.9, danceability=0.7) == 1
    assert score(tempo=165, energy=0.1, danceability=0.1) == 0.25
    slow = score(tempo=120, energy=0.9, danceability=0.7)
    assert slow is not None
    assert 0.8 < slow < 1
    # A cadence was asked for: the tempo counts more.
    cadence = score(tempo=120, energy=0.9, danceability=0.7, policy=POLICIES["cadence"])
    assert cadence is not None
    assert cadence < slow


def test_without_features_nothing_is_known() -> None:
    for tempo, energy in ((None, 0.5), (150.0, None), (None, None)):
        assert score(tempo=tempo, energy=energy, danceability=0.5) is None
        found = suitability(
            tempo=tempo, energy=energy, danceability=0.5, acousticness=0.1, families=of("cadence")
        )
        assert found is None
    whole = score(tempo=150, energy=0.9, danceability=None)
    assert whole == 1  # the weights of the other two stand for all


def rate(energy: float, acousticness: float | None, *names: str) -> tuple[str | None, bool]:
    found = suitability(
        tempo=118, energy=energy, danceability=0.5, acousticness=acousticness, families=of(*names)
    )
    assert found is not None
    return found.family, found.passes


def test_gates_of_the_families() -> None:
    assert rate(0.7, 0.1, "trend_feeders") == ("trend_feeders", True)
    assert rate(0.7, 0.9, "trend_feeders") == ("trend_feeders", False)
    assert rate(0.7, None, "trend_feeders") == ("trend_feeders", True)
    assert rate(0.7, 0.9, "trend_feeders", "editorial") == ("editorial", True)
    # Features must filter the decades; a list made for running vouches for its tracks.
    assert rate(0.62, 0.1, "decade_refreshers") == ("decade_refreshers", False)
    assert rate(0.62, 0.1, "decade_refreshers", "editorial") == ("editorial", True)
    assert rate(0.2, 0.1, *POLICIES)[1] is False
    assert rate(0.9, 0.1) == (None, True)


@given(TEMPOS, UNIT, UNIT, UNIT, st.lists(FAMILY, max_size=5))
def test_families_in_any_order_and_more_never_harm(
    tempo: float, energy: float, dance: float, acoustic: float, names: list[str]
) -> None:
    def rated(families: list[str]) -> tuple[bool, float, str | None]:
        found = suitability(
            tempo=tempo,
            energy=energy,
            danceability=dance,
            acousticness=acoustic,
            families=of(*families),
        )
        assert found is not None
        return found.passes, found.score, found.family

    whole = rated(names)
    assert rated(names[::-1]) == whole
    assert all(rated([name])[:2] <= whole[:2] for name in names)


@pytest.mark.realdata
def test_lists_for_running_pass_and_quiet_lists_do_so_less() -> None:
    lists: dict[str, bool] = {}
    with gzip.open(real_file("spotify/playlists.csv.gz"), "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = row["name"].casefold()
            if any(word in name for word in ("workout", "cardio", "beast mode")):
                lists[row["playlist_id"]] = True
            elif any(word in name for word in ("sleep", "calm", "peaceful", "focus", "sad ")):
                lists[row["playlist_id"]] = False
    wanted: dict[str, bool] = {}
    with gzip.open(real_file("spotify/playlist_items.csv.gz"), "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["playlist_id"] in lists:
                wanted[row["track_id"]] = lists[row["playlist_id"]]
    passed: dict[bool, list[bool]] = {True: [], False: []}
    with gzip.open(real_file("spotify/audio_features.csv.gz"), "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["track_id"] in wanted and row["tempo"] and float(row["tempo"]):
                found = suitability(
                    tempo=float(row["tempo"]),
                    energy=float(row["energy"]),
                    danceability=float(row["danceability"]),
                    acousticness=float(row["acousticness"]),
                    families=of("decade_refreshers"),
                )
                assert found is not None
                passed[wanted[row["track_id"]]].append(found.passes)
    running, quiet = passed[True], passed[False]
    assert min(len(running), len(quiet)) > 300
    assert sum(running) / len(running) > 0.9
    assert sum(quiet) / len(quiet) < 0.6
