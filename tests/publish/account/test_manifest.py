"""The manifest: names, accounting, grid and notes."""

from __future__ import annotations

import pytest

from runclub_spider.catalog import rules
from runclub_spider.config import Config
from runclub_spider.publish.account.gates import Gate
from runclub_spider.publish.account.manifest import (
    accounting,
    balance,
    build,
    decades,
    grid,
    imbalance,
    notes,
    open_notes,
    tempo_buckets,
    version_of,
)
from runclub_spider.publish.write.up_to_date import DATA_FILES, data_digest
from runclub_spider.store.queue.pages import PageCounts
from tests.publish.choose.pools import candidate, chosen

WORLD = [
    candidate("a", isrc="I1", popularity=60),
    candidate("b", year=None),
    candidate("c", umbrellas=[], year=1984),
    candidate("d", umbrellas=["Pop"], year=2021),
    candidate("e", isrc="I1"),
    *(candidate(f"f{n}", rule=rules.TOO_SHORT) for n in range(2)),
    candidate("g", rule=rules.INCOMPLETE),
    *(candidate(f"h{n}", has_features=False, asked_features=False) for n in range(4)),
    *(candidate(f"i{n}", has_features=False) for n in range(4)),
    candidate("j", soft_key="s", duration_ms=250_000),
    candidate("k", soft_key="s", duration_ms=251_000),
]
CELLS = (("Rock", "70s"), ("Pop", "70s"), ("Pop", "20s"))
SELECTION = chosen(WORLD, cell_target=2, cells=CELLS)
ROWS = PageCounts(track_rows=21, null_rows=3, local_rows=2, episode_rows=1)


def test_accounting_in_the_contracts_words() -> None:
    assert accounting(SELECTION, ROWS, 18) == {
        "rowsSeen": 27,
        "nullRows": 3,
        "localRows": 2,
        "episodeRows": 1,
        "repeatedRows": 3,
        "distinctTracks": 18,
        "exported": 5,
        "rejected": 3,
        "rejectedByRule": {"incomplete": 1, "too_short": 2},
        "mergedIsrc": 1,
        "mergedSoft": 1,
        "balanceRejects": 4,
        "pending": 4,
    }
    assert imbalance(accounting(SELECTION, ROWS, 18)) is None


NAMES = [name for name in accounting(SELECTION, ROWS, 18) if name != "rejectedByRule"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("off", [-1, 1])
def test_any_difference_is_an_imbalance(name: str, off: int) -> None:
    account = accounting(SELECTION, ROWS, 18)
    account[name] += off
    assert imbalance(account)


def test_fewer_rows_than_tracks_is_an_imbalance() -> None:
    account = accounting(SELECTION, PageCounts(track_rows=17), 18)
    assert imbalance(account) == "repeatedRows is -1"


def test_the_grid_counts_each_track_once() -> None:
    table = grid(SELECTION)
    assert table == {
        "Pop": {"20s": 1},
        "Rock": {"70s": 2, "Undated": 1},
        "Unassigned": {"80s": 1},
    }
    assert list(table) == ["Rock", "Pop", "Unassigned"]


def test_the_balance_shows_cells_and_proof() -> None:
    found = balance(SELECTION)
    assert found == {
        "target": 2,
        "minimum": 2,
        "backfillOrder": ["soft", "neighbour", "decade"],
        "wanted": 6,
        "totalShortfall": 3,
        "proof": {"cells": [["Pop", "70s"], ["Pop", "20s"]], "wanted": 4, "tracks": 1},
        "cells": {
            "Rock": {"70s": {"tracks": 2, "shortfall": 0, "backfill": {}}},
            "Pop": {
                "70s": {"tracks": 0, "shortfall": 2, "backfill": {}},
                "20s": {"tracks": 1, "shortfall": 1, "backfill": {}},
            },
        },
    }


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
        schema_version=3,
        account={},
        left_out={"tracks": 0},
        balance={"target": 1},
        exhaustion={"minimum": 3},
        canonical={"changed": 0},
        imported={"a file": {"tracks": 1, "licences": ["CC0-1.0"]}},
        tempo_buckets={},
        figures={},
        changes={},
        decades={},
        gates=[Gate("g", True, 1, 1)],
        note_lines=["n"],
    )
    assert list(made)[:7] == (
        ["version", "createdAt", "spotify", "reccobeats", "totals", "filtersApplied", "fileHashes"]
    )
    assert list(made["filtersApplied"])[:5] == (
        ["minDurationMs", "maxDurationMs", "explicitPolicy", "playabilityPolicy", "dedupePolicy"]
    )
    assert made["filtersApplied"]["decadeFrom"] == "album"
    assert made["filtersApplied"]["minDurationMs"] == 1000
    assert list(made["filtersApplied"]["contentPolicy"])[:2] == ["karaoke", "tribute"]
    assert made["filtersApplied"]["contentPolicy"]["live"] == "keep"
    assert list(made["fileHashes"]) == ["a", "b"]
    assert made["notes"] == ["n"]
    assert (made["balance"], made["canonical"]) == ({"target": 1}, {"changed": 0})
    assert made["exhaustion"] == {"minimum": 3}
    assert made["importedFeatures"]["a file"]["tracks"] == 1
    assert (made["schemaVersion"], made["unsound"]) == (3, {"tracks": 0})


def test_the_playability_policy_says_whether_thin_cells_are_helped() -> None:
    def policy(config: Config) -> str:
        made = build(
            version="v",
            created_at="",
            spotify={},
            reccobeats={},
            totals={},
            config=config,
            hashes={},
            schema_version=2,
            account={},
            left_out={},
            balance={},
            exhaustion={},
            canonical={},
            imported={},
            tempo_buckets={},
            figures={},
            changes={},
            decades={},
            gates=[],
            note_lines=[],
        )
        return str(made["filtersApplied"]["playabilityPolicy"])

    assert policy(Config()) == "playable in US; unknown excluded but for thin cells"
    assert policy(Config(backfill_order=("decade",))) == "playable in US; unknown excluded"


def test_tempo_buckets_stand_in_their_order() -> None:
    found = {
        ("Pop", "80s", "170-174"): 2,
        ("Pop", "80s", "<140"): 1,
        ("Unassigned", "Undated", "190+"): 3,
        ("Pop", "70s", "140-144"): 4,
    }
    assert tempo_buckets(found, ["Rock", "Pop"]) == {
        "Pop": {"70s": {"140-144": 4}, "80s": {"<140": 1, "170-174": 2}},
        "Unassigned": {"Undated": {"190+": 3}},
    }
    assert list(tempo_buckets(found, ["Pop"])["Pop"]["80s"]) == ["<140", "170-174"]


def test_both_distributions_of_decades_in_the_order_of_time() -> None:
    found = decades(
        Config(decade_from="original"), {"10s": 3, "Undated": 1}, {"10s": 1, "70s": 2}, 4
    )
    assert found == {
        "cellsFrom": "original",
        "withOriginalYear": 4,
        "byAlbumYear": {"10s": 3, "Undated": 1},
        "byOriginalYear": {"70s": 2, "10s": 1},
    }
    assert list(found["byOriginalYear"]) == ["70s", "10s"]


COUNTS = {"tracks": 9, "years": 8, "genres": 7}


def test_the_notes_name_licences_and_what_was_not_asked() -> None:
    said = " ".join(open_notes(Config(), COUNTS))
    assert "CC0" in said
    assert "CC BY-NC-SA 3.0" in said
    assert "not asked" not in said
    without = open_notes(
        Config(open_metadata_tags=False, open_metadata_sources=("musicbrainz",)), COUNTS
    )
    assert any("OPEN_METADATA_TAGS is off" in note for note in without)
    assert not any("BY-NC-SA 3.0" in note for note in without)
    assert any("not asked of listenbrainz" in note for note in without)
    assert any("DECADE_FROM" in note for note in open_notes(Config(decade_from="original"), COUNTS))
    (nothing,) = open_notes(Config(), dict.fromkeys(COUNTS, 0))
    assert nothing.startswith("No open metadata")
