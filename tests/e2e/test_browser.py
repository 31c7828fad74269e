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
# What became of each picture: its name, its text alternative, and how much is drawn in it.
DRAWN = """
Object.fromEntries([...document.querySelectorAll("svg[data-chart]")].map((one) => [
  one.dataset.chart,
  [one.getAttribute("role"), one.getAttribute("aria-label"), one.querySelectorAll("*").length,
   one.getBoundingClientRect().right <= document.documentElement.clientWidth],
]))
"""
# The least contrast of any text of the page with the colour behind it, by WCAG 2.
CONTRAST = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parts = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  let least = 21;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode()); ) {
    const one = node.parentElement;
    if (!node.data.trim() || one.closest("script, svg")) continue;
    const pair = [light(parts(getComputedStyle(one).color)), light(behind(one))].sort();
    least = Math.min(least, (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05));
  }
  return least;
})()
"""


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_of_a_release(width: int, crawled: Place) -> None:
    made = read_manifest(crawled)
    page = look_at(crawled.latest / "report.html", width, script=DRAWN)
    assert page.answer.keys() >= {"cells", "funnel", "rejected", "years", "tempo", "calls"}
    for role, label, parts, inside in page.answer.values():
        assert role == "img"
        assert label
        assert parts > 5
        assert inside
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(scheme: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    made = manifest()
    made["gates"][0] |= {"passed": False}
    made["gates"][1] |= {"passed": False, "level": "warn"}
    path.write_text(render(made), encoding="utf-8")
    assert look_at(path, 1000, scheme=scheme, script=CONTRAST).answer >= 4.5


# Whether each chart says of its first and second mark what a pointer would be told, by keys alone.
KEYS = """
Object.fromEntries([...document.querySelectorAll("svg[data-chart][tabindex]")].map((one) => {
  const told = () => one.querySelector("[aria-label=tip]").textContent.replace(/\\u200b/g, "");
  const press = (key) => {
    one.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    return told();
  };
  one.scrollIntoView();
  one.focus();
  const kept = document.activeElement === one;
  const keys = ["ArrowRight", "ArrowRight", "ArrowLeft", "Escape"];
  return [one.dataset.chart, [kept, ...keys.map(press)]];
}))
"""


def test_what_a_pointer_is_told_the_keys_tell(tmp_path: Path) -> None:
    made = manifest()
    made["figures"]["limits"] = [{"api": "spotify", "family": "search", "calls": 1600}]
    made["figures"]["byReleaseYear"] = {
        str(year): {"tracks": 20, "withFeatures": 19} for year in (1999, 2000)
    }
    path = tmp_path / "report.html"
    path.write_text(render(made), encoding="utf-8")
    found = look_at(path, 1000, script=KEYS).answer
    assert found.keys() >= {"cells", "years", "tempo", "calls"}
    for name, (focused, first, second, back, gone) in found.items():
        assert focused, name
        assert first, name
        assert gone == "", name
        if second != first:
            assert back == first, name
    _, first, second, *_ = found["years"]
    assert (first, second) == ("1999: 95 % of 20 tracks", "2000: 95 % of 20 tracks")
    # Long lines of a tip are folded.
    assert "limit1,600" in found["calls"][1].replace(" ", "")


def test_the_first_screen_answers(crawled: Place) -> None:
    """Is it good, what is thin, what next: without scrolling, also on a telephone."""
    where = (
        "['.verdict', '.thin', 'ol'].map((one) => "
        "document.querySelector(one).getBoundingClientRect().top)"
    )
    for width in WIDTHS:
        tops = look_at(crawled.latest / "report.html", width, script=where).answer
        assert all(0 < top < 800 for top in tops)


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
