"""The report: everything escaped, nothing from outside, and sandbox data named as such."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from runclub_spider.publish.write.report import render
from testkit.release_factory import Release

EVIL = '<script>alert("x")</script>'
SEEDS = {"track/editorial": dict.fromkeys(("seeds", "asked", "requests", "rows"), 3)}
SEEDS["track/editorial"] |= {"newTracks": 2, "eligibleNew": 1, "exported": 1, "rejected": 1}


def manifest(source: str = "sandbox") -> dict[str, Any]:
    made = deepcopy(Release().build().manifest)
    made["spotify"] |= {"source": source, "seedsSummary": deepcopy(SEEDS)}
    return made


def poison(value: Any) -> Any:
    """The same document with every text turned into markup."""
    if isinstance(value, dict):
        return {key: poison(one) for key, one in value.items()}
    if isinstance(value, list):
        return [poison(one) for one in value]
    return EVIL if isinstance(value, str) else value


def test_every_text_is_escaped() -> None:
    made = poison(manifest())
    made["totals"]["byUmbrellaAndDecade"] = {EVIL: {"70s": 3}}
    made["spotify"]["seedsSummary"] = {EVIL: SEEDS["track/editorial"]}
    made["accounting"]["rejectedByRule"] = {EVIL: 1}
    page = render(made)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 6


def test_nothing_comes_from_outside() -> None:
    page = render(manifest())
    for word in ("http://", "https://", "src=", "@import", "url("):
        assert word not in page


@pytest.mark.parametrize("source", ["sandbox", "unknown", "127.0.0.9"])
def test_a_release_that_is_not_spotifys_says_so(source: str) -> None:
    page = render(manifest(source))
    assert "never to be shipped" in page
    assert source in page


def test_a_real_release_carries_no_warning() -> None:
    assert "never to be shipped" not in render(manifest("spotify"))


def test_the_numbers_are_there() -> None:
    made = manifest()
    made["totals"]["tracks"] = 12_345
    made["gates"][0]["passed"] = False
    page = render(made)
    assert "12,345" in page
    assert "failed" in page
    assert made["version"] in page
    for name in made["accounting"]:
        assert name == "rejectedByRule" or name in page


def test_equal_releases_have_equal_reports() -> None:
    first, second = manifest(), manifest()
    second["createdAt"] = "2031-01-01T00:00:00Z"
    assert render(first) == render(second)


def test_an_empty_release() -> None:
    made = manifest()
    made["totals"]["byUmbrellaAndDecade"] = {}
    made["spotify"]["seedsSummary"] = {}
    assert "</html>" in render(made)
