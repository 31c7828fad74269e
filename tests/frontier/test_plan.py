"""The plan of a run, narrowed as the arguments say."""

from __future__ import annotations

from pathlib import Path

import pytest

from runclub_spider.catalog.genre_map import load_umbrellas
from runclub_spider.errors import ConfigurationError
from runclub_spider.frontier.plan import plan_of

SEEDS = Path(__file__).parents[2] / "seeds"


@pytest.mark.parametrize("kind", ["track", "playlist"])
def test_the_templates(kind: str) -> None:
    plan = plan_of(SEEDS, kind)  # type: ignore[arg-type]
    assert len(plan) > 100
    assert {seed.kind for seed in plan} == {kind}
    assert plan_of(SEEDS, kind, max_seeds=7) == plan[:7]  # type: ignore[arg-type]


def test_one_family() -> None:
    plan = plan_of(SEEDS, "track", family="cadence", max_seeds=3)
    assert {seed.family for seed in plan} == {"cadence"}
    assert len(plan) == 3


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("# mine\n\nrock running\nfast ünïcode\n", encoding="utf-8")
    plan = plan_of(SEEDS, "track", file=file)
    assert [seed.term for seed in plan] == ["rock running", "fast ünïcode"]
    assert [seed.term for seed in plan_of(SEEDS, "track", file=file, max_seeds=1)] == [
        "rock running"
    ]


def test_deduplication_can_be_switched_off(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("Rock running\nrock running\n", encoding="utf-8")
    assert len(plan_of(SEEDS, "track", file=file)) == 1
    assert len(plan_of(SEEDS, "track", file=file, dedupe=False)) == 2


@pytest.mark.parametrize(
    ("text", "said"), [("", "mine.txt"), ("# nothing\n", "mine.txt"), ("x" * 300, "mine.txt")]
)
def test_a_useless_file_is_named_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said) as caught:
        plan_of(SEEDS, "track", file=file)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.txt"):
        plan_of(SEEDS, "track", file=tmp_path / "none.txt")
    with pytest.raises(ConfigurationError, match=r"umbrellas\.yaml"):
        load_umbrellas(tmp_path)
    with pytest.raises(ConfigurationError, match="nonsense"):
        plan_of(SEEDS, "track", family="nonsense")
