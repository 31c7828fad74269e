"""The manifest: names, accounting, grid and notes."""

from __future__ import annotations

from collections import Counter

import pytest

from runclub_spider.config import Config
from runclub_spider.publish.gates import Gate
from runclub_spider.publish.manifest import (
    DATA_FILES,
    accounting,
    build,
    data_digest,
    grid,
    imbalance,
    notes,
    version_of,
)
from runclub_spider.publish.select import Selection
from runclub_spider.store.pages import PageCounts

SELECTION = Selection(
    cells={"a": ("Rock", "70s"), "b": ("Rock", None), "c": (None, "80s"), "d": ("Pop", "20s")},
    merged={"e": "a"},
    rejected=Counter({"too_short": 2, "incomplete": 1}),
    pending=4,
    balance_rejects=5,
)
ROWS = PageCounts(track_rows=20, null_rows=3, local_rows=2, episode_rows=1, new_tracks=17)


def test_accounting_in_the_contracts_words() -> None:
    assert accounting(SELECTION, ROWS, 17) == {
        "rowsSeen": 26,
        "nullRows": 3,
        "localRows": 2,
        "episodeRows": 1,
        "repeatedRows": 3,
        "distinctTracks": 17,
        "exported": 4,
        "rejected": 3,
        "rejectedByRule": {"incomplete": 1, "too_short": 2},
        "mergedIsrc": 1,
        "mergedSoft": 0,
        "balanceRejects": 5,
        "pending": 4,
    }
    assert imbalance(accounting(SELECTION, ROWS, 17)) is None


NAMES = [name for name in accounting(SELECTION, ROWS, 17) if name != "rejectedByRule"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("off", [-1, 1])
def test_any_difference_is_an_imbalance(name: str, off: int) -> None:
    account = accounting(SELECTION, ROWS, 17)
    account[name] += off
    assert imbalance(account)


def test_fewer_rows_than_tracks_is_an_imbalance() -> None:
    account = accounting(SELECTION, PageCounts(track_rows=16), 17)
    assert imbalance(account) == "repeatedRows is -1"


def test_the_grid_counts_each_track_once() -> None:
    table = grid(SELECTION, ("Pop", "Rock", "Metal"))
    assert table == {
        "Pop": {"20s": 1},
        "Rock": {"70s": 1, "Undated": 1},
        "Unassigned": {"80s": 1},
    }
    assert list(table) == ["Pop", "Rock", "Unassigned"]


def test_the_version_is_date_hash_and_origin() -> None:
    hashes = {name: f"{number}" * 64 for number, name in enumerate(DATA_FILES)}
    digest = data_digest(hashes)
    assert version_of("2026-11-21", digest, "spotify") == f"2026-11-21-{digest[:8]}"
    assert version_of("2026-11-21", digest, "sandbox") == f"2026-11-21-{digest[:8]}-sandbox"
    assert data_digest({**hashes, "manifest.json": "f"}) == digest
    for name in DATA_FILES:
        assert data_digest({**hashes, name: "f" * 64}) != digest


def test_notes_say_sandbox_first_and_development() -> None:
    config = Config()
    assert "must not be shipped" in notes(config, "sandbox", "extended")[0]
    real = notes(config, "spotify", "extended")
    assert not any("sandbox" in note for note in real)
    assert notes(config, "spotify", "development") == [
        *real,
        notes(config, "spotify", "development")[-1],
    ]
    assert "development key" in notes(config, "spotify", "development")[-1]


def test_the_manifests_fields_in_the_specifications_order() -> None:
    made = build(
        version="v",
        created_at="2026-11-21T00:00:00Z",
        spotify={"source": "sandbox"},
        reccobeats={},
        totals={},
        config=Config(min_duration_ms=1000),
        hashes={"b": "2", "a": "1"},
        account={},
        gates=[Gate("g", True, 1, 1)],
        note_lines=["n"],
    )
    assert list(made)[:7] == (
        ["version", "createdAt", "spotify", "reccobeats", "totals", "filtersApplied", "fileHashes"]
    )
    assert list(made["filtersApplied"]) == (
        ["minDurationMs", "maxDurationMs", "explicitPolicy", "playabilityPolicy", "dedupePolicy"]
    )
    assert made["filtersApplied"]["minDurationMs"] == 1000
    assert list(made["fileHashes"]) == ["a", "b"]
    assert made["notes"] == ["n"]
