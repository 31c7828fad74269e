"""The first screen: is it good, what is thin, what next."""

from __future__ import annotations

from typing import Any

from runclub_spider.publish.write.charts import charts
from runclub_spider.publish.write.verdict import Verdict, judge
from tests.publish.write.test_report import manifest


def judged(made: dict[str, Any]) -> Verdict:
    return judge(made, charts(made).get("cells"))


def full() -> dict[str, Any]:
    """A manifest in which nothing is missing."""
    made = manifest()
    made["balance"]["cells"] = {"Rock": {"70s": {"tracks": 8, "shortfall": 0, "backfill": {}}}}
    made["accounting"]["pending"] = 0
    return made


def thin(state: str) -> dict[str, Any]:
    made = full()
    made["balance"]["cells"]["Rock"]["70s"] = {"tracks": 2, "shortfall": 6, "backfill": {}}
    made["totals"]["byUmbrellaAndDecade"] = {"Rock": {"70s": 2}}
    made["exhaustion"]["cells"]["Rock"]["70s"] |= {"state": state, "found": 3}
    return made


def commands(found: Verdict) -> list[str]:
    return [step.command for step in found.steps]


def test_nothing_is_missing() -> None:
    found = judged(full())
    assert (found.good, found.title, found.thin) == (True, "Good: gates passed", [])
    assert commands(found) == ["scrapy verify export/latest"]


def test_a_gate_that_refuses_comes_first() -> None:
    made = thin("open")
    made["gates"][0] |= {"name": "feature_coverage", "passed": False, "value": 0.9}
    found = judged(made)
    assert not found.good
    assert found.title == "Not good: 1 gate failed"
    assert "feature_coverage is 0.9" in found.details[0]
    assert commands(found) == ["scrapy crawl enrich", "scrapy crawl spotify_search"]


def test_a_gate_that_was_accepted_or_only_warns_refuses_nothing() -> None:
    for change in ({"accepted": "known"}, {"level": "warn"}):
        made = full()
        made["gates"][0] |= {"name": "decade_drift", "passed": False, **change}
        found = judged(made)
        assert (found.good, found.title) == (True, "Good, with 1 warning")
        # Nobody is asked to accept what is accepted, or what needs no acceptance.
        assert not any("--accept" in step.why for step in found.steps)
        assert ("decade_drift is off" in found.steps[0].why) is ("level" in change)
        made["gates"][0] |= {"accepted": None, "level": "fail"}
        assert "--accept decade_drift" in judged(made).steps[0].why


def test_what_is_thin_says_how_far_it_was_searched() -> None:
    found = judged(thin("exhausted"))
    assert found.title == "Good: gates passed, but 1 cell thin"
    assert found.thin == [("Rock", "70s", 2, 8, "exhausted, 3 found")]
    assert "only new seeds help" in found.steps[0].why


def test_thin_cells_with_pages_left_are_searched_further() -> None:
    for state in ("open", "unasked"):
        assert commands(judged(thin(state))) == ["scrapy crawl spotify_search"]
    assert "CELL_MINIMUM" in judged(thin("filled")).steps[0].why


def test_the_cells_that_lack_most_come_first_and_not_all() -> None:
    made = full()
    made["balance"]["cells"] = {
        f"U{number}": {"70s": {"tracks": 0, "shortfall": number, "backfill": {}}}
        for number in range(9)
    }
    assert [row[0] for row in judged(made).thin] == ["U8", "U7", "U6", "U5", "U4", "U3"]


def test_pending_and_unsound_tracks_ask_for_something() -> None:
    made = full()
    made["accounting"]["pending"] = 3
    made["unsound"] = {"tracks": 1, "listed": []}
    assert commands(judged(made)) == ["scrapy crawl enrich", "scrapy explain ID"]
