"""The page of all tracks in a browser: quiet, from nowhere else, and found what is looked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from testkit.browser import Page, look_at
from testkit.places import Place
from tests.publish.write.test_explore import wide_rows, written
from tests.publish.write.test_report import EVIL

from .running import manifest as read_manifest
from .test_browser import CONTRAST

pytestmark = [pytest.mark.e2e, pytest.mark.full]
# Steps of a person: types, chooses, clears, unfolds; then what the table shows, and all links.
PERSON = """
(async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const by = (id) => document.getElementById(id);
  const shown = () => [...document.querySelectorAll(".track bdi:first-child")]
    .map((one) => one.textContent);
  const seen = [];
  for (const [step, value] of STEPS) {
    if (step === "open") {
      document.querySelectorAll(".track button")[value].click();
    } else if (step === "reset") {
      document.querySelector("button[type=reset]").click();
    } else {
      by(step).value = value;
      by(step).dispatchEvent(new Event(step === "search" ? "input" : "change", { bubbles: true }));
    }
    await wait(250);
    seen.push([by("count").textContent, shown().slice(0, 3)]);
  }
  return {
    seen,
    links: [...document.querySelectorAll("a")].map((one) => one.href),
    stories: [...document.querySelectorAll(".story")].map((one) => one.innerText),
    drawn: document.querySelectorAll(".tabulator-row").length,
    expanded: document.querySelectorAll("button[aria-expanded=true]").length,
    parts: document.querySelectorAll("main script, main b, main img").length,
    // Whose letters could turn the words around them.
    loose: [...document.querySelectorAll("main a, main bdi")]
      .filter((one) => getComputedStyle(one).unicodeBidi !== "isolate").length,
    labels: [...by("label").options].map((one) => one.text),
  };
})()
"""
HOSTILE = (
    EVIL,
    "<img src=x onerror=alert(1)>",
    "\"'`=&amp; quotes",
    "\u202bשלום עולם\u202c مرحبا",
    "👩‍🎤🏃🏽‍♀️ emoji",
    "w" * 400,
)


def person(path: Path, *steps: tuple[str, Any], width: int = 1000, scheme: str = "light") -> Page:
    """The page after the steps of a person, with what it then shows as its answer."""
    script = PERSON.replace("STEPS", json.dumps(steps))
    page = look_at(path, width, scheme=scheme, script=script)
    assert page.complaints == []
    assert page.asked == [path.resolve().as_uri()]
    assert page.needed <= page.width <= width
    return page


def hundred(folder: Path) -> Path:
    """A page of a hundred tracks, some of them of odd names."""
    rows = wide_rows(100)
    for at, row in enumerate(rows):
        row["name"] = f"Song {at:03}"
        row["artist_names"] = ["Beyoncé"] if at % 10 == 0 else ["Someone"]
        row["_extra"] |= {
            "content_labels": ["live"] if at % 4 == 0 else [],
            "tempo_bucket": "170-174" if at % 2 else "<140",
            "run_suitability": None if at == 99 else at % 10 / 10,
        }
    for row, name in zip(rows, HOSTILE, strict=False):
        row["name"] = row["album_name"] = name
        row["sources"][0] |= {"term": name} if "term" in row["sources"][0] else {"name": name}
    written(folder, rows, 30)
    return folder / "explore.html"


@pytest.mark.parametrize("width", [1000, 390])
def test_the_tracks_of_a_release(width: int, crawled: Place) -> None:
    made = read_manifest(crawled)
    page = person(crawled.latest / "explore.html", ("open", 0), width=width)
    assert made["version"] in page.title
    assert "never to be shipped" in page.text
    assert page.answer["seen"][0][0] == f"{made['totals']['tracks']:,} tracks"
    assert page.answer["expanded"] == len(page.answer["stories"]) == 1
    assert "Why it is in" in page.answer["stories"][0]
    assert page.answer["links"]
    for link in page.answer["links"]:
        assert link.startswith("https://open.spotify.com/")


def test_search_and_filters_find_what_they_say(tmp_path: Path) -> None:
    page = person(
        hundred(tmp_path),
        ("search", "song 04"),
        ("search", "beyonce SONG"),
        ("reset", None),
        ("band", "170-174"),
        ("label", "is live"),
        ("band", ""),
        ("label", "none"),
        ("reset", None),
        ("suits", "0.8"),
        ("suits", "none"),
        ("reset", None),
        ("umbrella", "Metal"),
        ("decade", "70s"),
        ("search", "nothing of the kind"),
    )
    counts = [count.split(" of")[0].split(" tracks")[0] for count, _ in page.answer["seen"]]
    rows = wide_rows(100)
    metal = [row for row in rows if "Metal" in row["_extra"]["umbrellas"]]
    seventies = [row for row in metal if row["album_decade_label"] == "70s"]
    assert counts == [
        *("10", "9", "100"),
        *("50", "0", "25", "75", "100"),
        *("19", "1", "100"),
        *(str(len(metal)), str(len(seventies)), "0"),
    ]
    assert page.answer["seen"][0][1] == ["Song 040", "Song 041", "Song 042"]
    assert "No track matches" in page.text


def test_it_is_sorted_with_what_is_missing_last(tmp_path: Path) -> None:
    page = person(
        hundred(tmp_path),
        ("search", "song 09"),
        ("sort", "suits desc"),
        ("sort", "name asc"),
        ("sort", "order asc"),
    )
    seen = [names for _, names in page.answer["seen"]]
    assert seen[1] == ["Song 009", "Song 098", "Song 097"]
    assert seen[2] == seen[3] == ["Song 009", "Song 090", "Song 091"]


@pytest.mark.parametrize("width", [1000, 390])
def test_odd_names_are_shown_and_do_nothing(width: int, tmp_path: Path) -> None:
    path = hundred(tmp_path)
    page = person(path, *(("open", at) for at in (0, 1, 2, 3)), width=width)
    for name in HOSTILE[:4]:
        assert name.strip("\u202b\u202c") in page.text
    assert page.answer["parts"] == page.answer["loose"] == 0
    assert page.answer["expanded"] == 4
    assert HOSTILE[0] in page.answer["stories"][0]


def test_a_recording_that_is_kept_apart_is_no_duplicate(tmp_path: Path) -> None:
    one, other = wide_rows(2)
    one["_extra"] |= {"isrc_shared_with": [other["spotify_track_id"]], "merged_track_ids": []}
    written(tmp_path, [one])
    (story,) = person(tmp_path / "explore.html", ("open", 0)).answer["stories"]
    assert f"Another recording with this ISRC: {other['spotify_track_id']}" in story
    assert "itself alone: no duplicate was merged into it" in story


def test_marked_text_keeps_no_button_from_unfolding(tmp_path: Path) -> None:
    path = hundred(tmp_path)
    marked = "getSelection().selectAllChildren(document.querySelector('h1')); "
    script = "; document.querySelector('.track')"
    for where, opened in ((".querySelector('button')", 1), ("", 0)):
        count = "; document.querySelectorAll('.story').length"
        page = look_at(path, 1000, script=f"{marked}{script}{where}.click(){count}")
        assert page.answer == opened


def test_only_what_is_seen_is_drawn(tmp_path: Path) -> None:
    assert person(hundred(tmp_path)).answer["drawn"] < 60


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(scheme: str, tmp_path: Path) -> None:
    path = hundred(tmp_path)
    assert look_at(path, 1000, scheme=scheme, script=CONTRAST).answer >= 4.5
