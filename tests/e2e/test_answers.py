"""`scrapy explain`, `scrapy diff` and the manifest's changes after real crawls."""

from __future__ import annotations

import json
import shutil

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place, problems

from .running import Run, asked, ids, manifest, one_line, untouched

pytestmark = pytest.mark.e2e


def test_explain_says_where_a_released_track_stands(
    crawled: Place, run: Run, sandbox: Sandbox
) -> None:
    before = untouched(crawled)
    (track_id,) = crawled.column(
        "SELECT min(track_id) FROM release_row WHERE umbrella NOT NULL AND decade NOT NULL"
    )
    out = run(crawled, "explain", track_id).out
    assert track_id in out
    assert "\nIn the release, counted under " in out
    assert max(map(len, out.splitlines())) <= 80
    unknown = run(crawled, "explain", "0" * 22).out
    assert unknown.startswith("Not in the store: ")
    assert "artist – title" in one_line(run(crawled, "explain", "nonsense", code=2))
    assert asked(sandbox) == {}
    assert untouched(crawled) == before


def test_diff_and_manifest_agree(crawled: Place, run: Run) -> None:
    changes = manifest(crawled)["changes"]
    out = run(crawled, "diff", "--format", "json", changes["against"], "latest").out
    found = json.loads(out)
    for name in ("added", "removed", "kept", "moved"):
        assert found["counts"][name] == changes[name]
    told = {row["track"]["track_id"]: row["reason"] for row in found["added"]}
    listed = {row["trackId"]: row["reason"] for row in changes["listed"]["added"]}
    assert changes["added"] > 0
    assert {one: told[one] for one in listed} == listed
    text = run(crawled, "diff", changes["against"], str(crawled.latest)).out
    assert f"{changes['added']:,} added" in text
    assert sum(line.startswith("  ") for line in text.splitlines()) <= 4 * 21
    assert "0 added · 0 removed" in run(crawled, "diff", "latest", "latest").out
    assert "'nowhere' is neither" in one_line(run(crawled, "diff", "nowhere", "latest", code=2))


def test_equal_data_keep_an_equal_manifest(crawled: Place, run: Run) -> None:
    before = manifest(crawled)
    shutil.rmtree(crawled.export)
    run(crawled, "publish")
    assert {**manifest(crawled), "createdAt": ""} == {**before, "createdAt": ""}


def test_the_forgotten_are_counted_and_not_named(crawled: Place, run: Run) -> None:
    before = manifest(crawled)
    gone = before["changes"]["listed"]["added"][0]["trackId"]
    assert gone in ids(crawled)
    run(crawled, "forget", "--track", gone)
    assert gone not in str(crawled.query("SELECT value FROM meta"))
    run(crawled, "publish")
    after = manifest(crawled)
    assert after["changes"]["against"] == before["version"]
    assert after["changes"]["removedByReason"]["forgotten"] == 1
    assert gone not in json.dumps(after)
    assert "Forgotten: a tombstone" in run(crawled, "explain", gone).out
    assert problems(crawled) == []
