"""KEXP's twin: window, order, paging past the end, awkward rows, and what changes them."""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox, running_sandbox
from testkit.realdata import real_file
from testkit.sandboxes import Sandboxes


@pytest.fixture(scope="module")
def served(sandboxes: Sandboxes) -> Iterator[Sandbox]:
    with sandboxes.running() as found:
        yield found


@pytest.fixture
def sandbox(served: Sandbox) -> Iterator[Sandbox]:
    served.reset_stats()
    yield served
    served.configure(kexp={"anew": 1}, kexp_arrivals=0, kexp_rate_limit=None, faults={})


def get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def plays(sandbox: Sandbox, **query: object) -> dict[str, Any]:
    return get(f"{sandbox.kexp}/plays/?{urlencode(query)}")


def everything(sandbox: Sandbox, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    link = f"{sandbox.kexp}/plays/?{urlencode({'limit': 200, 'ordering': 'airdate', **query})}"
    while page := get(link):
        if not page["results"]:
            return found
        found += page["results"]
        link = page["next"]
    raise AssertionError


def moment(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["airdate"])


def test_the_newest_first_and_twenty_of_them(sandbox: Sandbox) -> None:
    page = plays(sandbox)
    assert len(page["results"]) == 20
    assert "count" not in page
    assert [moment(r) for r in page["results"]] == sorted(map(moment, page["results"]))[::-1]
    assert page["previous"] is None
    assert page["results"] == plays(sandbox, ordering="-airdate")["results"]


def test_next_keeps_every_parameter_and_never_ends(sandbox: Sandbox) -> None:
    asked = {"airdate_after": "2026-03-10T00:00:00-07:00", "limit": 50, "ordering": "airdate"}
    page = plays(sandbox, **asked)
    query = parse_qs(urlsplit(page["next"]).query)
    assert {name: values[0] for name, values in query.items()} == {
        name: str(value) for name, value in (asked | {"offset": 50}).items()
    }
    assert list(query) == sorted(query)
    beyond = plays(sandbox, **asked, offset=5000)
    assert beyond["results"] == []
    assert "offset=5050" in beyond["next"]
    assert "offset=4950" in beyond["previous"]


def test_a_window_holds_its_edges(sandbox: Sandbox) -> None:
    rows = everything(sandbox, airdate_after="2026-03-09T00:00:00-07:00")
    first, last = rows[10]["airdate"], rows[20]["airdate"]
    inside = everything(sandbox, airdate_after=first, airdate_before=last)
    assert inside == rows[10:21]
    # Without an offset the time is Seattle's; what the API does not know it ignores.
    naive = everything(sandbox, airdate_after="2026-03-09T00:00:00", play_type="airbreak")
    assert naive == rows
    with pytest.raises(urllib.error.HTTPError, match="400"):
        plays(sandbox, airdate_after="soon")


def test_every_awkward_row_is_there(sandbox: Sandbox) -> None:
    rows = everything(sandbox)
    tracks = [row for row in rows if row["play_type"] == "trackplay"]
    assert {row["play_type"] for row in rows} == {"trackplay", "airbreak", "nontrackplay", "psa"}
    assert all("song" not in row for row in rows if row["play_type"] == "airbreak")
    assert any("location" not in row for row in rows)
    assert any("." in row["airdate"] for row in rows)
    assert any(a["airdate"] == b["airdate"] for a, b in pairwise(rows))
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids)
    assert ids != sorted(ids)
    assert {row["airdate"][-6:] for row in rows} == {"-07:00", "-08:00"}
    for name, values in {
        "song": {None},
        "artist": {"", "   "},
        "album": {None, ""},
        "release_date": {None, "1950-01-01", "1999", "2027-01-01"},
    }.items():
        assert values <= {row[name] for row in tracks}
    assert any(row["artist_ids"] == [None] for row in tracks)
    assert any(row["song"] and row["song"].endswith(" ") for row in tracks)
    assert any(row["recording_id"] for row in tracks)
    assert {row["recording_id"] for row in tracks if row["airdate"] < "2002"} == {None}
    # The hour that comes twice, and the one that does not come.
    assert {"2025-11-02T01", "2026-03-08T01", "2026-03-08T03"} <= {
        row["airdate"][:13] for row in rows
    }
    assert not any(row["airdate"].startswith("2026-03-08T02") for row in rows)


def test_one_row(sandbox: Sandbox) -> None:
    row = plays(sandbox)["results"][0]
    assert get(row["uri"]) == row
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"{sandbox.kexp}/plays/17/")


def test_plays_come_in_late_edited_and_gone(sandbox: Sandbox) -> None:
    before = everything(sandbox)
    sandbox.air(arrive=3, late=2)
    sandbox.air(edit=4)
    after = everything(sandbox)
    assert len(after) == len(before) + 5
    known = {row["id"]: row for row in before}
    new = [row for row in after if row["id"] not in known]
    assert sum(moment(row) > moment(before[-1]) for row in new) == 3
    changed = [row for row in after if known.get(row["id"], row) != row]
    assert len(changed) + sum(bool(row["recording_id"]) for row in new) == 4
    sandbox.air(remove=5)
    assert len(everything(sandbox)) == len(before)
    sandbox.air(anew=1)
    assert everything(sandbox) == before
    sandbox.configure(kexp_arrivals=2)
    plays(sandbox)
    sandbox.configure(kexp_arrivals=0)
    assert len(everything(sandbox)) == len(before) + 2


@pytest.mark.parametrize("air", [{"fly": 1}, {"arrive": "many"}, [1]])
def test_what_cannot_happen_to_plays(air: object, sandbox: Sandbox) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        sandbox.configure(kexp=air)


def test_limits_and_faults_are_those_of_any_api(sandbox: Sandbox) -> None:
    sandbox.configure(kexp_rate_limit=2, reset_limits=True)
    plays(sandbox)
    plays(sandbox)
    with pytest.raises(urllib.error.HTTPError, match="429") as refused:
        plays(sandbox)
    assert int(refused.value.headers["Retry-After"]) >= 1
    sandbox.configure(kexp_rate_limit=None, reset_limits=True, faults={"kexp:502": 1.0})
    with pytest.raises(urllib.error.HTTPError, match="502"):
        plays(sandbox)
    found = sandbox.stats()["apis"]["kexp"]
    assert found["by_status"] == {"200": 2, "429": 1, "502": 1}
    assert found["families"]["plays"]["calls"] == 4


@pytest.mark.realdata
def test_the_real_week_twice(tmp_path: Any) -> None:
    """Without the other tables, which are large: their first lines do."""
    (tmp_path / "spotify").mkdir()
    for name in ("artists", "tracks", "audio_features", "playlists", "playlist_items"):
        with gzip.open(real_file(f"spotify/{name}.csv.gz"), "rt", encoding="utf-8") as table:
            header = table.readline()
        with gzip.open(tmp_path / "spotify" / f"{name}.csv.gz", "wt", encoding="utf-8") as file:
            file.write(header)
    with gzip.open(tmp_path / "spotify" / "harisekhon_playlists.csv.gz", "wt") as file:
        file.write("playlist,position,uri,label\n")
    week = real_file("kexp/unlicensed/l13w_shows_2026-03-20_to_27.json")
    (tmp_path / "kexp").symlink_to(week.parents[1].resolve())
    options = SandboxOptions(port=0, data=tmp_path, kexp_weeks=2)
    with running_sandbox(options) as sandbox:
        rows = everything(sandbox)
    # 551 rows of the file are repeats.
    assert len(rows) == 2 * (3493 - 551)
    assert [moment(row) for row in rows] == sorted(map(moment, rows))
    assert len({row["id"] for row in rows}) == len(rows)
    assert (moment(rows[-1]) - moment(rows[0])).days == 15
