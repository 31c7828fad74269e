"""From KEXP's songs to Spotify's tracks: targeted searches, their provenance, and the links."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from runclub_sandbox.testing import Sandbox
from testkit.places import Place, problems

from .running import Run, asked, one_line, rows

pytestmark = pytest.mark.e2e
BRIDGE = ("crawl", "spotify_search", "-a", "family=kexp")
# No search is spent on finding out what the key may do.
KNOWN = {
    "SPOTIFY_PROFILE": "extended",
    # So few tracks say nothing about coverage.
    "YEAR_COVERAGE_MIN": "0",
    "FEATURE_COVERAGE_MIN": "0",
}
UNLINKED = "SELECT count(*) FROM song WHERE track_id IS NULL"


def test_songs_of_kexp_are_looked_for_at_spotify(place: Place, sandbox: Sandbox, run: Run) -> None:
    run(place, "crawl", "kexp", "-a", "start_date=2026-03-09")
    most_played = place.column(
        "SELECT song.title FROM song JOIN external_play ON song_id = id "
        "GROUP BY id ORDER BY count(*) DESC, id LIMIT 30"
    )
    (before,) = place.column(UNLINKED)
    sandbox.reset_stats()
    run(place, *BRIDGE, "-a", "max_seeds=30", **KNOWN)
    # A page a song, and nothing else is searched.
    assert asked(sandbox)["search_track"] == 30
    terms = place.column("SELECT term FROM seed WHERE family = 'kexp'")
    assert len(terms) == 30
    words = " ".join(terms)
    assert all(title.split(" (")[0].split(" - ")[0] in words for title in most_played)
    # They came in as what they are, up to the release.
    edges = set(place.query("SELECT source_type, station FROM track_source"))
    assert edges == {("search", "kexp")}
    assert [told for told in problems(place) if "coverage" not in told] == []
    wide = rows(place, "catalog_wide")
    assert {source["type"] for row in wide for source in row["sources"]} == {"kexp"}
    assert {row["_ingestSource"] for row in rows(place, "cached_tracks")} == {"kexp"}
    # And the songs know their tracks.
    (after,) = place.column(UNLINKED)
    assert before - 30 <= after <= before - 15
    linked = place.query(
        "SELECT title, name FROM song JOIN track USING (track_id) WHERE title = name"
    )
    assert len(linked) >= 10
    # Asked once: the next songs follow.
    sandbox.reset_stats()
    run(place, *BRIDGE, "-a", "max_seeds=3", **KNOWN)
    assert asked(sandbox)["search_track"] == 3
    some = wide[0]["spotify_track_id"]
    assert 'kexp "' in run(place, "explain", some).out


def test_isrc_first(place: Place, sandbox: Sandbox, run: Run) -> None:
    run(place, "crawl", "kexp", "-a", "limit=3")
    with closing(sqlite3.connect(place.store)) as connection, connection:
        connection.execute("UPDATE song SET isrc = 'USUM70000001'")
    run(place, *BRIDGE, **KNOWN)
    assert place.column("SELECT term FROM seed WHERE family = 'kexp'") == ["isrc:USUM70000001"]


def test_nothing_to_look_for(place: Place, sandbox: Sandbox, run: Run) -> None:
    done = run(place, *BRIDGE, **KNOWN)
    assert "scrapy crawl kexp brings them" in done.out
    assert asked(sandbox).get("search_track", 0) == 0


def test_a_seeds_file_is_another_thing(place: Place, sandbox: Sandbox, run: Run) -> None:
    terms = place.root.with_name("terms.txt")
    terms.write_text("rock running\n", encoding="utf-8")
    done = run(place, *BRIDGE, "-a", f"seeds={terms}", code=2)
    assert "not a seeds file" in one_line(done)
    done = run(place, "crawl", "spotify_playlist", "-a", "family=kexp", code=2)
    assert "no such seed family" in one_line(done)
    assert asked(sandbox) == {}
