"""What seed families ask of their finds: from their files, and from the one table of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from runclub_spider.catalog.families import (
    BUILT_IN,
    family_names,
    knows_artists,
    load_policies,
    station_of,
)
from runclub_spider.catalog.suitability import DEFAULT_POLICY, FamilyPolicy
from runclub_spider.errors import ConfigurationError

SEEDS = Path(__file__).parents[2] / "seeds"


def test_the_families_of_the_project() -> None:
    names = (
        *("editorial", "umbrella_energy", "decade_refreshers", "trend_feeders", "cadence"),
        *("long_tail", "artists", "custom"),
    )
    assert family_names(SEEDS) == names
    assert set(load_policies(SEEDS)) == {*names, "split", "artist", "original", "kexp"}


def test_only_searches_for_songs_of_a_station_name_one() -> None:
    assert {name: station_of(name) for name in (*BUILT_IN, "editorial", None)} == {
        "custom": None,
        "split": None,
        "artist": None,
        "original": None,
        "kexp": "kexp",
        "editorial": None,
        None: None,
    }


def test_families_of_files_know_their_artists() -> None:
    assert [knows_artists(name) for name in ("artists", "hills", *BUILT_IN, None)] == (
        [True, True, *[False] * len(BUILT_IN), False]
    )


def test_a_file_says_what_its_family_asks(tmp_path: Path) -> None:
    (tmp_path / "hills.yaml").write_text(
        "family: hills\nsuitability: {least: 0.4, most_acoustic: 0.3}\n", encoding="utf-8"
    )
    (tmp_path / "plains.yaml").write_text("family: plains\n", encoding="utf-8")
    # As an earlier version had it, and with another word.
    (tmp_path / "cadence.yaml").write_text("family: cadence\n", encoding="utf-8")
    (tmp_path / "editorial.yaml").write_text(
        "family: editorial\nsuitability: {least: 0.9}\n", encoding="utf-8"
    )
    found = load_policies(tmp_path)
    assert found["hills"] == FamilyPolicy(least=0.4, most_acoustic=0.3)
    assert found["plains"] == DEFAULT_POLICY
    assert found["cadence"] == load_policies(SEEDS)["cadence"] != DEFAULT_POLICY
    assert found["editorial"] == FamilyPolicy(least=0.9)
    assert found["custom"] == FamilyPolicy(least=0.5)


@pytest.mark.parametrize(
    ("said", "line", "problem"),
    [
        ("{least: 2}", 2, "suitability.least': input should be less than or equal to 1"),
        ("{lest: 0.5}", 2, "suitability.lest': unknown key"),
        (
            "{tempo: 0.9}",
            2,
            "suitability': value error, tempo, energy and danceability sum to 1.65",
        ),
        ("{tempo: 0, energy: 0, danceability: 1}", 2, "suitability': value error"),
        ("\n  least: high", 3, "suitability.least': input should be a valid number"),
        ("0.5", 2, "suitability': must hold keys with values"),
        ("{least: .nan}", 2, "suitability.least': "),
    ],
)
def test_a_wrong_word_is_named_with_file_and_line(
    tmp_path: Path, said: str, line: int, problem: str
) -> None:
    path = tmp_path / "hills.yaml"
    path.write_text(f"family: hills\nsuitability: {said}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_policies(tmp_path)
    assert str(caught.value).startswith(f"{path}:{line}: key '{problem}")
    assert "\n" not in str(caught.value)
