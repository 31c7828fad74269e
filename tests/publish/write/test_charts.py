"""What the charts show: cells, funnel, and the words that stand for a picture."""

from __future__ import annotations

from itertools import pairwise

import pytest

from runclub_spider.publish.write.charts import charts, outside
from tests.publish.write.test_report import manifest


def test_a_cell_has_found_chosen_and_lacking_in_one_row() -> None:
    made = manifest()
    made["balance"] |= {"target": 8, "wanted": 16, "totalShortfall": 3}
    made["balance"]["cells"] = {
        "Rock": {
            "70s": {"tracks": 5, "shortfall": 3, "backfill": {}},
            "80s": {"tracks": 9, "shortfall": 0, "backfill": {}},
        }
    }
    made["totals"]["byUmbrellaAndDecade"] = {
        "Rock": {"70s": 5, "80s": 9, "Undated": 2},
        "Unassigned": {"70s": 1},
    }
    chart = charts(made)["cells"]
    assert chart.rows == [
        ("Rock", "70s", 5, 2, 8, 3, "exhausted", "0 of 3"),
        ("Rock", "80s", 9, None, 8, 0, "", ""),
        ("Rock", "Undated", 2, None, None, None, "", ""),
        ("Unassigned", "70s", 1, None, None, None, "", ""),
    ]
    assert "1 of 2 cells hold their target of 8 tracks; together they lack 3 of 16" in chart.says
    assert outside(made) == 3


def test_the_funnel_ends_where_the_accounting_says() -> None:
    made = manifest()
    account = made["accounting"]
    rows = charts(made)["funnel"].rows
    assert [row[1] for row in rows if row[0] == "distinct tracks"] == [account["distinctTracks"]]
    assert rows[-1][:2] == ("exported", account["exported"])
    assert all(row[1] == before[1] - row[2] for before, row in pairwise(rows))


def test_years_below_the_gate_are_named() -> None:
    made = manifest()
    made["gates"] = [
        {**made["gates"][0], "name": "feature_coverage", "threshold": 0.95},
    ]
    made["figures"]["byReleaseYear"] = {
        "1999": {"tracks": 20, "withFeatures": 19},
        "2000": {"tracks": 20, "withFeatures": 18},
        "unknown": {"tracks": 5, "withFeatures": 0},
    }
    chart = charts(made)["years"]
    assert chart.rows == [(1999, 95.0, 20), (2000, 90.0, 20)]
    assert chart.says == "Years below the gate of 95 %: 2000."


def test_folded_tempos_are_told_apart_from_measured_ones() -> None:
    made = manifest()
    made["figures"]["tempo"] = {
        "folded": {"170": {"kept": 3, "doubled": 2}, "135": {"kept": 1}},
        "measured": {"85": {"doubled": 2}, "135": {"kept": 1}, "170": {"kept": 3}},
    }
    found = charts(made)
    assert found["tempo"].rows == [(135, 140, 1, 0, 0), (170, 175, 3, 2, 0)]
    assert "83.33 % of 6 tracks" in found["tempo"].says
    assert "2 only because they are folded" in found["tempo"].says
    assert found["measured"].rows[0] == (85, 90, 0, 2, 0)


def test_families_are_ranked_by_what_a_track_costs() -> None:
    made = manifest()
    one = {"seeds": 1, "asked": 1, "rows": 9, "newTracks": 9, "exported": 1, "rejected": 1}
    made["spotify"]["seedsSummary"] = {
        "track/dear": {**one, "requests": 8, "tracks": 5},
        "track/cheap": {**one, "requests": 2, "tracks": 5},
        "track/none": {**one, "requests": 2, "tracks": 1},
    }
    rows = charts(made)["families"].rows
    assert [row[:2] for row in rows] == [
        ("track/cheap", 0.5),
        ("track/dear", 2.0),
        ("track/none", None),
    ]


def test_every_track_of_both_releases_changed_in_one_way() -> None:
    made = manifest()
    made["changes"] |= {"against": "before", "previousTracks": 10, "kept": 8, "removed": 2}
    made["changes"] |= {"moved": 3, "changed": 1, "added": 4}
    made["changes"] |= {"addedByReason": {"new": 4}, "removedByReason": {"gone": 2}}
    rows = dict(charts(made)["changes"].rows)
    assert rows["kept as they were"] == 4
    assert sum(rows.values()) == 8 + 4 + 2


def test_content_labels_are_shown_where_the_manifest_has_them() -> None:
    made = manifest()
    del made["totals"]["byContentLabel"]  # as before form 3
    assert "labels" not in charts(made)
    made["totals"]["byContentLabel"] = {"live": 3, "holiday": 7}
    assert charts(made)["labels"].rows == [("holiday", 7), ("live", 3)]


def test_limits_that_were_learnt_stand_beside_the_calls() -> None:
    made = manifest()
    assert charts(made)["calls"].rows == [("2025-10-15", "spotify", "search", 1234, None)]
    made["figures"]["limits"] = [{"api": "spotify", "family": "search", "calls": 600}]
    chart = charts(made)["calls"]
    assert chart.rows == [("2025-10-15", "spotify", "search", 1234, 600)]
    assert chart.options == {"limits": [["spotify", "search", 600]]}
    assert "spotify refused search after 600 calls a day." in chart.says


@pytest.mark.parametrize("name", ["changes", "rejected", "calls"])
def test_a_chart_without_numbers_is_none(name: str) -> None:
    made = manifest()
    assert name in charts(made)
    made["changes"]["against"] = None
    made["accounting"]["rejectedByRule"] = {}
    made["figures"]["calls"] = []
    assert name not in charts(made)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"live": 639}, "One label stands on exported tracks: live (639)."),
        ({"live": 7, "medley": 9}, "2 labels stand on exported tracks, most often medley (9)."),
    ],
)
def test_labels_are_counted_in_words_that_fit(found: dict[str, int], said: str) -> None:
    made = manifest()
    made["totals"]["byContentLabel"] = found
    assert charts(made)["labels"].says == said


def test_one_family_is_not_compared_with_itself() -> None:
    made = manifest()
    summary = made["spotify"]["seedsSummary"]
    name = next(iter(summary))
    made["spotify"]["seedsSummary"] = {name: summary[name] | {"newTracks": 8, "rejected": 0}}
    says = charts(made)["families"].says
    assert says.startswith(f"Of one family, {name}: ")
