"""Open metadata through the real command: complete, polite, and the same after any disturbance."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.killer import Launcher
from testkit.places import Place, blanked, ids_repeated, repeated

from .running import Run, asked, ids, launched, manifest, one_line, rows

pytestmark = pytest.mark.e2e
SEARCH = ("crawl", "spotify_search", "-a", "max_seeds=2", "-a", "max_results=100")
ONLY = ("crawl", "enrich", "-a", "only=open_metadata")
CONTACT = {"OPEN_METADATA_CONTACT": "owner@example.org"}
QUICK = {**CONTACT, "API_BACKOFF_SECONDS": "0.01", "API_RETRIES": "8"}
APIS = ("musicbrainz", "listenbrainz")
FAMILIES = {"mb_recording", "mb_url", "mb_artist", "lb_recording"}
DAY = 86_400


@dataclass(frozen=True)
class Undisturbed:
    """A store before and after open metadata, and what that asked."""

    before: Place
    after: Place
    asked: dict[str, int]


@pytest.fixture(scope="module")
def calm(
    served: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    """Not to be changed."""
    served.configure(musicbrainz_busy=0)
    before = Place(tmp_path_factory.mktemp("before") / "place")
    done = launched(launcher, *SEARCH, env=before.env(served))
    assert done.code == 0, done.text
    after = before.copy(tmp_path_factory.mktemp("after") / "place")
    served.reset_stats()
    done = launched(launcher, *ONLY, env=after.env(served, **CONTACT))
    assert done.code == 0, done.text
    return Undisturbed(before, after, asked(served))


@pytest.fixture
def found(calm: Undisturbed, place: Place) -> Place:
    """Tracks that open metadata was not asked about."""
    return calm.before.copy(place.root)


def facts(place: Place) -> list[Any]:
    return place.query("SELECT * FROM open_metadata ORDER BY track_id")


def the_same(calm: Undisturbed, place: Place) -> None:
    assert facts(place) == facts(calm.after)
    assert blanked(place.latest) == blanked(calm.after.latest)


def test_tracks_gain_years_mbids_and_genres(calm: Undisturbed, run: Run) -> None:
    place = calm.after
    assert set(calm.asked) == FAMILIES
    # One call for many: far below one a track.
    tracks = place.query("SELECT count(*) FROM track")[0][0]
    assert sum(calm.asked.values()) < tracks / 10
    run(place, "verify", str(place.latest))
    wide = rows(place, "catalog_wide")
    extras = [row["_extra"] for row in wide]
    dated = [one for one in extras if one["original_release_year"]]
    assert len(dated) > len(wide) / 2
    assert {one["original_year_source"] for one in dated} >= {"isrc", "title"}
    assert any(one["open_genres"] for one in extras)
    assert any(
        one["original_release_year"] < row["album_release_year"]
        for one, row in zip(extras, wide, strict=True)
        if one["original_release_year"]
    )
    years = {row["id"]: row["_originalReleaseYear"] for row in rows(place, "cached_tracks")}
    assert years == {
        row["spotify_track_id"]: row["_extra"]["original_release_year"] for row in wide
    }
    notes = " ".join(manifest(place)["notes"])
    assert "CC0" in notes
    assert "CC BY-NC-SA 3.0" in notes


def test_nothing_is_asked_twice(
    calm: Undisturbed, place: Place, sandbox: Sandbox, run: Run
) -> None:
    again = calm.after.copy(place.root)
    run(again, *ONLY, **CONTACT)
    assert asked(sandbox) == {}
    # Misses are due after their gap, answers never.
    with closing(sqlite3.connect(again.store)) as connection, connection:
        connection.execute("UPDATE open_ask SET next_check_at = 1")
    run(again, *ONLY, **CONTACT)
    repeats = sandbox.stats()["repeats"]
    missed = again.query("SELECT count(*) FROM open_ask WHERE kind = 'isrc' AND tries = 2")[0][0]
    assert 0 < repeats["mb_isrc"]["ids_asked"] == missed
    known = again.query("SELECT count(*) FROM open_ask WHERE found AND tries > 1")[0][0]
    assert known == 0
    the_same(calm, again)


def test_after_the_other_enrichers_in_one_run(
    calm: Undisturbed, found: Place, sandbox: Sandbox, run: Run
) -> None:
    run(found, "crawl", "enrich", **CONTACT)
    assert set(asked(sandbox)) >= FAMILIES
    the_same(calm, found)


def test_without_a_contact_they_are_off_and_that_is_said_once(
    found: Place, sandbox: Sandbox, run: Run
) -> None:
    done = run(found, "crawl", "enrich")
    assert done.out.count("OPEN_METADATA_CONTACT") == 1
    assert not set(asked(sandbox)) & FAMILIES
    assert any("No open metadata" in note for note in manifest(found)["notes"])
    sandbox.reset_stats()
    done = run(found, *ONLY, code=2)
    assert "OPEN_METADATA_CONTACT is not set" in one_line(done)
    assert asked(sandbox) == {}


def test_alone_they_need_no_key(calm: Undisturbed, found: Place, run: Run) -> None:
    run(found, *ONLY, **CONTACT, SPOTIFY_CLIENT_ID="", SPOTIFY_CLIENT_SECRET="")
    the_same(calm, found)


def test_no_call_is_faster_than_allowed(
    calm: Undisturbed, found: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(musicbrainz_interval=0.1)
    run(found, *ONLY, **CONTACT, MUSICBRAINZ_INTERVAL="0.1")
    stats = sandbox.stats()
    assert "mb_too_fast" not in stats["refused_by_regime"]
    assert stats["apis"]["musicbrainz"]["max_parallel"] == 1
    assert set(stats["apis"]["musicbrainz"]["by_status"]) == {"200"}
    the_same(calm, found)


def test_503s_at_legal_speed_change_nothing(
    calm: Undisturbed, found: Place, sandbox: Sandbox, run: Run
) -> None:
    sandbox.configure(musicbrainz_busy=0.2)
    run(found, *ONLY, **QUICK)
    assert sandbox.stats()["apis"]["musicbrainz"]["by_status"]["503"] > 0
    the_same(calm, found)
    assert repeated(sandbox.stats()) == 0


def test_a_budget_at_a_time(calm: Undisturbed, found: Place, sandbox: Sandbox, run: Run) -> None:
    for _ in range(20):
        before = sum(asked(sandbox).values())
        done = run(found, *ONLY, "-a", "budget=3", code=None, **CONTACT)
        spent = sum(asked(sandbox).values()) - before
        assert spent <= 3
        assert done.code == 0
        if spent < 3:
            break
    the_same(calm, found)
    total, whole = sum(asked(sandbox).values()), sum(calm.asked.values())
    # A batch is cut where a budget ends, and once more where the next begins.
    assert total <= whole + 8
    assert {kind: n for kind, n in ids_repeated(sandbox.stats()).items() if n} == {}


LOSSES = {
    "listenbrainz": ("without musicbrainz", {"mb_recording", "mb_url", "mb_artist"}),
    "musicbrainz": ("without listenbrainz", {"lb_recording"}),
    "none": ("without musicbrainz", FAMILIES),
}


@pytest.mark.parametrize("sources", LOSSES)
def test_a_source_that_is_left_out_is_named_and_the_rest_completes(
    sources: str, found: Place, sandbox: Sandbox, run: Run
) -> None:
    loss, silent = LOSSES[sources]
    done = run(found, "crawl", "enrich", **CONTACT, OPEN_METADATA_SOURCES=sources)
    assert loss in done.out
    assert not set(asked(sandbox)) & silent
    run(found, "verify", str(found.latest))
    extras = [row["_extra"] for row in rows(found, "catalog_wide")]
    assert ids(found)
    if sources == "musicbrainz":
        # Genres come from the search rows, by the official list.
        assert asked(sandbox)["mb_genre"] > 1
        assert any(one["open_genres"] for one in extras)
        assert any("not asked of listenbrainz" in note for note in manifest(found)["notes"])


def test_tags_and_cells_as_the_owner_wants(calm: Undisturbed, place: Place, run: Run) -> None:
    mine = calm.after.copy(place.root)
    run(mine, "publish", OPEN_METADATA_TAGS="0", DECADE_FROM="original")
    run(mine, "verify", str(mine.latest))
    extras = [row["_extra"] for row in rows(mine, "catalog_wide")]
    assert not any(one["open_genres"] for one in extras)
    found, before = manifest(mine), manifest(calm.after)
    assert found["filtersApplied"]["decadeFrom"] == "original"
    assert found["decades"]["cellsFrom"] == "original"
    assert found["totals"]["byUmbrellaAndDecade"] != before["totals"]["byUmbrellaAndDecade"]
    cells = found["totals"]["byUmbrellaAndDecade"].values()
    seventies = sum(row.get("70s", 0) for row in cells)
    assert seventies == found["decades"]["byOriginalYear"]["70s"]
    assert found["decades"]["byAlbumYear"] != found["decades"]["byOriginalYear"]
    # The label that the app reads stays with the album.
    wide = rows(mine, "catalog_wide")
    assert all(
        row["album_decade_label"] is None or row["album_release_year"] >= 1970 for row in wide
    )


def test_original_editions_are_searches_among_others(
    calm: Undisturbed, sandbox: Sandbox, place: Place, run: Run
) -> None:
    """Late editions of songs lead to searches for their first ones, weighed like any page."""
    mine = calm.after.copy(place.root)
    run(mine, "crawl", "spotify_search", "-a", "budget=60", YEAR_COVERAGE_MIN="0")
    hunts = mine.query("SELECT term, decade FROM seed WHERE family = 'original'")
    assert all(term.startswith('track:"') and "year:" in term for term, _ in hunts)
    assert hunts
    asked_before = asked(sandbox)["search_track"]
    assert asked_before
