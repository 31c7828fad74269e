"""The report in a browser: whole, quiet, from nowhere else, no wider than its window."""

from __future__ import annotations

from pathlib import Path

import pytest

from runclub_spider.publish.write.report import render
from testkit.browser import look_at
from testkit.places import Place
from tests.publish.write.test_report import EVIL, manifest, poison

from .running import manifest as read_manifest

pytestmark = [pytest.mark.e2e, pytest.mark.full]
WIDTHS = (1000, 390)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_of_a_release(width: int, crawled: Place) -> None:
    made = read_manifest(crawled)
    page = look_at(crawled.latest / "report.html", width)
    assert made["version"] in page.title
    for said in (made["version"], f"{made['totals']['tracks']:,}", "never to be shipped"):
        assert said in page.text
    for umbrella in made["totals"]["byUmbrellaAndDecade"]:
        assert umbrella in page.text
    assert page.complaints == []
    assert page.asked == [(crawled.latest / "report.html").resolve().as_uri()]
    assert page.needed <= page.width <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_texts_that_are_markup(width: int, tmp_path: Path) -> None:
    """They are shown, not run; and a long word does not push the page out of its window."""
    made = poison(manifest())
    made["totals"]["byUmbrellaAndDecade"] = {EVIL: {"70s": 3}, "w" * 300: {"80s": 1}}
    path = tmp_path / "report.html"
    path.write_text(render(made), encoding="utf-8")
    page = look_at(path, width)
    assert EVIL in page.text
    assert page.complaints == []
    assert page.asked == [path.resolve().as_uri()]
    assert page.needed <= page.width <= width


def test_the_browser_notices(tmp_path: Path) -> None:
    """What the tests above look for would be seen."""
    path = tmp_path / "page.html"
    path.write_text(
        "<!DOCTYPE html><title>t</title><meta name=viewport content='width=device-width'>"
        "<div style='width:1200px'>wide</div><img src='nowhere.png'>"
        "<script>console.error('oh'); missing()</script>"
    )
    page = look_at(path, 390)
    assert (page.title, page.text.strip()) == ("t", "wide")
    assert page.needed >= 1200
    assert [Path(one).name for one in page.asked] == ["page.html", "nowhere.png"]
    told = " ".join(page.complaints)
    assert "oh" in told
    assert "missing is not defined" in told
    assert "ERR_FILE_NOT_FOUND" in told
