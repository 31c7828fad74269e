"""The counts behind the report's charts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from runclub_spider.catalog.models import FEATURES
from runclub_spider.catalog.suitability import FOLD_HIGH, FOLD_LOW, fold
from runclub_spider.config import Config
from runclub_spider.publish.account import figures
from runclub_spider.publish.account.discovery import Discovery
from runclub_spider.publish.account.figures import Figures
from runclub_spider.store.db.engine import Store
from runclub_spider.store.db.tables import quota
from testkit.blocks import block_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(Config(cache_dir=tmp_path / "cache"))
    yield opened
    opened.close()


def row(**changes: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(FEATURES),
        "album_release_year": 1999,
        "duration_ms": 200_000,
        "popularity_snapshot": 55,
        "_extra": {"run_suitability": None},
        **changes,
    }


def counted(*rows: dict[str, Any]) -> dict[str, Any]:
    found = Figures()
    for one in rows:
        found.add(*block_of([one]))
    return found.as_json()


def test_each_row_stands_in_each_count_once() -> None:
    assert counted(
        row(tempo=85.0, _extra={"run_suitability": 0.8}),
        row(tempo=172.0, popularity_snapshot=None, album_release_year=None),
        row(duration_ms=209_999, popularity_snapshot=100),
    ) == {
        "byReleaseYear": {
            "1999": {"tracks": 2, "withFeatures": 1},
            "unknown": {"tracks": 1, "withFeatures": 1},
        },
        "tempo": {
            "measured": {"85": {"doubled": 1}, "170": {"kept": 1}},
            "folded": {"170": {"doubled": 1, "kept": 1}},
        },
        "durationSeconds": {"195": 3},
        "popularity": {"50": 1, "100": 1, "unknown": 1},
        "suitability": {"0.8": 1, "unknown": 2},
    }


@given(st.lists(st.floats(1, 1000), max_size=20))
def test_folding_moves_every_tempo_into_one_octave(tempos: list[float]) -> None:
    found = counted(*(row(tempo=tempo) for tempo in tempos))["tempo"]
    for bins in found.values():
        assert sum(sum(one.values()) for one in bins.values()) == len(tempos)
    for at in map(int, found["folded"]):
        assert FOLD_LOW - figures.TEMPO_BIN < at < FOLD_HIGH
    kept = sum(one.get("kept", 0) for one in found["folded"].values())
    assert kept == sum(fold(tempo) == tempo for tempo in tempos)


@given(st.permutations(range(6)), st.integers(0, 6))
def test_parts_add_up_in_any_order(order: list[int], cut: int) -> None:
    rows = [row(tempo=60.0 + 30 * at, album_release_year=1990 + at % 3) for at in range(6)]
    first, second = Figures(), Figures()
    for found, some in ((first, order[:cut]), (second, order[cut:])):
        if some:
            found.add(*block_of([rows[at] for at in some]))
    first.take(second)
    assert first.as_json() == counted(*rows)


def seed(term: str, requests: int, tracks: int, rejected: int = 0) -> dict[str, Any]:
    return {
        "search_type": "track",
        "family": "cadence",
        "term": term,
        "requests": requests,
        "tracks": tracks,
        "rejected": rejected,
    }


def test_seeds_are_ranked_by_eligible_tracks_a_request() -> None:
    rows = [seed("unasked", 0, 0), seed("none", 4, 3, 3), seed("good", 2, 90), seed("best", 1, 50)]
    found = figures.seeds(Discovery(tuple(rows), {}))
    assert [(one["term"], one["eligible"]) for one in found["best"]] == [
        ("best", 50),
        ("good", 90),
        ("none", 0),
    ]
    assert found["worst"] == []


def test_no_seed_is_both_best_and_worst() -> None:
    rows = tuple(seed(f"{number:02}", 1, number) for number in range(13))
    found = figures.seeds(Discovery(rows, {}))
    assert [one["term"] for one in found["best"]] == [f"{n:02}" for n in range(12, 2, -1)]
    assert [one["term"] for one in found["worst"]] == ["00", "01", "02"]


def test_calls_are_told_by_day(store: Store) -> None:
    day, hour = 1_760_486_400, 3600
    rows = [
        ("spotify", "search", day, 5),
        ("spotify", "search", day + 23 * hour, 7),
        ("kexp", "plays", day + 24 * hour, 1),
    ]
    with store.begin() as connection:
        columns = ("account", "family", "hour", "calls")
        connection.execute(
            sa.insert(quota), [dict(zip(columns, one, strict=True)) for one in reversed(rows)]
        )
        assert figures.calls(connection) == [
            {"day": "2025-10-15T00:00:00Z", "api": "spotify", "family": "search", "calls": 12},
            {"day": "2025-10-16T00:00:00Z", "api": "kexp", "family": "plays", "calls": 1},
        ]
