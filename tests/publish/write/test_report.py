"""The report: everything escaped, nothing from outside, and sandbox data named as such."""

from __future__ import annotations

import base64
import json
import re
from copy import deepcopy
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from runclub_spider.publish.account.figures import Figures
from runclub_spider.publish.write.charts import charts
from runclub_spider.publish.write.page import data
from runclub_spider.publish.write.report import render, write
from testkit.blocks import block_of
from testkit.release_factory import Release

EVIL = '<script>alert("x")</script>'
SEEDS = {"track/editorial": dict.fromkeys(("seeds", "asked", "requests", "rows"), 3)}
SEEDS["track/editorial"] |= {"newTracks": 2, "eligibleNew": 1, "exported": 1, "rejected": 1}


def manifest(source: str = "sandbox") -> dict[str, Any]:
    made = deepcopy(Release().build().manifest)
    made["spotify"] |= {"source": source, "seedsSummary": deepcopy(SEEDS)}
    made["figures"] = figures()
    return made


def figures() -> dict[str, Any]:
    found = Figures()
    rows = [{**row, "_extra": {"run_suitability": 0.8}} for row in Release().wide]
    found.add(*block_of(rows))
    seed = {"searchType": "track", "family": "cadence", "term": "170 bpm", "requests": 2}
    day = {"day": "2025-10-15T00:00:00Z", "api": "spotify", "family": "search", "calls": 1234}
    return {
        **found.as_json(),
        "seeds": {"best": [{**seed, "eligible": 40}], "worst": [{**seed, "eligible": 0}]},
        "calls": [day],
    }


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


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
    assert EVIL not in page
    # In the JSON that the charts are drawn from, too.
    assert page.count("<script") == page.count("</script") == 4
    assert page.count("&lt;script&gt;") >= 6


def test_data_cannot_end_its_element() -> None:
    text = data({"a": "</script><!-- <script>", "b": "\u2028é"})
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><!-- <script>", "b": "\u2028é"}


def test_nothing_comes_from_outside() -> None:
    page = render(manifest())
    # Whatever loads something by itself; the libraries' own text names namespaces and homes.
    for tag, attributes in Elements(page).found:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form", "audio"}
        assert (
            not {"src", "srcset", "action", "xlink:href", "onclick", "onload"} & attributes.keys()
        )
        assert (attributes.get("href") or "#").startswith(("#", "explore.html"))
    style = page[page.index("<style>") : page.index("</style>")]
    for word in ("@import", "url(", "//"):
        assert word not in style


def test_only_the_scripts_of_this_version_may_run() -> None:
    found = Elements(render(manifest()))
    policy = next(a["content"] for tag, a in found.found if a.get("http-equiv")) or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    hashes = {base64.b64encode(sha256(text.encode()).digest()).decode() for text in found.scripts}
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    # All but the data, which is not run.
    assert len(allowed) == 3
    assert allowed < hashes
    assert len(hashes) == 4


def test_the_libraries_come_with_their_licences() -> None:
    page = render(manifest())
    for holder in ("Observable, Inc.", "Mike Bostock"):
        assert re.search(rf"Copyright [\d-]+ {re.escape(holder)}\s+Permission to use, copy", page)


def test_every_chart_has_a_text_its_numbers_and_a_place() -> None:
    page = render(manifest())
    made = charts(manifest())
    assert len(made) >= 12
    found = Elements(page).found
    pictures = {a["data-chart"]: a for tag, a in found if tag == "svg"}
    assert pictures.keys() == made.keys()
    for name, chart in made.items():
        assert pictures[name]["role"] == "img"
        assert (pictures[name]["aria-label"] or "").startswith(chart.title)
        assert len(chart.says) > 20
        assert all(len(row) == len(chart.columns) for row in chart.rows)
    assert page.count("<details>") == len(made) + 1


def test_a_release_of_an_earlier_version_has_what_it_tells() -> None:
    made = manifest()
    del made["figures"]
    page = render(made)
    assert "Where every row went" in page
    assert "Feature coverage by release year" not in page


def test_the_page_of_tracks_is_named_only_where_it_is(tmp_path: Path) -> None:
    assert "explore.html" in render(manifest())
    refused = manifest()
    refused["gates"][0] |= {"passed": False}
    assert "explore.html" not in render(refused)
    release = Release().build().write(tmp_path)
    assert "explore.html" not in write(release, tmp_path / "report.html").read_text("utf-8")
    assert "explore.html" in write(release, release / "report.html").read_text("utf-8")


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
